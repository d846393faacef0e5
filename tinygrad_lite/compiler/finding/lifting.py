"""The plan of one row made the plan of all rows, with the number of the row as one more counter.

In: sums over neighbouring inputs and their ending (stencil.py). Out: a plan without rows.

Each group of a row's plan gets the row as its last dimension. The slope along input j is pulled together: row j's
slope along its first column, plus row j-1's along its second, and so on, each computed where it is needed. Where some
of these rows do not exist, or the ending reads the input itself, the slopes are groups of their own.

    rows, stretch by stretch -> partial sums B -> the sums T -> the ending E -> slopes that wait for these

A back end that calls a function for each operation on a whole array has nothing from computing again what another
call has left. For it the arrays are kept, and each column's slopes are added to the outputs in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tinygrad_lite.compiler.deriving.lowering import lowered
from tinygrad_lite.compiler.planning.plan import Access, Expression, Group, Plan, Run
from tinygrad_lite.compiler.planning.reroll import reroll

if TYPE_CHECKING:
    from tinygrad_lite.compiler.finding.stencil import Ending, Neighbours

CHUNK = 8192
"""Rows that all groups go through before the next rows come, so that arrays between the groups stay in the cache."""

STRETCHES = 16
"""No more than so many of these: each has a text of its own."""

REPEAT = 5
"""The height of what is computed again for each neighbour: a few operations cost less than an array."""


class _Rows:
    """The groups of one sum, over all its rows.

    Attributes:
        inner: what is kept in arrays.
        outputs: for each output of the row's tape its runs, over the rows alone.
        partial: for each output that is summed over the rows, {constant factor: (array, stretches so far)}.
    """

    def __init__(self, lines: Neighbours, number: int, known: set[str], constants: list[float], repeat: int) -> None:
        self.n, self.bases, self.number = lines.rows, lines.bases, number
        self.here = min(lines.bases)
        low = lowered(lines.tape, known)
        arrays = {new: lines.arrays[old] for new, old in zip(low.inputs, lines.tape.inputs, strict=True)}
        small = reroll(low, arrays, repeat=repeat, prefix=f"A{number}_")
        self.nodes = small.nodes * self.n
        self.sizes = {name: size * self.n for name, size in small.sizes.items()}
        self.shared = len(constants)
        constants += small.constants
        self.columns = len(constants)
        constants += lines.fixed.T.reshape(-1).tolist()
        self.inner: list[Group] = []
        found: dict[int, list[Run]] = {}
        for group in small.groups:
            if group.target.array == "out":
                for m in range(group.members):
                    found[group.target.entry(group.dims, m)] = [self._run(run, group, m) for run in group.runs]
            else:
                self.inner.append(self._group(group))
        self.outputs = [found[k] for k in range(len(found))]
        self.partial: dict[int, dict[float, tuple[str, int]]] = {}

    def _access(self, a: Access, strides: tuple[int, ...], base: int) -> Access:
        if a.literal is not None:
            return Access(a.array, literal=a.literal)
        kind, still = a.array[0], (0,) * len(strides)
        if kind == "S":
            return Access("P", self.bases[int(a.array[1:])], (*still, 1))
        if kind == "F":
            return Access("K", self.columns + int(a.array[1:]) * self.n, (*still, 1))
        if kind == "A":
            return Access(a.array, base * self.n, (*(s * self.n for s in strides), 1), a.along * self.n)
        base += self.shared if kind == "K" else 0
        return Access(a.array, base, (*strides, 0), a.along)  # a parameter or a constant of all rows

    def _group(self, group: Group) -> Group:
        runs = [
            Run(run.sign, run.expression, run.terms, [self._access(a, a.strides, a.base) for a in run.accesses])
            for run in group.runs
        ]
        target = self._access(group.target, group.target.strides, group.target.base)
        return Group(group.name, (*group.dims, self.n), runs, target)

    def _run(self, run: Run, group: Group, m: int) -> Run:
        """A run of one member of an output, over the rows alone."""
        places = [0 if a.literal is not None else a.entry(group.dims, m) for a in run.accesses]
        accesses = [self._access(a, (), place) for a, place in zip(run.accesses, places, strict=True)]
        return Run(run.sign, run.expression, 1, accesses)

    def rows(self, low: int, high: int) -> tuple[int, int]:
        """The rows whose first inputs lie from low to high."""
        return max(low - self.here, 0), min(high - self.here, self.n)

    def stretch(self, low: int, high: int) -> list[Group]:
        """The arrays and sums of so many rows."""
        groups = [_stretched(group, low, high) for group in self.inner]
        for k in (0, *range(1 + len(self.bases), len(self.outputs))):
            mine = self.partial.setdefault(k, {})
            for factor, runs in _by_factor(self.outputs[k]).items():
                array, so_far = mine.get(factor, (f"B{self.number}_{k}_{len(mine)}", 0))
                mine[factor] = array, so_far + 1
                groups.append(_summed(runs, low, high, Access(array, so_far, (0,))))
        return groups

    def total(self, k: int) -> list[Run]:
        """The sum over the rows of an output."""
        parts = self.partial[k].items()
        return [_scaled(Run(1, ("leaf", 0), n, [Access(array, 0, (0,), 1)]), factor) for factor, (array, n) in parts]


def lifted(
    sums: Sequence[Neighbours], ending: Ending, along: Sequence[int], known: set[str], whole: bool = False
) -> Plan:
    """The loops over all rows of all sums, for a back end that knows these rows of the table.

    Args:
        whole: computing again costs as much as computing, and the ends of an array as much as all of it.
    """
    constants: list[float] = []
    rows = [_Rows(lines, k, known, constants, 0 if whole else REPEAT) for k, lines in enumerate(sums)]
    slopes = (_Added if whole else _Pulled)(sums, rows, ending, along)
    first = min(along[0], *(each.here for each in rows))
    last = max(along[-1] + 1, *(each.here + each.n for each in rows))
    chunk = last - first
    if whole or any(each.inner for each in rows):
        chunk = max(2 * CHUNK if whole else CHUNK, -(-chunk // STRETCHES))  # a call of NumPy has its price
    edges = [*range(first, last, chunk), last]
    groups: list[Group] = slopes.before()
    for low, high in pairwise(edges):  # stretch by stretch, so that what one loop leaves is near when the next reads it
        for each in rows:
            start, stop = each.rows(low, high)
            groups += each.stretch(start, stop) if start < stop else []
        groups += slopes.beside(low, high)
    groups += [Group("T", (1,), each.total(0), Access("T", k, (0,))) for k, each in enumerate(rows)]
    low_end = lowered(ending.tape, known)
    arrays = {new: ending.arrays[old] for new, old in zip(low_end.inputs, ending.tape.inputs, strict=True)}
    end = reroll(low_end, arrays, output="E", prefix="Z")
    groups += [_with_constants(group, len(constants)) for group in end.groups]
    if groups[-1].target.array == "E" and len(ending.tape.outputs) == 1:
        groups[-1].target = Access("out", 0, (0,))
    else:
        groups.append(Group("out", (1,), [Run(1, ("leaf", 0), 1, [Access("E", 0, (0,))])], Access("out", 0, (0,))))
    groups += slopes.after()
    sizes = {"T": len(sums), "E": len(ending.tape.outputs)} | end.sizes
    for each in rows:
        sizes |= each.sizes
        sizes |= {array: n for parts in each.partial.values() for array, n in parts.values()}
    return Plan(groups, sizes, [*constants, *end.constants], set(), end.nodes + sum(each.nodes for each in rows))


class _Slopes:
    """The slopes along the inputs: what is known of them, for both ways of putting it together."""

    def __init__(self, sums: Sequence[Neighbours], rows: Sequence[_Rows], ending: Ending, along: Sequence[int]) -> None:
        self.rows, self.first, self.last = rows, along[0], along[-1] + 1
        self.seeds = [seed if isinstance(seed, float) else Access("E", seed, (0,)) for seed in ending.seeds]
        self.known = all(isinstance(seed, float) for seed in self.seeds)
        self.uniform = [(i, each, k) for lines, each in zip(sums, rows, strict=True) for k, i in _numbered(lines)]
        direct = ending.direct
        starts = [k for k, i in enumerate(direct) if k == 0 or direct[k - 1] != i - 1]
        self.direct = [
            (direct[k], direct[stop - 1] + 1, ending.first + k) for k, stop in pairwise([*starts, len(direct)])
        ]

    def target(self, low: int) -> Access:
        return Access("out", 1 + low - self.first, (1,))

    def nothing(self, low: int, high: int) -> Group:
        return Group("out", (high - low,), [Run(1, ("leaf", 0), 1, [Access("K", literal=0.0)])], self.target(low))

    def waits(self, low: int) -> bool:
        """Whether the slopes from here on need a sum over all rows."""
        reached = any(i == low for i, _, _ in self.uniform) or any(i <= low < end for i, end, _ in self.direct)
        return reached or not self.known

    def extra(self, low: int) -> list[Run]:
        """What reaches the inputs from here on otherwise than through their columns."""
        runs = []
        for i, each, k in self.uniform:
            runs += [_scaled(run, self.seeds[each.number]) for run in each.total(k)] if i == low else []
        for first, last, at in self.direct:
            if first <= low < last:
                runs.append(Run(1, ("leaf", 0), 1, [Access("E", at + low - first, (1,))]))
        return runs

    def edges(self) -> set[int]:
        """Where that begins and ends."""
        return {edge for i, _, _ in self.uniform for edge in (i, i + 1)} | {
            edge for low, high, _ in self.direct for edge in (low, high)
        }


class _Pulled(_Slopes):
    """Each slope in one piece: what all columns have for it."""

    late: list[tuple[int, int]]

    def before(self) -> list[Group]:
        self.late = []
        self.cuts = self.edges() | {base + end for each in self.rows for base in each.bases for end in (0, each.n)}
        return []

    def beside(self, low: int, high: int) -> list[Group]:
        """The slopes of the inputs from low to high, but those that need a sum over all rows."""
        low, high = max(low, self.first), min(high, self.last)
        if low >= high:
            return []
        pieces = list(pairwise(sorted({low, high, *(cut for cut in self.cuts if low < cut < high)})))
        self.late += [piece for piece in pieces if self.waits(piece[0])]
        return [self._piece(*piece) for piece in pieces if not self.waits(piece[0])]

    def after(self) -> list[Group]:
        return [self._piece(*piece) for piece in self.late]

    def _piece(self, low: int, high: int) -> Group:
        """Inputs that are read by the same columns."""
        runs = [
            _scaled(_moved(run, low - base), seed)
            for each, seed in zip(self.rows, self.seeds, strict=True)
            for k, base in enumerate(each.bases)
            if base <= low and high <= base + each.n
            for run in each.outputs[1 + k]
        ]
        runs += self.extra(low)
        return Group("out", (high - low,), runs, self.target(low)) if runs else self.nothing(low, high)


class _Added(_Slopes):
    """Column by column, each added to what is there.

    Of a single sum the column furthest ahead goes first: it meets entries that no other has written yet.
    """

    def before(self) -> list[Group]:
        if len(self.rows) > 1:
            return [self.nothing(self.first, self.last)]
        ahead, n = max(self.rows[0].bases), self.rows[0].n
        ends = (self.first, min(ahead, self.last)), (max(ahead + n, self.first), self.last)
        return [self.nothing(low, high) for low, high in ends if low < high]

    def beside(self, low: int, high: int) -> list[Group]:
        return self._columns(low, high) if self.known else []

    def after(self) -> list[Group]:
        groups = [] if self.known else self._columns(0, max(each.here + each.n for each in self.rows))
        for low, high in pairwise(sorted(self.edges())):
            runs = self.extra(low)
            groups += [Group("out", (high - low,), [self._there(low), *runs], self.target(low))] if runs else []
        return groups

    def _there(self, low: int) -> Run:
        return Run(1, ("leaf", 0), 1, [self.target(low)])

    def _columns(self, low: int, high: int) -> list[Group]:
        """What the rows whose first inputs lie from low to high have for each of their columns."""
        groups = []
        for each in self.rows:
            start, stop = each.rows(low, high)
            columns = sorted(zip(each.bases, each.outputs[1:], strict=False), key=lambda column: -column[0])
            for k, (base, column) in enumerate(columns):
                first, last = max(base + start, self.first), min(base + stop, self.last)
                if first < last:
                    runs = [_scaled(_moved(run, first - base), self.seeds[each.number]) for run in column]
                    runs = [self._there(first), *runs] if k or len(self.rows) > 1 else runs
                    groups.append(Group("out", (last - first,), runs, self.target(first)))
        return groups


def _numbered(lines: Neighbours) -> list[tuple[int, int]]:
    """The outputs of a row's tape that are slopes along inputs of all rows, each with its input."""
    return list(enumerate(lines.uniform, 1 + len(lines.bases)))


