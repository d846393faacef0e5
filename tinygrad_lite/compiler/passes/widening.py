"""The plan of one sample made the plan of all samples, with the number of the sample as one more counter.

In: sums over neighbouring inputs and their ending (stencil.py). Out: a plan without samples.

Each loop nest of a sample's plan gets the sample as its last dimension. The derivative w.r.t. input j is pulled
together: sample j's
derivative w.r.t. its first column, plus sample j-1's w.r.t. its second, and so on, each computed where it is needed.
Where some
of these samples do not exist, or the ending reads the input itself, the gradients are loop nests of their own.

    samples, stretch by stretch -> partial sums B -> the sums T -> the ending E -> gradients that wait for these

A back end that calls a function for each operation on a whole array has nothing from computing again what another
call has left. For it the arrays are kept, and each column's gradients are added to the outputs in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, LoopNest, Plan, Reduction
from tinygrad_lite.compiler.passes.lowering import lowered
from tinygrad_lite.compiler.passes.reroll import reroll
from tinygrad_lite.compiler.passes.stencil import REPEAT, Ending, Neighbours

CHUNK = 8192
"""Samples that all loop nests go through before the next samples come, so that arrays between the loop nests stay in
the cache.
"""

STRETCHES = 16
"""No more than so many of these: each has a text of its own."""


class _Samples:
    """The loop nests of one sum, over all its samples.

    Attributes:
        inner: what is kept in arrays.
        outputs: for each output of the sample's tape its runs, over the samples alone.
        partial: for each output that is summed over the samples, {constant factor: (array, stretches so far)}.
    """

    def __init__(self, lines: Neighbours, number: int, known: set[str], constants: list[float], repeat: int) -> None:
        self.n, self.bases, self.number = lines.samples, lines.bases, number
        self.here = min(lines.bases)
        low = lowered(lines.tape, known)
        arrays = {new: lines.arrays[old] for new, old in zip(low.inputs, lines.tape.inputs, strict=True)}
        small = reroll(low, arrays, repeat=repeat, prefix=f"A{number}_")
        self.nodes = small.nodes * self.n
        self.sizes = {name: size * self.n for name, size in small.sizes.items()}
        self.shared = len(constants)
        constants += small.constants
        self.columns = len(constants)
        constants += lines.fixed.T.reshape(-1).tolist()
        self.inner: list[LoopNest] = []
        found: dict[int, list[Reduction]] = {}
        for nest in small.nests:
            if nest.target.array == "out":
                for m in range(nest.iterations):
                    found[nest.target.entry(nest.dims, m)] = [self._run(run, nest, m) for run in nest.reductions]
            else:
                self.inner.append(self._nest(nest))
        self.outputs = [found[k] for k in range(len(found))]
        self.partial: dict[int, dict[float, tuple[str, int]]] = {}

    def _access(self, a: Access, strides: tuple[int, ...], base: int) -> Access:
        if a.literal is not None:
            return a
        kind, still = a.array[0], (0,) * len(strides)
        if kind == "S":
            return Access("P", self.bases[int(a.array[1:])], (*still, 1))
        if kind == "F":
            return Access("K", self.columns + int(a.array[1:]) * self.n, (*still, 1))
        if kind == "A":
            return Access(a.array, base * self.n, (*(s * self.n for s in strides), 1), a.term_stride * self.n)
        base += self.shared if kind == "K" else 0
        return Access(a.array, base, (*strides, 0), a.term_stride)  # a parameter or a constant of all samples

    def _nest(self, nest: LoopNest) -> LoopNest:
        reductions = [
            replace(run, accesses=[self._access(a, a.strides, a.base) for a in run.accesses]) for run in nest.reductions
        ]
        target = self._access(nest.target, nest.target.strides, nest.target.base)
        return LoopNest(nest.name, (*nest.dims, self.n), reductions, target)

    def _run(self, run: Reduction, nest: LoopNest, m: int) -> Reduction:
        """A run of one iteration of an output, over the samples alone."""
        places = [0 if a.literal is not None else a.entry(nest.dims, m) for a in run.accesses]
        accesses = [self._access(a, (), place) for a, place in zip(run.accesses, places, strict=True)]
        return replace(run, terms=1, accesses=accesses)

    def samples(self, low: int, high: int) -> tuple[int, int]:
        """The samples whose first inputs lie from low to high."""
        return max(low - self.here, 0), min(high - self.here, self.n)

    def stretch(self, low: int, high: int) -> list[LoopNest]:
        """The arrays and sums of so many samples."""
        nests = [_stretched(nest, low, high) for nest in self.inner]
        for k in (0, *range(1 + len(self.bases), len(self.outputs))):
            mine = self.partial.setdefault(k, {})
            for factor, reductions in _by_factor(self.outputs[k]).items():
                array, so_far = mine.get(factor, (f"B{self.number}_{k}_{len(mine)}", 0))
                mine[factor] = array, so_far + 1
                nests.append(_summed(reductions, low, high, Access(array, so_far, (0,))))
        return nests

    def total(self, k: int) -> list[Reduction]:
        """The sum over the samples of an output."""
        parts = self.partial[k].items()
        return [
            _scaled(Reduction(1, ("leaf", 0), n, [Access(array, 0, (0,), 1)]), factor) for factor, (array, n) in parts
        ]


def lifted(
    sums: Sequence[Neighbours], ending: Ending, term_stride: Sequence[int], known: set[str], whole: bool = False
) -> Plan:
    """The loops over all samples of all sums, for a back end that knows these ops of the table.

    Args:
        whole: computing again costs as much as computing, and the ends of an array as much as all of it.
    """
    constants: list[float] = []
    samples = [_Samples(lines, k, known, constants, 0 if whole else REPEAT) for k, lines in enumerate(sums)]
    gradients = (_Added if whole else _Pulled)(sums, samples, ending, term_stride)
    first = min(term_stride[0], *(each.here for each in samples))
    last = max(term_stride[-1] + 1, *(each.here + each.n for each in samples))
    chunk = last - first
    if whole or any(each.inner for each in samples):
        chunk = max(2 * CHUNK if whole else CHUNK, -(-chunk // STRETCHES))  # a call of NumPy has its price
    edges = [*range(first, last, chunk), last]
    nests: list[LoopNest] = gradients.before()
    for low, high in pairwise(edges):  # stretch by stretch, so that what one loop leaves is near when the next reads it
        for each in samples:
            start, stop = each.samples(low, high)
            nests += each.stretch(start, stop) if start < stop else []
        nests += gradients.beside(low, high)
    nests += [LoopNest("T", (1,), each.total(0), Access("T", k, (0,))) for k, each in enumerate(samples)]
    low_end = lowered(ending.tape, known)
    arrays = {new: ending.arrays[old] for new, old in zip(low_end.inputs, ending.tape.inputs, strict=True)}
    end = reroll(low_end, arrays, output="E", prefix="Z")
    nests += [_with_constants(nest, len(constants)) for nest in end.nests]
    if nests[-1].target.array == "E" and len(ending.tape.outputs) == 1:
        nests[-1].target = Access("out", 0, (0,))
    else:
        nests.append(
            LoopNest("out", (1,), [Reduction(1, ("leaf", 0), 1, [Access("E", 0, (0,))])], Access("out", 0, (0,)))
        )
    nests += gradients.after()
    sizes = {"T": len(sums), "E": len(ending.tape.outputs)} | end.sizes
    for each in samples:
        sizes |= each.sizes
        sizes |= {array: n for parts in each.partial.values() for array, n in parts.values()}
    return Plan(nests, sizes, [*constants, *end.constants], set(), end.nodes + sum(each.nodes for each in samples))


class _Gradients:
    """The derivatives w.r.t. the inputs: what is known of them, for both ways of putting it together."""

    def __init__(
        self, sums: Sequence[Neighbours], samples: Sequence[_Samples], ending: Ending, term_stride: Sequence[int]
    ) -> None:
        self.samples, self.first, self.last = samples, term_stride[0], term_stride[-1] + 1
        self.seeds = [seed if isinstance(seed, float) else Access("E", seed, (0,)) for seed in ending.seeds]
        self.known = all(isinstance(seed, float) for seed in self.seeds)
        self.uniform = [(i, each, k) for lines, each in zip(sums, samples, strict=True) for k, i in _numbered(lines)]
        direct = ending.direct
        starts = [k for k, i in enumerate(direct) if k == 0 or direct[k - 1] != i - 1]
        self.direct = [
            (direct[k], direct[stop - 1] + 1, ending.first + k) for k, stop in pairwise([*starts, len(direct)])
        ]

    def target(self, low: int) -> Access:
        return Access("out", 1 + low - self.first, (1,))

    def nothing(self, low: int, high: int) -> LoopNest:
        return LoopNest(
            "out", (high - low,), [Reduction(1, ("leaf", 0), 1, [Access("K", literal=0.0)])], self.target(low)
        )

    def waits(self, low: int) -> bool:
        """Whether the gradients from here on need a sum over all samples."""
        reached = any(i == low for i, _, _ in self.uniform) or any(i <= low < end for i, end, _ in self.direct)
        return reached or not self.known

    def extra(self, low: int) -> list[Reduction]:
        """What reaches the inputs from here on otherwise than through their columns."""
        reductions = []
        for i, each, k in self.uniform:
            reductions += [_scaled(run, self.seeds[each.number]) for run in each.total(k)] if i == low else []
        for first, last, at in self.direct:
            if first <= low < last:
                reductions.append(Reduction(1, ("leaf", 0), 1, [Access("E", at + low - first, (1,))]))
        return reductions

    def edges(self) -> set[int]:
        """Where that begins and ends."""
        return {edge for i, _, _ in self.uniform for edge in (i, i + 1)} | {
            edge for low, high, _ in self.direct for edge in (low, high)
        }


class _Pulled(_Gradients):
    """Each derivative in one piece: what all columns have for it."""

    late: list[tuple[int, int]]

    def before(self) -> list[LoopNest]:
        self.late = []
        self.cuts = self.edges() | {base + end for each in self.samples for base in each.bases for end in (0, each.n)}
        return []

    def beside(self, low: int, high: int) -> list[LoopNest]:
        """The gradients of the inputs from low to high, but those that need a sum over all samples."""
        low, high = max(low, self.first), min(high, self.last)
        if low >= high:
            return []
        pieces = list(pairwise(sorted({low, high, *(cut for cut in self.cuts if low < cut < high)})))
        self.late += [piece for piece in pieces if self.waits(piece[0])]
        return [self._piece(*piece) for piece in pieces if not self.waits(piece[0])]

    def after(self) -> list[LoopNest]:
        return [self._piece(*piece) for piece in self.late]

    def _piece(self, low: int, high: int) -> LoopNest:
        """Inputs that are read by the same columns."""
        reductions = [
            _scaled(_moved(run, low - base), seed)
            for each, seed in zip(self.samples, self.seeds, strict=True)
            for k, base in enumerate(each.bases)
            if base <= low and high <= base + each.n
            for run in each.outputs[1 + k]
        ]
        reductions += self.extra(low)
        return LoopNest("out", (high - low,), reductions, self.target(low)) if reductions else self.nothing(low, high)


class _Added(_Gradients):
    """Column by column, each added to what is there.

    Of a single sum the column furthest ahead goes first: it meets entries that no other has written yet.
    """

    def before(self) -> list[LoopNest]:
        if len(self.samples) > 1:
            return [self.nothing(self.first, self.last)]
        ahead, n = max(self.samples[0].bases), self.samples[0].n
        ends = (self.first, min(ahead, self.last)), (max(ahead + n, self.first), self.last)
        return [self.nothing(low, high) for low, high in ends if low < high]

    def beside(self, low: int, high: int) -> list[LoopNest]:
        return self._columns(low, high) if self.known else []

    def after(self) -> list[LoopNest]:
        nests = [] if self.known else self._columns(0, max(each.here + each.n for each in self.samples))
        for low, high in pairwise(sorted(self.edges())):
            reductions = self.extra(low)
            nests += (
                [LoopNest("out", (high - low,), [self._there(low), *reductions], self.target(low))]
                if reductions
                else []
            )
        return nests

    def _there(self, low: int) -> Reduction:
        return Reduction(1, ("leaf", 0), 1, [self.target(low)])

    def _columns(self, low: int, high: int) -> list[LoopNest]:
        """What the samples whose first inputs lie from low to high have for each of their columns."""
        nests = []
        for each in self.samples:
            start, stop = each.samples(low, high)
            columns = sorted(zip(each.bases, each.outputs[1:], strict=False), key=lambda column: -column[0])
            for k, (base, column) in enumerate(columns):
                first, last = max(base + start, self.first), min(base + stop, self.last)
                if first < last:
                    reductions = [_scaled(_moved(run, first - base), self.seeds[each.number]) for run in column]
                    reductions = [self._there(first), *reductions] if k or len(self.samples) > 1 else reductions
                    nests.append(LoopNest("out", (last - first,), reductions, self.target(first)))
        return nests


def _numbered(lines: Neighbours) -> list[tuple[int, int]]:
    """The outputs of a sample's tape that are derivatives w.r.t. inputs of all samples, each with its input."""
    return list(enumerate(lines.uniform, 1 + len(lines.bases)))


