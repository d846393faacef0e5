"""The plain tape as Python: the back end that always works.

In: a tape. Out: a function from a list of numbers to a list of outputs, made of one line of Python
for each node; or, for a tape too long for one function, the interpreter `Tape.run`. It needs
nothing but Python and is some ten times faster than building Values; the other back ends are
a thousand times faster, and `report()` says which one ran.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tinygrad_lite.compiler.ir.spelling import INFIX, spelled
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op

LONGEST = 50_000
"""Nodes in one function; Python's own compiler needs about 10 us for each."""

Runner = Callable[[Sequence[float]], list[float]]


def source(tape: Tape, name: str = "run") -> str:
    """The tape as a Python function of a list of inputs.

    >>> from tinygrad_lite.engine import ops
    >>> t = Tape(); x = t.input("x"); t.outputs = [t.node(ops.tanh, (t.node(ops.mul, (x, x)),))]
    >>> print(source(t))
    def run(inputs):
        x0, = inputs
        v0 = x0 * x0
        v1 = tanh(v0)
        return [v1]
    """
    text = {ref: f"x{i}" for i, ref in enumerate(tape.inputs)}
    for i, x in enumerate(tape.sources):
        if x.__class__ is float:
            text[~i] = f"({x!r})" if math.isfinite(x) and x < 0 else repr(x) if math.isfinite(x) else f"float('{x}')"
    lines = [f"def {name}(inputs):"]
    if tape.inputs:
        lines.append("    " + "".join(f"x{i}, " for i in range(len(tape.inputs))).rstrip() + " = inputs")
    for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, tape.live(), strict=True)):
        if needed:
            names = [text[ref] if ref < 0 else f"v{ref}" for ref in args]
            lines.append(f"    v{i} = {_expression(op, names)}")
    outputs = [*tape.outputs, *(guard.flag for guard in tape.guards)]
    lines.append("    return [" + ", ".join(text[ref] if ref < 0 else f"v{ref}" for ref in outputs) + "]")
    return "\n".join(lines)


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


def compiled(tape: Tape) -> Runner:
    """The tape as something to call: outputs first, then the flags of the guards."""
    if len(tape) > LONGEST:
        wanted = [*tape.outputs, *(guard.flag for guard in tape.guards)]
        return lambda numbers: tape.values(numbers, wanted)
    branches = SELECT in tape.op
    scope: dict[str, object] = {op.name: _quiet(op) if branches else op.forward for op in set(tape.op)}
    exec(compile(source(tape), "<compiled tape>", "exec"), scope)
    return scope["run"]  # type: ignore[return-value]
