"""A traced program as instructions for the tape in machine code: the numbers of the ops, and the columns rewritten.

In: a traced tape. Out: the arrays that tape_code.py's function reads. NumPy does it, op kind by op kind.

An instruction is 16 bytes: the op, what to do on the way back, and three operands as places among the values. An op
of any number of operands has instead the place of its first operand in a list, and their number:

    [ op: i16 | back: i16 | x: i32 | y: i32 | z: i32 ]
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm.tape_cases import LOOPS
from tinygrad_lite.compiler.ir.columns import Columns
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Tape
from tinygrad_lite.compiler.passes.log import ran
from tinygrad_lite.compiler.passes.lowering import Lowered
from tinygrad_lite.compiler.passes.pipeline import INSTRUCTIONS
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE, Op

ADDRESSES = (
    *("code", "operands", "starts", "values", "adjoints", "workspace"),
    *("P", "inputs", "out", "outputs", "wrt", "guards"),
)
COUNTS = ("ops", "sources", "parameters", "returned", "derivatives", "guarded")
FIELDS = (*ADDRESSES, *COUNTS)
"""What the function is given, 8 bytes each: addresses, and how many there are of each thing."""

WHOLE = "whole power"
"""x to a constant whole exponent, by products; it is a case of `pow`."""

MANY = tuple(LOOPS)
"""Ops of any number of operands that have a case; others are written in simpler ones first."""

FIXED = [op for op in [*(op for op in TABLE.values() if op in vars(ops).values()), LESS, SELECT] if op.arity]
CODES = {name: k for k, name in enumerate([*(op.name for op in FIXED), WHOLE, *(op.name for op in MANY)], start=1)}
"""The number of each op, by its name; 0 does nothing. Ops of the user's own have none: all programs share one tape."""

MOST_POWER = 32
"""The largest whole exponent that becomes products."""


def back(code: int, first: bool = True, second: bool = True) -> int:
    """The number of what an op does on the way back if these operands need it; of one with two, there are three."""
    return 3 * code + (2 if first and second else 0 if first else 1)


def has(op: Op) -> bool:
    """Whether an op has a case."""
    return _CASES.get(op.name) is op


_CASES = {op.name: op for op in (*FIXED, *MANY)}


class _WithCases(Lowered):
    """A builder that writes only ops that have a case."""

    def has(self, op: Op) -> bool:
        return has(op)


class Instructions:
    """The arrays that the function reads: the same for all calls."""

    def __init__(self, tape: Tape, wrt: Sequence[int] | None) -> None:
        import numpy as np

        columns = Columns(tape)
        if not all(has(op) for op, _ in columns.kinds):
            tape = _WithCases(frozenset()).lower(tape)
            columns = Columns(tape)
        ran(INSTRUCTIONS, tape)
        n, sources = len(columns), len(tape.sources)

        def places(refs: Any) -> Any:
            refs = np.asarray(refs, np.int32)
            return np.where(refs < 0, ~refs, refs + sources).astype(np.int32)

        kinds = [CODES[op.name] for op, _ in columns.kinds]
        self.code: Any = np.zeros((n, 4), np.int32)
        self.operands: Any = np.append(places(columns.operands), np.int32(0))
        self.starts: Any = np.append(columns.start, len(columns.operands)).astype(np.int32)
        op = np.array(kinds, np.int16)[columns.kind] if n else np.zeros(0, np.int16)
        op[(op == CODES[ops.dot.name]) & (columns.count == 1)] = CODES[ops.sum.name]  # a bias and nothing else
        many = op >= CODES[MANY[0].name]
        for k in range(3):
            has_one = np.flatnonzero((columns.count > k) & ~many)
            self.code[has_one, k + 1] = self.operands[columns.start[has_one] + k]
        self.code[many, 1], self.code[many, 2] = columns.start[many], columns.count[many]
        self.values: Any = np.zeros(sources + n)
        self.values[:sources] = [x if x.__class__ is float else 0.0 for x in tape.sources]
        self._powers(op, np.array([x.__class__ is float for x in tape.sources] + [False]))
        halves: Any = self.code.view(np.int16).reshape(n, 8)
        halves[:, 0] = op
        if wrt is not None:
            needed: Any = np.ones(sources + n, bool)
            needed[:sources] = False
            needed[places([tape.inputs[i] for i in wrt])] = True
            x, y = (needed[np.where(many, 0, self.code[:, k])] for k in (1, 2))
            halves[:, 1] = _returns()[op, np.where((columns.count == 2) & ~many, x + 2 * y, 3)]
        self.inputs: Any = places(tape.inputs)
        self.outputs: Any = places(tape.outputs)
        self.wrt: Any = places([tape.inputs[i] for i in wrt or ()])
        flags = [(guard.flag, guard.outcome) for guard in tape.guards]
        self.guards: Any = places([ref for ref, _ in flags]).repeat(2)
        self.guards[1::2] = [outcome for _, outcome in flags]
        longest = int(columns.count[many].max(initial=0))
        self.counts: tuple[int, int, int, int, int, int] = (
            n,
            sources,
            len(self.inputs),
            len(self.outputs),
            len(self.wrt),
            len(flags),
        )
        self.longest = longest

    def _powers(self, op: Any, constant: Any) -> None:
        """A constant exponent has a case of its own."""
        import numpy as np

        at = np.flatnonzero(op == CODES[ops.pow.name])
        exponent = self.code[at, 2]
        n = np.where(constant[np.minimum(exponent, len(constant) - 1)], self.values[exponent], np.nan)
        op[at[(n == np.rint(n)) & (abs(n) <= MOST_POWER) & (n != 0.0)]] = CODES[WHOLE]
        op[at[n == 2.0]] = CODES[ops.square.name]
        op[at[n == 0.5]] = CODES[ops.sqrt.name]


@functools.cache
def _returns() -> Any:
    """By the number of an op, and by which of its two operands are needed (1, 2 or 3): what to do on the way back."""
    import numpy as np

    table: Any = np.zeros((max(CODES.values()) + 1, 4), np.int16)
    for name, code in CODES.items():
        two = name == WHOLE or _CASES[name].arity == 2
        table[code, 1:] = [back(code, mask != 2, mask != 1) if two else back(code) for mask in (1, 2, 3)]
    table[CODES[LESS.name]] = 0  # a comparison hands nothing on
    return table
