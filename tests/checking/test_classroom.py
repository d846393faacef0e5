"""A class: files of every kind graded by one command, interrupted and resumed, and listed together."""

import csv
import io
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

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
    assert "more than 40 s of processor time" in grades["endless.py"]["error"]
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


SLOW = "import time\ntime.sleep(0.5)\n"


def _started(module, *words):
    command = [sys.executable, "-m", module, *words]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )


def _grade(folder, out, *how):
    """The command in a process of its own, by default two files at a time."""
    how = how or ("--jobs", "2")
    return _started("tinygrad_lite", "grade", str(folder), "--out", str(out), *how, "--limit", "900")


def test_a_run_that_is_killed_and_started_again_gives_the_same_table(tmp_path):
    """kill -9 when some results are there and some are not."""
    for i in range(8):
        (tmp_path / f"s{i}.py").write_text(SLOW + (WRONG if i % 3 else RIGHT) + f"\n# {i}\n")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert _grade(tmp_path, whole).wait(timeout=900) == 1

    process = _grade(tmp_path, broken)
    while process.poll() is None and len(list(broken.glob("results/*.json"))) < 3:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert 3 <= len(list(broken.glob("results/*.json"))) < 8
    assert not (broken / "grades.csv").exists()
    assert _grade(tmp_path, broken).wait(timeout=900) == 1

    assert (broken / "grades.csv").read_bytes() == (whole / "grades.csv").read_bytes()
    assert len(list(broken.glob("results/*.json"))) == 8


def test_two_workers_of_a_cluster_give_the_same_table_though_one_is_killed(tmp_path):
    """kill -9 of one of them when some results are there and some are not: nothing is lost, nothing is there twice."""
    distributed = pytest.importorskip("distributed")
    for i in range(8):
        (tmp_path / f"s{i}.py").write_text(SLOW + (WRONG if i % 3 else RIGHT) + f"\n# {i}\n")
    whole = classroom.grade_folder(tmp_path, tmp_path / "whole", jobs=2, limit=900.0)
    where = ["--scheduler-file", str(tmp_path / "scheduler.json")]
    started = [_started("dask", "scheduler", "--port", "0", "--no-dashboard", *where)]
    started += [_started("dask", "worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", *where) for _ in range(2)]
    try:
        while not (tmp_path / "scheduler.json").exists():
            time.sleep(0.1)
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        with distributed.Client(address) as client:
            client.wait_for_workers(2, timeout=300)
        out = tmp_path / "grades"
        command = [sys.executable, "-m", "tinygrad_lite", "grade", str(tmp_path), "--out", str(out), "--dask", address]
        grading = subprocess.Popen(
            [*command, "--limit", "900"], stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
        )
        while grading.poll() is None and len(list(out.glob("results/*.json"))) < 2:
            time.sleep(0.05)
        started[2].kill()
        left = len(list(out.glob("results/*.json")))
        code = grading.wait(timeout=900)
    finally:
        for process in started:
            process.kill()
            process.wait()

    assert left < 8
    assert code == 1
    assert (out / "grades.csv").read_text() == whole.csv()
    assert len(list(out.glob("results/*.json"))) == 8


def submissions(many):
    """(name, text, whether it is right): right ones, each slip of a list, wrong shapes, crashes and empty files."""
    slips = {
        "A.T @ D": "X.T @ D", "2 * (A": "(A", "(A @ W2 + b2 - y)": "(y - A @ W2 - b2)", "D.sum(0)": "D.mean(0)",
        " * (1 - A ** 2)": "", "1 - A ** 2": "1 - A", "/ y.size": "/ len(y)", "X.T @ H": "(X.T @ H).T",
        "H.sum(0)": "H.sum()", "D @ W2.T": "D @ W2",
    }  # fmt: skip
    texts = [
        RIGHT,
        *(RIGHT.replace(right, wrong) for right, wrong in slips.items()),
        "",
        "def broken(:",
        RIGHT + "\n1 / 0",
    ]
    for i in range(many):
        text = texts[i % len(texts)].replace("default_rng(0)", f"default_rng({i // len(texts)})")
        yield f"group{i % 7}/s{i:03d}.py", f"# submission {i}\n{text}", i % len(texts) == 0


def test_two_hundred_generated_submissions_have_the_totals_of_their_single_reports(tmp_path):
    made = list(submissions(200))
    for name, text, _ in made:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = classroom.grade_folder(tmp_path, tmp_path / "grades", jobs=2, limit=900.0)
    rows = list(csv.DictReader(io.StringIO(found.csv())))

    assert [row["file"] for row in rows] == sorted(name for name, _, _ in made)
    assert {row["file"] for row in rows if row["ok"] == "1"} == {name for name, _, right in made if right}
    for row in rows[:: 200 // 14]:
        alone = classroom.graded(tmp_path / row["file"], [0], [], 900.0, "none", memory=4.0)
        assert (row["ok"], row["codes"]) == (str(int(alone["ok"])), " ".join(alone["codes"]))
    assert sum(len(who) for _, who in found.counts()) == sum(len(row["codes"].split()) for row in rows)


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
