"""Finding the loops again that a trace has unrolled.

In: a tidy tape (forward and adjoint together) and, for each input, the array it lives in. Out: a plan.

    1. Chains of additions become sums of many terms.
    2. A *root* is a node used more than once, an output, or a long sum. The tree of single-use nodes under
       it, down to the next roots, is its cone.
    3. Two cones have the same *shape* if they perform the same ops; what they read may differ. Roots of the
       same level and shape form a loop nest, the iterations of which become one array.
    4. What the iterations of a loop nest read is fitted by nested affine loops (affine.py).

No matrix operation is recognised anywhere: a layer of neurons comes out as a loop over neurons
around a loop over inputs because its cones look alike and read at regular distances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Expression, Plan
from tinygrad_lite.compiler.ir.tape import LESS, Ref, Tape
from tinygrad_lite.compiler.passes.affine import fitted
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op

LONG = 4
"""A sum of so many terms becomes a root of its own."""

TALL = 16
"""A cone of this height ends in a root, so that no expression nests without bound."""

CHEAP = 3
"""A cone of so few ops, each with a constant, is repeated at every use."""

MANY = 256
"""Groups after which those of one kind share an array, if that makes half as many."""

_CHEAP = (ops.add, ops.sub, ops.mul, ops.neg)
_SUMS = (ops.add, ops.sub, ops.neg, ops.sum)
_COMMUTE = ("mul", "max", "min")

Term = tuple[int, Ref]


class _Cones:
    """Pass 1: terms of sums, roots, and levels, in one walk up the tape."""

    def __init__(self, tape: Tape, repeat: int = 0, long: int = LONG, roots: AbstractSet[Ref] = frozenset()) -> None:
        self.tape = tape
        n = len(tape)
        live = tape.live()
        uses = [0] * n
        for i in range(n):
            if live[i]:
                for ref in tape.args[i]:
                    if ref >= 0:
                        uses[ref] += 1
        outputs = {ref for ref in tape.outputs if ref >= 0}
        self.terms: dict[Ref, list[Term]] = {}
        self.root = root = [  # a comparison is cheaper to repeat than to keep
            live[i] and ((uses[i] > 1 and tape.op[i] is not LESS) or i in outputs or i in roots) for i in range(n)
        ]
        self.single = [count == 1 for count in uses]
        self.level = [0] * n
        self.live = live
        height = [0] * n
        for i in range(n):
            if not live[i]:
                continue
            op, args = tape.op[i], tape.args[i]
            taken = self._gather(i, op, args) if op in _SUMS else ()
            cheap = any(tape.number(ref) is not None for ref in args) and op in _CHEAP and (repeat or i not in outputs)
            tall = 0
            for ref in args:
                if ref < 0:
                    continue
                if not root[ref] and ref not in taken and (len(self.terms.get(ref, ())) >= long or height[ref] >= TALL):
                    root[ref] = True
                if not root[ref]:
                    tall = max(tall, height[ref])
                self.level[i] = max(self.level[i], self.level[ref] + root[ref])
            height[i] = tall + 1
            near = op in _CHEAP and self.level[i] == 0 and height[i] <= repeat
            if near or (cheap and height[i] <= CHEAP):
                root[i] = False  # cheaper to repeat than to keep

    def _gather(self, i: int, op: Op, args: tuple[Ref, ...]) -> tuple[Ref, ...]:
        """The signed terms of a sum, taking over those of single-use sums below, which are returned."""
        signs = (1, -1) if op is ops.sub else (-1,) if op is ops.neg else (1,) * len(args)
        mine: list[Term] | None = None
        taken: tuple[Ref, ...] = ()
        for sign, ref in zip(signs, args, strict=True):
            theirs = [(1, ref)]
            if ref in self.terms and not self.root[ref] and self.single[ref]:
                theirs = self.terms.pop(ref)
                taken = (*taken, ref)
            if sign < 0:
                theirs = [(-s, r) for s, r in theirs]
            if mine is None:
                mine = theirs
            elif len(theirs) > len(mine):
                mine, theirs = theirs, mine
                mine += theirs
            else:
                mine += theirs
        self.terms[i] = mine or []
        return taken


class _Shapes:
    """Pass 2: the shape of a cone as one number, and beside it what its leaves read."""

    def __init__(self, cones: _Cones, arrays: Mapping[Ref, tuple[str, int]]) -> None:
        self.cones = cones
        self.arrays = arrays
        self.place: dict[Ref, tuple[str, int]] = {}  # of a root: its loop nest's array, and where in it
        self.leaves: dict[Ref, tuple[int, tuple[int, ...]]] = {}  # the same of all leaves met so far, as (shape, index)
        self.ids: dict[Any, int] = {}
        self.keys: list[Any] = []
        self.pool: list[float] = []  # the numbers of constants that differ between the iterations of a loop nest

    def id(self, key: Any) -> int:
        number = self.ids.get(key)
        if number is None:
            number = self.ids[key] = len(self.keys)
            self.keys.append(key)
        return number

    def leaf(self, ref: Ref) -> tuple[int, tuple[int, ...]] | None:
        known = self.leaves.get(ref)
        if known is not None:
            return known
        found = self.place.get(ref) if ref >= 0 else self.arrays.get(ref, ("K", ~ref))
        if found is None:
            return None
        known = self.leaves[ref] = self.id(found[0]), (found[1],)
        return known

    def cone(self, ref: Ref, top: bool = False) -> tuple[int, tuple[int, ...]]:
        """(shape, leaf indices) of the tree under a node; a root below it is a leaf."""
        if not top or ref < 0:
            leaf = self.leaf(ref)
            if leaf is not None:
                return leaf
        terms = self.cones.terms.get(ref)
        if terms is not None:
            parts = sorted(((sign, *self.cone(r)) for sign, r in terms), key=_by_shape)
            key: Any = ("sum", *[(sign, shape) for sign, shape, _ in parts])
            return self.id(key), tuple([x for _, _, slots in parts for x in slots])
        op, args = self.cones.tape.op[ref], self.cones.tape.args[ref]
        if len(args) == 2:
            p, xs = self.leaves.get(args[0]) or self.cone(args[0])
            q, ys = self.leaves.get(args[1]) or self.cone(args[1])
            if p > q and op.name in _COMMUTE:
                return self.id((op.name, q, p)), ys + xs
            return self.id((op.name, p, q)), xs + ys
        found = [self.cone(r) for r in args]
        return self.id((op.name, *[shape for shape, _ in found])), tuple([x for _, slots in found for x in slots])

    def reductions(self, ref: Ref) -> dict[tuple[int, int], list[tuple[int, ...]]]:
        """A root's cone as a sum of runs: {(sign, shape): [leaf indices of each term]}."""
        terms = self.cones.terms.get(ref) if ref >= 0 and ref not in self.place else None
        found: dict[tuple[int, int], list[tuple[int, ...]]] = {}
        if terms is None:
            shape, slots = self.cone(ref, top=ref not in self.place)
            found[1, shape] = [slots]
        else:
            for sign, r in terms:
                shape, slots = self.cone(r)
                found.setdefault((sign, shape), []).append(slots)
        return found

    def expression(self, shape: int, arrays: list[str]) -> Expression:
        """The shape written out; the arrays of its leaves are appended in order."""
        key = self.keys[shape]
        if isinstance(key, str):
            arrays.append(key)
            return ("leaf", len(arrays) - 1)
        if key[0] != "sum":
            return (key[0], *[self.expression(part, arrays) for part in key[1:]])
        parts = [(sign, self.expression(part, arrays)) for sign, part in key[1:]]
        parts.sort(key=lambda part: -part[0])
        sign, total = parts[0]
        if sign < 0:
            total = ("neg", total)
        for sign, part in parts[1:]:
            total = ("add" if sign > 0 else "sub", total, part)
        return total


