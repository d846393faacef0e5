"""From three tapes to something that runs: the choice of a back end, and the one that needs nothing.

In: the tapes of a `SampleProgram` (or of a `PlainProgram`, which has no samples). Out: a runner, which takes the
parameters and the samples of data and gives the loss and its gradients.

    llvm   loops over vectors of samples, in machine code           needs llvmlite and numpy
    numpy  the same loops, each loop nest as a few NumPy calls       needs numpy
    tape   the tape in plain Python, sample by sample                  needs nothing
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lite.compiler.backends import python
from tinygrad_lite.compiler.backends.llvm import jit
from tinygrad_lite.compiler.backends.llvm.llvm_runner import LLVMRunner
from tinygrad_lite.compiler.backends.runners import Runner
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.ir.tape import Ref, Tape
from tinygrad_lite.compiler.passes.log import ran
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.programs import Program
from tinygrad_lite.compiler.passes.stencil import StencilProgram
from tinygrad_lite.errors import OperandError, user_line

NAMES = ("llvm", "numpy", "tape")


def available() -> list[str]:
    """The names of the back ends that can run here, the fastest first."""
    numpy = importlib.util.find_spec("numpy") is not None
    return [name for name, there in (("llvm", numpy and jit.available()), ("numpy", numpy), ("tape", True)) if there]


def runner(program: Program, backend: str | None = None, samples: int = 0) -> Runner:
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
                made = LLVMRunner(program, samples)
            elif name == "numpy":
                from tinygrad_lite.compiler.backends.numpy.runner import NumpyRunner

                made = NumpyRunner(program, samples, wanted=backend is not None)
            else:
                made = TapeRunner(program.straight() if isinstance(program, StencilProgram) else program)
        except NoLowering as reason:
            if backend:
                raise
            why = str(reason)
            continue
        made.why = why
        ran("emit", made.text)
        return made
    raise AssertionError("the plain tape runs everything")


class TapeRunner(Runner):
    """The tapes in plain Python."""

    name = "tape"

    def __init__(self, program: Program) -> None:
        start = time.perf_counter()
        self.program = program
        self._prologue = python.compiled(program.prologue)
        self._sample = python.compiled(program.sample) if program.sample is not None else None
        self._epilogue = python.compiled(program.epilogue)
        self._order = _order(program.sample, program.sample_arrays) if program.sample is not None else []
        self.seconds: dict[str, float] = {"writing Python": time.perf_counter() - start}

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), samples: int = 0) -> Any:
        ps = numbers(parameters)
        if self._sample is None:
            return self._epilogue(ps)
        uniforms = [*ps, *self._prologue([*ps, float(samples)])]
        columns: dict[int, Any] = {}
        for first, block in [*self.fixed, *data]:
            block = block.tolist() if hasattr(block, "tolist") else block
            for i in range(len(block[0])):
                columns[first + i] = [sample[i] for sample in block]
        columns[self.program.columns] = [1.0] * samples  # the weight
        sums: list[float] | None = None
        for k in range(samples):
            given = [uniforms[i] if array == "P" else columns[i][k] for array, i in self._order]
            found = self._sample(given)
            sums = found if sums is None else [x + y for x, y in zip(sums, found, strict=True)]
        arrays = {"P": ps, "G": sums or [], "N": [float(samples)]}
        order = _order(self.program.epilogue, self.program.epilogue_arrays)
        return self._epilogue([arrays[array][i] for array, i in order])

    def text(self) -> str:
        if self.program.sample is None:
            return python.source(self.program.epilogue)
        return "\n\n\n".join(
            python.source(tape, name)
            for name, tape in zip(
                ("prologue", "sample", "epilogue"),
                (self.program.prologue, self.program.sample, self.program.epilogue),
                strict=True,
            )
        )


def _order(tape: Tape, arrays: Mapping[Ref, tuple[str, int]]) -> list[tuple[str, int]]:
    return [arrays[ref] for ref in tape.inputs]
