"""A loop nest whose reads are irregular but repeat after a period, as those of triangular matrices do.

In: a loop nest that reads tables. Out: if their entries repeat after a period p, each moved on by a stride of its own,
one loop over the periods, in which the p iterations are written out, each with its own indices: no table is read, and
neighbours share what they load.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.llvm.loops import Loops
from tinygrad_lite.compiler.backends.llvm.tiles import sums
from tinygrad_lite.compiler.backends.llvm.writer import Name
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction

LONGEST = 80
"""Iterations of a period, and terms, that are worth writing out one by one."""


def find(nest: LoopNest) -> list[LoopNest]:
    """The loop nest with its period, if it reads tables whose entries repeat after one, each shifted by its own stride.

    A loop nest that repeats in one way and then in another becomes several.
    """
    accesses = [access for run in nest.reductions for access in run.accesses]
    if not any(access.table is not None for access in [nest.target, *accesses]):
        return [nest]
    m, best, length = nest.iterations, 0, 0
    for p in range(2, min(LONGEST, m // 3) + 1):
        reached = covered(nest, p)
        if reached > length:
            best, length = p, reached
    if length == m:
        return [repeating(nest, best)]
    if not best or length < max(3 * best, m // 4) or any(run.starts is not None for run in nest.reductions):
        return [nest]
    return [repeating(_part(nest, 0, length), best), *find(_part(nest, length, m))]


def covered(nest: LoopNest, p: int) -> int:
    """How many of the first iterations repeat with period p."""
    import numpy as np

    repeats = nest.iterations // p
    whole = nest.iterations == repeats * p
    for run in nest.reductions:
        counts = nest.counts(run)
        if run.starts is not None and (not whole or (counts[p:] != counts[:-p]).any()):
            return 0
        if counts[:p].sum() > LONGEST:
            return 0
    for access, counts in reads(nest):
        indices = nest.indices(access, counts)
        if not whole:  # as many terms in each iteration
            indices = indices[: len(indices) // nest.iterations * (nest.iterations // p * p)]
        periods = indices.reshape(nest.iterations // p, -1)
        steps = np.diff(periods[:repeats], axis=0)
        same = (steps == steps[:1]).all(axis=1)
        repeats = min(repeats, 1 + (len(same) if same.all() else int(same.argmin())))
    return repeats * p


def repeating(nest: LoopNest, p: int) -> LoopNest:
    """The loop nest, known to have period p, with its patterns."""

    def patterned(access: Access, counts: Any) -> Access:
        periods = nest.indices(access, counts).reshape(nest.iterations // p, -1)
        pattern = (periods[1] - periods[0]).tolist(), periods[0].tolist()
        return replace(access, pattern=pattern)

    reductions = [run.moved(partial(patterned, counts=nest.counts(run))) for run in nest.reductions]
    return LoopNest(nest.name, nest.dims, reductions, patterned(nest.target, nest.counts()), p)


def _part(nest: LoopNest, low: int, high: int) -> LoopNest:
    """Iterations low to high of a loop nest without ragged sums, all of its indices in tables."""

    def part(access: Access, terms: int) -> Access:
        table = nest.indices(access, nest.counts() * terms)[low * terms : high * terms]
        return Access(access.array, table=table.astype("int32"))

    reductions = [run.moved(partial(part, terms=run.terms)) for run in nest.reductions]
    return LoopNest(nest.name, (high - low,), reductions, part(nest.target, 1))


def reads(nest: LoopNest) -> list[tuple[Access, Any]]:
    """All that is read and written through an index, with the terms of each iteration."""
    found = [(a, nest.counts(run)) for run in nest.reductions for a in run.accesses if a.literal is None]
    return [(nest.target, nest.counts()), *found]


def write(loops: Loops, nest: LoopNest) -> None:
    """A whole loop nest, for one block of samples."""
    w = loops.w
    loops.lane, w.lanes = "samples", loops.lanes
    counts = [_counts(run, nest.period) for run in nest.reductions]
    adds = loops.spaces[nest.target.array].adds  # then there is one total for all vectors of samples
    together = sums(loops.lanes) if adds else max(sums(loops.lanes) // loops.unroll, 1)
    with w.loop(0, nest.iterations // nest.period) as i:
        for first in range(0, nest.period, together):
            _chunk(loops, nest, i, range(first, min(first + together, nest.period)), counts)


def _counts(run: Reduction, period: int) -> list[int]:
    """Terms of each iteration of the first period."""
    if run.starts is None:
        return [run.terms] * period
    return [int(run.starts[j + 1] - run.starts[j]) for j in range(period)]


def _chunk(loops: Loops, nest: LoopNest, i: Name, iterations: range, counts: list[list[int]]) -> None:
    """Some neighbouring iterations, for all vectors of samples; term by term, and what terms share is loaded once."""
    w = loops.w
    target = loops.spaces[nest.target.array]
    vectors = range(loops.unroll)
    totals: dict[tuple[int, int], Name | None] = {(j, u): None for j in iterations for u in vectors}
    if target.adds:
        for j in iterations:
            start = w.load(_address(loops, nest.target, i, j), 8 * w.lanes)
            totals.update({(j, u): start if u == 0 else None for u in vectors})
    for run, terms in zip(nest.reductions, counts, strict=True):
        first = [sum(terms[:j]) for j in range(nest.period)]
        for t in range(max(terms[j] for j in iterations)):
            outer, w.known = w.known, dict(w.known)
            for u in vectors:
                for j in iterations:
                    if t < terms[j]:
                        where = (j, 0) if target.adds else (j, u)  # gradients are summed over the samples at once
                        value = w.evaluate(run.expression, _Leaf(loops, run, i, first[j] + t, u))
                        totals[where] = w.more(totals[where], value, run.sign)
            w.known = outer
    for (j, u), total in totals.items():
        if total is not None:
            address = _address(loops, nest.target, i, j)
            w.store(total, w.address(address, u * w.lanes) if target.samples else address, 8 * w.lanes)


def _address(loops: Loops, access: Access, i: Name, n: int) -> Name:
    """Where the n-th index of the period lies, in period i."""
    w = loops.w
    space = loops.spaces[access.array]
    assert access.pattern is not None
    strides, indices = access.pattern
    base = w.address(space.pointer, w.integer("mul", i, strides[n] * space.scale)) if strides[n] else space.pointer
    return w.address(base, indices[n] * space.scale)


class _Leaf:
    """What the leaves of a run read at one term of one iteration: `leaf(k)` is the k-th."""

    def __init__(self, loops: Loops, run: Reduction, i: Name, n: int, u: int) -> None:
        self.loops, self.run, self.i, self.n, self.u = loops, run, i, n, u

    def __call__(self, k: int) -> Name:
        access, w = self.run.accesses[k], self.loops.w
        if access.literal is not None:
            return w.literal(access.literal)
        address = _address(self.loops, access, self.i, self.n)
        if not self.loops.spaces[access.array].samples:
            return w.once(("all", address), lambda: w.load_all(address))
        return w.once(("samples", address, self.u), lambda: w.load(w.address(address, self.u * w.lanes), 8 * w.lanes))
