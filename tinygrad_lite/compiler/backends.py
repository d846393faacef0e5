"""From three tapes to something that runs: the choice of a back end, and what all of them have in common.

In: the tapes of a `RowProgram` (or of a `PlainProgram`, which has no rows). Out: a runner, which takes the
parameters and the rows of data and gives the loss and its slopes.

    llvm   loops over vectors of rows, in machine code           needs llvmlite and numpy
    numpy  the same loops, each group as a few NumPy calls       needs numpy
    tape   the tape in plain Python, row by row                  needs nothing
"""

from __future__ import annotations

import importlib.util
import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler import python_backend
from tinygrad_lite.compiler.arguments import plain
from tinygrad_lite.compiler.deriving.adjoint import gradient, tidied
from tinygrad_lite.compiler.deriving.lowering import NoLowering, lowered
from tinygrad_lite.compiler.deriving.quotients import reciprocals
from tinygrad_lite.compiler.finding.rows import RowProgram
from tinygrad_lite.compiler.finding.stencil import StencilProgram
from tinygrad_lite.compiler.llvm import jit, recurring, threads
from tinygrad_lite.compiler.planning.plan import Plan, names
from tinygrad_lite.compiler.planning.reroll import reroll
from tinygrad_lite.compiler.tracing.tape import Builder, Ref, Tape
from tinygrad_lite.errors import OperandError, user_line

LONGEST = 10_000
"""Operations in the text of one function, loops counted once."""

KERNEL = 10
"""Operations that a function such as exp counts for: its text is written out at each use."""

KEPT = 8
"""Numbers of rows for which buffers are kept."""

NAMES = ("llvm", "numpy", "tape")


class PlainProgram:
    """A tape without rows in the form of a row program: all of it is finale."""

    def __init__(self, tape: Tape, along: Sequence[Ref] | None) -> None:
        finale = tidied(tape)
        guards = [guard.flag for guard in finale.guards]
        if along is not None:
            position = {ref: i for i, ref in enumerate(tape.inputs)}
            gradient(finale, [finale.inputs[position[ref]] for ref in along])
        finale.outputs += guards  # flags: the caller compares them with what they were
        finale.guards = []
        self.finale = finale
        self.finale_arrays = {ref: ("P", i) for i, ref in enumerate(finale.inputs)}
        self.parameters = len(finale.inputs)
        self.columns = 0
        self.row: Builder | None = None
        self.row_arrays: dict[Ref, tuple[str, int]] = {}
        self.prologue = Builder()
        self.outputs = len(finale.outputs)


Program = RowProgram | PlainProgram | StencilProgram


class Plans:
    """The plans of a program, with rows of the table replaced where the back end has none of that name."""

    def __init__(self, program: Program, known: set[str], whole: bool = False) -> None:
        """Args:
        known: the rows of the table that the back end can compute.
        whole: it computes whole arrays, one operation after the other.
        """
        self.known = known
        self.seconds = {}
        start = time.perf_counter()
        n = program.parameters
        after = list(range(n, n + len(program.prologue.outputs)))
        uniform = {ref: ("P", i) if i < n else ("N", 0) for i, ref in enumerate(program.prologue.inputs)}
        self.prologue = _rerolled(program.prologue, uniform, known, places=after) if after else None
        self.rows = None
        if program.row is not None:
            self.rows = _rerolled(program.row, program.row_arrays, known, rows=("X",))
        if isinstance(program, StencilProgram):
            self.finale = program.plan(known, whole)
        else:
            self.finale = _rerolled(program.finale, program.finale_arrays, known)
        self.sums = len(program.row.outputs) if program.row is not None else 0
        self.seconds["finding loops"] = time.perf_counter() - start

    def __iter__(self) -> Any:
        return iter([p for p in (self.prologue, self.rows, self.finale) if p is not None])


def _rerolled(tape: Tape, arrays: Mapping[Ref, tuple[str, int]], known: set[str], **how: Any) -> Plan:
    low = reciprocals(lowered(tape, known))
    moved = {new: arrays[old] for new, old in zip(low.inputs, tape.inputs, strict=True)}
    return reroll(low, moved, **how)


def available() -> list[str]:
    """The names of the back ends that can run here, the fastest first."""
    numpy = importlib.util.find_spec("numpy") is not None
    return [name for name, there in (("llvm", numpy and jit.available()), ("numpy", numpy), ("tape", True)) if there]


