"""Plans as one function in LLVM's text, and the buffers it works in.

In: a prologue, a plan for rows and a finale (or one plan without rows). Out: a callable on flat buffers.

The function takes one pointer to a list of addresses and lengths. It computes what is the same for all
rows, clears the sums kept in lanes, goes through the rows in blocks of `unroll` vectors and then, for the rest,
of one vector, adds up the lanes, and finishes:

    prologue -> for each block: the groups of the row plan -> sums over the lanes -> finale

A buffer belongs to one call at a time, so that threads do not meet; each is kept and used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler import blocking, jit, joining, kernels, rooms, slopes
from tinygrad_lite.compiler.loops import Loops, Space
from tinygrad_lite.compiler.plan import Group, Plan
from tinygrad_lite.compiler.writer import Name, Writer

FIELDS = ("P", "N", "main", "tail", "blocks", "rest", "scratch", "sums", "G", "out", "K", "tables")
"""What the list of addresses and lengths holds, in this order, 8 bytes each."""


class Layout:
    """Where each plan's arrays, constants and tables lie in the shared buffers."""

    def __init__(self) -> None:
        self.constants: list[float] = []
        self.tables: list[Any] = []
        self.table_length = 0
        self._where: dict[int, int] = {}

    def add_constants(self, numbers: Sequence[float]) -> int:
        at = len(self.constants)
        self.constants += numbers
        return at

    def table(self, entries: Any) -> int:
        at = self._where.get(id(entries))
        if at is None:
            at = self._where[id(entries)] = self.table_length
            self.tables.append(entries)
            self.table_length += len(entries)
        return at


