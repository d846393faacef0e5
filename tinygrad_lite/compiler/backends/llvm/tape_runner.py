"""The tape in machine code as a runner: traced programs at once, while their loops are not worth making yet.

In: a traced tape. Out: a runner that is ready when its instructions are (instructions.py): nothing is compiled. It
takes 10 to 25 ns an op for value and gradient together, where loops in machine code take one or less.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm import cache, jit
from tinygrad_lite.compiler.backends.llvm.buffers import aligned
from tinygrad_lite.compiler.backends.llvm.instructions import ADDRESSES, Instructions
from tinygrad_lite.compiler.backends.runners import Buffered, fill
from tinygrad_lite.compiler.ir.tape import Tape
from tinygrad_lite.compiler.passes.pipeline import differentiated
from tinygrad_lite.compiler.passes.programs import PlainProgram, Program

SOON = 5_000_000
"""Ops performed on the tape, in all calls together, after which alike parts are looked for, to be made loops."""

COST = 4_000
"""Calls whose time on the tape would have made the loops of a program in which no such parts were found."""

SAMPLES = 3_000
"""Samples that went through a tape, in all calls together, after which their loops are made."""


@functools.cache
def machine() -> Any:
    """The two functions of tape_code.py in memory, from the disk if they are there: (entry, mark)."""
    started = time.perf_counter()
    name = jit.code_key("machine tape")
    code = cache.load(name)
    cached = code is not None
    if code is None:
        from tinygrad_lite.compiler.backends.llvm import tape_code  # which nothing else needs

        code = jit.object_code(tape_code.text())
        cache.store(name, code)
    compiled = jit.load(code, "entry", cached=cached, started=started)
    return compiled, compiled.function("mark")


class TapeBuffers:
    """The arrays of one call."""

    samples: int = 0
    shards: int = 1

    def __init__(self, instructions: Instructions) -> None:
        import numpy as np

        it = instructions
        self.parameters: Any = aligned(max(1, len(it.inputs)))
        self.out: Any = aligned(len(it.outputs) + len(it.wrt) + 1, behind=1)
        self._arrays = {
            **vars(it), "values": it.values.copy(), "adjoints": np.zeros(len(it.values)),
            "workspace": np.zeros(it.longest + 1), "P": self.parameters, "out": self.out,
        }  # fmt: skip
        addresses = [self._arrays[name].ctypes.data for name in ADDRESSES]
        self.arguments: Any = np.array([*addresses, *it.counts], np.int64)
        self.pointer: int = self.arguments.ctypes.data

    def fill(self, data: Any) -> None:
        """There are no samples."""


class TapeMachine(Buffered):
    """A traced program on the tape in machine code."""

    name = "machine tape"

    def __init__(self, tape: Tape, wrt: Sequence[int] | None) -> None:
        started = time.perf_counter()
        self.compiled, mark = machine()
        loaded = time.perf_counter()
        self._tape, self._wrt = tape, wrt
        self.instructions: Instructions = Instructions(tape, wrt)
        self.parameters: int = len(tape.inputs)
        self.calls: int = 0
        self.waits: int = SOON
        self._prepare()
        if wrt:
            buffers = self.new(0)
            buffers._arrays["adjoints"][self.instructions.outputs[0]] = 1.0
            mark(buffers.pointer)
            self.release(buffers)
        self.seconds: dict[str, float] = {
            "loading the tape": loaded - started,
            "instructions": time.perf_counter() - loaded,
        }

    @functools.cached_property
    def program(self) -> Program:  # type: ignore[override]
        inputs = self._tape.inputs
        wrt = None if self._wrt is None else [inputs[i] for i in self._wrt]
        return differentiated(PlainProgram(self._tape, wrt))

    def due(self, samples: int) -> bool:
        """Whether so much was computed on the tape that loops should be made; counts the call.

        Only the calls and the size of the program decide, no clock: the same program gives the same bits each time.
        """
        self.calls += 1
        return self.worth(self.waits)

    def worth(self, visits: int) -> bool:
        """Whether so many ops were performed on the tape, in all calls together."""
        return self.calls * len(self.instructions.code) > visits and not self.why

    def new(self, samples: int) -> TapeBuffers:
        return TapeBuffers(self.instructions)

    def call(self, buffers: Any) -> None:
        self.compiled.call(buffers.pointer)

    def bound(self, buffers: Any) -> tuple[Any, ...]:
        return self.compiled.bound(buffers.pointer)  # type: ignore[no-any-return]

    def text(self) -> str:
        from tinygrad_lite.compiler.backends.llvm import tape_code

        return tape_code.text()


class SampleMachine(TapeMachine):
    """The loss of one sample on the tape, sample after sample: their mean, and its gradient w.r.t. the parameters."""

    def __init__(self, tape: Tape, parameters: int, wrt: Sequence[int] | None) -> None:
        super().__init__(tape, wrt)
        self.parameters: int = parameters
        self.columns: int = len(tape.inputs) - parameters

    def due(self, samples: int) -> bool:
        self.calls += samples
        return self.calls > SAMPLES

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), samples: int = 0) -> Any:
        import numpy as np

        table = np.empty((samples, self.columns))
        for first, block in data:
            table[:, first : first + block.shape[1]] = block
        buffers = self.buffers(0)
        try:
            fill(buffers.parameters, parameters)
            sample = buffers.parameters[self.parameters : self.parameters + self.columns]
            total = np.zeros(len(buffers.out) - 1)
            for row in table:
                sample[:] = row
                self.call(buffers)
                total += buffers.out[:-1]
            return total / samples
        finally:
            self.release(buffers)
