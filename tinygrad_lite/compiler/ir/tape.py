"""The flat tape: a computation as columns of numbers, and the builder that writes it.

In: nothing. Out: the data structure that every later pass reads and writes.

    t = Tape()
    x = t.input("x")                 # -1: sources count down from -1 ...
    y = t.node(ops.mul, (x, x))      #  0: ... results count up from 0
    t.outputs.append(y)

A reference is one int. Results of ops are 0, 1, 2, ... in the order of computation; sources (inputs and constants) are
-1, -2, -3, ... So a constant that first appears in the first sample of a batch does not shift the numbers of the ops
behind it, and repeated samples look alike. `Tape.node` appends and nothing else. `Builder.node` also folds constants,
drops neutral elements and never writes the same node twice; it is what the clean-up and the adjoint use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

from tinygrad_lite.compiler.ir.spelling import spelled
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import REAL, Op

Ref = int

Write = Callable[[int, Op, tuple[Ref, ...]], Ref]
"""What a pass does with an op: given which it was, the op, and what it reads on the new tape."""


def _flag(x: float, y: float) -> float:
    return 1.0 if x < y else 0.0


def _no_derivatives(*_: Any) -> Any:
    raise TypeError("a select has no derivatives of its own: the adjoint selects, see adjoint.py.")


LESS = Op(
    name="less",
    symbol="<",
    forward=_flag,
    partials=lambda x, y, out: (0.0, 0.0),
    latex="[{x} < {y}]",
    source="float({x} < {y})",
    domain=(REAL, REAL),
    doc="1 where the first operand is smaller, else 0.",
    arity=2,
)
"""What a comparison inside a compiled program becomes; it exists on tapes only."""

SELECT = Op(
    name="select",
    symbol="?",
    forward=lambda c, x, y: x if c else y,
    partials=_no_derivatives,  # the adjoint selects the cotangent: multiplying by 0 would make nan of 0 * inf
    latex=r"\text{{if }} {c}",
    source="({x2} if {x1} else {x3})",
    domain=(REAL,),
    doc="The second operand where the first is true, else the third.",
    arity=3,
)
"""What a branch inside a compiled program becomes; it exists on tapes only."""


class Guard(NamedTuple):
    """A comparison the program branched on: the node that is 1 or 0, what it was, and the line that asked."""

    flag: Ref
    outcome: bool
    line: str


class Tape:
    """Columns: `op[i]` and `args[i]` of result i; the sources beside them; the outputs and the guards.

    >>> t = Tape()
    >>> x = t.input("x")
    >>> t.outputs.append(t.node(ops.add, (t.node(ops.mul, (x, x)), t.constant(1.0))))
    >>> t.run([3.0])
    [10.0]
    >>> print(t)
    v0 = x * x
    v1 = v0 + 1.0
    return v1
    """

    def __init__(self) -> None:
        self.op: list[Op] = []
        self.args: list[tuple[Ref, ...]] = []
        self.sources: list[float | str] = []  # a constant is its number, an input its name
        self.inputs: list[Ref] = []
        self.outputs: list[Ref] = []
        self.guards: list[Guard] = []
        self._constants: dict[Any, Ref] = {}
        self.handed: list[tuple[int | None, float | None]] | None = None  # of a tape without ops: what its outputs are

    def __len__(self) -> int:
        return len(self.op)

    def input(self, name: str) -> Ref:
        """A new input; its place among `inputs` is the place of its number in a run."""
        return self.declared([name])[0]

    def declared(self, names: Iterable[str]) -> list[Ref]:
        """The same, one for each name."""
        first = -1 - len(self.sources)
        self.sources += names
        refs = list(range(first, -1 - len(self.sources), -1))
        self.inputs += refs
        return refs

    def names(self) -> list[str]:
        """The names of the inputs."""
        return [self.sources[~ref] for ref in self.inputs]  # type: ignore[misc]

    def constant(self, x: float) -> Ref:
        """The reference of a number, one for each number."""
        key = x if x else str(x)  # 0.0 and -0.0 are equal, and differ
        ref = self._constants.get(key)
        if ref is None or x != x:
            self.sources.append(x)
            ref = self._constants[key] = -len(self.sources)
        return ref

    def number(self, ref: Ref) -> float | None:
        """The number of a constant; None for anything else."""
        if ref >= 0:
            return None
        x = self.sources[~ref]
        return x if x.__class__ is float else None

    def node(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        self.op.append(op)
        self.args.append(args)
        return len(self.op) - 1

    def run(self, numbers: Sequence[float]) -> list[float]:
        """The outputs for these inputs, by the ops' own forward rules: the plain interpreter."""
        return self.values(numbers, self.outputs)

    def values(self, numbers: Sequence[float], wanted: Iterable[Ref]) -> list[float]:
        known: list[Any] = list(self.sources)
        for source, x in zip(self.inputs, numbers, strict=True):
            known[~source] = x
        found: list[Any] = []
        for op, args in zip(self.op, self.args, strict=True):
            found.append(op.forward(*[found[ref] if ref >= 0 else known[~ref] for ref in args]))
        return [found[ref] if ref >= 0 else known[~ref] for ref in wanted]

    def name(self, ref: Ref) -> str:
        return f"v{ref}" if ref >= 0 else str(self.sources[~ref])

    def lines(self) -> list[str]:
        """The tape as text, one result a line."""
        text = []
        for i, (op, args) in enumerate(zip(self.op, self.args, strict=True)):
            text.append(f"v{i} = {spelled(op.name, [self.name(ref) for ref in args])}")
        for guard in self.guards:
            text.append(f"guard {self.name(guard.flag)} is {guard.outcome}{guard.line}")
        return [*text, "return " + ", ".join(self.name(ref) for ref in self.outputs)]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def live(self) -> list[bool]:
        """Which results some output or guard needs."""
        needed = [False] * len(self.op)
        for ref in [*self.outputs, *(guard.flag for guard in self.guards)]:
            if ref >= 0:
                needed[ref] = True
        for i in range(len(self.op) - 1, -1, -1):
            if needed[i]:
                for ref in self.args[i]:
                    if ref >= 0:
                        needed[ref] = True
        return needed


