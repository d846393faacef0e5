"""Groups cut into pieces, so that the rows they read again and again stay in the first cache.

In: one group of a plan, and how many numbers of each row the cache holds. Out: groups that, one after the other,
do the same. A long sum is cut along its terms, and each piece adds to what the piece before has left; a
table of slopes is cut along its last dimension. The order of additions does not change.

The finale may also compute in place: where entry i of the output is made of sum i alone, both can be one array.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.compiler.llvm.patterns import places
from tinygrad_lite.compiler.planning.plan import Access, Group, Plan, Run

CACHE = 32_768
"""Bytes of the first cache that one piece may fill."""


def sums(group: Group, most: int, rows: set[str]) -> list[Group]:
    """The group cut along the terms of its one long sum, if that reads more than `most` entries of each row.

    Args:
        rows: the names of the arrays that have an entry for each row.
    """
    long = [run for run in group.runs if run.terms > most and run.starts is None]
    if len(long) != 1 or group.members < 2 or group.target.table is not None or group.target.array not in rows:
        return [group]
    (run,) = long
    if any(access.table is not None for access in run.accesses):
        return [group]
    if not any(a.literal is None and a.array in rows and a.along for a in run.accesses):
        return [group]
    before: list[Run] = [other for other in group.runs if other is not run]
    pieces = []
    step = -(-run.terms // -(-run.terms // most))
    for first in range(0, run.terms, step):
        accesses = [_moved(access, first * access.along) for access in run.accesses]
        piece = Run(run.sign, run.expression, min(step, run.terms - first), accesses)
        pieces.append(Group(group.name, group.dims, [*before, piece], group.target))
        before = [Run(1, ("leaf", 0), 1, [group.target])]
    return pieces


def columns(group: Group, first: int, behind: int) -> Group:
    """The members of a table of slopes whose last index is from `first` to `behind`."""

    def part(access: Access) -> Access:
        return _moved(access, first * access.strides[-1] if access.strides else 0)

    runs = [Run(run.sign, run.expression, run.terms, [part(a) for a in run.accesses]) for run in group.runs]
    return Group(group.name, (*group.dims[:-1], behind - first), runs, part(group.target))


def _moved(access: Access, by: int) -> Access:
    if access.literal is not None or not by:
        return access
    return Access(access.array, access.base + by, access.strides, access.along)


def in_place(plan: Plan) -> bool:
    """Whether the arrays G and out may be one: no entry of G is read after that of out has been written.

    A member may read the entry that it writes itself.
    """
    import numpy as np

    read: list[list[tuple[Any, Any]]] = []  # for each group: entries of G, and the members that read them
    written: list[Any] = []  # for each group: the entry of out that each member writes
    for group in plan.groups:
        members = np.arange(group.members)
        read.append([])
        for run in group.runs:
            counts = np.diff(run.starts) if run.starts is not None else np.full(group.members, run.terms)
            for access in run.accesses:
                if access.literal is None and access.array == "G":
                    read[-1].append((places(access, group, counts), np.repeat(members, counts)))
        mine = group.target.array == "out"
        written.append(places(group.target, group, np.ones_like(members)) if mine else members[:0])
    everything = [*written, *(found for entries in read for found, _ in entries)]
    size = 1 + max((int(found.max()) for found in everything if len(found)), default=0)
    writer = np.full(size, -1)  # the member that writes an entry; -1 none so far, -2 one of an earlier group
    for entries, target in zip(read, written, strict=True):
        writer[target] = np.where(writer[target] == -1, np.arange(len(target)), -2)
        for found, owners in entries:
            if not ((writer[found] == -1) | (writer[found] == owners)).all():
                return False
        writer[target] = -2
    return True


def without_copies(plan: Plan) -> Plan:
    """A plan that works in place, without the groups that write what stands there already."""

    def copies(group: Group) -> bool:
        run, to = group.runs[0], group.target
        if len(group.runs) > 1 or run.expression != ("leaf", 0) or run.terms != 1 or run.sign < 0:
            return False
        (read,) = run.accesses
        same = (read.array, read.base, read.strides) == ("G", to.base, to.strides)
        return same and to.array == "out" and read.table is None and to.table is None

    return Plan([g for g in plan.groups if not copies(g)], plan.sizes, plan.constants, plan.rows, plan.nodes)
