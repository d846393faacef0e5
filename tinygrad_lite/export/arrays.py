"""Loop nests as expressions of whole arrays: `jnp.tanh(X @ W1.T + b1)`.

In: loop nests, and the arrays they read. Out: lines of source. Every loop counter of a nest is an axis of the arrays in
it, and a term knows its axes; so operands are brought side by side by `.T` and `[:, None]`, a sum of products is a
product of matrices, and what is read only once is written where it is read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, LoopNest, Reduction
from tinygrad_lite.export.expression import Term, put
from tinygrad_lite.export.nest_expressions import Expressions, factors, op_of
from tinygrad_lite.export.reads import S, T, lengths_of, region

SHORT = 88
"""Characters of an expression up to which it is written inside another one."""

LONG = 110
"""The same of a sum, of which a mean may be made."""

FEW = 4
"""Terms of a sum that are written one by one where no slice reads them."""


LONGEST = 600
"""Characters of a sum after which it gets a name and goes on, so that no expression nests without bound."""


class ArrayWriter(Expressions):
    """Writes loop nests, one after the other."""

    # ------------------------------------------------------------------ sums

    def reduction(self, run: Reduction, nest: LoopNest, over: bool = False) -> list[tuple[int, Term]]:
        """The terms of a run, each with its sign; summed over the samples too, if asked for."""
        dims = nest.dims
        if run.starts is not None:
            return [(run.sign, self._ragged(run, nest))]
        self.lengths = {axis: n for axis, n in enumerate(dims) if n > 1}
        if run.terms > 1 and any(a.array[0] == "=" for a in run.accesses):
            self.lengths[T] = run.terms
        elif run.terms > 1:
            reads = [a for a in run.accesses if _affine(a)]
            terms = self._split([(a.base, a.term_stride) for a in reads], reads, run.terms)
            self.lengths |= {T + k: n for k, n in enumerate(terms) if n > 1}
        self._reads = [self.read(a, dims, run) for a in run.accesses]
        sign, e = run.sign, run.expression
        while e[0] == "neg":
            sign, e = -sign, e[1]
        if run.terms == 1 and not over:
            return [(sign, self.value(e))]
        few = run.terms <= FEW and not over and not any(a.array[0] == "=" for a in run.accesses)
        if few and not all(map(self.sliced, self._reads)):
            single = [[_term(a, t, run.terms) for a in run.accesses] for t in range(run.terms)]
            return [part for one in single for part in self.reduction(Reduction(sign, e, 1, one), nest)]
        return [(sign, self.summed(e, {axis for axis in self.lengths if axis >= T} | ({S} if over else set())))]

    def plain(self, run: Reduction, nest: LoopNest) -> bool:
        """Whether the run reads slices and numbers alone."""
        self.lengths = {axis: n for axis, n in enumerate(nest.dims) if n > 1} | (
            {T: run.terms} if run.terms > 1 else {}
        )
        return all(self.sliced(self.read(a, nest.dims, run)) for a in run.accesses)

    def summed(self, e: Expression, over: set[int]) -> Term:
        """The expression summed over these axes: a product of matrices, where it is one of two factors."""
        entry = self.picked(e, over)
        if entry is not None:
            return entry
        found = [self.value(f) for f in factors(e)]
        numbers = [x for x in found if x.number is not None]
        alike = Counter(x for x in found if x.number is None)
        alone = [x if n == 1 else self.made(f"x ** {n}", x) for x, n in alike.items()]
        count = math.prod(x.number for x in numbers if x.number is not None)
        every = {axis for x in alone for axis in x.axes}
        count *= math.prod(self.lengths[axis] for axis in over - every if axis != S)
        inner = [x for x in alone if over & {*x.axes}]
        outer = [x for x in alone if not over & {*x.axes}]
        while len(inner) > 2:
            inner = [*inner[:-2], self.product(*inner[-2:])]
        total: Term | None = None
        if len(inner) == 2:
            total = self._contracted(inner[0], inner[1], over)
        elif inner:
            total = self._added(inner[0], over)
        if S in over and S not in every:
            outer.append(Term(self.samples))
        for x in outer:
            total = x if total is None else self.product(x, total)
        if total is None:
            return Term(self.spelling.number(count), (), number=count)
        return total if count == 1.0 else self.product(Term(self.spelling.number(count), number=count), total)

    def _added(self, x: Term, over: set[int]) -> Term:
        x = self.ordered(x)
        gone = [k for k, axis in enumerate(x.axes) if axis in over]
        axes = tuple(axis for axis in x.axes if axis not in over)
        where = None if not axes else gone[0] if len(gone) == 1 else tuple(gone)
        n = 0 if S in over else math.prod(self.lengths[x.axes[k]] for k in gone)
        mean = (n, self.spelling.reduction("mean", x.text, where)) if n else None
        return Term(self.spelling.reduction("sum", x.text, where), axes, mean)

    def _contracted(self, a: Term, b: Term, over: set[int]) -> Term:
        """The product of two, summed over what they have in common."""
        common = over & {*a.axes} & {*b.axes}
        left, right = ([axis for axis in x.axes if axis not in common] for x in (a, b))
        shared = {*left} & {*right}
        if len(common) == 1 and not shared and not over & {*left, *right}:
            if sorted(left) + sorted(right) != sorted(left + right):
                a, b, left, right = b, a, right, left
            (r,) = common
            if len(left) < 2 and len(right) < 2:
                if not left and b.axes == (*right, r):  # x @ w reads better than w @ x.T
                    a, b, left, right = b, a, right, left
                a, b = self.transposed(a, [*left, r]), self.transposed(b, [r, *right])
                return Term(put("x @ y", x=a.text, y=b.text), (*left, *right))
            for x, y in ((a, b), (b, a)):
                if y.axes == (r,) and x.axes[-1] == r:  # a stack of matrices by one vector
                    return Term(put("x @ y", x=x.text, y=y.text), x.axes[:-1])
        if not common:
            return self._added(self.product(a, b), over)
        stacked = self._stacked(a, b, common) if over == common else None
        if stacked is not None:
            return stacked
        axes = sorted({*a.axes, *b.axes})
        named = dict.fromkeys(axes, ("n" if S in axes else "") + "ijklmabcdefgh")
        named = {axis: named[axis][k] for k, axis in enumerate(axes)}
        out = tuple(axis for axis in axes if axis not in over)
        spec = ",".join("".join(named[axis] for axis in x.axes) for x in (a, b))
        spec += "->" + "".join(named[axis] for axis in out)
        return Term(f'{self.spelling.lib}.einsum("{spec}", {a.text}, {b.text})', out)

    def _stacked(self, a: Term, b: Term, common: set[int]) -> Term | None:
        """A stack of products of matrices: the first axis of the result is the stack, of one factor or of both."""
        out = sorted({*a.axes, *b.axes} - common)
        if len(common) != 1 or len(out) != 3 or S in out:
            return None
        (r,), (i, j, k) = common, out
        for x, y in ((a, b), (b, a)):
            left, right = {*x.axes} - common, {*y.axes} - common
            if j in left - right and k in right - left and i in left | right:
                x = self.transposed(x, [*([i] if i in left else []), j, r])
                y = self.transposed(y, [*([i] if i in right else []), r, k])
                return Term(put("x @ y", x=x.text, y=y.text), (i, j, k))
        return None

    def _ragged(self, run: Reduction, nest: LoopNest) -> Term:
        """Sums of unlike lengths, one for each iteration of the nest."""
        import numpy as np

        n = int(run.starts[-1])
        self.lengths = {T: n}
        self._reads = [self.read(a, nest.dims, run) for a in run.accesses]
        x = self.value(run.expression)
        ids: Any = np.repeat(np.arange(nest.iterations), np.diff(run.starts))
        if T not in x.axes:
            (x, _), _ = self.together([x, Term("", (T,))])
            x = self.product(Term(self.constant(np.ones(n)), (T,)), x)
        x = self.transposed(x, [T, *(axis for axis in x.axes if axis != T)])
        text = self.spelling.segments(x.text, self.constant(ids), nest.iterations)
        inner = [length for length in nest.dims if length > 1]
        rest = x.axes[1:]
        if len(inner) > 1:
            text = f"{text}.reshape({', '.join(map(str, inner))}{', -1' * len(rest)})"
        if not inner:
            text = f"{text}[0]"
        self.lengths = {axis: length for axis, length in enumerate(nest.dims) if length > 1}
        return Term(text, (*self.lengths, *rest))

    # ------------------------------------------------------------------ nests

    def refined(self, nest: LoopNest) -> LoopNest:
        """The nest with a loop for each axis of the arrays that it goes through."""
        reads = [a for run in nest.reductions if run.starts is None for a in run.accesses if _affine(a)]
        splits = [self._split([(a.base, a.strides[d]) for a in reads], reads, n) for d, n in enumerate(nest.dims)]
        if all(len(lengths) == 1 for lengths in splits):
            return nest

        def split(a: Access) -> Access:
            if a.table is not None or a.literal is not None:
                return a
            strides: list[int] = []
            for s, lengths in zip(a.strides, splits, strict=True):
                strides += [s * math.prod(lengths[k + 1 :]) for k in range(len(lengths))]
            return Access(a.array, a.base, tuple(strides), a.term_stride)

        dims = tuple(n for lengths in splits for n in lengths)
        runs = [
            Reduction(r.sign, r.expression, r.terms, [split(a) for a in r.accesses], r.starts) for r in nest.reductions
        ]
        return LoopNest(nest.name, dims, runs, split(nest.target))

    def _split(self, reads: Sequence[tuple[int, int]], accesses: Sequence[Access], n: int) -> list[int]:
        return lengths_of(n, reads, [self.regions[a.array] for a in accesses]) if n > 1 else [n]

    def nest(self, nest: LoopNest, over: bool = False, whole: bool = False) -> Term:
        """What a nest computes, with its counters as axes: `whole` keeps these as they are."""
        nest = nest if whole else self.refined(nest)
        found: list[tuple[int, Term]] = []
        for run in nest.reductions:
            found += self.reduction(run, nest, over)
        found.sort(key=lambda part: (part[0] < 0, len(part[1].axes) == 0 or "@" not in part[1].text))
        sign, total = found[0]
        total = total if sign > 0 else self.made("-x", total)
        for sign, x in found[1:]:
            total = total if len(total.text) < LONGEST else self.assigned(total, "z")
            if sign < 0 and x.spread and self.spelling.softmax and x.spread[0] == self.ordered(total).text:
                total, call = self.ordered(total), f"softmax({x.spread[0]}, axis={x.spread[1]})"
                softmax = self.spelling.softmax + call
                total = total._replace(text=f"{self.spelling.softmax}log_{call}", softmax=softmax, mean=None)
                continue
            total = self.made("x + y" if sign > 0 else "x - y", total, x)
        self.lengths: dict[int, int] = {axis: n for axis, n in enumerate(nest.dims) if n > 1}
        return self._spread(self.ordered(total), over)

    def _spread(self, term: Term, over: bool) -> Term:
        """With every counter as an axis, also those along which nothing changes."""
        wanted = [*([S] if S in term.axes and not over else []), *self.lengths]
        if [*term.axes] == wanted:
            return term
        lengths = [f"{self.samples}" if axis == S else str(self.lengths[axis]) for axis in wanted]
        text = self.beside(term, wanted).text
        number = self.spelling.operand(term) if term.number is not None else text
        return Term(f"{self.spelling.lib}.broadcast_to({number}, ({', '.join(lengths)},))", tuple(wanted))

    def store(self, nest: LoopNest, term: Term) -> None:
        """Make the nest's result known to those behind: under a name, or in their text if it is read once."""
        name = self.forced.get(nest.target.array, "")
        if name or self.uses[nest.target.array] != 1 or len(term.text) > (LONG if term.mean else SHORT):
            term = self.assigned(term, letter(nest), name)
        shape = tuple(self.lengths[axis] for axis in term.axes if axis != S)
        self.regions[nest.target.array] = [region(term, 0, shape, S in term.axes)]


