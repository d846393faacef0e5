"""The arrays that one call of machine code works in.

In: the sizes of a `llvm_backend.Code`, and a number of samples. Out: arrays, and the list of their addresses that the
code is given.

    parameters   the numbers of all samples, and behind them what is computed of these alone
    main, tail   the samples, in blocks of several vectors and, for the rest, of one: a column after the other in each
    lines        the samples once more, a sample after the other, as far as tables of gradients want them so
    workspaces        for each thread that shares the call: its sums lane by lane, then intermediate numbers
    totals       for each shard of the samples: its sums
    out          loss and gradients; the same array as the first totals where the epilogue may work in place

Buffers belong to one call at a time, so that calls do not meet; they are kept and used again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm.threads import cut


class Layout:
    """Where each plan's arrays, constants and tables lie in the shared buffers."""

    def __init__(self) -> None:
        self.constants: list[float] = []
        self.tables: list[Any] = []
        self.table_length: int = 0
        self._where: dict[int, int] = {}

    def add_constants(self, numbers: Sequence[float]) -> int:
        at = len(self.constants)
        self.constants += numbers
        return at

    def table(self, entries: Any) -> int:
        at = self._where.get(id(entries))
        if at is None:
            at = self._where[id(entries)] = self.table_length
            self.tables.append(entries)
            self.table_length += len(entries)
        return at


class Buffers:
    """The arrays of one call.

    Args:
        code: a `llvm_backend.Code`, or its whole numbers and layout.
    """

    def __init__(self, code: Any, parameters: int, uniforms: int, outputs: int, samples: int) -> None:
        import numpy as np

        lanes, unroll = code.lanes, code.unroll
        block = lanes * unroll
        self.samples: int = samples
        self.blocks = samples // block if unroll > 1 else 0
        self.rest = -(-(samples - self.blocks * block) // lanes) if samples else 0
        self.parameters: Any = aligned(parameters + uniforms)
        self.count: Any = np.array([float(samples)])
        self.main: Any = aligned(self.blocks * code.columns * block).reshape(self.blocks, code.columns, block)
        self.tail: Any = aligned(self.rest * code.columns * lanes).reshape(self.rest, code.columns, lanes)
        self.lines: Any = aligned((self.blocks * block + self.rest * lanes) * code.lines).reshape(
            -1, max(code.lines, 1)
        )
        self.shards, self.each = cut(code.operations * samples, self.blocks, code.sums)
        self.alone: float = math.inf  # seconds of the fastest call that one thread did
        self.workspaces: list[Any] = [aligned(code.scratch)]
        # in the totals the loss comes first, then the gradients in whole vectors
        self.totals: Any = aligned(max(code.shard_stride * self.shards, outputs), behind=1)
        self.out: Any = self.totals[:outputs] if code.in_place else aligned(outputs, behind=1)
        self.constants: Any = np.array(code.layout.constants or [0.0])
        self.tables: Any = np.concatenate([np.zeros(1, np.int32), *code.layout.tables])[1:] if code.layout.tables else (
            np.zeros(1, np.int32)
        )  # fmt: skip
        places = [
            self.parameters,
            self.count,
            self.main,
            self.tail,
            self.lines,
            self.workspaces[0],
            self.totals,
            self.out,
        ]
        places += [self.constants, self.tables]
        lengths = [self.blocks, self.rest, self.shards, self.each, 0]
        self.arguments: Any = np.array([*[x.ctypes.data for x in places], *lengths], dtype=np.int64)
        self.pointer: int = self.arguments.ctypes.data
        if samples:
            weight = np.zeros(self.rest * lanes)
            weight[: samples - self.blocks * block] = 1.0
            self.main[:, -1, :] = 1.0
            self.tail[:, -1, :] = weight.reshape(self.rest, lanes)

    def workspace(self, k: int) -> int:
        """Where the k-th of the threads that share this call keeps its sums and intermediate numbers."""
        while len(self.workspaces) <= k:
            self.workspaces.append(aligned(len(self.workspaces[0])))
        address: int = self.workspaces[k].ctypes.data
        return address

    def fill(self, columns: Sequence[tuple[int, Any]]) -> None:
        """Put the data in: (first column, array of samples), each; the last samples of the last vector are copies."""
        import numpy as np

        done = self.main.shape[0] * self.main.shape[2]
        lanes = self.tail.shape[2]
        over = self.rest * lanes - (self.samples - done)
        for first, data in columns:
            width = data.shape[1]
            if self.lines.size and first < self.lines.shape[1]:
                line = self.lines[:, first : first + width]
                line[: self.samples] = data[:, : line.shape[1]]
                line[self.samples :] = line[self.samples - 1]
            if done:
                self.main[:, first : first + width] = data[:done].reshape(self.blocks, -1, width).transpose(0, 2, 1)
            if self.rest:
                last = data[done:]
                if over:
                    last = np.concatenate([last, np.repeat(data[-1:], over, axis=0)])
                self.tail[:, first : first + width] = last.reshape(self.rest, lanes, width).transpose(0, 2, 1)


def aligned(n: int, behind: int = 0) -> Any:
    """n doubles, zero; the one behind so many others lies at a multiple of 64 bytes."""
    import numpy as np

    space = np.zeros(n + 8)
    start = (-space.ctypes.data // 8 - behind) % 8
    return space[start : start + n]
