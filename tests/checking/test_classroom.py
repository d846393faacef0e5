"""A class: files of every kind graded by one command, interrupted and resumed, and listed together."""

import json
import xml.etree.ElementTree as ET

import pytest

from tests.checking.test_grade import RIGHT, WRONG
from tinygrad_lite import cli
from tinygrad_lite.checking import classroom

pytestmark = pytest.mark.long  # one of the files never ends, and is stopped after 40 s

MESSAGES = 'print("x" * 1_000_000)\n' * 40
FILES = {
    "ada/right.py": RIGHT,
    "bob.py": WRONG,
    "copy.py": "# mine\n" + WRONG.replace("\n    H =", "\n\n    H ="),
    "crash.py": RIGHT + "\nraise SystemExit(3)\n",
    "empty.py": "",
    "endless.py": RIGHT + "\nwhile True: pass\n",
    "gone.py": "import os\nos.remove(__file__)\n" + WRONG,
    "memory.py": RIGHT + "\nheap = bytearray(80 << 30)\n",
    "prints.py": RIGHT + MESSAGES,
    "shapes.py": RIGHT.replace('"W1": X.T @ H', '"W1": (X.T @ H).T'),
}


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    out = folder / "grades"
    code = cli.main(["grade", str(folder), "--out", str(out), "--jobs", "2", "--limit", "40", "--memory", "8"])
    return folder, out, code, json.loads((out / "grades.json").read_text())


def test_every_file_gets_its_own_result_whatever_it_does(graded_class):
    folder, _, code, grades = graded_class

    assert code == 1
    assert sorted(grades) == sorted(FILES)
    assert {name for name, r in grades.items() if r["ok"]} == {"ada/right.py", "prints.py"}
    assert grades["bob.py"]["codes"] == grades["gone.py"]["codes"] == grades["copy.py"]["codes"] == ["NO_ACT_DERIV"]
    assert "still running after 40 s" in grades["endless.py"]["error"]
    assert "Memory" in grades["memory.py"]["error"]
    assert grades["crash.py"]["codes"] == ["RAISED"]
    assert "TRANSPOSED" in grades["shapes.py"]["codes"]
    assert (folder / "gone.py").exists()


def test_the_tables_agree_with_each_other(graded_class):
    _, out, _, grades = graded_class
    lines = (out / "grades.csv").read_text().splitlines()
    suites = ET.parse(out / "grades.xml").getroot()
    page = (out / "index.html").read_text()

    assert len(lines) == len(FILES) + 1
    assert "bob.py,0,0.5000,NO_ACT_DERIV," in lines
    assert [suite.get("name") for suite in suites] == list(grades)
    assert all(name in page for name in FILES)
    assert "02, step 2" in page


def test_a_run_that_is_taken_up_again_gives_the_same_table_and_grades_only_what_is_missing(graded_class, monkeypatch):
    """As after kill -9: one result is missing, and a half-written one lies beside."""
    folder, out, _, _ = graded_class
    before = (out / "grades.csv").read_bytes()
    lost = sorted((out / "results").glob("*.json"))[0]
    text = lost.read_text()
    lost.unlink()
    lost.with_suffix(".123.part").write_text(text[:50])
    again = []
    real = classroom.graded
    monkeypatch.setattr(classroom, "graded", lambda path, *a, **k: again.append(path.name) or real(path, *a, **k))

    cli.main(["grade", str(folder), "--out", str(out), "--limit", "40", "--memory", "8"])

    assert len(again) == 1
    assert (out / "grades.csv").read_bytes() == before


def test_copies_are_listed_and_files_that_share_the_task_are_not(tmp_path):
    task = "\n".join(f"def helper_{i}(x):\n    return x * {i} + {i + 1}\n" for i in range(20))
    own = {f"s{k}.py": task + "".join(f"a{k}_{i} = {k * 7 + i} ** {i}\n" for i in range(30)) for k in range(6)}
    own["copy.py"] = own["s2.py"].replace("\n", "  # \n")
    for name, text in own.items():
        (tmp_path / name).write_text(text)

    found = classroom.alike({name: tmp_path / name for name in own})

    assert [{a, b} for a, b, _ in found] == [{"s2.py", "copy.py"}]


def test_names_can_be_hidden(tmp_path, monkeypatch):
    (tmp_path / "eve.py").write_text(RIGHT)
    monkeypatch.setattr(classroom, "graded", lambda path, *a, **k: {"ok": True, "score": 1.0, "codes": [], "error": ""})
    found = classroom.grade_folder(tmp_path, tmp_path / "grades", hidden_names=True)

    assert list(found.results) == ["file 001"]
    assert json.loads((tmp_path / "grades/names.json").read_text()) == {"file 001": "eve.py"}


def test_a_folder_without_files_is_refused(tmp_path, capsys):
    assert cli.main(["grade", str(tmp_path)]) == 2

    assert "no .py or .ipynb file" in capsys.readouterr().err
