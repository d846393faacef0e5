"""Groups that go through the same parts, such as the components of a mixture, one part after the other.

In: the groups of a plan for rows. Out: lists of groups; those of one list run in one loop, so that what one group
writes for a part is still in the first cache when the next reads it.

A group may join a loop if all it reads of the groups there was written for the same part or for one before.
A group that does not fit but reads nothing of the loop goes before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tinygrad_lite.compiler.llvm import patterns, slopes
from tinygrad_lite.compiler.planning.plan import Group

FEWEST = 4
"""Parts that are worth a loop."""


def fused(groups: Sequence[Group], lanes: int) -> list[list[Group]]:
    """The groups, each in a list with those that share its loop; there are as many parts as in most patterns."""
    rounds = Counter(group.members // group.period for group in groups if group.period)
    parts = rounds.most_common(1)[0][0] if rounds else 0
    if parts < FEWEST:
        return [[group] for group in groups]
    found: list[list[Group]] = []
    loop: list[Group] = []
    for group in groups:
        joining = _in_parts(group, parts, lanes)
        if joining is not None and _follows(joining, loop):
            loop.append(joining)
        elif not _arrays(group) & {other.target.array for other in loop}:
            found.append([group])
        else:
            found += [loop, [group]] if joining is None else [loop]
            loop = [] if joining is None else [joining]
    return [one for one in [*found, loop] if one]


def _in_parts(group: Group, parts: int, lanes: int) -> Group | None:
    """The group with a period, so that there are as many of them as parts; None if it is not of that kind."""
    if group.period:
        return group if group.members == parts * group.period else None
    if group.members % parts or (group.target.array == "out" and slopes.fits(group, lanes)):
        return None
    period = group.members // parts
    if period > patterns.LONGEST or patterns.covered(group, period) != group.members:
        return None
    return patterns.repeating(group, period)


def _arrays(group: Group) -> set[str]:
    """What the group reads."""
    return {access.array for run in group.runs for access in run.accesses if access.literal is None}


def _follows(group: Group, loop: Sequence[Group]) -> bool:
    """Whether part by part the group may run behind these."""
    import numpy as np

    wanted = _arrays(group)
    for other in loop:
        if other.target.array not in wanted:
            continue
        ((target, counts), *_) = patterns.reads(other)
        written = patterns.places(target, other, counts)
        for access, each in patterns.reads(group)[1:]:
            if access.array == other.target.array:
                read = patterns.places(access, group, each)
                part = np.full(1 + max(int(read.max()), int(written.max())), -1)
                part[written] = np.arange(other.members) // other.period
                if (part[read] > np.repeat(np.arange(group.members), each) // group.period).any():
                    return False
    return True
