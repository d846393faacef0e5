"""Steps that follow from one another, found again in loop nests that were written one behind the other.

In: the loop nests of a plan. Out: the same, in which nests that repeat step by step are one loop, a scan:

    A4[i] = tanh(P[i] * A3[i] + K[i])             last_h1, C1 -> h1
    A5[i] = tanh(P[i] * A4[i] + K[i + 8])         h1 = jnp.tanh(p * last_h1 + c)
    A6[i] = tanh(P[i] * A5[i] + K[i + 16])
    ...

An array that lies as many nests back in every step is of this step, or carried from an earlier one. One that stays the
same is read from outside; where the place in it changes from step to step, each step gets a row of it. What the nests
behind read of a step is kept, and its numbers lie one step behind the other in an array Y.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction
from tinygrad_lite.export.reads import grid

FEWEST = 4
"""Repetitions that are worth a loop."""

LONGEST = 40
"""Loop nests of one step."""

MOST = 600
"""Operands of all expressions, those of a step counted once; a program of more becomes a tape (op_tape.py)."""


class Steps(NamedTuple):
    """A scan: the nests of its first step, all its nests step by step, and what later nests read of it."""

    first: int
    period: int
    times: int
    nests: list[LoopNest]
    kept: dict[int, int]
    """For each nest of a step that is read later, the first step of which it is."""

    def series(self, j: int) -> str:
        """The array of what the j-th nest of a step gives, step by step."""
        return f"Y{self.first}.{j}"


def folded(plan: Plan) -> list[LoopNest | Steps] | None:
    """The nests of a plan in order, with steps as scans; None if it does not fold into so few expressions."""
    nests = [nest for nest in plan.nests if nest.target.array != "out"]
    inner, nests = len(nests), [*nests, *(nest for nest in plan.nests if nest.target.array == "out")]
    place = {nest.target.array: k for k, nest in enumerate(nests[:inner])}
    sampled = _sampled(nests[:inner])
    parts: list[Any] = []
    inside: set[int] = set()  # the places of nests that became steps
    at = size = 0
    while at < inner:
        found = _repeated(nests, at, inner, place, sampled, inside)
        if found is None:
            parts.append(nests[at])
            size += _operands(nests[at])
            at += 1
            if size > MOST:
                return None
            continue
        first, period, count = found
        parts += nests[at:first]
        size += sum(map(_operands, nests[at : first + period]))
        at = first + period * count
        inside |= {*range(first, at)}
        parts.append(Steps(first, period, count, nests[first:at], {}))
        moved = {nests[k].target.array: (k - first) for k in range(first, at)}
        nests[at:] = [_gathered(_moved(nest, moved, parts[-1]), plan.constants) for nest in nests[at:]]
    parts += nests[inner:]
    _keep(parts)
    return parts if size + sum(map(_operands, nests[inner:])) <= MOST else None


def _operands(nest: LoopNest) -> int:
    return sum(len(run.accesses) for run in nest.reductions)


def _sampled(nests: Sequence[LoopNest]) -> set[str]:
    """The arrays that have an entry for each sample."""
    found = {"X"}
    for nest in nests:
        if any(a.array in found for run in nest.reductions for a in run.accesses):
            found.add(nest.target.array)
    return found


# ------------------------------------------------------------------ finding them


def _skeleton(nest: LoopNest) -> Any:
    """What must be alike from step to step."""
    runs = [
        (
            run.sign,
            run.expression,
            run.terms,
            run.starts is not None and run.starts.tobytes(),
            *map(_form, run.accesses),
        )
        for run in nest.reductions
    ]
    return nest.dims, *runs


def _form(a: Access) -> Any:
    if a.literal is not None:
        return "number"
    kind = "A" if a.array[0] == "A" else a.array
    return (kind, a.strides, a.term_stride) if a.table is None else (kind, a.table.tobytes())


def accesses_of(nest: LoopNest) -> list[Access]:
    return [a for run in nest.reductions for a in run.accesses]


def move(nest: LoopNest, before: LoopNest, place: dict[str, int], period: int) -> list[str] | None:
    """For each access whether its array moves with the steps or stays; None if one does neither."""
    found = []
    for a, b in zip(accesses_of(nest), accesses_of(before), strict=True):
        if a.array == b.array:
            found.append("stays")
        elif a.array in place and place[a.array] - place.get(b.array, -1) == period and a.base == b.base:
            found.append("moves")
        else:
            return None
    return found


def _repeated(
    nests: Sequence[LoopNest], at: int, end: int, place: dict[str, int], sampled: set[str], inside: set[int]
) -> tuple[int, int, int] | None:
    """The scan that begins here, as (first nest, period, count)."""
    best = (1, 1)
    known: dict[int, Any] = {}

    def skeleton(k: int) -> Any:
        if k not in known:
            known[k] = _skeleton(nests[k])
        return known[k]

    for period in range(1, min(LONGEST, end - at - 1) + 1):
        if skeleton(at + period) != skeleton(at):
            continue
        kinds: list[Any] = []
        k = at + period
        while k < end and skeleton(k) == skeleton(k - period):
            moves = move(nests[k], nests[k - period], place, period)
            if len(kinds) < period:
                kinds.append(moves)
            if moves is None or moves != kinds[(k - at) % period]:
                break
            k += 1
        count = (k - at) // period
        if count >= FEWEST and None not in kinds:
            best = max(best, (period, count), key=lambda found: found[0] * found[1])
        if best[1] > 2 * LONGEST:
            break
    period, count = best
    first = at
    while count >= FEWEST:
        if not any(back < count for _, back in _lags(nests, first, period, place)):
            return None  # no step reads what another one of them has left
        if _begun(nests, first, period, place, sampled, inside):
            return first, period, count
        first, count = first + period, count - 1
    return None


def _lags(nests: Sequence[LoopNest], first: int, period: int, place: dict[str, int]) -> set[tuple[int, int]]:
    """(nest of the step, how many steps back) for all that a step reads of those before it."""
    found = set()
    for j in range(period):
        kinds = move(nests[first + period + j], nests[first + j], place, period)
        for a, kind in zip(accesses_of(nests[first + j]), kinds or (), strict=True):
            if kind == "moves" and place[a.array] < first:
                back = -(-(first - place[a.array]) // period)
                found.add((place[a.array] + back * period - first, back))
    return found


def _begun(
    nests: Sequence[LoopNest], first: int, period: int, place: dict[str, int], sampled: set[str], inside: set[int]
) -> bool:
    """Whether what the first step reads of those before it looks like what it leaves, and has a name of its own."""
    for j, back in _lags(nests, first, period, place):
        mine = nests[first + j]
        for lag in range(1, back + 1):
            k = first + j - lag * period
            if k < 0 or k in inside or nests[k].iterations != mine.iterations:
                return False
            if (nests[k].target.array in sampled) != (mine.target.array in sampled):
                return False
    return True


# ------------------------------------------------------------------ what comes behind


def _moved(nest: LoopNest, moved: dict[str, int], part: Steps) -> LoopNest:
    """The nest reading the series of a scan in the place of its single arrays."""

    def shifted(a: Access) -> Access:
        if a.array not in moved or a.literal is not None:
            return a
        step, j = divmod(moved[a.array], part.period)
        shift = step * part.nests[j].iterations
        table = None if a.table is None else a.table + shift
        return Access(part.series(j), a.base + shift, a.strides, a.term_stride, table)

    runs = [
        Reduction(r.sign, r.expression, r.terms, [shifted(a) for a in r.accesses], r.starts) for r in nest.reductions
    ]
    return LoopNest(nest.name, nest.dims, runs, nest.target, nest.period)


def _gathered(nest: LoopNest, constants: list[float]) -> LoopNest:
    """The nest with runs of one term that look alike as one run of many."""
    groups: dict[Any, list[Reduction]] = {}
    for k, run in enumerate(nest.reductions):
        single = run.terms == 1 and run.starts is None and all(a.table is None for a in run.accesses)
        key = (run.sign, run.expression, *map(_form, run.accesses)) if single else k
        groups.setdefault(key, []).append(run)
    runs: list[Reduction] = []
    for alike in groups.values():
        if len(alike) < FEWEST or any(
            len({a.array for a in same}) > 1 for same in zip(*[r.accesses for r in alike], strict=True)
        ):
            runs += alike
            continue
        accesses = [_summed(same, nest.dims, constants) for same in zip(*[r.accesses for r in alike], strict=True)]
        runs.append(Reduction(alike[0].sign, alike[0].expression, len(alike), accesses))
    return LoopNest(nest.name, nest.dims, runs, nest.target, nest.period)


def _summed(same: Sequence[Access], dims: Sequence[int], constants: list[float]) -> Access:
    """The access of the many terms."""
    import numpy as np

    one, n = same[0], len(same)
    lengths = [*dims, n]

    def index(a: Access) -> Any:
        return grid(a.base, dims, a.strides or (0,) * len(dims))

    if one.literal is not None or one.array == "K":
        numbers = np.empty(lengths)
        for t, a in enumerate(same):
            numbers[..., t] = a.literal if a.literal is not None else np.array(constants)[index(a)]
        base = len(constants)
        constants += numbers.reshape(-1).tolist()
        strides = tuple(math.prod(lengths[d + 1 :]) for d in range(len(dims)))
        return Access("K", base, strides, 1)
    moves = {b.base - a.base for a, b in itertools.pairwise(same)}
    if len(moves) == 1:
        return Access(one.array, one.base, one.strides or (0,) * len(dims), moves.pop())
    table = np.stack([index(a) for a in same], axis=-1)
    return Access(one.array, table=table.reshape(-1))


def _keep(parts: Sequence[Any]) -> None:
    """Note which series are read, and from which step on."""
    scans = {part.series(j): (part, j) for part in parts if isinstance(part, Steps) for j in range(part.period)}
    for part in parts:
        for nest in part.nests if isinstance(part, Steps) else [part]:
            for run in nest.reductions:
                for a in run.accesses:
                    if a.array in scans:
                        scan, j = scans[a.array]
                        low = a.base if a.table is None else int(a.table.min())
                        low += sum(min(0, s * (n - 1)) for s, n in zip(a.strides, nest.dims, strict=False))
                        low += min(0, a.term_stride * (run.terms - 1))
                        step = low // scan.nests[j].iterations
                        scan.kept[j] = min(step, scan.kept.get(j, step))
