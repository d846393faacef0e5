"""The facts of a derivation: which nodes lie between an input and the result, and the formula of each step.

    chain = Chain(out, [a])
    chain.links[(out, u)]     # one step: the formula of ∂out/∂u, its number, and the rule it comes from
    chain.count(a)            # how many paths lead from a to out
    chain.paths(a, limit=6)   # the first of them, each a list of links from out down to a

A step from a node to one of its operands is a `Link`. If the operand was used several times, as in a * a, its
derivatives are added into one link: that is one place of the product rule. Formulas come from evaluating
the rules of the table on symbols, numbers from the forward pass that was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.reverse import adjoints, require_fresh
from tinygrad_lite.formulas.formula import Symbol, Tidy, size
from tinygrad_lite.formulas.naming import Names
from tinygrad_lite.report.language import say, translated

if TYPE_CHECKING:
    from tinygrad_lite.engine.value import Value


class Link:
    """One step of the chain rule: along which operand, by which rule, with what derivative."""

    __slots__ = ("top", "bottom", "derivative", "formula", "uses")

    def __init__(self, top: Value, bottom: Value, derivative: Symbol, formula: Symbol, uses: int) -> None:
        self.top: Value = top
        self.bottom: Value = bottom
        self.derivative: Symbol = derivative  # the name ∂top/∂bottom with its number
        self.formula: Symbol = formula  # what the rule says it is
        self.uses: int = uses  # how many times bottom stands among the operands of top

    def remarks(self, *, again: bool = False) -> list[str]:
        """The rule's sentence, unless it was said before, and what was chosen where its derivative jumps."""
        op = self.top.op
        sentences = [say("{0}, as above.", op.name) if again else f"{op.name}: {translated(op.doc)}"]
        if self.uses > 1:
            sentences.append(say("It is used {0} times here, so {0} derivatives add up.", self.uses))
        if at_kink(self.top) and op.kink is not None:
            sentences.append(say("This is exactly at the kink. {0}", translated(op.kink.choice)))
        return sentences


def at_kink(node: Value) -> bool:
    """Whether a node was computed exactly where the derivative of its op jumps."""
    if node.op.kink is None:
        return False
    numbers = [p if p.__class__ is float else p.data for p in node.parents]
    return all(map(math.isfinite, numbers)) and bool(node.op.kink.met(*numbers))