class Builder(Tape):
    """A tape that keeps itself tidy: constants folded, neutral elements dropped, nothing written twice.

    >>> b = Builder()
    >>> x = b.input("x")
    >>> b.node(ops.mul, (x, b.constant(1.0))) == x
    True
    >>> b.node(ops.mul, (x, x)) == b.node(ops.mul, (x, x))
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[Any, ...], Ref] = {}

    def node(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        rule = _TIDY.get(op)
        if rule is not None:
            found: Ref | None = rule(self, *args)
            if found is not None:
                return found
        elif all(ref < 0 for ref in args):
            folded = self._folded(op, args)
            if folded is not None:
                return folded
        return self.emit(op, args)

    def emit(self, op: Op, args: tuple[Ref, ...]) -> Ref:
        """The node as it stands; the one that is there already, if it is."""
        key = (op, args)
        ref = self._seen.get(key)
        if ref is None:
            ref = self._seen[key] = len(self.op)
            self.op.append(op)
            self.args.append(args)
        return ref

    def _folded(self, op: Op, args: tuple[Ref, ...]) -> Ref | None:
        numbers = [self.number(ref) for ref in args]
        if None in numbers:
            return None
        try:
            out = float(op.forward(*numbers))
        except (ValueError, ArithmeticError):
            return None  # it is for the run to complain
        return self.constant(out) if math.isfinite(out) else None

    def inline(self, tape: Tape, inputs: Sequence[Ref], write: Write | None = None) -> list[Ref]:
        """Write another tape's program here, each op by `write` or else by `node`, given its inputs; its outputs."""
        if not tape.op and not tape.guards:  # a rule such as that of mul, which only hands out what it was given
            return self._handed_out(tape, inputs)
        given = {~ref: new for ref, new in zip(tape.inputs, inputs, strict=True)}
        known = [
            given[i] if x.__class__ is str else self.constant(x)  # type: ignore[arg-type]
            for i, x in enumerate(tape.sources)
        ]
        place: list[Ref] = []
        rule = write is None and len(tape) <= 16  # it is short, and needed as a whole
        live = [True] * len(tape) if rule else tape.live()
        for i, (op, args, needed) in enumerate(zip(tape.op, tape.args, live, strict=True)):
            refs = tuple([place[ref] if ref >= 0 else known[~ref] for ref in args]) if needed else ()
            place.append(0 if not needed else self.node(op, refs) if write is None else write(i, op, refs))
        moved = [place[ref] if ref >= 0 else known[~ref] for ref in tape.outputs]
        for guard in tape.guards:
            flag = place[guard.flag] if guard.flag >= 0 else known[~guard.flag]
            self.guards.append(Guard(flag, guard.outcome, guard.line))
        return moved

    def rewritten(self, tape: Tape, write: Write) -> Self:
        """This empty tape with the whole program of another. So a pass from tape to tape is what it does with an op."""
        self.outputs: list[Ref] = self.inline(tape, self.declared(tape.names()), write)
        return self

    def _handed_out(self, tape: Tape, inputs: Sequence[Ref]) -> list[Ref]:
        if tape.handed is None:
            place = {ref: k for k, ref in enumerate(tape.inputs)}
            tape.handed = [(place.get(ref), tape.number(ref)) for ref in tape.outputs]
        return [
            inputs[k] if k is not None else self.constant(x)  # type: ignore[arg-type]
            for k, x in tape.handed
        ]

    def negative(self, ref: Ref) -> Ref | None:
        """x, if the reference is -x."""
        return self.args[ref][0] if ref >= 0 and self.op[ref] is ops.neg else None


# Each rule below answers the reference that stands for the node, or None if the node must be written.


def _add(b: Builder, x: Ref, y: Ref) -> Ref | None:
    p, q = b.number(x), b.number(y)
    if p is not None and q is not None:
        return b._folded(ops.add, (x, y))
    if p == 0.0:
        return y
    if q == 0.0:
        return x
    if x == y:
        return b.node(ops.mul, (b.constant(2.0), x))
    minus_y, minus_x = b.negative(y), b.negative(x)
    if minus_y is not None:
        return b.node(ops.sub, (x, minus_y))
    if minus_x is not None:
        return b.node(ops.sub, (y, minus_x))
    return None


