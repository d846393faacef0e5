"""One compiled program: the tape of one path through a function, and the code made from it.

In: a traced tape. Out: something that runs it on new numbers, checks its guards, and can show every
stage it went through. The value and the gradient are made when first asked for, each once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.compiler import backends, batching, kept, passes, stencil
from tinygrad_lite.compiler.arguments import Structure
from tinygrad_lite.compiler.garbage import unsearched
from tinygrad_lite.compiler.report import described, shown
from tinygrad_lite.compiler.rows import RowProgram
from tinygrad_lite.compiler.tape import Tape
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

Along = tuple[int, ...] | range | None
"""Which inputs the slopes are wanted for; None for the value alone."""


class Program:
    """A tape with its guards, and the runners for its value and its gradient."""

    def __init__(
        self,
        tape: Tape,
        result: Structure,
        captured: tuple[Value, ...],
        backend: str | None,
        name: str,
    ) -> None:
        self.tape = tape
        self.result = result
        self.outputs = len(tape.outputs)
        self.captured = captured
        self.backend = backend
        self.threads: int | None = None
        self.name = name
        self.traced: list[float] = []  # the numbers of the traced run, computed by the rows themselves
        self.verified: set[Any] = set()  # for which slopes the code agreed with the engine
        self.seconds = 0.0
        self.runners: dict[Any, backends.Runner] = {}
        self.transforms: dict[Any, backends.Runner] = {}
        self.found: dict[Any, batching.Batch | None] = {}
        self.expected: dict[Any, list[float]] = {}  # what the flags of the guards must be

    def run(self, chunks: list[Any], along: Along) -> Any:
        """The outputs (the value first, then the slopes along those inputs); None if a guard does not hold."""
        runner = self.runners.get(along) or self._made(along)
        try:
            out = runner.run(*self.given(chunks, along))
        except (ValueError, ArithmeticError):
            return [math.nan]
        expected = self.expected[along]
        if expected:
            n = len(out) - len(expected)
            if any(flag != wanted for flag, wanted in zip(out[n:], expected, strict=True)):
                return None
            return out[:n]
        return out

    def given(self, chunks: list[Any], along: Along) -> tuple[list[Any], list[tuple[int, Any]], int]:
        """What the runner is given: parameters, data gathered from them, and the number of rows."""
        batch = self.found[along]
        given = chunks + [value.data for value in self.captured] if self.captured else chunks
        if batch is None:
            return given, [], 0
        gathered = batch.gathered.shape[1]
        return given, [(batch.fixed.shape[1], _taken(given, batch.gathered))] if gathered else [], batch.rows

    def transformed(self, transform: Any, along: Along, chunks: list[Any], more: list[Any]) -> Any:
        """The outputs of a tape made from this one by `transform`, with further inputs behind the others."""
        runner = self.transforms.get(transform)
        if runner is None:
            tape = transform(self.tape, along or ())
            tape.guards = []  # they were looked at when the value was computed
            program = backends.PlainProgram(tape, None)
            runner = self.transforms[transform] = backends.runner(program, self.backend)
        return runner.run([*chunks, *[value.data for value in self.captured], *more])

    def finite(self, out: Sequence[float]) -> bool:
        return backends.finite(out)

    @unsearched()
    def _made(self, along: Along) -> backends.Runner:
        start = time.perf_counter()
        if along is not None and self.outputs != 1:
            raise OperandError(
                f"a gradient needs one number to differentiate, but {self.name} returns {self.outputs}{user_line()}."
            )
        keep = [self.tape.inputs[i] for i in along or ()]
        alike = batching.alike(self.tape) if backends.available() != ["tape"] else None
        batch = batching.joined(self.tape, alike, keep)
        rows = None
        if batch is None and along and self.backend != "tape" and "numpy" in backends.available():
            rows = stencil.find(batching.joined(self.tape, alike), len(self.tape.inputs), along)
        if rows is not None:
            runner = backends.runner(rows, self.backend)
            expected = []
        elif batch is None:
            wanted = None if along is None else keep
            plain = partial(backends.PlainProgram, self.tape, wanted)
            runner = kept.runner(plain, [self.tape], ("plain", wanted), self.backend)
            expected = [float(guard.outcome) for guard in self.tape.guards]
        else:
            facts = (len(self.tape.inputs), batch.fixed.shape[1] + batch.gathered.shape[1], along)
            by_row = partial(RowProgram, batch.row, batch.epilogue, *facts)
            runner = kept.runner(by_row, [batch.row, batch.epilogue], facts, self.backend, batch.rows)
            expected = [float(guard.outcome) for guard in batch.epilogue.guards]
            expected += [float(guard.outcome) * batch.rows for guard in batch.row.guards]
            if batch.fixed.shape[1]:
                runner.fixed = [(0, batch.fixed)]
        self.found[along], self.expected[along] = batch, expected
        runner.threads = self.threads
        self.runners[along] = runner
        self.seconds += time.perf_counter() - start
        return runner

    def source(self, kind: str) -> str:
        which = list(self.runners)[-1]
        return shown(kind, self.runners[which].program, self.runners[which])

    def passes(self) -> Iterator[passes.Left]:
        along, runner = list(self.runners.items())[-1]
        return passes.passes(self.tape, self.found[along], runner.program, runner)

    def report(self) -> str:
        lines = [f"{self.name}: traced {len(self.tape):,} ops and {len(self.tape.guards)} guards."]
        for along, runner in self.runners.items():
            batch = self.found[along]
            program = runner.program
            if isinstance(program, stencil.StencilProgram):
                lines.append(f"  {program.batch.rows:,} rows were found that read neighbouring inputs.")
            if batch is not None:
                lines.append(
                    f"  a batch was found: {batch.rows} rows alike ({batch.left} others), "
                    f"{batch.fixed.shape[1]} constants and {batch.gathered.shape[1]} inputs a row."
                )
            what = "value" if along is None else f"value and {len(along)} slopes"
            lines += described(what, program, runner, batch.rows if batch else 0)
        return "\n".join(lines)


def _taken(chunks: list[Any], places: Any) -> Any:
    """The inputs at these places, as an array of the same shape."""
    import numpy as np

    given = np.empty(sum(1 if chunk.__class__ is float else len(chunk) for chunk in chunks))
    backends.fill(given, chunks)
    return given[places]
