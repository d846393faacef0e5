"""A worksheet: exercises on one page to print, and their key on a page after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_lite.errors import OperandError
from tinygrad_lite.exercises.exercise import Exercise, exercise
from tinygrad_lite.exercises.kinds import KINDS
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Heading, Report, Table


class Space:
    """Room to write in, or on paper the beginning of a new page."""

    def __init__(self, new_page: bool = False) -> None:
        self.style = "break-before:page" if new_page else "height:6em;border-bottom:1px dotted currentColor"

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        return "." * min(width, 60)

    def html(self) -> str:
        return f'<div style="{self.style}"></div>'

    def markdown(self) -> str:
        return "---"

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "space"}


def worksheet(kinds: Iterable[str] = tuple(KINDS), *, level: int = 1, count: int = 6, seed: int = 0) -> Report:
    """Exercises on one page with room to write, and their key on the next: `worksheet(level=2).save("sheet.html")`.

    Args:
        kinds: which kinds, taken in turn; one that the level does not have is left out.
        level: 1 to 4, as in `tg.exercise`.
        count: how many exercises.
        seed: the first one's; the same seed gives the same sheet.

    Raises:
        OperandError: an unknown kind or level, or no exercise of these kinds at this level.

    >>> sheet = worksheet(["gradient"], level=1, count=2)
    >>> print(sheet.title)
    Exercises on the chain rule, level 1
    """
    made: list[Exercise] = []
    refused: OperandError | None = None
    asked = list(kinds)
    for i in range(count):
        for kind in asked[i % len(asked) :] + asked[: i % len(asked)]:
            try:
                made.append(exercise(kind, level=level, seed=seed + i))
                break
            except OperandError as error:
                refused = error
    if refused and not made:
        raise refused
    report = Report(say("Exercises on the chain rule, level {0}", level))
    for i, each in enumerate(made, start=1):
        question = each.report()
        report.add(Heading(f"{i}. {question.title}", 3))
        for part in question.parts:
            report.add(part)
        report.add(Space())
    report.add(Space(new_page=True)).heading(say("Key"))
    report.table(Table(["", say("answer")], [[i, _key(each.key)] for i, each in enumerate(made, start=1)]))
    return report


def _key(key: Any) -> str:
    """A key in one line."""
    if isinstance(key, dict):
        return ", ".join(f"{name} = {x}" for name, x in key.items())
    return ", ".join(key) if isinstance(key, list) else str(key).replace("\n", "; ")
