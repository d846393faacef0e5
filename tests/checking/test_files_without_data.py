"""A file that defines loss and backprop alone is judged on parameters that the names of its arguments suggest."""

import pytest

from tinygrad_lite import cli

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


@pytest.mark.few(1)
@pytest.mark.parametrize(("mask", "code"), [("(z > 0)", 0), ("(h * 0 + 1)", 1)])
def test_loss_and_backprop_are_enough(mask, code, tmp_path, capsys):
    file = tmp_path / "lesson.py"
    file.write_text(SQUARES.replace("MASK", mask))

    assert cli.main(["check", str(file)]) == code
    assert ("NO_ACT_DERIV" in capsys.readouterr().out) == bool(code)


CROSS_ENTROPY = """
import numpy as np
def loss(W1, b1, X, y):
    z = X @ W1 + b1
    return np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y])
def backprop(W1, b1, X, y):
    e = np.exp(X @ W1 + b1)
    d = e / e.sum(1, keepdims=True)
    d[np.arange(len(y)), y] -= 1
    return {"W1": X.T @ d / len(y), "b1": d.sum(0)DIVIDED}
"""


@pytest.mark.long
@pytest.mark.few(1)
@pytest.mark.parametrize(("divided", "code"), [(" / len(y)", 0), ("", 1)])
def test_classes_are_found_by_trying(divided, code, tmp_path, capsys):
    file = tmp_path / "classes.py"
    file.write_text(CROSS_ENTROPY.replace("DIVIDED", divided))

    assert cli.main(["check", str(file)]) == code
    assert ("1 of 2 gradients wrong" in capsys.readouterr().out) == bool(code)


def test_a_file_whose_arguments_say_nothing_is_told_what_to_define(tmp_path, capsys):
    file = tmp_path / "odd.py"
    file.write_text("def loss(p, q): return 0.0\ndef backprop(p, q): return {}\n")

    assert cli.main(["check", str(file)]) == 1
    assert "what is `q` of loss(p, q)?" in capsys.readouterr().out
