"""The forward and the backward pass as a list of steps: what the player plays.

A step lights up parts of the picture, sets texts in it, and has a caption with the numbers. Parts are
named by the keys of the picture: "v3" a box, "o3" its op, "e3.0" the arrow to the first operand's op, "r3" the
arrow from an op to its box. Steps hold only what changes, so that a long computation stays small.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.formulas.formula import Name, Symbol
from tinygrad_lite.formulas.notation import ATOM, SIGN, Infix
from tinygrad_lite.views.live.program import named

LONG = 6  # operands that are all written out


class Step(NamedTuple):
    """One step.

    kind: "start", "forward", "seed", "backward" or "end".
    lit: keys of the parts that glow.
    data: {number of a node: text of its value} set by this step.
    grad: {number of a node: text of its gradient so far} set by this step.
    fly: (arrow's key, text) of the contributions that travel back on it.
    caption: one or two sentences of plain text, with the numbers.
    formula: the same as a formula, plain text.
    """

    kind: str
    lit: tuple[str, ...]
    data: dict[int, str]
    grad: dict[int, str]
    fly: tuple[tuple[str, str], ...]
    caption: str
    formula: str

    def plain(self) -> dict[str, Any]:
        """The step as data for JSON."""
        return self._asdict() | {"data": _by_text(self.data), "grad": _by_text(self.grad)}


def steps(graph: Graph, number: str = ".4g") -> list[Step]:
    """Every step of the computation of the graph's root: forward op by op, then backward node by node.

    Args:
        number: how numbers are written, a format such as ".4g".

    >>> x = Value(3.0, label="x"); g = Graph(x * x)
    >>> [step.formula for step in steps(g)][1:-1]
    ['x * x = 3 * 3 = 9', 'd y/d y = 1', 'd y/d x = 1 * 3 + 1 * 3 = 6']
    """
    return list(_Script(graph, number).play())


class _Spelled(Infix):
    """Formulas with their numbers in the format that was asked for."""

    times = " * "

    def __init__(self, format: str) -> None:
        super().__init__()
        self.format = format

    def number(self, x: float, digits: int) -> tuple[str, int]:
        text = format(x, self.format)
        text = "0" if text in ("-0", "-0.0") else text
        return text, SIGN if text.startswith("-") else ATOM


class _Script:
    def __init__(self, graph: Graph, number: str) -> None:
        self.graph = graph
        self.spelled = _Spelled(number)
        self.root = graph.roots[0]
        self.names = named(graph)

    def n(self, x: float) -> str:
        return self.spelled.number(x, 0)[0]

    def formula(self, i: int, numbers: bool) -> str:
        """The op of node i applied to its operands; long lists of operands are shortened."""
        op, operands, nodes = self.graph.nodes[i].op, self.graph.parents[i], self.graph.nodes
        if len(operands) > LONG:
            return f"{op.name}({_listed([self.n(nodes[p].data) if numbers else self.names[p] for p in operands])})"
        symbols = [Symbol.named(Name(self.names[p], "", ""), nodes[p].data) for p in operands]
        return self.spelled.of(Symbol(op, tuple(symbols), nodes[i].data), numbers=numbers)

    def play(self) -> Iterator[Step]:
        yield self._start()
        for i, node in enumerate(self.graph.nodes):
            if self.graph.parents[i]:
                yield self._forward(i, node)
        yield self._seed()
        grads = {self.root: 1.0}
        for i in reversed(range(len(self.graph.nodes))):
            if self.graph.parents[i] and i in grads:
                yield self._backward(i, grads)
        yield self._end(grads)

    def _start(self) -> Step:
        given = {i: self.n(node.data) for i, node in enumerate(self.graph.nodes) if not self.graph.parents[i]}
        caption = "The numbers that were put in. Now forward: each op computes its result from its operands."
        return Step("start", tuple(f"v{i}" for i in given), given, {}, (), caption, "")

    def _forward(self, i: int, node: Value) -> Step:
        operands = self.graph.parents[i]
        arrows = tuple(f"e{i}.{k}" for k in range(len(operands)))
        lit = (f"o{i}", f"v{i}", f"r{i}", *arrows, *(f"v{p}" for p in operands))
        formula = f"{self.formula(i, False)} = {self.formula(i, True)} = {self.n(node.data)}"
        caption = f"Forward: {self.names[i]} is {node.op.name} of {_listed([self.names[p] for p in operands])}."
        return Step("forward", lit, {i: self.n(node.data)}, {}, (), caption, formula)

    def _seed(self) -> Step:
        root = self.names[self.root]
        caption = f"Now backward. How much does {root} answer to a change of itself? One for one."
        return Step("seed", (f"v{self.root}",), {}, {self.root: "1"}, (), caption, f"d {root}/d {root} = 1")

    def _backward(self, i: int, grads: dict[int, float]) -> Step:
        """The gradient of node i is complete: hand it on at each arrow, times the local derivative."""
        node, upstream, root = self.graph.nodes[i], grads[i], self.names[self.root]
        lit, flights, lines = [f"o{i}", f"v{i}", f"r{i}"], [], []
        shares: dict[int, list[str]] = {}
        before: dict[int, float | None] = {}
        for k, (p, local) in enumerate(zip(self.graph.parents[i], node.local, strict=True)):
            if local is None:
                continue
            share = upstream * local
            lit += [f"e{i}.{k}", f"v{p}"]
            flights.append((f"e{i}.{k}", self.n(share)))
            before.setdefault(p, grads.get(p))
            grads[p] = grads.get(p, 0.0) + share
            shares.setdefault(p, []).append(_signed(self.n(local)))
        for p, locals_ in shares.items():
            old, factor = before[p], self.n(upstream)
            terms = [f"{_signed(factor)} * {local}" for local in locals_]
            if old is None:
                terms[0] = f"{factor} * {locals_[0]}"  # at the beginning no brackets are needed
            else:
                terms.insert(0, self.n(old))
            lines.append(f"d {root}/d {self.names[p]} = {' + '.join(terms)} = {self.n(grads[p])}")
        caption = (
            f"Backward through {node.op.name}: the gradient {self.n(upstream)} of {self.names[i]}, times each local "
            f"derivative, is added to the operand's gradient. {node.op.doc}"
        )
        return Step(
            "backward",
            tuple(dict.fromkeys(lit)),
            {},
            {p: self.n(grads[p]) for p in shares},
            tuple(flights),
            caption,
            "\n".join(lines),
        )

    def _end(self, grads: dict[int, float]) -> Step:
        leaves = [i for i, node in enumerate(self.graph.nodes) if node.op is ops.leaf and i in grads]
        root = self.names[self.root]
        caption = "Done: every number that was put in knows how much the result answers to a change of it."
        shown = [f"d {root}/d {self.names[i]} = {self.n(grads[i])}" for i in leaves[:12]]
        more = [f"... and {len(leaves) - 12} more"] if len(leaves) > 12 else []
        return Step("end", tuple(f"v{i}" for i in leaves), {}, {}, (), caption, "\n".join([*shown, *more]))


def _listed(words: list[str]) -> str:
    return ", ".join(words if len(words) <= LONG else [*words[:3], "...", *words[-2:]])


def _signed(number: str) -> str:
    return f"({number})" if number.startswith("-") else number


def _by_text(numbers: dict[int, str]) -> dict[str, str]:
    return {str(i): text for i, text in numbers.items()}