class Code:
    """The text for a row program, and the sizes of its buffers, for one machine and one number of vectors.

    Args:
        prologue, rows, finale: plans; `rows` may be None, then only the finale runs.
        columns: numbers of one row of data, its weight included.
        sums: what the row plan adds up.
        lanes, unroll: doubles in a vector; vectors of rows in a block.
    """

    def __init__(
        self, prologue: Plan | None, rows: Plan | None, finale: Plan, columns: int, sums: int, lanes: int, unroll: int
    ) -> None:
        self.lanes, self.unroll, self.columns, self.sums = lanes, unroll, columns, sums
        self.layout = Layout()
        self.scratch = 0
        self.in_place = rows is not None and blocking.in_place(finale)
        self.w = Writer()
        given = {name: self._field(i) for i, name in enumerate(FIELDS)}
        if prologue is not None and prologue.groups:
            self._plain(prologue, given, {"out": Space(given["P"])}, {"P": "P", "N": "N"})
        if rows is not None:
            self._rows(rows, given)
        if self.in_place:
            finale = blocking.without_copies(finale)
        self._plain(finale, given, {"out": Space(given["out"], even=1)}, {"P": "P", "G": "G", "N": "N"})
        self.text = self._module()

    def _field(self, i: int) -> Name:
        pointer = self.w.say(f"getelementptr i64, ptr %arguments, i64 {i}")
        kind = "i64" if FIELDS[i] in ("blocks", "rest") else "ptr"
        return self.w.say(f"load {kind}, ptr {pointer}")

    def _room(self, doubles: int) -> int:
        at = self.scratch
        self.scratch += (doubles + 7) // 8 * 8
        return at

    def _table(self, given: dict[str, Name]) -> Callable[[Any], Name]:
        return lambda entries: self.w.address(given["tables"], self.layout.table(entries), "i32")

    def _plain(self, plan: Plan, given: dict[str, Name], spaces: dict[str, Space], named: dict[str, str]) -> None:
        """A plan without rows."""
        w = self.w
        spaces |= {name: Space(given[field]) for name, field in named.items()}
        spaces["K"] = Space(w.address(given["K"], self.layout.add_constants(plan.constants)))
        for name, size in plan.sizes.items():
            spaces[name] = Space(w.address(given["scratch"], self._room(size)))
        Loops(w, plan, spaces, self.lanes, 0, self._table(given)).write()

    def _rows(self, plan: Plan, given: dict[str, Name]) -> None:
        w = self.w
        w.lanes = self.lanes
        zero = w.literal(0.0)
        turned = {
            index
            for group in plan.groups
            if group.target.array == "out" and slopes.fits(group, self.lanes)
            for index in _full_places(group, self.lanes)
        }
        lane_sums = [i for i in range(self.sums) if i not in turned]
        for start, stop in _stretches(lane_sums):
            with w.loop(start, stop) as i:
                w.store(zero, w.address(given["sums"], w.integer("mul", i, self.lanes)), 8 * self.lanes)
        constants = Space(w.address(given["K"], self.layout.add_constants(plan.constants)))
        block = self.lanes * self.unroll
        steps = joining.steps(plan, self.lanes)
        places, length = rooms.shared(steps, plan.sizes)
        begin = self._room(length * block)
        parts = [("main", "blocks", self.unroll), ("tail", "rest", 1)] if self.unroll > 1 else [("tail", "rest", 1)]
        for data, count, unroll in parts:
            some = w.say(f"icmp sgt i64 {given[count]}, 0")
            with w.only_if(some), w.loop(0, given[count]) as b:
                here = w.address(given[data], w.integer("mul", b, self.columns * self.lanes * unroll))
                width = self.lanes * unroll
                spaces = {
                    "P": Space(given["P"]),
                    "K": constants,
                    "X": Space(here, width, rows=True),
                    "out": Space(given["sums"], self.lanes, adds=True),
                    "G": Space(given["G"]),
                }
                for name, at in places.items():
                    spaces[name] = Space(w.address(given["scratch"], begin + at * width), width, rows=True)
                loops = Loops(w, plan, spaces, self.lanes, unroll, self._table(given))
                loops.first = w.say(f"icmp eq i64 {b}, 0")
                if data == "tail":
                    none = w.say(f"icmp slt i64 {given['blocks']}, 1")
                    loops.first = w.say(f"and i1 {loops.first}, {none}")
                loops.strip = lambda doubles: w.address(given["scratch"], self._room(doubles))
                loops.write(steps)
        for start, stop in _stretches(lane_sums):
            self._add_up(given, start, stop)

    def _add_up(self, given: dict[str, Name], start: int, stop: int) -> None:
        """G[i] = the sum over the lanes of sums[i], always in the same order."""
        w = self.w
        w.lanes = lanes = self.lanes
        full = start + (stop - start) // lanes * lanes if lanes > 1 else start
        if full > start:
            with w.loop(start, full, lanes) as i:
                first = w.address(given["sums"], w.integer("mul", i, lanes))
                vectors = [w.load(w.address(first, k * lanes), 8 * lanes) for k in range(lanes)]
                w.store(_transposed_sum(w, vectors), w.address(given["G"], i), 8)
        for last in range(full, stop):
            total = w.total(w.load(w.address(given["sums"], last * lanes), 8 * lanes))
            w.do(f"store double {total}, ptr {w.address(given['G'], last)}")
        w.lanes = 1

    def _module(self) -> str:
        w = self.w
        by_lanes: dict[int, set[str]] = {}
        for name, lanes in w.kernels:
            by_lanes.setdefault(lanes, set()).add(name)
        parts = [kernels.definitions(sorted(names), lanes) for lanes, names in sorted(by_lanes.items())]
        declared = set(w.declared)
        bodies = []
        for part in parts:  # two sets of kernels may declare the same intrinsic
            for line in part.splitlines():
                if line.startswith("declare "):
                    declared.add(line.strip())
                else:
                    bodies.append(line)
        body = "\n".join(w.lines)
        return (
            "define void @entry(ptr noalias %arguments) {\nentry:\n"
            + body
            + "\n  ret void\n}\n\n"
            + "\n".join([*sorted(declared), *bodies])
            + "\n"
        )


def _full_places(group: Group, lanes: int) -> list[int]:
    """Which entries of the output `slopes.write` sums up."""
    outer, inner = group.dims[0], group.dims[1] // lanes * lanes
    return [group.target.base + i * group.target.strides[0] + j for i in range(outer) for j in range(inner)]


