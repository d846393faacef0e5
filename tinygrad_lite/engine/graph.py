"""The graph behind a Value, as a list in topological order.

Every way of looking at a computation starts from one of two walks here: `topological`, which
is quick and lists the Values, and `Graph`, which also numbers them and gives each bare constant
a box of its own.
"""

from __future__ import annotations

from tinygrad_lite.hints import TYPE_CHECKING, Any, Iterator, Sequence

if TYPE_CHECKING:
    from tinygrad_lite.engine.value import Value


def topological(*roots: Value) -> list[Value]:
    """Every Value behind the roots, leaves included, parents before children; no recursion, any depth.

    The order depends only on how the graph was written, so that it is the same in every run.

    >>> from tinygrad_lite.engine import Value
    >>> a = Value(2.0, label="a"); b = a * a; c = b + a
    >>> [node.data for node in topological(c)]
    [2.0, 4.0, 6.0]
    """
    return walk(roots)[0]


def walk(roots: Sequence[Value], reset: bool = False) -> tuple[list[Value], list[Value]]:
    """The nodes in topological order, and the leaves among them: a depth-first walk with a stack of its own.

    A node is put back on the stack, under a None, before its parents are visited; it is done when
    that None comes up. It is marked as seen when it is visited: marked already on entering the
    stack, the order would be wrong where a node is met a second time from deeper down.

    Args:
        roots: where to begin.
        reset: set the gradients of inner nodes to 0 on the way, which saves `backward` a pass.
    """
    order: list[Value] = []
    leaves: list[Value] = []
    seen: set[Any] = set()
    todo: list[Any] = list(reversed(roots))
    while todo:
        node = todo.pop()
        if node is None:  # every parent of the node below is in the order
            order.append(todo.pop())
            continue
        if node in seen:
            continue
        while True:  # visit the node, then at once one of its parents, and so on down
            seen.add(node)
            a = node._a
            if a is None:
                leaves.append(node)
                order.append(node)
                break
            if reset:
                node.grad = 0.0
            if a.__class__ is not tuple:  # one or two operands, as nearly every node has: see node.py
                b = node._b
                if a.__class__ is not float and a not in seen:
                    todo.append(node)
                    todo.append(None)
                    if b.__class__ is not float and b not in seen:
                        todo.append(b)
                    node = a
                elif b.__class__ is not float and b not in seen:
                    todo.append(node)
                    todo.append(None)
                    node = b
                else:
                    order.append(node)
                    break
            else:
                todo.append(node)
                todo.append(None)
                todo += [p for p in reversed(a) if p.__class__ is not float and p not in seen]
                break
    return order, leaves


class Graph:
    """A numbered snapshot of the graph behind one root or several.

    Attributes:
        nodes: the Values, parents before children. Each use of a bare number is a `constant` leaf of its own.
        parents: for each node the numbers of its operands, in order.
        roots: the numbers of the roots.

    >>> from tinygrad_lite.engine import Value
    >>> g = Graph(2 * Value(3.0, label="x"))
    >>> [(node.op.name, node.data) for node in g.nodes], g.parents
    ([('leaf', 3.0), ('constant', 2.0), ('mul', 6.0)], [(), (), (1, 0)])
    """

    def __init__(self, *roots: Value) -> None:
        from tinygrad_lite.engine import ops
        from tinygrad_lite.engine.value import Value

        self.nodes: list[Value] = []
        self.parents: list[tuple[int, ...]] = []
        self.number: dict[Value, int] = {}
        for node in topological(*roots):
            operands = []
            for parent in node.parents:
                if not isinstance(parent, Value):
                    parent = Value(parent, "", ops.constant)
                if parent not in self.number:
                    self._add(parent, ())
                operands.append(self.number[parent])
            self._add(node, tuple(operands))
        self.roots = tuple(self.number[root] for root in roots)

    def _add(self, node: Value, operands: tuple[int, ...]) -> None:
        if node not in self.number:
            self.number[node] = len(self.nodes)
            self.nodes.append(node)
            self.parents.append(operands)

    def __len__(self) -> int:
        return len(self.nodes)

    def edges(self) -> Iterator[tuple[int, int, int, Any]]:
        """(parent, child, which operand of the child, local derivative or None), child by child."""
        for child, operands in enumerate(self.parents):
            for i, (parent, slope) in enumerate(zip(operands, self.nodes[child].local, strict=True)):
                yield parent, child, i, slope
