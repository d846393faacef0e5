"""jvp, vjp, hvp: derivatives along a direction, against full Jacobians and Hessians, and the law that joins them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.calculus.forward import tangents
from tinygrad_lite.errors import OperandError, ShapeError, StaleGraphError

np = pytest.importorskip("numpy")

NUMBERS = st.floats(-2.0, 2.0)
TRIPLES = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(list)


def f(p):
    x, y, z = p
    return [tg.sin(x * y) + z, tg.exp(-z) * x, tg.tanh(x + y * z) ** 2]


def weighted(us, vs):
    return sum(u * v for u, v in zip(us, vs, strict=True))


@given(TRIPLES, TRIPLES, TRIPLES)
def test_forward_and_reverse_agree_along_any_direction(point, direction, weights):
    """The law u . (J v) = (J^T u) . v."""
    _, moved = tg.jvp(f, point, direction)
    _, pull_back = tg.vjp(f, point)
    (pulled,) = pull_back(weights)

    assert weighted(weights, moved) == pytest.approx(weighted(pulled, direction), rel=1e-11, abs=1e-11)


@given(TRIPLES, TRIPLES)
def test_a_hessian_product_is_the_hessian_times_the_direction(point, direction):
    def cost(p):
        return weighted(f(p), [1.0, 2.0, 3.0]) ** 2

    rows = tg.hessian(cost)(point)
    found = tg.hvp(cost, point, direction)

    assert found == pytest.approx([weighted(row, direction) for row in rows], rel=1e-10, abs=1e-10)


def test_results_have_the_structure_of_what_was_given():
    output, moved = tg.jvp(lambda p, q: {"y": p["a"] * q}, ({"a": 3.0}, 4.0), ({"a": 1.0}, 0.0))
    _, pull_back = tg.vjp(lambda p, q: {"y": p["a"] * q}, {"a": 3.0}, 4.0)
    product = tg.hvp(lambda W: np.sum(W**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))

    assert (output, moved) == ({"y": 12.0}, {"y": 4.0})
    assert pull_back({"y": 1.0}) == ({"a": 4.0}, 3.0)
    assert product.tolist() == [6.0, 0.0]
    assert tg.hvp(lambda x, y: x * x * y, (2.0, 3.0), (1.0, 0.0)) == (6.0, 4.0)
    assert tg.jvp(lambda x: x * x, 3.0, 1.0) == (9.0, 6.0)


def test_what_does_not_depend_on_the_inputs_does_not_move():
    assert tg.jvp(lambda x: [x, 1.0], 3.0, 2.0) == ([3.0, 1.0], [2.0, 0.0])
    assert tg.vjp(lambda x: 1.0, 3.0)[1](1.0) == (0.0,)
    assert tg.hvp(lambda x: 1.0, 3.0, 1.0) == 0.0


def test_the_keys_of_a_direction_may_stand_in_any_order():
    def f(p):
        return p["a"] * p["b"] ** 2

    assert tg.jvp(f, {"a": 2.0, "b": 3.0}, {"b": 0.0, "a": 1.0}) == (18.0, 9.0)
    assert tg.hvp(f, {"a": 2.0, "b": 3.0}, {"b": 0.0, "a": 1.0}) == {"a": 0.0, "b": 6.0}


def test_directions_and_weights_must_fit():
    with pytest.raises(ShapeError, match=r"the direction must be built like .*3 block\(s\) .*were needed, .*2 block"):
        tg.jvp(f, [1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ShapeError, match=r"of shape \(2,\)\) were needed, .* of shape \(3,\)"):
        tg.hvp(np.sum, np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match="the weights"):
        tg.vjp(f, [1.0, 2.0, 3.0])[1]([1.0])
    with pytest.raises(OperandError, match="returns one number"):
        tg.hvp(f, [1.0, 2.0, 3.0], [1.0, 0.0, 0.0])


def test_derivatives_along_values_can_be_differentiated_again():
    assert tg.grad(lambda x: tg.jvp(lambda y: y**3, x, 1.0)[1])(2.0) == 12.0
    assert tg.grad(lambda d: tg.jvp(lambda y: y**3, 2.0, d)[1])(5.0) == 12.0
    assert tg.grad(lambda w: tg.vjp(lambda y: y**3, 2.0)[1](w)[0])(5.0) == 12.0
    assert tg.grad(lambda x: tg.hvp(lambda y: y**4, x, 1.0))(2.0) == 48.0
    assert isinstance(tg.vjp(lambda x: x, Value(2.0))[1](1.0)[0], Value)


def test_a_graph_of_tangents_notices_numbers_that_have_changed():
    x = Value(2.0)
    y = x * x
    x.data = 5.0

    assert tangents([y], {x: 1.0})[y] == 4.0  # the slope that was recorded
    with pytest.raises(StaleGraphError):
        tangents([y], {x: 1.0}, create_graph=True)


def test_a_direction_may_begin_inside_the_graph():
    x = Value(2.0)
    y = x * x
    z = y * 3

    assert tangents([z], {y: 1.0}) == {x: 0.0, y: 1.0, z: 3.0}


def test_a_deep_graph_goes_forward_without_recursion():
    x = Value(1.0)
    y = x
    for _ in range(50_000):
        y = y + x

    assert tangents([y], {x: 1.0})[y] == 50_001.0


@pytest.mark.parametrize("f", [lambda x: 0.0 * tg.sqrt(x), lambda x: tg.relu(-tg.sqrt(x)), lambda x: tg.sqrt(x * x)])
def test_nothing_times_infinity_is_never_a_finite_slope(f):
    """An infinite slope that is multiplied by 0: NaN, whichever way one asks."""
    x = Value(0.0)
    f(x).backward()
    asked = [
        x.grad,
        tg.grad(f)(0.0),
        tg.jvp(f, 0.0, 1.0)[1],
        tg.jacobian(f, mode="forward")(0.0),
        tg.grad(f)(Value(0.0)).data,
    ]

    assert all(math.isnan(slope) for slope in asked)
