"""Every notebook runs, keeps its outputs, is small, and shows what a run shows today."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests import notebook_runner
from tinygrad_lite.report.language import chosen

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = [*sorted(FOLDER.glob("*.ipynb")), *sorted(FOLDER.glob("zh/*.ipynb"))]


def named(path):
    return "-".join(path.relative_to(FOLDER).with_suffix("").parts)


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    with chosen(None):  # a lesson in Chinese chooses its language
        yield


SLOW = {"04_train_a_network", "06_graduate", "zh-02_check_hand_derived_gradients", "zh-08_sigmoid_and_squared_error"}
"""The first trains with the engine alone, the second compiles for JAX; the others have the code of 02 and 08."""


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=named(p), marks=[pytest.mark.long] * (named(p) in SLOW)) for p in NOTEBOOKS]
)
def test_a_run_shows_what_is_stored(path, monkeypatch, tmp_path):
    notebook = notebook_runner.load(path)
    monkeypatch.chdir(tmp_path)  # a lesson that saves a file saves it here

    outputs = notebook_runner.run(notebook)

    for cell, now in zip(code_cells(notebook), outputs, strict=True):
        if "varies" not in cell["metadata"].get("tags", []):
            assert notebook_runner.texts(now) == notebook_runner.texts(cell["outputs"]), notebook_runner.source(cell)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_is_small_plain_and_without_traces_of_a_machine(path):
    notebook, text = notebook_runner.load(path), path.read_text(encoding="utf-8")

    assert path.stat().st_size < 300_000
    assert re.match(r"\d\d_[a-z_]+$", path.stem)
    assert all(cell["execution_count"] is None for cell in code_cells(notebook))
    assert any(cell["outputs"] for cell in code_cells(notebook))
    assert not re.search(r"/(home|root|tmp|Users|work)/", text)
    for cell in code_cells(notebook):
        assert not re.search(r"^\s*[%!]", notebook_runner.source(cell), re.M), "no magics: a cell is plain Python"


def test_a_stored_output_that_is_no_longer_true_is_seen():
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": "print(1 + 1)", "outputs": []}]}

    assert notebook_runner.texts(notebook_runner.run(notebook)[0]) == ["2\n"]


@pytest.mark.long
@pytest.mark.kernel
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("nbclient", "nbformat", "ipykernel")),
    reason="needs the notebook extra",
)
def test_the_first_lesson_runs_in_a_real_kernel():
    import nbclient
    import nbformat

    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)

    nbclient.NotebookClient(notebook, timeout=120).execute()

    assert any(cell.get("outputs") for cell in notebook.cells if cell.cell_type == "code")
