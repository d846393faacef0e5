"""Steps that follow from one another, as those of a simulation: a loop over the steps around the loop nests of one.

In: a plan without samples in which loop nest after loop nest looks like one some places before it. Out: the same
computation as
few loop nests, some of which go through their first dimension together, one step after the other (`Plan.steps`).

    A4[0] = A2[0] + 0.1 * A3[0]                step by step:
    A5[0] = A3[0] - 0.1 * sin(A2[0])             for i0 < 99: A[2*i0 + 4] = A[2*i0 + 2] + 0.1 * A[2*i0 + 3]
    A6[0] = A4[0] + 0.1 * A5[0]                  for i0 < 99: A[2*i0 + 5] = A[2*i0 + 3] - 0.1 * sin(A[2*i0 + 2])
    A7[0] = A5[0] - 0.1 * sin(A4[0])
    ...

All arrays between the loop nests are laid one behind the other in a single one first. What a step reads then lies at a
fixed distance from what the step before read, also in the adjoint, which takes the steps from the last to the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction

FEWEST = 64
"""Loop nests that are too many to be written out one by one."""

STEPS = 4
"""Repetitions that are worth a loop."""

LONGEST = 40
"""Loop nests of one step."""

SMALL = 3
"""Iterations that are taken apart, so that each may be part of a step."""

Form = tuple[Any, list[int]]
"""What must be alike from step to step, and the indices, which must move on evenly."""


def stepped(plan: Plan) -> Plan:
    """The plan with its steps in loops; the same plan if that does not at least halve it."""
    if len(plan.nests) < FEWEST or plan.samples:
        return plan
    place, size = {}, 0
    for name, n in plan.sizes.items():
        place[name], size = size, size + n
    pieces = [_moved(piece, place) for nest in plan.nests for piece in _split(nest)]
    found = _repeating([_form(piece) for piece in pieces])
    if 2 * sum(period for _, period, _ in found) > len(plan.nests):
        return plan
    constants = list(plan.constants)
    nests: list[LoopNest] = []
    steps: list[range] = []
    for first, period, count in found:
        if count == 1:
            nests.append(_gathered(pieces[first], constants))
            continue
        step = pieces[first : first + period]
        written = {"G", *(nest.name for nest in step)}  # the sums G may lie where the results do
        chained = any(access.array in written for nest in step for run in nest.reductions for access in run.accesses)
        if chained:
            steps.append(range(len(nests), len(nests) + period))
        for j in range(period):
            nests.append(_over(pieces[first + j : first + period * count : period], chained, constants))
    return Plan(nests, {"A": size}, constants, set(), plan.nodes, steps)


def _split(nest: LoopNest) -> list[LoopNest]:
    """The iterations of a small loop nest, one by one."""
    reads = list(nest.reads())
    tables = any(access.table is not None for access in reads)
    if not 1 < nest.iterations <= SMALL or (
        tables and any(run.terms > 1 or run.starts is not None for run in nest.reductions)
    ):
        return [nest]

    def one(access: Access, m: int) -> Access:
        return Access(access.array, access.entry(nest.dims, m), (0,), access.term_stride)

    return [nest.moved(partial(one, m=m), (1,)) for m in range(nest.iterations)]


def _moved(nest: LoopNest, place: dict[str, int]) -> LoopNest:
    """The loop nest with the arrays between the loop nests in a single one."""

    def move(access: Access) -> Access:
        if access.array not in place:
            return access
        table = None if access.table is None else access.table + place[access.array]
        return replace(access, array="A", base=access.base + place[access.array], table=table)

    moved = nest.moved(move)
    return replace(moved, name=moved.target.array)


def _form(nest: LoopNest) -> Form | None:
    """None if an index comes from a table."""
    parts = [_run_form(run) for run in nest.reductions]
    if nest.target.table is not None or None in parts:
        return None
    numbers = [nest.target.base, *(n for part in parts if part for n in part[1])]
    return (nest.dims, nest.target.array, nest.target.strides, *(part[0] for part in parts if part)), numbers


def _run_form(run: Reduction) -> Form | None:
    if run.starts is not None or any(access.table is not None for access in run.accesses):
        return None
    leaves = [None if a.literal is not None else (a.array, a.strides, a.term_stride) for a in run.accesses]
    return (run.sign, run.expression, run.terms, *leaves), [a.base for a in run.accesses if a.literal is None]


def _repeating(forms: Sequence[Form | None]) -> list[tuple[int, int, int]]:
    """All of them in order, as (first, period, count): what follows the first period repeats it `count` times in all.

    >>> up, down = [(("up",), [k]) for k in range(6)], [(("down",), [9 - k]) for k in range(6)]
    >>> _repeating([*up, *down, (("end",), [0])])
    [(0, 1, 6), (6, 1, 6), (12, 1, 1)]
    """
    known: dict[Any, int] = {}
    kinds = [-1 - i if form is None else known.setdefault(form[0], len(known)) for i, form in enumerate(forms)]
    numbers = [[] if form is None else form[1] for form in forms]

    def count(first: int, period: int) -> int:
        moves: list[list[int]] = []
        for i in range(first + period, len(kinds)):
            if kinds[i] != kinds[i - period]:
                break
            move = [x - y for x, y in zip(numbers[i], numbers[i - period], strict=True)]
            if len(moves) < period:
                moves.append(move)
            elif move != moves[(i - first) % period]:
                break
        else:
            i = len(kinds)
        return (i - first) // period

    found: list[tuple[int, int, int]] = []
    at = 0
    while at < len(kinds):
        best = 1, 1  # period and count
        for period in range(1, min(LONGEST, len(kinds) - 1 - at) + 1):
            if kinds[at] == kinds[at + period] and (times := count(at, period)) >= STEPS:
                best = max(best, (period, times), key=lambda found: found[0] * found[1])
            if best[1] > 2 * LONGEST:  # no longer period will do better
                break
        found.append((at, *best))
        at += best[0] * best[1]
    return found


def _over(pieces: Sequence[LoopNest], chained: bool, constants: list[float]) -> LoopNest:
    """The same loop nest of every step as one, with the step as its first dimension."""
    one = pieces[0]
    dims = one.dims if chained or one.iterations > 1 else ()

    def over(accesses: Sequence[Access]) -> Access:
        array, base, step = _even(accesses, constants)
        if not array:
            return accesses[0]
        still = accesses[0].strides[: len(dims)] or (0,) * len(dims)  # a constant has none
        return Access(array, base, (step, *still), accesses[0].term_stride)

    reductions = [
        Reduction(run.sign, run.expression, run.terms, [over(same) for same in _side_by_side(pieces, k)])
        for k, run in enumerate(one.reductions)
    ]
    return LoopNest(one.name, (len(pieces), *dims), reductions, over([piece.target for piece in pieces]))


def _side_by_side(pieces: Sequence[LoopNest], k: int) -> list[tuple[Access, ...]]:
    """The accesses of the k-th run: for each of them, what it is in every piece."""
    return list(zip(*[piece.reductions[k].accesses for piece in pieces], strict=True))


def _gathered(nest: LoopNest, constants: list[float]) -> LoopNest:
    """The loop nest with runs that look alike as one run of many terms."""
    forms = [None if run.terms > 1 else _run_form(run) for run in nest.reductions]
    reductions = []
    for first, period, count in _repeating(forms):
        for j in range(period):
            alike = nest.reductions[first + j : first + period * count : period]
            reductions.append(_summed(alike, len(nest.dims), constants) if count > 1 else alike[0])
    return LoopNest(nest.name, nest.dims, reductions, nest.target)


def _summed(alike: Sequence[Reduction], dims: int, constants: list[float]) -> Reduction:
    accesses = []
    for same in zip(*[run.accesses for run in alike], strict=True):
        array, base, step = _even(same, constants)
        still = same[0].strides or (0,) * dims
        accesses.append(Access(array, base, still, step) if array else same[0])
    return Reduction(alike[0].sign, alike[0].expression, len(alike), accesses)


def _even(accesses: Sequence[Access], constants: list[float]) -> tuple[str, int, int]:
    """Array, first index and step of what is read step by step; no array if it is always the same constant."""
    literals = [access.literal for access in accesses if access.literal is not None]
    if not literals:
        return accesses[0].array, accesses[0].base, accesses[1].base - accesses[0].base
    if len({x.hex() for x in literals}) == 1:
        return "", 0, 0
    constants += literals
    return "K", len(constants) - len(literals), 1
