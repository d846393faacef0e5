"""Where a number came from that an op refused: the step at which it became 0, or left the domain by rounding."""

from __future__ import annotations

import math

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.node import Node
from tinygrad_lite.hints import Any, Sequence

_NEVER_ZERO = (ops.exp, ops.exp2, ops.sigmoid)  # above 0 on paper, so a 0 is a number too small for a float
_PASS_A_ZERO_ON = (ops.neg, ops.absolute, ops.sqrt, ops.square, ops.cbrt, ops.mul, ops.dot, ops.prod)


def origin(node: Node) -> str:
    """One sentence on the step that made a 0, or a number just below 0; "" if no such step is known.

    >>> from tinygrad_lite.engine.value import Value
    >>> origin(Value(-800.0, label="z").exp())
    'The 0 is exp(z = -800), which is above 0 but too small for a float: it underflowed.'
    """
    for _ in range(100):
        numbers = [p if p.__class__ is float else p.data for p in node.parents]
        if node.data != 0.0:
            return _rounded_below_zero(node, numbers)
        zero = next(
            (p for p, x in zip(node.parents, numbers, strict=True) if x == 0.0 and p.__class__ is not float), None
        )
        if zero is not None and (node.op in _PASS_A_ZERO_ON or (node.op is ops.div and zero is node.parents[0])):
            node = zero
            continue
        return _became_zero(node, numbers)
    return ""


def _became_zero(node: Node, numbers: Sequence[float]) -> str:
    op = node.op
    if op in _NEVER_ZERO:
        return f"The 0 is {_call(node)}, which is above 0 but too small for a float: it underflowed."
    if op in (ops.mul, ops.div) and 0.0 not in numbers and all(map(math.isfinite, numbers)):
        return f"The 0 is {_call(node)}, which is not 0 but too small for a float: it underflowed."
    if op is ops.sub:
        return f"The 0 is {_call(node)}, a difference of equal numbers."
    if op is ops.relu:
        return f"The 0 is {_call(node)}, which is off."
    return f"The 0 is {_call(node)}." if node.parents else ""


def _rounded_below_zero(node: Node, numbers: Sequence[float]) -> str:
    largest = max(map(abs, numbers), default=0.0)
    if node.op in (ops.sub, ops.add) and -1e-12 * largest <= node.data < 0.0:
        return f"The {node.data:.3g} is {_call(node)}, which nearly cancel: it may be the rounding of a 0."
    return ""


def _call(node: Node) -> str:
    """The op with its operands, labelled ones by label and number."""
    shown = [_operand(p) for p in node.parents[:4]] + ["..."] * (len(node.parents) > 4)
    return f"{node.op.name}({', '.join(shown)})"


def _operand(p: Any) -> str:
    if p.__class__ is float:
        return f"{p:.6g}"
    return f"{p.label} = {p.data:.6g}" if p.label else f"{p.data:.6g}"
