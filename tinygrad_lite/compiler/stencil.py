"""Rows that read neighbouring inputs, as in a sum of f(x[i], x[i+1]) over i: long loops from a short tape.

In: a batch whose columns are inputs i, i+1, ... of which the slopes are wanted. Out: a plan without rows, in which the
number of the row is one more loop.

Only the tape of one row is differentiated and rerolled, whatever the number of rows. Each group of its plan gets the
row as its last dimension. The slope along input j is then pulled together: row j's slope along its first column,
plus row j-1's along its second, and so on, each computed where it is needed. The ends, where some of these rows
do not exist, are groups of their own.

A back end that calls a function for each operation on a whole array has nothing from computing again what another
call has left. For it the arrays are kept, and each column's slopes are added to the outputs in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.adjoint import sweep, tidied
from tinygrad_lite.compiler.batching import Batch
from tinygrad_lite.compiler.lowering import lowered
from tinygrad_lite.compiler.plan import Access, Group, Plan, Run
from tinygrad_lite.compiler.reroll import reroll
from tinygrad_lite.compiler.tape import Builder, Ref
from tinygrad_lite.engine import ops

CHUNK = 8192
"""Rows that all groups go through before the next rows come, so that arrays between the groups stay in the cache."""


REPEAT = 3
"""The height of what is computed again for each neighbour: a few operations cost less than an array."""


class StencilProgram:
    """A program for `backends.runner` whose plan is made from one row.

    Attributes:
        finale: the tape of one row, which is what `source("tape")` shows.
    """

    def __init__(self, batch: Batch, inputs: int, along: Sequence[int], bases: list[int], scale: float) -> None:
        self.batch, self.bases, self.scale = batch, bases, scale
        self.parameters, self.columns = inputs, 0
        self.along = along
        self.prologue = Builder()
        self.row: Builder | None = None
        self.row_arrays: dict[Ref, tuple[str, int]] = {}
        self.outputs = 1 + len(along)
        body = tidied(batch.row)
        body.guards = []
        uniform, columns = body.inputs[:inputs], body.inputs[inputs:]
        fixed = batch.fixed.shape[1]
        self.finale_arrays = {ref: ("P", i) for i, ref in enumerate(uniform)}
        self.finale_arrays |= {ref: (f"F{k}", 0) for k, ref in enumerate(columns[:fixed])}
        self.finale_arrays |= {ref: (f"S{k}", 0) for k, ref in enumerate(columns[fixed:])}
        (loss,) = body.outputs
        body.outputs = [loss, *sweep(body, {loss: body.constant(1.0)}, columns[fixed:])]
        self.finale = body

    def plan(self, known: set[str], whole: bool = False) -> Plan:
        """The loops over all rows, for a back end that knows these rows of the table.

        Args:
            whole: computing again costs as much as computing, and the ends of an array as much as all of it.
        """
        low = lowered(self.finale, known)
        arrays = {new: self.finale_arrays[old] for new, old in zip(low.inputs, self.finale.inputs, strict=True)}
        small = reroll(low, arrays, repeat=0 if whole else REPEAT)
        n = self.batch.rows
        constants = [*small.constants, *self.batch.fixed.T.reshape(-1).tolist()]
        lift = _Lift(n, len(small.constants), self.bases)
        ends: dict[int, list[Run]] = {}
        inner: list[Group] = []
        for group in small.groups:
            if group.target.array == "out":
                for m in range(group.members):
                    ends[group.target.entry(group.dims, m)] = [lift.run(run, group, m) for run in group.runs]
            else:
                inner.append(lift.group(group))
        slopes = [ends[1 + k] for k in range(len(self.bases))]
        sums = _by_factor(ends[0])
        groups: list[Group] = []
        chunk = CHUNK if inner else n
        chunks = -(-n // chunk)
        here = min(self.bases)
        for c in range(chunks):  # stretch by stretch, so that what one loop leaves is near when the next reads it
            first, behind = c * chunk, min((c + 1) * chunk, n)
            groups += [_stretch(group, first, behind) for group in inner]
            for k, runs in enumerate(sums.values()):
                groups.append(_summed(runs, first, behind, Access("B", k * chunks + c, (0,))))
            if whole:
                groups += self._added(slopes, first, behind)
                continue
            stop = here + behind if c < chunks - 1 else self.parameters
            groups += self._slopes(slopes, here + first if c else -1, stop)
        parts = [(factor, Access("B", k * chunks, (0,), 1)) for k, factor in enumerate(sums)]
        total = [_scaled(Run(1, ("leaf", 0), chunks, [part]), factor * self.scale) for factor, part in parts]
        groups.append(Group("out", (1,), total, Access("out", 0, (0,))))
        sizes = {name: size * n for name, size in small.sizes.items()} | {"B": chunks * len(sums)}
        return Plan(groups, sizes, constants, set(), small.nodes * n)

    def _slopes(self, parts: list[list[Run]], start: int, stop: int) -> list[Group]:
        """Those of the inputs from start to stop: one group for each stretch that is read by the same columns."""
        n = self.batch.rows
        first, last = self.along[0], self.along[0] + len(self.along)
        edges = {first, last, start, stop, *self.bases, *(base + n for base in self.bases)}
        inside = sorted(edge for edge in edges if max(first, start) <= edge <= min(last, stop))
        groups = []
        for low, high in zip(inside, inside[1:]):  # noqa: B905, RUF007
            runs = [
                _moved(run, low - base)
                for base, column in zip(self.bases, parts, strict=True)
                if base <= low and high <= base + n
                for run in column
            ]
            target = Access("out", 1 + low - first, (1,))
            nothing = [Run(1, ("leaf", 0), 1, [Access("K", literal=0.0)])]
            groups.append(Group("out", (high - low,), [_scaled(run, self.scale) for run in runs] or nothing, target))
        return groups

    def _added(self, parts: list[list[Run]], first: int, behind: int) -> list[Group]:
        """The slopes from the rows from first to behind, column by column, the one furthest ahead first.

        That one meets entries that no row has written yet; all others add to what is there.
        """
        n, start = self.batch.rows, self.along[0]
        columns = sorted(zip(self.bases, parts, strict=True), key=lambda column: -column[0])
        ahead = columns[0][0]
        groups = []
        nothing = Run(1, ("leaf", 0), 1, [Access("K", literal=0.0)])
        if not first:
            for low, high in ((start, ahead), (ahead + n, start + len(self.along))):
                if low < high:
                    groups.append(Group("out", (high - low,), [nothing], Access("out", 1 + low - start, (1,))))
        for k, (base, column) in enumerate(columns):
            target = Access("out", 1 + base + first - start, (1,))
            before = [Run(1, ("leaf", 0), 1, [target])] if k else []
            runs = [_scaled(_moved(run, first), self.scale) for run in column]
            groups.append(Group("out", (behind - first,), [*before, *runs] or [nothing], target))
        return groups


def find(batch: Batch | None, inputs: int, along: Sequence[int]) -> StencilProgram | None:
    """The program for a batch found with no inputs kept back; None if its columns are not neighbours."""
    import numpy as np

    if batch is None or batch.left or not batch.gathered.shape[1] or batch.row.guards or batch.epilogue.guards:
        return None
    scale = _scale(batch)
    if scale is None or list(along) != list(range(along[0], along[0] + len(along))):
        return None
    wanted = set(along)
    used = {ref for args in batch.row.args for ref in args}
    if any(ref in used and i in wanted for i, ref in enumerate(batch.row.inputs[:inputs])):
        return None  # a parameter of all rows
    bases = [int(column[0]) for column in batch.gathered.T]
    line = np.arange(batch.rows)
    if not all((column == base + line).all() for base, column in zip(bases, batch.gathered.T, strict=True)):
        return None
    if not all(along[0] <= base and base + batch.rows <= along[0] + len(along) for base in bases):
        return None
    program = StencilProgram(batch, inputs, along, bases, scale)
    small = reroll(program.finale, program.finale_arrays)
    simple = all(a.table is None for g in small.groups for r in g.runs for a in [*r.accesses, g.target])
    flat = all(r.terms == 1 for g in small.groups if g.target.array == "out" for r in g.runs)
    return program if simple and flat else None


def _scale(batch: Batch) -> float | None:
    """The constant by which the sum over the rows is multiplied, if nothing else happens to it."""
    tape = tidied(batch.epilogue)
    total = tape.inputs[-2]
    (out,) = tape.outputs
    if out == total:
        return 1.0
    if out >= 0 and tape.op[out] is ops.mul and tape.args[out][1] == total:
        return tape.number(tape.args[out][0])
    return None


class _Lift:
    """Gives the accesses of a row's plan the row as one more counter."""

    def __init__(self, n: int, constants: int, bases: list[int]) -> None:
        self.n, self.constants, self.bases = n, constants, bases

    def access(self, a: Access, strides: tuple[int, ...], base: int) -> Access:
        if a.literal is not None:
            return Access(a.array, literal=a.literal)
        if a.array.startswith("S"):
            return Access("P", self.bases[int(a.array[1:])], (*(0 for _ in strides), 1), 0)
        if a.array.startswith("F"):
            return Access("K", self.constants + int(a.array[1:]) * self.n, (*(0 for _ in strides), 1), 0)
        if a.array.startswith("A"):
            return Access(a.array, base * self.n, (*(s * self.n for s in strides), 1), a.along * self.n)
        return Access(a.array, base, (*strides, 0), a.along)  # a parameter or a constant of all rows

    def group(self, group: Group) -> Group:
        runs = [
            Run(run.sign, run.expression, run.terms, [self.access(a, a.strides, a.base) for a in run.accesses])
            for run in group.runs
        ]
        return Group(
            group.name, (*group.dims, self.n), runs, self.access(group.target, group.target.strides, group.target.base)
        )

    def run(self, run: Run, group: Group, m: int) -> Run:
        """A run of one member of an output, over the rows alone."""
        accesses = [self.access(a, (), 0 if a.literal is not None else a.entry(group.dims, m)) for a in run.accesses]
        return Run(run.sign, run.expression, 1, accesses)


