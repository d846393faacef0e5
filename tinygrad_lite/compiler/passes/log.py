"""What each pass has left, noted while it runs.

In: the name of a pass of the list (`passes.PASSES`) and what it made. Out: for `fast.passes()` what ran, in order; and,
as it happens, for `tg.compile(..., dump=)`.

    with noting(log):
        ...
        ran("lower", {"each sample": tape})

Text is made only if somebody wants to read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from tinygrad_lite.compiler.ir.loop_nest import LoopNest, Plan
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.compiler.passes import PASSES

_KNOWN = {each.name: each for each in PASSES}

Left = Tape | Plan | list[list[LoopNest]] | Callable[[], str]
"""A tape, a plan, the loop nests of a plan with those that share a loop together, or what writes a text."""


class Ran(NamedTuple):
    """One pass that ran: how much it left, and what."""

    name: str
    left: Mapping[str, Callable[[], str]]
    many: Callable[[], str]

    def shown(self, number: int, lines: int | None) -> str:
        """Its first lines, or all of them (None), below what it is."""
        written = "\n".join(f"# {title}\n{text()}" if title else text() for title, text in self.left.items()).split(
            "\n"
        )
        more = len(written) - lines if lines is not None and len(written) > lines + 1 else 0
        head = f"{number}. {self.name}: {_KNOWN[self.name].leaves} ({self.many()})"
        body = "\n".join("   " + line if line else "" for line in written[: lines if more else None])
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

    def add(self, name: str, left: Left | Mapping[str, Left]) -> None:
        parts = dict(left) if isinstance(left, Mapping) else {"": left}
        self.append(Ran(name, {title: _text(part) for title, part in parts.items()}, _size(list(parts.values()))))
        if self.dump is not None:
            self.dump(self[-1].shown(len(self), None))

    def shown(self, lines: int | None) -> str:
        """All of them as one text."""
        return "\n\n".join(each.shown(k, lines) for k, each in enumerate(self, 1))


_log: ContextVar[Log | None] = ContextVar("log", default=None)


@contextmanager
def noting(log: Log) -> Iterator[Log]:
    """Note in this log what passes do meanwhile."""
    token = _log.set(log)
    try:
        yield log
    finally:
        _log.reset(token)


def ran(name: str, left: Left | Mapping[str, Left]) -> None:
    """A pass says what it has left: a tape, a plan or text, or several of these by a title."""
    log = _log.get()
    if log is not None:
        log.add(name, left)


def _text(left: Left) -> Callable[[], str]:
    """The text of what was left as it is now: a tape may grow later."""
    if isinstance(left, Plan):
        return left.__str__
    if isinstance(left, list):
        return lambda: "\n".join(map(_together, left))
    if not isinstance(left, Tape):
        return left
    n, outputs, guards = len(left), list(left.outputs), list(left.guards)

    def text() -> str:
        seen = Tape()
        seen.op, seen.args, seen.sources = left.op[:n], left.args[:n], left.sources
        seen.outputs, seen.guards = outputs, guards
        return str(seen)

    return text


def _size(parts: list[Left]) -> Callable[[], str]:
    """How much it is, in words."""
    if callable(parts[0]):
        return lambda: _counted(sum(part().count("\n") + 1 for part in parts if callable(part)), "line")
    if isinstance(parts[0], Tape):
        ops = sum(len(part) for part in parts if isinstance(part, Tape))
        return lambda: _counted(ops, "op")
    nests = sum(len(part.nests) for part in parts if isinstance(part, Plan))
    nests += sum(len(together) for part in parts if isinstance(part, list) for together in part)
    return lambda: _counted(nests, "loop nest")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _together(nests: list[LoopNest]) -> str:
    return str(nests[0]) if len(nests) == 1 else "\n    ".join(["together:", *map(str, nests)])
