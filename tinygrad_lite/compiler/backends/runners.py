"""What all back ends have in common: a runner takes the parameters and the samples of data and gives loss and
gradients.

In: chunks of parameters, tables of data. Out: one flat list of numbers. A runner with buffers keeps them for the next
call.
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Plans
from tinygrad_lite.compiler.passes.batching import SampleData
from tinygrad_lite.compiler.passes.programs import Program

FEW = 8
"""Results up to which a list of them is handled faster than an array."""

KEPT = 8
"""Numbers of samples for which buffers are kept."""


class Runner:
    """Something that runs a program: `run(parameters, data, samples)` gives [loss, gradients...]."""

    name = ""
    why = ""  # why no faster back end was taken
    seconds: dict[str, float]
    program: Program
    plans: Plans | None = None
    threads: int | None = None  # how many may share a call; None for as many as there are cores
    fixed: Sequence[tuple[int, Any]] = ()  # columns of data that are the same at every call
    entry: tuple[str, bytes] | None = None  # what to keep on the disk, and under which name
    saved_as: str | None = None  # the name on the disk of the program that it belongs to
    batch: SampleData | None = None  # the samples that were found in it
    expected: Sequence[float] = ()  # what the flags of its guards must be: a list

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), samples: int = 0) -> Any:
        """Args:
        parameters: chunks, each a float or a flat array.
        data: (first column, array of as many samples as there are), each.
        samples: how many.
        """
        raise NotImplementedError

    def due(self, samples: int) -> bool:
        """Whether, with one more call on so many samples, something faster should be made."""
        return False

    def text(self) -> str:
        raise NotImplementedError

    def sharing(self, samples: int) -> str:
        """How a call on so many samples is shared among threads, in words."""
        return ""


class Buffered(Runner):
    """A runner that computes in buffers, which it keeps for each number of samples; no two calls at a time share
    any.
    """

    parameters: int  # how many numbers it is given

    def _prepare(self) -> None:
        self._free: dict[int, list[Any]] = {}
        self._lock = threading.Lock()

    def new(self, samples: int) -> Any:
        """Buffers for so many samples, with the data that never change in place."""
        raise NotImplementedError

    def call(self, buffers: Any) -> None:
        """Compute what the parameters and data in these buffers give."""
        raise NotImplementedError

    def bound(self, buffers: Any) -> tuple[Any, ...]:
        """The same call, as a function and what to give it."""
        return self.call, buffers

    def buffers(self, samples: int) -> Any:
        """Buffers for so many samples that nobody uses now; give them back with `release`."""
        try:
            return self._free[samples].pop()  # one step, which no other thread can come into
        except LookupError:
            return self.new(samples)

    def release(self, buffers: Any) -> None:
        free = self._free.get(buffers.samples)
        if free is not None:
            free.append(buffers)
            return
        with self._lock:
            self._free.setdefault(buffers.samples, []).append(buffers)
            while len(self._free) > KEPT:  # a program whose batches are all of different sizes keeps only a few
                del self._free[next(iter(self._free))]

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), samples: int = 0) -> Any:
        buffers = self.buffers(samples)
        try:
            fill(buffers.parameters, parameters)
            if data:
                buffers.fill(data)
            self.call(buffers)
            out = buffers.out
            return out.tolist() if len(out) <= FEW else out.copy()
        finally:
            self.release(buffers)


def fill(buffer: Any, chunks: Sequence[Any]) -> None:
    """Write the chunks one behind the other into a buffer."""
    if chunks and chunks[-1].__class__ is float and (len(chunks) == 1 or set(map(type, chunks)) == {float}):
        struct.pack_into(f"{len(chunks)}d", buffer, 0, *chunks)
        return
    at = 0
    for chunk in chunks:
        n = 1 if chunk.__class__ is float else len(chunk)
        buffer[at : at + n] = chunk
        at += n


def finite(out: Any) -> bool:
    """Whether all numbers are finite."""
    if out.__class__ is list:
        return all(map(math.isfinite, out))
    import numpy as np

    return math.isfinite(out.dot(out)) or bool(np.isfinite(out).all())  # the quick test fails of large numbers
