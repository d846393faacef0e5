"""A tape as NumPy arrays, for passes that look at all of it at once.

In: any tape. Out: for each op its kind, and where its operands lie among the operands of all ops.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import Ref, Tape
from tinygrad_lite.engine.op import Op


def columns(tape: Tape) -> tuple[Sequence[tuple[Op, int]], array[int], array[int]]:
    """What the ops are (op and number of operands), which of these each op is, and all operands."""
    if isinstance(tape, Recording):
        return tape.kinds, *tape.columns()
    numbers: dict[tuple[Op, int], int] = {}
    keys = zip(tape.op, map(len, tape.args), strict=True)
    kind = array("i", [numbers.setdefault(key, len(numbers)) for key in keys])
    return list(numbers), kind, array("i", chain.from_iterable(tape.args))


class Columns:
    """The columns of a tape.

    Attributes:
        kinds: (op of the table, number of operands), for each kind.
        kind: the kind of each op.
        operands: what the ops read, one behind the other.
        count, start: how many each op reads, and where its first stands.

    >>> from tinygrad_lite.engine import ops
    >>> t = Tape(); x, y = t.input("x"), t.input("y")
    >>> c = Columns(t) if t.node(ops.mul, (x, y)) == t.node(ops.sum, (0, x, y)) - 1 else None
    >>> c.kind.tolist(), c.start.tolist(), c.args(1), [part.tolist() for part in c.reads(c.of((ops.sum, 3)))]
    ([0, 1], [0, 2], (0, -1, -2), [[0, -1, -2], [0, 0, 0]])
    """

    def __init__(self, tape: Tape) -> None:
        import numpy as np

        self.kinds, kind, operands = columns(tape)
        self.kind: Any = np.asarray(kind, np.int32)
        self.operands: Any = np.asarray(operands, np.int32)
        self.count: Any = np.array([n for _, n in self.kinds], np.int32)[self.kind]
        self.start: Any = np.cumsum(self.count, dtype=np.int64) - self.count

    def __len__(self) -> int:
        return len(self.kind)

    def op(self, node: Ref) -> Op:
        number: int = self.kind[node]
        return self.kinds[number][0]

    def args(self, node: Ref) -> tuple[Ref, ...]:
        start = self.start[node]
        return tuple(self.operands[start : start + self.count[node]].tolist())

    def of(self, *kinds: tuple[Op, int]) -> Any:
        """The nodes of these kinds, in order."""
        import numpy as np

        return np.flatnonzero(np.isin(self.kind, [k for k, kind in enumerate(self.kinds) if kind in kinds]))

    def reads(self, nodes: Any) -> tuple[Any, Any]:
        """All operands of these nodes, and for each which of the nodes reads it."""
        import numpy as np

        counts = self.count[nodes]
        reader: Any = np.repeat(np.arange(len(nodes)), counts)
        place = np.arange(len(reader)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.operands[self.start[nodes][reader] + place], reader
