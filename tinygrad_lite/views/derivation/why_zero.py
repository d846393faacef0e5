"""Why a gradient is zero, in a sentence: a dead relu, a saturated sigmoid, a factor 0, no connection at all."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.report.language import say

_TINY = 1e-9  # a gradient below this moves nothing
_FLAT = 1e-6  # a local derivative below this lets next to nothing through


def why_zero(param: Any, root: Value) -> str:
    """A sentence that says why d(root)/d(param) is zero, or nearly so, or that it is not.

    It looks for the places, nearest to the root first, where a gradient arrives and does not
    get through towards `param`. No `.grad` is touched. It raises nothing: whatever param is, there is a sentence.

    >>> w = Value(-0.5, label="w")
    >>> print(why_zero(w, (w * 2.0).relu() + 1.0))
    The gradient of w is 0 because the relu of -1 is off: its input must rise by 1 to turn it on.
    """
    name = name_of(param)
    if not isinstance(param, Value):
        return say("{0} is a bare number, a constant of the program; only a Value has a gradient.", name)
    if not isinstance(root, Value):
        message = "The gradient of {0} is 0 because the root {1} is a bare number: it remembers no operands."
        return say(message, name, name_of(root))
    order = topological(root)
    if param is not root and root in topological(param):
        message = "{0} was computed from {1}, not the other way round: the Value asked about comes first."
        return say(message, name, name_of(root))
    towards = {param}  # the nodes between param and the root: those that param can move
    for node in order:
        if any(parent in towards for parent in node.parents if parent.__class__ is not float):
            towards.add(node)
    if param is root:
        return say("The gradient of {0} is 1: it is the root itself.", name)
    if root not in towards:
        why = _not_connected(param, order)
        return say("The gradient of {0} is 0 because nothing connects it to {1}: {2}", name, name_of(root), why)
    found = adjoints(root)
    gradient = found[param]
    if abs(gradient) > _TINY:
        return say("The gradient of {0} is {1:.6g}, which is not zero.", name, gradient)
    causes = _causes(param, root, order, towards, found)
    size = "0" if gradient == 0.0 else say("{0:.3g}, next to nothing,", gradient)
    why = _in_words(causes) if causes else say("many small local derivatives were multiplied on the way back")
    return say("The gradient of {0} is {1} because {2}.", name, size, why)


def _not_connected(param: Value, order: list[Value]) -> str:
    twin = next((n for n in order if not n.parents and n is not param and n.label and n.label == param.label), None)
    if twin is not None:
        return say("the root was computed from another Value that is labelled {0!r} too.", twin.label)
    return say(
        "the root was computed without it. Was it replaced by its `.data`, or assigned anew, before the forward pass?"
    )


class _Cause(NamedTuple):
    """A place where the gradient ends: its op, the number that arrived at the operand, and a clause that tells it."""

    op: Op
    number: float
    clause: str


def _in_words(causes: list[_Cause]) -> str:
    """All places in one breath: of relus that are all off, the one that is nearest to being on; else the first."""
    first = causes[0]
    if len(causes) == 1:
        return first.clause
    if all(cause.op is ops.relu and cause.number < 0.0 for cause in causes):
        low, high = min(cause.number for cause in causes), max(cause.number for cause in causes)
        return say(
            "the relu is off at each of the {0} places where it ends: their inputs lie from {1:.4g} to {2:.4g}, "
            "and the largest must rise by {3:.4g} to turn its relu on",
            *(len(causes), low, high, -high),
        )
    others = Counter(cause.op.name for cause in causes[1:])
    ends = ", ".join(f"{op}: {n}" for op, n in others.items())
    return say("{0}; it ends at other places too ({1})", first.clause, ends)


def _causes(
    param: Value, root: Value, order: list[Value], towards: set[Value], found: dict[Value, Any]
) -> list[_Cause]:
    """One for each place where the gradient ends, nearest to the root first."""
    causes = []
    shares: dict[Value, list[float]] = {}
    for node in reversed(order):
        if node not in towards:
            continue
        if found[node] == 0.0 and any(share != 0.0 for share in shares.get(node, ())):
            paths = f" {say('and')} ".join(f"{share:.6g}" for share in shares[node][:4])
            clause = say("the shares that reach {0} along its paths, {1}, cancel", name_of(node), paths)
            causes.append(_Cause(node.op, node.data, clause))
        for i, (parent, derivative) in enumerate(zip(node.parents, node.local, strict=True)):
            if parent in towards and derivative is not None:
                shares.setdefault(parent, []).append(found[node] * derivative)
                if found[node] != 0.0 and abs(derivative) < _FLAT:
                    number = parent if parent.__class__ is float else parent.data
                    causes.append(_Cause(node.op, number, _clause(node, i, derivative)))
    return causes


def _clause(node: Value, i: int, derivative: float) -> str:
    """Why this op lets nothing through along its i-th operand."""
    op = node.op
    numbers = [p if p.__class__ is float else p.data for p in node.parents]
    x = numbers[i]
    if op is ops.relu:
        if x == 0.0:
            return say("the relu stands exactly on its corner, 0, where its derivative is 0 by our choice")
        return say("the relu of {0:.6g} is off: its input must rise by {1:.6g} to turn it on", x, -x)
    if op is ops.mul or op is ops.dot or op is ops.prod:
        return say("{0} is multiplied by {1:.6g} in {2}", name_of(node.parents[i]), derivative, name_of(node))
    if op is ops.maximum or op is ops.minimum:
        return say(
            "{0} chose {1:.6g} and not {2:.6g}, which misses it by {3:.6g}", op.name, node.data, x, abs(node.data - x)
        )
    if op.kink is not None and op.kink.low == op.kink.high == 0.0:
        return say("{0} is a staircase, flat between its steps", op.name)
    if op.saturates:
        return say("{0} is saturated: at an input of {1:.6g} its derivative is {2:.3g}", op.name, x, derivative)
    at = ", ".join(f"{number:.6g}" for number in numbers[:4])
    return say("the derivative of {0} is {1:.3g} at {2}", op.name, derivative, at)


def name_of(node: Any) -> str:
    """The label, or else a description by op and number."""
    if not isinstance(node, Value):
        return f"{node!r}"
    if node.label:
        return node.label
    if node.parents:
        return say("the {0} node of value {1:.6g}", node.op.name, node.data)
    return say("a leaf of value {0:.6g}", node.data)
