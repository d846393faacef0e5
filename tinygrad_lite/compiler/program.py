"""One compiled program: the tape of one path through a function, and the code made from it.

In: a traced tape. Out: something that runs it on new numbers, checks its guards, and can show every
stage it went through. The value and the gradient are made when first asked for, each once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler import backends
from tinygrad_lite.compiler.arguments import Structure
from tinygrad_lite.compiler.report import described, shown
from tinygrad_lite.compiler.tape import Ref, Tape
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line


class Program:
    """A tape with its guards, and the runners for its value and its gradient."""

    def __init__(
        self,
        tape: Tape,
        result: Structure,
        captured: tuple[Value, ...],
        along: Sequence[Ref],
        backend: str | None,
        name: str,
    ) -> None:
        self.tape = tape
        self.result = result
        self.outputs = len(tape.outputs)
        self.captured = captured
        self.along = along
        self.backend = backend
        self.name = name
        self.verified: set[bool] = set()  # whether value, and gradient, agreed with the engine
        self.seconds = 0.0
        self._outcomes = [guard.outcome for guard in tape.guards]
        self._runners: dict[bool, backends.Runner] = {}
        self._programs: dict[bool, backends.Program] = {}

    def run(self, chunks: list[Any], slopes: bool) -> Any:
        """The outputs (the value first, then the slopes along every input); None if a guard does not hold."""
        runner = self._runners.get(slopes) or self._made(slopes)
        given = chunks + [value.data for value in self.captured] if self.captured else chunks
        try:
            out = runner.run(given)
        except (ValueError, ArithmeticError):
            return [math.nan]
        if self._outcomes:
            n = len(out) - len(self._outcomes)
            for flag, outcome in zip(out[n:], self._outcomes, strict=True):
                if bool(flag) is not outcome:
                    return None
            return out[:n]
        return out

    def finite(self, out: Sequence[float]) -> bool:
        return backends.finite(out)

    def _made(self, slopes: bool) -> backends.Runner:
        start = time.perf_counter()
        if slopes and self.outputs != 1:
            raise OperandError(
                f"a gradient needs one number to differentiate, but {self.name} returns {self.outputs}{user_line()}."
            )
        program = backends.PlainProgram(self.tape, self.tape.inputs if slopes else None)
        self._programs[slopes] = program
        self._runners[slopes] = backends.runner(program, self.backend)
        self.seconds += time.perf_counter() - start
        return self._runners[slopes]

    def source(self, kind: str) -> str:
        which = max(self._runners)
        return shown(kind, self._programs[which], self._runners[which])

    def report(self) -> str:
        lines = [f"{self.name}: traced {len(self.tape):,} ops and {len(self.tape.guards)} guards."]
        for slopes, runner in sorted(self._runners.items()):
            lines += described("gradient" if slopes else "value", self._programs[slopes], runner)
        return "\n".join(lines)
