"""What a back end is given: a program, and the plans made of it.

In: a tape (a loss of rows: rows.py; neighbours: stencil.py; or neither, here). Out: its plans, in rows of the table
that the back end knows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler.deriving.adjoint import gradient, tidied
from tinygrad_lite.compiler.deriving.lowering import lowered
from tinygrad_lite.compiler.deriving.quotients import reciprocals
from tinygrad_lite.compiler.finding.rows import RowProgram
from tinygrad_lite.compiler.finding.stencil import StencilProgram
from tinygrad_lite.compiler.planning.plan import Plan
from tinygrad_lite.compiler.planning.reroll import reroll
from tinygrad_lite.compiler.tracing.tape import Builder, Ref, Tape


class PlainProgram:
    """A tape without rows in the form of a row program: all of it is finale."""

    def __init__(self, tape: Tape, along: Sequence[Ref] | None) -> None:
        finale = tidied(tape)
        guards = [guard.flag for guard in finale.guards]
        if along is not None:
            position = {ref: i for i, ref in enumerate(tape.inputs)}
            gradient(finale, [finale.inputs[position[ref]] for ref in along])
        finale.outputs += guards  # flags: the caller compares them with what they were
        finale.guards = []
        self.finale = finale
        self.finale_arrays = {ref: ("P", i) for i, ref in enumerate(finale.inputs)}
        self.parameters = len(finale.inputs)
        self.columns = 0
        self.row: Builder | None = None
        self.row_arrays: dict[Ref, tuple[str, int]] = {}
        self.prologue = Builder()
        self.outputs = len(finale.outputs)


Program = RowProgram | PlainProgram | StencilProgram


class Plans:
    """The plans of a program, with rows of the table replaced where the back end has none of that name."""

    def __init__(self, program: Program, known: set[str], whole: bool = False) -> None:
        """Args:
        known: the rows of the table that the back end can compute.
        whole: it computes whole arrays, one operation after the other.
        """
        self.known = known
        self.seconds = {}
        start = time.perf_counter()
        n = program.parameters
        after = list(range(n, n + len(program.prologue.outputs)))
        uniform = {ref: ("P", i) if i < n else ("N", 0) for i, ref in enumerate(program.prologue.inputs)}
        self.prologue = _rerolled(program.prologue, uniform, known, places=after) if after else None
        self.rows = None
        if program.row is not None:
            self.rows = _rerolled(program.row, program.row_arrays, known, rows=("X",))
        if isinstance(program, StencilProgram):
            self.finale = program.plan(known, whole)
        else:
            self.finale = _rerolled(program.finale, program.finale_arrays, known)
        self.sums = len(program.row.outputs) if program.row is not None else 0
        self.seconds["finding loops"] = time.perf_counter() - start

    def __iter__(self) -> Any:
        return iter([p for p in (self.prologue, self.rows, self.finale) if p is not None])


def _rerolled(tape: Tape, arrays: Mapping[Ref, tuple[str, int]], known: set[str], **how: Any) -> Plan:
    low = reciprocals(lowered(tape, known))
    moved = {new: arrays[old] for new, old in zip(low.inputs, tape.inputs, strict=True)}
    return reroll(low, moved, **how)
