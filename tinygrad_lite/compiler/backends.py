"""From three tapes to something that runs: the choice of a back end, and the one that needs nothing.

In: the tapes of a `RowProgram` (or of a `PlainProgram`, which has no rows). Out: a runner, which takes the
parameters and the rows of data and gives the loss and its slopes.

    llvm   loops over vectors of rows, in machine code           needs llvmlite and numpy
    numpy  the same loops, each group as a few NumPy calls       needs numpy
    tape   the tape in plain Python, row by row                  needs nothing
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler import python_backend
from tinygrad_lite.compiler.arguments import numbers
from tinygrad_lite.compiler.deriving.lowering import NoLowering
from tinygrad_lite.compiler.finding.stencil import StencilProgram
from tinygrad_lite.compiler.llvm import jit
from tinygrad_lite.compiler.llvm.llvm_runner import LLVMRunner
from tinygrad_lite.compiler.programs import Program
from tinygrad_lite.compiler.runners import Runner
from tinygrad_lite.compiler.tracing.tape import Ref, Tape
from tinygrad_lite.errors import OperandError, user_line

NAMES = ("llvm", "numpy", "tape")


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
        ps = numbers(parameters)
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
