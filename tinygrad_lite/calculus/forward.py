"""The chain rule, from the inputs forward to the outputs.

`tangents` is the mirror of the engine's `adjoints`: it walks the same recorded graph the other
way and uses the same local derivatives. A node's tangent is its derivative along a direction, that
is, how fast it moves when the inputs move as the direction says:

    tangent(node) = sum over its parents of  local derivative * tangent(parent)

One walk forward gives the derivatives of every output along one direction; one walk backward gives
the derivatives of one output w.r.t. every input. Which is cheaper depends on what there is more of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import require_fresh
from tinygrad_lite.engine.value import Value


def tangents(
    outputs: Sequence[Value], direction: Mapping[Value, Any], *, create_graph: bool = False
) -> dict[Value, Any]:
    """The derivative of every node behind the outputs along a direction; no `.grad` is touched.

    Args:
        direction: how fast each input moves; a node that is not named stands still.
        create_graph: give Values with a history, by evaluating the table's rules on Values.

    Raises:
        StaleGraphError: create_graph needs the numbers of now, and some `.data` was changed
            since the forward pass.

    >>> x, y = Value(3.0), Value(4.0); area = x * y
    >>> tangents([area], {x: 1.0, y: 10.0})[area]        # dx*y + x*dy
    34.0
    """
    order = topological(*outputs)
    found: dict[Value, Any] = dict.fromkeys(order, 0.0)
    moving = set(direction)
    for node in order:
        if node in direction:
            found[node] = direction[node]
            continue
        places = [i for i, parent in enumerate(node.parents) if parent in moving]
        if places:
            moving.add(node)
            if create_graph:
                require_fresh([node])
            derivatives = node.op.partials(*node.parents, node) if create_graph else node.local
            shares = [_times(derivatives[i], found[node.parents[i]]) for i in places]
            for share in shares[1:]:
                shares[0] = shares[0] + share
            found[node] = shares[0]
    return found


def _times(derivative: Any, tangent: Any) -> Any:
    return derivative if tangent.__class__ is float and tangent == 1.0 else derivative * tangent
