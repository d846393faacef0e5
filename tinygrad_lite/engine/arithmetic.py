"""Which operator and which method leads to which op of the table.

`Arithmetic` turns Python's operators into calls of `_apply(op, operands)`. Whoever provides
`_apply` can go through a function written for numbers: a Value records a graph, a symbol
builds a formula, a tracer writes a tape. What checkers and editors read of it, the methods included, is
written off the table into `arithmetic.pyi`, by `python .ci/stubs.py`.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op, when_entered
from tinygrad_lite.hints import Any


class Arithmetic:
    """Operators and methods for a class that knows how to apply an op to operands.

    Each op of the table is a method too, under its own name and under NumPy's: see `add_method`.
    """

    __slots__ = ()
    __array_priority__ = -1.0  # above NumPy's scalars, which then leave an operation to us; below its arrays

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """The result of `op`, or NotImplemented if one of the operands is unknown here."""
        raise NotImplementedError

    def _apply_one(self, op: Op) -> Any:
        """The result of an op of one operand, which is self."""
        return self._apply(op, (self,))

    def __add__(self, other: Any) -> Any:
        return self._apply(ops.add, (self, other))

    def __radd__(self, other: Any) -> Any:
        return self._apply(ops.add, (other, self))

    def __sub__(self, other: Any) -> Any:
        return self._apply(ops.sub, (self, other))

    def __rsub__(self, other: Any) -> Any:
        return self._apply(ops.sub, (other, self))

    def __mul__(self, other: Any) -> Any:
        return self._apply(ops.mul, (self, other))

    def __rmul__(self, other: Any) -> Any:
        return self._apply(ops.mul, (other, self))

    def __truediv__(self, other: Any) -> Any:
        return self._apply(ops.div, (self, other))

    def __rtruediv__(self, other: Any) -> Any:
        return self._apply(ops.div, (other, self))

    def __pow__(self, other: Any) -> Any:
        return self._apply(ops.pow, (self, other))

    def __rpow__(self, other: Any) -> Any:
        return self._apply(ops.pow, (other, self))

    def __neg__(self) -> Any:
        return self._apply(ops.neg, (self,))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._apply_one(ops.absolute)

    def __floordiv__(self, other: Any) -> Any:
        quotient = self / other
        return quotient if quotient is NotImplemented else ops.floor(quotient)

    def __rfloordiv__(self, other: Any) -> Any:
        return ops.floor(other / self)

    def __mod__(self, other: Any) -> Any:
        """self - other * floor(self / other), with the sign of the divisor; the derivative w.r.t. self is 1.

        Of whole numbers and halves it is Python's. Where the quotient rounds up to a whole number, as
        in 1.0 % 0.1, Python's own remainder comes from exact division and differs by one divisor.
        """
        return self - other * (self // other)

    def __rmod__(self, other: Any) -> Any:
        return other - self * (other // self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __floor__(self) -> Any:
        return self._apply_one(ops.floor)

    def __ceil__(self) -> Any:
        return self._apply_one(ops.ceil)

    def __round__(self, ndigits: int | None = None) -> Any:
        return ops.round(self * 10.0**ndigits) / 10.0**ndigits if ndigits else self._apply_one(ops.round)

    def conjugate(self) -> Any:
        """This number itself, since it is real."""
        return self

    def degrees(self) -> Any:
        """An angle in radians, turned into degrees."""
        return self * (180.0 / math.pi)

    def radians(self) -> Any:
        """An angle in degrees, turned into radians."""
        return self * (math.pi / 180.0)

    rad2deg = degrees
    deg2rad = radians


def add_method(op: Op) -> None:
    """Make the op a method: `v.tanh()`, or `v.hypot(w)` where there are further operands.

    NumPy's functions of an array of Values find their methods by NumPy's names.
    """
    if op.arity == 0 or op.infix:
        return

    def of_one(self: Any) -> Any:
        return self._apply_one(op)

    def of_many(self: Any, *others: Any, **named: Any) -> Any:
        return op(self, *others, **named)

    method = of_one if op.arity == 1 else of_many
    method.__name__ = method.__qualname__ = op.name
    method.__doc__ = f"`{op.name}` of this number. {op.doc}"
    method.op = op
    names = {op.numpy_name, *(() if op.arity is None else (op.name,)), *(("fabs",) if op is ops.absolute else ())}
    for name in names - {""}:
        if hasattr(vars(Arithmetic).get(name, method), "op"):  # no method that is written above
            setattr(Arithmetic, name, method)


when_entered(add_method)
