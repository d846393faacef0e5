"""Loop nests cut into pieces, so that the samples they read again and again stay in the first cache.

In: one loop nest of a plan, and how many numbers of each sample the cache holds. Out: loop nests that, one after the
other, do the same. A long sum is cut along its terms, and each piece adds to what the piece before has left; a
table of gradients is cut along its last dimension. The order of additions does not change.

The epilogue may also compute in place: where entry i of the output is made of sum i alone, both can be one array.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.compiler.backends.llvm.periodic import places
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction

CACHE = 32_768
"""Bytes of the first cache that one piece may fill."""


def sums(nest: LoopNest, most: int, samples: set[str]) -> list[LoopNest]:
    """The loop nest cut along the terms of its one long sum, if that reads more than `most` entries of each sample.

    Args:
        samples: the names of the arrays that have an entry for each sample.
    """
    long = [run for run in nest.reductions if run.terms > most and run.starts is None]
    if len(long) != 1 or nest.iterations < 2 or nest.target.table is not None or nest.target.array not in samples:
        return [nest]
    (run,) = long
    if any(access.table is not None for access in run.accesses):
        return [nest]
    if not any(a.literal is None and a.array in samples and a.term_stride for a in run.accesses):
        return [nest]
    before: list[Reduction] = [other for other in nest.reductions if other is not run]
    pieces = []
    step = -(-run.terms // -(-run.terms // most))
    for first in range(0, run.terms, step):
        accesses = [_moved(access, first * access.term_stride) for access in run.accesses]
        piece = Reduction(run.sign, run.expression, min(step, run.terms - first), accesses)
        pieces.append(LoopNest(nest.name, nest.dims, [*before, piece], nest.target))
        before = [Reduction(1, ("leaf", 0), 1, [nest.target])]
    return pieces


def columns(nest: LoopNest, first: int, behind: int) -> LoopNest:
    """The iterations of a table of gradients whose last index is from `first` to `behind`."""

    def part(access: Access) -> Access:
        return _moved(access, first * access.strides[-1] if access.strides else 0)

    reductions = [
        Reduction(run.sign, run.expression, run.terms, [part(a) for a in run.accesses]) for run in nest.reductions
    ]
    return LoopNest(nest.name, (*nest.dims[:-1], behind - first), reductions, part(nest.target))


def _moved(access: Access, by: int) -> Access:
    if access.literal is not None or not by:
        return access
    return Access(access.array, access.base + by, access.strides, access.term_stride)


def in_place(plan: Plan) -> bool:
    """Whether the arrays G and out may be one: no entry of G is read after that of out has been written.

    A iteration may read the entry that it writes itself.
    """
    import numpy as np

    read: list[list[tuple[Any, Any]]] = []  # for each loop nest: entries of G, and the iterations that read them
    written: list[Any] = []  # for each loop nest: the entry of out that each iteration writes
    for nest in plan.nests:
        iterations = np.arange(nest.iterations)
        read.append([])
        for run in nest.reductions:
            counts = np.diff(run.starts) if run.starts is not None else np.full(nest.iterations, run.terms)
            for access in run.accesses:
                if access.literal is None and access.array == "G":
                    read[-1].append((places(access, nest, counts), np.repeat(iterations, counts)))
        mine = nest.target.array == "out"
        written.append(places(nest.target, nest, np.ones_like(iterations)) if mine else iterations[:0])
    everything = [*written, *(found for entries in read for found, _ in entries)]
    size = 1 + max((int(found.max()) for found in everything if len(found)), default=0)
    writer = np.full(size, -1)  # the iteration that writes an entry; -1 none so far, -2 one of an earlier loop nest
    for entries, target in zip(read, written, strict=True):
        writer[target] = np.where(writer[target] == -1, np.arange(len(target)), -2)
        for found, owners in entries:
            if not ((writer[found] == -1) | (writer[found] == owners)).all():
                return False
        writer[target] = -2
    return True


def without_copies(plan: Plan) -> Plan:
    """A plan that works in place, without the loop nests that write what stands there already."""

    def copies(nest: LoopNest) -> bool:
        run, to = nest.reductions[0], nest.target
        if len(nest.reductions) > 1 or run.expression != ("leaf", 0) or run.terms != 1 or run.sign < 0:
            return False
        (read,) = run.accesses
        same = (read.array, read.base, read.strides) == ("G", to.base, to.strides)
        return same and to.array == "out" and read.table is None and to.table is None

    return Plan([g for g in plan.nests if not copies(g)], plan.sizes, plan.constants, plan.samples, plan.nodes)
