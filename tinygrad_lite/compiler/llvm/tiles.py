"""How many members of a group are computed at once, for each vector of rows.

In: a group of a plan for rows. Out: a number for each of its dimensions; together they are a tile, the sums of which
stay in registers while the loop over the terms runs.
"""

from __future__ import annotations

from tinygrad_lite.compiler.planning.plan import Group

SHORT = 4
"""A run of so few terms is written out instead of looped over."""

REGISTERS = 16
"""Sums that a tile keeps."""


def sizes(group: Group, unroll: int, adds: bool) -> list[int]:
    """The tile of a group.

    Args:
        unroll: vectors of rows.
        adds: whether the group is added up over the rows, which takes one sum for all vectors.
    """
    found = [1] * len(group.dims)
    if any(run.starts is not None for run in group.runs):
        return found
    if any(run.terms > SHORT for run in group.runs):
        found[-1] = divisor(group.dims[-1], max(REGISTERS // unroll, 1))
    elif adds:
        found[-2:] = [divisor(n, 4) for n in group.dims[-2:]]
    else:
        found[-1] = divisor(group.dims[-1], max(4 // unroll, 1))
    return found


def divisor(n: int, most: int) -> int:
    """A tile for n members: the largest divisor up to `most`, or `most` itself if they are all poor."""
    best = max(t for t in range(1, most + 1) if n % t == 0)
    return best if best * 2 > most or n <= most else most
