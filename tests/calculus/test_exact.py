"""Exact fractions and other arithmetics: pencil answers compare with ==."""

import math
from fractions import Fraction

import mpmath
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.calculus.arithmetics import re_evaluate
from tinygrad_lite.calculus.exact import simplest
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import DomainError, NoExactValue, OperandError, StaleGraphError

F = Fraction


def test_a_pencil_answer_compares_with_equality():
    w, x, b = Value(1 / 3, label="w"), Value(0.1, label="x"), Value(2.0, label="b")
    loss = (w * x + b - 1) ** 2 / 2
    answer = tg.exact(loss)

    assert answer.value == F(31, 30) ** 2 / 2
    assert answer.grad(w) == F(31, 300)
    assert answer.grads() == {"w": F(31, 300), "x": F(31, 90), "b": F(31, 30)}
    assert answer.number(loss.parents[0]) == F(31, 30) ** 2
    assert repr(answer) == "Exact(961/1800)"


def test_the_rows_that_stay_within_the_fractions():
    a, b = Value(0.75, label="a"), Value(-1.5, label="b")
    loss = (
        tg.relu(a * b)
        + tg.relu(-b) * abs(b) / a
        + tg.maximum(a, b, 0.5)
        - tg.minimum(a, b)
        + tg.dot([a, b], [b, 3.0], a)
        + tg.sum([a, b, 0.1])
        + a**-2
        + tg.sqrt(a * a)
    )
    answer = tg.exact(loss)
    x, y = F(3, 4), F(-3, 2)

    assert answer.value == 0 + y * y / x + x - y + (2 * x * y - x * y + 3 * y + x) + (x + y + F(1, 10)) + x**-2 + x
    assert answer.grad(a) == -y * y / x**2 + 1 + (y + 1) + 1 - 2 * x**-3 + 1
    assert answer.grad(b) == 2 * y / x - 1 + (x + 3) + 1


def test_a_value_made_from_a_fraction_is_that_fraction_again():
    w = Value(F(1, 3))

    assert tg.exact(7 * w).value == F(7, 3)
    assert tg.exact(w * w * F(2, 7)).grad(w) == F(4, 21)


def test_a_root_of_a_square_is_a_fraction_and_other_roots_are_not():
    x, y = Value(9.0), Value(0.25)

    assert tg.exact(tg.sqrt(x * y)).value == F(3, 2)
    assert tg.exact(y**0.5).value == F(1, 2)
    assert tg.exact(y**-1.5).value == 8
    assert tg.exact(Value(3.375) ** (1 / 3)).value == F(3, 2)
    with pytest.raises(NoExactValue, match="pow has no exact value"):
        tg.exact(Value(2.0) ** 0.5)
    assert tg.exact(tg.sqrt(x)).grad(x) == F(1, 6)
    with pytest.raises(NoExactValue, match=r"sqrt has no exact value at \(2\), where the floats gave 1\.414"):
        tg.exact(tg.sqrt(Value(2.0)))


@pytest.mark.parametrize("name", ["exp", "tanh", "sin", "sigmoid", "softplus", "log"])
def test_an_op_that_leaves_the_fractions_is_named(name):
    x = Value(0.5)
    y = getattr(tg, name)(x)
    y.label = "h1"

    with pytest.raises(NoExactValue, match=f"{name}, labelled 'h1', has no exact value at \\(1/2\\)"):
        tg.exact(y * 2)
    assert issubclass(NoExactValue, DomainError)


def test_a_slope_that_is_no_fraction_is_refused_only_when_it_is_asked_for():
    x, y = Value(2.0), Value(3.0)
    answer = tg.exact(x**y)

    assert answer.value == 8
    assert answer.grad(x) == 12
    with pytest.raises(NoExactValue, match=r"log has no exact value at \(2\)"):
        answer.grad(y)


def test_rows_of_every_family_have_their_exact_values():
    x, y = Value(3.0), Value(-0.25)
    expected = {
        tg.square(y): F(1, 16),
        tg.reciprocal(x): F(1, 3),
        tg.hypot(x, Value(4.0)): 5,
        tg.norm([x, Value(-4.0), Value(12.0)]): 13,
        tg.mean([x, y, 0.1]): F(19, 20),
        tg.prod([x, y, y]): F(3, 16),
        tg.clip(x, 0.0, 0.1): F(1, 10),
        tg.leaky_relu(y): F(-1, 400),
        tg.softsign(y): F(-1, 5),
        tg.cbrt(Value(-0.125)): F(-1, 2),
        tg.cbrt(Value(0.125)): F(1, 2),
        tg.sign(y): -1,
        tg.floor(y): -1,
        tg.ceil(y): 0,
        tg.round(Value(2.6)): 3,
    }

    assert {node.op.name: tg.exact(node).value for node in expected} == {n.op.name: v for n, v in expected.items()}


def test_the_one_fraction_of_a_curve_is_known():
    x = Value(0.0)
    answer = tg.exact(tg.sigmoid(x) + tg.tanh(x) + tg.exp(x) + tg.sin(x) + tg.cos(x) + tg.log(x + 1))

    assert answer.value == F(5, 2)
    assert answer.grad(x) == F(1, 4) + 1 + 1 + 1 + 0 + 1


