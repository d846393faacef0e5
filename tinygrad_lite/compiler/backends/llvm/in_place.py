"""An epilogue in place: where entry i of the output is made of sum i alone, sums and output can be one array.

In: a plan with the sums G and the output `out`. Out: whether both may be one; the plan without mere copies.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import LoopNest, Plan


def possible(plan: Plan) -> bool:
    """Whether the arrays G and out may be one: no entry of G is read after that of out has been written.

    An iteration may read the entry that it writes itself.
    """
    import numpy as np

    read: list[list[tuple[Any, Any]]] = []  # for each loop nest: entries of G, and the iterations that read them
    written: list[Any] = []  # for each loop nest: the entry of out that each iteration writes
    for nest in plan.nests:
        iterations = np.arange(nest.iterations)
        read.append([])
        for run in nest.reductions:
            counts = nest.counts(run)
            for access in run.accesses:
                if access.literal is None and access.array == "G":
                    read[-1].append((nest.indices(access, counts), np.repeat(iterations, counts)))
        mine = nest.target.array == "out"
        written.append(nest.indices(nest.target, nest.counts()) if mine else iterations[:0])
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