def _by_shape(part: tuple[int, int, tuple[int, ...]]) -> tuple[int, int]:
    return part[1], part[0]


def reroll(
    tape: Tape,
    arrays: Mapping[Ref, tuple[str, int]],
    samples: Sequence[str] = (),
    output: str = "out",
    places: Sequence[int] | None = None,
    repeat: int = 0,
    prefix: str = "A",
    long: int = LONG,
    roots: AbstractSet[Ref] = frozenset(),
) -> Plan:
    """The tape as a plan.

    Args:
        tape: tidy, with everything that is wanted among its outputs.
        arrays: for each input, the name of the array it lives in and its place there.
        samples: which of these arrays have an entry for each sample.
        output: the name of the array for the outputs.
        places: where in it each output goes; in order, if not given.
        repeat: the height of cones over inputs that are computed again at each use rather than kept.
        prefix: how the names of the arrays between the loop nests begin.
        long: a sum of so many terms is kept in an array.
        roots: what else is kept in one.

    >>> from tinygrad_lite.compiler.ir.tape import Builder
    >>> b = Builder(); xs = [b.input(f"x{i}") for i in range(6)]
    >>> b.outputs = [b.node(ops.mul, (x, x)) for x in xs]
    >>> print(reroll(b, {x: ("X", i) for i, x in enumerate(xs)}))
    for i0 < 6: out[i0] = X[i0] * X[i0]
    """
    cones = _Cones(tape, repeat, long, roots)
    found = _Groups(cones, arrays, prefix)
    if len(found.groups) > MANY and not samples and long == LONG:
        fewer = _Groups(cones, arrays, prefix, shared=True)
        found = fewer if 2 * len(fewer.groups) < len(found.groups) else found
    shapes = found.shapes
    shared = shapes.expression, tape.sources, shapes.pool
    nests = [fitted(*group, *shared) for group in found.groups]

    ends: dict[Any, list[tuple[int, Any]]] = {}
    for position, ref in zip(places if places is not None else range(len(tape.outputs)), tape.outputs, strict=True):
        reductions = shapes.reductions(ref)
        ends.setdefault(found.key(reductions), []).append((position, reductions))
    for (key, _), last in ends.items():
        last.sort(key=lambda iteration: iteration[0])
        nests.append(
            fitted(output, key, [reductions for _, reductions in last], [position for position, _ in last], *shared)
        )
    by_sample = {*samples, *(found.sizes if samples else ())}
    return Plan(nests, found.sizes, shapes.pool, by_sample, sum(cones.live))


