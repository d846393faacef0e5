"""A group whose reads are irregular but repeat after a period, as those of triangular matrices do.

In: a group with a period p. Out: one loop over the periods, in which the p members are written out, each with its
own indices: no table is read, and neighbours share what they load.

Where the plan gives no period because what is read moves on at different speeds, such as a triangle and its diagonal
from different places, `find` looks for one: each index has a stride of its own then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_lite.compiler.llvm.writer import Name
from tinygrad_lite.compiler.planning.plan import Access, Group, Run

if TYPE_CHECKING:
    from tinygrad_lite.compiler.llvm.loops import Loops

TOGETHER = 16
"""Vectors of members that are computed side by side."""

LONGEST = 80
"""Members of a period, and terms, that are worth writing out one by one."""


def find(group: Group) -> list[Group]:
    """The group with its period, if it reads tables whose entries repeat after one, each shifted by its own stride.

    A group that repeats in one way and then in another becomes several.
    """
    accesses = [access for run in group.runs for access in run.accesses]
    if group.period or not any(access.table is not None for access in [group.target, *accesses]):
        return [group]
    m, best, length = group.members, 0, 0
    for p in range(2, min(LONGEST, m // 3) + 1):
        reached = covered(group, p)
        if reached > length:
            best, length = p, reached
    if length == m:
        return [repeating(group, best)]
    if not best or length < max(3 * best, m // 4) or any(run.starts is not None for run in group.runs):
        return [group]
    return [repeating(_part(group, 0, length), best), *find(_part(group, length, m))]


def covered(group: Group, p: int) -> int:
    """How many of the first members repeat with period p."""
    import numpy as np

    repeats = group.members // p
    whole = group.members == repeats * p
    for run in group.runs:
        counts = _each(group, run)
        if run.starts is not None and (not whole or (counts[p:] != counts[:-p]).any()):
            return 0
        if counts[:p].sum() > LONGEST:
            return 0
    for access, counts in reads(group):
        indices = places(access, group, counts)
        if not whole:  # as many terms in each member
            indices = indices[: len(indices) // group.members * (group.members // p * p)]
        periods = indices.reshape(group.members // p, -1)
        steps = np.diff(periods[:repeats], axis=0)
        same = (steps == steps[:1]).all(axis=1)
        repeats = min(repeats, 1 + (len(same) if same.all() else int(same.argmin())))
    return repeats * p


def repeating(group: Group, p: int) -> Group:
    """The group, known to have period p, with its patterns."""

    def patterned(access: Access, counts: Any) -> Access:
        if access.literal is not None:
            return access
        periods = places(access, group, counts).reshape(group.members // p, -1)
        pattern = (periods[1] - periods[0]).tolist(), periods[0].tolist()
        return Access(access.array, access.base, access.strides, access.along, access.table, None, pattern)

    runs = [
        Run(run.sign, run.expression, run.terms, [patterned(a, _each(group, run)) for a in run.accesses], run.starts)
        for run in group.runs
    ]
    return Group(group.name, group.dims, runs, patterned(group.target, _each(group)), p)


def _part(group: Group, low: int, high: int) -> Group:
    """Members low to high of a group without ragged sums, all of its indices in tables."""

    def part(access: Access, terms: int) -> Access:
        if access.literal is not None:
            return access
        table = places(access, group, _each(group) * terms)[low * terms : high * terms]
        return Access(access.array, table=table.astype("int32"))

    runs = [Run(run.sign, run.expression, run.terms, [part(a, run.terms) for a in run.accesses]) for run in group.runs]
    return Group(group.name, (high - low,), runs, part(group.target, 1))


def _each(group: Group, run: Run | None = None) -> Any:
    """The number of terms of each member; 1 for the target."""
    import numpy as np

    if run is not None and run.starts is not None:
        return np.diff(run.starts)
    return np.full(group.members, run.terms if run is not None else 1)


def reads(group: Group) -> list[tuple[Access, Any]]:
    """All that is read and written through an index, with the terms of each member."""
    found = [(a, _each(group, run)) for run in group.runs for a in run.accesses if a.literal is None]
    return [(group.target, _each(group)), *found]


def places(access: Access, group: Group, counts: Any) -> Any:
    """The indices an access reads, member by member and term by term; `counts` is how many terms each has."""
    import numpy as np

    if access.table is not None:
        return np.asarray(access.table)
    corner = np.indices(group.dims).reshape(len(group.dims), -1)
    first = access.base + np.asarray(access.strides, dtype=int) @ corner
    term = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + term * access.along


def write(loops: Loops, groups: Sequence[Group]) -> None:
    """Whole groups with equally many periods, in one loop, for one block of rows."""
    w = loops.w
    with w.loop(0, groups[0].members // groups[0].period) as i:
        for group in groups:
            counts = [_counts(run, group.period) for run in group.runs]
            adds = loops.spaces[group.target.array].adds  # then there is one total for all vectors of rows
            together = TOGETHER if adds else max(TOGETHER // loops.unroll, 1)
            for first in range(0, group.period, together):
                _chunk(loops, group, i, range(first, min(first + together, group.period)), counts)


def _counts(run: Run, period: int) -> list[int]:
    """Terms of each member of the first period."""
    if run.starts is None:
        return [run.terms] * period
    return [int(run.starts[j + 1] - run.starts[j]) for j in range(period)]


def _chunk(loops: Loops, group: Group, i: Name, members: range, counts: list[list[int]]) -> None:
    """Some neighbouring members, for all vectors of rows; term by term, so that what terms share is loaded once."""
    w = loops.w
    target = loops.spaces[group.target.array]
    vectors = range(loops.unroll)
    totals: dict[tuple[int, int], Name | None] = {(j, u): None for j in members for u in vectors}
    if target.adds:
        for j in members:
            start = w.load(_address(loops, group.target, i, j), 8 * w.lanes)
            totals.update({(j, u): start if u == 0 else None for u in vectors})
    for run, terms in zip(group.runs, counts, strict=True):
        first = [sum(terms[:j]) for j in range(group.period)]
        for t in range(max(terms[j] for j in members)):
            outer, w.known = w.known, dict(w.known)
            for u in vectors:
                for j in members:
                    if t < terms[j]:
                        where = (j, 0) if target.adds else (j, u)  # slopes are summed over the rows at once
                        value = w.evaluate(run.expression, _Leaf(loops, run, i, first[j] + t, u))
                        totals[where] = _added(loops, totals[where], value, run.sign)
            w.known = outer
    for (j, u), total in totals.items():
        if total is not None:
            address = _address(loops, group.target, i, j)
            w.store(total, w.address(address, u * w.lanes) if target.rows else address, 8 * w.lanes)


def _added(loops: Loops, total: Name | None, value: Name, sign: int) -> Name:
    w = loops.w
    if total is None:
        return value if sign > 0 else w.apply("neg", [value])
    return w.apply("add" if sign > 0 else "sub", [total, value])


def _address(loops: Loops, access: Access, i: Name, n: int) -> Name:
    """Where the n-th index of the period lies, in period i."""
    w = loops.w
    space = loops.spaces[access.array]
    if access.pattern is None:  # affine after all
        (stride,) = access.strides
        raise AssertionError(f"an access of a patterned group without a pattern, stride {stride}")
    strides, indices = access.pattern
    stride = strides if isinstance(strides, int) else strides[n]
    base = w.address(space.pointer, w.integer("mul", i, stride * space.scale)) if stride else space.pointer
    return w.address(base, indices[n] * space.scale)


class _Leaf:
    """What the leaves of a run read at one term of one member: `leaf(k)` is the k-th."""

    def __init__(self, loops: Loops, run: Run, i: Name, n: int, u: int) -> None:
        self.loops, self.run, self.i, self.n, self.u = loops, run, i, n, u

    def __call__(self, k: int) -> Name:
        access, w = self.run.accesses[k], self.loops.w
        if access.literal is not None:
            return w.literal(access.literal)
        address = _address(self.loops, access, self.i, self.n)
        if not self.loops.spaces[access.array].rows:
            return w.once(("all", address), lambda: w.load_all(address))
        return w.once(("row", address, self.u), lambda: w.load(w.address(address, self.u * w.lanes), 8 * w.lanes))
