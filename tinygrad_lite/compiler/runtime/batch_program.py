"""What was compiled for samples of one kind.

In: a loss of one sample and the arguments of a call. Out: a program whose tape is the sample's, traced by paths; its
result is the mean over the samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, labels
from tinygrad_lite.compiler.backends import choice
from tinygrad_lite.compiler.backends.llvm.tape_runner import SampleMachine, TapeMachine
from tinygrad_lite.compiler.backends.runners import Runner
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall
from tinygrad_lite.compiler.frontend.paths import explore
from tinygrad_lite.compiler.frontend.trace import Trace, Tracer
from tinygrad_lite.compiler.ir.tape import Builder, Ref
from tinygrad_lite.compiler.passes.adjoint import differentiable
from tinygrad_lite.compiler.passes.pipeline import PATHS, differentiated
from tinygrad_lite.compiler.passes.samples import SampleProgram, mean
from tinygrad_lite.compiler.runtime.program import CompilationUnit, Program, Settings, Wrt
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.tracing import traced_call
from tinygrad_lite.errors import OperandError, user_line


class BatchProgram(Program):
    """The loss of one sample, for one structure of arguments.

    Attributes:
        parameters: how many numbers are the same for all samples, those from outside included.
        columns: how many numbers a sample has.
        only_numbers: the batch arguments that are never used as an index.
    """

    first_pass = PATHS

    def __init__(self, f: Callable[..., Any], call: BatchCall, settings: Settings) -> None:
        start = time.perf_counter()
        self.settings = settings
        tape = Builder()
        trace = differentiable(tape)
        uniform = [trace.input(name) for name in call.labels()]
        columns: list[Tracer] = []
        first: dict[str, Ref] = {}
        for name, block in call.blocks.items():
            mine = [trace.input(label) for label in labels(block.structure, name)]
            if name in call.choices:
                trace.choices[mine[0].ref] = list(call.choices[name])
            first[name] = mine[0].ref
            columns += mine
        self.paths = 0

        def run() -> list[Ref]:
            self.paths += 1
            args, kwargs = call.arguments(uniform, columns)
            return self._results(trace, traced_call(trace, f, *args, **kwargs))

        tape.outputs = explore(trace, run)
        super().__init__(tape, tuple(trace.captured), settings)
        self.only_numbers: set[str] = {name for name, ref in first.items() if ref not in trace.indices}
        # captured leaves stand behind the data on the tape; among the parameters they come last
        front = [t.ref for t in uniform]
        tape.inputs = [*front, *trace.captured.values(), *[t.ref for t in columns]]
        self.parameters: int = len(front) + len(self.captured)
        self.columns: int = len(columns)
        self.samples: int = call.samples
        self.seconds: float = time.perf_counter() - start

    def _results(self, trace: Trace, result: Any) -> list[Ref]:
        lifted = trace.lift(result, ops.add) if not isinstance(result, list | tuple | dict) else None
        if lifted is None:
            raise OperandError(
                f"the loss of one sample must be one number, but {self.settings.name} gave {result!r}{user_line()}.\n"
                "  For what it gives for each sample, call its `each` with the same arguments."
            )
        return [lifted.ref]

    def inputs(self, wrt: Wrt) -> Wrt:
        """All parameters, if gradients are wanted."""
        return None if wrt is None else range(self.parameters)

    def _machine(self, wrt: Wrt) -> TapeMachine:
        return SampleMachine(self.tape, self.parameters, wrt)

    def _name(self, wrt: Wrt, backend: str | None) -> None:
        """There are no samples to be looked for, so what it is made of is named alone."""
        return

    def _unit(self, wrt: Wrt) -> CompilationUnit:
        facts = self.parameters, self.columns, wrt
        make = partial(SampleProgram, self.tape, mean(self.parameters), *facts)
        return CompilationUnit(make, [self.tape], ("batch", self.columns))

    def by_sample(self, chunks: list[Any], sample: list[float]) -> list[float] | None:
        """The loss of one sample by the table's own rules; None if a branch that is not taken refuses its operands."""
        try:
            return self.tape.run([*numbers(chunks), *self.outside(), *sample])
        except (ValueError, ArithmeticError):
            return None

    def _head(self) -> str:
        paths = f"{self.paths} path{'s' * (self.paths > 1)}"
        return (
            f"{self.settings.name}: traced one sample in {self.seconds:.3f} s: {len(self.tape):,} ops, {paths}, "
            f"{self.parameters:,} parameters, {self.columns} numbers a sample."
        )


class EachProgram(BatchProgram):
    """What a function gives for each sample, be it one number or many."""

    structure: Structure = None  # of the result for one sample

    def _results(self, trace: Trace, result: Any) -> list[Ref]:
        structure, found = trace.lifted(result)
        if self.structure is not None and structure != self.structure:
            raise OperandError(
                f"{self.settings.name} gives results of another shape where it takes another branch{user_line()}."
            )
        self.structure = structure
        return [x.ref for x in found]

    def _first(self, wrt: Wrt, samples: int) -> Runner:
        with self._noting(wrt):
            program = differentiated(SampleProgram(self.tape, None, self.parameters, self.columns, None))
            made = self.runners[wrt] = choice.runner(program, self.settings.backend, samples)
        return made
