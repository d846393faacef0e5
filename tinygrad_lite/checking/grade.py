"""A file of lesson code graded: run in a process of its own, judged on open and on hidden seeds.

A lesson is taken as it is (`binding/`). Or the file defines `loss`, `backprop` and `params`, `X` and `y` (or `data`, a
tuple) to try them on, and `updates` and `lr` if backprop updates the parameters. `graded` starts this module as a
program of its own, which runs the file, checks it and leaves the result as JSON; a file that raises, hangs or ends the
process is a line in that result. (A process of its own is a guard against accidents, not against malice.)
"""

from __future__ import annotations

import contextlib
import functools
import json
import linecache
import math
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tinygrad_lite.errors import TinygradLiteError
from tinygrad_lite.report.language import language, say

WRITTEN_AT_MOST = 64 * 2**20  # bytes of one file that a limited process may write


def graded(
    path: str | Path,
    seeds: list[int],
    hidden: list[int],
    limit: float = 60.0,
    hint: str = "mend",
    roles: dict[str, str] | None = None,
    memory: float = 0.0,
    patience: float = 1.0,
) -> dict[str, Any]:
    """The result for one file, as plain data.

    Args:
        path: the file.
        seeds: of our problems; the report of the first is the one that is shown.
        hidden: further seeds, whose problems are judged but not shown.
        limit: seconds for everything together, of the clock and of the processor.
        patience: how many times as many of the clock it may take, where other work is done beside it.
        roles: which function is what, for a lesson, as {"loss": "mse"}.
        memory: GiB of memory for the process, where the system can limit it; 0 for no limit.
        hint: what is shown of the source: "mend" the marked lines and the mend, "line" the lines alone, "none" nothing.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = Path(path).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path.name}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        asked = {"file": str(path), "out": str(out), "seeds": seeds, "hidden": hidden, "limit": limit, "hint": hint}
        order = json.dumps({**asked, "roles": roles or {}, "lang": language(), "memory": memory})
        home = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, "-P", "-m", __name__, order]  # -P: a copy.py beside is no `copy`
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        with (Path(folder) / "stderr").open("w+b") as stderr:  # what it prints may be more than memory holds
            silent: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": stderr}
            process = subprocess.Popen(command, cwd=path.parent, env=environment, start_new_session=True, **silent)
            try:
                code = process.wait(timeout=limit * patience)
            except subprocess.TimeoutExpired:
                return _failed(path, say("the file was still running after {0:g} s", limit * patience), "RAISED")
            finally:
                _end(process)
            stderr.seek(max(0, stderr.tell() - 4000))
            last = (stderr.read().decode(errors="replace").strip().splitlines() or ["nothing was said"])[-1]
        if code == -getattr(signal, "SIGXCPU", 0) != 0:
            return _failed(path, say("the file took more than {0:g} s of processor time", limit), "RAISED")
        if not out.exists():
            return _failed(path, say("the process ended with code {0}: {1}", code, last), "RAISED")
        return json.loads(out.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and those that it started, if any are left."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _failed(path: Path, error: str, code: str) -> dict[str, Any]:
    return {
        "file": path.name, "ok": False, "error": error, "score": 0.0, "scores": {}, "codes": [code], "seeds": [],
        "hidden": [], "text": f"{path.name}: {error}.", "html": "", "checks": [], "lines": [], "diff": "", "mended": {},
    }  # fmt: skip


def work(order: dict[str, Any]) -> dict[str, Any]:
    """Run the file and check it: what happens in the process of its own."""
    from tinygrad_lite.checking.trial.sandbox import described

    language(order["lang"])
    path = Path(order["file"])
    sys.path.append(str(path.parent))
    try:
        try_seed = _prepared(path, order)
    except TinygradLiteError as reason:
        return _failed(path, str(reason).rstrip("."), "NAME")
    except (Exception, SystemExit) as error:
        return _failed(path, say("the file cannot be run: {0}", described(error)), "RAISED")
    checks: list[Any] = []
    try:
        for seed in [*order["seeds"], *order["hidden"]]:
            mend = order["hint"] != "none" and not checks
            checks.append(try_seed(seed=seed, limit=min(10.0, order["limit"] / 4), mend=mend))
    except TinygradLiteError as reason:
        return _failed(path, str(reason).rstrip("."), "NAME")
    return _judged(path, checks, order)


def _prepared(path: Path, order: dict[str, Any]) -> Callable[..., Any]:
    """The check of a file, but for its seed: of what it defines for us, or of a lesson whose functions are found."""
    from tinygrad_lite.checking.binding.lesson import checked
    from tinygrad_lite.checking.binding.source import code_of, load
    from tinygrad_lite.checking.check import check

    text = code_of(str(path))
    ready = all(re.search(rf"^(def\s+{name}\b|{name}\s*=)", text, re.MULTILINE) for name in ("loss", "backprop"))
    if ready and not order["roles"]:
        names = run_cells(path) if path.suffix == ".ipynb" else runpy.run_path(str(path), run_name="__graded__")
        if "params" in names:
            data = names["data"] if "data" in names else tuple(names[name] for name in ("X", "y") if name in names)
            updates: dict[str, Any] = {"updates": bool(names.get("updates", False)), "lr": names.get("lr")}
            return functools.partial(check, names["loss"], names["backprop"], names["params"], *data, **updates)
    lesson = load(text, str(path) if path.suffix == ".py" else path.name)
    lesson.name = path.name
    return functools.partial(checked, check, lesson, order["roles"])


def _judged(path: Path, checks: list[Any], order: dict[str, Any]) -> dict[str, Any]:
    first, n = checks[0], len(order["seeds"])
    first.hint = order["hint"]
    mend = first.mends[0] if first.mends and order["hint"] == "mend" else None
    kept_back = zip(order["hidden"], checks[n:], strict=True)
    scores = {name: sum(c.scores[name] for c in checks) / len(checks) for name in first.scores}
    return {
        "file": path.name,
        "ok": all(c.ok for c in checks),
        "error": first.evaluation.error,
        "score": sum(scores.values()) / max(len(scores), 1),
        "scores": scores,
        "codes": list(dict.fromkeys(code for c in checks for code in c.codes)),
        "seeds": order["seeds"],
        "hidden": [{"seed": seed, "ok": c.ok, "codes": c.codes} for seed, c in kept_back],
        "text": first.text(),
        "html": first.html(),
        "checks": [c.to_dict() for c in checks[:n]],
        "lines": [line.number for line in first.lines if line.mark in ("wrong", "off")],
        "diff": mend.diff if mend is not None else "",
        "mended": mend.files if mend is not None else {},
    }  # fmt: skip


def run_cells(path: Path) -> dict[str, Any]:
    """Run the code cells of a notebook, without its magics; each is known to Python as `cell N` of the notebook."""
    names: dict[str, Any] = {"__name__": "__graded__"}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        lines = "".join(cell["source"]).splitlines(keepends=True)
        lines = ["\n" if line.startswith(("%", "!")) else line for line in lines]
        where = f"{path.name} cell {number}"
        linecache.cache[where] = (sum(map(len, lines)), None, lines, where)
        exec(compile("".join(lines), where, "exec"), names)
    return names


def junit(results: Mapping[str, dict[str, Any]]) -> str:
    """Results by file as JUnit's XML: in each suite a case for each parameter, and one for each hidden problem."""
    suites = ET.Element("testsuites")
    for file, result in results.items():
        codes = ", ".join(result["codes"])
        cases = [(f"d{name}", score, codes) for name, score in result["scores"].items()]
        for i, hidden in enumerate(result["hidden"], start=1):
            cases.append((f"hidden problem {i}", float(hidden["ok"]), ", ".join(hidden["codes"])))
        if result["error"] or not cases:
            cases.append(("the file runs", 0.0, result["error"] or "no gradients"))
        failures = sum(score < 1 for _, score, _ in cases)
        suite = ET.SubElement(suites, "testsuite", name=file, tests=str(len(cases)), failures=str(failures), errors="0")
        properties = ET.SubElement(suite, "properties")
        fields = {"score": f"{result['score']:.4f}", "codes": " ".join(result["codes"])}
        fields |= {name: " ".join(map(str, result[name])) for name in ("lines", "seeds")}
        for name, value in {**fields, **({"mend": result["diff"]} if result["diff"] else {})}.items():
            ET.SubElement(properties, "property", name=name, value=value)
        for name, score, words in cases:
            case = ET.SubElement(suite, "testcase", classname=Path(file).stem, name=name)
            if score < 1:
                failure = ET.SubElement(case, "failure", message=words or "wrong", type="GradientMismatch")
                failure.text = "".join(c for c in result["text"] if c in "\n\t" or c >= " ")
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _limited(memory: float, seconds: float) -> None:
    """Limit this process's time, its memory and the size of each file that it writes, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (int(memory * 2**30),) * 2)
            resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_AT_MOST,) * 2)


if __name__ == "__main__":
    order: Any = json.loads(sys.argv[1])
    _limited(order["memory"], order["limit"])
    found: dict[str, Any] = work(order)
    Path(order["out"]).write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # a thread of the user's that never ends must not keep the process
