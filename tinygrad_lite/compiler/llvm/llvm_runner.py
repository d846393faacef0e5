"""Plans in machine code as a runner, and how many rows go through it together.

In: a program and a number of rows. Out: a `Runner` (runners.py) for as many rows as one likes: the number it was made
for only decides how large its blocks are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.deriving.lowering import NoLowering
from tinygrad_lite.compiler.llvm import jit, recurring, threads
from tinygrad_lite.compiler.planning.plan import Plan, names
from tinygrad_lite.compiler.programs import Plans, Program
from tinygrad_lite.compiler.runners import Buffered

LONGEST = 10_000
"""Operations in the text of one function, loops counted once."""

KERNEL = 10
"""Operations that a function such as exp counts for: its text is written out at each use."""

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

    def bound(self, buffers: Any) -> tuple[Any, ...]:
        return self.compiled.bound(buffers.pointer) if buffers.shards == 1 else (self.call, buffers)

    def text(self) -> str:
        return self.code.text

    def sharing(self, rows: int) -> str:
        return threads.said(self.sizes, rows, self.threads)
