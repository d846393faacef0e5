"""The plain tape as Python: the back end that always works.

In: a tape. Out: a function from a list of numbers to a list of outputs, made of one line of Python
for each node. It needs nothing but Python and is some ten times faster than building Values; the other
back ends are a thousand times faster, and `report()` says which one ran.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler.backends.runners import Runner
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.ir.spelling import INFIX, spelled
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Ref, Tape
from tinygrad_lite.compiler.passes.programs import Program
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op


class TapeRunner(Runner):
    """The tapes of a program in plain Python, sample by sample."""

    name = "tape"

    def __init__(self, program: Program) -> None:
        start = time.perf_counter()
        self.program = program
        self._prologue = compiled(program.prologue)
        self._sample = compiled(program.sample) if program.sample is not None else None
        self._epilogue = compiled(program.epilogue)
        self.seconds: dict[str, float] = {"writing Python": time.perf_counter() - start}

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), samples: int = 0) -> Any:
        program, ps = self.program, numbers(parameters)
        if self._sample is None or program.sample is None:
            return self._epilogue(ps)
        uniforms = [*ps, *self._prologue([*ps, float(samples)])]
        columns: dict[int, Any] = {program.columns: [1.0] * samples}  # the weight
        for first, block in [*self.fixed, *data]:
            block = block.tolist() if hasattr(block, "tolist") else block
            columns |= {first + i: column for i, column in enumerate(zip(*block, strict=True))}
        order = _order(program.sample, program.sample_arrays)
        rows = (
            self._sample([uniforms[i] if array == "P" else columns[i][k] for array, i in order]) for k in range(samples)
        )
        if not program.epilogue.outputs:  # the results of each sample are wanted, one result after the other
            return [x for column in zip(*rows, strict=True) for x in column]
        sums: list[float] | None = None
        for found in rows:
            sums = found if sums is None else [x + y for x, y in zip(sums, found, strict=True)]
        arrays = {"P": ps, "G": sums or [], "N": [float(samples)]}
        return self._epilogue([arrays[array][i] for array, i in _order(program.epilogue, program.epilogue_arrays)])

    def text(self) -> str:
        return sources(self.program)


def _order(tape: Tape, arrays: Mapping[Ref, tuple[str, int]]) -> list[tuple[str, int]]:
    return [arrays[ref] for ref in tape.inputs]


def sources(program: Program) -> str:
    """All functions of a program that do anything."""
    tapes = (("prologue", program.prologue), ("sample", program.sample), ("epilogue", program.epilogue))
    return "\n\n\n".join(
        source(tape, name) for name, tape in tapes if tape is not None and (len(tape) or name == "epilogue")
    )


def source(tape: Tape, name: str = "run") -> str:
    """The tape as a Python function of a list of inputs: outputs first, then the flags of the guards.

    >>> from tinygrad_lite.engine import ops
    >>> t = Tape(); x = t.input("x"); t.outputs = [t.node(ops.tanh, (t.node(ops.mul, (x, x)),))]
    >>> print(source(t))
    def run(inputs):
        x0, = inputs
        v0 = x0 * x0
        v1 = tanh(v0)
        return [v1]
    """
    text: dict[Ref, str] = {ref: f"x{i}" for i, ref in enumerate(tape.inputs)}
    for i, x in enumerate(tape.sources):
        if x.__class__ is float:
            text[~i] = f"({x!r})" if math.isfinite(x) and x < 0 else repr(x) if math.isfinite(x) else f"float('{x}')"
    lines = [f"def {name}(inputs):"]
    if tape.inputs:
        lines.append("    " + "".join(f"x{i}, " for i in range(len(tape.inputs))).rstrip() + " = inputs")
    for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, tape.live(), strict=True)):
        text[i] = f"v{i}"
        if needed:
            lines.append(f"    v{i} = {_expression(op, [text[ref] for ref in args])}")
    wanted = [*tape.outputs, *(guard.flag for guard in tape.guards)]
    return "\n".join([*lines, f"    return [{', '.join(text[ref] for ref in wanted)}]"])


def _expression(op: Op, names: list[str]) -> str:
    if op.name == "neg":
        return f"-{names[0]}"
    if op is SELECT:
        return f"{names[1]} if {names[0]} else {names[2]}"
    if op is LESS:
        return f"1.0 if {names[0]} < {names[1]} else 0.0"
    if op.name in INFIX and op is not ops.div:  # a division by zero is for the op to refuse
        return spelled(op.name, names)
    return f"{op.name}({', '.join(names)})"


def _quiet(op: Op) -> Callable[..., float]:
    """The forward rule, answering nan where it would refuse: the path not taken must not stop the run."""

    def forward(*numbers: float) -> float:
        try:
            return op.forward(*numbers)
        except (ValueError, ArithmeticError):
            return math.nan

    return forward


def compiled(tape: Tape) -> Callable[[Sequence[float]], list[float]]:
    """The tape as something to call."""
    branches = SELECT in tape.op
    scope: dict[str, Any] = {op.name: _quiet(op) if branches else op.forward for op in set(tape.op)}
    exec(compile(source(tape), "<compiled tape>", "exec"), scope)
    return scope["run"]  # type: ignore[no-any-return]
