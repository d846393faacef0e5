"""The lines of the functions that a backward runs, each with a mark that is a fact."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from tinygrad_lite.checking.lines.bench import Bench, close
from tinygrad_lite.checking.lines.functions import Function, is_number
from tinygrad_lite.checking.lines.goals import Goals
from tinygrad_lite.checking.lines.program import Program
from tinygrad_lite.checking.lines.slots import Slot, at

ORDER = ("", "ok", "follows", "off", "wrong")  # a line with several places shows the last of theirs
Where = tuple[Function, int]


class Line(NamedTuple):
    """One line of a function that the backward runs.

    Attributes:
        file, number, function, text: where it stands and what it says.
        mark: "wrong" (a mend changes it), "follows" (its values change with the mend), "ok" (they do not, or it meets
            the goal that its name tells), "off" (it misses that goal), or "" (not checked).
        remark: more about it, such as the visit of a loop in which it first departs.
    """

    file: str
    number: int
    function: str
    text: str
    mark: str = ""
    remark: str = ""

    def __repr__(self) -> str:
        return f"{self.number:4d}  {self.mark:8s}  {self.text}"

    def to_dict(self) -> dict[str, Any]:
        return self._asdict()


def marked(bench: Bench, goals: Goals, program: Program | None) -> list[Line]:
    """Every line of every function that ran, with its mark: compared with the mended program, if there is one."""
    marks: dict[Where, tuple[str, str]] = {}
    before = goals.runs[0]
    after = _placed(bench.record(program, 0).slots) if program is not None else {}
    for place, slot in _placed(before.slots).items():
        found = _compared(slot, after.get(place)) if program else ({True: "ok", False: "off", None: ""}[slot.met], "")
        marks[place[:2]] = max(marks.get(place[:2], ("", "")), found, key=lambda m: ORDER.index(m[0]))
    if program is not None:
        marks |= {where: ("wrong", marks.get(where, ("", ""))[1]) for where in program.edits}
    elif before.stops:
        marks[list(before.stops)[-1]] = ("off", f"raised {type(before.error).__name__}")
    return [
        Line(f.filename, number, f.name, f.lines[number - 1].rstrip("\n"), *marks.get((f, number), ("", "")))
        for f in bench.functions
        if any(function is f for function, _ in marks)
        for number in range(f.first, f.last + 1)
    ]


def _placed(slots: list[Slot]) -> dict[tuple[Function, int, int], Slot]:
    """Each slot by its function, its line and its number there."""
    found: dict[tuple[Function, int, int], Slot] = {}
    for slot in slots:
        same = sum(place[:2] == (slot.function, slot.line) for place in found)
        found[slot.function, slot.line, same] = slot
    return found


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
