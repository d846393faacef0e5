"""One compiled program: the tape of one path through a function, and the code made from it.

In: a traced tape. Out: something that runs it on new numbers, checks its guards, and can show every
stage it went through. The value and the gradient are made when first asked for, each once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler import adjoint, python_backend
from tinygrad_lite.compiler.arguments import Structure, numbers
from tinygrad_lite.compiler.tape import Builder, Ref, Tape
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line


class Program:
    """A tape with its guards, and the code for its value and its gradient."""

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
        self.seconds: dict[str, float] = {}
        self._code: dict[bool, Callable[[Sequence[float]], Sequence[float]]] = {}
        self._tapes: dict[bool, Builder] = {}

    def run(self, chunks: list[Any], slopes: bool) -> Sequence[float] | None:
        """The outputs (the value first, then the slopes along every input); None if a guard does not hold."""
        code = self._code.get(slopes) or self._made(slopes)
        given = numbers(chunks) + [value.data for value in self.captured]
        try:
            out = code(given)
        except (ValueError, ArithmeticError):
            return [math.nan]
        guards = self.tape.guards
        if guards:
            n = len(out) - len(guards)
            for flag, guard in zip(out[n:], guards, strict=True):
                if (flag != 0.0) is not guard.outcome:
                    return None
            return out[:n]
        return out

    def finite(self, out: Sequence[float]) -> bool:
        return all(map(math.isfinite, out))

    def _made(self, slopes: bool) -> Callable[[Sequence[float]], Sequence[float]]:
        start = time.perf_counter()
        if slopes and self.outputs != 1:
            raise OperandError(
                f"a gradient needs one number to differentiate, but {self.name} returns {self.outputs}{user_line()}."
            )
        tape = adjoint.tidied(self.tape)
        if slopes:
            tape = adjoint.gradient(tape, tape.inputs)
        self._tapes[slopes] = tape
        self._code[slopes] = python_backend.compiled(tape)
        self.seconds["gradient" if slopes else "value"] = time.perf_counter() - start
        return self._code[slopes]

    def source(self, kind: str) -> str:
        tape = self._tapes[max(self._tapes)]
        if kind == "tape":
            return str(tape)
        if kind == "python":
            return python_backend.source(tape)
        raise OperandError(f'source can be "tape" or "python" here, but {kind!r} was asked for{user_line()}.')

    def report(self) -> str:
        lines = [f"{self.name}: traced {len(self.tape):,} ops, {len(self.tape.guards)} guards."]
        for slopes, tape in sorted(self._tapes.items()):
            what = "gradient" if slopes else "value"
            lines.append(f"  {what}: {sum(tape.live()):,} ops in plain Python, made in {self.seconds[what]:.3f} s.")
        return "\n".join(lines)
