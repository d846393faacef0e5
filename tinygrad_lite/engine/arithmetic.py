"""Which operator and which method leads to which row of the table.

`Arithmetic` turns Python's operators into calls of `_apply(op, operands)`. Whoever provides
`_apply` can go through a function written for numbers: a Value records a graph, a symbol
builds a formula, a tracer writes a tape.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op
from tinygrad_lite.hints import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    Self = TypeVar("Self", bound="Arithmetic")


def _method(op: Op) -> Callable[..., Any]:
    """The row as a method: `v.tanh()`, or `v.hypot(w)` where there are further operands."""

    def of_one(self: Any) -> Any:
        return self._apply_one(op)

    def of_many(self: Any, *others: Any, **named: Any) -> Any:
        return op(self, *others, **named)

    method: Callable[..., Any] = of_one if op.arity == 1 else of_many
    method.__name__ = method.__qualname__ = op.name
    method.__doc__ = f"`{op.name}` of this number. {op.doc}"
    return method


class Arithmetic:
    """Operators and methods for a class that knows how to apply a row to operands."""

    __slots__ = ()

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """The result of `op`, or NotImplemented if one of the operands is unknown here."""
        raise NotImplementedError

    def _apply_one(self, op: Op) -> Any:
        """The result of a row of one operand, which is self."""
        return self._apply(op, (self,))

    def __add__(self: Self, other: Any) -> Self:
        return self._apply(ops.add, (self, other))  # type: ignore[no-any-return]

    def __radd__(self: Self, other: Any) -> Self:
        return self._apply(ops.add, (other, self))  # type: ignore[no-any-return]

    def __sub__(self: Self, other: Any) -> Self:
        return self._apply(ops.sub, (self, other))  # type: ignore[no-any-return]

    def __rsub__(self: Self, other: Any) -> Self:
        return self._apply(ops.sub, (other, self))  # type: ignore[no-any-return]

    def __mul__(self: Self, other: Any) -> Self:
        return self._apply(ops.mul, (self, other))  # type: ignore[no-any-return]

    def __rmul__(self: Self, other: Any) -> Self:
        return self._apply(ops.mul, (other, self))  # type: ignore[no-any-return]

    def __truediv__(self: Self, other: Any) -> Self:
        return self._apply(ops.div, (self, other))  # type: ignore[no-any-return]

    def __rtruediv__(self: Self, other: Any) -> Self:
        return self._apply(ops.div, (other, self))  # type: ignore[no-any-return]

    def __pow__(self: Self, other: Any) -> Self:
        return self._apply(ops.pow, (self, other))  # type: ignore[no-any-return]

    def __rpow__(self: Self, other: Any) -> Self:
        return self._apply(ops.pow, (other, self))  # type: ignore[no-any-return]

    def __neg__(self: Self) -> Self:
        return self._apply(ops.neg, (self,))  # type: ignore[no-any-return]

    def __pos__(self: Self) -> Self:
        return self

    def __abs__(self: Self) -> Self:
        return self._apply(ops.absolute, (self,))  # type: ignore[no-any-return]

    def __floordiv__(self: Self, other: Any) -> Any:
        quotient = self / other
        return quotient if quotient is NotImplemented else ops.floor(quotient)

    def __rfloordiv__(self: Self, other: Any) -> Any:
        return ops.floor(other / self)

    def __mod__(self: Self, other: Any) -> Any:
        """self - other * floor(self / other), with the sign of the divisor; the slope along self is 1.

        Of whole numbers and halves it is Python's. Where the quotient rounds up to a whole number, as
        in 1.0 % 0.1, Python's own remainder comes from exact division and differs by one divisor.
        """
        return self - other * (self // other)

    def __rmod__(self: Self, other: Any) -> Any:
        return other - self * (other // self)

    def __divmod__(self: Self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self: Self, other: Any) -> Any:
        return other // self, other % self

    def __floor__(self) -> Any:
        return self._apply_one(ops.floor)

    def __ceil__(self) -> Any:
        return self._apply_one(ops.ceil)

    def __round__(self, ndigits: int | None = None) -> Any:
        if ndigits is None:
            return self._apply_one(ops.round)
        return self._apply_one(ops.round) if ndigits == 0 else ops.round(self * 10.0**ndigits) / 10.0**ndigits

    # powers and roots
    square = _method(ops.square)
    reciprocal = _method(ops.reciprocal)
    sqrt = _method(ops.sqrt)
    cbrt = _method(ops.cbrt)
    hypot = _method(ops.hypot)
    # exponentials and logarithms
    exp = _method(ops.exp)
    exp2 = _method(ops.exp2)
    expm1 = _method(ops.expm1)
    log = _method(ops.log)
    log2 = _method(ops.log2)
    log10 = _method(ops.log10)
    log1p = _method(ops.log1p)
    logaddexp = _method(ops.logaddexp)
    # angles
    sin = _method(ops.sin)
    cos = _method(ops.cos)
    tan = _method(ops.tan)
    asin = _method(ops.asin)
    acos = _method(ops.acos)
    atan = _method(ops.atan)
    atan2 = _method(ops.atan2)
    # hyperbolic functions
    sinh = _method(ops.sinh)
    cosh = _method(ops.cosh)
    tanh = _method(ops.tanh)
    asinh = _method(ops.asinh)
    acosh = _method(ops.acosh)
    atanh = _method(ops.atanh)
    # the bell curve
    erf = _method(ops.erf)
    erfc = _method(ops.erfc)
    gelu = _method(ops.gelu)
    gelu_tanh = _method(ops.gelu_tanh)
    # activations
    relu = _method(ops.relu)
    leaky_relu = _method(ops.leaky_relu)
    elu = _method(ops.elu)
    selu = _method(ops.selu)
    sigmoid = _method(ops.sigmoid)
    logsigmoid = _method(ops.logsigmoid)
    softplus = _method(ops.softplus)
    silu = _method(ops.silu)
    softsign = _method(ops.softsign)
    hardtanh = _method(ops.hardtanh)
    # choices and cuts
    maximum = _method(ops.maximum)
    minimum = _method(ops.minimum)
    clip = _method(ops.clip)
    sign = _method(ops.sign)
    floor = _method(ops.floor)
    ceil = _method(ops.ceil)
    round = _method(ops.round)
    abs = _method(ops.absolute)

    # the same under NumPy's names, by which its functions find them in an array of Values
    arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
    arcsinh, arccosh, arctanh = asinh, acosh, atanh
    absolute = fabs = abs
    rint = round

    def conjugate(self: Self) -> Self:
        """This number itself, since it is real."""
        return self

    def degrees(self: Self) -> Self:
        """An angle in radians, turned into degrees."""
        return self * (180.0 / math.pi)

    def radians(self: Self) -> Self:
        """An angle in degrees, turned into radians."""
        return self * (math.pi / 180.0)

    rad2deg, deg2rad = degrees, radians
