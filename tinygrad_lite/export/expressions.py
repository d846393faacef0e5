"""The expression of a loop nest, entry by entry, as one of whole arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Expression
from tinygrad_lite.compiler.ir.tape import LESS, SELECT
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.export.operands import Operands
from tinygrad_lite.export.reads import Read, T, U, varying
from tinygrad_lite.export.spelling import ATOM, POWER, PRODUCT, SIGN, SUM, Term


class Expressions(Operands):
    """Expressions without their sums."""

    def infix(self, sign: str, rank: int, x: Term, y: Term) -> Term:
        (x, y), axes = self.together([x, y])
        left, right = x.inside(rank), y.inside(rank + (sign in "-/" or rank == POWER or "@" in y.text))
        if sign == "*" and x.text == y.text and x.number is None:
            return Term(f"{x.inside(ATOM)} ** 2", axes, POWER)
        return Term(f"{left} {sign} {right}", axes, rank)

    def product(self, x: Term, y: Term) -> Term:
        for number, sum_ in ((x, y), (y, x)):  # 1/n of a sum of n terms is their mean
            if number.number is not None and sum_.mean and abs(number.number * sum_.mean[0] - 1.0) < 1e-14:
                return Term(sum_.mean[1], sum_.axes)
        for one, other in ((x, y), (y, x)):
            if one.number == -1.0:
                return Term(f"-{other.inside(SIGN)}", other.axes, SIGN)
        return self.infix("*", PRODUCT, x, y)

    def value(self, e: Expression) -> Term:
        """An expression without its sums."""
        if e[0] == "leaf":
            return self.leaf(self._reads[e[1]])
        op, parts = op_of(e[0]), e[1:]
        if e[0] == "select":
            return self._select(*parts)
        if e[0] == "less":
            flag = self._condition(e)
            return Term(f"{self.spelling.lib}.where({flag.text}, 1.0, 0.0)", flag.axes)
        if op.arity is None and len(parts) > 1:
            return self._of_many(op, parts)
        terms = [self.value(part) for part in parts]
        if e[0] == "mul":
            return self.product(*terms)
        if op.infix and len(terms) == 2:
            return self.infix(op.infix, {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "**": POWER}[op.infix], *terms)
        if op.infix:
            return Term(f"-{terms[0].inside(SIGN)}", terms[0].axes, SIGN)
        if not self.spelling.once(op):
            terms = [x if x.rank == ATOM and len(x.text) < 30 else self.assigned(x) for x in terms]
        terms, axes = self.together(terms)
        text, rank = self.spelling.call(op, terms)
        return Term(text, axes, rank)

    def _select(self, condition: Expression, yes: Expression, no: Expression) -> Term:
        found = self._labelled(condition, yes, no)
        if found is not None:
            return found
        (mask, x, y), axes = self.together([self._condition(condition), self.value(yes), self.value(no)])
        return Term(f"{self.spelling.lib}.where({mask.text}, {x.text}, {y.text})", axes)

    def _condition(self, e: Expression) -> Term:
        if e[0] != "less":
            x = self.value(e)
            return Term(f"{x.inside(SUM)} != 0", x.axes, 0)
        (x, y), axes = self.together([self.value(e[1]), self.value(e[2])])
        if x.number is not None:
            return Term(f"{y.inside(SUM)} > {x.inside(SUM)}", axes, 0)
        return Term(f"{x.inside(SUM)} < {y.inside(SUM)}", axes, 0)

    def _labelled(self, above: Expression, yes: Expression, no: Expression) -> Term | None:
        """A choice by a label: where(label == C, x, 0), of which a sum takes one."""
        if above[0] != "less" or yes[0] != "select" or yes[1][0] != "less":
            return None
        low, label, (_, (_, other, high), option, zero) = above[1], above[2], yes
        if not all(x[0] == "leaf" for x in (low, label, other, high, no, zero)):
            return None
        lows, highs = self._reads[low[1]], self._reads[high[1]]
        mine, same = self._reads[label[1]], self._reads[other[1]]
        if lows.array != "K" or highs.array != "K" or mine[:3] != same[:3]:
            return None
        if any(
            self._reads[x[1]].array != "K" or self._reads[x[1]].axes or self._reads[x[1]].values for x in (no, zero)
        ):
            return None
        if lows.values.shape != highs.values.shape or not (highs.values - lows.values == 1.0).all():
            return None
        whole, z = (lows.values + 0.5).astype(int), self.value(option)
        (y, x, c), axes = self.together(
            [self.leaf(mine), z, self.leaf(lows._replace(values=whole)) if lows.axes else z]
        )
        classes = self._classes(lows, whole) if lows.axes else str(int(whole))
        if lows.axes:
            (c,), _ = self.together([Term(classes, lows.axes)])
            classes = self.beside(c, axes).text
        return Term(f"{self.spelling.lib}.where({y.inside(SUM)} == {classes}, {x.text}, 0.0)", axes)

    def _classes(self, lows: Read, whole: Any) -> str:
        import numpy as np

        if lows.axes == (T,) and (whole == np.arange(len(whole))).all():
            return f"{self.spelling.lib}.arange({len(whole)})"
        return self.constant(whole)

    def _of_many(self, op: Op, parts: Sequence[Expression]) -> Term:
        """max, logsumexp, ...: over an axis, where the operands are alike."""
        merged = self._merged(parts)
        if merged is not None:
            expression, axis = merged
            x = self.ordered(self.value(expression))
            k = x.axes.index(axis)
            del self.lengths[axis]
            axes = x.axes[:k] + x.axes[k + 1 :]
            return Term(self.spelling.reduction(op.name, x.text, k if axes else 0), axes)
        terms, axes = self.together([self.value(part) for part in parts])
        if op.name in ("max", "min"):
            text = self.spelling.operand(terms[0])
            for x in terms[1:]:
                text = f"{self.spelling.lib}.{op.name}imum({text}, {self.spelling.operand(x)})"
            return Term(text, axes)
        if op.name in ("sum", "prod", "mean"):
            sign, rank = (" * ", PRODUCT) if op.name == "prod" else (" + ", SUM)
            text = sign.join(x.inside(rank) for x in terms)
            return Term(f"({text}) / {len(terms)}", axes, PRODUCT) if op.name == "mean" else Term(text, axes, rank)
        text, rank = self.spelling.call(op, terms)
        return Term(text, axes, rank)

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
