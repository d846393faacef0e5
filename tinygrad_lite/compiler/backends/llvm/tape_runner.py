"""A traced program as instructions for the tape in machine code (tape_code.py), and what runs them.

In: a traced tape. Out: a runner that is ready at once: nothing is compiled, the columns of the tape are rewritten by
NumPy. It takes some 20 ns an op for value and gradient together, where loops in machine code, which have to be made
first, take one or less.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.backends.llvm import cache, jit, tape_code
from tinygrad_lite.compiler.backends.llvm.buffers import aligned
from tinygrad_lite.compiler.backends.llvm.tape_code import CODES, FIXED, MANY, WHOLE
from tinygrad_lite.compiler.backends.runners import Buffered
from tinygrad_lite.compiler.ir.columns import Columns
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import Guard, Ref, Tape
from tinygrad_lite.compiler.passes.lowering import NoLowering, formula
from tinygrad_lite.compiler.passes.programs import PlainProgram
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op

SOON = 5_000_000
"""Ops performed on the tape, in all calls together, after which alike parts are looked for, to be made loops."""

COST = 4_000
"""Calls whose time on the tape would have made the loops of a program in which no such parts were found."""

MOST_POWER = 32
"""The largest whole exponent that becomes products."""


@functools.cache
def machine() -> Any:
    """The two functions of tape_code.py in memory, from the disk if they are there: (entry, mark)."""
    started = time.perf_counter()
    name = jit.code_key("machine tape")
    code = cache.load(name)
    cached = code is not None
    if code is None:
        code = jit.object_code(tape_code.text())
        cache.store(name, code)
    compiled = jit.load(code, "entry", cached=cached, started=started)
    return compiled, compiled.function("mark")


def has(op: Op) -> bool:
    """Whether an op has a case."""
    return _CASES.get(op.name) is op


_CASES = {op.name: op for op in (*FIXED, *MANY)}


def opened(tape: Tape) -> Tape:
    """The same program in ops that have a case.

    Raises:
        NoLowering: an op has none, and its entry does not say what to use instead.
    """
    plain = Recording()
    plain.sources, plain.inputs, plain._constants = list(tape.sources), tape.inputs, dict(tape._constants)
    place: list[Ref] = []

    def moved(refs: Sequence[Ref]) -> tuple[Ref, ...]:
        return tuple([place[ref] if ref >= 0 else ref for ref in refs])

    def written(op: Op, args: tuple[Ref, ...]) -> Ref:
        if has(op):
            return plain.node(op, args)
        rule = formula(op, len(args))
        if rule is None:
            raise NoLowering(f"{op.name} has no kernel, and its entry does not say what to use instead")
        given = dict(zip(rule.inputs, args, strict=True))
        found: list[Ref] = []
        for inner, refs in zip(rule.op, rule.args, strict=True):
            found.append(written(inner, tuple([at(ref, found, given, rule) for ref in refs])))
        return at(rule.outputs[0], found, given, rule)

    def at(ref: Ref, found: Sequence[Ref], given: dict[Ref, Ref], rule: Tape) -> Ref:
        if ref >= 0:
            return found[ref]
        x = rule.number(ref)
        return given[ref] if x is None else plain.constant(x)

    for op, args in zip(tape.op, tape.args, strict=True):
        place.append(written(op, moved(args)))
    plain.outputs = list(moved(tape.outputs))
    plain.guards = [Guard(place[guard.flag], guard.outcome, guard.line) for guard in tape.guards]
    return plain


class Instructions:
    """The arrays that the function reads: the same for all calls."""

    def __init__(self, tape: Tape, wrt: Sequence[int] | None) -> None:
        import numpy as np

        columns = Columns(tape)
        if not all(has(op) for op, _ in columns.kinds):
            tape = opened(tape)
            columns = Columns(tape)
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
        self.values = np.zeros(sources + n)
        self.values[:sources] = [x if x.__class__ is float else 0.0 for x in tape.sources]
        self._powers(op, np.array([x.__class__ is float for x in tape.sources] + [False]))
        halves: Any = self.code.view(np.int16).reshape(n, 8)
        halves[:, 0] = op
        if wrt is not None:
            needed: Any = np.ones(sources + n, bool)
            needed[:sources] = False
            needed[places([tape.inputs[i] for i in wrt])] = True
            x, y = (needed[np.where(many, 0, self.code[:, k])] for k in (1, 2))
            halves[:, 1] = _returns()[op, np.where(columns.count == 2, x + 2 * y, 3)]
        self.inputs, self.outputs = places(tape.inputs), places(tape.outputs)
        self.wrt = places([tape.inputs[i] for i in wrt or ()])
        flags = [(guard.flag, guard.outcome) for guard in tape.guards]
        self.guards = places([ref for ref, _ in flags]).repeat(2)
        self.guards[1::2] = [outcome for _, outcome in flags]
        longest = int(columns.count[many].max(initial=0))
        self.counts = (n, sources, len(self.inputs), len(self.outputs), len(self.wrt), len(flags))
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

    known = tape_code.returning()
    table: Any = np.zeros((max(CODES.values()) + 1, 4), np.int16)
    for code in CODES.values():
        for mask in (1, 2, 3):
            number = tape_code.back(code, bool(mask & 1), bool(mask & 2))
            table[code, mask] = number if number in known else 0
        if (table[code] == 0).any() and table[code, 3]:  # one case for all
            table[code, 1:] = table[code, 3]
    return table


class TapeBuffers:
    """The arrays of one call."""

    samples, shards = 0, 1

    def __init__(self, instructions: Instructions) -> None:
        import numpy as np

        it = instructions
        self.parameters = aligned(max(1, len(it.inputs)))
        self.out = aligned(len(it.outputs) + len(it.wrt) + 1, behind=1)
        self._arrays = {
            **vars(it), "values": it.values.copy(), "adjoints": np.zeros(len(it.values)),
            "room": np.zeros(it.longest + 1), "P": self.parameters, "out": self.out,
        }  # fmt: skip
        addresses = [self._arrays[name].ctypes.data for name in tape_code.ADDRESSES]
        self.arguments = np.array([*addresses, *it.counts], np.int64)
        self.pointer = self.arguments.ctypes.data

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
        self.instructions = Instructions(tape, wrt)
        self.parameters = len(tape.inputs)
        self.calls, self.waits = 0, SOON
        self._prepare()
        if wrt:
            buffers = self.new(0)
            buffers._arrays["adjoints"][self.instructions.outputs[0]] = 1.0
            mark(buffers.pointer)
            self.release(buffers)
        self.seconds = {"loading the tape": loaded - started, "instructions": time.perf_counter() - loaded}

    @functools.cached_property
    def program(self) -> PlainProgram:  # type: ignore[override]
        inputs = self._tape.inputs
        return PlainProgram(self._tape, None if self._wrt is None else [inputs[i] for i in self._wrt])

    def due(self, visits: int | None = None) -> bool:
        """Whether so much was computed on the tape that loops should be made; counts the call if `visits` is left out.

        Only the calls and the size of the program decide, no clock: the same program gives the same bits each time.
        """
        if visits is None:
            self.calls, visits = self.calls + 1, self.waits
        return self.calls * len(self.instructions.code) > visits and not self.why

    def new(self, samples: int) -> TapeBuffers:
        return TapeBuffers(self.instructions)

    def call(self, buffers: Any) -> None:
        self.compiled.call(buffers.pointer)

    def bound(self, buffers: Any) -> tuple[Any, ...]:
        return self.compiled.bound(buffers.pointer)  # type: ignore[no-any-return]

    def text(self) -> str:
        return tape_code.text()
