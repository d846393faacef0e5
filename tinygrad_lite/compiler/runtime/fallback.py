"""Running without compiling: the arguments as Values, and the warning that says so.

In: numbers whose program cannot be compiled, did not agree with the engine, or is not faster. Out: leaves for the
engine, and one warning, at the user's own line.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import user_line

TURNS = 5
"""Calls by which two ways are compared."""


class CompileWarning(UserWarning):
    """A compiled function fell back to running without compiling; the text says why and where."""


class Leaf(Value):
    """An argument in a run without compiling: a Value that may also count a loop, as the int it was could.

    Beside a plain number it compares with == as one.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return (
            self.data == other if hasattr(type(other), "__float__") and not isinstance(other, Value) else self is other
        )

    __hash__ = Value.__hash__

    def __index__(self) -> int:
        if self.data != int(self.data):
            raise TypeError(f"an index must be a whole number, but this one is {self.data!r}{user_line()}.")
        return int(self.data)

    __int__ = __index__


@functools.cache
def without_llvm(runs: str) -> None:
    """Say once that there is no machine code here, and what to install."""
    warnings.warn(
        f"llvmlite is not installed, so tg.compile gives {runs} here, or the engine itself where that is faster.\n"
        '  For machine code: pip install "tinygrad-lite[compile]"',
        CompileWarning,
        stacklevel=outside(),
    )


def sooner(one: Callable[[], object], other: Callable[[], object]) -> bool:
    """Whether the first of two ways takes less time: called in turn, and the shortest call of each counts."""
    best = [math.inf, math.inf]
    for _ in range(TURNS):
        for k, run in enumerate((one, other)):
            started = time.perf_counter()
            run()
            best[k] = min(best[k], time.perf_counter() - started)
    return best[0] < best[1]


def outside() -> int:
    """How many frames up the user's own line is, for the warning."""
    package, level, frame = str(Path(__file__).parents[2]), 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((package, contextlib.__file__)):
        frame, level = frame.f_back, level + 1
    return level
