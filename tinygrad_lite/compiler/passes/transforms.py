"""Further derivatives of a traced function: each is a tape made from its tape.

In: a tape. Out: a tape whose outputs are the derivative asked for. All of them are compositions of the one reverse
sweep of adjoint.py.

    jacobian   one sweep for each output
    jvp        the Jacobian times a direction, tidied: what the direction does not need is never computed
    hvp        the sweep of gradient . v
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.ir.tape import Builder, Ref, Tape
from tinygrad_lite.compiler.passes.adjoint import sweep, tidied
from tinygrad_lite.engine import ops


def jacobian(tape: Tape, wrt: Sequence[int]) -> Builder:
    """Outputs: the values, then line by line the gradients of each along those inputs."""
    made = tidied(tape)
    values = list(made.outputs)
    inputs = [made.inputs[i] for i in wrt]
    for value in values:
        made.outputs += sweep(made, {value: made.constant(1.0)}, inputs) if value >= 0 else _own(made, value, inputs)
    return made


def _own(made: Builder, value: Ref, inputs: Sequence[Ref]) -> list[Ref]:
    """The gradients of an output that is an input, or a constant."""
    return [made.constant(1.0 if ref == value else 0.0) for ref in inputs]


def hvp(tape: Tape, wrt: Sequence[int]) -> Builder:
    """Inputs: those of the tape, then a direction. Outputs: the Hessian of the one output times the direction."""
    made = tidied(tape)
    inputs = [made.inputs[i] for i in wrt]
    direction = [made.input(f"v{k}") for k in range(len(inputs))]
    (value,) = made.outputs
    gradients = sweep(made, {value: made.constant(1.0)}, inputs)
    derivative = _wrt(made, gradients, direction)
    made.outputs = sweep(made, {derivative: made.constant(1.0)}, inputs)
    return made


def jvp(tape: Tape, wrt: Sequence[int]) -> Builder:
    """Inputs: those of the tape, then a direction. Outputs: the values, then their derivatives w.r.t. the direction."""
    made = jacobian(tape, wrt)
    n = len(tape.outputs)
    direction = [made.input(f"v{k}") for k in range(len(wrt))]
    gradients = made.outputs[n:]
    del made.outputs[n:]
    for k in range(n):
        line = gradients[k * len(wrt) : (k + 1) * len(wrt)]
        made.outputs.append(_wrt(made, line, direction))
    return made


def _wrt(made: Builder, gradients: Sequence[Ref], direction: Sequence[Ref]) -> Ref:
    """The derivative w.r.t. the direction: gradients times direction, summed."""
    terms = [made.node(ops.mul, (derivative, v)) for derivative, v in zip(gradients, direction, strict=True)]
    return made.node(ops.sum, tuple(terms)) if len(terms) > 1 else terms[0]
