"""Mends and marked lines: what the search found, as data."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path
from typing import Any

from tinygrad_lite.checking.lines.bench import Bench, close
from tinygrad_lite.checking.lines.functions import Function, World, is_number
from tinygrad_lite.checking.lines.goals import Goals
from tinygrad_lite.checking.lines.loss import Forward
from tinygrad_lite.checking.lines.program import Program, Standing
from tinygrad_lite.checking.lines.reasons import reason
from tinygrad_lite.checking.lines.slots import Slot, at
from tinygrad_lite.checking.lines.text import mended_lines, source_of
from tinygrad_lite.checking.network.arrays import np


class Line:
    """One line of a function that the backward runs.

    Attributes:
        file, number, function, text: where it stands and what it says.
        mark: "wrong" (a mend changes it), "follows" (its values change with the mend), "ok" (they do not, or it meets
            the goal that its name tells), "off" (it misses that goal), or "" (not checked).
        remark: more about it, such as the visit of a loop in which it first departs.
    """

    __slots__ = ("file", "number", "function", "text", "mark", "remark")

    def __init__(self, file: str, number: int, function: str, text: str, mark: str = "", remark: str = "") -> None:
        self.file: str = file
        self.number: int = number
        self.function: str = function
        self.text: str = text
        self.mark: str = mark
        self.remark: str = remark

    def __repr__(self) -> str:
        return f"{self.number:4d}  {self.mark:8s}  {self.text}"

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Edit:
    """One change: in which function, on which line, what stood there and what is to stand there.

    Attributes:
        old, new: lines of text; `old` is "" where a line is put in after `line`, `new` where it is left out.
    """

    __slots__ = ("function", "line", "old", "new")

    def __init__(self, function: str, line: int, old: str, new: str) -> None:
        self.function: str = function
        self.line: int = line
        self.old: str = old
        self.new: str = new

    def __repr__(self) -> str:
        return f"line {self.line}: {self.old.strip() or '(nothing)'} -> {self.new.strip() or '(nothing)'}"

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Mend:
    """Changes with which every gradient is exact on every problem that was tried.

    Attributes:
        edits: the changes, in the order of the text.
        sources: qualified name: the whole text of each changed function.
        files: file: its whole text with the changes.
        diff: the changes as a unified diff of the user's own text, for `patch` and `git apply`.
        function: the mended backprop, to call at once (a copy: the user's own is not changed).
        problems: on how many problems every gradient was exact.
        sizes: they were of different sizes; if not, a size may be written in.
        reasons: for each change a code and, where the loss tells it, a sentence why.
        tied: the lines of other mends that are as good.
    """

    def __init__(self, bench: Bench, program: Program, stands: Standing, forward: Forward) -> None:
        self._bench = bench
        self._changed = {f: t for f, t in program.trees.items() if t is not f.tree}
        self.reasons = [reason(f, program.trees[f], line, forward) for f, line in sorted(program.edits, key=_line)]
        tried = [p for k, p in enumerate(bench.problems) if k not in stands.raised]
        shapes = {tuple(np.shape(x) for x in (*p.params.values(), *p.data)) for p in tried}
        self.problems: int = len(tried)
        self.sizes: bool = len(shapes) > 1
        self.tied: list[int] = []
        self.sources: dict[str, str] = {f.name: source_of(f, t) for f, t in self._changed.items()}
        self.edits: list[Edit] = sorted(self._edits(), key=lambda e: e.line)

    def _edits(self) -> list[Edit]:
        found = []
        for f, tree in self._changed.items():
            new = mended_lines(f.lines, {f: tree})
            plain = [[line.rstrip("\n") for line in lines] for lines in (f.lines, new)]
            matched = difflib.SequenceMatcher(None, plain[0], plain[1], autojunk=False)
            for tag, i, j, k, m in matched.get_opcodes():
                if tag == "replace" and j - i == m - k:
                    found += [Edit(f.name, i + n + 1, plain[0][i + n], plain[1][k + n]) for n in range(j - i)]
                elif tag != "equal":
                    line = i + 1 if j > i else i
                    found.append(Edit(f.name, line, "\n".join(plain[0][i:j]), "\n".join(plain[1][k:m])))
        return found

    @property
    def diff(self) -> str:
        lines = {f.filename: f.lines for f in self._changed}
        return "".join(unified(lines[file], text, Path(file).name) for file, text in self.files.items())

    @property
    def files(self) -> dict[str, str]:
        files: dict[str, dict[Function, Any]] = {}
        for f, tree in self._changed.items():
            files.setdefault(f.filename, {})[f] = tree
        return {file: "".join(mended_lines(next(iter(fs)).lines, fs)) for file, fs in files.items()}

    @property
    def function(self) -> Any:
        world = World(self._bench.original.backprop_fn)
        for original, tree in self._changed.items():
            for f in world.functions:
                if f.original is original.original:
                    f.copy.__code__ = original.compiled(tree)
        return world.entry

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.edits))

    def to_dict(self) -> dict[str, Any]:
        return {
            "edits": [e.to_dict() for e in self.edits],
            "diff": self.diff,
            "sources": self.sources,
            "problems": self.problems,
            "other_sizes": self.sizes,
            "reasons": [r.to_dict() for r in self.reasons],
            "tied": self.tied,
        }


def _line(edit: tuple[Function, int]) -> int:
    return edit[1]


def unified(old: list[str], new: str, name: str) -> str:
    """A unified diff as git writes it, which also says where a file does not end with a new line."""
    found = []
    for line in difflib.unified_diff(old, new.splitlines(keepends=True), f"a/{name}", f"b/{name}"):
        found.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(found)


# ------------------------------------------------------------------ marks


def marked(bench: Bench, goals: Goals, program: Program | None) -> list[Line]:
    """Every line of every function that ran, with its mark: compared with the mended program, if there is one."""
    marks: dict[tuple[Function, int], tuple[str, str]] = {}
    before = goals.runs[0]
    if program is not None:
        after = dict(_placed(bench.record(program, 0).slots))
        edited = {(f, line) for f, line in program.edits}
    for place, slot in _placed(before.slots):
        here = (slot.function, slot.line)
        if program is not None:
            mark, remark = _compared(slot, after.get(place))
            if here in edited:
                mark = "wrong"
        else:
            mark, remark = {True: "ok", False: "off", None: ""}[slot.met], ""
        worst = marks.get(here, ("", ""))
        if _RANK[mark] > _RANK[worst[0]]:
            marks[here] = (mark, remark)
    if program is not None:
        marks.update({where: ("wrong", marks.get(where, ("", ""))[1]) for where in edited})
    elif before.error is not None and before.function is not None:
        marks[before.function, before.line] = ("off", f"raised {type(before.error).__name__}")
    found = []
    for f in bench.functions:
        if any(function is f for function, _ in marks):
            last = f.tree.end_lineno or f.first
            for number in range(f.first, last + 1):
                mark, remark = marks.get((f, number), ("", ""))
                found.append(Line(f.filename, number, f.name, f.lines[number - 1].rstrip("\n"), mark, remark))
    return found


def _placed(slots: list[Slot]) -> list[tuple[tuple[Function, int, int], Slot]]:
    """Each slot with its function, its line and its number there."""
    count: dict[tuple[Function, int], int] = {}
    found = []
    for slot in slots:
        here = (slot.function, slot.line)
        count[here] = count.get(here, 0) + 1
        found.append(((*here, count[here]), slot))
    return found


_RANK = {"": 0, "ok": 1, "follows": 2, "off": 3, "wrong": 4}


def _compared(slot: Slot, twin: Slot | None) -> tuple[str, str]:
    """The mark of a slot that was not changed, and in which step of a loop it departs."""
    if twin is None or not slot.visits or not all(is_number(x) for _, x in slot.visits):
        return "", ""
    if len(slot.visits) != len(twin.visits):
        return "follows", ""
    for (local, x), (_, y) in zip(slot.visits, twin.visits, strict=True):
        if not is_number(y) or not close(x, y, 1e-9):
            return "follows", _step(slot, local) if len(slot.visits) > 1 else ""
    return "ok", ""


def _step(slot: Slot, local: dict[str, Any]) -> str:
    """`from step t=3 on`: the innermost loop around a slot."""
    loops = [at(slot.function.tree, slot.path[:k]) for k in range(len(slot.path))]
    names = [n.target.id for n in loops if isinstance(n, ast.For) and isinstance(n.target, ast.Name)]
    if not names or not isinstance(local.get(names[-1]), int):
        return ""
    return f"from step {names[-1]}={local[names[-1]]} on"
