"""Loop nests that go through the same parts, such as the components of a mixture, one part after the other.

In: the loop nests of a plan for samples. Out: lists of loop nests; those of one list run in one loop, so that what one
loop nest writes for a part is still in the first cache when the next reads it.

A loop nest may join a loop if all it reads of the loop nests there was written for the same part or for one before.
A loop nest that does not fit but reads nothing of the loop goes before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tinygrad_lite.compiler.backends.llvm import gradient_sums, periodic
from tinygrad_lite.compiler.ir.loop_nest import LoopNest

FEWEST = 4
"""Parts that are worth a loop."""


def fused(nests: Sequence[LoopNest], lanes: int) -> list[list[LoopNest]]:
    """The loop nests, each in a list with those that share its loop; there are as many parts as in most patterns."""
    rounds = Counter(nest.iterations // nest.period for nest in nests if nest.period)
    parts = rounds.most_common(1)[0][0] if rounds else 0
    if parts < FEWEST:
        return [[nest] for nest in nests]
    found: list[list[LoopNest]] = []
    loop: list[LoopNest] = []
    for nest in nests:
        joining = _in_parts(nest, parts, lanes)
        if joining is not None and _follows(joining, loop):
            loop.append(joining)
        elif not _arrays(nest) & {other.target.array for other in loop}:
            found.append([nest])
        else:
            found += [loop, [nest]] if joining is None else [loop]
            loop = [] if joining is None else [joining]
    return [one for one in [*found, loop] if one]


def _in_parts(nest: LoopNest, parts: int, lanes: int) -> LoopNest | None:
    """The loop nest with a period, so that there are as many of them as parts; None if it is not of that kind."""
    if nest.period:
        return nest if nest.iterations == parts * nest.period else None
    if nest.iterations % parts or (nest.target.array == "out" and gradient_sums.fits(nest, lanes)):
        return None
    period = nest.iterations // parts
    if period > periodic.LONGEST or periodic.covered(nest, period) != nest.iterations:
        return None
    return periodic.repeating(nest, period)


def _arrays(nest: LoopNest) -> set[str]:
    """What the loop nest reads."""
    return {access.array for run in nest.reductions for access in run.accesses if access.literal is None}


def _follows(nest: LoopNest, loop: Sequence[LoopNest]) -> bool:
    """Whether part by part the loop nest may run behind these."""
    import numpy as np

    wanted = _arrays(nest)
    for other in loop:
        if other.target.array not in wanted:
            continue
        ((target, counts), *_) = periodic.reads(other)
        written = other.indices(target, counts)
        for access, each in periodic.reads(nest)[1:]:
            if access.array == other.target.array:
                read = nest.indices(access, each)
                part = np.full(1 + max(int(read.max()), int(written.max())), -1)
                part[written] = np.arange(other.iterations) // other.period
                if (part[read] > np.repeat(np.arange(nest.iterations), each) // nest.period).any():
                    return False
    return True
