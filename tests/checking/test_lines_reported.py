"""Where lines and mends are handed on: the command line, notebooks, JSON and JUnit."""

import json
import subprocess
import xml.etree.ElementTree as ET

import pytest

from tinygrad_lite import cli

LESSON = """import numpy as np


def forward(X, W, b):
    return np.tanh(X @ W + b)


def loss(X, y, W, b):
    return np.mean((forward(X, W, b) - y) ** 2)


def backward(X, y, W, b):
    out = forward(X, W, b)
    dz = 2 * (out - y) / y.size * (1 - out)  # the slip
    return {"dW": X.T @ dz, "db": dz.sum(axis=0)}
"""
SLIP, RIGHT = "(1 - out)", "(1 - out**2)"


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "lesson.py"
    path.write_text(LESSON)
    return path


def notebook(tmp_path):
    head, _, tail = LESSON.partition("\n\n\ndef loss")
    cells = [{"cell_type": "code", "source": [s], "metadata": {}, "outputs": []} for s in (head, "def loss" + tail)]
    path = tmp_path / "lesson.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_mend_prints_a_diff_that_git_applies_and_writes_nothing(lesson, tmp_path, capsys):
    """JUnit's XML carries the line and the mend too."""
    assert cli.main(["check", str(lesson), "--mend", "--junit", str(tmp_path / "out.xml")]) == 1
    diff = capsys.readouterr().out
    properties = {p.get("name"): p.get("value") for p in ET.parse(tmp_path / "out.xml").iter("property")}

    assert properties["lines"] == str(LESSON[: LESSON.index(SLIP)].count("\n") + 1)
    assert f"-    {line_of(SLIP)}" in properties["mend"]
    assert lesson.read_text() == LESSON
    assert [line for line in diff.splitlines() if line.startswith("-    ")] == [f"-    {line_of(SLIP)}"]
    plain = diff.replace(str(lesson), lesson.name).replace(f"a{lesson.parent}", "a").replace(f"b{lesson.parent}", "b")
    done = subprocess.run(["patch"], input=plain, text=True, cwd=lesson.parent, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert cli.main(["check", str(lesson), "--mend"]) == 0


def line_of(text):
    return next(line.strip() for line in LESSON.splitlines() if text in line)


@pytest.mark.long
def test_write_mends_the_file_and_keeps_what_was_there(lesson, capsys):
    assert cli.main(["check", str(lesson), "--write"]) == 1
    assert lesson.with_name("lesson.py.bak").read_text() == LESSON
    assert "# the slip" in lesson.read_text()
    capsys.readouterr()

    assert cli.main(["check", str(lesson)]) == 0


@pytest.mark.long
def test_a_hint_shows_the_line_and_keeps_the_mend_back(lesson, tmp_path, capsys):
    found = {}
    for hint in ("none", "line", "mend"):
        assert cli.main(["check", str(lesson), "--hint", hint, "--json"]) == 1
        (found[hint],) = json.loads(capsys.readouterr().out)

    assert found["none"]["lines"] == []
    assert not found["none"]["diff"]
    assert found["line"]["lines"] == found["mend"]["lines"] == [LESSON[: LESSON.index(SLIP)].count("\n") + 1]
    assert not found["line"]["diff"]
    assert "mend    +" not in found["line"]["text"]
    assert SLIP in found["mend"]["diff"]
    assert "mend    +" in found["mend"]["text"]


@pytest.mark.long
def test_a_notebooks_cells_are_mended_on_paper_and_left_alone_on_disk(tmp_path, capsys):
    path = notebook(tmp_path)
    before = path.read_text()

    assert cli.main(["check", str(path), "--write"]) == 1
    said = capsys.readouterr()
    assert f"-    {line_of(SLIP)}" in said.out
    assert "make the change in it yourself" in said.err
    assert path.read_text() == before


@pytest.mark.long
def test_plain_data_holds_lines_and_mends():
    from tinygrad_lite.checking.binding.lesson import checked
    from tinygrad_lite.checking.binding.source import load
    from tinygrad_lite.checking.check import check

    found = json.loads(json.dumps(checked(check, load(LESSON, "lesson.py"), {}).to_dict()))

    assert [line["text"].strip() for line in found["lines"] if line["mark"] == "wrong"] == [line_of(SLIP)]
    assert found["mends"][0]["edits"][0]["old"].strip() == line_of(SLIP)
    assert found["mends"][0]["problems"] >= 4
