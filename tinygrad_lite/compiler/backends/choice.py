"""From three tapes to something that runs: the choice of a back end.

In: the tapes of a `SampleProgram` (or of a `PlainProgram`, which has no samples). Out: a runner, which takes the
parameters and the samples of data and gives the loss and its gradients.

    llvm   loops over vectors of samples, in machine code           needs llvmlite and numpy
    numpy  the same loops, each loop nest as a few NumPy calls       needs numpy
    tape   the tape in plain Python, sample by sample                  needs nothing
"""

from __future__ import annotations

import importlib.util

from tinygrad_lite.compiler.backends.llvm import jit
from tinygrad_lite.compiler.backends.llvm.llvm_runner import LLVMRunner
from tinygrad_lite.compiler.backends.python import TapeRunner
from tinygrad_lite.compiler.backends.runners import Runner
from tinygrad_lite.compiler.passes.log import ran
from tinygrad_lite.compiler.passes.lowering import NoLowering
from tinygrad_lite.compiler.passes.pipeline import EMIT, differentiated
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
                made = TapeRunner(
                    differentiated(program.straight()) if isinstance(program, StencilProgram) else program
                )
        except NoLowering as reason:
            if backend:
                raise
            why = str(reason)
            continue
        made.why = why
        ran(EMIT, made.text)
        return made
    raise AssertionError("the plain tape runs everything")