def _moved(run: Reduction, by: int) -> Reduction:
    """The same run, beginning at a later sample."""
    accesses = [a if a.literal is not None else replace(a, base=a.base + by * a.strides[-1]) for a in run.accesses]
    return replace(run, accesses=accesses)


def _stretched(nest: LoopNest, low: int, high: int) -> LoopNest:
    """The part of a loop nest for the samples from low to high."""
    target = replace(nest.target, base=nest.target.base + low * nest.target.strides[-1])
    reductions = [_moved(run, low) for run in nest.reductions]
    return replace(nest, dims=(*nest.dims[:-1], high - low), reductions=reductions, target=target)


def _summed(reductions: list[Reduction], low: int, high: int, target: Access) -> LoopNest:
    """The sum over the samples from low to high: the counter of the samples becomes that of the terms."""

    def term(a: Access) -> Access:
        return a if a.literal is not None else replace(a, strides=(0,), term_stride=a.strides[-1])

    over = [replace(run, terms=high - low, accesses=[term(a) for a in _moved(run, low).accesses]) for run in reductions]
    return LoopNest(target.array, (1,), over, target)


def _by_factor(reductions: list[Reduction]) -> dict[float, list[Reduction]]:
    """What is to be summed, without the constants it is multiplied by: each of those is needed only once."""
    found: dict[float, list[Reduction]] = {}
    for run in reductions:
        factor, expression = _factor(run)
        found.setdefault(factor, []).append(Reduction(run.sign, expression, 1, run.accesses))
    return found


def _factor(run: Reduction) -> tuple[float, Expression]:
    """The constant by which a run is multiplied, and the rest."""
    factor, expression = 1.0, run.expression
    while expression[0] == "mul" and expression[1][0] == "leaf":
        literal = run.accesses[expression[1][1]].literal
        if literal is None:
            break
        factor, expression = factor * literal, expression[2]
    return factor, expression


def _scaled(run: Reduction, by: float | Access) -> Reduction:
    """The run times a number that is known, or that will be."""
    if by == 1.0:
        return run
    expression: Any = run.expression
    if isinstance(by, float):
        factor, expression = _factor(run)
        by = Access("K", literal=by * factor)
    return Reduction(run.sign, ("mul", ("leaf", len(run.accesses)), expression), run.terms, [*run.accesses, by])


def _with_constants(nest: LoopNest, at: int) -> LoopNest:
    """The loop nest reading its constants from a later place."""

    def moved(access: Access) -> Access:
        if access.array != "K" or access.literal is not None:
            return access
        return replace(access, base=access.base + at, table=None if access.table is None else access.table + at)

    return replace(nest, reductions=[replace(r, accesses=list(map(moved, r.accesses))) for r in nest.reductions])
