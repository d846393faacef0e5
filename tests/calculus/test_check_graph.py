"""Every local derivative of a graph, measured: right ones pass, a wrong one is named, and the rest is said."""

import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.errors import GradientMismatch, OperandError


@pytest.fixture(autouse=True)
def table_as_before():
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


@pytest.mark.parametrize("op", [op for op in TABLE.values() if op.arity != 0], ids=repr)
def test_every_op_of_the_table_passes_at_its_points(op):
    checks = [tg.check_graph(op(*map(Value, point))) for point in op.points()]

    assert all(checks), [check for check in checks if not check]
    assert sum(check.measured for check in checks) >= 0.8 * sum(check.measured + check.skipped for check in checks)


def test_a_network_passes():
    model = nn.MLP(3, [4, 4, 1], seed=0)
    check = tg.check_graph(model([0.1, -0.4, 2.0]) ** 2)

    assert check
    assert check.skipped == 0
    assert str(check).endswith("all agree.")


def test_a_rule_made_wrong_is_named_with_its_numbers():
    wrong = ops.tanh.replaced(partials=lambda x, out: (1.0 + out * out,))
    x = Value(0.5)
    node = x._apply(wrong, (x,))
    node.label = "h"
    check = tg.check_graph(node * 2.0)

    assert not check
    assert [(w.node, w.operand) for w in check.wrong] == [(node, 0)]
    assert "tanh (h) w.r.t. operand 1: recorded 1.21355" in str(check)
    with pytest.raises(GradientMismatch, match="1 disagrees"):
        check.assert_ok()


def test_at_a_corner_every_derivative_between_the_sides_is_accepted():
    with tg.kinks(relu=0.5):
        y = Value(0.0).relu()

    assert tg.check_graph(y)
    assert tg.check_graph(Value(0.0).relu())


def test_beside_an_edge_it_is_not_claimed_to_be_wrong():
    check = tg.check_graph(tg.sqrt(Value(0.0)))

    assert (bool(check), check.skipped) == (True, 1)
    assert "1 could not be measured" in str(check)


def test_what_differs_on_purpose_is_said():
    @tg.op(partials=lambda x, out: (1.0,), check=False)
    def straight_through(x):
        """The sign, whose gradient is passed on as if it were the identity (Bengio and others, 2013)."""
        return math.copysign(1.0, x)

    x = Value(-0.3)
    y = straight_through(x) * 2.0
    y.backward()
    check = tg.check_graph(y)

    assert (y.data, x.grad) == (-2.0, 2.0)
    assert check
    assert "differ on purpose: straight_through" in str(check)


def test_a_reversed_gradient_is_an_op_of_three_lines():
    @tg.op(partials=lambda x, out: (-1.0,), check=False)
    def reverse_gradient(x):
        """Itself, with the gradient turned round (Ganin and Lempitsky, 2015)."""
        return x

    x = Value(3.0)
    (reverse_gradient(x) * 5.0).backward()

    assert x.grad == -5.0


def test_something_else_is_refused():
    with pytest.raises(OperandError, match="needs the Value of a result"):
        tg.check_graph(3.0)
