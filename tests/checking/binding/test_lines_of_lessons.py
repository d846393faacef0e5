"""A lesson that was bound by us has its own lines marked, and its own text mended."""

import numpy as np
import pytest

from tests.checking.binding.lessons import LESSONS
from tinygrad_lite.checking.binding.lesson import checked
from tinygrad_lite.checking.binding.source import load
from tinygrad_lite.checking.check import check


def test_a_lesson_with_a_slip_gets_its_line_and_its_mend():
    code, (right, slip) = LESSONS["functions, output as an argument, updates returned"]
    result = checked(check, load(code.replace(right, slip), "lesson.py"), {})

    assert result.found.reason == ""
    assert [line.text.strip() for line in result.lines if line.mark == "wrong"] == [f"da = d.dot(w2.T) {slip}"]
    assert any(f"+    da = d.dot(w2.T) {right}" in mend.diff for mend in result.mends)


@pytest.mark.parametrize(
    "name", ["layer functions: affine_forward and affine_backward", "layer objects of a book: Affine, Sigmoid, Relu"]
)
def test_a_layer_that_stands_alone_has_its_own_lines_marked_and_mended(name):
    code, (right, slip) = LESSONS[name]
    result = checked(check, load(code.replace(right, slip), "layers.py"), {})

    assert [line.text.strip() for line in result.lines if line.mark == "wrong"] == [slip]
    assert [edit.new.strip() for edit in result.mends[0].edits] == [right]


FOUR_MISTAKES = """
import numpy as np

def relu(x):
    return np.maximum(0, x)

def forward(X, w1, w2, b1, b2):
    z1 = np.dot(X, w1) + b1
    a1 = relu(z1)
    z2 = np.dot(a1, w2) + b2
    output = relu(z2)
    return output

def mean_squared_error(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def backpropagation(X, y, output, w1, w2, b1, b2, learning_rate):
    error_output = output - y
    d_w2 = np.dot(X.T, error_output)
    d_b2 = np.sum(error_output, axis=0, keepdims=True)
    error_hidden = np.dot(error_output, w2.T) * (X > 0)
    d_w1 = np.dot(X.T, error_hidden)
    d_b1 = np.sum(error_hidden, axis=0, keepdims=True)
    w1 -= learning_rate * d_w1
    b1 -= learning_rate * d_b1
    w2 -= learning_rate * d_w2
    b2 -= learning_rate * d_b2
    return w1, w2, b1, b2
"""


@pytest.mark.long
def test_four_mistakes_on_three_lines_are_mended_with_what_the_forward_pass_computes():
    """The hidden layer is not handed to the backward: it is computed again, as the forward pass does."""
    result = checked(check, load(FOUR_MISTAKES, "four.py"), {})
    space: dict = {}
    exec(FOUR_MISTAKES, space)
    exec(result.mends[0].sources["backpropagation"], space)
    chance = np.random.default_rng(5)
    X, y, w1, w2, b1, b2 = (chance.normal(size=s) for s in ((6, 4), (6, 2), (4, 5), (5, 2), (1, 5), (1, 2)))
    before = [w1.copy(), w2.copy(), b1.copy(), b2.copy()]
    after = space["backpropagation"](X, y, space["forward"](X, w1, w2, b1, b2), w1, w2, b1, b2, 0.1)

    def loss(w1, w2, b1, b2):
        return space["mean_squared_error"](y, space["forward"](X, w1, w2, b1, b2))

    assert [e.old.strip() for e in result.mends[0].edits] == [
        "error_output = output - y",
        "d_w2 = np.dot(X.T, error_output)",
        "error_hidden = np.dot(error_output, w2.T) * (X > 0)",
    ]
    for k, (old, new) in enumerate(zip(before, after, strict=True)):
        for index in np.ndindex(old.shape):
            step = np.zeros_like(old)
            step[index] = 1e-6
            there, back = ([*before[:k], old + s * step, *before[k + 1 :]] for s in (1, -1))
            assert (old - new)[index] / 0.1 == pytest.approx((loss(*there) - loss(*back)) / 2e-6, abs=1e-7)


@pytest.mark.long
def test_the_report_of_four_mistakes_shows_whole_lines_and_reasons_of_the_forward_pass_alone():
    result = checked(check, load(FOUR_MISTAKES, "four.py"), {})
    text = result.text()
    said = " ".join(text.split())

    assert "2 / y.size * (output - y) * (output > 0)" in said
    assert "(np.dot(X, w1) + b1 > 0)" in said
    assert "and in line 33" not in said  # the backward's own return is no part of the loss
    assert "[LINE]" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert [r.code for r in result.mends[0].reasons] == ["DROPPED_FACTOR", "WRONG_OPERAND", "WRONG_OPERAND"]


@pytest.mark.long
def test_of_a_rule_for_jax_no_line_is_named_and_the_true_reason_is_said():
    pytest.importorskip("jax")
    code, (right, slip) = LESSONS["jax custom_vjp"]
    result = checked(check, load(code.replace(right, slip), "rule.py"), {})

    assert result.wrong
    assert result.lines == []
    assert "No line is named: rules for a library are run, not searched." in " ".join(result.text().split())
