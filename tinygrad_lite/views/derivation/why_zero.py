"""Why a gradient is zero, in a sentence: a dead relu, a saturated sigmoid, a factor 0, no connection at all."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value

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
    name = _name(param)
    if not isinstance(param, Value):
        return f"{name} is a bare number, a constant of the program; only a Value has a gradient."
    if not isinstance(root, Value):
        return f"The gradient of {name} is 0 because the root {_name(root)} is a bare number: it remembers no operands."
    order = topological(root)
    towards = {param}  # the nodes between param and the root: those that param can move
    for node in order:
        if any(parent in towards for parent in node.parents if parent.__class__ is not float):
            towards.add(node)
    if param is root:
        return f"The gradient of {name} is 1: it is the root itself."
    if root not in towards:
        return (
            f"The gradient of {name} is 0 because nothing connects it to {_name(root)}: {_not_connected(param, order)}"
        )
    found = adjoints(root)
    gradient = found[param]
    if abs(gradient) > _TINY:
        return f"The gradient of {name} is {gradient:.6g}, which is not zero."
    causes = _causes(param, root, order, towards, found)
    size = "0" if gradient == 0.0 else f"{gradient:.3g}, next to nothing,"
    more = f" The same happens at {len(causes) - 1} more place{'s' if len(causes) > 2 else ''}." if causes[1:] else ""
    because = causes[0] if causes else "many small local derivatives were multiplied on the way back"
    return f"The gradient of {name} is {size} because {because}.{more}"


def _not_connected(param: Value, order: list[Value]) -> str:
    twin = next((n for n in order if not n.parents and n is not param and n.label and n.label == param.label), None)
    if twin is not None:
        return f"the root was computed from another Value that is labelled {twin.label!r} too."
    return (
        "the root was computed without it. Was it replaced by its `.data`, or assigned anew, before the forward pass?"
    )


def _causes(param: Value, root: Value, order: list[Value], towards: set[Value], found: dict[Value, Any]) -> list[str]:
    """One clause for each place where the gradient ends, nearest to the root first."""
    causes = []
    shares: dict[Value, list[float]] = {}
    for node in reversed(order):
        if node not in towards:
            continue
        if found[node] == 0.0 and any(share != 0.0 for share in shares.get(node, ())):
            paths = " and ".join(f"{share:.6g}" for share in shares[node][:4])
            causes.append(f"the shares that reach {_name(node)} along its paths, {paths}, cancel")
        for i, (parent, slope) in enumerate(zip(node.parents, node.local, strict=True)):
            if parent in towards and slope is not None:
                shares.setdefault(parent, []).append(found[node] * slope)
                if found[node] != 0.0 and abs(slope) < _FLAT:
                    causes.append(_clause(node, i, slope))
    return causes


def _clause(node: Value, i: int, slope: float) -> str:
    """Why this op lets nothing through along its i-th operand."""
    op = node.op
    numbers = [p if p.__class__ is float else p.data for p in node.parents]
    x = numbers[i]
    if op is ops.relu:
        if x == 0.0:
            return "the relu stands exactly on its corner, 0, where its slope is 0 by our choice"
        return f"the relu of {x:.6g} is off: its input must rise by {-x:.6g} to turn it on"
    if op is ops.mul or op is ops.dot or op is ops.prod:
        return f"{_name(node.parents[i])} is multiplied by {slope:.6g} in {_name(node)}"
    if op is ops.maximum or op is ops.minimum:
        return f"{op.name} chose {node.data:.6g} and not {x:.6g}, which misses it by {abs(node.data - x):.6g}"
    if op.kink is not None and op.kink.low == op.kink.high == 0.0:
        return f"{op.name} is a staircase, flat between its steps"
    if op.saturates:
        return f"{op.name} is saturated: at an input of {x:.6g} its slope is {slope:.3g}"
    return f"the slope of {op.name} is {slope:.3g} at {', '.join(f'{number:.6g}' for number in numbers[:4])}"


def _name(node: Any) -> str:
    """The label, or else a description by op and number."""
    if not isinstance(node, Value):
        return f"{node!r}"
    if node.label:
        return node.label
    what = "a leaf" if not node.parents else f"the {node.op.name} node"
    return f"{what} of value {node.data:.6g}"
