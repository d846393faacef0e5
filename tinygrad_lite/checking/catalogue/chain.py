"""The chain from the loss down to the leaves, link by link: right, wrong by itself, or following from above.

When gradients of nodes on the way are handed over too, one reverse sweep tells the first wrong link:
at each such node the sweep arrives with the number that the user's own numbers above imply, compares,
and goes on with the user's number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinygrad_lite.engine import Value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints


def links(
    root: Value, hand: Mapping[Value, tuple[str, float]], near: Callable[[float, float], bool]
) -> list[tuple[str, str, str]]:
    """(name, mark, remark) of each node that was handed over, from the root down.

    Args:
        hand: for a node its name, and the user's number for the derivative of the root along it.
        near: whether the user's number and another count as equal.

    >>> x = Value(2.0); a = x * 3.0; b = a * a
    >>> links(b * 1.0, {b: ("b", 1.0), a: ("a", 6.0), x: ("x", 18.0)}, lambda p, q: p == q)
    [('b', 'ok', ''), ('a', 'wrong', ''), ('x', 'follows', '')]
    """
    exact = adjoints(root)
    implied: dict[Value, float] = dict.fromkeys(topological(root), 0.0)
    implied[root] = 1.0
    found: list[tuple[str, str, str]] = []
    for node in reversed(topological(root)):
        adjoint = implied[node]
        if node in hand:
            name, mine = hand[node]
            if near(mine, exact[node]):
                found.append((name, "ok", ""))
            else:
                found.append((name, "follows" if near(mine, adjoint) else "wrong", ""))
            adjoint = mine
        for parent, derivative in zip(node.parents, node.local, strict=True):
            if derivative is not None:
                implied[parent] += adjoint * derivative
    return found
