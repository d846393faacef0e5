"""What was found and made, in words, numbers and code.

In: a program and its runner. Out: what `fast.report()`, `fast.source(kind)` and `fast.passes()` say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends import python
from tinygrad_lite.compiler.backends.llvm.tape_runner import TapeMachine
from tinygrad_lite.compiler.backends.runners import Runner
from tinygrad_lite.compiler.ir.loop_nest import Plan
from tinygrad_lite.compiler.passes.programs import Program
from tinygrad_lite.compiler.passes.samples import AFTER, BEFORE, EACH
from tinygrad_lite.errors import OperandError, TinygradLiteError, user_line

_SAID = {
    "llvm": "machine code through LLVM",
    "machine tape": "a tape in machine code, one op after the other",
    "numpy": "NumPy calls",
    "tape": "plain Python, one statement a node",
}


class Described:
    """What a compiled function shows of itself."""

    __name__: str

    def _programs_made(self) -> Sequence[Any]:
        """What was compiled so far, the newest last; each has `report()`, `source(kind)` and `passes()`."""
        raise NotImplementedError

    def _refusals(self) -> Sequence[str]:
        """Why other calls are not compiled."""
        raise NotImplementedError

    def __repr__(self) -> str:
        n = len(self._programs_made())
        return f"<compiled {self.__name__}: {n or 'no'} program{'s' * (n != 1)} so far>"

    def _newest(self) -> Any:
        made = self._programs_made()
        if not made:
            raise TinygradLiteError(f"{self.__name__} has not been called yet: call it once, then look at it.")
        return made[-1]

    def report(self) -> str:
        """What was found and made, in words and numbers: one paragraph for each compiled program."""
        parts = [program.report() for program in self._programs_made()]
        parts += [f"Not compiled: {why}" for why in self._refusals()]
        return "\n\n".join(parts) or f"{self.__name__} has not been called yet, so nothing was traced."

    def source(self, kind: str = "tape") -> str:
        """The code of the program made last, as "tape", "python", "plan", "llvm" or "numpy".

        >>> import tinygrad_lite as tg
        >>> fast = tg.compile(lambda x: tg.exp(x) * x, backend="tape")
        >>> fast.grad(1.0) > 5.0
        True
        >>> print(fast.source())
        v0 = exp(x)
        v1 = v0 * x
        v2 = x * v0
        v3 = v0 + v2
        return v1, v3
        """
        return str(self._newest().source(kind))

    def passes(self, lines: int | None = 12) -> str:
        """What each pass of the compiler left of the program made last: the first `lines` lines, or all (None).

        These are the passes that ran, noted while they did; `compiler.passes.pipeline.PASSES` lists all there are.

        >>> import tinygrad_lite as tg
        >>> fast = tg.compile(lambda x: tg.exp(x) * x, backend="tape")
        >>> fast.grad(1.0) > 5.0
        True
        >>> print(fast.passes())  # doctest: +ELLIPSIS
        1. trace: a tape: the ops in order, and guards (2 ops)
           v0 = exp(x)
           v1 = v0 * x
           return v1
        <BLANKLINE>
        2. differentiate: the same, tidied, and behind it the gradients (4 ops)
           v0 = exp(x)
        ...
        """
        return str(self._newest().passes(lines))


def described(what: str, runner: Runner, samples: int = 0) -> list[str]:
    """The paragraph on one runner."""
    lines = [f"  {what}: {_SAID[runner.name]}" + (f" (no faster back end: {runner.why})" if runner.why else "") + "."]
    if runner.name == "machine tape" and not runner.why:
        lines.append("    Loops are made once such a call is prepared, or was repeated often enough.")
    if isinstance(runner, TapeMachine):  # its gradient as a tape is not there, and costs a minute
        lines.append(f"    {len(runner.instructions.code):,} instructions.")
    elif runner.plans is None:
        program = runner.program
        tapes = [tape for tape in (program.prologue, program.sample, program.epilogue) if tape is not None]
        lines.append(f"    {sum(sum(tape.live()) for tape in tapes):,} ops.")
    else:
        for name, plan in (
            ("once before the samples", runner.plans.prologue),
            ("for each sample", runner.plans.samples),
            ("once at the end" if runner.plans.samples is not None else "in all", runner.plans.epilogue),
        ):
            if plan is not None and plan.nests:
                lines.append("    " + _counted(name, plan))
        if samples and runner.plans.samples is not None:
            plan = runner.plans.samples
            memory = 8 * (sum(plan.sizes.values()) + runner.program.columns + 1)
            lines.append(
                f"    {plan.flops() * samples:,} operations a call on {samples:,} samples; {memory:,} bytes for each."
            )
            lines += [f"    {message}" for message in [runner.sharing(samples)] if message]
    times = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in runner.seconds.items())
    lines.append(f"    {times}.")
    return lines


def _counted(name: str, plan: Plan) -> str:
    loops = [nest for nest in plan.nests if nest.iterations > 1 or nest.terms > 4 * len(nest.reductions)]
    straight = len(plan.nests) - len(loops)
    tables = sum(1 for g in plan.nests for r in g.reductions for a in r.accesses if a.table is not None)
    text = f"{name}: {plan.nodes:,} nodes became {len(loops)} loops and {straight} single results"
    return text + (f"; {tables} reads go through an index table, being irregular." if tables else ".")


def source_text(kind: str, program: Program, runner: Runner) -> str:
    """The code as "tape", "python", "plan", "llvm" or "numpy"."""
    if kind == "tape":
        named = (BEFORE, program.prologue), (EACH, program.sample), (AFTER, program.epilogue)
        parts = [(name, str(tape)) for name, tape in named if tape is not None and (len(tape) or name == AFTER)]
        return parts[0][1] if len(parts) == 1 else "\n\n".join(f"# {name}\n{text}" for name, text in parts)
    if kind == "python":
        return python.sources(program)
    if kind == "plan" and runner.plans is not None:
        return "\n\n".join(map(str, runner.plans))
    if kind == runner.name and kind in ("llvm", "numpy"):
        return runner.text()
    known = ["tape", "python"] + (["plan"] if runner.plans is not None else [])
    known += [runner.name] if runner.name != "tape" else []
    raise OperandError(f"source shows {', '.join(map(repr, known))} here, but {kind!r} was asked for{user_line()}.")
