"""Loop nests whose iterations go hand in hand, computed while their numbers are still in registers.

In: the loop nests of a plan for samples. Out: steps; the loop nests of a step run in one loop, one after the other.

The first loop nest of a step may be anything, such as a layer's sums of products. Another joins it if it goes through
the
same iterations and reads of the step nothing but what stands at its own iteration: an activation, its derivative, the
sum over the samples that a bias needs. What nobody else reads is never written to memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.backends.llvm import gradient_sums, periodic
from tinygrad_lite.compiler.backends.llvm.writer import NATIVE
from tinygrad_lite.compiler.ir.loop_nest import LoopNest, Plan, names


class Step:
    """Loop nests that run together.

    Attributes:
        loop nests: the first, and those that joined it; or a loop nest with a period.
        kept: the arrays of theirs that are read elsewhere, so that they must be written.
    """

    __slots__ = ("nests", "kept")

    def __init__(self, nests: list[LoopNest], kept: set[str]) -> None:
        self.nests: list[LoopNest] = nests
        self.kept: set[str] = kept


def steps(plan: Plan, lanes: int) -> list[Step]:
    """The loop nests of a plan for samples, in an order in which they may run."""
    nests = [part for nest in plan.nests for part in periodic.find(nest)]
    made = {nest.target.array: k for k, nest in enumerate(nests)}
    readers: dict[str, set[int]] = {}
    for k, nest in enumerate(nests):
        for access in nest.reads():
            readers.setdefault(access.array, set()).add(k)
    found: list[Step] = []
    gone: set[int] = set()
    for k, first in enumerate(nests):
        if k in gone:
            continue
        together, mine = [first], {k}
        waiting = set(readers.get(first.target.array, ())) - gone if _plain(first) else set()
        while waiting:
            j = min(waiting)
            waiting.remove(j)
            if j > k and _joins(nests[j], together, made, k, lanes):
                together.append(nests[j])
                mine.add(j)
                waiting |= readers.get(nests[j].target.array, set()) - gone - mine
        gone |= mine
        kept = {nest.target.array for nest in together if readers.get(nest.target.array, set()) - mine}
        found.append(Step(together, kept))
    return found


def _plain(nest: LoopNest) -> bool:
    """Whether its iterations are written one after the other."""
    ragged = any(run.starts is not None for run in nest.reductions)
    return not nest.period and not ragged and nest.target.table is None


def _joins(nest: LoopNest, before: Sequence[LoopNest], made: dict[str, int], first: int, lanes: int) -> bool:
    """Whether a loop nest may run with these, of which the first stands at that place."""
    if not _plain(nest) or nest.dims != before[0].dims or any(run.terms != 1 for run in nest.reductions):
        return False
    if nest.target.array == "out" and gradient_sums.fits(nest, lanes):
        return False
    if not all(op in NATIVE for run in nest.reductions for op in names(run.expression)):
        return False  # a kernel needs the registers for itself
    here = {other.target.array: other.target for other in before}
    for access in nest.reads():
        target = here.get(access.array)
        if target is None:
            if made.get(access.array, -1) >= first:
                return False
        elif access.table is not None or (access.base, access.strides) != (target.base, target.strides):
            return False
    return True
