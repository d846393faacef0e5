"""Sums over neighbouring entries become loops made from one row, with the engine's gradient."""

import itertools

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.compiler.backends import available

np = pytest.importorskip("numpy")
BACKENDS = [name for name in available() if name != "tape"]


def rosenbrock(x):
    total = 0.0
    for a, b in itertools.pairwise(x):
        t = b - a * a
        total = total + (100.0 * (t * t) + (a - 1.0) ** 2)
    return total


def two_terms(x):
    total = 0.0
    for a, b in itertools.pairwise(x):
        total = total + 100.0 * (b - a * a) ** 2 + (a - 1.0) ** 2
    return total


def smoothness(x):
    return 0.25 * sum(tg.tanh(x[i + 2] - 2 * x[i + 1] + x[i]) ** 2 * (i + 1.0) for i in range(len(x) - 2))


def apart(x):
    """Columns that lie far from each other: two vectors behind one another."""
    n = len(x) // 2
    return sum((x[i] * x[n + i] - 1.0) ** 2 for i in range(n))


def first_row_missing(x):
    total = None
    for a, b in itertools.pairwise(x):
        term = a * b + tg.exp(-b * b)
        total = term if total is None else total + term
    return total


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [10, 26, 64, 131])
@pytest.mark.parametrize("f", [rosenbrock, two_terms, smoothness, apart, first_row_missing])
def test_value_and_gradient_are_the_engines(f, n, backend):
    point = np.random.default_rng(n).uniform(-1.2, 1.2, n).tolist()
    leaves = [Value(x) for x in point]
    root = f(leaves)
    root.backward()
    expected = [leaf.grad for leaf in leaves]

    fast = tg.compile(f, backend=backend)
    value, slopes = fast.value_and_grad(point)

    assert value == pytest.approx(root.data, rel=1e-12)
    assert slopes == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(map(abs, expected)))
    assert ("read neighbouring inputs" in fast.report()) is (f is not apart or n > 16), fast.report()


def test_a_parameter_of_all_rows_is_no_neighbour():
    def f(x):
        return sum((x[i] * x[-1] - x[i + 1]) ** 2 for i in range(20))

    point = [0.1 * k for k in range(22)]
    leaves = [Value(x) for x in point]
    f(leaves).backward()

    assert tg.compile(f).grad(point) == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12)
