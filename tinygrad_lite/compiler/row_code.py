"""What was compiled for rows of one kind.

In: a loss of one row and the arguments of a call. Out: the row's tape, traced by paths, and the runners made of it:
one for the value, one for value and slopes, each made when it is first asked for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tinygrad_lite.compiler import kept, runners
from tinygrad_lite.compiler.arguments import names, numbers, rebuild
from tinygrad_lite.compiler.batch_call import BatchCall
from tinygrad_lite.compiler.finding.rows import RowProgram, mean
from tinygrad_lite.compiler.garbage import unsearched
from tinygrad_lite.compiler.report import described, shown
from tinygrad_lite.compiler.results import same
from tinygrad_lite.compiler.tracing.paths import explore
from tinygrad_lite.compiler.tracing.tape import Builder, Ref
from tinygrad_lite.compiler.tracing.trace import Trace, Tracer
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.tracing import traced_call
from tinygrad_lite.errors import OperandError

if TYPE_CHECKING:
    from tinygrad_lite.compiler.batched import BatchedFunction


class RowCode:
    """What was compiled for one structure of arguments."""

    def __init__(self, owner: BatchedFunction, call: BatchCall) -> None:
        self.name = owner.__name__
        self.backend, self.threads = owner.backend, owner.threads
        start = time.perf_counter()
        self.tape = tape = Builder()
        trace = Trace(tape)
        uniform = [trace.input(name) for name in call.labels()]
        columns: list[Tracer] = []
        labels: dict[str, Ref] = {}
        for name, block in call.blocks.items():
            mine = [trace.input(label) for label in names(block.structure, name)]
            if name in call.choices:
                trace.choices[mine[0].ref] = list(call.choices[name])
            labels[name] = mine[0].ref
            columns += mine
        self.paths = 0

        def run() -> list[Ref]:
            self.paths += 1
            given, rows = iter(uniform), iter(columns)
            args = {
                name: rebuild(structure, rows if name in call.blocks else given, same)
                for name, structure in call.structures.items()
            }
            result = traced_call(trace, owner.f, **args)
            lifted = trace.lift(result, ops.add) if not isinstance(result, list | tuple | dict) else None
            if lifted is None:
                raise OperandError(f"the loss of one row must be one number, but {owner.__name__} gave {result!r}.")
            return [lifted.ref]

        tape.outputs = explore(trace, run)
        self.only_numbers = {name for name, ref in labels.items() if ref not in trace.indices}
        self.captured = tuple(trace.captured)
        # captured leaves stand behind the data on the tape; among the parameters they come last
        front = [t.ref for t in uniform]
        tape.inputs = [*front, *trace.captured.values(), *[t.ref for t in columns]]
        self.parameters = len(front) + len(self.captured)
        self.columns = len(columns)
        self.verified: set[bool] = set()
        self.rows = call.rows
        self.seconds = time.perf_counter() - start
        self.runners: dict[bool, runners.Runner] = {}

    def run(self, chunks: list[Any], data: Sequence[tuple[int, Any]], rows: int, slopes: bool) -> Any:
        runner = self.runners.get(slopes)
        if runner is None:
            runner = self._made(rows, slopes)
        try:
            return runner.run(self.given(chunks), data, rows)
        except (ValueError, ArithmeticError):
            return [math.nan]

    @unsearched()
    def _made(self, rows: int, slopes: bool) -> runners.Runner:
        along = range(self.parameters) if slopes else None
        facts = (self.parameters, self.columns, along)
        make = partial(RowProgram, self.tape, mean(self.parameters), *facts)
        runner = self.runners[slopes] = kept.runner(make, [self.tape], facts, self.backend, rows)
        runner.threads = self.threads
        return runner

    def by_row(self, chunks: list[Any], row: list[float]) -> list[float] | None:
        """The loss of one row by the table's own rules; None if a branch that is not taken refuses its operands."""
        try:
            return self.tape.run([*numbers(self.given(chunks)), *row])
        except (ValueError, ArithmeticError):
            return None

    def given(self, chunks: list[Any]) -> list[Any]:
        """The parameters: those that were given, then those from outside."""
        return chunks + [value.data for value in self.captured] if self.captured else chunks

    def report(self) -> str:
        lines = [
            f"{self.name}: traced one row in {self.seconds:.3f} s: {len(self.tape):,} ops, "
            f"{self.paths} path{'s' * (self.paths > 1)}, {self.parameters:,} parameters, {self.columns} numbers a row."
        ]
        for slopes, runner in sorted(self.runners.items()):
            lines += described("gradient" if slopes else "value", runner.program, runner, self.rows)
        return "\n".join(lines)

    def passes(self) -> Any:
        from tinygrad_lite.compiler import passes

        runner = self.runners[max(self.runners)]
        return passes.passes(self.tape, None, runner.program, runner)

    def source(self, kind: str) -> str:
        which = max(self.runners)
        return shown(kind, self.runners[which].program, self.runners[which])
