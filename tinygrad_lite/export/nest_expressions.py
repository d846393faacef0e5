"""The expression of a loop nest, entry by entry, as one of whole arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Expression
from tinygrad_lite.compiler.ir.tape import LESS, SELECT
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.export.expression import Term, put, simple
from tinygrad_lite.export.operands import Operands
from tinygrad_lite.export.reads import Read, S, T, U, varying


class Expressions(Operands):
    """Expressions without their sums."""

    def product(self, x: Term, y: Term) -> Term:
        for number, sum_ in ((x, y), (y, x)):  # 1/n of a sum of n terms is their mean
            if number.number is not None and sum_.mean and abs(number.number * sum_.mean[0] - 1.0) < 1e-14:
                return Term(sum_.mean[1], sum_.axes)
        return self.made("y * x" if y.number == -1.0 else "x * y", x, y)

    def value(self, e: Expression) -> Term:
        """An expression without its sums."""
        if e[0] == "leaf":
            return self.leaf(self._reads[e[1]])
        op, parts = op_of(e[0]), e[1:]
        if op is SELECT:
            return self._select(*parts)
        if op is LESS:
            return self.made(f"{self.spelling.lib}.where(x, 1.0, 0.0)", self._condition(e))
        if op.arity is None and len(parts) > 1:
            return self._of_many(op, parts)
        terms = [self.value(part) for part in parts]
        if e[0] == "mul":
            return self.product(*terms)
        if e[0] == "exp" and terms[0].softmax:
            return Term(terms[0].softmax, terms[0].axes)
        template = self.spelling.template(op, len(terms))
        if any(template.count(f"x{k}") > 1 for k in range(len(terms))):
            terms = [x if simple(x.text) and len(x.text) < 30 else self.assigned(x) for x in terms]
        terms, axes = self.together(terms)
        return Term(self.spelling.call(op, terms), axes)

    def _select(self, condition: Expression, yes: Expression, no: Expression) -> Term:
        lib, found = self.spelling.lib, self._labelled(("select", condition, yes, no))
        if found is None:
            mask = self._condition(condition)
            return self.made(f"{lib}.where(x, y, z)", mask, self.value(yes), self.value(no))
        label, classes, option = found
        z, y = self.value(option), self.leaf(label)
        if not classes.axes:
            return self.made(f"{lib}.where(x == {int(classes.values)}, y, 0.0)", y, z)
        text = self.constant(classes.values) if not _counted(classes) else f"{lib}.arange({len(classes.values)})"
        return self.made(f"{lib}.where(x == y, z, 0.0)", y, Term(text, classes.axes), z)

    def _condition(self, e: Expression) -> Term:
        if e[0] != "less":
            return self.made("x != 0", self.value(e))
        x, y = self.value(e[1]), self.value(e[2])
        return self.made("x < y" if x.number is None else "y > x", x, y)

    def _labelled(self, e: Expression) -> tuple[Read, Read, Expression] | None:
        """Of a choice by a label, where(label == C, x, 0): the label, the numbers C, and x."""
        if e[0] != "select" or e[1][0] != "less" or e[2][0] != "select" or e[2][1][0] != "less":
            return None
        (_, (_, low, label), (_, (_, other, high), option, zero), no) = e
        if not all(x[0] == "leaf" for x in (low, label, other, high, no, zero)):
            return None
        lows, highs, mine, same, *nothing = (self._reads[x[1]] for x in (low, high, label, other, no, zero))
        if lows.array != "K" or highs.array != "K" or mine[:3] != same[:3]:
            return None
        if any(x.array != "K" or x.axes or x.values for x in nothing):
            return None
        if lows.values.shape != highs.values.shape or not (highs.values - lows.values == 1.0).all():
            return None
        return mine, lows._replace(values=(lows.values + 0.5).astype(int)), option

    def picked(self, e: Expression, over: set[int]) -> Term | None:
        """The sum over all classes of a choice by the label of a sample: the entry at the label."""
        found = self._labelled(e)
        if found is None or len(over) != 1 or {*found[1].axes} != over or not _counted(found[1]):
            return None
        label, z, (axis,) = self.leaf(found[0]), self.ordered(self.value(found[2])), over
        if found[0].array != "X" or label.axes != (S,) or z.axes != (S, axis):
            return None
        if len(found[1].values) != self.lengths[axis]:
            return None
        index = put("y[:, None]", y=label.text)
        return Term(put("x[:, 0]", x=self.spelling.along(z.text, index)), (S,))

    def _of_many(self, op: Op, parts: Sequence[Expression]) -> Term:
        """max, logsumexp, ...: over an axis, where the operands are alike."""
        merged = self._merged(parts)
        if merged is not None:
            expression, axis = merged
            x = self.ordered(self.value(expression))
            k = x.axes.index(axis)
            del self.lengths[axis]
            axes = x.axes[:k] + x.axes[k + 1 :]
            softmax = op.forward(0.0, 0.0) == math.log(2.0)  # log(e^0 + e^0): that is its derivative
            spread = (x.text, k) if softmax else None
            return Term(self.spelling.reduction(op.name, x.text, k if axes else 0), axes, spread=spread)
        terms = [self.value(part) for part in parts]
        total = terms[0]
        if op.name in ("max", "min"):
            for x in terms[1:]:
                both = [term._replace(text=self.spelling.operand(term)) for term in (total, x)]
                total = self.made(f"{self.spelling.lib}.{op.name}imum(x, y)", *both)
            return total
        if op.name in ("sum", "prod", "mean"):
            for x in terms[1:]:
                total = self.made("x * y" if op.name == "prod" else "x + y", total, x)
            return self.made(f"x / {len(terms)}", total) if op.name == "mean" else total
        terms, axes = self.together(terms)
        return Term(self.spelling.call(op, terms), axes)

    def _merged(self, parts: Sequence[Expression]) -> tuple[Expression, int] | None:
        """Alike operands as one expression along a new axis."""
        import numpy as np

        leaves = [[*_leaves(part)] for part in parts]
        if len({repr(_form(part)) for part in parts}) > 1:
            return None
        axis = next(a for a in range(U, T) if a not in self.lengths)
        new: dict[int, int] = {}
        made: list[Read] = []
        for same in zip(*leaves, strict=True):
            reads = [self._reads[k] for k in same]
            one = reads[0]
            if any(r.array != one.array or r.axes != one.axes or dict(r.strides) != dict(one.strides) for r in reads):
                return None
            if one.array == "K":
                values, axes = varying(np.stack([r.values for r in reads], axis=-1), (*one.axes, axis))
                made.append(Read("K", values=values, axes=axes))
            elif one.table is None:
                moves = {b.base - a.base for a, b in pairwise(reads)}
                if len(moves) > 1:
                    return None
                made.append(one._replace(strides={**one.strides, axis: moves.pop()}))
            else:
                made.append(Read(one.array, table=np.stack([r.table for r in reads], axis=-1), axes=(*one.axes, axis)))
            new[same[0]] = len(self._reads) + len(made) - 1
        self._reads = [*self._reads, *made]
        self.lengths[axis] = len(parts)
        return _renumbered(parts[0], new), axis


def _counted(classes: Read) -> bool:
    """Whether the classes are 0, 1, 2, ... along one axis."""
    return len(classes.axes) == 1 and classes.values.tolist() == list(range(len(classes.values)))


def op_of(name: str) -> Op:
    return {"less": LESS, "select": SELECT}.get(name) or TABLE[name]


def factors(e: Expression) -> list[Expression]:
    return [f for part in e[1:] for f in factors(part)] if e[0] == "mul" else [e]


def _leaves(e: Expression) -> list[int]:
    return [e[1]] if e[0] == "leaf" else [k for part in e[1:] for k in _leaves(part)]


def _form(e: Expression) -> Any:
    return "leaf" if e[0] == "leaf" else (e[0], *map(_form, e[1:]))


def _renumbered(e: Expression, new: Mapping[int, int]) -> Expression:
    return ("leaf", new[e[1]]) if e[0] == "leaf" else (e[0], *[_renumbered(part, new) for part in e[1:]])
