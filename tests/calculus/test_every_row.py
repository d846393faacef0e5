"""Each row of the table, at sample points of its domain, through each way of differentiating and of keeping."""

import copy
import itertools
import math
import pickle

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.errors import DomainError


def sample_points(op):
    """Up to six points inside the domain, away from kinks."""
    n = op.arity or 3
    choices = [op.domain[min(i, len(op.domain) - 1)].samples[1:5] for i in range(n)]
    points = []
    for shift in itertools.product(range(2), range(3)):
        point = [c[(shift[0] * i + shift[1] + i) % len(c)] for i, c in enumerate(choices)]
        try:
            op.evaluate(*point)
        except DomainError:
            continue
        if not (op.kink and op.kink.met(*point)):
            points.append(point)
    return points


NAMES = set(TABLE)  # as it is now; examples elsewhere enter ops of their own later
ROWS = [(op, point) for op in TABLE.values() if op.arity != 0 for point in sample_points(op)]
each_row = pytest.mark.parametrize(("op", "point"), ROWS, ids=lambda x: getattr(x, "name", str(x)))


def test_every_row_has_a_point():
    assert {op.name for op, _ in ROWS} == NAMES - {"leaf", "constant"}


@each_row
def test_forward_and_reverse_agree(op, point):
    reverse = tg.jacobian(lambda p: op(*p), mode="reverse")(point)
    forward = tg.jacobian(lambda p: op(*p), mode="forward")(point)

    assert forward == pytest.approx(reverse, rel=1e-15, nan_ok=True)


@each_row
def test_second_derivatives_are_the_measured_slopes_of_the_first(op, point):
    rows = tg.hessian(lambda p: op(*p))(point)
    slopes = tg.grad(lambda p: op(*p))

    for i in range(len(point)):
        h = 1e-5 * max(1.0, abs(point[i]))
        high, low = [*point], [*point]
        high[i] += h
        low[i] -= h
        try:
            measured = [(a - b) / (high[i] - low[i]) for a, b in zip(slopes(high), slopes(low), strict=True)]
        except DomainError:
            continue  # a whole exponent that is no longer whole
        scale = max(map(abs, slopes(point)))
        for j, m in enumerate(measured):
            if not (math.isnan(m) or math.isnan(rows[i][j])):
                assert rows[i][j] == pytest.approx(m, rel=2e-5, abs=2e-5 * max(1.0, scale)), (i, j)


@each_row
def test_a_series_counts_orders_like_nested_gradients(op, point):
    """Along a line through the point: the third derivative of op(p + t d) at t = 0."""

    def f(t):
        return op(*[x + t * d for x, d in zip(point, (1.0, -0.5, 0.25), strict=False)])

    if any(math.isnan(slope) for slope in tg.grad(lambda p: op(*p))(point)):
        pytest.skip("no derivative w.r.t. one of the operands: it is given as NaN")
    nested = tg.grad(tg.grad(tg.grad(f)))(0.0)

    assert tg.derivative(f, 3)(0.0) == pytest.approx(nested, rel=1e-9, abs=1e-9)


@each_row
def test_a_node_is_kept_whole(op, point):
    y = op(*[Value(x, label=f"x{i}") for i, x in enumerate(point)])
    y.backward()

    for kept in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y), tg.from_json(tg.to_json(y))):
        assert kept.op is op
        assert repr((kept.data, kept.local)) == repr((y.data, y.local))
        assert [repr(p) for p in kept.parents] == [repr(p) for p in y.parents]
