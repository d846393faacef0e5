"""Ops of the table that a back end has not, written in ops that it has.

In: a tape with any ops. Out: a tape with only those ops that a back end knows.

What an op stands for is said by the op itself: `lower`, `expand` or `forward`, run on tracers as the adjoint runs
`partials`. The adjoint was taken before, so only forward rules are replaced here.
"""

from __future__ import annotations

import functools
from collections.abc import Set as AbstractSet
from typing import Self

from tinygrad_lite.compiler.frontend.paths import TooManyPaths, explore
from tinygrad_lite.compiler.frontend.trace import Trace
from tinygrad_lite.compiler.ir.tape import Builder, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op
from tinygrad_lite.errors import TinygradLiteError


class NoLowering(TinygradLiteError):
    """An op of the table that a fast back end cannot compute; a slower one is used then."""


@functools.lru_cache(maxsize=256)
def formula(op: Op, n: int) -> Tape | None:
    """What an op of n operands stands for, as a tape of those operands; None if that cannot be told.

    It is the op's `lower` or `expand`, or its `forward`, if that is ordinary arithmetic without Python's `math`.
    Where the rule branches, the tape has selects.

    >>> print(formula(ops.relu, 1))
    v0 = x1 < 0.0
    v1 = select(v0, 0.0, x1)
    return v1
    """
    rule = op.lower or op.expand or op.forward
    tape = Builder()
    trace = Trace(tape)
    operands = [trace.input(f"x{i + 1}") for i in range(n)]

    def run() -> list[Ref]:
        return [trace.lift(rule(*operands), op).ref]  # type: ignore[union-attr]

    try:
        tape.outputs = explore(trace, run, cap=16)
    except TooManyPaths:
        return None
    except Exception:
        if rule is not op.forward:
            raise
        return None
    return tape


class Lowered(Builder):
    """A builder that writes known ops only: any other becomes what it stands for, and so on until all are known."""

    def __init__(self, known: AbstractSet[str]) -> None:
        super().__init__()
        self.known = known

    def has(self, op: Op) -> bool:
        return op is ops.sum or (op.name in self.known and op.arity is not None)

    def node(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        return super().node(op, args) if self.has(op) else self.opened(op, args)

    def opened(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        """An op that is not known, written in others."""
        if op.name in self.known:  # one of any number of operands, such as max, is known for two
            return functools.reduce(lambda x, y: self.emit(op, (x, y)), args)
        found = formula(op, len(args))
        if found is None:
            raise NoLowering(f"{op.name} has no kernel, and its entry does not say what to use instead")
        return self.inline(found, args)[0]

    def lower(self, tape: Tape) -> Self:
        """This empty tape with the same program in ops that are known."""
        plainly = self.emit if isinstance(tape, Builder) else self.node  # what is tidy stays tidy
        return self.rewritten(tape, lambda _, op, args: (plainly if self.has(op) else self.opened)(op, args))


def lowered(tape: Tape, known: AbstractSet[str]) -> Builder:
    """The same program in ops whose names are known.

    Raises:
        NoLowering: an op is not known and has no formula; the message names it.

    >>> b = Builder(); x = b.input("x"); b.outputs = [b.node(ops.softsign, (x,))]
    >>> print(lowered(b, {"abs", "add", "div"}))
    v0 = abs(x)
    v1 = 1.0 + v0
    v2 = x / v1
    return v2
    """
    made = Lowered(known)
    return tape if isinstance(tape, Builder) and all(map(made.has, set(tape.op))) else made.lower(tape)
