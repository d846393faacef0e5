"""Plans in machine code as a runner, and how many samples go through it together.

In: a program and a number of samples. Out: a `Runner` (runners.py) for as many samples as one likes: the number it was
made for only decides how large its blocks are.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.llvm import jit, threads, workspace
from tinygrad_lite.compiler.backends.runners import Buffered
from tinygrad_lite.compiler.ir.loop_nest import Plans, names
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.pipeline import Work, run
from tinygrad_lite.compiler.passes.programs import Program

LONGEST = 10_000
"""Operations in the text of one function, loops counted once."""

KERNEL = 10
"""Operations that a function such as exp counts for: its text is written out at each use."""

NEAR = 1 << 20
"""Bytes of data that stay in the second cache, beside the parameters: if they lie there twice."""

FITS = 45_056
"""Bytes of a block of samples that stay in the first cache."""

MANY = 64
"""Vectors of samples for which code is made to last: what is left over after whole blocks does not count."""


def kind(samples: int, lanes: int) -> tuple[int, bool]:
    """Code made for one number of samples is as good for another of the same kind."""
    return unroll(samples, lanes), -(-samples // lanes) >= MANY


def unroll(samples: int, lanes: int, numbers: int = 0) -> int:
    """How many vectors of samples make a block: few enough for the registers, and with little left over.

    Where a block of four does not stay in the first cache, sums over the samples that lie in memory count for more.

    Args:
        numbers: what is kept of one sample while its block is gone through.
    """
    vectors = -(-samples // lanes)
    if vectors < MANY:
        return min(vectors, 4) if vectors != 3 else 2
    return 4 if 4 * lanes * 8 * numbers <= FITS else 5


class LLVMRunner(Buffered):
    """The plans in machine code."""

    name = "llvm"

    def __init__(self, program: Program, samples: int = 0) -> None:
        from tinygrad_lite.compiler.backends.llvm import kernels, llvm_backend

        if program.sample is not None and not program.epilogue.outputs:
            raise NoLowering("results of each sample are not added up, and whole arrays are as fast")
        self.program = program
        start, lanes = time.perf_counter(), jit.host().lanes
        work = Work(program=program, known=kernels.supported(), fuse=partial(llvm_backend.fused, lanes=lanes))
        self.plans: Plans = run(work, "lower", "fuse").plans
        self.seconds: dict[str, float] = {"finding loops": time.perf_counter() - start}
        start = time.perf_counter()
        self._refuse_long(self.plans)
        sums, numbers, each = 0, 0, self.plans.samples
        if each is not None and program.sample is not None:
            kept = workspace.shared(work.fused[id(each)], each.sizes)[1]
            sums, numbers = len(program.sample.outputs), program.columns + 1 + kept
        self.unroll: int = unroll(samples, lanes, numbers)
        twice = 16 * samples * program.columns <= NEAR
        self.code = llvm_backend.Code(self.plans, work.fused, program.columns + 1, sums, lanes, self.unroll, twice)
        self.seconds["writing LLVM"] = time.perf_counter() - start
        start = time.perf_counter()
        self.compiled = llvm_backend.load(self.code)
        self.seconds["LLVM" + (" (from the disk)" if self.compiled.cached else "")] = time.perf_counter() - start
        self.uniforms: int = len(program.prologue.outputs)
        self.parameters, self.outputs = program.parameters, program.outputs
        self.sizes: Any = self.code
        self._prepare()

    def _prepare(self) -> None:
        super()._prepare()
        self._team: threads.Team | None = None

    @staticmethod
    def _refuse_long(plans: Plans) -> None:
        """LLVM needs up to a second for a thousand operations: an irregular program is better off elsewhere."""
        from tinygrad_lite.compiler.backends.llvm.writer import NATIVE

        reductions = [run for plan in plans for nest in plan.nests for run in nest.reductions]
        written = sum(1 + sum(1 if op in NATIVE else KERNEL for op in names(run.expression)) for run in reductions)
        if written > LONGEST:
            raise NoLowering(f"too irregular for loops, {written:,} operations would stand in one line")

    def new(self, samples: int) -> Any:
        from tinygrad_lite.compiler.backends.llvm.buffers import Buffers

        made = Buffers(self.sizes, self.parameters, self.uniforms, self.outputs, samples)
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

    def sharing(self, samples: int) -> str:
        return threads.description(self.sizes, samples, self.threads)
