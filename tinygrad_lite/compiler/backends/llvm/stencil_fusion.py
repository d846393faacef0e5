"""Loop nests that pass by the same numbers, as a sum over neighbours and its gradients do: one loop for all of them.

In: the loop nests of a plan without samples. Out: lists of lines, each of which is written as one loop.

A *line* is a loop nest with a single counter and neighbouring reads: many iterations, or one sum of many terms. Lines
that read the same numbers are laid side by side, each moved along until it shares as many as it can: memory is read
once for all, and what two of them need at one *position* is computed once.

Where all lines go on, a vector of positions is computed at a time. The first and the last vector of results may reach
over some that others compute too, and store the same. What lies before and behind is done line by line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tinygrad_lite.compiler.backends.llvm.loops import Counter, Loops
from tinygrad_lite.compiler.backends.llvm.writer import Name
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, names

LARGEST = 240
"""Operations in the lines of one loop: more would not stay in the registers."""

LONG = 16
"""Vectors that are worth one more, before them, so that the others are stored at whole multiples of a vector."""


class Line:
    """A loop nest whose counter is 0 at the position `start`; it ends before the position `stop`."""

    __slots__ = ("nest", "start", "stop", "is_sum")

    def __init__(self, nest: LoopNest, start: int = 0) -> None:
        self.nest: LoopNest = nest
        self.is_sum: bool = nest.iterations == 1
        self.start: int = start
        self.stop: int = start + (nest.reductions[0].terms if self.is_sum else nest.iterations)

    def step(self, access: Access) -> int:
        """How far what is read lies from what is read at the position before."""
        return access.term_stride if self.is_sum else access.strides[-1]

    def leaves(self) -> set[tuple[str, int]]:
        """What it reads at a position: arrays, and how far from the position."""
        return {(access.array, access.base - self.start) for access in self.nest.reads() if self.step(access)}

    def part(self, low: int, high: int) -> LoopNest:
        """The loop nest between two positions."""
        first, n = low - self.start, high - low
        part = self.nest.moved(lambda a: replace(a, base=a.base + first * self.step(a)), (1 if self.is_sum else n,))
        return replace(part, reductions=[replace(run, terms=n if self.is_sum else 1) for run in part.reductions])


def swept(nests: Sequence[LoopNest], lanes: int) -> list[list[Line]]:
    """The loop nests in an order in which they may run, as lists of lines; those of one list share a loop.

    A loop nest that fits in no loop, but reads nothing of the one before it, goes before that one.
    """
    found: list[list[Line]] = []
    loop: list[Line] = []
    for nest in nests:
        line = Line(nest)
        fits = _is_line(line, lanes)
        free = not _read(nest) & {other.nest.target.array for other in loop}
        beside = _beside(line, loop) if fits and free and loop else None
        if beside is not None:
            loop.append(beside)
        elif free and not fits:
            found.append([line])
        else:
            found.append(loop)
            loop = [line] if fits else []
            found += [] if fits else [[line]]
    return [one for one in [*found, loop] if one]


def _read(nest: LoopNest) -> set[str]:
    """The arrays that a loop nest reads; the sums G may lie where the results do."""
    arrays = {access.array for access in nest.reads()}
    return arrays | {"out"} if "G" in arrays else arrays


def _is_line(line: Line, lanes: int) -> bool:
    nest = line.nest
    if len(nest.dims) > 1 or nest.target.table is not None or line.stop < 2 * lanes:
        return False
    if any(run.starts is not None or run.terms != (line.stop if line.is_sum else 1) for run in nest.reductions):
        return False
    if "out" in _read(nest) or not (line.is_sum or nest.target.strides[-1] == 1):
        return False
    return all(access.table is None and line.step(access) in (0, 1) for access in nest.reads())


def _beside(line: Line, loop: Sequence[Line]) -> Line | None:
    """The line moved to where it shares most with the others; None if it shares nothing or would be too much."""
    known = set().union(*[other.leaves() for other in loop])
    moves = {base - there for array, base in line.leaves() for other, there in known if other == array}
    low, high = min(other.start for other in loop), max(other.stop for other in loop)
    places = [Line(line.nest, move) for move in moves]
    places = [p for p in places if 2 * (min(high, p.stop) - max(low, p.start)) > min(high - low, p.stop - p.start)]
    if not places or sum(map(_operations, [line, *loop])) > LARGEST:
        return None
    return max(places, key=lambda place: (len(place.leaves() & known), -abs(place.start)))


def _operations(line: Line) -> int:
    return sum(1 + sum(1 for _ in names(run.expression)) for run in line.nest.reductions)


def write(loops: Loops, lines: Sequence[Line]) -> None:
    """The lines of one list: where all go on together, and then what each has besides."""
    if len(lines) == 1:
        loops.iterations_of(lines[0].nest)
        return
    w, width = loops.w, loops.lanes
    low, high = max(line.start for line in lines), min(line.stop for line in lines)
    operations = sum(map(_operations, lines))
    beside = 4 if operations <= 40 else 2 if operations <= 120 else 1
    sums = [line for line in lines if line.is_sum]
    w.lanes = width
    outer, w.known = w.known, dict(w.known)
    for line in lines:
        for run in line.nest.reductions:  # what stays the same is read before the loop
            for access in run.accesses:
                if access.literal is None and not line.step(access):
                    loops.load(line.nest, run, access, [(None, 0)], (None, 0), 0)

    def vectors(i: Name | None, positions: Sequence[int], totals: list[Name]) -> list[Name]:
        """A vector at each of these positions behind i; the totals of each sum, of neighbouring vectors apart."""
        found, stored = list(totals), []
        for u, position in enumerate(positions):
            for line in lines:
                if line.is_sum:
                    at = sums.index(line) * beside + u
                    found[at] = _value(loops, line, i, position, found[at])
                else:
                    stored.append((line, position, _value(loops, line, i, position, None)))
        for line, position, value in stored:
            loops.store(line.nest, [(i, position - line.start)], 0, value)
        return found

    def results_at(position: int) -> None:
        """One vector more of the lines that are no sums."""
        for line in lines:
            if not line.is_sum:
                value = _value(loops, line, None, position, None)
                loops.store(line.nest, [(None, position - line.start)], 0, value)

    begin = low
    if high - low >= LONG * width and len(sums) < len(lines):
        begin += _odd(loops, next(line for line in lines if not line.is_sum), low)
        results_at(low)
    step = beside * width
    stop = begin + (high - begin) // step * step
    totals = [w.literal(0.0)] * (beside * len(sums))
    if stop > begin:
        totals = w.accumulate(begin, stop, totals, lambda i, before: vectors(i, range(0, step, width), before), step)
    end = begin + (high - begin) // width * width
    totals = vectors(None, range(stop, end, width), totals)
    if end < high:
        results_at(high - width)
    w.known = outer
    for k, line in enumerate(sums):
        w.lanes = width
        total = w.total(w.added(totals[k * beside : (k + 1) * beside]))
        loops.lane, w.lanes = "none", 1
        loops.store(line.nest, [(None, 0)], 0, loops.total(total, _rest(line, begin, end)))
    for line in lines:
        if not line.is_sum:
            for part in _rest(line, low, high):
                loops.iterations_of(part)


def _odd(loops: Loops, line: Line, low: int) -> int:
    """Positions to go before what is stored lies at a multiple of a vector."""
    target = line.nest.target
    return (loops.spaces[target.array].even - (target.base + low - line.start)) % loops.lanes


def _rest(line: Line, low: int, high: int) -> list[LoopNest]:
    """What a line does before and behind these positions."""
    return [line.part(*ends) for ends in ((line.start, low), (high, line.stop)) if ends[0] < ends[1]]


def _value(loops: Loops, line: Line, i: Name | None, position: int, total: Name | None) -> Name:
    """What a line gives at a vector of positions, added to a total."""
    w = loops.w
    here: Counter = (i, position - line.start)
    still: Counter = (None, 0)
    corner, t = ([still], here) if line.is_sum else ([here], still)
    loops.lane = "terms" if line.is_sum else "iterations"
    for run in line.nest.reductions:
        total = w.more(total, w.evaluate(run.expression, partial(loops.leaf, line.nest, run, corner, t, 0)), run.sign)
    assert total is not None
    return total