class Chain:
    """Everything between some inputs and a result.

    Attributes:
        out, targets: the result, and the inputs it is differentiated along.
        order: every node behind out, parents before children.
        between: those of them that depend on a target, or are one; in the same order.
        links: the step from each node of `between` to each of its operands there.
        adjoints: d(out)/d(node) of every node, as `backward` computes it.

    Args:
        expand: fused ops are written in elementary ones.
        called: names for nodes without a label.
        names: of every node, where a larger graph has named them already.

    Raises:
        StaleGraphError: some `.data` was changed after the forward pass.
    """

    def __init__(
        self,
        out: Value,
        targets: Sequence[Value],
        *,
        expand: bool = True,
        called: Mapping[Value, str] | None = None,
        names: Names | None = None,
    ) -> None:
        self.out: Value = out
        self.targets: tuple[Value, ...] = tuple(targets)
        self.expand: bool = expand
        self.order: list[Any] = topological(out)
        require_fresh(self.order)
        self.adjoints: dict[Any, Any] = adjoints(out)
        self.names: Names = names or Names(self.order, [x for x in self.targets if x not in self.adjoints], called)
        reached = set(self.targets)
        for node in self.order:
            if any(parent in reached for parent in node.parents if parent.__class__ is not float):
                reached.add(node)
        self.between: list[Any] = [node for node in self.order if node in reached]
        self.links: dict[tuple[Value, Value], Link] = {}
        for top in self.between:
            for bottom in dict.fromkeys(p for p in top.parents if p.__class__ is not float and p in reached):
                self.links[top, bottom] = self._link(top, bottom)
        self._above: dict[Value, list[Link]] = {}
        for link in reversed(self.links.values()):
            self._above.setdefault(link.bottom, []).append(link)

    # ------------------------------------------------------------------ formulas

    def expression(self, node: Value, operands: Iterable[Symbol] | None = None) -> Symbol:
        """How a node was computed from its operands; see the function of that name."""
        return expression(node, self.names, operands, expand=self.expand)

    def in_full(self, limit: int = 40) -> Symbol | None:
        """The result as one formula in the leaves, or None if that is too long to be read."""
        full: dict[Value, Symbol] = {}
        for node in self.order:
            if not node.parents:
                full[node] = symbol(node, self.names)
                continue
            operands = [Symbol.constant(p) if p.__class__ is float else full[p] for p in node.parents]
            if sum(size(x, limit) for x in operands) > limit:
                return None
            full[node] = self.expression(node, operands)
        return full[self.out]

    def _link(self, top: Value, bottom: Value) -> Link:
        places = [i for i, parent in enumerate(top.parents) if parent is bottom]
        recorded = sum(top.local[i] for i in places)
        try:
            derivatives = top.op.display_derivatives(*[symbol(x, self.names, Tidy) for x in (*top.parents, top)])
            formula = sum([derivatives[i] for i in places[1:]], start=derivatives[places[0]])
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            formula = recorded  # a rule of the user's own that works on numbers only
        if not isinstance(formula, Symbol):
            formula = Tidy.constant(float(formula))
        if not _equal(formula.number, recorded):
            formula = Tidy.constant(recorded)
        name = self.names.derivative(top, bottom, local=True)
        return Link(top, bottom, Tidy.named(name, recorded), formula, len(places))

    # ------------------------------------------------------------------ paths

    def above(self, bottom: Value) -> list[Link]:
        """The links that lead up from a node, those nearest the result first."""
        return self._above.get(bottom, [])

    def count(self, target: Value) -> int:
        """How many paths lead from the target to the result."""
        paths = {target: 1} if target in self.adjoints else {}
        for top, bottom in self.links:
            if bottom in paths:
                paths[top] = paths.get(top, 0) + paths[bottom]
        return paths.get(self.out, 0)

    def paths(self, target: Value, limit: int) -> list[list[Link]]:
        """The first `limit` paths, each as its links from the result down to the target."""
        found: list[list[Link]] = []
        todo: list[tuple[Value, Any]] = [(target, None)]  # a path is a link and the path below it
        while todo and len(found) < limit:
            node, path = todo.pop()
            if node is self.out:
                found.append([])
                while path is not None:
                    link, path = path
                    found[-1].append(link)
                continue
            todo += [(link.top, (link, path)) for link in reversed(self.above(node))]
        return found

    def path_to(self, target: Value) -> list[Value]:
        """The nodes that lie on some path of this target, from the result down to just above the target."""
        reached = {target}
        for top, bottom in self.links:
            if bottom in reached:
                reached.add(top)
        return [node for node in reversed(self.between) if node in reached and node is not target]


def symbol(node: Any, names: Names, kind: type[Symbol] = Symbol) -> Symbol:
    """A node as its name, a bare number as a constant."""
    return kind.constant(node) if node.__class__ is float else kind.named(names[node], node.data)


def expression(node: Value, names: Names, operands: Iterable[Symbol] | None = None, *, expand: bool = True) -> Symbol:
    """How a node was computed from its operands, as the program says it; fused rows in elementary ones."""
    symbols = tuple([symbol(p, names) for p in node.parents] if operands is None else operands)
    if expand and node.op.expand is not None:
        expanded = node.op.expand(*symbols)
        if isinstance(expanded, Symbol):
            return expanded
    return Symbol(node.op, symbols, node.data)


def _equal(x: float, y: float) -> bool:
    return x == y or (x != x and y != y) or abs(x - y) <= 1e-12 * max(abs(x), abs(y))


def folded(op: Op, terms: Sequence[Symbol]) -> Symbol:
    """t1 + t2 + ..., or t1 * t2 * ..., as written."""
    total = terms[0]
    for term in terms[1:]:
        total = Symbol(op, (total, term), op.forward(total.number, term.number))
    return total


def product_of(path: Sequence[Link]) -> Symbol:
    return folded(ops.mul, [link.derivative for link in path])


def sum_of_paths(paths: Sequence[Sequence[Link]], formulas: bool) -> Symbol:
    """The chain rule: over the paths the sum, along each the product of names, or of tidied formulas."""
    if not formulas:
        return folded(ops.add, [product_of(path) for path in paths])
    total: Any = None
    for path in paths:
        product: Any = 1.0
        for link in path:
            product = product * link.formula
        total = product if total is None else total + product
    return total if isinstance(total, Symbol) else Tidy.constant(total)
