"""A program in NumPy calls, and the arrays they work on.

In: the same plans as machine code is made of. Out: a runner. Many samples are gone through in blocks, so that the
arrays of one stay in the cache.
"""

from __future__ import annotations

import contextvars
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.numpy.calls import UFUNCS, Calls, Pool
from tinygrad_lite.compiler.backends.runners import Buffered
from tinygrad_lite.compiler.ir.loop_nest import Plans, names
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.pipeline import Work, run
from tinygrad_lite.compiler.passes.programs import Program

CACHE = 1 << 20
"""Bytes that the arrays of one block of samples may fill."""

FEWEST = 128
"""Samples in a block at least: a call has its price."""

CALL = 8
"""Operations of plain Python that cost as much as one call of NumPy."""


class NumpyRunner(Buffered):
    """The plans in NumPy."""

    name = "numpy"

    def __init__(self, program: Program, samples: int = 0, wanted: bool = True) -> None:
        """Args:
        samples: how many samples there will be, about.
        wanted: this back end was asked for by name.
        """
        self.program = program
        self.parameters: int = program.parameters
        start = time.perf_counter()
        self.plans: Plans = run(Work(program=program, known={*UFUNCS, "relu", "select"}), "lower", "widen").plans
        self.seconds: dict[str, float] = {"finding loops": time.perf_counter() - start}
        if not wanted:
            self._refuse_scalars(samples)
        start = time.perf_counter()
        self.one: Buffers = Buffers(self, 1)
        self.seconds["preparing NumPy calls"] = time.perf_counter() - start
        self._prepare()

    def _refuse_scalars(self, samples: int) -> None:
        """A call on a single number takes as long as Python needs for some ten operations."""
        calls = sum(1 + sum(1 for _ in names(r.expression)) for p in self.plans for g in p.nests for r in g.reductions)
        nodes = sum(plan.nodes * (samples if plan is self.plans.samples else 1) for plan in self.plans)
        if calls * CALL > nodes:
            raise NoLowering(f"so few numbers alike that {calls:,} calls of NumPy would take longer than plain Python")

    def new(self, samples: int) -> Buffers:
        return Buffers(self, samples, self.one.size)

    def call(self, buffers: Buffers) -> None:
        buffers.call()

    def text(self) -> str:
        """The calls on one block of samples."""
        return "\n".join(self.one.lines)


class Buffers:
    """The arrays for one number of samples, and the calls on them.

    Args:
        size: numbers that lie between, of one sample.

    Attributes:
        parameters: what `call` reads; write to it in place.
        out: what it found.
    """

    def __init__(self, runner: NumpyRunner, samples: int, size: int = 0) -> None:
        import numpy as np

        program, plans = runner.program, runner.plans
        self.samples, self.size = samples, 0
        p = np.zeros(program.parameters + len(program.prologue.outputs))
        self.parameters: Any = p[: program.parameters]
        each = not program.epilogue.outputs  # nothing is added up: the results of each sample are wanted
        self.out: Any = np.zeros(program.outputs * (samples if each else 1))
        by_sample = self.out.reshape(program.outputs, -1)
        self._x = np.ones((program.columns + 1, samples))  # the last line is the weight of each sample
        sums = len(program.sample.outputs) if program.sample is not None else 0
        total, more = np.zeros(sums), np.zeros(sums)
        steps: list[Callable[[], Any]] = []
        self.lines: list[str] = []
        pool: Pool = {}

        def add(title: str, plan: Any, out: Any, start: int = 0, stop: int = 0) -> None:
            if plan is not None:
                arrays = {"P": p, "G": total, "N": np.array([float(samples)]), "K": np.array(plan.constants)}
                arrays |= {"out": out, "X": self._x[:, start:stop]}
                made = Calls(plan, arrays, stop - start, pool, each)
                self.size += made.size if title == "samples" else 0
                steps.append(made.run())
                self.lines += [f"# {title}", *made.lines]

        add("prologue", plans.prologue, p)
        stops = blocks(samples, 8 * (size + program.columns + 1)) if plans.samples is not None else []
        for start, stop in zip([0, *stops], stops, strict=False):
            out = by_sample[:, start:stop] if each else more if start else total
            add("samples", plans.samples, out, start, stop)
            if start and not each:
                steps.append(partial(np.add, total, more, total))
        if not each:
            add("epilogue", plans.epilogue, self.out)
        self.call = quietly(steps)
        self.fill(runner.fixed)

    def fill(self, data: Sequence[tuple[int, Any]]) -> None:
        """Put the data in place."""
        for first, values in data:
            self._x[first : first + values.shape[1]] = values.T


def quietly(steps: Sequence[Callable[[], Any]]) -> Callable[[], None]:
    """All steps as one, with NumPy's warnings off: what is not finite is looked at afterwards."""
    import numpy as np

    def run() -> None:
        for step in steps:
            step()

    before = np.geterr()
    context = contextvars.Context()  # entering one costs a tenth of what `errstate` does
    context.run(np.seterr, all="ignore")
    if np.geterr() == before:
        return partial(context.run, run)
    np.seterr(**before)  # an old NumPy, where the setting is the thread's own

    def within() -> None:
        with np.errstate(all="ignore"):
            run()

    return within


def blocks(samples: int, size: int) -> list[int]:
    """Where each block of samples ends, all about as long; `size` is the bytes of one sample."""
    n = math.ceil(samples / max(CACHE // size, FEWEST))
    step = math.ceil(samples / n / 8) * 8
    return [*range(step, samples, step), samples]
