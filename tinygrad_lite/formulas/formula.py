"""Formulas: numbers that remember, as text to be, how they were made.

A `Symbol` goes through a rule of the table just as a float does, and comes out as the formula of that rule. It
carries its number along, so that a rule which asks `if x > 0` takes the branch that the computation
took. So the derivation that is printed and the gradient that was computed come from the same rules.

    x = Tidy.named(name, 2.0)
    ops.tanh.display_derivatives(x, ops.tanh(x))      # (1 - tanh(x)**2,) as a formula whose number is 0.0706...

`Symbol` keeps what was written; `Tidy` leaves out what changes nothing: factors 1, summands 0, double signs;
and writes x * x as x**2, x + x as 2*x.
How a formula is spelled in text, HTML or LaTeX is the business of `notation.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.op import Op, is_foreign, number


class Name:
    """How one thing is called in each notation."""

    __slots__ = ("text", "html", "latex")

    def __init__(self, text: str, html: str, latex: str) -> None:
        self.text: str = text
        self.html: str = html
        self.latex: str = latex

    def __repr__(self) -> str:
        return f"Name({self.text!r})"


def _by_number(holds: Callable[[Any, Any], bool]) -> Callable[[Symbol, Any], bool]:
    return lambda x, other: holds(x.number, other.number if isinstance(other, Symbol) else other)


class Symbol(Arithmetic):
    """A formula and its number: a name, a constant, or an op applied to formulas."""

    __slots__ = ("op", "operands", "number", "name")
    spell: ClassVar[Callable[[Symbol], str]]  # how repr shows it: `notation.py` sets it to plain text

    def __init__(self, op: Op, operands: tuple[Symbol, ...], number: float, name: Name | None = None) -> None:
        self.op: Op = op
        self.operands: tuple[Symbol, ...] = operands
        self.number: float = number
        self.name: Name | None = name

    @classmethod
    def named(cls, name: Name, number: float) -> Symbol:
        """A formula that is just a name."""
        return cls(ops.leaf, (), number, name)

    @classmethod
    def constant(cls, number: float) -> Symbol:
        """A formula that is just a number."""
        return cls(ops.constant, (), number)

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        if any(not isinstance(x, Symbol) and is_foreign(x) for x in operands):
            return NotImplemented
        kind = type(self)
        return kind._make(
            op, tuple([x if isinstance(x, Symbol) else kind.constant(number(x, op.name)) for x in operands])
        )

    @classmethod
    def _make(cls, op: Op, operands: tuple[Symbol, ...]) -> Symbol:
        return cls(op, operands, op.evaluate(*[x.number for x in operands]))

    def is_number(self, x: float) -> bool:
        """True of the constant x itself, not of a name that happens to have that number."""
        return self.op is ops.constant and self.number == x

    # rules compare: by the number, as a Value does
    def __eq__(self, other: object) -> bool:
        return self.number == (other.number if isinstance(other, Symbol) else other)

    __lt__, __le__, __gt__, __ge__ = map(_by_number, (operator.lt, operator.le, operator.gt, operator.ge))

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __bool__(self) -> bool:
        return self.number != 0.0

    def __repr__(self) -> str:
        return Symbol.spell(self)


class Tidy(Symbol):
    """A formula without what changes nothing. Each rule below holds for every finite number.

    >>> x = Tidy.named(Name("x", "x", "x"), 3.0)
    >>> 1 * x + 0, -(-x), x**1, 2 * x ** (2 - 1), 1 - x * x
    (x, x, x, 2*x, 1 - x**2)
    """

    __slots__ = ()

    @classmethod
    def _make(cls, op: Op, operands: tuple[Symbol, ...]) -> Symbol:
        made = super()._make(op, operands)
        if not math.isfinite(made.number) or not all(math.isfinite(x.number) for x in operands):
            return made
        if all(x.op is ops.constant for x in operands) and _is_short(made.number):
            return cls.constant(made.number)
        tidied = cls._without_idle_parts(op, operands)
        return made if tidied is None else tidied

    @classmethod
    def _without_idle_parts(cls, op: Op, operands: tuple[Symbol, ...]) -> Symbol | None:
        if len(operands) == 2:
            x, y = operands
            if op is ops.mul:
                if x.is_number(0.0) or y.is_number(0.0):
                    return cls.constant(0.0)
                for one, other in ((x, y), (y, x)):
                    if one.is_number(1.0):
                        return other
                    if one.is_number(-1.0):
                        return cls._make(ops.neg, (other,))
            if op is ops.add and (x.is_number(0.0) or y.is_number(0.0)):
                return y if x.is_number(0.0) else x
            if op is ops.sub and y.is_number(0.0):
                return x
            if op is ops.sub and x.is_number(0.0):
                return cls._make(ops.neg, (y,))
            if op in (ops.div, ops.pow) and y.is_number(1.0):
                return x
            if op is ops.mul and y.op is ops.mul:  # a * (b * c) is a * b * c
                return cls._make(ops.mul, (cls._make(ops.mul, (x, y.operands[0])), y.operands[1]))
            if x.name is not None and x.name is y.name and op in (ops.add, ops.mul):
                two = cls.constant(2.0)
                return cls._make(ops.mul, (two, x)) if op is ops.add else cls._make(ops.pow, (x, two))
        if op is ops.neg and operands[0].op is ops.neg:
            return operands[0].operands[0]
        return None


def _is_short(x: float) -> bool:
    """True of a number that is written out exactly in a few digits, so that folding it in hides nothing."""
    return float(f"{x:.6g}") == x


def size(symbol: Symbol, limit: int) -> int:
    """How many names, constants and ops a formula has, counted no further than the limit."""
    count, todo = 0, [symbol]
    while todo and count <= limit:
        count += 1
        todo.extend(todo.pop().operands)
    return count
