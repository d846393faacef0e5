"""A group whose reads are irregular but repeat after a period, as those of triangular matrices do.

In: a group with a period p. Out: one loop over the periods, in which the p members are written out, each with its
own indices: no table is read, and neighbours share what they load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.compiler.plan import Access, Group, Run
from tinygrad_lite.compiler.writer import Name

if TYPE_CHECKING:
    from tinygrad_lite.compiler.loops import Loops

TOGETHER = 16
"""Vectors of members that are computed side by side."""


def write(loops: Loops, group: Group) -> None:
    """The whole group, for one block of rows."""
    w = loops.w
    counts = [_counts(run, group.period) for run in group.runs]
    together = max(TOGETHER // loops.unroll, 1)
    with w.loop(0, group.members // group.period) as i:
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
    stride, indices = access.pattern
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
