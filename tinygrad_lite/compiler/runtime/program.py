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

from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.backends.llvm import tape_runner
from tinygrad_lite.compiler.backends.llvm.tape_runner import TapeMachine
from tinygrad_lite.compiler.frontend.arguments import Structure, numbers
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.compiler.passes import batching, programs, stencil
from tinygrad_lite.compiler.passes.alike import alike
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.samples import SampleProgram
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.bound import Together
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.report import described, shown
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

Wrt = tuple[int, ...] | range | None
"""Which inputs the gradients are wanted for; None for the value alone."""


class CompilationUnit(NamedTuple):
    """What was found in a tape, and how a program is made of it."""

    make: program_cache.Make
    tapes: Sequence[Tape]
    """All that the program is made of, together with ..."""
    facts: tuple[object, ...]
    """... what their text does not say."""
    samples: batching.Batch | None
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
        self.verified: set[Any] = set()  # for which gradients the code agreed with the engine
        self.seconds = 0.0  # for the trace
        self.runners: dict[Any, runners.Runner] = {}
        self.transforms: dict[Any, runners.Runner] = {}
        self.found: dict[Any, batching.SampleData | None] = {}
        self.names: dict[Any, str | None] = {}  # on the disk
        self.known: set[Any] = set()  # what came from the disk, where it was kept because it agreed with the engine
        self._making = threading.RLock()
        self.expected: dict[Any, list[float]] = {}  # what the flags of the guards must be

    def run(self, chunks: list[Any], wrt: Wrt, again: bool = False) -> Any:
        """The outputs (the value first, then the derivatives w.r.t. those inputs); None if a guard does not hold.

        Args:
            again: the user calls once more, which brings the program nearer to loops of its own: `hastened`.
        """
        runner = self.runners.get(wrt) or self._first(wrt)
        if again and isinstance(runner, TapeMachine) and runner.due():
            runner = self.hastened(wrt)
        try:
            out = runner.run(*self.given(chunks, wrt))
        except (ValueError, ArithmeticError):
            return [math.nan]
        expected = self.expected[wrt]
        if expected:
            n = len(out) - len(expected)
            if any(flag != wanted for flag, wanted in zip(out[n:], expected, strict=True)):
                return None
            return out[:n]
        return out

    def given(self, chunks: list[Any], wrt: Wrt) -> tuple[list[Any], list[tuple[int, Any]], int]:
        """What the runner is given: parameters, data gathered from them, and the number of samples."""
        batch = self.found[wrt]
        given = chunks + self.outside() if self.captured else chunks
        if batch is None:
            return given, [], 0
        gathered = batch.gathered.shape[1]
        return given, [(batch.fixed.shape[1], _taken(given, batch.gathered))] if gathered else [], batch.samples

    def transformed(self, transform: Any, wrt: Wrt, chunks: list[Any], more: list[Any]) -> Any:
        """The outputs of a tape made from this one by `transform`, with further inputs behind the others."""
        runner = self.transforms.get((transform, wrt))
        if runner is None:
            tape = transform(self.tape, wrt or ())
            tape.guards = []  # they were looked at when the value was computed
            program = programs.PlainProgram(tape, None)
            runner = self.transforms[transform, wrt] = choice.runner(program, self.backend)
        return runner.run([*chunks, *self.outside(), *more])

    def by_rows(self, chunks: list[Any], again: bool = True) -> list[float]:
        """The results by the ops of the table: those of the traced run if it had these numbers.

        Otherwise op by op, or, if that is not to be done `again`, none.
        """
        given = numbers(chunks) + self.outside()
        if given == self.traced[0]:
            return self.traced[1]
        return self.tape.run(given) if again else []

    def finite(self, out: Sequence[float]) -> bool:
        return runners.finite(out)

    def _first(self, wrt: Wrt) -> runners.Runner:
        """The tape in machine code, which is ready at once; loops where a back end was named."""
        if wrt is not None and self.outputs != 1:
            raise OperandError(
                f"a gradient needs one number to differentiate, but {self.name} returns {self.outputs}{user_line()}."
            )
        if self.backend is None and choice.available()[0] == "llvm":
            with contextlib.suppress(NoLowering):
                runner = TapeMachine(self.tape, wrt)
                self.found[wrt], self.expected[wrt], self.names[wrt] = None, [0.0], None
                self.runners[wrt] = runner
                return runner
        return self._made(wrt, self.backend)

    @gc_paused()
    def hastened(self, wrt: Wrt, asked: bool = False) -> runners.Runner:
        """Loops in machine code in the place of the tape, if they pay: see `TapeMachine.due`.

        Args:
            asked: the call is to be repeated many times, says the user.
        """
        with self._making:
            runner = self.runners[wrt]
            if not isinstance(runner, TapeMachine) or runner.why:
                return runner
            found = None
            if not asked:
                started = time.perf_counter()
                found = self._unit(wrt)
                runner.waits = len(self.tape) * tape_runner.COST
                if found.facts == ("plain",) and not runner.due(runner.waits):
                    return runner
                found = found._replace(seconds=time.perf_counter() - started)
            try:
                made = self._made(wrt, "llvm", found)
            except NoLowering as reason:
                runner.why = str(reason)
                return runner
            self.verified.clear()  # the loops have to agree with the engine as well
            return made

    @gc_paused()
    def _made(self, wrt: Wrt, backend: str | None, found: CompilationUnit | None = None) -> runners.Runner:
        started = time.perf_counter()
        name = program_cache.program_name(self.tape, wrt, backend)
        seconds = {"looking it up": time.perf_counter() - started}
        known = program_cache.program(name, lambda: self._unit(wrt).make()) if name else None
        if known is not None:
            runner, samples, expected = known
        else:
            started = time.perf_counter()
            found = found or self._unit(wrt)
            seconds["finding rows"] = found.seconds or time.perf_counter() - started
            samples, expected = found.samples, found.expected
            facts = (*found.facts, len(self.tape.inputs), wrt)
            runner = program_cache.runner(found.make, found.tapes, facts, backend, samples.samples if samples else 0)
        runner.seconds = seconds | runner.seconds
        if samples is not None and samples.fixed.shape[1]:
            runner.fixed = [(0, samples.fixed)]
        self.found[wrt], self.expected[wrt] = samples, expected
        runner.threads = self.threads
        self.runners[wrt] = runner
        self.names[wrt] = name
        if known is not None:
            self.known.add(wrt)
        return runner

    def _unit(self, wrt: Wrt) -> CompilationUnit:
        """The tape as samples, as samples that read their neighbours, or plain: what can be found in it."""
        tape, inputs = self.tape, len(self.tape.inputs)
        keep = [tape.inputs[i] for i in wrt or ()]
        samples = alike(tape) if choice.available() != ["tape"] else None
        batch = batching.joined(tape, samples, keep)
        if batch is not None:
            columns = batch.fixed.shape[1] + batch.gathered.shape[1]
            expected = [float(guard.outcome) for guard in batch.epilogue.guards]
            expected += [float(guard.outcome) * batch.samples for guard in batch.sample.guards]
            make: program_cache.Make = partial(SampleProgram, batch.sample, batch.epilogue, inputs, columns, wrt)
            return CompilationUnit(make, [batch.sample, batch.epilogue], (columns,), batch, expected)
        if wrt and self.backend != "tape" and "numpy" in choice.available():
            lines = stencil.find(batching.joined(tape, samples), inputs, wrt)
            if lines is not None:
                lines.straight = partial(programs.PlainProgram, tape, keep)
                parts = [lines.batch.sample, lines.batch.epilogue]
                facts = ("neighbours", lines.batch.samples, lines.bases, lines.batch.fixed.tobytes())
                return CompilationUnit(lambda: lines, parts, facts, None, [])
        make = partial(programs.PlainProgram, tape, None if wrt is None else keep)
        return CompilationUnit(make, [tape], ("plain",), None, [float(guard.outcome) for guard in tape.guards])

    def keep(self, wrt: Wrt) -> None:
        """Keep on the disk what agreed with the engine, for the next process."""
        if wrt not in self.known:
            program_cache.store_program(self.names[wrt], self.runners[wrt], self.found[wrt], self.expected[wrt])

    def forget(self, wrt: Wrt) -> None:
        """Take from the disk what did not agree."""
        program_cache.forget(self.runners[wrt], self.names[wrt])

    def source(self, kind: str) -> str:
        which = list(self.runners)[-1]
        return shown(kind, self.runners[which].program, self.runners[which])

    def passes(self) -> Iterator[Any]:
        from tinygrad_lite.compiler.runtime import dump

        wrt, runner = list(self.runners.items())[-1]
        samples = self.found[wrt]
        batch = samples if samples is None or isinstance(samples, batching.Batch) else self._unit(wrt).samples
        return dump.passes(self.tape, batch, runner.program, runner)

    def report(self) -> str:
        lines = [
            f"{self.name}: traced {len(self.tape):,} ops and {len(self.tape.guards)} guards in {self.seconds:.3f} s."
        ]
        for wrt, runner in self.runners.items():
            batch = self.found[wrt]
            program = runner.program
            if isinstance(program, stencil.StencilProgram):
                samples = " and ".join(f"{each.samples:,}" for each in program.sums)
                lines.append(f"  {samples} rows were found that read neighbouring inputs.")
            if batch is not None:
                lines.append(
                    f"  a batch was found: {batch.samples} rows alike ({batch.left} others), "
                    f"{batch.fixed.shape[1]} constants and {batch.gathered.shape[1]} inputs a row."
                )
            what = "value" if wrt is None else f"value and {len(wrt)} slopes"
            lines += described(what, program, runner, batch.samples if batch else 0)
        return "\n".join(lines)


def _taken(chunks: list[Any], places: Any) -> Any:
    """The inputs at these places, as an array of the same shape."""
    import numpy as np

    given = np.empty(sum(1 if chunk.__class__ is float else len(chunk) for chunk in chunks))
    runners.fill(given, chunks)
    return given[places]
