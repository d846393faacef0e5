"""Pickling and copying graphs of any depth, without recursion.

Left to themselves, `pickle` and `copy.deepcopy` follow a node to its parents, and those to
theirs, one Python call inside another, until the interpreter's stack ends. Here the first node
that is reached lists everything behind it, parents first:

    [listing, n1, n2, ..., nk]

The pickler saves a list entry by entry. By the time it comes to a node it has already saved the
node's parents, and only refers back to them; so no call stands inside another. Two lists that
share a node still share it afterwards, in one pickle as in one deepcopy.

How does a node know that it is being saved from a list, and must not begin one of its own? Each
thread keeps the listing that is being written, which gives each node its place. The places are
asked for in rising order. A node out of order was reached in another way (say, after a pickle
that failed half-way) and simply begins a new list. So whatever was assumed wrongly costs some
bytes, and neither depth nor truth.
"""

from __future__ import annotations

import copy
import threading
import weakref
from typing import Any

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.node import Node
from tinygrad_lite.engine.op import Op


def everything_behind(*roots: Node) -> list[Any]:
    """The nodes behind the roots, parents first; then those behind gradients that are Values; and so on."""
    order: list[Any] = []
    seen: set[Any] = set()
    todo = list(roots)
    while todo:
        fresh = [node for node in topological(*todo) if node not in seen]
        seen.update(fresh)
        order += fresh
        todo = [node.grad for node in fresh if isinstance(node.grad, Node) and node.grad not in seen]
    return order


class _Listing:
    """The nodes that one pickle is writing, and how far it has come.

    Attributes:
        places: the place of each node in the list.
        reached: the place of the last one that was written.
        written: the nodes of this list and of earlier ones that are still alive, most likely in the same pickle.
    """

    __slots__ = ("places", "reached", "written", "__weakref__")

    def __init__(self, nodes: list[Any], written: set[Any]) -> None:
        self.places: dict[Any, int] = {node: i for i, node in enumerate(nodes)}
        self.reached = -1
        self.written = written
        written.update(nodes)

    def expects(self, node: Node) -> bool:
        """True if it is this node's turn."""
        place = self.places.get(node, -1)
        if place <= self.reached:
            return False
        self.reached = place
        return True

    def is_next_to(self, node: Node) -> bool:
        """True of a new node on parents that are written already: it needs no list of its own."""
        new = node not in self.written and all(p.__class__ is float or p in self.written for p in node.parents)
        if new:
            self.written.add(node)
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        return (bool, ())  # the pickle itself needs no listing; it only has to be kept alive while writing


class _Now(threading.local):
    listing: Any = staticmethod(lambda: None)  # a weak reference: a pickle that fails takes its listing along


_now = _Now()


def reduce(node: Node) -> tuple[Any, ...]:
    """What `pickle` needs to make this node again: its own record, or the list of all that is behind it."""
    listing = _now.listing()
    if listing is not None and listing.expects(node):
        return _record(node)
    if not isinstance(node.grad, Node) and (not node.parents or (listing is not None and listing.is_next_to(node))):
        return _record(node)
    # A node that is asked for twice is being written by another pickler, which has seen nothing yet.
    written = set() if listing is None or node in listing.written else listing.written
    nodes = [n for n in everything_behind(node) if n not in written]
    listing = _Listing(nodes, written)
    _now.listing = weakref.ref(listing)
    gradients = [(n, n.grad) for n in nodes if isinstance(n.grad, Node)]
    return _last, (listing.places[node], [listing, *nodes], gradients)


def _record(node: Node) -> tuple[Any, ...]:
    grad = 0.0 if isinstance(node.grad, Node) else node.grad
    more = getattr(node, "__dict__", None)  # of a subclass
    return _made, (type(node), grad, *_fields(node)), more or None


def _fields(node: Node) -> tuple[Any, ...]:
    """What a node is made of, apart from its gradient, which may be a Value that was made after it."""
    return node.data, node.label, node.op, node.parents, tuple(node.local)  # without notes


def _made(kind: type[Node], grad: Any, data: float, label: str, op: Op, parents: Any, local: Any) -> Node:
    """A node with these fields; no rule is evaluated, and no subclass's __init__ is called."""
    node = kind.__new__(kind)
    node.link(parents)
    node.data, node.label, node.op, node.local, node.grad = data, label, op, local, grad
    return node


def _last(place: int, listed: list[Any], gradients: list[tuple[Node, Any]]) -> Node:
    """The node that the list was made for, after the gradients that are Values have found their nodes."""
    for node, grad in gradients:
        node.grad = grad
    return listed[place + 1]  # type: ignore[no-any-return]


def deep_copied(node: Node, memo: dict[int, Any]) -> Node:
    """A copy of the node and of everything behind it; what `memo` holds already is used, not copied again."""
    alone = not isinstance(node.grad, Node) and all(p.__class__ is float or id(p) in memo for p in node.parents)
    fresh = [node] if alone else [n for n in everything_behind(node) if id(n) not in memo]
    for old in fresh:
        data, label, op, parents, local = _fields(old)
        copies = tuple([p if p.__class__ is float else memo[id(p)] for p in parents])
        memo[id(old)] = _made(type(old), 0.0, data, label, op, copies, local)
    for old in fresh:
        memo[id(old)].grad = memo[id(old.grad)] if isinstance(old.grad, Node) else copy.deepcopy(old.grad, memo)
        for name, field in getattr(old, "__dict__", {}).items():
            setattr(memo[id(old)], name, copy.deepcopy(field, memo))
    return memo[id(node)]  # type: ignore[no-any-return]


def shallow_copied(node: Node) -> Node:
    """A new node made from the same parents."""
    new = _made(type(node), node.grad, *_fields(node))
    for name, field in getattr(node, "__dict__", {}).items():
        setattr(new, name, field)
    return new