class _Groups:
    """Pass 3: roots of one level and shape, as what `fitted` is given.

    Attributes:
        groups: (array, what each root computes, what each of them reads, where in the array each stands).
        sizes: how long each array is.
        shared: whether roots that differ only in what they read, and in how many terms, share an array.
            In a sum over neighbours the points at the rim read something else than those inside. Were each kind of
            point an array of its own, the next step would see more kinds still, and so on from the rim inwards.
    """

    def __init__(self, cones: _Cones, arrays: Mapping[Ref, tuple[str, int]], prefix: str, shared: bool = False) -> None:
        self.shapes = shapes = _Shapes(cones, arrays)
        self.shared = shared
        self.groups: list[tuple[str, Any, list[Any], list[int]]] = []
        self.sizes: dict[str, int] = {}
        users = _used_as_leaf(cones)
        by_level: dict[int, list[Ref]] = {}
        for i in range(len(cones.root)):
            if cones.root[i] and cones.live[i] and i in users:
                by_level.setdefault(cones.level[i], []).append(i)
        for level in sorted(by_level):
            made: dict[Any, dict[Any, list[tuple[Ref, Any]]]] = {}
            for ref in by_level[level]:
                reductions = shapes.reductions(ref)
                key = self.key(reductions)
                made.setdefault(self._kind(key[0]), {}).setdefault(key, []).append((ref, reductions))
            for parts in made.values():
                self._laid(f"{prefix}{len(self.sizes)}", parts)

    def _laid(self, name: str, parts: dict[Any, list[tuple[Ref, Any]]]) -> None:
        """An array for the roots of one kind, a group for each part of them."""
        (key, _), most = max(parts.items(), key=lambda part: len(part[1]))
        refs = sorted([ref for found in parts.values() for ref, _ in found], reverse=_falls(most, key))
        self.sizes[name] = len(refs)
        position = {ref: k for k, ref in enumerate(refs)}
        self.shapes.place.update({ref: (name, k) for ref, k in position.items()})
        for (key, _), found in parts.items():
            found.sort(key=lambda one: position[one[0]])
            self.groups.append((name, key, [each for _, each in found], [position[ref] for ref, _ in found]))

    def key(self, reductions: Any) -> tuple[Any, tuple[int, ...]]:
        """The runs of a root, and how many terms each has where that keeps groups apart."""
        runs = tuple(sorted(reductions))
        return runs, tuple([len(reductions[run]) for run in runs]) if self.shared else ()

    def _kind(self, key: Any) -> Any:
        """What the runs compute; if arrays are shared, whatever they read."""
        return frozenset([(sign, self.shapes.expression(s, [])) for sign, s in key]) if self.shared else key


def _used_as_leaf(cones: _Cones) -> set[Ref]:
    """The roots that some other cone reads; an output that nobody reads needs no array."""
    tape = cones.tape
    found: set[Ref] = set()
    for i in range(len(tape)):
        if cones.live[i]:
            terms = cones.terms.get(i)
            found.update([ref for _, ref in terms] if terms is not None else tape.args[i])
    once: set[Ref] = set()
    for ref in tape.outputs:
        (found if ref in once else once).add(ref)
    return found


def _falls(found: list[tuple[Ref, Any]], key: Any) -> bool:
    """Whether what the iterations read goes downwards, as it does in an adjoint: then they are turned around."""
    if len(found) < 2:
        return False
    first, second = found[0][1], found[1][1]
    for run in key:
        for x, y in zip(first[run][0], second[run][0], strict=True):
            if x != y:
                return bool(x > y)
    return False