def runner(program: Program, backend: str | None = None, rows: int = 0) -> Runner:
    """A runner on the back end of that name, or on the fastest that can run the program.

    Raises:
        OperandError: no back end of that name.
        NoLowering: the named back end cannot run an op of the program.
        ImportError: the named back end needs a library that is not installed.
    """
    if backend is not None and backend not in NAMES:
        raise OperandError(f"a back end is one of {', '.join(NAMES)}, but got {backend!r}{user_line()}.")
    why = ""
    for name in [backend] if backend else available():
        try:
            made: Runner
            if name == "llvm":
                made = LLVMRunner(program, rows)
            elif name == "numpy":
                from tinygrad_lite.compiler.numpy.numpy_backend import NumpyRunner

                made = NumpyRunner(program, rows, wanted=backend is not None)
            else:
                made = TapeRunner(program.straight() if isinstance(program, StencilProgram) else program)
        except NoLowering as reason:
            if backend:
                raise
            why = str(reason)
            continue
        made.why = why
        return made
    raise AssertionError("the plain tape runs everything")


class Runner:
    """Something that runs a program: `run(parameters, data, rows)` gives [loss, slopes...]."""

    name = ""
    why = ""  # why no faster back end was taken
    seconds: dict[str, float]
    program: Program
    plans: Plans | None = None
    threads: int | None = None  # how many may share a call; None for as many as there are cores
    fixed: Sequence[tuple[int, Any]] = ()  # columns of data that are the same at every call
    entry: tuple[str, bytes] | None = None  # what to keep on the disk, and under which name

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), rows: int = 0) -> Any:
        """Args:
        parameters: chunks, each a float or a flat array.
        data: (first column, array of as many rows as there are), each.
        rows: how many.
        """
        raise NotImplementedError

    def text(self) -> str:
        raise NotImplementedError

    def sharing(self, rows: int) -> str:
        """How a call on so many rows is shared among threads, in words."""
        return ""


class TapeRunner(Runner):
    """The tapes in plain Python."""

    name = "tape"

    def __init__(self, program: Program) -> None:
        start = time.perf_counter()
        self.program = program
        self._prologue = python_backend.compiled(program.prologue)
        self._row = python_backend.compiled(program.row) if program.row is not None else None
        self._finale = python_backend.compiled(program.finale)
        self._order = _order(program.row, program.row_arrays) if program.row is not None else []
        self.seconds = {"writing Python": time.perf_counter() - start}

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), rows: int = 0) -> Any:
        ps = flat(parameters)
        if self._row is None:
            return self._finale(ps)
        uniforms = [*ps, *self._prologue([*ps, float(rows)])]
        columns: dict[int, Any] = {}
        for first, block in [*self.fixed, *data]:
            block = block.tolist() if hasattr(block, "tolist") else block
            for i in range(len(block[0])):
                columns[first + i] = [row[i] for row in block]
        columns[self.program.columns] = [1.0] * rows  # the weight
        sums: list[float] | None = None
        for k in range(rows):
            given = [uniforms[i] if array == "P" else columns[i][k] for array, i in self._order]
            found = self._row(given)
            sums = found if sums is None else [x + y for x, y in zip(sums, found, strict=True)]
        arrays = {"P": ps, "G": sums or [], "N": [float(rows)]}
        order = _order(self.program.finale, self.program.finale_arrays)
        return self._finale([arrays[array][i] for array, i in order])

    def text(self) -> str:
        if self.program.row is None:
            return python_backend.source(self.program.finale)
        return "\n\n\n".join(
            python_backend.source(tape, name)
            for name, tape in (
                ("prologue", self.program.prologue), ("row", self.program.row), ("finale", self.program.finale)
            )
        )  # fmt: skip


def _order(tape: Tape, arrays: Mapping[Ref, tuple[str, int]]) -> list[tuple[str, int]]:
    return [arrays[ref] for ref in tape.inputs]


def flat(chunks: Sequence[Any]) -> list[float]:
    """The chunks as one list of floats."""
    found: list[float] = []
    for chunk in chunks:
        if chunk.__class__ is float:
            found.append(chunk)
        else:
            found.extend(map(float, chunk.tolist()))
    return found


NEAR = 1 << 20
"""Bytes of data that stay in the second cache, beside the parameters: if they lie there twice."""

FITS = 45_056
"""Bytes of a block of rows that stay in the first cache."""


MANY = 64
"""Vectors of rows for which code is made to last: what is left over after whole blocks does not count."""


