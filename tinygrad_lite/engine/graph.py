"""The graph behind a Value, as a list in topological order.

Every way of looking at a computation starts here: going back, drawing, explaining, replaying.
"""

from __future__ import annotations

from tinygrad_lite.engine.node import Node
from tinygrad_lite.hints import Any, Sequence


def topological(*roots: Any) -> list[Any]:
    """Every Value behind the roots, leaves included, parents before children; no recursion, any depth.

    The order depends only on how the graph was written, so that it is the same in every run.

    >>> from tinygrad_lite.engine import Value
    >>> a = Value(2.0, label="a"); b = a * a; c = b + a
    >>> [node.data for node in topological(c)]
    [2.0, 4.0, 6.0]
    """
    return walk(roots)[0]


def walk(roots: Sequence[Node], reset: bool = False) -> tuple[list[Any], list[Any]]:
    """The nodes in topological order, and the leaves among them: a depth-first walk with a stack of its own.

    A node is put back on the stack, under a None, before its parents are visited; it is done when
    that None comes up. It is marked as seen when it is visited: marked already on entering the
    stack, the order would be wrong where a node is met a second time from deeper down.

    Args:
        roots: where to begin.
        reset: set the gradients of inner nodes to 0 on the way.
    """
    order: list[Any] = []
    seen: set[Node] = set()
    todo: list[Any] = list(reversed(roots))
    while todo:
        node = todo.pop()
        if node is None:  # every parent of the node below is in the order
            order.append(todo.pop())
        elif node not in seen:
            seen.add(node)
            todo += [node, None]
            todo += [p for p in reversed(node.parents) if p.__class__ is not float and p not in seen]
            if reset and node.parents:
                node.grad = 0.0
    return order, [node for node in order if not node.parents]
