"""Running a function on tracers, which write down what it does.

In: a function written for numbers or Values. Out: a tape of every op it performed, with a guard for
every comparison it branched on.

There are two ways to trace. *By numbers*: the tracers carry numbers, a comparison is answered
by them and becomes a guard, and an op outside its domain complains as it would without compiling. *By paths*: the
tracers carry no numbers, and the function is run once for every way through its comparisons (paths.py). In both,
`tg.where` is a select, which needs neither.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, entries, opened
from tinygrad_lite.compiler.frontend.paths import Path
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Builder, Guard, Ref
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op, is_foreign, number
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, TinygradLiteError, user_line

FEW = 1 << 53
"""Whole numbers up to which every one is a float."""


FEW_LABELS = 16
"""Values of a label up to which `==` asks which of them it is."""


class TraceError(TinygradLiteError, AttributeError):
    """A compiled function asked for the number of a traced value, which would freeze it into the code.

    Cure: use the value itself instead of `.data` or `float(...)`; comparisons are fine.
    """


class Uncomparable(TinygradLiteError):
    """A comparison with NaN, for which no guard can be written."""


class Trace:
    """One run of a function: its tape, the Values it met from outside, and how comparisons are answered.

    By numbers on a `Recording`, by paths on a `Builder`.
    """

    def __init__(self, tape: Recording | Builder) -> None:
        self.tape = tape
        self.path: Path | None = None if isinstance(tape, Recording) else Path(())
        if isinstance(tape, Recording):
            self.node, self.pair = tape.node, tape.pair  # type: ignore[method-assign]
        self.captured: dict[Value, Ref] = {}  # leaves from outside, each an input behind the declared ones
        self._inner: dict[Value, Ref] = {}
        self.choices: dict[Ref, list[int]] = {}  # the whole numbers an index may be, when tracing by paths
        self.indices: set[Ref] = set()  # what was used as one
        self.given: dict[Ref, float] = {}  # the numbers of inputs

    def node(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        """Write an op. A path that begins like an earlier one takes over what that one wrote."""
        path = self.path
        assert path is not None
        n = len(path.written)
        ref = path.donor[n] if n < path.taken_over else self.tape.node(op, args)
        path.written.append(ref)
        return ref

    def pair(self, op: Op, x: Ref, y: Ref) -> Ref:
        return self.node(op, (x, y))

    def input(self, name: str, x: float = math.nan) -> Tracer:
        ref = self.tape.input(name)
        self.given[ref] = x
        return Tracer(self, ref, x)

    def derivatives(self, output: Tracer, inputs: Sequence[Tracer]) -> list[Tracer]:
        """The derivatives of one traced number w.r.t. others: for a trace that can give them (passes/nested.py)."""
        raise NotImplementedError

    def lift(self, operand: Any, op: Op) -> Tracer | None:
        """A number or a Value from outside as a tracer; None for an operand of unknown kind."""
        if operand.__class__ is Tracer:
            if operand.trace is not self:
                raise TraceError(
                    f"a traced value outlived its trace and was used in another one{user_line()}.\n"
                    "  A compiled function must not keep values in globals or attributes between calls."
                )
            return operand
        if operand.__class__ is Flag:
            return operand.as_number()
        if isinstance(operand, Value):
            return Tracer(self, self.value(operand), operand.data)
        if operand.__class__ is int and -FEW < operand < FEW:
            operand = float(operand)
        elif operand.__class__ is not float:
            if is_foreign(operand):
                return None
            operand = number(operand, op.name)
        return Tracer(self, self.tape.constant(operand), operand)

    def lifted(self, result: Any) -> tuple[Structure, list[Tracer]]:
        """What a function gave: its structure, and its numbers as tracers. A truth stays one, guarded."""
        blocks: list[Any] = []
        structure = opened(result, blocks, lambda x, _: ("static", bool(x) if isinstance(x, Flag) else x))
        return structure, [self.lift(x, ops.add) for x in entries(blocks)]  # type: ignore[misc]

    def value(self, value: Value) -> Ref:
        """A Value from outside: a leaf becomes an input, anything else is written down op by op."""
        if value not in self._inner:
            for node in topological(value):
                if node.parents and node not in self._inner:
                    refs = [self.tape.constant(p) if p.__class__ is float else self._known(p) for p in node.parents]
                    self._inner[node] = self.tape.node(node.op, tuple(refs))
        return self._known(value)

    def _known(self, node: Value) -> Ref:
        """What was written down, or a leaf: these are met, and so numbered, in the order in which they are used."""
        ref = self._inner.get(node, self.captured.get(node))
        if ref is not None:
            return ref
        if node.op is ops.constant:
            ref = self._inner[node] = self.tape.constant(node.data)
        else:
            ref = self.captured[node] = self.tape.input(node.label or f"leaf{len(self.captured)}")
            self.given[ref] = node.data
        return ref

    def less(self, x: Tracer, y: Tracer) -> bool:
        """Whether x < y on this run, noted as a guard or as a step of the path."""
        if x.ref == y.ref:
            return False
        p, q = self.tape.number(x.ref), self.tape.number(y.ref)
        if p is not None and q is not None:
            return p < q
        if self.path is not None:
            return self.path.decide(self.tape, x.ref, y.ref)
        if x.number != x.number or y.number != y.number:
            raise Uncomparable(f"a compiled function compared a NaN{user_line()}.")
        outcome = x.number < y.number
        flag = self.tape.node(LESS, (x.ref, y.ref))
        self.tape.guards.append(Guard(flag, outcome, user_line()))
        return outcome


def _is_number(thing: Any) -> bool:
    return isinstance(thing, Arithmetic) or (hasattr(type(thing), "__float__") and not hasattr(thing, "shape"))


class Tracer(TracedNumber):
    """A number whose ops are written on a tape. It stands for a Value while a function is traced."""

    __slots__ = ("trace", "ref", "number")

    def __init__(self, trace: Trace, ref: Ref, x: float) -> None:
        self.trace: Trace = trace
        self.ref: Ref = ref
        self.number: float = x

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        trace = self.trace
        refs: list[Ref] = []
        numbers: list[float] = []
        for operand in operands:
            if operand.__class__ is not Tracer or operand.trace is not trace:
                operand = trace.lift(operand, op)
                if operand is None:
                    return NotImplemented
            refs.append(operand.ref)
            numbers.append(operand.number)
        if op.arity is not None and len(operands) != op.arity:
            raise OperandError(f"{op.name} takes {op.arity} operand(s), but got {len(operands)}{user_line()}.")
        if trace.path is not None:
            return Tracer(trace, trace.node(op, tuple(refs)), math.nan)
        try:
            out = op.forward(*numbers)
        except (ValueError, ArithmeticError) as reason:
            raise op.refusal(numbers, reason) from None
        return Tracer(trace, trace.node(op, tuple(refs)), out)

    def _apply_one(self, op: Op) -> Any:
        trace = self.trace
        if trace.path is not None or op.arity != 1:
            return self._apply(op, (self,))
        try:
            out = op.forward(self.number)
        except (ValueError, ArithmeticError) as reason:
            raise op.refusal([self.number], reason) from None
        return _made(trace, trace.node(op, (self.ref,)), out)

    # The commonest ops written out, for the speed of tracing; `_apply` is the readable form.

    def __add__(self, other: Any) -> Any:
        trace = self.trace
        if other.__class__ is Tracer and other.trace is trace:
            return _made(trace, trace.pair(ops.add, self.ref, other.ref), self.number + other.number)
        if other.__class__ is float:
            return _made(trace, trace.pair(ops.add, self.ref, trace.tape.constant(other)), self.number + other)
        return self._apply(ops.add, (self, other))

    def __sub__(self, other: Any) -> Any:
        trace = self.trace
        if other.__class__ is Tracer and other.trace is trace:
            return _made(trace, trace.pair(ops.sub, self.ref, other.ref), self.number - other.number)
        if other.__class__ is float:
            return _made(trace, trace.pair(ops.sub, self.ref, trace.tape.constant(other)), self.number - other)
        return self._apply(ops.sub, (self, other))

    def __rsub__(self, other: Any) -> Any:
        if other.__class__ is float:
            trace = self.trace
            return _made(trace, trace.pair(ops.sub, trace.tape.constant(other), self.ref), other - self.number)
        return self._apply(ops.sub, (other, self))

    def __mul__(self, other: Any) -> Any:
        trace = self.trace
        if other.__class__ is Tracer and other.trace is trace:
            return _made(trace, trace.pair(ops.mul, self.ref, other.ref), self.number * other.number)
        if other.__class__ is float:
            return _made(trace, trace.pair(ops.mul, self.ref, trace.tape.constant(other)), self.number * other)
        return self._apply(ops.mul, (self, other))

    def __rmul__(self, other: Any) -> Any:
        if other.__class__ is float:
            trace = self.trace
            return _made(trace, trace.pair(ops.mul, trace.tape.constant(other), self.ref), other * self.number)
        return self._apply(ops.mul, (other, self))

    def __lt__(self, other: Any) -> Any:
        return Flag.of(self.trace, self, other)

    def __gt__(self, other: Any) -> Any:
        return Flag.of(self.trace, other, self)

    def __le__(self, other: Any) -> Any:
        return Flag.of(self.trace, other, self, inverted=True)

    def __ge__(self, other: Any) -> Any:
        return Flag.of(self.trace, self, other, inverted=True)

    def __bool__(self) -> bool:
        return bool(self < 0.0 or self > 0.0)

    def derivatives_wrt(self, inputs: Sequence[Any]) -> list[Any]:
        return list(self.trace.derivatives(self, inputs))

    def __index__(self) -> int:
        """The whole number this is, as an index or in range(): guarded, or one path for each that occurs."""
        trace = self.trace
        if trace.path is None:
            whole = int(self.number)
            if whole != self.number:
                raise self._frozen("for a bare float or an index")
            if self < whole - 0.5 or self > whole + 0.5:
                raise AssertionError  # the guards above are what counts
            return whole
        choices = trace.choices.get(self.ref)
        if choices is None:
            raise self._frozen("for an index")
        trace.indices.add(self.ref)
        return choices[trace.path.choose(self.ref, choices)]

    def __eq__(self, other: object) -> bool:
        """Beside a plain number, a number: so an argument such as a label may be asked. Else identity, as of Values.

        A label of few values is looked up, as if it were an index: one path for each.
        """
        if _is_number(other) and not isinstance(other, Arithmetic):
            if 0 < len(self.trace.choices.get(self.ref, ())) <= FEW_LABELS:
                return self.__index__() == other
            return not self < other and not self > other
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def backward(self) -> None:
        raise TraceError(
            f"a compiled function called .backward(){user_line()}, and while it is traced there are no gradients.\n"
            "  Inside, differentiate with tg.grad(f)(x); from outside, with fast.grad(x) or fast.backward(x)."
        )

    @property
    def data(self) -> float:
        raise self._frozen("for its .data")

    @property
    def grad(self) -> float:
        raise self._frozen("for its .grad")

    def _frozen(self, asked: str) -> TraceError:
        return TraceError(
            f"a compiled function asked {asked}{user_line()}, and a number read while tracing would be frozen in.\n"
            "  Compute with the value itself: tg.exp(v), not math.exp(v); comparisons such as v > 0 are fine.\n"
            "  Numbers that are only printed or logged belong outside of the compiled function."
        )

    def __repr__(self) -> str:
        return f"<traced {self.trace.tape.name(self.ref)}>"

    def __format__(self, spec: str) -> str:
        return repr(self)  # while tracing there is no number to write in so many digits


_new = Tracer.__new__


def _made(trace: Trace, ref: Ref, x: float) -> Tracer:
    """`Tracer(trace, ref, x)`, in half the time."""
    made = _new(Tracer)
    made.trace = trace
    made.ref = ref
    made.number = x
    return made


class Flag(Arithmetic):
    """A comparison of two tracers. Python's `if`, `and`, `not` make a bool of it, and so a guard or a step of the path;
    `tg.where` makes a select of it, which serves both outcomes; in arithmetic it is the number 0 or 1.
    """

    __slots__ = ("trace", "pair", "inverted")

    def __init__(self, trace: Trace, pair: tuple[Tracer, Tracer], inverted: bool) -> None:
        self.trace: Trace = trace
        self.pair: tuple[Tracer, Tracer] = pair
        self.inverted: bool = inverted  # not x < y, where otherwise it is x < y

    @classmethod
    def of(cls, trace: Trace, x: Any, y: Any, inverted: bool = False) -> Any:
        """x < y, or its opposite."""
        pair = trace.lift(x, LESS), trace.lift(y, LESS)
        return NotImplemented if None in pair else cls(trace, pair, inverted)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return self.trace.less(*self.pair) != self.inverted

    def choose_one(self, x: Any, y: Any) -> Any:
        """x where this holds, else y: what `tg.where` asks of its condition."""
        trace = self.trace
        chosen = [trace.lift(option, SELECT) if _is_number(option) else None for option in (x, y)]
        if chosen[0] is None or chosen[1] is None:
            return x if self else y
        return self._select(chosen[0], chosen[1])

    def as_number(self) -> Tracer:
        return self._select(*(Tracer(self.trace, self.trace.tape.constant(x), x) for x in (1.0, 0.0)))

    def _select(self, x: Tracer, y: Tracer) -> Tracer:
        trace, (left, right) = self.trace, self.pair
        flag = trace.node(LESS, (left.ref, right.ref))
        x, y = (y, x) if self.inverted else (x, y)
        chosen = x.number if left.number < right.number else y.number
        return Tracer(trace, trace.node(SELECT, (flag, x.ref, y.ref)), chosen)

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        return self.as_number()._apply(op, operands)

    def __eq__(self, other: object) -> bool:
        return bool(self) == other

    def __hash__(self) -> int:
        return hash(bool(self))

    def __and__(self, other: Any) -> Any:
        return bool(self) & other

    def __or__(self, other: Any) -> Any:
        return bool(self) | other

    def __xor__(self, other: Any) -> Any:
        return bool(self) ^ other

    __rand__ = __and__
    __ror__ = __or__
    __rxor__ = __xor__

    def __index__(self) -> int:
        return int(bool(self))

    def __repr__(self) -> str:
        return f"<traced {'not ' * self.inverted}{self.pair[0]!r} < {self.pair[1]!r}>"
