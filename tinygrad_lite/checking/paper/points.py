"""Worlds for a document: which names are free, what shapes they have, and which numbers they get.

The numbers of a generic point are small quarters, drawn by name, so that a rational formula stays a small fraction;
each world counts its indices differently, so that 1/n and 1/m are told apart.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.document import STEP, Document
from tinygrad_lite.checking.paper.entrywise import array, each, total
from tinygrad_lite.checking.paper.shapes import ONE, Groups, Misfit, infer, resolved, slots
from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, ShapeError
from tinygrad_lite.report.language import say

MATRIX_OPS = {"T", "odot", "norm"}


class Points:
    """What all worlds of a document have in common.

    Attributes:
        leaves: the free names, in the order of the text.
        matrices: the document speaks of matrices, not of entries.
        derivatives: f'(u) of functions that no definition has.
        tops: undefined results such as the L of ∂L/∂z, for which any function serves.
    """

    def __init__(self, document: Document) -> None:
        self.document = d = document
        sides = [s.sides for s in d.statements if s.sides]
        bodies = [*sides, *[[body] for _, body in d.functions.values()]]
        every = [t for terms in bodies for term in terms for t in term.walk()]
        named = [t for t in every if t.op == "name"]
        self.count: dict[str, int]
        self.groups: Groups
        self.least: dict[Any, int]
        self.count, self.groups, self.least = slots(bodies)
        marks = {t.op for t in every} & MATRIX_OPS or any(t.word in ("tr", "softmax", "diag") for t in every)
        sides_of = [t for sides in d.definitions.values() for side in sides for t in side.walk()]
        indexed = any(i.op == "name" for t in sides_of if t.op == "name" for i in t.args)
        self.matrices: bool = bool(d.shapes) or (bool(marks) and not indexed)
        operands = {x for x, _ in d.functions.values()}
        tops = {t.args[0].word for t in every if t.op == "d" and t.args[0].op == "name"}
        self.tops: set[str] = (
            {w for w in tops if w not in d.definitions and w not in d.numbers} if d.definitions else set()
        )
        bound = {i.word for t in every if t.op in ("sum", "prod") for i in t.args[:-1]}
        letters = {i.word for t in named for i in t.args} | bound
        sizes = {t.word[1:] for t in every if t.op in ("sum", "prod") and t.word.startswith("^")}
        named_sizes = [n.removeprefix("size:") for dims in d.shapes.values() for n in dims if isinstance(n, str)]
        self.sizes: set[str] = {w for w in sizes if w.isidentifier()} | {*named_sizes}
        steps = [side.names() for s in d.statements if s.kind == STEP for side in s.sides if side.op != "call"]
        bound_here = operands - set().union(*steps)  # and stand for no number of their own
        delta = {"δ"} if self.count.get("δ") == 2 else set[str]()
        taken = {*d.definitions, *letters, *self.tops, *self.sizes, *bound_here, *delta}
        self.leaves: list[str] = [w for w in dict.fromkeys(t.word for t in named) if w not in taken]
        defined = [body for _, body in (*d.definitions.values(), *d.functions.values())]
        self.known: set[str] = set().union(*[b.names() for b in defined], *[r.names() for r in d.relations], set())
        self.dims: dict[Any, Any] = self._dims(bodies) if self.matrices else {}
        self.derivatives: list[Term] = []

    def _plain(self, formulas: Sequence[Sequence[Term]]) -> set[str]:
        """The names that no formula ties to a matrix, by a sign of matrices or by a capital letter: numbers."""
        tied, marked = Groups(), set(self.document.shapes)
        for terms in formulas:
            nodes = [t for term in terms for t in term.walk()]
            names = [t.word for t in nodes if t.op == "name"]
            for name in names:
                tied.join(names[0], name)
            if any(t.op in MATRIX_OPS or t.op == "call" for t in nodes) or any(n[0].isupper() for n in names):
                marked |= set(names)
        roots = {tied.find(name) for name in marked}
        return {n for terms in formulas for t in terms for n in t.names() if tied.find(n) not in roots}

    def _dims(self, formulas: Sequence[Sequence[Term]]) -> dict[Any, Any]:
        given: dict[str, Any]
        d, plain = self.document, self._plain(formulas)
        ds = [t.args[0] for s in d.statements for side in s.sides for t in side.walk() if t.op == "d"]
        tops = {top.word for top in ds if top.op == "name" and not top.args}
        scalars = {d.known.root} & tops | (tops & {"L", "J", "E", "C", "loss", "ℓ"}) or {d.known.root}
        given = {w: tuple([n if isinstance(n, int) else str(n) for n in dims]) for w, dims in d.shapes.items()}
        given |= dict.fromkeys(plain, ONE)
        try:
            return infer(list(d.definitions.values()), scalars | plain, given)
        except Misfit:
            return infer([], scalars | plain, given)

    # ------------------------------------------------------------------ one world

    def world(
        self, seed: int, kind: str = "mixed", numbers: Mapping[str, Any] | None = None, small: bool = False
    ) -> World:
        """A world of that seed; kinds are mixed signs, positive, and between 0 and 1.

        Raises:
            DomainError, ShapeError, Unknown: the definitions cannot be computed there.
        """
        w, draw = World(), random.Random(f"{seed} {kind}")
        w.define = self.defined
        w.functions = {f: _polynomial(f, seed) for f in self.document.known.functions}
        for f, (x, body) in self.document.functions.items():
            w.functions[f] = _defined(w, x, body)
        extents = dict(self.sizes_in(seed, small))
        for word in self.sizes:
            n = extents.get(self.groups.find(("size", word)))
            n = n or extents.setdefault(f"size:{word}", 2 + (len(word) + seed + ord(word[0])) % 2)
            w.env[word] = Value(float(n))
        for word in self.leaves:
            shape = self.shape(word, extents, seed, small)
            w.env[word] = _leaf(word, shape, draw, kind, (numbers or {}).get(word))
            if word in self.document.simplex and isinstance(w.env[word], np.ndarray):
                _add_up(w.env[word])
        for word, (left, body) in self.document.definitions.items():
            w.lefts[word], w.bodies[word] = left, body
            w.env[word] = self.defined(w, left, body)
        for word in self.tops:
            w.env[word] = _generic(w, self.document)
        if not all(v.data == 1.0 for r in self.document.relations for v in np.ravel(w.evaluate(r))):
            raise DomainError(say("an assumption does not hold at this point"))
        return w

    def defined(self, w: World, left: Term, body: Term) -> Any:
        """The Values that a definition gives its name."""
        letters = [i.word for i in left.args]
        if not letters:
            return w.evaluate(body)
        sizes = [self._extent(w, left, slot, letter, body) for slot, letter in enumerate(letters)]
        found: Any = np.empty(sizes, dtype=object)
        for place in np.ndindex(*sizes):
            found[place] = w.evaluate(body, dict(zip(letters, place, strict=True)))
        return found

    def _extent(self, w: World, left: Term, slot: int, letter: str, body: Term) -> int:
        try:
            return w.size(letter, body)
        except Unknown:
            return self.last.get(self.groups.find((left.word, slot)), 2)

    def sizes_in(self, seed: int, small: bool) -> dict[Any, int]:
        """How far each group of indices counts in this world."""
        roots = [self.groups.find((word, slot)) for word, n in self.count.items() for slot in range(n)]
        found: dict[Any, int] = {}
        for k, root in enumerate(dict.fromkeys(roots)):
            least = max([1, *(n for slot, n in self.least.items() if self.groups.find(slot) == root)])
            found[root] = max(least, 2 if small else 2 + (k + seed) % 2)
        self.last = found
        return found

    def shape(self, word: str, extents: dict[Any, int], seed: int, small: bool) -> tuple[int, ...]:
        if not self.matrices or (("name", word) not in self.dims and word in self.count):
            slots = range(self.count.get(word, 0))
            return tuple([extents[self.groups.find((word, slot))] for slot in slots])
        sizes = []
        for d in self.dims.get(("name", word), ONE):
            d = resolved(d, self.dims)
            if isinstance(d, str) and d not in extents:
                extents[d] = 2 if small else 2 + (sum(isinstance(k, str) for k in extents) + seed) % 2
            sizes.append(d if isinstance(d, int) else extents[d])
        return () if sizes == [1, 1] else tuple(sizes)


def _leaf(word: str, shape: tuple[int, ...], draw: random.Random, kind: str, given: Any) -> Any:
    """A free name: the numbers that were given for it, or small quarters."""

    def one() -> float:
        quarters = draw.choice([1, 2, 3, 5, 6, 7, 9]) if kind != "unit" else draw.choice([1, 2, 3, 5, 6, 7]) / 2
        return float((draw.choice((-1, 1)) if kind == "mixed" else 1) * quarters / 4)

    numbers = np.asarray([one() for _ in range(int(np.prod(shape)))] if given is None else given, dtype=float)
    if numbers.ndim == 0:
        numbers = np.full(shape, float(numbers))
    if numbers.size != np.prod(shape):
        raise ShapeError(say("{0} was given {1} numbers, but it has {2}", word, numbers.size, int(np.prod(shape))))
    values = [Value(float(x), label=word) for x in numbers.ravel()]
    return array(values).reshape(shape) if shape else values[0]


def _add_up(vector: Any) -> None:
    """Make the entries of a vector, or of each row of a matrix, add up to 1."""
    for row in vector if vector.ndim == 2 and vector.shape[1] > 1 else vector.reshape(1, -1):
        row[-1] = Value(1.0 - sum(x.data for x in row[:-1]), label=row[-1].label)


def _polynomial(f: str, seed: int) -> Any:
    draw = random.Random(f"function {f} {seed}")
    c = [draw.choice((-3, -2, -1, 1, 2, 3)) / 2 for _ in range(4)]
    return lambda x: each(lambda v: c[0] + c[1] * v + c[2] * v * v + c[3] * v * v * v, x)


def _defined(w: World, operand: str, body: Term) -> Any:
    def one(x: Any) -> Any:
        kept, w.env = w.env, {**w.env, operand: x}
        try:
            return w._value(body, {})
        finally:
            w.env = kept

    return lambda x: each(one, x)


def _generic(w: World, d: Document) -> Value:
    """A result that depends on everything that nothing else depends on: a sum of squares with weights."""
    used: set[str] = set().union(*[body.names() for _, body in d.definitions.values()])
    ends = [word for word in d.definitions if word not in used]
    found: Value = total([
        v * float(1 + (3 * k + j) % 5) + v * v * float(1 + (k + 2 * j) % 3)
        for k, word in enumerate(ends)
        for j, v in enumerate(np.ravel(w.env[word]))
    ])  # fmt: skip
    return found


def letters_of(terms: Iterable[Term], indices: set[str], env: Mapping[str, Any]) -> list[str]:
    """The indices that are free in some formulas."""
    found: dict[str, None] = {}

    def look(t: Term, bound: frozenset[str]) -> None:
        if t.op in ("sum", "prod") and len(t.args) > 1:
            bound = bound | {i.word for i in t.args[:-1]}
            look(t.args[-1], bound)
            return
        if t.op in ("name", "at"):
            for i in t.args[t.op == "at" :]:
                if i.op == "name" and i.word not in bound:
                    found[i.word] = None
        if t.op == "name" and not t.args and t.word in indices and t.word not in env and t.word not in bound:
            found[t.word] = None
        for a in t.args if t.op != "name" else ():
            look(a, bound)

    for t in terms:
        look(t, frozenset())
    return list(found)
