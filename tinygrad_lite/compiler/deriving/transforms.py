"""Further derivatives of a traced function: each is a tape made from its tape.

In: a tape. Out: a tape whose outputs are the derivative asked for. All of them are compositions of the one reverse
sweep of adjoint.py.

    jacobian   one sweep for each output
    jvp        the Jacobian times a direction, tidied: what the direction does not need is never computed
    hvp        the sweep of gradient . v
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.deriving.adjoint import sweep, tidied
from tinygrad_lite.compiler.tracing.tape import Builder, Ref, Tape
from tinygrad_lite.engine import ops


def jacobian(tape: Tape, along: Sequence[int]) -> Builder:
    """Outputs: the values, then line by line the slopes of each along those inputs."""
    made = tidied(tape)
    values = list(made.outputs)
    inputs = [made.inputs[i] for i in along]
    for value in values:
        made.outputs += sweep(made, {value: made.constant(1.0)}, inputs) if value >= 0 else _own(made, value, inputs)
    return made


def _own(made: Builder, value: Ref, inputs: Sequence[Ref]) -> list[Ref]:
    """The slopes of an output that is an input, or a constant."""
    return [made.constant(1.0 if ref == value else 0.0) for ref in inputs]


def hvp(tape: Tape, along: Sequence[int]) -> Builder:
    """Inputs: those of the tape, then a direction. Outputs: the Hessian of the one output times the direction."""
    made = tidied(tape)
    inputs = [made.inputs[i] for i in along]
    direction = [made.input(f"v{k}") for k in range(len(inputs))]
    (value,) = made.outputs
    slopes = sweep(made, {value: made.constant(1.0)}, inputs)
    slope = _along(made, slopes, direction)
    made.outputs = sweep(made, {slope: made.constant(1.0)}, inputs)
    return made


def jvp(tape: Tape, along: Sequence[int]) -> Builder:
    """Inputs: those of the tape, then a direction. Outputs: the values, then their slopes along the direction."""
    made = jacobian(tape, along)
    n = len(tape.outputs)
    direction = [made.input(f"v{k}") for k in range(len(along))]
    slopes = made.outputs[n:]
    del made.outputs[n:]
    for k in range(n):
        line = slopes[k * len(along) : (k + 1) * len(along)]
        made.outputs.append(_along(made, line, direction))
    return made


def _along(made: Builder, slopes: Sequence[Ref], direction: Sequence[Ref]) -> Ref:
    """The slope along the direction: slopes times direction, summed."""
    terms = [made.node(ops.mul, (slope, v)) for slope, v in zip(slopes, direction, strict=True)]
    return made.node(ops.sum, tuple(terms)) if len(terms) > 1 else terms[0]
