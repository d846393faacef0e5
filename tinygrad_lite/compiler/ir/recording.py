"""A tape while it is written: columns of whole numbers, a dozen bytes for each op.

In: the ops of a traced run, one after the other. Out: the same tape. The columns are what a program of millions of
ops is looked up by (program_cache.py) and searched for samples in (batching.py), without a walk over it in Python:

    kind        what op i is: a number, which stands for an op of the table with so many operands
    operands    what the ops read, one behind the other

Passes that go op by op find `op` and `args` as on any tape; these are made when they are first asked for.
"""

from __future__ import annotations

import functools
from array import array
from itertools import islice

from tinygrad_lite.compiler.ir.tape import Ref, Tape
from tinygrad_lite.engine.op import Op

CHUNK = 1 << 16
"""Ops after which what was written as lists, which is quick, is moved to arrays, which are small."""


class Recording(Tape):
    """A tape that is written as columns.

    >>> from tinygrad_lite.engine import ops
    >>> t = Recording()
    >>> x = t.input("x")
    >>> t.outputs.append(t.node(ops.add, (t.node(ops.mul, (x, x)), t.constant(1.0))))
    >>> [list(column) for column in t.columns()], [(op.name, n) for op, n in t.kinds]
    ([[0, 1], [-1, -1, 0, -2]], [('mul', 2), ('add', 2)])
    >>> print(t)
    v0 = x * x
    v1 = v0 + 1.0
    return v1
    """

    def __init__(self) -> None:
        super().__init__()
        del self.op, self.args  # they are made from the columns, if at all
        self.kinds: list[tuple[Op, int]] = []
        self._numbers: dict[tuple[Op, int], int] = {}
        self._pairs: dict[Op, int] = {}
        self._kind: array[int] = array("i")
        self._operands: array[int] = array("i")
        self._latest: tuple[list[int], list[int]] = [], []
        self._length = 0  # of what was moved to the arrays

    def __len__(self) -> int:
        return self._length + len(self._latest[0])

    def columns(self) -> tuple[array[int], array[int]]:
        """The kind of each op, and all operands."""
        for column, latest in zip((self._kind, self._operands), self._latest, strict=True):
            column.extend(array("i", latest))
            latest.clear()
        self._length = len(self._kind)
        return self._kind, self._operands

    def node(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        number = self._numbers.get((op, len(args)))
        if number is None:
            number = self._numbered(op, len(args))
        kind, operands = self._latest
        n = len(kind)
        kind.append(number)
        operands += args
        return self._length + n if n < CHUNK else self._moved()

    def pair(self, op: Op, x: Ref, y: Ref) -> Ref:
        """The node of an op of two operands, as most are."""
        try:
            number = self._pairs[op]
        except KeyError:
            number = self._pairs[op] = self._numbered(op, 2)
        kind, operands = self._latest
        n = len(kind)
        kind.append(number)
        operands.append(x)
        operands.append(y)
        return self._length + n if n < CHUNK else self._moved()

    def _moved(self) -> Ref:
        self.columns()
        return self._length - 1

    def _numbered(self, op: Op, operands: int) -> int:
        number = self._numbers.setdefault((op, operands), len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append((op, operands))
        return number

    @functools.cached_property
    def op(self) -> list[Op]:  # type: ignore[override]
        ops = [op for op, _ in self.kinds]
        return [ops[number] for number in self.columns()[0]]

    @functools.cached_property
    def args(self) -> list[tuple[Ref, ...]]:  # type: ignore[override]
        kind, operands = self.columns()
        counts = [n for _, n in self.kinds]
        each = iter(operands)
        return [tuple(islice(each, counts[number])) for number in kind]
