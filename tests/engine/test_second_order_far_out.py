"""Slopes that carry a graph, at the ends of the number line: the same numbers as without one, and true second slopes.

Oracle for the second slopes: mpmath with 60 digits.
"""

import math

import mpmath
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, errors
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE

from .test_accuracy import SLOPES

nan, inf = math.nan, math.inf
SIZES = [1e-300, 1e-9, 1e-3, 0.3, 0.6, 1.0, 1.7, 3.0, 5.0, 9.0, 20.0, 37.0, 40.0, 300.0, 700.0, 1e5, 1e17, 1e100, 1e200]
LINE = [0.0, *SIZES, *[-x for x in SIZES], nan]
POINTS = {
    1: [(x,) for x in LINE],
    2: [(x, y) for x in (0.0, 1.0, -2.0, 40.0, 1e17, 1e200) for y in (0.0, 0.5, 1.0, 2.0, -3.0, 40.0, 1e17, 1e200)],
    3: [(x, -1.0, 1.0) for x in LINE],
}
ROWS = [op for op in TABLE.values() if op.arity != 0]


def recorded(op, point):
    """The slopes without a graph and those with one, or None outside of the domain."""
    inputs = [Value(x) for x in point]
    try:
        out = op(*inputs)
    except (errors.TinygradLiteError, TypeError):
        return None
    plain = out.local
    try:
        slopes = op.partials(*inputs, out)
    except errors.TinygradLiteError:  # a step of the formula is too large for a float
        return None
    return inputs, plain, slopes


def second(inputs, slope):
    if not isinstance(slope, Value):
        return [0.0] * len(inputs)
    found = tg.engine.reverse.adjoints(slope)
    return [found.get(x, 0.0) for x in inputs]


def number(slope):
    return slope.data if isinstance(slope, Value) else slope


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_slopes_with_a_graph_are_those_without(op):
    tried = 0
    for point in POINTS[op.arity or 2]:
        found = recorded(op, point)
        if found is not None:
            _, plain, slopes = found
            tried += 1

            assert [number(s) for s in slopes] == pytest.approx(plain, rel=1e-9, abs=1e-320, nan_ok=True), point
    assert tried > 4


@pytest.mark.parametrize("op", [op for op in ROWS if op.arity in (2, None)], ids=lambda op: op.name)
def test_mixed_second_slopes_are_the_same_both_ways(op):
    for point in POINTS[2]:
        found = recorded(op, point)
        if found is not None:
            inputs, _, slopes = found
            table = [second(inputs, s) for s in slopes]

            size = max([abs(x) for line in table for x in line if math.isfinite(x)], default=0.0)
            same = pytest.approx(table[1][0], rel=1e-12, abs=1e-15 * size, nan_ok=True)
            assert table[0][1] == same, (point, table)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "silu", "softplus", "logsigmoid"])
@pytest.mark.parametrize("x", [-40.0, -12.0, -5.0, 5.0, 12.0, 40.0])
def test_second_slopes_keep_their_digits_far_out(name, x):
    inputs, _, (slope,) = recorded(TABLE[name], (x,))
    with mpmath.workdps(60):
        exact = mpmath.diff(SLOPES[name], x)

    assert second(inputs, slope) == pytest.approx([float(exact)], rel=1e-13)


def test_the_displayed_rule_would_fail():
    x = Value(40.0)
    out = tg.sigmoid(x)

    assert ops.sigmoid.display_derivatives(x, out)[0].data == 0.0
    assert ops.sigmoid.partials(x, out)[0].data == out.local[0] > 4e-18


def test_third_slopes_far_out_are_right_too():
    x = Value(12.0)
    third = tg.grad(tg.grad(tg.grad(tg.tanh)))(12.0)
    with mpmath.workdps(60):
        exact = mpmath.diff(SLOPES["tanh"], x.data, 2)

    assert third == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("size", [1e3, 1e17, 1e200])
def test_equal_huge_operands_share_the_slope_of_logsumexp(size):
    table = tg.hessian(lambda v: tg.logsumexp(v))([size, size, -size])

    assert tg.grad(tg.grad(lambda x: tg.logaddexp(x, size)))(size) == 0.25
    assert [list(line) for line in table] == [[0.25, -0.25, 0.0], [-0.25, 0.25, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("y", "expected"),
    [(0.5, [[-inf, -inf], [-inf, 0.0]]), (1.0, [[0.0, -inf], [-inf, 0.0]]), (2.0, [[2.0, 0.0], [0.0, 0.0]])],
)
def test_second_slopes_of_a_power_at_zero_are_their_limits_from_above(y, expected):
    """d/dy of y x^(y-1) is x^(y-1) (1 + y log x): for y <= 1 it falls without end as x nears 0."""
    assert [list(line) for line in tg.hessian(lambda v: v[0] ** v[1])([0.0, y])] == expected
    x = 1e-280
    mixed = x ** (y - 1.0) * (1.0 + y * math.log(x))
    assert (mixed < -600) == (expected[0][1] == -inf)


def test_at_the_origin_a_length_has_second_slopes_zero_as_every_kink():
    for f in (lambda v: tg.hypot(*v), lambda v: tg.engine.ops.norm(*v), lambda v: abs(v[0]) + tg.relu(v[1])):
        assert [list(line) for line in tg.hessian(f)([0.0, 0.0])] == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("name", ["clip", "hardtanh", "leaky_relu", "elu", "selu", "relu", "abs", "max", "min"])
def test_where_a_not_a_number_chooses_nothing_the_slope_is_none_either(name):
    op = TABLE[name]
    x = Value(nan)
    out = op(x, *{3: (-1.0, 1.0), None: (1.0,)}.get(op.arity, ()))
    out.backward()

    assert math.isnan(out.data)
    assert math.isnan(x.grad)
