"""One compiled program: the tape of one path through a function, and the code made from it.

In: a traced tape. Out: something that runs it on new numbers, checks its guards, and can show every
stage it went through. The value and the gradient are made when first asked for, each once.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from tinygrad_lite.calculus.pytree import Structure, builder
from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.backends.llvm import tape_runner
from tinygrad_lite.compiler.backends.llvm.tape_runner import TapeMachine
from tinygrad_lite.compiler.frontend.arguments import Call, numbers
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.compiler.passes import batching, programs, stencil
from tinygrad_lite.compiler.passes.log import Log, noting, ran
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.pipeline import LOAD, TRACE, Work, run
from tinygrad_lite.compiler.passes.samples import SampleProgram
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.bound import Together
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.report import described, source_text
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

Wrt = tuple[int, ...] | range | None
"""Which inputs the gradients are wanted for; None for the value alone."""

ALL = (-1,)
"""At the end of these: all that the function uses from outside."""


class CompilationUnit(NamedTuple):
    """What was found in a tape, and how a program is made of it."""

    make: program_cache.Make
    tapes: Sequence[Tape]
    """All that the program is made of, together with ..."""
    facts: tuple[object, ...]
    """... what their text does not say."""
    batch: batching.SampleData | None = None
    expected: Sequence[float] = ()
    """What the flags of the guards must be."""


class Settings(NamedTuple):
    """What `tg.compile` was told, for all programs of one function."""

    name: str
    backend: str | None = None
    threads: int | None = None
    dump: Callable[[str], Any] | None = None


class Program:
    """A tape with its guards, and the runners for its value and its gradient.

    Attributes:
        verified: for which gradients the code agreed with the engine.
        known: those that came from the disk, where they were kept because they agreed.
        traced: the numbers of the traced run, and its results.
        logs: what each pass left, for each of the runners.
    """

    first_pass = TRACE
    samples = 0  # of the call that it was made for

    def __init__(self, tape: Tape, captured: Sequence[Value], settings: Settings, result: Structure = float) -> None:
        self.tape: Tape = tape
        self.captured: tuple[Value, ...] = tuple(captured)
        self.settings: Settings = settings
        self.result: Structure = result
        self.outputs: int = len(tape.outputs)
        self.shaped: Callable[[Any], Any] = builder(result)
        self.outside: Together = Together(self.captured)
        self.traced: tuple[list[float], list[float]] = [], []
        self.seconds: float = 0.0  # for the trace
        self.verified: set[Wrt] = set()
        self.known: set[Wrt] = set()
        self.runners: dict[Wrt, runners.Runner] = {}
        self.logs: dict[Wrt, Log] = {}
        self._making = threading.RLock()

    def inputs(self, wrt: Wrt) -> Wrt:
        """The inputs that gradients are wanted for, with ALL replaced by those."""
        if wrt and wrt[-1] == -1:
            n = len(self.tape.inputs)
            return (*wrt[:-1], *range(n - len(self.captured), n))
        return wrt

    def run(
        self,
        chunks: list[Any],
        wrt: Wrt,
        columns: Sequence[tuple[int, Any]] = (),
        samples: int = 0,
        again: bool = False,
    ) -> Any:
        """The outputs (the value first, then the derivatives w.r.t. those inputs); None if a guard does not hold.

        Args:
            columns, samples: those of a batch, and how many samples it has.
            again: the user calls once more, which brings the program nearer to loops of its own: `hastened`.
        """
        runner = self.runners.get(wrt) or self._first(wrt, samples)
        if again and runner.due(samples):
            runner = self.hastened(wrt, samples) or runner
        if self.captured or runner.batch is not None:
            chunks, columns, samples = self._given(runner, chunks, columns, samples)
        try:
            out = runner.run(chunks, columns, samples)
        except (ValueError, ArithmeticError):
            return [math.nan]
        if runner.expected:
            n = len(out) - len(runner.expected)
            flags = out[n:] if out.__class__ is list else out[n:].tolist()
            return out[:n] if flags == runner.expected else None
        return out

    def given(self, wrt: Wrt, call: Call) -> tuple[list[Any], Sequence[tuple[int, Any]], int]:
        """What the runner is given: parameters, columns of data, and the number of samples."""
        return self._given(self.runners[wrt], call.chunks, call.columns, call.samples)

    def _given(
        self, runner: runners.Runner, chunks: list[Any], columns: Sequence[tuple[int, Any]], samples: int
    ) -> tuple[list[Any], Sequence[tuple[int, Any]], int]:
        given, batch = chunks + self.outside() if self.captured else chunks, runner.batch
        if batch is None:
            return given, columns, samples
        gathered = batch.gathered.shape[1]
        return given, [(batch.fixed.shape[1], _taken(given, batch.gathered))] if gathered else [], batch.samples

    def by_table(self, chunks: list[Any], again: bool = True) -> list[float]:
        """The results by the ops of the table: those of the traced run if it had these numbers.

        Otherwise op by op, or, if that is not to be done `again`, none.
        """
        given = numbers(chunks) + self.outside()
        if given == self.traced[0]:
            return self.traced[1]
        return self.tape.run(given) if again else []

    # ------------------------------------------------------------------ how its code is made

    @gc_paused()
    def _first(self, wrt: Wrt, samples: int) -> runners.Runner:
        """The tape in machine code, which is ready at once; loops where a back end was named."""
        if wrt is not None and self.outputs != 1:
            raise OperandError(
                f"a gradient needs one number to differentiate, but {self.settings.name} returns {self.outputs}"
                f"{user_line()}."
            )
        with self._noting(wrt):
            if self.settings.backend is None and choice.available()[0] == "llvm":
                with contextlib.suppress(NoLowering):
                    self.runners[wrt] = runner = self._machine(wrt)
                    return runner
            return self._loops(wrt, self.settings.backend, samples)

    def _machine(self, wrt: Wrt) -> TapeMachine:
        made = TapeMachine(self.tape, wrt)
        made.expected = [0.0]  # what it says of the guards if all of them hold
        return made

    @contextlib.contextmanager
    def _noting(self, wrt: Wrt) -> Any:
        """Note what the passes leave."""
        self.logs[wrt] = Log(self.settings.dump)
        with noting(self.logs[wrt]):
            ran(self.first_pass, self.tape)
            yield

    @gc_paused()
    def hastened(self, wrt: Wrt, samples: int = 0, asked: bool = False) -> runners.Runner | None:
        """Loops in machine code in the place of the tape, if they pay: see `TapeMachine.due`; None if they do not.

        Args:
            asked: the call is to be repeated many times, says the user.
        """
        with self._making:
            runner = self.runners[wrt]
            if not isinstance(runner, TapeMachine) or runner.why:
                return None
            with self._noting(wrt):
                found, started = None, time.perf_counter()
                if not asked:
                    found = self._unit(wrt)
                    runner.waits = len(self.tape) * tape_runner.COST
                    if found.facts[0] == "plain" and not runner.worth(runner.waits):
                        return None
                try:
                    made = self._loops(wrt, "llvm", samples, found, started)
                except NoLowering as reason:
                    runner.why = str(reason)
                    return None
            self.verified.discard(wrt)  # the loops have to agree with the engine as well
            return made

    def _loops(
        self, wrt: Wrt, backend: str | None, samples: int, unit: CompilationUnit | None = None, started: float = 0.0
    ) -> runners.Runner:
        """A runner with loops of its own, from the disk if it is there."""
        started = started or time.perf_counter()
        name = self._name(wrt, backend)
        runner = program_cache.program(name, lambda: self._unit(wrt).make()) if name else None
        if runner is not None:
            self.known.add(wrt)
        else:
            unit = unit or self._unit(wrt)
            seconds = {"finding samples": time.perf_counter() - started}
            facts = (*unit.facts, len(self.tape.inputs), wrt)
            samples = unit.batch.samples if unit.batch else samples
            runner = program_cache.runner(unit.make, unit.tapes, facts, backend, samples)
            runner.seconds = seconds | runner.seconds
            runner.batch, runner.expected, runner.saved_as = unit.batch, unit.expected, name
        if runner.batch is not None and runner.batch.fixed.shape[1]:
            runner.fixed = [(0, runner.batch.fixed)]
        runner.threads = self.settings.threads
        self.runners[wrt] = runner
        return runner

    def _name(self, wrt: Wrt, backend: str | None) -> str | None:
        """Under which name the program is on the disk, or will be."""
        return program_cache.program_name(self.tape, wrt, backend)

    def _unit(self, wrt: Wrt) -> CompilationUnit:
        """The tape as samples, as samples that read their neighbours, or plain: what can be found in it."""
        tape, inputs = self.tape, len(self.tape.inputs)
        keep = [tape.inputs[i] for i in wrt or ()]
        it = Work(tape=tape, wrt=wrt)
        if choice.available() != ["tape"]:
            run(it, "samples", "samples" if self.settings.backend == "tape" else "neighbours")
        batch, lines = it.batch, it.neighbours
        if batch is not None:
            columns = batch.fixed.shape[1] + batch.gathered.shape[1]
            expected = [float(guard.outcome) for guard in batch.epilogue.guards]
            expected += [float(guard.outcome) * batch.samples for guard in batch.sample.guards]
            make: program_cache.Make = partial(SampleProgram, batch.sample, batch.epilogue, inputs, columns, wrt)
            return CompilationUnit(make, [batch.sample, batch.epilogue], ("samples", columns), batch, expected)
        if lines is not None:
            lines.straight = partial(programs.PlainProgram, tape, keep)
            parts = [lines.batch.sample, lines.batch.epilogue]
            facts = ("neighbours", lines.batch.samples, lines.bases, lines.batch.fixed.tobytes())
            return CompilationUnit(lambda: lines, parts, facts)
        make = partial(programs.PlainProgram, tape, None if wrt is None else keep)
        return CompilationUnit(make, [tape], ("plain",), None, [float(guard.outcome) for guard in tape.guards])

    # ------------------------------------------------------------------ what is kept, and what is shown

    def agreed(self, wrt: Wrt) -> None:
        """The code agreed with the engine: it may be kept on the disk for the next process."""
        self.verified.add(wrt)
        if wrt not in self.known:
            program_cache.store_program(self.runners[wrt])

    def evict(self, wrt: Wrt) -> None:
        """Take from the disk what did not agree."""
        program_cache.evict(self.runners[wrt])

    def source(self, kind: str) -> str:
        runner = [*self.runners.values()][-1]
        return source_text(kind, runner.program, runner)

    def passes(self, lines: int | None) -> str:
        newest, runner = [*self.runners.items()][-1]
        log = self.logs[newest]
        if isinstance(runner, program_cache.CachedRunner):  # shown with the passes of the process that kept it
            log = Log(ran=[each for each in log if each.each in (self.first_pass, LOAD)] + runner.log)
        return log.text(lines)

    def report(self) -> str:
        return "\n".join([self._head(), *(line for wrt in self.runners for line in self._paragraph(wrt))])

    def _head(self) -> str:
        ops, guards = len(self.tape), len(self.tape.guards)
        return f"{self.settings.name}: traced {ops:,} ops and {guards} guards in {self.seconds:.3f} s."

    def _paragraph(self, wrt: Wrt) -> list[str]:
        runner, lines = self.runners[wrt], []
        batch = runner.batch
        if not isinstance(runner, TapeMachine) and isinstance(runner.program, stencil.StencilProgram):
            samples = " and ".join(f"{each.samples:,}" for each in runner.program.sums)
            lines.append(f"  {samples} samples were found that read neighbouring inputs.")
        if batch is not None:
            lines.append(
                f"  a batch was found: {batch.samples} samples alike ({batch.left} others), "
                f"{batch.fixed.shape[1]} constants and {batch.gathered.shape[1]} inputs each."
            )
        what = "value" if wrt is None else f"value and {len(wrt)} derivatives"
        return lines + described(what, runner, batch.samples if batch else self.samples)


def _taken(chunks: list[Any], places: Any) -> Any:
    """The inputs at these places, as an array of the same shape."""
    import numpy as np

    given = np.empty(sum(1 if chunk.__class__ is float else len(chunk) for chunk in chunks))
    runners.fill(given, chunks)
    return given[places]
