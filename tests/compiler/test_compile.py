"""`tg.compile` gives the engine's answers, follows branches, and never freezes a number silently."""

import math
import random
import warnings
from array import array
from collections import namedtuple

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.calculus.pytree import size
from tinygrad_lite.compiler import CompileWarning, TraceError, compile
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.frontend.arguments import Call


def test_value_and_gradient_of_nested_arguments_are_the_engines():
    def f(p, scale):
        return tg.tanh(p["w"][0] * p["w"][1] + p["b"]) ** 2 * scale

    fast = compile(f)
    point = {"w": [0.4, -1.5], "b": 0.3}
    w, b = [Value(0.4), Value(-1.5)], Value(0.3)
    loss = f({"w": w, "b": b}, 2.5)
    loss.backward()

    value, slopes = fast.value_and_grad(point, 2.5)
    assert value == pytest.approx(loss.data, rel=1e-14)
    assert slopes["w"] == pytest.approx([v.grad for v in w], rel=1e-14)
    assert slopes["b"] == pytest.approx(b.grad, rel=1e-14)


def test_arrays_come_back_as_arrays_of_the_same_shape():
    np = pytest.importorskip("numpy")
    fast = compile(lambda W, x: tg.sum((W @ x) ** 2))
    W, x = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 2.0])

    slopes = fast.grad(W, x)

    assert slopes.shape == (2, 3)
    assert np.allclose(slopes, 2 * np.outer(W @ x, x), rtol=1e-13)


def test_argnums_choose_the_arguments_of_the_gradient():
    assert compile(lambda x, y: x * y**2, argnums=1).grad(3.0, 2.0) == 12.0
    assert compile(lambda x, y: x * y**2, argnums=(0, 1)).grad(3.0, 2.0) == (4.0, 12.0)


def test_a_branch_is_followed_both_ways():
    fast = compile(lambda x: x * x if x > 1 else 3 * x)

    assert [fast(x) for x in (2.0, 0.5, 3.0, -1.0)] == [4.0, 1.5, 9.0, -3.0]
    assert [fast.grad(x) for x in (2.0, 0.5)] == [4.0, 3.0]