def _stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of neighbours in an increasing sequence, as (start, stop)."""
    found: list[tuple[int, int]] = []
    for n in numbers:
        if found and found[-1][1] == n:
            found[-1] = found[-1][0], n + 1
        else:
            found.append((n, n + 1))
    return found


def _transposed_sum(w: Writer, vectors: list[Name]) -> Name:
    """One vector with the sum of the lanes of each of these, as many as there are lanes: a tree of shuffles."""
    lanes = w.lanes
    span = 1
    while span < lanes:
        merged = []
        for x, y in zip(vectors[0::2], vectors[1::2], strict=True):
            low = [k if (k // span) % 2 == 0 else lanes + k - span for k in range(lanes)]
            high = [k + span if (k // span) % 2 == 0 else lanes + k for k in range(lanes)]
            parts = [
                w.say(
                    f"shufflevector {w.type} {x}, {w.type} {y}, <{lanes} x i32> <{', '.join(f'i32 {k}' for k in pick)}>"
                )
                for pick in (low, high)
            ]
            merged.append(w.say(f"fadd {w.type} {parts[0]}, {parts[1]}"))
        vectors, span = merged, span * 2
    return vectors[0]


class Buffers:
    """The arrays one call works in, and the list of their addresses."""

    def __init__(self, code: Code, parameters: int, uniforms: int, outputs: int, rows: int) -> None:
        import numpy as np

        lanes, unroll = code.lanes, code.unroll
        block = lanes * unroll
        self.rows = rows
        self.blocks = rows // block if unroll > 1 else 0
        self.rest = -(-(rows - self.blocks * block) // lanes) if rows else 0
        self.parameters = aligned(parameters + uniforms)
        self.count = np.array([float(rows)])
        self.main = aligned(self.blocks * code.columns * block).reshape(self.blocks, code.columns, block)
        self.tail = aligned(self.rest * code.columns * lanes).reshape(self.rest, code.columns, lanes)
        self.scratch = aligned(code.scratch)
        self.sums = aligned(code.sums * lanes)
        self.totals = aligned(max(code.sums + lanes, outputs), behind=1)  # the loss, then slopes in whole vectors
        self.out = self.totals[:outputs] if code.in_place else aligned(outputs, behind=1)
        self.constants = np.array(code.layout.constants or [0.0])
        self.tables = np.concatenate([np.zeros(1, np.int32), *code.layout.tables])[1:] if code.layout.tables else (
            np.zeros(1, np.int32)
        )  # fmt: skip
        places = [self.parameters, self.count, self.main, self.tail, None, None, self.scratch, self.sums]
        places += [self.totals, self.out, self.constants, self.tables]
        self.arguments = np.array([0 if x is None else x.ctypes.data for x in places], dtype=np.int64)
        self.arguments[4], self.arguments[5] = self.blocks, self.rest
        self.pointer = self.arguments.ctypes.data
        if rows:
            weight = np.zeros(self.rest * lanes)
            weight[: rows - self.blocks * block] = 1.0
            self.main[:, -1, :] = 1.0
            self.tail[:, -1, :] = weight.reshape(self.rest, lanes)

    def fill(self, columns: Sequence[tuple[int, Any]]) -> None:
        """Put the data in: (first column, array of rows), each; the last rows of the last vector are copies."""
        import numpy as np

        done = self.main.shape[0] * self.main.shape[2]
        lanes = self.tail.shape[2]
        over = self.rest * lanes - (self.rows - done)
        for first, data in columns:
            width = data.shape[1]
            if done:
                self.main[:, first : first + width] = data[:done].reshape(self.blocks, -1, width).transpose(0, 2, 1)
            if self.rest:
                last = data[done:]
                if over:
                    last = np.concatenate([last, np.repeat(data[-1:], over, axis=0)])
                self.tail[:, first : first + width] = last.reshape(self.rest, lanes, width).transpose(0, 2, 1)


def aligned(n: int, behind: int = 0) -> Any:
    """n doubles, zero; the one behind so many others lies at a multiple of 64 bytes."""
    import numpy as np

    space = np.zeros(n + 8)
    start = (-space.ctypes.data // 8 - behind) % 8
    return space[start : start + n]


def load(code: Code) -> jit.Compiled:
    """The code in memory."""
    return jit.compile_ir(code.text, "entry")
