"""A loop nest whose reads are irregular but repeat after a period, as those of triangular matrices do.

In: a loop nest that reads tables. Out: if their entries repeat after a period p, each moved on by a stride of its own,
one loop over the periods, in which the p iterations are written out, each with its own indices: no table is read, and
neighbours share what they load.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.llvm.loops import Loops
from tinygrad_lite.compiler.backends.llvm.tiles import sums
from tinygrad_lite.compiler.backends.llvm.writer import Name
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction

LONGEST = 80
"""Iterations of a period, and terms, that are worth writing out one by one."""


def find(nest: LoopNest) -> LoopNest:
    """The loop nest with its period, if it reads tables whose entries repeat, each shifted by a stride of its own."""
    accesses = [access for run in nest.reductions for access in run.accesses]
    if any(access.table is not None for access in [nest.target, *accesses]):
        for p in range(2, min(LONGEST, nest.iterations // 3) + 1):
            if nest.iterations % p == 0 and _repeats(nest, p):
                return repeating(nest, p)
    return nest


def _repeats(nest: LoopNest, p: int) -> bool:
    """Whether all iterations repeat with period p."""
    import numpy as np

    for run in nest.reductions:
        counts = nest.counts(run)
        if (counts[p:] != counts[:-p]).any() or counts[:p].sum() > LONGEST:
            return False
    steps = [np.diff(nest.indices(*read).reshape(nest.iterations // p, -1), axis=0) for read in _reads(nest)]
    return all((step == step[:1]).all() for step in steps)


def repeating(nest: LoopNest, p: int) -> LoopNest:
    """The loop nest, known to have period p, with its patterns."""

    def patterned(access: Access, counts: Any) -> Access:
        if access.literal is not None:
            return access
        periods = nest.indices(access, counts).reshape(nest.iterations // p, -1)
        pattern = (periods[1] - periods[0]).tolist(), periods[0].tolist()
        return Access(access.array, access.base, access.strides, access.term_stride, access.table, None, pattern)

    reductions = [
        Reduction(
            run.sign, run.expression, run.terms, [patterned(a, nest.counts(run)) for a in run.accesses], run.starts
        )
        for run in nest.reductions
    ]
    return LoopNest(nest.name, nest.dims, reductions, patterned(nest.target, nest.counts()), p)


def _reads(nest: LoopNest) -> list[tuple[Access, Any]]:
    """All that is read and written through an index, with the terms of each iteration."""
    found = [(a, nest.counts(run)) for run in nest.reductions for a in run.accesses if a.literal is None]
    return [(nest.target, nest.counts()), *found]


def write(loops: Loops, nest: LoopNest) -> None:
    """A whole loop nest, for one block of samples."""
    w = loops.w
    loops.lane, w.lanes = "samples", loops.lanes
    counts = [nest.counts(run)[: nest.period].tolist() for run in nest.reductions]
    adds = loops.spaces[nest.target.array].adds  # then there is one total for all vectors of samples
    together = sums(loops.lanes) if adds else max(sums(loops.lanes) // loops.unroll, 1)
    with w.loop(0, nest.iterations // nest.period) as i:
        for first in range(0, nest.period, together):
            _chunk(loops, nest, i, range(first, min(first + together, nest.period)), counts)


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
                        value = w.evaluate(run.expression, partial(_leaf, loops, run, i, first[j] + t, u))
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


def _leaf(loops: Loops, run: Reduction, i: Name, n: int, u: int, k: int) -> Name:
    """What the k-th leaf of a run reads at the n-th term of period i."""
    access, w = run.accesses[k], loops.w
    if access.literal is not None:
        return w.literal(access.literal)
    address = _address(loops, access, i, n)
    if not loops.spaces[access.array].samples:
        return w.once(("all", address), lambda: w.load_all(address))
    return w.once(("samples", address, u), lambda: w.load(w.address(address, u * w.lanes), 8 * w.lanes))
