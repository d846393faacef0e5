"""Each op of the table, at sample points of its domain, through each way of differentiating and of keeping."""

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
POINTS = {op: sample_points(op) for op in TABLE.values() if op.arity != 0}
each_op = pytest.mark.parametrize("op", POINTS, ids=lambda op: op.name)


def test_every_op_has_points():
    assert {op.name for op, points in POINTS.items() if len(points) > 1} == NAMES - {"leaf", "constant"}


@each_op
def test_forward_and_reverse_agree(op):
    for point in POINTS[op]:
        reverse = tg.jacobian(lambda p: op(*p), mode="reverse")(point)
        forward = tg.jacobian(lambda p: op(*p), mode="forward")(point)

        assert forward == pytest.approx(reverse, rel=1e-15, nan_ok=True), point


@each_op
def test_second_derivatives_are_the_measured_ones_of_the_first(op):
    gradient, hessian = tg.grad(lambda p: op(*p)), tg.hessian(lambda p: op(*p))
    for point in POINTS[op]:
        rows, scale = hessian(point), max(1.0, *map(abs, gradient(point)))
        for i in range(len(point)):
            h = 1e-5 * max(1.0, abs(point[i]))
            high, low = [*point], [*point]
            high[i] += h
            low[i] -= h
            try:
                measured = [(a - b) / (high[i] - low[i]) for a, b in zip(gradient(high), gradient(low), strict=True)]
            except DomainError:
                continue  # a whole exponent that is no longer whole
            for j, m in enumerate(measured):
                if not (math.isnan(m) or math.isnan(rows[i][j])):
                    assert rows[i][j] == pytest.approx(m, rel=2e-5, abs=2e-5 * scale), (point, i, j)


@each_op
def test_a_series_counts_orders_like_nested_gradients(op):
    """Along a line through the point: the third derivative of op(p + t d) at t = 0."""
    tried = 0
    for point in POINTS[op]:
        if any(math.isnan(partial) for partial in tg.grad(lambda p: op(*p))(point)):
            continue  # no derivative w.r.t. one of the operands: it is given as NaN

        def f(t, point=point):
            return op(*[x + t * d for x, d in zip(point, (1.0, -0.5, 0.25), strict=False)])

        nested = tg.grad(tg.grad(tg.grad(f)))(0.0)
        assert tg.derivative(f, 3)(0.0) == pytest.approx(nested, rel=1e-9, abs=1e-9), point
        tried += 1
    assert tried


@each_op
def test_a_node_is_kept_whole(op):
    for point in POINTS[op]:
        y = op(*[Value(x, label=f"x{i}") for i, x in enumerate(point)])
        y.backward()

        for kept in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y), tg.from_json(tg.to_json(y))):
            assert kept.op is op
            assert repr((kept.data, kept.local)) == repr((y.data, y.local))
            assert [repr(p) for p in kept.parents] == [repr(p) for p in y.parents]