def _term(a: Access, t: int, terms: int) -> Access:
    """What one term of a sum reads."""
    if a.literal is not None or a.array[0] == "=":
        return a
    if a.table is not None:
        return Access(a.array, table=a.table.reshape(-1, terms)[:, t])
    return Access(a.array, a.base + t * a.term_stride, a.strides)


def _affine(a: Access) -> bool:
    return a.table is None and a.literal is None and a.array != "K" and a.array[0] != "="


def letter(nest: LoopNest) -> str:
    """z for sums, h for activations, else a."""
    names = [run.expression[0] for run in nest.reductions]
    if len(names) == 1 and names[0] != "leaf" and op_of(names[0]).activation:
        return "h"
    return "z" if any(run.terms > 1 for run in nest.reductions) else "a"


def used(nests: Sequence[LoopNest]) -> Counter[str]:
    """How often each array is read; twice in the product of a number with itself is once."""
    found: Counter[str] = Counter()
    for nest in nests:
        for run in nest.reductions:
            seen: Counter[int] = Counter(_read_once(run.expression, run.accesses))
            for k, times in seen.items():
                few = 1 < run.terms <= FEW and any(a.table is not None for a in run.accesses)  # written one by one
                found[run.accesses[k].array] += times * (1 + few)
    return found


def _read_once(e: Expression, accesses: Sequence[Access]) -> list[int]:
    if e[0] == "leaf":
        return [e[1]]
    if e[0] == "mul" and e[1][0] == "leaf" == e[2][0] and str(accesses[e[1][1]]) == str(accesses[e[2][1]]):
        return [e[1][1]]
    return [k for part in e[1:] for k in _read_once(part, accesses)]
