"""Running a function on tracers, which write down what it does.

In: a function written for numbers or Values. Out: a tape of every op it performed, with a guard for
every comparison it branched on.

There are two ways to trace. *By numbers*: the tracers carry numbers, a comparison is answered
by them and becomes a guard, and an op outside its domain complains as it would without
compiling. *By paths*: the tracers carry no numbers; `explore` runs the function once for every
sequence of outcomes that its comparisons can have, and joins the results by selects. That
turns `1.0 if x > 0 else 0.0`, in a rule of the table or in a loss of one row, into code without
branches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.tape import LESS, SELECT, Builder, Guard, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op, is_foreign, number
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, TinygradLiteError, user_line


class TraceError(TinygradLiteError, AttributeError):
    """A compiled function asked for the number of a traced value, which would freeze it into the code.

    Cure: use the value itself instead of `.data` or `float(...)`; comparisons are fine.
    """


class TooManyPaths(TinygradLiteError):
    """The comparisons of a function have more outcomes together than can be joined by selects."""


class Uncomparable(TinygradLiteError):
    """A comparison with NaN, for which no guard can be written."""


class Trace:
    """One run of a function: its tape, the Values it met from outside, and how comparisons are answered."""

    def __init__(self, tape: Tape, paths: bool = False) -> None:
        self.tape = tape
        self.path: Path | None = Path(()) if paths else None
        self.captured: dict[Value, Ref] = {}  # leaves from outside, each an input behind the declared ones
        self._inner: dict[Value, Ref] = {}
        self.choices: dict[Ref, list[int]] = {}  # the whole numbers an index may be, when tracing by paths

    def node(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        """Write an op. A path that begins like an earlier one takes over what that one wrote."""
        path = self.path
        if path is None:
            return self.tape.node(op, args)
        n = len(path.written)
        ref = path.donor[n] if n < path.taken_over else self.tape.node(op, args)
        path.written.append(ref)
        return ref

    def input(self, name: str, x: float = math.nan) -> Tracer:
        return Tracer(self, self.tape.input(name), x)

    def lift(self, operand: Any, op: Op) -> Tracer | None:
        """A number or a Value from outside as a tracer; None for an operand of unknown kind."""
        if operand.__class__ is Tracer:
            if operand.trace is not self:
                raise TraceError(
                    f"a traced value outlived its trace and was used in another one{user_line()}.\n"
                    "  A compiled function must not keep values in globals or attributes between calls."
                )
            return operand
        if isinstance(operand, Value):
            return Tracer(self, self.value(operand), operand.data)
        if operand.__class__ is not float:
            if is_foreign(operand):
                return None
            operand = number(operand, op.name)
        return Tracer(self, self.tape.constant(operand), operand)

    def value(self, value: Value) -> Ref:
        """A Value from outside: a leaf becomes an input, anything else is written down op by op."""
        known = self.captured.get(value, self._inner.get(value))
        if known is not None:
            return known
        for node in topological(value):
            if node in self._inner or node in self.captured:
                continue
            if node.op is ops.constant:
                self._inner[node] = self.tape.constant(node.data)
            elif not node.parents:
                self.captured[node] = self.tape.input(node.label or f"leaf{len(self.captured)}")
            else:
                refs = [
                    self.tape.constant(p) if p.__class__ is float else self.captured.get(p, self._inner.get(p))
                    for p in node.parents
                ]
                self._inner[node] = self.tape.node(node.op, tuple(refs))  # type: ignore[arg-type]
        return self.captured.get(value, self._inner.get(value))  # type: ignore[return-value]

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


class Tracer(Arithmetic):
    """A number whose ops are written on a tape. It stands for a Value while a function is traced."""

    __slots__ = ("trace", "ref", "number")

    def __init__(self, trace: Trace, ref: Ref, x: float) -> None:
        self.trace = trace
        self.ref = ref
        self.number = x

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

    # The two commonest ops written out, for the speed of tracing; `_apply` is the readable form.

    def __add__(self, other: Any) -> Any:
        if other.__class__ is Tracer and other.trace is self.trace:
            return Tracer(self.trace, self.trace.node(ops.add, (self.ref, other.ref)), self.number + other.number)
        return self._apply(ops.add, (self, other))

    def __mul__(self, other: Any) -> Any:
        if other.__class__ is Tracer and other.trace is self.trace:
            return Tracer(self.trace, self.trace.node(ops.mul, (self.ref, other.ref)), self.number * other.number)
        return self._apply(ops.mul, (self, other))

    def _less(self, x: Any, y: Any) -> bool:
        lifted = [self.trace.lift(operand, LESS) for operand in (x, y)]
        return NotImplemented if None in lifted else self.trace.less(*lifted)  # type: ignore[arg-type]

    def __lt__(self, other: Any) -> bool:
        return self._less(self, other)

    def __gt__(self, other: Any) -> bool:
        return self._less(other, self)

    def __le__(self, other: Any) -> bool:
        greater = self._less(other, self)
        return greater if greater is NotImplemented else not greater

    def __ge__(self, other: Any) -> bool:
        smaller = self._less(self, other)
        return smaller if smaller is NotImplemented else not smaller

    def __bool__(self) -> bool:
        return self < 0.0 or self > 0.0

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
            raise self._frozen("as an index")
        return choices[trace.path.choose(self.ref, choices)]

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


class Path:
    """The outcomes of comparisons on one run: a given beginning, then True at every new one.

    What follows from an earlier outcome is not asked again: x < y makes y < x false.
    """

    def __init__(self, script: tuple[int, ...], donor: Sequence[Ref] = (), taken_over: int = 0) -> None:
        self.script = script
        self.donor = donor  # what the path wrote from which this one branches off ...
        self.taken_over = taken_over  # ... and how much of it stands before the branch
        self.written: list[Ref] = []
        self.lengths: list[int] = []  # how much was written when each comparison was met
        self.questions: list[tuple[Ref, list[int] | None]] = []  # a flag, or a whole number and what it may be
        self.outcomes: list[int] = []
        self.known: dict[tuple[Ref, Ref], bool] = {}
        self.chosen: dict[Ref, int] = {}

    def decide(self, tape: Tape, x: Ref, y: Ref) -> bool:
        if (x, y) not in self.known:
            outcome = self.known[x, y] = bool(self._asked(tape.node(LESS, (x, y)), None))
            if outcome:
                self.known[y, x] = False
        return self.known[x, y]

    def choose(self, ref: Ref, choices: list[int]) -> int:
        """Which of the choices a whole number is on this path."""
        if ref not in self.chosen:
            self.chosen[ref] = self._asked(ref, choices) if len(choices) > 1 else 0
        return self.chosen[ref]

    def _asked(self, ref: Ref, choices: list[int] | None) -> int:
        n = len(self.outcomes)
        self.questions.append((ref, choices))
        self.lengths.append(len(self.written))
        self.outcomes.append(self.script[n] if n < len(self.script) else int(choices is None))
        return self.outcomes[-1]


def explore(
    trace: Trace,
    run: Callable[[], Sequence[Ref]],
    known: dict[tuple[Ref, Ref], bool] | None = None,
    cap: int = 64,
) -> list[Ref]:
    """Run once for every path through the comparisons, and join what the paths give by selects.

    Args:
        trace: a trace by paths, on a Builder (which writes the shared beginning of two paths once).
        run: gives the references of its results, as many on every path.
        known: comparisons whose outcome is certain beforehand.
        cap: the largest number of paths.

    Raises:
        TooManyPaths: there are more paths than `cap`.
    """
    done: list[tuple[Path, list[Ref]]] = []
    scripts: list[tuple[tuple[int, ...], Sequence[Ref], int]] = [((), (), 0)]
    while scripts:
        if len(done) + len(scripts) > cap:
            raise TooManyPaths(
                f"a function compiled for rows has more than {cap} paths through its comparisons{user_line()}."
            )
        path = trace.path = Path(*scripts.pop())
        path.known.update(known or {})
        done.append((path, list(run())))
        for n in range(len(path.script), len(path.outcomes)):
            choices = path.questions[n][1]
            others = range(2 if choices is None else len(choices))
            begun = path.outcomes[:n]
            scripts += [((*begun, o), path.written, path.lengths[n]) for o in others if o != path.outcomes[n]]
    return _joined(trace.tape, done, 0)


def _joined(tape: Tape, paths: list[tuple[Path, list[Ref]]], step: int) -> list[Ref]:
    path, results = paths[0]
    if len(paths) == 1:
        return results
    ref, choices = path.questions[step]  # the same on all of them: they agree up to here
    ways = range(2 if choices is None else len(choices))
    each = [_joined(tape, [p for p in paths if p[0].outcomes[step] == way], step + 1) for way in ways]
    if choices is None:
        return [tape.node(SELECT, (ref, x, y)) for y, x in zip(*each, strict=True)]
    return [picked(tape, ref, choices, options) for options in zip(*each, strict=True)]


def picked(tape: Tape, label: Ref, choices: Sequence[int], options: Sequence[Ref]) -> Ref:
    """The option whose choice the label is: a sum of selects of which one is not 0, all of the same shape."""
    if len(set(options)) == 1:
        return options[0]
    zero = tape.constant(0.0)
    terms = []
    for choice, option in zip(choices, options, strict=True):
        above = tape.node(LESS, (tape.constant(choice - 0.5), label))
        below = tape.node(LESS, (label, tape.constant(choice + 0.5)))
        terms.append(tape.node(SELECT, (above, tape.node(SELECT, (below, option, zero)), zero)))
    return tape.node(ops.sum, tuple(terms))


_TEMPLATES: dict[Any, Tape | None] = {}


def template(op: Op, constants: tuple[float | None, ...]) -> Tape | None:
    """The local derivatives of a row as a tape: inputs are the operands and the result.

    The row's own `partials` are run on tracers, once for each kind of use. None if the rule has
    too many paths.

    >>> print(template(ops.tanh, (None,)))
    v0 = out * out
    v1 = 1.0 - v0
    return v1
    """
    key = (op, constants)
    if key not in _TEMPLATES:
        tape = Builder()
        trace = Trace(tape, paths=True)
        operands = [trace.input(f"x{i + 1}") for i in range(len(constants))]
        out = trace.input("out")
        xs = [x if c is None else c for x, c in zip(operands, constants, strict=True)]
        sign = {"max": 1, "min": -1}.get(op.name)
        known = {(out.ref, x.ref) if sign == 1 else (x.ref, out.ref): False for x in operands if sign}

        def run() -> list[Ref]:
            slopes = op.partials(*xs, out)
            return [trace.lift(slope, op).ref for slope in slopes]  # type: ignore[union-attr]

        try:
            tape.outputs = explore(trace, run, known, cap=16)
            _TEMPLATES[key] = tape
        except TooManyPaths:
            _TEMPLATES[key] = None
    return _TEMPLATES[key]
