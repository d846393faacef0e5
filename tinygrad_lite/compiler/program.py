"""One compiled program: the tape of one path through a function, and the code made from it.

In: a traced tape. Out: something that runs it on new numbers, checks its guards, and can show every
stage it went through. The value and the gradient are made when first asked for, each once.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from tinygrad_lite.compiler import backends, kept, programs, runners
from tinygrad_lite.compiler.arguments import Structure, numbers
from tinygrad_lite.compiler.deriving.lowering import NoLowering
from tinygrad_lite.compiler.finding import batching, stencil
from tinygrad_lite.compiler.finding.alike import alike
from tinygrad_lite.compiler.finding.rows import RowProgram
from tinygrad_lite.compiler.garbage import unsearched
from tinygrad_lite.compiler.llvm import tape_runner
from tinygrad_lite.compiler.llvm.tape_runner import TapeMachine
from tinygrad_lite.compiler.report import described, shown
from tinygrad_lite.compiler.tracing.tape import Tape
from tinygrad_lite.compiler.training.bound import Together
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

Along = tuple[int, ...] | range | None
"""Which inputs the slopes are wanted for; None for the value alone."""


class Arranged(NamedTuple):
    """What was found in a tape, and how a program is made of it."""

    make: kept.Make
    tapes: Sequence[Tape]
    """All that the program is made of, together with ..."""
    facts: tuple[object, ...]
    """... what their text does not say."""
    rows: batching.Batch | None
    expected: list[float]
    """What the flags of the guards must be."""
    seconds: float = 0.0
    """What the search took, if it was made before."""


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
        self.outside = Together(captured)
        self.backend = backend
        self.threads: int | None = None
        self.name = name
        self.traced: tuple[list[float], list[float]] = [], []  # the numbers of the traced run, and its results
        self.verified: set[Any] = set()  # for which slopes the code agreed with the engine
        self.seconds = 0.0  # for the trace
        self.runners: dict[Any, runners.Runner] = {}
        self.transforms: dict[Any, runners.Runner] = {}
        self.found: dict[Any, batching.Rows | None] = {}
        self.names: dict[Any, str | None] = {}  # on the disk
        self.known: set[Any] = set()  # what came from the disk, where it was kept because it agreed with the engine
        self._making = threading.RLock()
        self.expected: dict[Any, list[float]] = {}  # what the flags of the guards must be

    def run(self, chunks: list[Any], along: Along) -> Any:
        """The outputs (the value first, then the slopes along those inputs); None if a guard does not hold."""
        runner = self.runners.get(along) or self._first(along)
        if isinstance(runner, TapeMachine) and runner.due():
            runner = self.hastened(along)
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
        given = chunks + self.outside() if self.captured else chunks
        if batch is None:
            return given, [], 0
        gathered = batch.gathered.shape[1]
        return given, [(batch.fixed.shape[1], _taken(given, batch.gathered))] if gathered else [], batch.rows

    def transformed(self, transform: Any, along: Along, chunks: list[Any], more: list[Any]) -> Any:
        """The outputs of a tape made from this one by `transform`, with further inputs behind the others."""
        runner = self.transforms.get((transform, along))
        if runner is None:
            tape = transform(self.tape, along or ())
            tape.guards = []  # they were looked at when the value was computed
            program = programs.PlainProgram(tape, None)
            runner = self.transforms[transform, along] = backends.runner(program, self.backend)
        return runner.run([*chunks, *self.outside(), *more])

    def by_rows(self, chunks: list[Any], again: bool = True) -> list[float]:
        """The results by the rows of the table: those of the traced run if it had these numbers.

        Otherwise op by op, or, if that is not to be done `again`, none.
        """
        given = numbers(chunks) + self.outside()
        if given == self.traced[0]:
            return self.traced[1]
        return self.tape.run(given) if again else []

    def finite(self, out: Sequence[float]) -> bool:
        return runners.finite(out)

    def _first(self, along: Along) -> runners.Runner:
        """The tape in machine code, which is ready at once; loops where a back end was named."""
        if along is not None and self.outputs != 1:
            raise OperandError(
                f"a gradient needs one number to differentiate, but {self.name} returns {self.outputs}{user_line()}."
            )
        if self.backend is None and backends.available()[0] == "llvm":
            with contextlib.suppress(NoLowering):
                runner = TapeMachine(self.tape, along)
                self.found[along], self.expected[along], self.names[along] = None, [0.0], None
                self.runners[along] = runner
                return runner
        return self._made(along, self.backend)

    @unsearched()
    def hastened(self, along: Along, asked: bool = False) -> runners.Runner:
        """Loops in machine code in the place of the tape, if they pay: see `TapeMachine.due`.

        Args:
            asked: the call is to be repeated many times, says the user.
        """
        with self._making:
            runner = self.runners[along]
            if not isinstance(runner, TapeMachine) or runner.why:
                return runner
            found = None
            if not asked:
                started = time.perf_counter()
                found = self._arranged(along)
                runner.waits = len(self.tape) * tape_runner.COST
                if found.facts == ("plain",) and not runner.due(runner.waits):
                    return runner
                found = found._replace(seconds=time.perf_counter() - started)
            try:
                made = self._made(along, "llvm", found)
            except NoLowering as reason:
                runner.why = str(reason)
                return runner
            self.verified.clear()  # the loops have to agree with the engine as well
            return made

    @unsearched()
    def _made(self, along: Along, backend: str | None, found: Arranged | None = None) -> runners.Runner:
        started = time.perf_counter()
        name = kept.program_name(self.tape, along, backend)
        seconds = {"looking it up": time.perf_counter() - started}
        known = kept.program(name, lambda: self._arranged(along).make()) if name else None
        if known is not None:
            runner, rows, expected = known
        else:
            started = time.perf_counter()
            found = found or self._arranged(along)
            seconds["finding rows"] = found.seconds or time.perf_counter() - started
            rows, expected = found.rows, found.expected
            facts = (*found.facts, len(self.tape.inputs), along)
            runner = kept.runner(found.make, found.tapes, facts, backend, rows.rows if rows else 0)
        runner.seconds = seconds | runner.seconds
        if rows is not None and rows.fixed.shape[1]:
            runner.fixed = [(0, rows.fixed)]
        self.found[along], self.expected[along] = rows, expected
        runner.threads = self.threads
        self.runners[along] = runner
        self.names[along] = name
        if known is not None:
            self.known.add(along)
        return runner

    def _arranged(self, along: Along) -> Arranged:
        """The tape as rows, as rows that read their neighbours, or plain: what can be found in it."""
        tape, inputs = self.tape, len(self.tape.inputs)
        keep = [tape.inputs[i] for i in along or ()]
        rows = alike(tape) if backends.available() != ["tape"] else None
        batch = batching.joined(tape, rows, keep)
        if batch is not None:
            columns = batch.fixed.shape[1] + batch.gathered.shape[1]
            expected = [float(guard.outcome) for guard in batch.epilogue.guards]
            expected += [float(guard.outcome) * batch.rows for guard in batch.row.guards]
            make: kept.Make = partial(RowProgram, batch.row, batch.epilogue, inputs, columns, along)
            return Arranged(make, [batch.row, batch.epilogue], (columns,), batch, expected)
        if along and self.backend != "tape" and "numpy" in backends.available():
            lines = stencil.find(batching.joined(tape, rows), inputs, along)
            if lines is not None:
                lines.straight = partial(programs.PlainProgram, tape, keep)
                parts = [lines.batch.row, lines.batch.epilogue]
                facts = ("neighbours", lines.batch.rows, lines.bases, lines.batch.fixed.tobytes())
                return Arranged(lambda: lines, parts, facts, None, [])
        make = partial(programs.PlainProgram, tape, None if along is None else keep)
        return Arranged(make, [tape], ("plain",), None, [float(guard.outcome) for guard in tape.guards])

    def keep(self, along: Along) -> None:
        """Keep on the disk what agreed with the engine, for the next process."""
        if along not in self.known:
            kept.keep_program(self.names[along], self.runners[along], self.found[along], self.expected[along])

    def forget(self, along: Along) -> None:
        """Take from the disk what did not agree."""
        kept.forget(self.runners[along], self.names[along])

    def source(self, kind: str) -> str:
        which = list(self.runners)[-1]
        return shown(kind, self.runners[which].program, self.runners[which])

    def passes(self) -> Iterator[Any]:
        from tinygrad_lite.compiler import passes

        along, runner = list(self.runners.items())[-1]
        rows = self.found[along]
        batch = rows if rows is None or isinstance(rows, batching.Batch) else self._arranged(along).rows
        return passes.passes(self.tape, batch, runner.program, runner)

    def report(self) -> str:
        lines = [
            f"{self.name}: traced {len(self.tape):,} ops and {len(self.tape.guards)} guards in {self.seconds:.3f} s."
        ]
        for along, runner in self.runners.items():
            batch = self.found[along]
            program = runner.program
            if isinstance(program, stencil.StencilProgram):
                rows = " and ".join(f"{each.rows:,}" for each in program.sums)
                lines.append(f"  {rows} rows were found that read neighbouring inputs.")
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
    runners.fill(given, chunks)
    return given[places]
