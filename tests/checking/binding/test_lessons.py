"""Lessons are taken as they are: bound without help, right ones called right, and the slip in each found."""

import io
import json
import time

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.checking.binding import more_lessons
from tests.checking.binding.lessons import LESSONS
from tinygrad_lite import cli
from tinygrad_lite.checking.binding.bind import bind
from tinygrad_lite.checking.binding.flow import Unplaced
from tinygrad_lite.checking.binding.lesson import checked
from tinygrad_lite.checking.binding.roles import bare
from tinygrad_lite.checking.binding.source import load
from tinygrad_lite.checking.check import check
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import chosen

FRAMEWORKS = [name for name in LESSONS if "torch" in name or "jax" in name]
QUICK = [name for name in list(LESSONS)[::4] if name not in FRAMEWORKS]
MINE = """
import numpy as np

def relu(x):
    return np.maximum(0, x)

def forward_propagation(X, weights_1, weights_2, bias_1, bias_2):
    a1 = relu(np.dot(X, weights_1) + bias_1)
    output = relu(np.dot(a1, weights_2) + bias_2)
    return output

def mean_squared_error(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def backpropagation(X, y, output, weights_1, weights_2, bias_1, bias_2, learning_rate):
    error_output = output - y
    d_weights_2 = np.dot(X.T, error_output)
    d_bias_2 = np.sum(error_output, axis=0, keepdims=True)
    error_hidden = np.dot(error_output, weights_2.T) * (X > 0)
    d_weights_1 = np.dot(X.T, error_hidden)
    d_bias_1 = np.sum(error_hidden, axis=0, keepdims=True)
    weights_1 -= learning_rate * d_weights_1
    bias_1 -= learning_rate * d_bias_1
    weights_2 -= learning_rate * d_weights_2
    bias_2 -= learning_rate * d_bias_2
    return weights_1, weights_2, bias_1, bias_2
"""
FOUR = {"FACTOR_2", "MEAN_NO", "NO_ACT_DERIV", "INPUT_FOR_HIDDEN", "MASK_FROM_INPUT"}


def verdict(code, **roles):
    return checked(check, load(code, "lesson.py"), roles, mend=False)


def tried(name):
    if name in FRAMEWORKS:
        pytest.importorskip("torch" if "torch" in name else "jax")
    code, (right, slip) = LESSONS[name]
    assert right in code
    return verdict(code), verdict(code.replace(right, slip))


@pytest.mark.few(3)
@pytest.mark.parametrize("name", QUICK)
def test_a_lesson_is_bound_as_it_is_and_its_slip_found(name):
    right, slipped = tried(name)

    assert right.ok
    assert slipped.wrong


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in LESSONS if name not in QUICK])
def test_every_lesson_is_bound_as_it_is_and_its_slip_found(name):
    right, slipped = tried(name)

    assert right.ok
    assert slipped.wrong


def test_there_are_fifty_styles():
    assert more_lessons.HEAD in LESSONS["weights as a list of (W, b) tuples"][0]
    assert len(LESSONS) >= 50


def test_a_layer_whose_backward_raises_is_told_and_not_left_out():
    code = LESSONS["layers of a book with dweights and dinputs"][0]
    slipped = verdict(code.replace("dvalues @ self.weights.T", "dvalues @ self.weights"))

    assert not slipped.ok
    assert slipped.codes == ["RAISED"]
    assert "Layer_Dense" in slipped.bound[0]


def test_it_is_said_of_parameters_and_data_apart_where_they_come_from():
    lesson = "a network object with a list of layer objects"
    own, given = verdict(LESSONS[lesson][0]).bound[1].split("Made to fit: ")

    assert own == "From the lesson: layers_0_W 3x5, layers_0_b 5, layers_2_W 5x2, layers_2_b 2. "
    assert given == "x 7x3, y 7x2."


def test_a_target_that_is_made_has_the_shape_of_the_output():
    bound = verdict(LESSONS["deep network of a course: columns, caches in a list, a loop over layers"][0]).bound

    assert bound[1].endswith("X 3x7, Y 2x7.")


def test_nested_parameters_can_be_given_as_the_lesson_holds_them():
    code = LESSONS["weights as a list of (W, b) tuples"][0].replace("def init_network", "def made")
    weights = [(np.ones((3, 2)), np.zeros(2)), (np.ones((2, 1)), np.zeros(1))]

    assert verdict(code, params=weights, data=(np.eye(3), np.ones((3, 1)))).ok


def test_the_four_mistakes_of_a_lesson_are_named_and_what_was_bound_is_said():
    result = verdict(MINE)

    assert set(result.codes) == FOUR
    assert "learning rate 0.1" in result.bound[0]
    assert result.bound[1].startswith("Made to fit: weights_1")