def _moved(run: Run, by: int) -> Run:
    """The same run, beginning at a later row."""
    accesses = [
        a if a.literal is not None else Access(a.array, a.base + by * a.strides[-1], a.strides, a.along)
        for a in run.accesses
    ]
    return Run(run.sign, run.expression, run.terms, accesses)


def _scaled(run: Run, scale: float) -> Run:
    if scale == 1.0:
        return run
    factor = ("leaf", len(run.accesses))
    return Run(run.sign, ("mul", factor, run.expression), run.terms, [*run.accesses, Access("K", literal=scale)])


def _by_factor(runs: list[Run]) -> dict[float, list[Run]]:
    """What is to be summed, without the constants it is multiplied by: each of those is needed only once."""
    found: dict[float, list[Run]] = {}
    for run in runs:
        factor, expression = 1.0, run.expression
        while expression[0] == "mul" and expression[1][0] == "leaf":
            literal = run.accesses[expression[1][1]].literal
            if literal is None:
                break
            factor, expression = factor * literal, expression[2]
        found.setdefault(factor, []).append(Run(run.sign, expression, 1, run.accesses))
    return found


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


def _stretch(group: Group, low: int, high: int) -> Group:
    """The part of a group for the rows from low to high."""
    target = Access(group.name, group.target.base + low * group.target.strides[-1], group.target.strides)
    return Group(group.name, (*group.dims[:-1], high - low), [_moved(run, low) for run in group.runs], target)
