"""The sizes of indices and of matrices, inferred from the definitions.

In index notation a letter ties together the places where it stands: in `z_i = sum_j W_ij x_j` the second index of W
and the index of x count alike. In matrix notation a capital is a matrix and a small letter a column, unless the
definitions only fit otherwise: the shapes are found by unification, the first that fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinygrad_lite.checking.paper.term import Term

Dims = tuple[Any, Any]  # each the name of a size, or 1
Sub = dict[Any, Any]  # what each name of a size is equal to, and the dims of each name
ONE: Dims = (1, 1)
STEPS = 50_000


class Groups:
    """Sets of things that count alike."""

    def __init__(self) -> None:
        self.up: dict[Any, Any] = {}

    def find(self, x: Any) -> Any:
        while x in self.up:
            x = self.up[x]
        return x

    def join(self, a: Any, b: Any) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self.up[b] = a


def slots(formulas: Sequence[Sequence[Term]]) -> tuple[dict[str, int], Groups, dict[Any, int]]:
    """How many indices each name has, which of them count alike, and how far a bare number makes them count.

    Args:
        formulas: the formulas of each statement; a letter means the same throughout a statement.
    """
    count: dict[str, int] = {}
    groups = Groups()
    least: dict[Any, int] = {}
    for k, terms in enumerate(formulas):
        for t in [t for term in terms for t in term.walk()]:
            if t.op == "name" and t.args:
                count[t.word] = max(count.get(t.word, 0), len(t.args))
                for slot, index in enumerate(t.args):
                    if index.op == "num":
                        least[t.word, slot] = max(least.get((t.word, slot), 1), int(index.word))
                    else:
                        groups.join((t.word, slot), (k, index.word))
            elif t.op in ("sum", "prod") and t.word.startswith("^"):
                for index in t.args[:-1]:
                    groups.join(("size", t.word[1:]), (k, index.word))
            elif t.op == "sum" and t.word.startswith("≠"):
                groups.join((k, t.args[0].word), (k, t.word[1:]))
    return count, groups, least


class Misfit(Exception):
    """No shapes fit the definitions."""


def infer(definitions: Sequence[tuple[Term, Term]], scalars: set[str], given: Mapping[str, Dims]) -> Sub:
    """The dims of every name, so that all definitions fit; names of sizes left are free.

    Raises:
        Misfit: there are none.
    """
    solver = _Solver(scalars)
    sub: Sub = {("name", word): dims for word, dims in given.items()}
    for found in solver.solve(list(definitions), sub):
        return found
    raise Misfit


def resolved(d: Any, sub: Sub) -> Any:
    while d in sub:
        d = sub[d]
    return d


class _Solver:
    def __init__(self, scalars: set[str]) -> None:
        self.scalars, self.steps = scalars, 0

    def solve(self, definitions: list[tuple[Term, Term]], sub: Sub) -> Iterator[Sub]:
        if not definitions:
            yield sub
            return
        (left, right), *rest = definitions
        for dims, after in self.of(right, sub):
            wanted = after if left.word not in self.scalars else self.unified(dims, ONE, after)
            if wanted is not None:
                known = dims if not left.args else ("slot", "slot")
                yield from self.solve(rest, wanted if left.args else {**wanted, ("name", left.word): known})

    def unified(self, a: Dims, b: Dims, sub: Sub) -> Sub | None:
        for x, y in zip(a, b, strict=True):
            x, y = resolved(x, sub), resolved(y, sub)
            if x == y:
                continue
            if x == 1:
                x, y = y, x
            if x == 1 or (isinstance(x, int) and isinstance(y, int)):
                return None
            if isinstance(x, int):
                x, y = y, x
            sub = {**sub, x: y}
        return sub

    def of(self, t: Term, sub: Sub, across: bool = False) -> Iterator[tuple[Dims, Sub]]:
        """Every shape the formula can have, the most usual first."""
        self.steps += 1
        if self.steps > STEPS:
            raise Misfit
        if t.op == "num" or (t.op == "name" and t.args):
            yield ONE, sub
        elif t.op in ("norm", "at"):
            for _, s in self.of(t.args[0], sub):
                yield ONE, s
        elif t.op == "name":
            yield from self.named(t.word, sub, across)
        elif t.op == "T":
            for (r, c), s in self.of(t.args[0], sub):
                yield (c, r), s
        elif t.op == "d":
            for wrt, s in self.of(t.args[1], sub):
                yield wrt, s
        elif t.op in ("sum", "prod"):
            yield from self.of(t.args[-1], sub)
        elif t.op == "call":
            for dims, s in self.of(t.args[-1], sub):
                yield (ONE if t.word in ("tr", "mean", "det", "sum") else dims), s
        elif t.op in ("+", "-", "*", "/", "odot", "outer"):
            for left, s in self.of(t.args[0], sub):
                across = t.op in "+-" and 1 not in [resolved(n, s) for n in left]  # a bias below the rows of a matrix
                for right, both in self.of(t.args[1], s, across):
                    yield from self.pair(t.op, left, right, both)
        else:
            yield from self.of(t.args[0], sub)

    def named(self, word: str, sub: Sub, across: bool) -> Iterator[tuple[Dims, Sub]]:
        key = ("name", word)
        if key in sub:
            yield sub[key], sub
            return
        full, column, row = (f"{word}:0", f"{word}:1"), (f"{word}:0", 1), (1, f"{word}:0")
        if not word[0].isascii() or word in ("n", "N", "K", "C"):
            options: list[Dims] = [ONE, column]
        elif word[0].isupper():
            options = [full, column, ONE]
        else:
            options = [row, column, ONE] if across else [column, ONE, row]
        for dims in options:
            yield dims, {**sub, key: dims}

    def pair(self, op: str, left: Dims, right: Dims, sub: Sub) -> Iterator[tuple[Dims, Sub]]:
        l = (resolved(left[0], sub), resolved(left[1], sub))
        r = (resolved(right[0], sub), resolved(right[1], sub))
        if op == "outer":
            yield (l[0], r[0]), sub
            return
        if r == ONE:
            yield l, sub
            return
        if l == ONE and op != "/":
            yield r, sub
            return
        fits = [((l[0], r[1]), (l[1], 1), (r[0], 1))] if op == "*" else []
        fits += [(l, l, r), *([(l, (1, l[1]), r)] if op in "+-" and r[0] == 1 and l[0] != 1 else [])]
        for dims, a, b in fits:
            s = self.unified(a, b, sub)
            if s is not None:
                yield dims, s
