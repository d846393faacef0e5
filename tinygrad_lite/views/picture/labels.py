"""What is written in a box and beside an arrow: which numbers, in which words."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.drawing.data import Box, Edge, Note

TERMS = 3  # of a gradient that are written out as a sum in the box
STALE = " (stale)"


class BoxBuilder:
    """Makes the boxes and arrows of one graph.

    Attributes:
        graph: the numbered graph.
        shown: any of "data", "grad", "local" and "contribution".
        write: how a number is written.
        called: names for Values without a label.
        stale: the numbers of the nodes that were computed from other `.data` than their operands have now.
    """

    def __init__(
        self,
        graph: Graph,
        shown: Collection[str],
        write: Callable[[float], str],
        called: Mapping[Value, str],
        stale: Iterable[Value] = (),
    ) -> None:
        self.graph = graph
        self.shown = shown
        self.write = write
        self.called = called
        self.stale: set[int] = {graph.number[node] for node in stale}
        self._went_back = any(number_of(node.grad) for node in graph.nodes)

    def box(self, number: int) -> Box:
        """The box of a node; a constant has its number alone, and is pale."""
        node = self.graph.nodes[number]
        grad = number_of(node.grad)
        label = str(node.label or self.called.get(node, ""))
        if node.op is ops.constant:
            return Box(number, "constant", label, node.data, grad, rows=(("", self.write(node.data)),))
        kind = "leaf" if not node.parents else "root" if number in self.graph.roots else "inner"
        old = STALE if number in self.stale else ""
        numbers = (("data", self.write(node.data) + old), ("grad", self.write(grad)))
        rows = tuple(row for row in numbers if row[0] in self.shown)
        return Box(number, kind, label, node.data, grad, node.op.symbol if node.parents else "", rows)

    def edge(self, tail: int, head: int, operand: int, local: float | None, grad: float) -> Edge:
        """The arrow from box to box, along which `grad`, the head's gradient, is handed back times `local`."""
        if local is None:
            return Edge(tail, head, operand, None, None)
        carried = grad * local
        old = STALE if head in self.stale else ""
        if "contribution" not in self.shown or not self._went_back:
            texts = (("local", self.write(local) + old),) if "local" in self.shown else ()
        elif "local" in self.shown:
            texts = (("product", f"{self.write(grad)} × {self.write(local)} = {self.write(carried)}{old}"),)
        else:
            texts = (("contribution", ("+ " if carried >= 0 else "") + self.write(carried) + old),)
        return Edge(tail, head, operand, local, carried, texts)

    def whole(self) -> tuple[list[Box], list[Edge]]:
        """Every node and every operand of the graph; a gradient of several contributions is written as their sum."""
        boxes = [self.box(number) for number in range(len(self.graph))]
        edges = [self.edge(tail, head, i, local, boxes[head].grad) for tail, head, i, local in self.graph.edges()]
        if "contribution" in self.shown and "local" in self.shown and self._went_back:
            for number, terms in self._arriving(edges).items():
                if 1 < len(terms) <= TERMS and math.isclose(sum(terms), boxes[number].grad, abs_tol=1e-300):
                    words = self.write(terms[0])
                    for x in terms[1:]:
                        words += f" - {self.write(-x)}" if x < 0 else f" + {self.write(x)}"
                    rows = [(c, f"{words} = {text}" if c == "grad" else text) for c, text in boxes[number].rows]
                    boxes[number] = boxes[number]._replace(rows=tuple(rows))
        return boxes, edges

    def notes(self, boxes: Collection[Box], edges: Collection[Edge]) -> list[Note]:
        """The lines below: how to read an arrow, and what is not of one pass."""
        written = {role for edge in edges for role, _ in edge.texts}
        beside = {
            "product": "gradient of the result × local derivative = contribution to the gradient",
            "contribution": "its contribution to the gradient",
            "local": "the local derivative",
        }
        lines = [f"beside an arrow: {words}" for role, words in beside.items() if role in written]
        if "product" in written:
            at = {box.number: box for box in boxes}
            sums = self._arriving(edges).items() if len(boxes) == len(self.graph) else ()
            if any(not math.isclose(sum(x), at[n].grad, rel_tol=1e-9, abs_tol=1e-12) for n, x in sums):
                lines.append("some gradients are not the sum of the contributions here: they are of other passes too")
        if self.stale:
            lines.append("stale: computed before `.data` was assigned; run the forward pass again")
        return [Note((("", line),)) for line in lines]

    @staticmethod
    def _arriving(edges: Collection[Edge]) -> dict[int, list[float]]:
        """The contributions that arrive at each box."""
        found: dict[int, list[float]] = {}
        for edge in edges:
            if edge.contribution is not None:
                found.setdefault(edge.tail, []).append(edge.contribution)
        return found


def writer(format: str | Callable[[float], str]) -> Callable[[float], str]:
    """How numbers are written: by default in four significant digits.

    >>> write = writer("")
    >>> write(2.0), write(-0.0), write(2 / 3), write(1e-7), write(-123456.0)
    ('2', '0', '0.6667', '1e-07', '-1.235e+05')
    """
    if callable(format):
        return lambda x: str(format(x))
    if format:
        _ = f"{0.0:{format}}"  # a spec that Python refuses is refused here
        return lambda x: f"{x:{format}}"
    return lambda x: f"{x + 0.0:.4g}"


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
