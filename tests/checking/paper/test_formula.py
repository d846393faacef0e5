"""Formulas in `tg.compare`: at the graph's numbers and at others."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import ExpressionError, OperandError


def compared(hand, *names):
    w, x, b, t = Value(0.5, label="w"), Value(3.0, label="x"), Value(-0.3, label="bias"), 0.7
    z = w * x + b
    a = z.tanh()
    loss = (a - t) ** 2
    loss.backward()
    values = {"w": w, "x": x, "b": b, "z": z}
    return tg.compare(hand, {name: values[name] for name in names})


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("w", "2*(a - t)*(1 - a**2)*x"),
        ("w", r"2(a - t)(1 - a^2) x"),
        ("b", "2*(a - t)*(1 - np.tanh(w*x + bias)**2)"),
        ("z", r"2 (a - t) \tanh'(z)"),
    ],
)
def test_a_right_formula_is_exact_at_the_graphs_numbers_and_at_others(name, formula):
    assert compared({name: formula}, name).ok


def test_a_wrong_formula_is_wrong():
    result = compared({"w": "(a - t)*(1 - a**2)*x", "b": "2*(a - t)*(1 - a**2)"}, "w", "b")

    assert result.wrong == ["w"]
    assert result["w"].hand.numbers[0] == pytest.approx(0.5 * result["w"].exact.numbers[0])


def test_a_formula_that_is_right_at_these_numbers_only_is_wrong():
    result = compared({"w": "2*(a - t)*(1 - a**2)*3"}, "w")

    assert result.wrong == ["w"]
    assert [h.code for h in result["w"].hints] == ["HERE_ONLY", "DROPPED_FACTOR"]
    assert "right at these numbers only: at a = " in str(result)


def test_an_unknown_name_and_a_formula_that_cannot_be_read_are_errors():
    with pytest.raises(OperandError, match=r"speaks of q, .*\n  Known are: .*w, x"):
        compared({"w": "2*q"}, "w")
    with pytest.raises(ExpressionError, match=r"\^"):
        compared({"w": "2*$x"}, "w")


def test_without_a_loss_one_result_must_be_in_sight():
    w = Value(2.0, label="w")
    first, second = w * 3.0, w * w

    assert first.data < second.data + 3.0
    with pytest.raises(OperandError, match="loss=loss"):
        tg.compare({"w": "3"}, {"w": w})
    assert tg.compare({"w": "2*w"}, {"w": w}, loss=second).ok


def test_formulas_of_arrays_are_compared_entry_by_entry():
    W, x = tg.array([[0.5, -1.0], [0.3, 2.0]], label="W"), tg.array([[1.0], [-2.0]], label="x")
    h = np.tanh(W @ x)
    loss = ((h - 1.0) ** 2).sum()
    right = {"W": "(2*(h - 1)*(1 - h**2)) @ x.T", "x": "W.T @ (2*(h - 1)*(1 - h**2))"}

    assert tg.compare(right, {"W": W, "x": x}, loss=loss).ok
    assert tg.compare({"W": "(2*(h - 1)) @ x.T"}, {"W": W}, loss=loss).wrong == ["W"]
    assert tg.compare({"W": "2*(h[0,0] - 1)*(1 - h[0,0]**2)*x[1,0]"}, {"W": W[0, 1]}, loss=loss).ok


@pytest.mark.parametrize(
    ("formula", "code", "sentence"),
    [
        ("(a - t)*(1 - a**2)*x", "FACTOR_2", "2 * (a - t) * (1 - a**2) * x is right"),
        ("2*(a - t)*x", "NO_ACT_DERIV", "the factor tanh'(z) is left out"),
        (
            "2*(a - t)*(1 - z**2)*x",
            "DERIV_OF_DERIV_ARG",
            "in z: the derivative tanh'(z) is taken",
        ),
        ("2*(a - t)*(1 - a**2)*b", "WRONG_OPERAND", "in b: b stands where x belongs"),
        ("2*(t - a)*(1 - a**2)*x", "SIGN", "the sign is flipped"),
    ],
)
def test_the_first_wrong_part_of_a_formula_is_named_and_mended(formula, code, sentence):
    hint = compared({"w": formula}, "w")["w"].hints[-1]
    right = hint.sentence.rpartition("; ")[2].removesuffix(" is right")

    assert (hint.code, sentence in hint.sentence) == (code, True), hint
    assert compared({"w": right}, "w").ok


@pytest.mark.parametrize("formula", ["(a - t)*(1 - a**2)*x", "2*(a - t)*x", "(a - t)*(1 - a**2)*x*1.5"])
def test_a_mend_that_was_tried_at_other_points_stands_without_guesses_at_this_one(formula):
    result = compared({"w": formula}, "w")
    mended = any("is right" in hint.sentence for hint in result["w"].hints)
    w, b = Value(0.5, label="w"), Value(0.7, label="b")
    loss = (w * 3.0 - b) ** 2  # of which several changes give the numbers of what follows
    several = tg.compare({"w": "(w*3 - b)*3", "b": "b - w*3"}, {"w": w, "b": b}, loss=loss)

    assert mended == bool(result.mended)
    assert ("Exactly your numbers come out" in result.text()) == (bool(result.mistakes) and not mended)
    assert several.mended == ["w", "b"]
    assert "compare at another point" not in several.text()
    assert "is right" in several.text().replace("\n", " ")


def test_a_formula_of_arrays_is_mended_in_the_notation_of_numpy():
    W, x = tg.array([[0.5, -1.0], [0.3, 2.0]], label="W"), tg.array([[1.0], [-2.0]], label="x")
    h = np.tanh(W @ x)
    loss = ((h - 1.0) ** 2).sum()
    hint = tg.compare({"x": "W @ (2*(h - 1)*(1 - h**2))"}, {"x": x}, loss=loss)["x"].hints[-1]

    assert hint.code == "TRANSPOSED"
    assert hint.sentence.endswith("; W.T @ (2 * (h - 1) * (1 - h**2)) is right")


def test_a_formula_that_no_single_change_makes_right_is_wrong_without_a_mend():
    result = compared({"w": "a + t*t - x"}, "w")

    assert not result.ok
    assert not any("is right" in hint.sentence for hint in result["w"].hints)