def _sub(b: Builder, x: Ref, y: Ref) -> Ref | None:
    p, q = b.number(x), b.number(y)
    if p is not None and q is not None:
        return b._folded(ops.sub, (x, y))
    if q == 0.0:
        return x
    if p == 0.0:
        return b.node(ops.neg, (y,))
    minus_y = b.negative(y)
    return b.node(ops.add, (x, minus_y)) if minus_y is not None else None


def _mul(b: Builder, x: Ref, y: Ref) -> Ref | None:
    if x < 0 or y < 0:
        p, q = b.number(x), b.number(y)
        if p is not None:
            return b._folded(ops.mul, (x, y)) if q is not None else _scaled(b, p, x, y)
        if q is not None:
            return b.node(ops.mul, (y, x))  # a constant factor stands first
    for factor, other in ((x, y), (y, x)):  # x * (c * z) is c * (x * z): constants meet on the outside
        if other >= 0 and b.op[other] is ops.mul:
            c, rest = b.args[other]
            if c < 0 and b.number(c) is not None:
                return b.node(ops.mul, (c, b.node(ops.mul, (factor, rest))))
    minus_x, minus_y = b.negative(x), b.negative(y)
    if minus_x is not None and minus_y is not None:
        return b.node(ops.mul, (minus_x, minus_y))
    if minus_x is not None:  # the sign goes to the outside, where a sum can take it
        return b.node(ops.neg, (b.node(ops.mul, (minus_x, y)),))
    return b.node(ops.neg, (b.node(ops.mul, (x, minus_y)),)) if minus_y is not None else None


def _scaled(b: Builder, p: float, x: Ref, y: Ref) -> Ref | None:
    """The rule of p * y, with x the reference of the number p."""
    if p == 1.0:
        return y
    if p == -1.0:
        return b.node(ops.neg, (y,))
    if y >= 0 and b.op[y] is ops.mul:  # 2 * (100 * x) is 200 * x
        c, rest = b.args[y]
        inner = b.number(c)
        if inner is not None and math.isfinite(p * inner) and abs(p * inner) > 1e-290:
            return b.node(ops.mul, (b.constant(p * inner), rest))
    minus_y = b.negative(y)
    return b.node(ops.neg, (b.node(ops.mul, (x, minus_y)),)) if minus_y is not None else None


def _div(b: Builder, x: Ref, y: Ref) -> Ref | None:
    p, q = b.number(x), b.number(y)
    if p is not None and q is not None:
        return b._folded(ops.div, (x, y))
    if q is not None and q != 0.0 and math.isfinite(1.0 / q) and abs(1.0 / q) > 1e-290:
        return b.node(ops.mul, (x, b.constant(1.0 / q)))
    minus_x = b.negative(x)
    return b.node(ops.neg, (b.node(ops.div, (minus_x, y)),)) if minus_x is not None else None


def _neg(b: Builder, x: Ref) -> Ref | None:
    p = b.number(x)
    if p is not None:
        return b.constant(-p)
    minus = b.negative(x)
    if minus is not None:
        return minus
    if x >= 0 and b.op[x] is ops.sub:
        return b.emit(ops.sub, (b.args[x][1], b.args[x][0]))
    return None


def _select(b: Builder, flag: Ref, x: Ref, y: Ref) -> Ref | None:
    if x == y:
        return x
    p = b.number(flag)
    return None if p is None else x if p else y


def _sum(b: Builder, *terms: Ref) -> Ref | None:
    if len(terms) > 2:
        return None
    return terms[0] if len(terms) == 1 else b.node(ops.add, terms)


def _pow(b: Builder, x: Ref, y: Ref) -> Ref | None:
    """Whole and half exponents become products and roots, which are exact to the last digits and quick."""
    n = b.number(y)
    if b.number(x) is not None and n is not None:
        return b._folded(ops.pow, (x, y))
    if n is None or abs(n) > 32 or n * 2 != int(n * 2):
        return None
    if n < 0:
        positive = b.node(ops.pow, (x, b.constant(-n)))
        return b.node(ops.div, (b.constant(1.0), positive))
    if n != int(n):
        root = b.node(ops.sqrt, (x,))
        return root if n == 0.5 else b.node(ops.mul, (b.node(ops.pow, (x, b.constant(n - 0.5))), root))
    if n in (0.0, 1.0):
        return x if n else b.constant(1.0)
    half = b.node(ops.pow, (x, b.constant(float(n // 2))))
    square = b.node(ops.mul, (half, half))
    return b.node(ops.mul, (square, x)) if n % 2 else square


_TIDY: dict[Op, Callable[..., Ref | None]] = {
    ops.add: _add,
    ops.sub: _sub,
    ops.mul: _mul,
    ops.div: _div,
    ops.neg: _neg,
    ops.pow: _pow,
    ops.sum: _sum,
    SELECT: _select,
}