def _moved(run: Run, by: int) -> Run:
    """The same run, beginning at a later row."""
    accesses = [
        a if a.literal is not None else Access(a.array, a.base + by * a.strides[-1], a.strides, a.along)
        for a in run.accesses
    ]
    return Run(run.sign, run.expression, run.terms, accesses)


def _stretched(group: Group, low: int, high: int) -> Group:
    """The part of a group for the rows from low to high."""
    target = Access(group.name, group.target.base + low * group.target.strides[-1], group.target.strides)
    return Group(group.name, (*group.dims[:-1], high - low), [_moved(run, low) for run in group.runs], target)


def _summed(runs: list[Run], low: int, high: int, target: Access) -> Group:
    """The sum over the rows from low to high: the counter of the rows becomes that of the terms."""
    over = []
    for run in runs:
        accesses = [
            a if a.literal is not None else Access(a.array, a.base, (0,), a.strides[-1])
            for a in _moved(run, low).accesses
        ]
        over.append(Run(run.sign, run.expression, high - low, accesses))
    return Group(target.array, (1,), over, target)


def _by_factor(runs: list[Run]) -> dict[float, list[Run]]:
    """What is to be summed, without the constants it is multiplied by: each of those is needed only once."""
    found: dict[float, list[Run]] = {}
    for run in runs:
        factor, expression = _factor(run)
        found.setdefault(factor, []).append(Run(run.sign, expression, 1, run.accesses))
    return found


def _factor(run: Run) -> tuple[float, Expression]:
    """The constant by which a run is multiplied, and the rest."""
    factor, expression = 1.0, run.expression
    while expression[0] == "mul" and expression[1][0] == "leaf":
        literal = run.accesses[expression[1][1]].literal
        if literal is None:
            break
        factor, expression = factor * literal, expression[2]
    return factor, expression


def _scaled(run: Run, by: float | Access) -> Run:
    """The run times a number that is known, or that will be."""
    if by == 1.0:
        return run
    expression: Any = run.expression
    if isinstance(by, float):
        factor, expression = _factor(run)
        by = Access("K", literal=by * factor)
    return Run(run.sign, ("mul", ("leaf", len(run.accesses)), expression), run.terms, [*run.accesses, by])


def _with_constants(group: Group, at: int) -> Group:
    """The group reading its constants from a later place."""

    def moved(access: Access) -> Access:
        if access.array != "K" or access.literal is not None:
            return access
        table = None if access.table is None else access.table + at
        return Access("K", access.base + at, access.strides, access.along, table)

    runs = [Run(r.sign, r.expression, r.terms, [moved(a) for a in r.accesses], r.starts) for r in group.runs]
    return Group(group.name, group.dims, runs, group.target, group.period)
