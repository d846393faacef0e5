"""A lesson's code: read from a file, a notebook or standard input, and run only as far as it is needed.

Imports, functions, classes and plain assignments are run, each once. Loops, plots, prints and training are not: a
loop that trains at the top level is kept as code, for `scripts.py`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import sys
import types
from pathlib import Path
from typing import Any

NOT_RUN = (
    "train", "fit", "main", "run", "learn", "optimize", "optimise", "gradient_descent", "input", "open", "exit", "quit"
)  # fmt: skip
SHOWS = ("matplotlib", "seaborn", "plotly", "tqdm", "IPython", "pylab")


class Lesson:
    """What a lesson defines.

    Attributes:
        name: of the file or module, for reports.
        names: everything defined, by name, in order.
        loops: the loops at its top level, which were not run.
        skipped: for each statement that failed, its line and why.
    """

    def __init__(self, name: str, names: dict[str, Any], loops: list[ast.stmt] | None = None) -> None:
        self.name: str = name
        self.names: dict[str, Any] = names
        self.loops: list[ast.stmt] = loops or []
        self.skipped: list[tuple[int, str]] = []

    def own(self, kind: Any) -> dict[str, Any]:
        """Its own functions or classes by name, not those it imported."""
        home = self.names.get("__name__")
        return {
            name: x
            for name, x in self.names.items()
            if isinstance(x, kind) and (home is None or getattr(x, "__module__", None) == home)
        }


class Inert(types.ModuleType):
    """A stand-in for a library that only shows things: everything in it can be called and does nothing."""

    def __init__(self, name: str = "inert") -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return arguments[0] if arguments and self.__name__ in ("tqdm", "trange") else self

    def __iter__(self) -> Any:
        return iter((Inert(), Inert()))


def code_of(path: str) -> str:
    """The code of a file, of a notebook's code cells, or of standard input for "-"."""
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    if path.endswith(".ipynb") or text.lstrip().startswith('{"cells"') or text.lstrip().startswith('{\n "cells"'):
        cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        sources = ["".join(c["source"]) for c in cells]
        lines = "\n\n".join(s for s in sources if not s.startswith("%%")).splitlines()
        text = "\n".join("pass" + " " * 0 if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines)
    return text


def load(text: str, name: str) -> Lesson:
    """Run what is needed of a lesson's code.

    Raises:
        SyntaxError: it is no Python.
    """
    tree = ast.parse(text, filename=name)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # so that its source can be read
    module = types.ModuleType("lesson")
    names = module.__dict__
    lesson = Lesson(name, names)
    saved = {key: sys.modules.get(key) for key in ("lesson",)}
    sys.modules["lesson"] = module
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            _run(tree.body, lesson, name)
    finally:
        sys.modules.pop("lesson", None)
        sys.modules.update({key: old for key, old in saved.items() if old is not None})
    return lesson


def _run(body: list[ast.stmt], lesson: Lesson, filename: str) -> None:
    for statement in body:
        if isinstance(statement, (ast.For, ast.While)):
            lesson.loops.append(statement)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            _run(statement.body, lesson, filename)
        elif _wanted(statement):
            try:
                _execute(statement, lesson, filename)
            except Exception as reason:
                lesson.skipped.append((statement.lineno, f"{type(reason).__name__}: {reason}"))


def _execute(statement: ast.stmt, lesson: Lesson, filename: str) -> None:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        top = (statement.module or "") if isinstance(statement, ast.ImportFrom) else statement.names[0].name
        if top.partition(".")[0] in SHOWS:
            for alias in statement.names:
                lesson.names[alias.asname or alias.name.partition(".")[0]] = Inert(alias.name)
            return
    exec(compile(ast.Module([statement], []), filename, "exec"), lesson.names)


def _wanted(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return ast.unparse(statement).partition("(")[0].endswith(("seed", "defvjp"))
    if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        calls = (ast.unparse(n.func).rpartition(".")[2] for n in ast.walk(statement) if isinstance(n, ast.Call))
        return not any(call.lower().startswith(NOT_RUN) for call in calls)
    return isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom))
