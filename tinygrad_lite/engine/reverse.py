"""The chain rule, from a root back to the leaves.

`backward` works on numbers and fills `.grad`: it is what trains. `adjoints` gives the same
sums in a dict and leaves every `.grad` alone; asked for a graph, it evaluates the rules of the
table on Values instead of reading the recorded numbers, so that the result can be
differentiated again. Both go through the nodes in reverse topological order: a node is asked
for its gradient only when every child has added its share.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine import graph, ops
from tinygrad_lite.engine.node import Node
from tinygrad_lite.errors import StaleGraphError
from tinygrad_lite.hints import Any, Container, Iterator, Sequence


def backward(root: Node, *, create_graph: bool = False) -> None:
    """Set the gradients of all nodes behind the root; see `Value.backward`."""
    order, leaves = graph.walk((root,), reset=not create_graph)
    before = [leaf.grad for leaf in leaves]
    try:
        if create_graph:
            found = adjoints(root, create_graph=True)
            for node in order:
                grad = found[node]  # a Value in an inner node would refer back to that node: a cycle
                node.grad = grad if grad.__class__ is float or not node.parents else grad.data
        else:
            for leaf in leaves:
                leaf.grad = 0.0
            root.grad = 1.0
            sweep(order)
        for leaf, old in zip(leaves, before, strict=True):
            leaf.grad = old if leaf.op is ops.constant else old + leaf.grad
    except BaseException:  # Ctrl-C too: the leaves are all new or all old, never a mixture
        for leaf, old in zip(leaves, before, strict=True):
            leaf.grad = old
        raise


def sweep(order: Sequence[Node]) -> None:
    """Ask every node, children before parents, for its step of the chain rule."""
    for node in reversed(order):
        if node.notes is not None:
            node.grad = node.notes.hooked(node.grad)
        step(node)


def step(node: Node) -> None:
    """The chain rule at one node: its gradient, times each local derivative, is added to that operand's gradient."""
    for parent, derivative in zip(node.parents, node.local, strict=True):
        if derivative is not None:  # there is none w.r.t. a bare float
            parent.grad += node.grad * derivative


def zero_grad(root: Node) -> None:
    """Set the gradient of every node behind the root to 0, leaves included.

    Raises:
        AttributeError: root is no Value.

    >>> from tinygrad_lite.engine import Value
    >>> x = Value(3.0); y = x * x; y.backward(); zero_grad(y); x.grad, y.grad
    (0.0, 0.0)
    """
    for node in graph.topological(root):
        node.grad = 0.0


def adjoints(
    root: Node, *, seed: Any = 1.0, create_graph: bool = False, within: Container[Node] | None = None
) -> dict[Any, Any]:
    """d(root)/d(node), times the seed, for every node behind the root; no `.grad` is touched.

    Args:
        seed: the adjoint of the root itself.
        create_graph: give Values with a history, by evaluating the table's rules on Values.
        within: visit these nodes only, where the others are known to be of no interest.

    Raises:
        StaleGraphError: create_graph needs the numbers of now, and some `.data` was changed
            since the forward pass.

    >>> from tinygrad_lite.engine import Value
    >>> x = Value(3.0); y = x * x
    >>> adjoints(y)[x], x.grad
    (6.0, 0.0)
    """
    order = graph.topological(root)
    if within is not None:
        order = [node for node in order if node in within]
    if create_graph:
        require_fresh(order)
    found: dict[Any, Any] = dict.fromkeys(order, 0.0)
    found[root] = seed
    for node in reversed(order):
        adjoint = found[node]
        if node.notes is not None:
            adjoint = found[node] = node.notes.hooked(adjoint)
        if not node.parents or (create_graph and _adds_nothing(adjoint, node.local)):
            continue
        derivatives = _with_a_history(node) if create_graph else node.local
        for parent, derivative, recorded in zip(node.parents, derivatives, node.local, strict=True):
            if recorded is not None and parent in found:
                share = derivative if adjoint.__class__ is float and adjoint == 1.0 else adjoint * derivative
                old = found[parent]
                found[parent] = share if old.__class__ is float and old == 0.0 else old + share
    return found


def _with_a_history(node: Node) -> Sequence[Any]:
    """The local derivatives as Values that can be differentiated again; at a kink the numbers that were chosen."""
    return node.local if _on_a_kink(node) else node.op.partials(*node.parents, node)


def _on_a_kink(node: Node) -> bool:
    kink = node.op.kink
    numbers = [p if p.__class__ is float else p.data for p in node.parents]
    return kink is not None and all(map(math.isfinite, numbers)) and kink.met(*numbers)


def _adds_nothing(adjoint: Any, local: Sequence[float | None]) -> bool:
    """True of a bare 0 times finite derivatives. Times an infinite one it makes a NaN, here as in `backward`."""
    return adjoint.__class__ is float and adjoint == 0.0 and all(d is None or math.isfinite(d) for d in local)


def require_fresh(order: Sequence[Node]) -> None:
    """Raise if the recorded numbers are not those that the operands would give now."""
    for node, out in stale(order):
        named = ", ".join(f"{p.label} = {p.data!r}" for p in node.parents if getattr(p, "label", ""))
        raise StaleGraphError(
            f"`.data` was changed after the forward pass: {node.op.name} recorded {node.data!r}, but its "
            f"operands {'(' + named + ') ' if named else ''}would give {out!r} now.\n"
            "  Run the forward pass again, then differentiate."
        )


def stale(order: Sequence[Node]) -> Iterator[tuple[Node, float]]:
    """The nodes that recorded other numbers than their operands would give now, each with its result now.

    `order` has parents before children; what was computed from a stale node is stale too.
    """
    now: dict[Node, float] = {}
    for node in order:
        if node.parents:
            numbers = [p if p.__class__ is float else now.get(p, p.data) for p in node.parents]
            try:
                out = node.op.forward(*numbers)
                derivatives = node.op.partials(*numbers, out)
            except (ValueError, ArithmeticError):
                out, derivatives = math.nan, ()
            fresh = [None if old is None else new for old, new in zip(node.local, derivatives, strict=False)]
            fresh = list(node.local) if _on_a_kink(node) else fresh
            if not _same((out, *fresh), (node.data, *node.local)):
                now[node] = out
                yield node, out


def _same(now: Sequence[Any], then: Sequence[Any]) -> bool:
    return len(now) == len(then) and all(a == b or (a != a and b != b) for a, b in zip(now, then, strict=True))
