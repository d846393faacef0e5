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

from tinygrad_lite.compiler.backends.numpy.text import LEGEND, UFUNCS, PlanText
from tinygrad_lite.compiler.backends.runners import Buffered
from tinygrad_lite.compiler.ir.loop_nest import names
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.programs import Plans, Program

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
        self.plans: Plans = Plans(program, {*UFUNCS, "relu", "select"}, whole=True)
        self.seconds: dict[str, float] = dict(self.plans.seconds)
        if not wanted:
            self._refuse_scalars(samples)
        start = time.perf_counter()
        named = (("prologue", self.plans.prologue), ("samples", self.plans.samples), ("epilogue", self.plans.epilogue))
        self.texts: dict[str, PlanText] = {name: PlanText(name, plan) for name, plan in named if plan is not None}
        self.seconds["preparing NumPy calls"] = time.perf_counter() - start
        self._prepare()

    def _refuse_scalars(self, samples: int) -> None:
        """A call on a single number takes as long as Python needs for some ten operations."""
        calls = sum(1 + sum(1 for _ in names(r.expression)) for p in self.plans for g in p.nests for r in g.reductions)
        nodes = sum(plan.nodes * (samples if plan is self.plans.samples else 1) for plan in self.plans)
        if calls * CALL > nodes:
            raise NoLowering(f"so few numbers alike that {calls:,} calls of NumPy would take longer than plain Python")

    def new(self, samples: int) -> Buffers:
        return Buffers(self, samples)

    def call(self, buffers: Buffers) -> None:
        buffers.call()

    def text(self) -> str:
        return "\n\n\n".join([LEGEND, *[text.source for text in self.texts.values()]])


class Buffers:
    """The arrays for one number of samples, and the calls on them.

    Attributes:
        parameters: what `call` reads; write to it in place.
        out: what it found.
    """

    def __init__(self, runner: NumpyRunner, samples: int) -> None:
        import numpy as np

        program, plans = runner.program, runner.plans
        self.samples = samples
        p = np.zeros(program.parameters + len(program.prologue.outputs))
        self.parameters = p[: program.parameters]
        self.out = np.zeros(program.outputs)
        self._x = np.ones((program.columns + 1, samples))  # the last line is the weight of each sample
        total = np.zeros(plans.sums)
        shared = {"P": p, "G": total, "N": np.array([float(samples)])}
        once: list[Callable[[], None]] = []
        run: list[Callable[[], None]] = []

        def bind(name: str, out: Any, **more: Any) -> None:
            text = runner.texts.get(name)
            if text is not None:
                both = text.bound(shared | {"K": np.array(text.plan.constants), "out": out} | more)
                once.append(both[0])
                run.append(both[1])

        bind("prologue", p)
        if plans.samples is not None:
            stops = blocks(samples, 8 * (runner.texts["samples"].size + program.columns + 1))
            for start, stop in zip([0, *stops], stops, strict=False):
                share = np.zeros(plans.sums) if start else total
                n = stop - start
                bind("samples", share, X=self._x[:, start:stop], R=n, N_rows=np.array(float(n)))
                if start:
                    run.append(partial(np.add, total, share, total))
        bind("epilogue", self.out)
        self._once = quietly(once)
        self.call = quietly(run)
        self.fill(runner.fixed)

    def fill(self, data: Sequence[tuple[int, Any]]) -> None:
        """Put the data in place, and compute what needs nothing else."""
        for first, values in data:
            self._x[first : first + values.shape[1]] = values.T
        self._once()


def quietly(steps: Sequence[Callable[[], Any]]) -> Callable[[], None]:
    """All steps as one, with NumPy's warnings off: what is not finite is looked at afterwards."""
    import numpy as np

    steps = tuple(steps)

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
