"""A file that defines loss and backprop alone is judged on parameters that the names of its arguments suggest."""

import numpy as np
import pytest

from tinygrad_lite import cli
from tinygrad_lite.checking.trial.synthetic_inputs import synthetic_inputs
from tinygrad_lite.errors import ShapeError

SQUARES = """
import numpy as np
def loss(W1, b1, W2, b2, X, y):
    return np.mean((np.maximum(0, X @ W1 + b1) @ W2 + b2 - y) ** 2)
def backprop(W1, b1, W2, b2, X, y):
    z = X @ W1 + b1
    h = np.maximum(0, z)
    e = 2 * (h @ W2 + b2 - y) / y.size
    dh = (e @ W2.T) * MASK
    return {"W1": X.T @ dh, "b1": dh.sum(0), "W2": h.T @ e, "b2": e.sum(0)}
"""


@pytest.mark.parametrize(("mask", "code"), [("(z > 0)", 0), ("(h * 0 + 1)", 1)])
def test_loss_and_backprop_are_enough(mask, code, tmp_path, capsys):
    file = tmp_path / "lesson.py"
    file.write_text(SQUARES.replace("MASK", mask))

    assert cli.main(["check", str(file)]) == code
    assert ("NO_ACT_DERIV" in capsys.readouterr().out) == bool(code)


def cross_entropy(W1, b1, X, y):
    z = X @ W1 + b1
    return np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y])


def one_output(w, b, X, y):
    return np.mean((X @ w[:, 0] + b[0] - y) ** 2) if y.ndim == 1 else np.full(2, np.nan)


def test_classes_and_flat_targets_are_found_by_trying():
    params, (X, y) = synthetic_inputs(cross_entropy)
    assert (params["W1"].shape, y.dtype.kind, X.shape) == ((3, 2), "i", (7, 3))

    _, (_, flat) = synthetic_inputs(one_output)
    assert flat.shape == (7,)


@pytest.mark.parametrize("loss", [lambda a, c, X, y: 0.0, lambda X, y: 0.0, lambda W1, X, y: float("nan")])
def test_what_cannot_be_guessed_is_asked_for(loss):
    with pytest.raises(ShapeError, match="params"):
        synthetic_inputs(loss)


def test_a_file_whose_arguments_say_nothing_is_told_what_to_define(tmp_path, capsys):
    file = tmp_path / "odd.py"
    file.write_text("def loss(p, q): return 0.0\ndef backprop(p, q): return {}\n")

    assert cli.main(["check", str(file)]) == 1
    assert "what is `q` of loss(p, q)?" in capsys.readouterr().out
