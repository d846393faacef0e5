"""What each pass has left, noted while it runs.

In: a pass of the list (pipeline.py) and what it made. Out: for `fast.passes()` what ran, in order; and, as it happens,
for `tg.compile(..., dump=)`.

    with noting(log):
        ...
        ran(EMIT, text)

Text is made only if somebody wants to read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from tinygrad_lite.compiler.ir.loop_nest import LoopNest, Plan
from tinygrad_lite.compiler.ir.tape import Tape

Left = Tape | Plan | list[list[LoopNest]] | Callable[[], str]
"""A tape, a plan, the loop nests of a plan with those that share a loop together, or what writes a text."""


class Pass(NamedTuple):
    """One pass: its name, what it takes, what it leaves, and its function of a `Work`, if pipeline.py runs it."""

    name: str
    takes: str
    leaves: str
    run: Callable[[Any], Left | Mapping[str, Left] | None] | None = None


Part = tuple[Callable[[], str], Callable[[], int], str]
"""Of what was left: its text, how much it is, and of what."""


class Ran(NamedTuple):
    """One pass that ran, and what it left, by titles."""

    each: Pass
    left: Mapping[str, Part]

    def text(self, number: int, lines: int | None) -> str:
        """Its first lines, or all of them (None), below what it is."""
        texts = [f"# {title}\n{text()}" if len(self.left) > 1 else text() for title, (text, _, _) in self.left.items()]
        rendered = "\n".join(texts).split("\n")
        more = len(rendered) - lines if lines is not None and len(rendered) > lines + 1 else 0
        n, what = sum(count() for _, count, _ in self.left.values()), next(iter(self.left.values()))[2]
        head = f"{number}. {self.each.name}: {self.each.leaves} ({n:,} {what}{'s' * (n != 1)})"
        body = "\n".join("   " + line if line else "" for line in rendered[: lines if more else None])
        return f"{head}\n{body}" + (f"\n   ... {more:,} more lines" if more else "")


class Log(list[Ran]):
    """The passes that made one program, in order.

    Args:
        dump: is given each as text, as soon as it has run.
        ran: those that ran before.
    """

    def __init__(self, dump: Callable[[str], Any] | None = None, ran: Iterable[Ran] = ()) -> None:
        super().__init__(ran)
        self.dump = dump

    def add(self, each: Pass, left: Left | Mapping[str, Left]) -> None:
        parts = left if isinstance(left, Mapping) else {"": left}
        self.append(Ran(each, {title: _part(part) for title, part in parts.items()}))
        if self.dump is not None:
            self.dump(self[-1].text(len(self), None))

    def text(self, lines: int | None) -> str:
        """All of them as one text."""
        return "\n\n".join(each.text(k, lines) for k, each in enumerate(self, 1))


_log: ContextVar[Log | None] = ContextVar("log", default=None)


@contextmanager
def noting(log: Log) -> Iterator[Log]:
    """Note in this log what passes do meanwhile."""
    token = _log.set(log)
    try:
        yield log
    finally:
        _log.reset(token)


def ran(each: Pass, left: Left | Mapping[str, Left]) -> None:
    """A pass says what it has left: a tape, a plan or text, or several of these by a title."""
    log = _log.get()
    if log is not None:
        log.add(each, left)


def _part(left: Left) -> Part:
    """What was left, as it is now: a tape may grow later."""
    if isinstance(left, Plan):
        return left.__str__, lambda: len(left.nests), "loop nest"
    if isinstance(left, list):
        return lambda: "\n".join(map(_together, left)), lambda: sum(map(len, left)), "loop nest"
    if not isinstance(left, Tape):
        return left, lambda: left().count("\n") + 1, "line"
    n, outputs, guards = len(left), list(left.outputs), list(left.guards)

    def text() -> str:
        seen = Tape()
        seen.op, seen.args, seen.sources = left.op[:n], left.args[:n], left.sources
        seen.outputs, seen.guards = outputs, guards
        return str(seen)

    return text, lambda: n, "op"


def _together(nests: list[LoopNest]) -> str:
    return str(nests[0]) if len(nests) == 1 else "\n    ".join(["together:", *map(str, nests)])
