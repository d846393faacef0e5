"""taylor and derivative: every order, against mpmath's own series and against nested gradients."""

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import OperandError, StaleGraphError

FUNCTIONS = {
    "tanh * exp": lambda m: lambda x: m.tanh(x) * m.exp(x),
    "exp of sin": lambda m: lambda x: m.exp(m.sin(x)) - m.cos(3 * x),
    "1 / (1 + x^2)": lambda m: lambda x: 1 / (1 + x * x),
    "sqrt of log": lambda m: lambda x: m.sqrt(m.log(x + 2)),
    "atan * x^2.5": lambda m: lambda x: m.atan(x) * x**2.5,
    "erf / cosh": lambda m: lambda x: m.erf(x) / m.cosh(x),
    "2^x - sinh(x) x^3": lambda m: lambda x: 2**x - m.sinh(x) * x**3,
    "x^x": lambda m: lambda x: x**x,
    "asinh(asin(x))": lambda m: lambda x: m.asinh(m.asin(x)),
}


@pytest.mark.parametrize("seed", range(len(FUNCTIONS)))
def test_thirty_coefficients_agree_with_mpmath(seed):
    name = list(FUNCTIONS)[seed]
    found = tg.taylor(FUNCTIONS[name](tg), 30)(0.3)

    with mpmath.workdps(80):
        expected = mpmath.taylor(FUNCTIONS[name](mpmath), mpmath.mpf(0.3), 30)
    assert found == pytest.approx([float(c) for c in expected], rel=1e-12)


def test_the_series_that_everybody_knows():
    assert tg.taylor(tg.sin, 5)(0.0) == pytest.approx([0, 1, 0, -1 / 6, 0, 1 / 120], rel=1e-15)
    assert tg.taylor(lambda x: 1 / (1 - x), 8)(0.0) == [1.0] * 9
    assert tg.taylor(lambda x: (1 + x) ** 4, 6)(0.0) == [1.0, 4.0, 6.0, 4.0, 1.0, 0.0, 0.0]
    assert tg.taylor(lambda x: x**3, 4)(0.0) == [0.0, 0.0, 0.0, 1.0, 0.0]
    assert tg.taylor(lambda x: x, 2)(5.0) == [5.0, 1.0, 0.0]
    assert tg.taylor(lambda x: 5.0, 2)(1.0) == [5.0, 0.0, 0.0]
    assert tg.taylor(lambda x: x * x, 0)(3.0) == [9.0]


def test_rows_that_choose_follow_the_branch_they_are_on():
    assert tg.taylor(lambda x: tg.relu(x) * x, 3)(2.0) == [4.0, 4.0, 1.0, 0.0]
    assert tg.taylor(lambda x: tg.relu(x) * x, 3)(-2.0) == [0.0, 0.0, 0.0, 0.0]
    assert tg.taylor(lambda x: tg.maximum(x, x * x, 0.5), 2)(3.0) == [9.0, 6.0, 1.0]
    assert tg.taylor(lambda x: abs(x) ** 2, 2)(-3.0) == [9.0, -6.0, 1.0]
    assert tg.taylor(lambda x: tg.floor(x) + x, 2)(2.5) == [4.5, 1.0, 0.0]


def test_fused_nodes_have_series_too():
    def f(x):
        return tg.dot([x, x * x, 2.0], [x, tg.sin(x), x], x) + tg.sum([x, 1.0, x**2]) + tg.logsumexp([x, 2 * x])

    assert tg.derivative(f, 3)(0.4) == pytest.approx(tg.grad(tg.grad(tg.grad(f)))(0.4), rel=1e-13)


@given(st.floats(-1.5, 1.5), st.integers(1, 4))
def test_orders_count_like_nested_gradients(x, order):
    def f(x):
        return tg.sigmoid(x * x) * tg.sin(x) - tg.softplus(x) ** 2 / (2 + tg.cos(x))

    nested = f
    for _ in range(order):
        nested = tg.grad(nested)

    assert tg.derivative(f, order)(x) == pytest.approx(nested(x), rel=1e-10, abs=1e-10)


def test_a_derivative_can_be_differentiated_again():
    x, w = Value(2.0), Value(3.0)

    assert tg.grad(tg.derivative(lambda x: x**5, 2))(2.0) == 240.0
    assert tg.grad(tg.derivative(tg.exp, 7))(1.0) == pytest.approx(math.e, rel=1e-14)
    tg.derivative(lambda t: t**4 * w, 2)(x).backward()
    assert (x.grad, w.grad) == (144.0, 48.0)
    assert [type(c) for c in tg.taylor(lambda t: t + w, 2)(1.0)] == [Value] * 3
    assert tg.grad(lambda x: x * tg.derivative(lambda y: x + y)(1.0))(2.0) == 1.0


def test_the_series_of_an_inner_function_is_not_confused_with_an_equal_node_outside():
    x = Value(3.0)

    assert tg.derivative(lambda t: t + x * 1.0)(x).data == 1.0
    assert tg.derivative(lambda t: t * (x * 1.0), 1)(x).data == 3.0
    assert tg.grad(lambda x: x * tg.derivative(lambda t: t * t * x * 1.0, 2)(x))(3.0) == 12.0


def test_a_stale_graph_is_noticed():
    w = Value(3.0)

    def f(x):
        y = x * w
        w.data = 5.0
        return y

    with pytest.raises(StaleGraphError):
        tg.taylor(f, 2)(1.0)


def test_nothing_times_infinity_is_never_a_finite_slope():
    assert math.isnan(tg.derivative(lambda x: tg.sqrt(x * x))(0.0))
    assert math.isnan(tg.derivative(lambda x: tg.sqrt(x * x))(Value(0.0)).data)


def test_a_deep_graph_needs_no_recursion():
    def f(x):
        y = x
        for _ in range(1_200):
            y = y * 0.999 + x * x
        return y

    slope, bend = 0.999**1200, 2 * (1 - 0.999**1200) / 0.001
    assert tg.derivative(f, 2)(0.5) == pytest.approx(bend, rel=1e-12)
    assert tg.derivative(f, 1)(0.0) == pytest.approx(slope, rel=1e-12)
    assert tg.derivative(lambda x: 1 / (1 + tg.log(x)), 60)(1.0) > 1e80


def test_the_order_is_a_whole_number_and_the_function_one_of_one_number():
    for order in (1.5, -1):
        with pytest.raises(ValueError, match="whole number from 0 up"):
            tg.derivative(tg.exp, order)
    with pytest.raises(ValueError, match=r"end at order 170, but got 171; tg\.taylor"):
        tg.derivative(tg.exp, 171)
    with pytest.raises(OperandError, match="a function of one number"):
        tg.derivative(lambda xs: xs[0])([1.0])
    assert tg.derivative(tg.exp, 0)(1.5) == math.exp(1.5)
    assert tg.derivative(tg.exp, order=3).__name__ == "derivative_3_of_exp"
