"""Loop nests that pass by the same numbers, as a sum over neighbours and its gradients do: one loop for all of them.

In: the loop nests of a plan without samples. Out: lists of lines, each of which is written as one loop.

A *line* is a loop nest with a single counter and neighbouring reads: many iterations, or one sum of many terms. Lines
that share results are laid side by side, each moved along until it shares as many as it can: a result that two of them
need at one *position* is computed once, and memory is read once for all.

Lines begin and end at positions of their own. Between two such edges the same lines go on, a vector of positions
at a time. The last vector reaches back over some that are done: it stores the same gradients again and leaves those
terms out of the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.backends.llvm.loops import Counter, Loops
from tinygrad_lite.compiler.backends.llvm.writer import Name
from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, LoopNest, Reduction, names
from tinygrad_lite.compiler.passes.log import ran

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

    def results(self) -> set[Any]:
        """All that it computes or reads at a position and that depends on the position."""
        found: set[Any] = set()
        for run in self.nest.reductions:
            self._result(run, run.expression, found)
        return found

    def _result(self, run: Reduction, expression: Expression, found: set[Any]) -> Any:
        if expression[0] != "leaf":
            parts = [self._result(run, part, found) for part in expression[1:]]
            whole = (expression[0], *parts)
            if any(part in found for part in parts):
                found.add(whole)
            return whole
        access = run.accesses[expression[1]]
        if access.literal is not None:
            return access.literal
        if not self.step(access):
            return "all", access.array, access.base
        here = "at", access.array, access.base - self.start
        found.add(here)
        return here


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
    known = set().union(*[other.results() for other in loop])
    mine, theirs = ([leaf[1:] for leaf in results if leaf[0] == "at"] for results in (line.results(), known))
    moves = {base - there for array, base in mine for other, there in theirs if other == array}
    low, high = min(other.start for other in loop), max(other.stop for other in loop)
    places = [Line(line.nest, move) for move in moves]
    places = [p for p in places if 2 * (min(high, p.stop) - max(low, p.start)) > min(high - low, p.stop - p.start)]
    if not places or sum(map(_operations, [line, *loop])) > LARGEST:
        return None
    return max(places, key=lambda place: (len(place.results() & known), -abs(place.start)))


def _operations(line: Line) -> int:
    return sum(1 + sum(1 for _ in names(run.expression)) for run in line.nest.reductions)


def write(loops: Loops, nests: Sequence[LoopNest]) -> None:
    """All loop nests: those that share a loop in one, the others as they are."""
    found = swept(nests, loops.lanes)
    if any(len(lines) > 1 for lines in found):
        ran("fuse", [[line.nest for line in lines] for lines in found])
    for lines in found:
        if len(lines) > 1:
            _write(loops, lines)
        else:
            loops.iterations_of(lines[0].nest)


def _write(loops: Loops, lines: Sequence[Line]) -> None:
    """The lines of one list, from edge to edge, and then the totals of those that are sums."""
    first = min(line.start for line in lines)
    lines = [Line(line.nest, line.start - first) for line in lines]  # no counter begins below 0
    sweep = _Sweep(loops, lines)
    for low, high in pairwise(sorted({edge for line in lines for edge in (line.start, line.stop)})):
        there = [line for line in lines if line.start <= low and high <= line.stop]
        if high - low < loops.lanes:
            for position in range(low, high):
                sweep.single(there, position)
        elif there:
            sweep.stretch(there, low, high)
    sweep.finish()


class _Sweep:
    """The loop as it is written, and the totals so far of each sum.

    Attributes:
        beside: vectors in one round of the loop.
        lanes: so many totals of each sum, every one with a number in each lane.
        alone: the total of the positions that were computed without lanes.
    """

    def __init__(self, loops: Loops, lines: Sequence[Line]) -> None:
        self.loops, self.w = loops, loops.w
        operations = sum(map(_operations, lines))
        self.beside = 4 if operations <= 40 else 2 if operations <= 120 else 1
        self.sums = [line for line in lines if line.is_sum]
        self.w.lanes = loops.lanes
        self.lanes = {line: [self.w.literal(0.0)] * self.beside for line in self.sums}
        self.alone: dict[Line, Name | None] = dict.fromkeys(self.sums)

    def single(self, lines: Sequence[Line], position: int) -> None:
        """One position, without lanes."""
        self.w.lanes = 1
        for line in lines:
            total = self._value(line, None, position, self.alone[line] if line.is_sum else None, "none")
            if line.is_sum:
                self.alone[line] = total
            else:
                self._store(line, None, position, total)

    def stretch(self, lines: Sequence[Line], low: int, high: int) -> None:
        """All positions from low to high, at least a vector of them."""
        w, loops = self.w, self.loops
        w.lanes = width = loops.lanes
        outer, w.known = w.known, dict(w.known)
        for line in lines:
            for run in line.nest.reductions:  # what stays the same is read before the loop
                for access in run.accesses:
                    if access.literal is None and not line.step(access):
                        loops.load(line.nest, run, access, [(None, 0)], (None, 0), 0)
        odd = self._odd(lines, low)
        if odd and high - low >= LONG * width:
            self._vectors(lines, None, [low], counted=range(odd))
            low += odd
        step = self.beside * width
        stop = low + (high - low) // step * step
        if stop - low > step:
            sums = [line for line in lines if line.is_sum]

            def body(i: Name, values: list[Name]) -> list[Name]:
                parts = iter(values)
                self.lanes.update({line: [next(parts) for _ in range(self.beside)] for line in sums})
                self._vectors(lines, i, range(0, step, width))
                return [total for line in sums for total in self.lanes[line]]

            totals = iter(w.accumulate(low, stop, [x for line in sums for x in self.lanes[line]], body, step))
            self.lanes.update({line: [next(totals) for _ in range(self.beside)] for line in sums})
            low = stop
        whole = range(low, high - width + 1, width)
        for n in range(0, len(whole), self.beside):
            self._vectors(lines, None, whole[n : n + self.beside])
        left = (high - low) % width
        if left:
            self._vectors(lines, None, [high - width], counted=range(width - left, width))
        w.known = outer

    def _odd(self, lines: Sequence[Line], low: int) -> int:
        """Positions to go before what is stored lies at a multiple of a vector."""
        for line in lines:
            if not line.is_sum:
                target = line.nest.target
                entry = target.base + low - line.start
                return (self.loops.spaces[target.array].even - entry) % self.w.lanes
        return 0

    def _vectors(
        self, lines: Sequence[Line], i: Name | None, positions: Sequence[int], counted: range | None = None
    ) -> None:
        """A vector at each of these positions behind i; a sum takes only those of its lanes that are counted."""
        stored: list[tuple[Line, int, Name]] = []
        for u, position in enumerate(positions):
            for line in lines:
                if not line.is_sum:
                    stored.append((line, position, self._value(line, i, position, None, "iterations")))
                    continue
                before = self.lanes[line][u]
                total = self._value(line, i, position, before, "terms")
                self.lanes[line][u] = total if counted is None else self.w.chosen(counted, total, before)
        for line, position, value in stored:
            self._store(line, i, position, value)

    def _value(self, line: Line, i: Name | None, position: int, total: Name | None, lane: str) -> Name:
        """What a line gives at a position, added to a total."""
        loops, w = self.loops, self.w
        here: Counter = (i, position - line.start)
        still: Counter = (None, 0)
        corner, t = ([still], here) if line.is_sum else ([here], still)
        loops.lane = lane
        for run in line.nest.reductions:
            value = w.evaluate(run.expression, partial(loops.leaf, line.nest, run, corner, t, 0))
            total = w.more(total, value, run.sign)
        assert total is not None
        return total

    def _store(self, line: Line, i: Name | None, position: int, value: Name) -> None:
        self.loops.store(line.nest, [(i, position - line.start)], 0, value)

    def finish(self) -> None:
        """The sums, each with all of its lanes added up."""
        w = self.w
        for line in self.sums:
            w.lanes = self.loops.lanes
            total = w.total(w.added(self.lanes[line]))
            w.lanes = 1
            alone = self.alone[line]
            self._store(line, None, line.start, total if alone is None else w.apply("add", [total, alone]))
