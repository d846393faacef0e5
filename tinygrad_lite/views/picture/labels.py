"""What is written in a box and beside an arrow: which numbers, in which words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.drawing.data import Box, Edge


class Pen:
    """Draws the nodes of one graph as boxes, and its operands as arrows.

    Attributes:
        graph: the numbered graph.
        shown: any of "data", "grad", "local" and "contribution".
        write: how a number is written.
        called: names for Values without a label.
    """

    def __init__(
        self, graph: Graph, shown: Collection[str], write: Callable[[float], str], called: Mapping[Value, str]
    ) -> None:
        self.graph = graph
        self.shown = shown
        self.write = write
        self.called = called

    def box(self, number: int) -> Box:
        """The box of a node; a constant has its number alone, and is pale."""
        node = self.graph.nodes[number]
        grad = number_of(node.grad)
        label = str(node.label or self.called.get(node, ""))
        if node.op is ops.constant:
            return Box(number, "constant", label, node.data, grad, rows=(("", f"{node.data:g}"),))
        kind = "leaf" if not node.parents else "root" if number in self.graph.roots else "inner"
        rows = tuple((name, self.write(x)) for name, x in (("data", node.data), ("grad", grad)) if name in self.shown)
        return Box(number, kind, label, node.data, grad, node.op.symbol if node.parents else "", rows)

    def edge(self, tail: int, head: int, operand: int, local: float | None, grad: float) -> Edge:
        """The arrow from box to box, along which `grad`, the head's gradient, is handed back times `local`."""
        if local is None:
            return Edge(tail, head, operand, None, None)
        carried = grad * local
        texts = (("local", self.write(local)), ("contribution", ("+ " if carried >= 0 else "") + self.write(carried)))
        return Edge(tail, head, operand, local, carried, tuple(text for text in texts if text[0] in self.shown))

    def whole(self) -> tuple[list[Box], list[Edge]]:
        """Every node and every operand of the graph."""
        boxes = [self.box(number) for number in range(len(self.graph))]
        return boxes, [self.edge(tail, head, i, local, boxes[head].grad) for tail, head, i, local in self.graph.edges()]


def writer(format: str | Callable[[float], str]) -> Callable[[float], str]:
    """How numbers are written: by default four decimals, or powers of ten where those say nothing.

    >>> write = writer("")
    >>> write(2.0), write(1e-7), write(-123456.0)
    ('2.0000', '1.000e-07', '-1.235e+05')
    """
    if callable(format):
        return lambda x: str(format(x))
    if format:
        _ = f"{0.0:{format}}"  # a spec that Python refuses is refused here
        return lambda x: f"{x:{format}}"
    return lambda x: f"{x + 0.0:.4f}" if x == 0 or 1e-3 <= abs(x) < 1e5 else f"{x:.3e}"


def number_of(grad: Any) -> float:
    """The gradient as a float; after `create_graph=True` it is a Value."""
    return float(grad.data) if isinstance(grad, Value) else float(grad)


def described(graph: Graph, boxes: list[Box]) -> str:
    """The alt text: what the picture is of, for those who cannot see it."""
    leaves = [cards.shown_label(box.label) for box in boxes if box.kind == "leaf" and box.label]
    groups = [cards.shown_label(box.label) for box in boxes if box.kind == "group"]
    at = {box.number: box for box in boxes}
    roots = ", ".join(
        f"{cards.shown_label(at[i].label) if i in at and at[i].label else 'the result'} = {graph.nodes[i].data:.4g}"
        for i in graph.roots
    )
    of = f" computed from {_some(leaves)}" if leaves else ""
    folded = f", drawn as {len(boxes)} boxes" if len(boxes) < len(graph) else ""
    by = f" with {_some(groups)}" if groups else ""
    return f"Computation graph of {len(graph):,} values{folded}{by}: {roots}{of}."


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (" and more" if len(names) > 8 else "")