def test_a_loop_whose_length_depends_on_the_numbers_is_traced_again():
    def root(a):
        x = a
        while x * x - a > 1e-12:
            x = 0.5 * (x + a / x)
        return x

    fast = compile(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for a in (2.0, 3.0, 1e6, 5.0, 2.0):
            assert fast(a) == pytest.approx(math.sqrt(a), rel=1e-9)


def test_too_many_branches_fall_back_with_a_warning_that_names_the_line():
    fast = compile(lambda x, n: sum((x**k for k in range(n)), start=0.0))

    with pytest.warns(CompileWarning, match=r"branches on its numbers.* at test_compile.py"):
        found = [fast(2.0, n) for n in range(12)]
    assert found == [2.0**n - 1 for n in range(12)]
    assert "Not compiled" in fast.report()


def test_reading_data_inside_is_an_error_that_names_the_line():
    with pytest.raises(TraceError, match=r"\.data at test_compile.py"):
        compile(lambda x: x * x.data)(3.0)


def test_a_bare_float_inside_is_an_error():
    with pytest.raises(TraceError, match="bare float"):
        compile(lambda x: x * math.exp(x))(0.5)
    with pytest.raises(TypeError, match="cut the graph"):
        compile(lambda x: x * math.exp(x))(2.0)


def test_whole_numbers_may_steer_a_loop():
    fast = compile(lambda x, n: sum((x**k for k in range(n)), start=0.0))

    assert fast(2.0, 3) == 7.0
    assert fast(2.0, 5) == 31.0
    assert fast.grad(2.0, 3) == 5.0


def test_outside_a_domain_the_error_is_the_engines():
    fast = compile(lambda x: tg.log(x - 1.0))
    assert fast(3.0) == pytest.approx(math.log(2.0))

    with pytest.raises(tg.errors.DomainError, match="log needs x > 0"):
        fast(0.5)
    with pytest.raises(tg.errors.DivisionByZero):
        compile(lambda x: 1.0 / (x - 2.0)).grad(2.0)


def test_values_from_outside_are_read_anew_and_receive_gradients():
    w = Value(3.0, label="w")
    fast = compile(lambda x: (w * w * x) ** 2)

    assert fast(1.0) == 81.0
    w.data = 2.0
    assert fast(1.0) == 16.0
    assert fast.backward(1.0) == 16.0
    assert w.grad == 4 * 2.0**3


def test_backward_adds_to_argument_values_as_the_engine_does():
    x = Value(2.0)
    fast = compile(lambda v: v[0] ** 3 + v[1])
    fast.backward([x, 5.0])
    fast.backward([x, 5.0])

    assert x.grad == 24.0


@pytest.mark.parametrize("point", [-2.0, -0.5, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("f", [tg.relu, abs, lambda x: tg.maximum(x, 0.3, -x), lambda x: tg.minimum(x, -x) ** 2])
def test_kinked_rows_choose_as_the_engine_does(f, point):
    x = Value(point)
    f(x).backward()

    fast = compile(f)
    fast.grad(0.7)
    assert fast.grad(point) == x.grad


def test_many_operands_of_max_share_a_tie():
    fast = compile(lambda xs: tg.maximum(*xs))

    assert fast.grad([1.0, 2.0, 2.0, 0.0, 2.0, 1.0]) == pytest.approx([0, 1 / 3, 1 / 3, 0, 1 / 3, 0])


@pytest.mark.usefixtures("loops_at_once")
def test_a_wrong_result_is_noticed_and_not_used(monkeypatch):
    from tinygrad_lite.compiler.passes import adjoint

    honest = adjoint._times
    monkeypatch.setattr(adjoint, "_times", lambda tape, c, s: honest(tape, honest(tape, c, s), tape.constant(1.0001)))
    fast = compile(lambda x: tg.tanh(x) * x)

    with pytest.warns(CompileWarning, match="away from the engine's"):
        slope = fast.grad(0.5)
    assert slope == pytest.approx(math.tanh(0.5) + 0.5 * (1 - math.tanh(0.5) ** 2), rel=1e-14)


def _program(rng: random.Random):
    """A random scalar program of three inputs: branches, reuse, constants, sums and products of many."""
    steps = []
    for _ in range(rng.randrange(3, 25)):
        steps.append((rng.choice(["+", "-", "*", "/", "tanh", "exp", "log", "relu", "pow", "max", "sum", "if"]),
                      [rng.randrange(10**6) for _ in range(4)], rng.uniform(-2, 2)))  # fmt: skip

    def f(x):
        v = list(x)
        for op, picks, c in steps:
            a, b, d, e = (v[p % len(v)] for p in picks)
            if op == "+":
                v.append(a + b * c)
            elif op == "-":
                v.append(c - a + d)
            elif op == "*":
                v.append(a * b)
            elif op == "/":
                v.append(a / (b * b + 1.5))
            elif op == "tanh":
                v.append(tg.tanh(a))
            elif op == "exp":
                v.append(tg.exp(tg.tanh(a) * c))
            elif op == "log":
                v.append(tg.log(a * a + 0.5))
            elif op == "relu":
                v.append(tg.relu(a + c))
            elif op == "pow":
                v.append((tg.tanh(a) * tg.tanh(a) + 0.3) ** round(c * 2, 1))
            elif op == "max":
                v.append(tg.maximum(a, b, d * c))
            elif op == "sum":
                v.append(tg.sum([tg.tanh(a), b, c, d, tg.tanh(e)]))
            else:
                v.append(a * c if a > b else d - b)
        return tg.tanh(tg.sum(v) * 0.01) + v[-1] * 1e-3

    return f


@pytest.mark.parametrize("backend", available())
@pytest.mark.parametrize("seed", range(25))
def test_random_programs_give_the_engines_answer(seed, backend):
    rng = random.Random(seed)
    f = _program(rng)
    fast = compile(f, backend=backend if backend != "llvm" else None)  # ops without a kernel go to NumPy
    for _ in range(3):
        point = [rng.uniform(-1.5, 1.5) for _ in range(3)]
        leaves = [Value(x) for x in point]
        loss = f(leaves)
        loss.backward()

        value, slopes = fast.value_and_grad(point)
        scale = max(abs(leaf.grad) for leaf in leaves) or 1.0
        assert value == pytest.approx(loss.data, rel=1e-12)
        assert slopes == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12, abs=1e-12 * scale)


# ------------------------------------------------------------------ comparisons that choose


def test_where_is_a_select_and_needs_no_second_program():
    fast = tg.compile(lambda x: tg.where(x <= 1.0, x * x, 3.0 * x) + tg.where(x > 0.0, 1.0, tg.exp(x)))

    assert [fast.value_and_grad(x) for x in (0.5, 1.0, 2.0)] == [(1.25, 1.0), (2.0, 2.0), (7.0, 3.0)]
    assert fast.value_and_grad(-1.0) == pytest.approx((1.0 + math.exp(-1.0), -2.0 + math.exp(-1.0)), rel=1e-15)
    assert "1 program so far" in repr(fast)
    assert "0 guards" in fast.report()


def test_a_row_with_many_choices_has_one_path():
    def row(w, x):
        return tg.sum([tg.where(x[0] > 0.1 * k, w[k] * x[1], w[k] ** 2) for k in range(12)])

    fast = tg.compile(row, batch="x")
    rng = random.Random(4)
    w, X = [0.5 + 0.1 * k for k in range(12)], [[rng.gauss(0.5, 0.5), rng.gauss(0, 1)] for _ in range(21)]
    exact = [sum(y if x > 0.1 * k else 2 * w[k] for x, y in X) / 21 for k in range(12)]
    assert fast.grad(w, X) == pytest.approx(exact, rel=1e-13)
    assert "1 path," in fast.report()


def test_a_comparison_behaves_as_the_bool_it_stands_for():
    def told(x, y):
        ways = [
            x > y,
            x <= y,
            (x > 0) == (y > 0),
            (x > 0) & (y > 0),
            (x > 0) ^ (y > 0),
            not x > y,
            {True: 1}.get(x > y),
        ]
        return ways, sum([x > 0, y > 0]) * y, ["no", "yes"][x > y], sorted([x, y])[0], (x > 1) * x

    fast = tg.compile(told)
    for x, y in ((1.0, 2.0), (2.0, 1.0), (-1.0, 1.0), (-1.0, -2.0)):
        a, b = Value(x), Value(y)
        ways, number, word, least, product = told(a, b)
        assert fast(x, y) == (ways, number.data, word, least.data, product.data)


def test_a_choice_between_things_that_are_no_numbers_is_guarded():
    fast = tg.compile(lambda x: tg.where(x > 0, [x, x], [-x, 2 * x])[1])

    assert (fast.grad(3.0), fast.grad(-3.0)) == (1.0, 2.0)


# ------------------------------------------------------------------ an argument compared with a number


@pytest.mark.parametrize("backend", available())
def test_an_argument_is_compared_as_the_number_it_is(backend):
    """Between Values == is identity; but `kind == 2` asks for the 2 that the caller gave."""

    def f(x, kind):
        return x * x if kind == 2 else x**3 if kind != 0 else -x

    fast = compile(f, backend=backend)

    assert [fast(3.0, kind) for kind in (2, 0, 1, 2.0, 0)] == [9.0, -3.0, 27.0, 9.0, -3.0]
    assert [fast.grad(3.0, kind) for kind in (2, 0, 1)] == pytest.approx([6.0, -1.0, 27.0])


@pytest.mark.parametrize("backend", available())
def test_a_label_of_a_row_is_compared_as_the_number_it_is(backend):
    def row(w, x, y):
        return (w * x - 1.0) ** 2 if y == 1 else tg.exp(w * x) if y in (2, 3) else w

    fast = compile(row, batch=("x", "y"), backend=backend)
    X, labels = [0.5, -1.0, 2.0, 0.3, 1.5], [1, 2, 0, 3, 1]

    expected = tg.grad(lambda w: tg.mean([row(w, x, y) for x, y in zip(X, labels, strict=True)]))(0.7)
    assert fast.grad(0.7, X, labels) == pytest.approx(expected, rel=1e-13)


def test_traced_values_are_the_same_only_if_they_are_one():
    fast = compile(lambda x: x[0] if x[0] in [x[1], x[0]] and x[0] != x[1] and {x[0]: 1}[x[0]] else x[1])

    assert fast([2.0, 2.0]) == 2.0
    assert fast.grad([2.0, 2.0]) == [1.0, 0.0]


def test_backward_inside_is_an_error_that_says_what_to_use():
    with pytest.raises(TraceError, match=r"called \.backward\(\) at test_compile.py.*\n.*tg\.grad"):
        compile(lambda x: (x * x).backward())(2.0)


def test_a_named_tuple_is_an_argument_and_not_part_of_the_program():
    Point = namedtuple("Point", "x y")
    fast = tg.compile(lambda p: p.x * p.y)

    assert fast.value_and_grad(Point(2.0, 3.0)) == (6.0, Point(3.0, 2.0))
    assert fast.value_and_grad(Point(4.0, Value(5.0))) == (20.0, Point(5.0, 4.0))
    assert "1 program so far" in repr(fast)


def test_numpys_functions_of_an_array_are_ops_and_not_branches():
    np = pytest.importorskip("numpy")
    fast = tg.compile(lambda x: np.sum(np.maximum(0, x) * 2.0))

    assert fast.grad(np.array([1.0, -1.0])).tolist() == [2.0, 0.0]
    assert fast.grad(np.array([-1.0, 1.0])).tolist() == [0.0, 2.0]
    assert "1 program so far" in repr(fast)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_numbers_is_one_chunk_whatever_their_classes(kind):
    np = pytest.importorskip("numpy")
    fast = tg.compile(lambda p, q: p[0] * p[1] + sum(q["w"]) * p[2])
    expected = fast.value_and_grad(kind([2.0, 3.0, 4.0]), {"w": [1.0, 5.0]})

    for p in ([2, 3, 4], [np.float64(2), 3, np.float32(4)], [2.0, np.int64(3), 4.0]):
        assert fast.value_and_grad(kind(p), {"w": [np.float64(1), 5]}) == expected
    call = Call((kind([2.0, 3.0, 4.0]), [1, 2]), {})
    assert call.chunks == [array("d", [2.0, 3.0, 4.0, 1.0, 2.0])]
    assert size(call.key) == 5


def test_truths_and_values_in_a_list_stay_what_they_are():
    fast = tg.compile(lambda p: p[0] * 2.0 if p[1] is True else p[0])

    assert (fast([3.0, True]), fast([3.0, False]), fast([3.0, 1.0])) == (6.0, 3.0, 3.0)
    assert fast([tg.Value(3.0), True]) == 6.0
