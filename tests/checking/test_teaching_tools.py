"""nbgrader and otter-grader grade with our check: the examples of the documentation, run with the real programs."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / ".docs/class"
RIGHT = """
def backprop(W1, b1, W2, b2, X, y):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = 2 * (A1 @ W2 + b2 - y) / y.size
    dZ1 = dZ2 @ W2.T * (1 - A1**2)
    return {"dW1": X.T @ dZ1, "db1": dZ1.sum(axis=0), "dW2": A1.T @ dZ2, "db2": dZ2.sum(axis=0)}
"""
HANDED_IN = {
    "ada": RIGHT,
    "bob": RIGHT.replace(" * (1 - A1**2)", ""),  # both gradients of the first layer are wrong
    "eve": "def backprop(W1, b1, W2, b2, X, y):\n    raise NotImplementedError\n",
}
POINTS = {"ada": 8.0, "bob": 4.0, "eve": 0.0}

pytestmark = pytest.mark.long


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run("nbgrader", ...)`: a program of this Python's environment, in the folder of the test."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", paths)
    beside = str(Path(sys.executable).parent)  # the programs that nbgrader starts
    monkeypatch.setenv("PATH", os.pathsep.join([beside, os.environ["PATH"]]))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.delenv("PYTHONWARNINGS", raising=False)

    def start(module, *words, fails=False):
        command = [sys.executable, "-m", module, *map(str, words)]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert fails or told.returncode == 0, told.stdout + told.stderr
        return told.stdout + told.stderr

    return start


def handed_in(notebook, text):
    """A copy of a notebook in which somebody has written a backprop."""
    made = json.loads(notebook.read_text(encoding="utf-8"))
    next(cell for cell in made["cells"] if cell["id"] == "backprop")["source"] = text
    return json.dumps(made)


def test_nbgrader_gives_points_for_each_right_gradient(tmp_path, run):
    pytest.importorskip("nbgrader")
    shutil.copytree(EXAMPLES / "nbgrader", tmp_path, dirs_exist_ok=True)
    run("nbgrader", "generate_assignment", "backprop", "--create")
    released = tmp_path / "release/backprop/backprop.ipynb"
    for who, text in HANDED_IN.items():
        folder = tmp_path / "submitted" / who / "backprop"
        folder.mkdir(parents=True)
        (folder / "backprop.ipynb").write_text(handed_in(released, text), encoding="utf-8")
    run("nbgrader", "autograde", "backprop", "--create")
    run("nbgrader", "generate_feedback", "backprop")
    run("nbgrader", "export", "--to", tmp_path / "grades.csv")
    grades = list(csv.DictReader((tmp_path / "grades.csv").read_text().splitlines()))

    assert "dZ2" not in released.read_text(encoding="utf-8")
    assert {row["student_id"]: float(row["score"]) for row in grades} == POINTS
    assert "NO_ACT_DERIV" in (tmp_path / "feedback/bob/backprop/backprop.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("who", HANDED_IN)
def test_otter_gives_points_for_each_right_gradient(tmp_path, run, who):
    pytest.importorskip("otter")
    shutil.copytree(EXAMPLES / "otter", tmp_path, dirs_exist_ok=True)
    notebook = tmp_path / "backprop.ipynb"
    notebook.write_text(handed_in(notebook, HANDED_IN[who]), encoding="utf-8")
    run("otter", "generate", "-t", "tests", "-o", "autograder.zip")
    run("otter", "run", "-a", "autograder.zip", notebook.name)
    (result,) = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tests"][1:]

    assert result["score"] == POINTS[who]
    assert ("NO_ACT_DERIV" in result["output"]) == (who == "bob")