def test_what_floats_hide_is_seen():
    a = Value(0.1)
    nearly = a + 0.2 - 0.3

    assert nearly.data != 0
    assert tg.exact(nearly).value == 0
    with pytest.raises(NoExactValue, match="div divides by zero at"):
        tg.exact(1 / nearly)
    with pytest.raises(NoExactValue, match="inf is no fraction, so a computation with it has no exact value"):
        tg.exact(Value(1.0) * math.inf)


def test_strangers_and_stale_graphs_are_noticed():
    x = Value(2.0)
    y = x * x
    answer = tg.exact(y)

    assert answer.grad(Value(1.0)) == 0
    assert tg.exact(x).grad(x) == 1
    with pytest.raises(OperandError, match="no part of this computation"):
        answer.number(Value(1.0))
    with pytest.raises(OperandError, match=r"needs a Value, the result of a computation, but got 3\.0"):
        tg.exact(3.0)
    later = tg.exact(y)
    x.data = 5.0
    with pytest.raises(StaleGraphError):
        later.grad(x)


@pytest.mark.long
@given(st.fractions(-1000, 1000, max_denominator=10_000))
def test_a_simple_fraction_is_found_again_from_its_float(x):
    assert simplest(float(x)) == x


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_simplest_fraction_rounds_to_the_float_it_stands_for(x):
    assert float(simplest(x)) == x
    assert simplest(x).denominator <= F(x).denominator


def test_no_fraction_stands_for_infinity():
    with pytest.raises(NoExactValue, match="inf is no fraction"):
        simplest(math.inf)


def test_random_rational_programs_agree_with_sympy():
    a, b = sympy.symbols("a b")
    formula = (a * b - a / 3) ** 3 / (b + 7) - a * (a - b) ** 2 / 10
    x, y = Value(1.25), Value(-0.6)
    answer = tg.exact((x * y - x * (1 / 3)) ** 3 / (y + 7) - x * (x - y) ** 2 / 10)
    at = {a: sympy.Rational(5, 4), b: sympy.Rational(-3, 5)}

    assert answer.value == F(str(formula.subs(at)))
    assert answer.grad(x) == F(str(formula.diff(a).subs(at)))
    assert answer.grad(y) == F(str(formula.diff(b).subs(at)))


def test_the_same_walk_gives_sixty_digits():
    functions = {name: getattr(mpmath, name) for name in ("exp", "tanh", "log")}
    functions |= {
        "abs": abs,
        "div": lambda x, y: x / y,
        "add": lambda x, y: x + y,
        "mul": lambda x, y: x * y,
        "sub": lambda x, y: x - y,
    }
    x = Value(0.7)
    y = tg.tanh(x * x + 1) * tg.exp(x)
    slope = adjoints(y, create_graph=True)[x]

    with mpmath.workdps(60):
        found = re_evaluate(slope, mpmath.mpf, functions)[slope]
        expected = mpmath.diff(lambda t: mpmath.tanh(t * t + 1) * mpmath.exp(t), mpmath.mpf(0.7))
        assert abs(found / expected - 1) < mpmath.mpf("1e-50")
    assert float(found) == pytest.approx(slope.data, rel=1e-14)


def test_comparisons_inside_a_rule_are_exact():
    functions = {"mul": lambda x, y: x * y}
    for x, expected in ((-2.0, 0), (3.0, 3)):
        v = Value(x)
        y = tg.relu(v)
        assert re_evaluate(y, F, functions)[y] == expected
    m = tg.maximum(Value(1.0), Value(2.0))
    assert re_evaluate(m, F, {})[m] == 2


def test_a_rule_may_ask_for_equality_and_order(monkeypatch):
    from tinygrad_lite.engine import ops

    def rule(x, y):
        return x if x == 0.5 and x >= y and x > -1 and y <= x and y < 1 else y

    monkeypatch.setattr(ops.maximum, "forward", rule)
    m = tg.maximum(Value(0.5), Value(0.25))

    assert re_evaluate(m, F, {})[m] == F(1, 2)


@pytest.mark.parametrize("x", [Fraction(10**20 + 1, 3), 10**20 + 12345, 2.0**60 + 2.0**9, -(10**17) / 7])
def test_a_number_that_stands_for_many_whole_ones_is_not_called_exact(x):
    with pytest.raises(NoExactValue, match="stands for every number from"):
        tg.exact(Value(x) * 2.0)


@pytest.mark.parametrize("x", [10**20, 2**60, -(3 * 2**70), 1.5e300, 2**53, 123456789012345e6])
def test_large_numbers_of_few_digits_are(x):
    assert tg.exact(Value(x) * 2.0).value == 2 * Fraction(x)


def test_a_number_assigned_after_the_forward_pass_is_noticed():
    from tinygrad_lite.errors import StaleGraphError

    x = Value(2.0, label="x")
    y = x * x
    x.data = 5.0

    with pytest.raises(StaleGraphError, match="changed after the forward pass"):
        tg.exact(y)
