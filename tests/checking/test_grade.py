"""For graders and test suites: the command, its JSON and JUnit, time limits, and the assertion."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import cli
from tinygrad_lite.testing import assert_gradients

HEAD = """
import numpy as np
chance = np.random.default_rng(0)
X, y = chance.normal(size=(6, 3)), chance.normal(size=(6, 2))
params = {"W1": chance.normal(size=(3, 4)), "b1": np.zeros(4), "W2": chance.normal(size=(4, 2)), "b2": np.zeros(2)}

def loss(W1, b1, W2, b2, X, y):
    return np.mean((np.tanh(X @ W1 + b1) @ W2 + b2 - y) ** 2)

def backprop(W1, b1, W2, b2, X, y):
    A = np.tanh(X @ W1 + b1)
    D = 2 * (A @ W2 + b2 - y) / y.size
    H = D @ W2.T{derivative}
    return {"W1": X.T @ H, "b1": H.sum(0), "W2": A.T @ D, "b2": D.sum(0)}
"""
RIGHT = HEAD.replace("{derivative}", " * (1 - A ** 2)")
WRONG = HEAD.replace("{derivative}", "")


@pytest.fixture
def written(tmp_path):
    def write(text, name="lesson.py"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.long
def test_a_right_file_passes(written, capsys):
    assert cli.main(["check", written(RIGHT), "--hidden", "17,23"]) == 0

    said = capsys.readouterr().out
    assert "every gradient is exact" in said
    assert "Hidden problems: 2 of 2 right" in said
    assert "17" not in said


def test_a_wrong_file_fails_with_the_mistake_by_name(written, capsys, tmp_path):
    xml, html = tmp_path / "out.xml", tmp_path / "out.html"

    assert cli.main(["check", written(WRONG), "--json", "--junit", str(xml), "--html", str(html), "--hidden", "5"]) == 1
    (result,) = json.loads(capsys.readouterr().out)
    assert result["codes"] == ["NO_ACT_DERIV"]
    assert result["scores"] == {"W1": 0.0, "b1": 0.0, "W2": 1.0, "b2": 1.0}
    assert result["score"] == 0.5
    assert result["seeds"] == [0]
    assert result["hidden"] == [{"seed": 5, "ok": False, "codes": ["NO_ACT_DERIV"]}]
    suite = ET.parse(xml).getroot().find("testsuite")
    assert suite.get("tests") == "5"
    assert suite.get("failures") == "3"
    assert "NO_ACT_DERIV" in suite.find("testcase/failure").get("message")
    assert "dZ1 lacks the derivative of tanh" in html.read_text()


@pytest.mark.few(1)
@pytest.mark.parametrize(("text", "words"), [
    (RIGHT + "\nimport time\nwhile True: time.sleep(0.01)", "still running after 2 s"),
    (RIGHT + "\nraise ValueError('no')", "ValueError: no"),
    (RIGHT + "\nimport sys; sys.exit(3)", "SystemExit: 3"),
    (RIGHT + "\nimport os; os._exit(7)", "ended with code 7"),
    ("loss = 3", "no backward pass was found"),
    ("def broken(:", "SyntaxError"),
    (RIGHT + "\nparams = 3", "parameters as a dict"),
    (RIGHT + "\nupdates = True", "needs lr"),
])  # fmt: skip
def test_what_goes_wrong_is_a_line_and_not_a_crash(written, capsys, text, words):
    assert cli.main(["check", written(text), "--limit", "2" if "while" in text else "30"]) == 1

    assert words in " ".join(capsys.readouterr().out.split())


def test_bad_usage_is_two(written, capsys):
    assert cli.main(["check", "nowhere.py"]) == 2
    assert cli.main(["check", written(RIGHT), "--hidden", "a,b"]) == 2
    assert "no file nowhere.py" in capsys.readouterr().err


def test_the_assertion_explains_itself():
    x = np.array([1.0, 2.0])

    assert assert_gradients({"x": 2 * x}, {"x": 2 * x}).ok
    with pytest.raises(AssertionError, match="exactly 1/2 x the exact one in every entry"):
        assert_gradients({"x": x}, {"x": 2 * x})
    with pytest.raises(AssertionError, match="FACTOR_2"):
        tg.testing.assert_gradients(
            lambda w, X, y: ((X @ w - y) ** 2).sum(), lambda w, X, y: X.T @ (X @ w - y),
            {"w": np.array([[0.5], [1.0]])}, np.eye(3)[:, :2], np.ones((3, 1)),
        )  # fmt: skip
