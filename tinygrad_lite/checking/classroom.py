"""A class: every file of a folder graded, and what it misunderstands together.

Each file is copied and graded in a process of its own (`grade.py`), with limits on time, memory and what it writes, so
that a file which ends its process, hangs, or deletes itself is one line of the result and no more. A result is written
as soon as it is there, under the hash of the file: a run that was interrupted goes on where it stopped, and gives the
same tables.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import html
import io
import json
import os
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinygrad_lite.checking.binding.source import code_of
from tinygrad_lite.checking.grade import graded, junit
from tinygrad_lite.checking.result.mistakes import CATALOGUE
from tinygrad_lite.errors import TinygradLiteError
from tinygrad_lite.report.language import language, say
from tinygrad_lite.report.style import page
from tinygrad_lite.report.text import Report, Table

SHINGLE = 8  # tokens in a row that are compared between files
ALIKE = 0.8  # the share of such rows that two files must have in common to be listed
COMMON = 0.3  # rows that more of the class has than this come from the task itself and are left out
TAUGHT = {
    "FACTOR_2": "02, step 1", "MEAN_N": "02, step 1", "MEAN_NO": "02, step 1", "SIGN": "01, section 3",
    "NO_ACT_DERIV": "02, step 2", "INPUT_FOR_HIDDEN": "02, step 3", "MASK_FROM_INPUT": "02, step 4",
    "DERIV_OF_DERIV_ARG": "08, section 4", "EXTRA_ACT_DERIV": "08, section 4", "DROPPED_PATH": "01, section 4",
    "PATHS_NOT_SUMMED": "01, section 4", "SUM_AXIS": "01, section 6", "TRANSPOSED": "01, section 6",
}  # fmt: skip
"""Which notebook teaches what a mistake is about."""


class Classroom:
    """The results of a folder.

    Attributes:
        results: for each file, by its name, what `graded` gives.
        alike: pairs of names of files that are almost the same, the task's own parts left out.
    """

    def __init__(self, results: dict[str, dict[str, Any]], alike: list[tuple[str, str, float]]) -> None:
        self.results: dict[str, dict[str, Any]] = results
        self.alike: list[tuple[str, str, float]] = alike

    def counts(self) -> list[tuple[str, list[str]]]:
        """Each code with the files that have it, the most frequent first."""
        who: dict[str, list[str]] = {}
        for name, result in self.results.items():
            for code in result["codes"]:
                who.setdefault(code, []).append(name)
        return sorted(who.items(), key=lambda pair: (-len(pair[1]), pair[0]))

    def csv(self) -> str:
        """A line for each file: name, right or not, score, codes, and what went wrong with the file itself."""
        heads = ["file", "ok", "score", "codes", "error"]
        rows = [
            [name, int(r["ok"]), f"{r['score']:.4f}", " ".join(r["codes"]), " ".join(str(r["error"]).split())]
            for name, r in self.results.items()
        ]
        return Table(heads, rows).csv()

    def report(self, taught: dict[str, str] | None = None) -> Report:
        """What the class misunderstands: which mistake how often, who, what nobody got wrong, and who is alike."""
        n, right = len(self.results), sum(bool(r["ok"]) for r in self.results.values())
        report = Report(say("{0} of {1} right", right, n))
        where = {**TAUGHT, **(taught or {})}
        rows = []
        for code, who in self.counts():
            some = ", ".join(who[:12]) + ", ..." * (len(who) > 12)
            rows.append([code, len(who), say(CATALOGUE.get(code, "")), where.get(code, ""), some])
        heads = [say(word) for word in ("mistake", "files", "meaning", "notebook", "who")]
        report.table(Table(heads, rows, title=say("Which mistake how often")))
        scores = [r["scores"] for r in self.results.values() if r["scores"]]
        names = list(dict.fromkeys(name for each in scores for name in each))
        solved = [name for name in names if all(each.get(name, 1.0) == 1.0 for each in scores)]
        if solved:
            report.paragraph(say("Nobody got these wrong: {0}.", ", ".join(f"d{name}" for name in solved)))
        if self.alike:
            rows = [[a, b, f"{share:.0%}"] for a, b, share in self.alike]
            note = say(
                "What most of the class shares was left out. Equal code has many reasons; look at both before you ask."
            )
            heads = [say("file"), say("file"), say("in common")]
            report.table(Table(heads, rows, say("Files that are much alike"), note))
        rows = [[name, f"{r['score']:.2f}", " ".join(r["codes"]), r["error"][:80]] for name, r in self.results.items()]
        marks = ["ok" if r["ok"] else "wrong" for r in self.results.values()]
        heads = [say(word) for word in ("file", "score", "mistakes", "error")]
        return report.table(Table(heads, rows, say("All files"), marks=marks))

    def save(self, out: Path, taught: dict[str, str] | None = None) -> None:
        """Write grades.csv, grades.json, grades.xml, and index.html with each single report below the summary."""
        (out / "grades.csv").write_text(self.csv(), encoding="utf-8")
        slim = {name: {k: v for k, v in r.items() if k not in ("html", "text")} for name, r in self.results.items()}
        (out / "grades.json").write_text(json.dumps(slim, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (out / "grades.xml").write_text(junit(self.results), encoding="utf-8")
        singles = "".join(_single(name, result) for name, result in self.results.items())
        report = self.report(taught)
        (out / "index.html").write_text(page(report.html() + singles, report.title), encoding="utf-8")


def _single(name: str, result: dict[str, Any]) -> str:
    shown = result["html"] or f"<p>{html.escape(result['error'])}</p>"
    return f"<details><summary>{html.escape(name)}</summary>{shown}</details>"


def grade_folder(
    folder: Path,
    out: Path,
    jobs: int = 1,
    limit: float = 60.0,
    memory: float = 4.0,
    seed: int = 0,
    hidden_names: bool = False,
    dask: str = "",
) -> Classroom:
    """Grade every Python file and notebook below a folder, several at a time.

    Args:
        out: where results are kept and tables are written; made if it is not there.
        jobs: how many files are graded at the same time; more than one needs joblib.
        dask: instead, the address of a dask scheduler, whose workers see the same folders.
        limit, memory: seconds of processor time and GiB for each file; of the clock it may take four times as many.
        seed: of the problems.
        hidden_names: call the files by numbers; `names.json` in `out` says which is which.

    Raises:
        FileNotFoundError: there is no such folder, or no file in it.
    """
    kept = out / "results"
    found_here = [p for p in folder.rglob("*") if p.suffix in (".py", ".ipynb") and out not in p.parents]
    files = sorted(p for p in found_here if not _apart(p.relative_to(folder)))
    if not files:
        raise FileNotFoundError(f"there is no .py or .ipynb file in {folder}")
    kept.mkdir(parents=True, exist_ok=True)
    tasks = [(path, kept, limit, memory, seed) for path in files]
    found = _at_once(tasks, jobs, dask) if dask or jobs != 1 else [_one(*task) for task in tasks]
    names = [path.relative_to(folder).as_posix() for path in files]
    if hidden_names:
        numbers = [f"file {i:03d}" for i in range(1, len(names) + 1)]
        (out / "names.json").write_text(json.dumps(dict(zip(numbers, names, strict=True)), indent=1), encoding="utf-8")
        names = numbers
    return Classroom(dict(zip(names, found, strict=True)), alike(dict(zip(names, files, strict=True))))


def _at_once(tasks: list[tuple[Path, Path, float, float, int]], jobs: int, dask: str) -> list[dict[str, Any]]:
    """The result for each file, several at a time: by threads that wait, as each file gets a process of its own, or by
    the workers of a cluster, which takes up again what a lost worker had begun."""
    try:
        from joblib import Parallel, delayed, parallel_config

        if dask:
            from distributed import Client
    except ImportError:
        needs = "--dask needs distributed" if dask else "several jobs need joblib"
        message = f"{needs}: pip install 'tinygrad-lite[{'dask' if dask else 'class'}]', or --jobs 1."
        raise TinygradLiteError(message) from None
    cluster = Client(dask) if dask else contextlib.nullcontext()
    with cluster, parallel_config("dask" if dask else "threading", n_jobs=-1 if dask else jobs):
        return list(Parallel()(delayed(_one)(*task) for task in tasks))


def _apart(path: Path) -> bool:
    """Hidden files, and what an editor keeps."""
    return any(part.startswith((".", "__")) for part in path.parts)


def _one(path: Path, kept: Path, limit: float, memory: float, seed: int) -> dict[str, Any]:
    """The result for one file: kept from an earlier run on the same bytes and options, or made now."""
    content = path.read_bytes()
    options = f"{path.name} {limit} {memory} {seed} {language()}"
    file = kept / f"{hashlib.sha256(content + options.encode()).hexdigest()[:32]}.json"
    if not file.exists():
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_bytes(content)
            result = graded(copy, [seed], [], limit, "none", memory=memory, patience=4.0)
        draft = file.with_suffix(f".{os.getpid()}.part")
        draft.write_text(json.dumps(result), encoding="utf-8")
        draft.replace(file)  # whole or not at all
    return json.loads(file.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


# ---------------------------------------------------------------------- files that are alike


def alike(files: dict[str, Path]) -> list[tuple[str, str, float]]:
    """Pairs of files with almost the same code, whatever their names and comments are, the most alike first."""
    rows = {name: set(_rows(path)) for name, path in files.items()}
    uses = Counter(row for own in rows.values() for row in own)
    most = max(2, COMMON * len(rows))
    own = {name: {row for row in each if uses[row] <= most} for name, each in rows.items()}
    names = [name for name, each in own.items() if len(each) >= SHINGLE]
    found = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            share = len(own[a] & own[b]) / len(own[a] | own[b])
            if share >= ALIKE:
                found.append((a, b, share))
    return sorted(found, key=lambda pair: -pair[2])


def _rows(path: Path) -> Iterator[int]:
    """Every few tokens in a row, without comments and blanks."""
    try:
        text = code_of(str(path))
        ast.parse(text)
        tokens = [t.string for t in tokenize.generate_tokens(io.StringIO(text).readline)]
    except (SyntaxError, tokenize.TokenError, TinygradLiteError, ValueError):
        return
    words = [t for t in tokens if t.strip() and not t.startswith("#")]
    for i in range(len(words) - SHINGLE + 1):
        yield hash(tuple(words[i : i + SHINGLE]))