def kind(rows: int, lanes: int) -> tuple[int, bool]:
    """Code made for one number of rows is as good for another of the same kind."""
    return unroll(rows, lanes), -(-rows // lanes) >= MANY


def unroll(rows: int, lanes: int, numbers: int = 0) -> int:
    """How many vectors of rows make a block: few enough for the registers, and with little left over.

    Where a block of four does not stay in the first cache, sums over the rows that lie in memory count for more.

    Args:
        numbers: what is kept of one row while its block is gone through.
    """
    vectors = -(-rows // lanes)
    if vectors < MANY:
        return min(vectors, 4) if vectors != 3 else 2
    return 4 if 4 * lanes * 8 * numbers <= FITS else 5


class Buffered(Runner):
    """A runner that computes in buffers, which it keeps for each number of rows; no two calls at a time share any."""

    parameters: int  # how many numbers it is given

    def _prepare(self) -> None:
        self._free: dict[int, list[Any]] = {}
        self._lock = threading.Lock()

    def new(self, rows: int) -> Any:
        """Buffers for so many rows, with the data that never change in place."""
        raise NotImplementedError

    def call(self, buffers: Any) -> None:
        """Compute what the parameters and data in these buffers give."""
        raise NotImplementedError

    def buffers(self, rows: int) -> Any:
        """Buffers for so many rows that nobody uses now; give them back with `release`."""
        try:
            return self._free[rows].pop()  # one step, which no other thread can come into
        except LookupError:
            return self.new(rows)

    def release(self, buffers: Any) -> None:
        free = self._free.get(buffers.rows)
        if free is not None:
            free.append(buffers)
            return
        with self._lock:
            self._free.setdefault(buffers.rows, []).append(buffers)
            while len(self._free) > KEPT:  # a program whose batches are all of different sizes keeps only a few
                del self._free[next(iter(self._free))]

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), rows: int = 0) -> Any:
        buffers = self.buffers(rows)
        try:
            fill(buffers.parameters, parameters)
            if data:
                buffers.fill(data)
            self.call(buffers)
            return buffers.out.copy()
        finally:
            self.release(buffers)


class LLVMRunner(Buffered):
    """The plans in machine code."""

    name = "llvm"

    def __init__(self, program: Program, rows: int = 0) -> None:
        from tinygrad_lite.compiler.llvm import llvm_backend, writer

        self.program = program
        self.plans = Plans(program, writer.supported())
        self.seconds = dict(self.plans.seconds)
        start = time.perf_counter()
        finale = recurring.stepped(self.plans.finale)
        self._refuse_long([self.plans.prologue, self.plans.rows, finale])
        lanes = jit.host().lanes
        numbers = program.columns + 1 + llvm_backend.kept(self.plans.rows, lanes) if self.plans.rows else 0
        self.unroll = unroll(rows, lanes, numbers)
        self.code = llvm_backend.Code(
            self.plans.prologue, self.plans.rows, finale, program.columns + 1, self.plans.sums, lanes,
            self.unroll, 16 * rows * program.columns <= NEAR,
        )  # fmt: skip
        self.seconds["writing LLVM"] = time.perf_counter() - start
        start = time.perf_counter()
        self.compiled = llvm_backend.load(self.code)
        self.seconds["LLVM" + (" (from the disk)" if self.compiled.cached else "")] = time.perf_counter() - start
        self.uniforms = len(program.prologue.outputs)
        self.parameters, self.outputs = program.parameters, program.outputs
        self.sizes: Any = self.code
        self._prepare()

    def _prepare(self) -> None:
        super()._prepare()
        self._team: threads.Team | None = None

    @staticmethod
    def _refuse_long(plans: Sequence[Plan | None]) -> None:
        """LLVM needs up to a second for a thousand operations: an irregular program is better off elsewhere."""
        from tinygrad_lite.compiler.llvm.writer import NATIVE

        runs = [run for plan in plans if plan is not None for group in plan.groups for run in group.runs]
        written = sum(1 + sum(1 if op in NATIVE else KERNEL for op in names(run.expression)) for run in runs)
        if written > LONGEST:
            raise NoLowering(f"too irregular for loops, {written:,} operations would stand in one line")

    def new(self, rows: int) -> Any:
        from tinygrad_lite.compiler.llvm.buffers import Buffers

        made = Buffers(self.sizes, self.parameters, self.uniforms, self.outputs, rows)
        made.fill(self.fixed)
        return made

    def call(self, buffers: Any) -> None:
        """Run the code on these buffers, by several threads if it is worth their while."""
        if buffers.shards > 1:
            most = threads.allowed(self.threads)
            if most > 1:
                self._team = self._team or threads.Team(self.compiled)
                self._team.run(buffers, most)
                return
        self.compiled.call(buffers.pointer)

    def text(self) -> str:
        return self.code.text

    def sharing(self, rows: int) -> str:
        return threads.said(self.sizes, rows, self.threads)


def fill(buffer: Any, chunks: Sequence[Any]) -> None:
    """Write the chunks one behind the other into a buffer."""
    if len(chunks) > 1 and chunks[-1].__class__ is float and plain(chunks):
        buffer[: len(chunks)] = chunks
        return
    at = 0
    for chunk in chunks:
        n = 1 if chunk.__class__ is float else len(chunk)
        buffer[at : at + n] = chunk
        at += n


FEW = 24
"""Numbers that are looked at one by one before NumPy has begun."""


def finite(out: Any) -> bool:
    """Whether all numbers are finite."""
    if hasattr(out, "tolist") and len(out) <= FEW:
        out = out.tolist()
    if hasattr(out, "max"):  # a NaN is the largest of all, and no arithmetic is done that NumPy could warn of
        return bool(abs(out).max(initial=0.0) < math.inf)
    return all(map(math.isfinite, out))
