"""Sums as NumPy calls: a sum of products is a matrix product, whatever it is called in the plan.

In: a node and the axes along which it is summed (the terms of a sum; for gradients also the samples). Out: an operand
without these axes.

    sum over t of  P[16*i + t] * A1[t]        weights.dot(A1)
    sum over the samples of  A6[i] * A1[j]       A6.dot(A1.T)
    sum over the samples of  A6[i]               A6.dot(ones)

The factors of a product are brought together until two are left. An axis of both that is not summed makes it a
stack of matrix products (`matmul`); if nothing else fits, the product is computed entry by entry and added up.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.backends.numpy import nodes
from tinygrad_lite.compiler.backends.numpy.calls import Calls
from tinygrad_lite.compiler.backends.numpy.expressions import evaluated
from tinygrad_lite.compiler.backends.numpy.reads import Axis, Node, Operand, ordered, together


class Sums:
    """Writes sums with `calls`."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def axes(self, node: Node) -> tuple[Axis, ...]:
        return nodes.axes(node, self.calls.samples)

    # ------------------------------------------------------------------ which sums

    def summed(self, node: Node, term_stride: Sequence[Axis], target: Operand | None = None) -> Node:
        """The sum as a node: what is left to do with it is for the caller, such as a factor that was not summed."""
        c = self.calls
        if node[0] == "add" and all(self.inner(part, term_stride) for part in node[1:]):
            return nodes.made("add", [self.summed(part, term_stride) for part in node[1:]], {})
        x, factors = (node[1], list(node[2:])) if node[0] == "product" else (1.0, [node])
        if node[0] == "number":
            x, factors = node[1], []
        missing = [axis for axis in term_stride if not any(axis in self.axes(factor) for factor in factors)]
        outside = [factor for factor in factors if not set(term_stride).intersection(self.axes(factor))]
        for axis in missing:
            if axis == "r":
                outside.append(("value", Operand("rows", (), c.least)))
            else:
                x *= c.lengths[axis]
        inside = [factor for factor in factors if factor not in outside]
        if inside:
            left = ordered([axis for factor in inside for axis in self.axes(factor) if axis not in term_stride])
            alone = target if not outside and x == 1.0 and target is not None and target.axes == left else None
            found = self.product(inside, [axis for axis in term_stride if axis not in missing], alone)
            outside.append(nodes.value(found))
        return nodes.product(x, *outside)

    def inner(self, node: Node, term_stride: Sequence[Axis]) -> bool:
        """Whether a node is a product of at least two factors that are summed."""
        if node[0] == "add":
            return all(self.inner(part, term_stride) for part in node[1:])
        return node[0] == "product" and sum(bool(set(term_stride).intersection(self.axes(f))) for f in node[2:]) > 1

    def product(self, factors: list[Node], term_stride: Sequence[Axis], target: Operand | None) -> Operand:
        """The sum of a product of factors, each of which has some of the axes."""
        factors = self.two(factors)
        if len(factors) == 2:
            found = self.contraction(factors[0], factors[1], term_stride, target)
            if found is not None:
                return found
        c = self.calls
        whole = evaluated(c, nodes.product(1.0, *factors))
        whole = self.as_numbers(whole)
        for axis in sorted(term_stride, key=lambda axis: axis != "r"):
            rest = [a for a in term_stride if a in whole.axes and a != axis]
            whole = self.added(whole, axis, target if not rest else None)
        return whole

    def two(self, factors: list[Node]) -> list[Node]:
        """The factors brought together until two are left: first those with the same axes, then the smallest."""
        while len(factors) > 2:
            pairs = [(x, y) for i, x in enumerate(factors) for y in factors[i + 1 :]]
            x, y = min(pairs, key=self.cost)
            factors.remove(x)
            factors.remove(y)
            factors.append(nodes.product(1.0, x, y))
        return factors

    def cost(self, pair: tuple[Node, Node]) -> tuple[bool, int]:
        x, y = map(self.axes, pair)
        both = ordered([*x, *y])
        return both not in (x, y), self.calls.lengths.size(both)

    # ------------------------------------------------------------------ one operand

    def added(self, whole: Operand, axis: Axis, target: Operand | None) -> Operand:
        """The sum along one axis."""
        c = self.calls
        rest = tuple([a for a in whole.axes if a != axis])
        stage = whole.stage
        if axis == "r":
            ones = Operand("ones", ("r",), 0)
            found = self.dot(whole, ones, rest, (), ("r",), target)
            if found is not None:
                c.release(whole)
                return found
        elif rest == ("r",):
            ones = Operand(c.bound("ones", f"full({c.lengths[axis]}, 1.0)"), (axis,), 0)
            found = self.dot(ones, whole, (), rest, (axis,), target)
            if found is not None:
                c.release(whole)
                return found
        made = target if target is not None else c.room(rest, stage)
        c.emit(stage, f"add.reduce({whole.name}, {whole.axes.index(axis)}, None, {made.name})")
        c.release(whole)
        return made

    # ------------------------------------------------------------------ two operands

    def contraction(
        self, first: Node, second: Node, term_stride: Sequence[Axis], target: Operand | None
    ) -> Operand | None:
        """A sum of products of two factors as a matrix product, or a stack of them; None if it is none."""
        c = self.calls
        a, b = set(self.axes(first)), set(self.axes(second))
        common = a & b & set(term_stride)
        stack = ordered(a & b - set(term_stride))
        if not common or "r" in stack or (len(common) > 1 and "r" in common):
            return None
        left, right = ordered(a - b - set(term_stride)), ordered(b - a - set(term_stride))
        out = ordered([*stack, *left, *right])
        if out == (*stack, *right, *left) and left and right:
            first, second, left, right, a, b = second, first, right, left, b, a
        if out != (*stack, *left, *right) or (stack and not left and not right):
            return None
        x = evaluated(c, first)
        y = x if second == first else evaluated(c, second)
        x, y = (
            self.without(z, [axis for axis in term_stride if axis in z.axes and axis not in common]) for z in (x, y)
        )
        found = self.matmul(x, y, stack, left, right, ordered(common), target)
        for operand in {id(z): z for z in (x, y)}.values():
            c.release(operand)
        return found

    def as_numbers(self, operand: Operand) -> Operand:
        """A mask as zeros and ones; anything else as it is."""
        if operand.kind != "bool":
            return operand
        c = self.calls
        made = c.room(operand.axes, operand.stage)
        c.emit(operand.stage, f"{made.name}[...] = {operand.name}")
        c.release(operand)
        return made

    def without(self, operand: Operand, term_stride: Sequence[Axis]) -> Operand:
        """An operand summed along axes that it alone has; a mask becomes numbers."""
        operand = self.as_numbers(operand)
        for axis in sorted(term_stride, key=lambda axis: axis != "r"):
            operand = self.added(operand, axis, None)
        return operand

    def matmul(
        self,
        x: Operand,
        y: Operand,
        stack: Sequence[Axis],
        left: Sequence[Axis],
        right: Sequence[Axis],
        common: Sequence[Axis],
        target: Operand | None,
    ) -> Operand:
        c = self.calls
        if not stack:
            found = self.dot(x, y, left, right, common, target)
            if found is not None:
                return found
        x, y = self.fitting(x, (left, common)), self.fitting(y, (common, right))
        stage = max(x.stage, y.stage)
        made = self.aim(target, [*stack, *left, *right], stage)
        ones = [[axis] for axis in stack]
        names = [
            self.matrix(x, [*ones, left, common]),
            self.matrix(y, [*ones, common, right]),
            self.matrix(made, [*ones, left, right]),
        ]
        c.emit(stage, f"matmul({names[0]}, {names[1]}, out={names[2]})")
        return self.delivered(made, target)

    def dot(
        self,
        x: Operand,
        y: Operand,
        left: Sequence[Axis],
        right: Sequence[Axis],
        common: Sequence[Axis],
        target: Operand | None,
    ) -> Operand | None:
        """One matrix product, or one of its forms with vectors."""
        c = self.calls
        x, y = self.fitting(x, (left, common)), self.fitting(y, (common, right))
        stage = max(x.stage, y.stage)
        made = self.aim(target, [*left, *right], stage)
        nests = [nest for nest in (left, common) if nest], [nest for nest in (common, right) if nest]
        names = [self.matrix(x, nests[0]), self.matrix(y, nests[1])]
        out = self.matrix(made, [nest for nest in (left, right) if nest])
        c.emit(stage, f"{names[0]}.dot({names[1]}, out={out})")
        return self.delivered(made, target)

    def aim(self, target: Operand | None, axes: Sequence[Axis], stage: int) -> Operand:
        """Where a product may be written: the target, if it lies there without gaps."""
        if target is not None and target.steps is None:
            return target
        return self.calls.room(ordered(axes), stage)

    def delivered(self, made: Operand, target: Operand | None) -> Operand:
        if target is None or made is target:
            return made
        self.calls.emit(made.stage, f"{target.name}[...] = {made.name}")
        self.calls.release(made)
        return target

    def fitting(self, operand: Operand, nests: Sequence[Sequence[Axis]]) -> Operand:
        """The operand, copied if some axes that must become one are not one in it."""
        c = self.calls
        if all(together(operand, nest, c.lengths) for nest in nests):
            return operand
        made = c.room(ordered([axis for nest in nests for axis in nest]), operand.stage)
        c.emit(operand.stage, f"{made.name}[...] = {c.aligned(operand, made.axes)}")
        return made

    def matrix(self, operand: Operand, nests: Sequence[Sequence[Axis]]) -> str:
        """The name of a view whose axes are these loop nests, each as one."""
        c = self.calls
        wanted = [axis for nest in nests for axis in nest]
        prefix = operand.name.split("_")[0]
        if operand.node is not None and operand.node[0] == "read" and (not wanted or "r" not in wanted[:-1]):
            operand = c.leaf(operand.node, wanted)
        if list(operand.axes) != wanted:
            turn = [operand.axes.index(axis) for axis in wanted]
            text = ".T" if turn == [1, 0] else f".transpose({', '.join(map(str, turn))})"
            operand = Operand(c.bound(prefix, operand.name + text), wanted, operand.stage)
        if any(len(nest) != 1 for nest in nests):
            text = f"{operand.name}.reshape{c.lengths.text(nests)}"
            return c.bound(prefix, text)
        return operand.name
