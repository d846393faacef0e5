"""What was compiled for samples of one kind.

In: a loss of one sample and the arguments of a call. Out: the sample's tape, traced by paths, and the runners made of
it: one for the value, one for value and gradients, each made when it is first asked for.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.backends.llvm.tape_runner import SampleMachine
from tinygrad_lite.compiler.frontend.arguments import names, numbers, rebuild
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall
from tinygrad_lite.compiler.frontend.paths import explore
from tinygrad_lite.compiler.frontend.results import same
from tinygrad_lite.compiler.frontend.trace import Tracer
from tinygrad_lite.compiler.ir.tape import Builder, Ref
from tinygrad_lite.compiler.passes.adjoint import differentiable
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.samples import SampleProgram, mean
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.report import described, shown
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.tracing import traced_call
from tinygrad_lite.errors import OperandError

if TYPE_CHECKING:
    from tinygrad_lite.compiler.batched import BatchedFunction


class BatchProgram:
    """What was compiled for one structure of arguments."""

    def __init__(self, owner: BatchedFunction, call: BatchCall) -> None:
        self.name = owner.__name__
        self.backend, self.threads = owner.backend, owner.threads
        start = time.perf_counter()
        self.tape = tape = Builder()
        trace = differentiable(tape)
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
            given, samples = iter(uniform), iter(columns)
            args = {
                name: rebuild(structure, samples if name in call.blocks else given, same)
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
        self.samples = call.samples
        self.seconds = time.perf_counter() - start
        self.runners: dict[bool, runners.Runner] = {}

    def run(
        self, chunks: list[Any], data: Sequence[tuple[int, Any]], samples: int, gradients: bool, again: bool = False
    ) -> Any:
        """The mean over the samples, then its gradient.

        Args:
            again: the user calls once more, which brings the program nearer to loops of its own.
        """
        runner = self.runners.get(gradients) or self._first(samples, gradients)
        if again and isinstance(runner, SampleMachine) and runner.due(samples):
            runner = self.loops(samples, gradients)
        try:
            return runner.run(self.given(chunks), data, samples)
        except (ValueError, ArithmeticError):
            return [math.nan]

    def _first(self, samples: int, gradients: bool) -> runners.Runner:
        """The tape in machine code, which is ready at once; loops where a back end was named."""
        if self.backend is None and choice.available()[0] == "llvm":
            with contextlib.suppress(NoLowering):
                wrt = range(self.parameters) if gradients else None
                self.runners[gradients] = SampleMachine(self.tape, self.parameters, wrt)
                return self.runners[gradients]
        return self.loops(samples, gradients)

    @gc_paused()
    def loops(self, samples: int, gradients: bool) -> runners.Runner:
        """The runner for these, with loops of its own."""
        runner = self.runners.get(gradients)
        if runner is not None and not isinstance(runner, SampleMachine):
            return runner
        wrt = range(self.parameters) if gradients else None
        facts = (self.parameters, self.columns, wrt)
        make = partial(SampleProgram, self.tape, mean(self.parameters), *facts)
        runner = program_cache.runner(make, [self.tape], facts, self.backend, samples)
        runner.threads = self.threads
        self.verified.discard(gradients)  # they have to agree with the engine, as the tape had
        self.runners[gradients] = runner
        return runner

    def by_sample(self, chunks: list[Any], sample: list[float]) -> list[float] | None:
        """The loss of one sample by the table's own rules; None if a branch that is not taken refuses its operands."""
        try:
            return self.tape.run([*numbers(self.given(chunks)), *sample])
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
        for gradients, runner in sorted(self.runners.items()):
            lines += described("gradient" if gradients else "value", runner.program, runner, self.samples)
        return "\n".join(lines)

    def passes(self) -> Any:
        from tinygrad_lite.compiler.runtime import dump

        runner = self.runners[max(self.runners)]
        return dump.passes(self.tape, None, runner.program, runner)

    def source(self, kind: str) -> str:
        which = max(self.runners)
        return shown(kind, self.runners[which].program, self.runners[which])
