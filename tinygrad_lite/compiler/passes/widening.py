"""The plan of one sample made the plan of all samples, with the number of the sample as one more counter.

In: sums over neighbouring inputs and their ending (stencil.py). Out: a plan without samples.

Each loop nest of a sample's plan gets the sample as its last dimension. The derivative w.r.t. input j is pulled
together: sample j's derivative w.r.t. its first column, plus sample j-1's w.r.t. its second, and so on, each computed
where it is needed. Where some of these samples do not exist, or the ending reads the input itself, the gradients are
loop nests of their own.

    samples, stretch by stretch -> partial sums B -> the sums T -> the ending E -> gradients that wait for these
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
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

    def __init__(self, lines: Neighbours, number: int, known: AbstractSet[str], constants: list[float]) -> None:
        self.n, self.bases, self.number = lines.samples, lines.bases, number
        self.here = min(lines.bases)
        low = lowered(lines.tape, known)
        arrays = {new: lines.arrays[old] for new, old in zip(low.inputs, lines.tape.inputs, strict=True)}
        small = reroll(low, arrays, repeat=REPEAT, prefix=f"A{number}_")
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
        return nest.moved(lambda a: self._access(a, a.strides, a.base), (*nest.dims, self.n))

    def _run(self, run: Reduction, nest: LoopNest, m: int) -> Reduction:
        """A run of one iteration of an output, over the samples alone."""
        return replace(run.moved(lambda a: self._access(a, (), a.entry(nest.dims, m))), terms=1)

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


def lifted(sums: Sequence[Neighbours], ending: Ending, wrt: Sequence[int], known: AbstractSet[str]) -> Plan:
    """The loops over all samples of all sums, for a back end that knows these ops of the table."""
    constants: list[float] = []
    samples = [_Samples(lines, k, known, constants) for k, lines in enumerate(sums)]
    gradients = _Gradients(sums, samples, ending, wrt)
    first = min(wrt[0], *(each.here for each in samples))
    last = max(wrt[-1] + 1, *(each.here + each.n for each in samples))
    chunk = max(CHUNK, -(-(last - first) // STRETCHES)) if any(each.inner for each in samples) else last - first
    edges = [*range(first, last, chunk), last]
    nests: list[LoopNest] = []
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
    """The derivatives w.r.t. the inputs, each in one piece: what all columns have for it."""

    def __init__(
        self, sums: Sequence[Neighbours], samples: Sequence[_Samples], ending: Ending, wrt: Sequence[int]
    ) -> None:
        self.samples, self.first, self.last = samples, wrt[0], wrt[-1] + 1
        self.seeds = [seed if isinstance(seed, float) else Access("E", seed, (0,)) for seed in ending.seeds]
        self.known = all(isinstance(seed, float) for seed in self.seeds)
        self.uniform = [(i, each, k) for lines, each in zip(sums, samples, strict=True) for k, i in _numbered(lines)]
        direct = ending.direct
        starts = [k for k, i in enumerate(direct) if k == 0 or direct[k - 1] != i - 1]
        self.direct = [
            (direct[k], direct[stop - 1] + 1, ending.first + k) for k, stop in pairwise([*starts, len(direct)])
        ]
        self.cuts = {base + end for each in samples for base in each.bases for end in (0, each.n)}
        self.cuts |= {edge for i, _, _ in self.uniform for edge in (i, i + 1)}
        self.cuts |= {edge for low, high, _ in self.direct for edge in (low, high)}
        self.late: list[tuple[int, int]] = []

    def beside(self, low: int, high: int) -> list[LoopNest]:
        """The gradients of the inputs from low to high, but those that need a sum over all samples."""
        low, high = max(low, self.first), min(high, self.last)
        if low >= high:
            return []
        pieces = list(pairwise(sorted({low, high, *(cut for cut in self.cuts if low < cut < high)})))
        self.late += [piece for piece in pieces if self._waits(piece[0])]
        return [self._piece(*piece) for piece in pieces if not self._waits(piece[0])]

    def after(self) -> list[LoopNest]:
        """Those that do."""
        return [self._piece(*piece) for piece in self.late]

    def _waits(self, low: int) -> bool:
        """Whether the gradients from here on need a sum over all samples."""
        reached = any(i == low for i, _, _ in self.uniform) or any(i <= low < end for i, end, _ in self.direct)
        return reached or not self.known

    def _piece(self, low: int, high: int) -> LoopNest:
        """Inputs that are read by the same columns."""
        reductions = [
            _scaled(_moved(run, low - base), seed)
            for each, seed in zip(self.samples, self.seeds, strict=True)
            for k, base in enumerate(each.bases)
            if base <= low and high <= base + each.n
            for run in each.outputs[1 + k]
        ]
        for i, each, k in self.uniform:
            reductions += [_scaled(run, self.seeds[each.number]) for run in each.total(k)] if i == low else []
        for first, last, at in self.direct:
            if first <= low < last:
                reductions.append(Reduction(1, ("leaf", 0), 1, [Access("E", at + low - first, (1,))]))
        nothing = Reduction(1, ("leaf", 0), 1, [Access("K", literal=0.0)])
        return LoopNest("out", (high - low,), reductions or [nothing], Access("out", 1 + low - self.first, (1,)))


def _numbered(lines: Neighbours) -> list[tuple[int, int]]:
    """The outputs of a sample's tape that are derivatives w.r.t. inputs of all samples, each with its input."""
    return list(enumerate(lines.uniform, 1 + len(lines.bases)))


def _moved(run: Reduction, by: int) -> Reduction:
    """The same run, beginning at a later sample."""
    return run.moved(lambda a: replace(a, base=a.base + by * a.strides[-1]))


def _stretched(nest: LoopNest, low: int, high: int) -> LoopNest:
    """The part of a loop nest for the samples from low to high."""
    return nest.moved(lambda a: replace(a, base=a.base + low * a.strides[-1]), (*nest.dims[:-1], high - low))


def _summed(reductions: list[Reduction], low: int, high: int, target: Access) -> LoopNest:
    """The sum over the samples from low to high: the counter of the samples becomes that of the terms."""
    terms = [
        _moved(run, low).moved(lambda a: replace(a, strides=(0,), term_stride=a.strides[-1])) for run in reductions
    ]
    return LoopNest(target.array, (1,), [replace(run, terms=high - low) for run in terms], target)


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
        if access.array != "K":
            return access
        return replace(access, base=access.base + at, table=None if access.table is None else access.table + at)

    return nest.moved(moved)
