"""The plan in NumPy: each loop nest is a few calls on whole arrays.

In: the same plans as the LLVM back end gets. Out: a runner. The text of each plan is made once
(text.py); for each number of samples there are buffers, in which every array and every view that
the text names is already there, so that a call does nothing but compute.

Many samples are gone through in blocks, which share their arrays and stay in the cache.
"""

from __future__ import annotations

import contextvars
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.compiler.backends.numpy.expressions import UFUNCS
from tinygrad_lite.compiler.backends.numpy.text import PlanText
from tinygrad_lite.compiler.backends.runners import Buffered
from tinygrad_lite.compiler.ir.loop_nest import names
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.programs import Plans, Program

CACHE = 1 << 20
"""Bytes that the arrays of one block of samples may fill."""

CALL = 8
"""Operations of plain Python that cost as much as one call of NumPy."""

FEWEST = 128
"""Samples in a block at least: a call has its price."""


LEGEND = """\
# P: parameters, and what is made of them alone. X: data, one line for each column. K: constants. G: sums over the
samples. # empty, kept: numpy.empty, the first of which gives the same arrays to each block of R samples.
# M.view(int8) is a comparison as whole numbers: negative() turns 1 into a number of which all bits are ones, and
# bitwise_and() with it keeps a float as it is, whatever it is, while a comparison that is false leaves 0.0."""


class NumpyRunner(Buffered):
    """The plans in NumPy."""

    name = "numpy"

    def __init__(self, program: Program, samples: int = 0, wanted: bool = True) -> None:
        """Args:
        samples: how many samples there will be, about.
        wanted: this back end was asked for by name.
        """
        self.program = program
        self.parameters = program.parameters
        self.plans: Plans = Plans(program, {*UFUNCS, "relu", "select"}, whole=True)
        self.seconds = dict(self.plans.seconds)
        if not wanted:
            self._refuse_scalars(samples)
        start = time.perf_counter()
        zero = program.parameters + len(program.prologue.outputs)  # behind them P has a 0
        named = (("prologue", self.plans.prologue), ("rows", self.plans.samples), ("finale", self.plans.epilogue))
        self.texts = {name: PlanText(name, plan, program.columns, zero) for name, plan in named if plan is not None}
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


TALL = 64
"""Samples of a wide table that are turned around at once."""


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
        uniforms = len(program.prologue.outputs)
        p = np.zeros(program.parameters + uniforms + 1)
        self.parameters = p[: program.parameters]
        self.out = np.zeros(program.outputs)
        self._x = np.ones((program.columns + 1, samples))  # the last line is the weight of each sample
        self._once: list[Callable[[], None]] = []
        self._run: list[Callable[[], None]] = []
        total = np.zeros(plans.sums)
        shared = {"P": p, "G": total, "N": np.array([float(samples)]), "kept": np.empty}
        rooms: dict[tuple[str, int], Room] = {}  # blocks of one length share their arrays

        def bind(name: str, x: Any, out: Any) -> None:
            text = runner.texts.get(name)
            if text is not None:
                n = 0 if x is None else x.shape[1]
                room = rooms.setdefault((name, n), Room())
                room.begin()
                given = shared | {"X": x, "K": np.array(text.plan.constants), "out": out, "R": n, "empty": room}
                once, run = text.bound(given | {"ones": np.ones(n), "rows": np.array(float(n))})
                self._once.append(once)
                self._run.append(run)

        bind("prologue", None, p)
        if plans.samples is not None:
            stops = blocks(samples, runner.texts["rows"].calls.bytes + 8 * (program.columns + 1))
            shares: dict[int, Any] = {}
            for k, (start, stop) in enumerate(zip([0, *stops], stops, strict=False)):
                share = shares.setdefault(stop - start, np.zeros(plans.sums)) if k else total
                bind("rows", self._x[:, start:stop], share)
                if k:
                    self._run.append(_adding(total, share))
        bind("finale", None, self.out)
        self._prepared = quietly(self._once)
        self.call = quietly(self._run)
        self.fill(runner.fixed)

    def fill(self, data: Sequence[tuple[int, Any]]) -> None:
        """Put the data in place, and compute what needs nothing else."""
        for first, values in data:
            lines = self._x[first : first + values.shape[1]]
            step = TALL if values.shape[1] >= TALL // 4 else self.samples
            for start in range(0, self.samples, step):  # piece by piece, so that what is read stays near
                lines[:, start : start + step] = values[start : start + step].T
        self._prepared()


def quietly(steps: Sequence[Callable[[], None]]) -> Callable[[], None]:
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
    most = max(CACHE // size, FEWEST)
    n = math.ceil(samples / most)
    step = math.ceil(samples / n / 8) * 8
    return [*range(step, samples, step), samples]


def _adding(total: Any, share: Any) -> Callable[[], None]:
    import numpy as np

    def add() -> None:
        np.add(total, share, out=total)

    return add


class Room:
    """Arrays that each block of samples uses in its turn: asked for in the same order, they are the same."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.next = 0

    def begin(self) -> None:
        self.next = 0

    def __call__(self, shape: tuple[int, ...], kind: Any = float) -> Any:
        import numpy as np

        if self.next == len(self.arrays):
            self.arrays.append(np.empty(shape, kind))
        self.next += 1
        return self.arrays[self.next - 1]
