"""The graph with a number for each node, and a box of its own for each use of a bare constant."""

from __future__ import annotations

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.hints import Any, Iterator


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
        self.roots: tuple[int, ...] = tuple(self.number[root] for root in roots)

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
            for i, (parent, derivative) in enumerate(zip(operands, self.nodes[child].local, strict=True)):
                yield parent, child, i, derivative