def test_functions_and_modules_are_taken_without_an_adapter():
    lesson = load(MINE, "lesson.py")
    names = lesson.names
    by_functions = tg.check(
        names["forward_propagation"], names["mean_squared_error"], names["backpropagation"], mend=False
    )
    by_names = tg.check(names, mend=False)

    assert set(by_functions.codes) == set(by_names.codes) == FOUR


@pytest.mark.few(1)
@pytest.mark.parametrize("form", ["file", "notebook", "input"])
def test_the_command_takes_a_file_a_notebook_and_standard_input(form, tmp_path, monkeypatch, capsys):
    path = tmp_path / ("lesson.ipynb" if form == "notebook" else "lesson.py")
    cells = [
        {"cell_type": "markdown", "source": ["# text"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", MINE]},
    ]
    path.write_text(
        json.dumps({"cells": cells, "nbformat": 4, "x": None}) if form == "notebook" else MINE, encoding="utf-8"
    )
    if form == "input":
        monkeypatch.setattr("sys.stdin", io.StringIO(MINE))

    assert cli.main(["check", "-" if form == "input" else str(path), "--hint", "none"]) == 1
    assert "4 mistakes found" in capsys.readouterr().out


def test_training_plots_and_prints_in_a_file_do_not_run(capsys):
    code = (
        MINE
        + """
import matplotlib.pyplot as plt
for epoch in range(10**9):
    print("epoch", epoch)
def train(X, y):
    while True:
        pass
history = train(1, 2)
plt.plot(history)
plt.show()
open("/nonexistent/file", "w")
if __name__ == "__main__":
    train(3, 4)
"""
    )
    began = time.perf_counter()
    lesson = load(code, "lesson.py")

    assert time.perf_counter() - began < 5
    assert capsys.readouterr().out == ""
    assert "history" not in lesson.names
    assert len(bind(lesson)) == 1


def test_what_cannot_be_placed_is_asked_for_by_name_and_can_be_said():
    code = """
import numpy as np
def loss(W, X, y, strength):
    return np.sum((X @ W - y) ** 2) + strength * np.sum(W ** 2)
def backprop(W, X, y, strength):
    return 2 * X.T @ (X @ W - y) + 2 * strength * W
"""
    with pytest.raises(Unplaced, match=r"what is `strength` of loss\(W, X, y, strength\)"):
        verdict(code)

    assert verdict(code, strength=0.3).ok


def test_a_role_can_be_said_explicitly():
    code = LESSONS["linear regression with compute_cost and compute_gradient"][0]
    renamed = code.replace("compute_cost", "judge").replace("compute_gradient", "uphill")
    with pytest.raises(Unplaced, match="no backward pass was found"):
        verdict(renamed)

    assert verdict(renamed, loss="judge", backprop="uphill").ok


def test_no_lesson_without_a_usual_loss_is_accepted_in_silence():
    code = """
import numpy as np
def forward(X, W):
    return X @ W
def backward(X, y, output, W):
    return X.T @ (output - y) ** 5
"""
    with pytest.raises(Unplaced, match="no loss function was found"):
        verdict(code)


def test_an_assumed_loss_is_said():
    name = "eleven lines at the top level, no loss, weights added to"

    assert "assumed to be sum((P - y)^2) / 2, as none is written down" in verdict(LESSONS[name][0]).bound[0]


def test_an_option_that_does_not_exist_is_refused():
    with pytest.raises(OperandError, match="no option spede"):
        tg.check(lambda w: w, lambda w: 1.0, {"w": 1.0}, spede=3)


def test_nothing_of_a_module_is_changed():
    lesson = load(LESSONS["globals all the way, with a global statement"][0], "lesson.py")
    before = {name: np.array(x) for name, x in lesson.names.items() if isinstance(x, np.ndarray)}
    checked(check, lesson, {}, mend=False)

    assert all(np.array_equal(lesson.names[name], x) for name, x in before.items())


@pytest.mark.parametrize(
    ("gradient", "of"), [("dW1", "W1"), ("grad_b", "b"), ("dL_dW", "W"), ("W1_grad", "W1"), ("output", "")]
)
def test_a_gradient_is_known_by_its_name(gradient, of):
    assert bare(gradient) == of


def test_the_report_on_a_lesson_is_in_one_language():
    """Names of problems, of the loss that was assumed, of layers, and what is asked for: nothing stays English."""
    with chosen("zh"):
        assumed = verdict(LESSONS["eleven lines at the top level, no loss, weights added to"][0]).text(width=400)
        layers = verdict(LESSONS["layers of a book with dweights and dinputs"][0]).text(width=400)
        with pytest.raises(Unplaced, match="没有找到反向传播"):
            verdict("x = 1")

    assert "代码里没有写出损失" in assumed
    assert "另外检查过，正确：Activation_ReLU" in layers
    english = ("in the place of", "parameters moved", "assumed to be", "Also checked", "Bound", "number")
    assert not [word for word in english if word in assumed + layers]
