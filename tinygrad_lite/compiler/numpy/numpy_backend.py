"""The plan in NumPy: each group is a few calls on whole arrays.

In: the same plans as the LLVM back end gets. Out: a runner. The text of each plan is made once
(text.py); for each number of rows there are buffers, in which every array and every view that
the text names is already there, so that a call does nothing but compute.

Many rows are gone through in blocks, which share their arrays and stay in the cache.
"""

from __future__ import annotations

import contextvars
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.compiler.deriving.lowering import NoLowering
from tinygrad_lite.compiler.numpy.expressions import UFUNCS
from tinygrad_lite.compiler.numpy.text import PlanText
from tinygrad_lite.compiler.planning.plan import names
from tinygrad_lite.compiler.programs import Plans, Program
from tinygrad_lite.compiler.runners import Buffered

CACHE = 1 << 20
"""Bytes that the arrays of one block of rows may fill."""

CALL = 8
"""Operations of plain Python that cost as much as one call of NumPy."""

FEWEST = 128
"""Rows in a block at least: a call has its price."""


LEGEND = """\
# P: parameters, and what is made of them alone. X: data, one line for each column. K: constants. G: sums over the rows.
# empty, kept: numpy.empty, the first of which gives the same arrays to each block of R rows.
# M.view(int8) is a comparison as whole numbers: negative() turns 1 into a number of which all bits are ones, and
# bitwise_and() with it keeps a float as it is, whatever it is, while a comparison that is false leaves 0.0."""


class NumpyRunner(Buffered):
    """The plans in NumPy."""

    name = "numpy"

    def __init__(self, program: Program, rows: int = 0, wanted: bool = True) -> None:
        """Args:
        rows: how many rows there will be, about.
        wanted: this back end was asked for by name.
        """
        self.program = program
        self.parameters = program.parameters
        self.plans: Plans = Plans(program, {*UFUNCS, "relu", "select"}, whole=True)
        self.seconds = dict(self.plans.seconds)
        if not wanted:
            self._refuse_scalars(rows)
        start = time.perf_counter()
        zero = program.parameters + len(program.prologue.outputs)  # behind them P has a 0
        named = (("prologue", self.plans.prologue), ("rows", self.plans.rows), ("finale", self.plans.finale))
        self.texts = {name: PlanText(name, plan, program.columns, zero) for name, plan in named if plan is not None}
        self.seconds["preparing NumPy calls"] = time.perf_counter() - start
        self._prepare()

    def _refuse_scalars(self, rows: int) -> None:
        """A call on a single number takes as long as Python needs for some ten operations."""
        calls = sum(1 + sum(1 for _ in names(r.expression)) for p in self.plans for g in p.groups for r in g.runs)
        nodes = sum(plan.nodes * (rows if plan is self.plans.rows else 1) for plan in self.plans)
        if calls * CALL > nodes:
            raise NoLowering(f"so few numbers alike that {calls:,} calls of NumPy would take longer than plain Python")

    def new(self, rows: int) -> Buffers:
        return Buffers(self, rows)

    def call(self, buffers: Buffers) -> None:
        buffers.call()

    def text(self) -> str:
        return "\n\n\n".join([LEGEND, *[text.source for text in self.texts.values()]])


TALL = 64
"""Rows of a wide table that are turned around at once."""


class Buffers:
    """The arrays for one number of rows, and the calls on them.

    Attributes:
        parameters: what `call` reads; write to it in place.
        out: what it found.
    """

    def __init__(self, runner: NumpyRunner, rows: int) -> None:
        import numpy as np

        program, plans = runner.program, runner.plans
        self.rows = rows
        uniforms = len(program.prologue.outputs)
        p = np.zeros(program.parameters + uniforms + 1)
        self.parameters = p[: program.parameters]
        self.out = np.zeros(program.outputs)
        self._x = np.ones((program.columns + 1, rows))  # the last line is the weight of each row
        self._once: list[Callable[[], None]] = []
        self._run: list[Callable[[], None]] = []
        total = np.zeros(plans.sums)
        shared = {"P": p, "G": total, "N": np.array([float(rows)]), "kept": np.empty}
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
        if plans.rows is not None:
            stops = blocks(rows, runner.texts["rows"].calls.bytes + 8 * (program.columns + 1))
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
            step = TALL if values.shape[1] >= TALL // 4 else self.rows
            for start in range(0, self.rows, step):  # piece by piece, so that what is read stays near
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


def blocks(rows: int, size: int) -> list[int]:
    """Where each block of rows ends, all about as long; `size` is the bytes of one row."""
    most = max(CACHE // size, FEWEST)
    n = math.ceil(rows / most)
    step = math.ceil(rows / n / 8) * 8
    return [*range(step, rows, step), rows]


def _adding(total: Any, share: Any) -> Callable[[], None]:
    import numpy as np

    def add() -> None:
        np.add(total, share, out=total)

    return add


class Room:
    """Arrays that each block of rows uses in its turn: asked for in the same order, they are the same."""

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
