"""Groups that pass by the same numbers share a loop, in which what they have in common is computed once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.backends.llvm import stencil_fusion
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif("llvm" not in available(), reason="only LLVM writes loops")


def iterations(name, expression, *bases, n=100, array="P"):
    return LoopNest(
        name, (n,), [Reduction(1, expression, 1, [Access(array, b, (1,)) for b in bases])], Access(name, 0, (1,))
    )


def total(name, expression, *bases, n=100, array="P"):
    reductions = [Reduction(1, expression, n, [Access(array, b, (0,), 1) for b in bases])]
    return LoopNest(name, (1,), reductions, Access(name, 0, (0,)))


def names(*nests):
    return [[line.nest.name for line in lines] for lines in stencil_fusion.swept(nests, 8)]


DIFFERENCE = ("sub", ("leaf", 0), ("leaf", 1))
SQUARE = ("mul", ("sub", ("leaf", 0), ("leaf", 1)), ("sub", ("leaf", 2), ("leaf", 3)))


def test_a_sum_and_its_slopes_lie_where_they_share_most():
    loss, slopes = total("B", SQUARE, 1, 0, 1, 0), iterations("out", DIFFERENCE, 3, 2, n=97)

    ((first, second),) = stencil_fusion.swept([loss, slopes], 8)

    assert (first.start, first.stop) == (0, 100)
    assert (second.start, second.stop) == (2, 99)  # where x[i + 3] - x[i + 2] is the sum's x[t + 1] - x[t]


def test_what_reads_a_result_waits_for_the_loop_to_end():
    one = iterations("A0", DIFFERENCE, 1, 0)
    assert names(one, iterations("A1", DIFFERENCE, 2, 1)) == [["A0", "A1"]]
    assert names(one, iterations("A1", DIFFERENCE, 2, 1), total("B", DIFFERENCE, 1, 0, array="A0")) == [
        ["A0", "A1"],
        ["B"],
    ]


def test_a_single_number_goes_before_the_loop_unless_it_needs_its_results():
    one, other = iterations("A0", DIFFERENCE, 1, 0), iterations("A1", DIFFERENCE, 2, 1)
    assert names(one, iterations("A2", ("leaf", 0), 3, n=1), other) == [["A2"], ["A0", "A1"]]
    assert names(one, iterations("A2", ("leaf", 0), 3, n=1, array="A0"), other) == [["A0"], ["A2"], ["A1"]]


def test_what_has_nothing_in_common_has_loops_of_its_own():
    assert names(iterations("A0", DIFFERENCE, 1, 0), iterations("A1", DIFFERENCE, 1, 0, array="K")) == [["A0"], ["A1"]]
    assert names(iterations("A0", DIFFERENCE, 1, 0), iterations("A1", DIFFERENCE, 101, 100)) == [["A0"], ["A1"]]
    assert names(iterations("A0", DIFFERENCE, 1, 0), iterations("A1", DIFFERENCE, 1, 0, n=20)) == [["A0", "A1"]]
    assert names(iterations("A0", DIFFERENCE, 1, 0), iterations("A1", DIFFERENCE, 1, 0, n=7)) == [["A1"], ["A0"]]


def test_what_lies_where_the_results_will_is_never_computed_twice():
    in_place = iterations("out", DIFFERENCE, 1, 0, array="G")  # G and out may be the same memory
    assert names(in_place, iterations("A0", DIFFERENCE, 1, 0, array="G")) == [["out"], ["A0"]]


# ------------------------------------------------------------------ with the engine as the witness


def springs(x):
    return sum(0.5 * (b - a - 1.0) ** 2 for a, b in itertools.pairwise(x))


def bending(x):
    return sum((x[i] - 2.0 * x[i + 1] + x[i + 2]) ** 2 * (0.5 + i) + tg.sin(x[i + 1]) for i in range(len(x) - 2))


def later(x):
    """The window begins further on and ends before the last input."""
    return sum(tg.tanh(x[i] * x[i + 2]) - 3.0 * x[i + 1] * x[i] for i in range(3, len(x) - 5))


def one_by_one(x):
    return sum(tg.exp(-a * a) + (1.5 - a) ** 2 for a in x)


def quotients(x):
    return 2.0 * sum((x[i + 1] / (1.0 + x[i] * x[i]) - 0.5) ** 2 + 7.0 * x[i] ** 4 for i in range(len(x) - 1))


def engine(f, point, count):
    leaves = [Value(x) for x in point]
    root = f(leaves)
    root.backward()
    return root.data, [leaf.grad for leaf in leaves[:count]]


def close(found, expected):
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(map(abs, expected)))


@given(st.sampled_from([springs, bending, later, one_by_one, quotients]), st.integers(18, 420), st.integers(0, 2**32))
def test_sum_and_slopes_are_the_engines(f, n, seed):
    point = np.random.default_rng(seed).uniform(-1.3, 1.3, n)
    value, slopes = engine(f, point.tolist(), n)

    fast = tg.compile(f)
    found, gradient = fast.value_and_grad(point)
    again, the_same = fast.value_and_grad(point)

    assert found == pytest.approx(value, rel=1e-12)
    close(gradient.tolist(), slopes)
    close([fast(point)], [value])
    assert found == again
    assert (gradient == the_same).all()


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_vectors_of_any_length(lanes, with_lanes):
    with_lanes(lanes)
    for n in (18, 33, 64, 301):
        point = np.random.default_rng(n).uniform(-1.3, 1.3, n).tolist()
        value, slopes = engine(bending, point, n)

        found, gradient = tg.compile(bending).value_and_grad(point)

        close([found, *gradient], [value, *slopes])


@pytest.mark.parametrize("n", [40, 71, 200])
def test_slopes_along_a_part_of_what_is_read(n):
    def f(x, y):
        z = [*x, *y]
        return sum((z[i + 1] - z[i] * z[i]) ** 2 for i in range(len(z) - 1))

    point = np.random.default_rng(n).uniform(-1.3, 1.3, n).tolist()
    value, slopes = engine(lambda z: f(z[: n // 2], z[n // 2 :]), point, n // 2)

    found, gradient = tg.compile(f).value_and_grad(point[: n // 2], point[n // 2 :])

    assert found == pytest.approx(value, rel=1e-12)
    close(gradient, slopes)
