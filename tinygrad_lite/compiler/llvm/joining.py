"""Groups whose members go hand in hand, computed while their numbers are still in registers.

In: the groups of a plan for rows. Out: steps; the groups of a step run in one loop, one after the other.

The first group of a step may be anything, such as a layer's sums of products. Another joins it if it goes through the
same members and reads of the step nothing but what stands at its own member: an activation, its slope, the sum over
the rows that a bias needs. What nobody else reads is never written to memory.

Groups of a mixture, part by part, are steps as `fusing` leaves them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinygrad_lite.compiler.llvm import fusing, patterns, slopes
from tinygrad_lite.compiler.llvm.writer import NATIVE
from tinygrad_lite.compiler.planning.plan import Access, Group, Plan, names

LONG = 64
"""A sum of more terms may be cut into pieces (blocking.py), each of which adds to what it finds in memory."""


class Step:
    """Groups that run together.

    Attributes:
        groups: the first, and those that joined it; or groups with a period.
        kept: the arrays of theirs that are read elsewhere, so that they must be written.
    """

    __slots__ = ("groups", "kept")

    def __init__(self, groups: list[Group], kept: set[str]) -> None:
        self.groups = groups
        self.kept = kept


def steps(plan: Plan, lanes: int) -> list[Step]:
    """The groups of a plan for rows, in an order in which they may run."""
    parts = [part for group in plan.groups for part in patterns.find(group)]
    loops = fusing.fused(parts, lanes)
    made = {group.target.array: k for k, loop in enumerate(loops) for group in loop}  # in which loop
    readers: dict[str, set[int]] = {}
    for k, loop in enumerate(loops):
        for group in loop:
            for access in reads(group):
                readers.setdefault(access.array, set()).add(k)
    found: list[Step] = []
    gone: set[int] = set()
    for k, loop in enumerate(loops):
        if k in gone:
            continue
        groups, mine = list(loop), {k}
        waiting = set(readers.get(loop[0].target.array, ())) - gone if _plain(loop[0]) else set()
        while waiting:
            j = min(waiting)
            waiting.remove(j)
            if j > k and len(loops[j]) == 1 and _joins(loops[j][0], groups, made, k, lanes):
                groups += loops[j]
                mine.add(j)
                waiting |= readers.get(loops[j][0].target.array, set()) - gone - mine
        gone |= mine
        kept = {group.target.array for group in groups if readers.get(group.target.array, set()) - mine}
        if any(group.period for group in loop) or any(run.terms > LONG for run in loop[0].runs):
            kept |= {group.target.array for group in loop}
        found.append(Step(groups, kept))
    return found


def reads(group: Group) -> Iterator[Access]:
    """What the group reads through an index."""
    for run in group.runs:
        for access in run.accesses:
            if access.literal is None:
                yield access


def _plain(group: Group) -> bool:
    """Whether its members are written one after the other."""
    ragged = any(run.starts is not None for run in group.runs)
    return not group.period and not ragged and group.target.table is None


def _joins(group: Group, before: Sequence[Group], made: dict[str, int], first: int, lanes: int) -> bool:
    """Whether a group may run with these, of which the first stands at that place."""
    if not _plain(group) or group.dims != before[0].dims or any(run.terms != 1 for run in group.runs):
        return False
    if group.target.array == "out" and slopes.fits(group, lanes):
        return False
    if not all(op in NATIVE for run in group.runs for op in names(run.expression)):
        return False  # a kernel needs the registers for itself
    here = {other.target.array: other.target for other in before}
    for access in reads(group):
        target = here.get(access.array)
        if target is None:
            if made.get(access.array, -1) >= first:
                return False
        elif access.table is not None or (access.base, access.strides) != (target.base, target.strides):
            return False
    return True
