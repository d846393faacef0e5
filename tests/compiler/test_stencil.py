"""Sums over neighbouring entries become loops made from one row, with the engine's gradient."""

import itertools
import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.passes import widening
from tinygrad_lite.engine.op import TABLE

pytestmark = pytest.mark.usefixtures("loops_at_once")

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


def mean(x):
    return two_terms(x) / len(x)


def root_of_a_sum(x):
    return tg.sqrt(two_terms(x) + 1.0)


def with_ends(x):
    return two_terms(x) + (x[0] - 1.0) ** 2 + x[-1] * x[-2]


def with_one_end(x):
    """The terms cannot be counted in pairs."""
    return two_terms(x) + x[0] ** 3


def ring(x):
    return sum((x[(i + 1) % len(x)] - x[i]) ** 2 + tg.cos(x[i]) for i in range(len(x)))


def fit_and_smoothness(x):
    fit = sum((a - 0.1 * i) ** 2 for i, a in enumerate(x))
    return fit + 0.3 * sum((x[i - 1] - 2.0 * x[i] + x[i + 1]) ** 2 for i in range(1, len(x) - 1))


def product_of_sums(x):
    return rosenbrock(x) * sum(a * a for a in x) + x[3]


def shared_input(x):
    """A parameter of all rows, the last input, beside the neighbours."""
    return sum((x[i] * x[-1] - x[i + 1]) ** 2 for i in range(len(x) - 2))


MORE = [mean, root_of_a_sum, with_ends, with_one_end, ring, fit_and_smoothness, product_of_sums, shared_input]


@pytest.mark.few(3)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [26, 64, 131])
@pytest.mark.parametrize("f", [rosenbrock, two_terms, smoothness, apart, first_row_missing, *MORE])
def test_value_and_gradient_are_the_engines(f, n, backend):
    point = np.random.default_rng(n).uniform(-1.2, 1.2, n).tolist()
    value, expected = engine(f, point)

    fast = tg.compile(f, backend=backend)
    found, slopes = fast.value_and_grad(point)

    assert found == pytest.approx(value, rel=1e-12)
    assert slopes == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(map(abs, expected)))
    assert "read neighbouring inputs" in fast.report(), fast.report()


def engine(f, point):
    leaves = [Value(x) for x in point]
    root = f(leaves)
    root.backward()
    return root.data, [leaf.grad for leaf in leaves]


@pytest.mark.few(4)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [rosenbrock, smoothness, fit_and_smoothness, root_of_a_sum, shared_input])
def test_rows_in_several_stretches(f, backend, monkeypatch):
    monkeypatch.setattr(widening, "CHUNK", 40)
    monkeypatch.setattr(widening, "REPEAT", 0)  # every result in an array
    point = np.random.default_rng(7).uniform(-1.2, 1.2, 131).tolist()
    value, expected = engine(f, point)

    found, slopes = tg.compile(f, backend=backend).value_and_grad(point)

    assert found == pytest.approx(value, rel=1e-12)
    assert slopes == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(map(abs, expected)))


def test_the_report_counts_the_rows_of_each_sum():
    fast = tg.compile(fit_and_smoothness)
    fast.grad([0.1 * k * k for k in range(40)])

    assert "40 and 38 samples were found that read neighbouring inputs" in fast.report()


def test_the_plan_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr(widening, "CHUNK", 4)
    groups = []
    for n in (400, 800):
        fast = tg.compile(smoothness)
        fast.grad(np.linspace(-1.2, 0.7, n) ** 2)
        groups.append(len(fast.source("plan").split("\n")))

    assert groups[0] == groups[1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_slopes_along_a_part_of_the_neighbours(backend):
    def f(x, y, z):
        return two_terms([*x, *y, *z])

    point = np.random.default_rng(3).uniform(-1.2, 1.2, 90).tolist()
    value, expected = engine(two_terms, point)

    fast = tg.compile(f, argnums=1, backend=backend)
    found, slopes = fast.value_and_grad(point[:20], point[20:70], point[70:])

    assert found == pytest.approx(value, rel=1e-12)
    assert slopes == pytest.approx(expected[20:70], rel=1e-12)
    assert "read neighbouring inputs" in fast.report()


def test_rows_that_break_off_too_often_are_no_neighbours():
    def grid(x):
        """A square of 12 by 12: its rows of neighbours are short."""
        return sum((x[12 * r + c + 1] - x[12 * r + c]) ** 2 for r in range(12) for c in range(11))

    point = np.random.default_rng(3).uniform(-1.2, 1.2, 144).tolist()
    fast = tg.compile(grid)

    assert fast.grad(point) == pytest.approx(engine(grid, point)[1], rel=1e-12, abs=1e-12)
    assert "read neighbouring inputs" not in fast.report()


def test_neighbours_through_a_row_that_no_fast_back_end_has_are_summed_op_by_op():
    @tg.op(partials=lambda x, out: (3.0 * x * x,))
    def third_power(x):
        return math.pow(x, 3.0)  # of Python, which cannot be traced

    def f(x):
        return tg.sum([third_power(b - a) for a, b in itertools.pairwise(x)])

    x = [0.1 * i * i for i in range(30)]
    fast = tg.compile(f)
    steps = [b - a for a, b in itertools.pairwise(x)]
    exact = [3 * p * p - 3 * q * q for p, q in zip([0.0, *steps], [*steps, 0.0], strict=True)]
    value, slopes = fast.value_and_grad(x)
    del TABLE["third_power"]
    assert value == pytest.approx(sum(step**3 for step in steps), rel=1e-13)
    assert slopes == pytest.approx(exact, rel=1e-12, abs=1e-12)
    program = fast._programs_made()[0]
    runner = next(iter(program.runners.values()))
    assert runner.name == "tape"
    assert runner.run(x)[1:] == pytest.approx(exact, rel=1e-12, abs=1e-12)  # and not by the engine
