"""Which operator and which method leads to which row of the table.

`Arithmetic` turns Python's operators into calls of `_apply(op, operands)`. Whoever provides
`_apply` can go through a function written for numbers: a Value records a graph, a symbol
builds a formula, a tracer writes a tape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op

Self = TypeVar("Self", bound="Arithmetic")


def _method(op: Op) -> Callable[[Self], Self]:
    """The row as a method without further operands: `v.tanh()`."""

    def method(self: Self) -> Self:
        return self._apply(op, (self,))  # type: ignore[no-any-return]

    method.__name__ = method.__qualname__ = op.name
    method.__doc__ = f"`{op.name}` of this number. {op.because}"
    return method


class Arithmetic:
    """Operators and methods for a class that knows how to apply a row to operands."""

    __slots__ = ()

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        """The result of `op`, or NotImplemented if one of the operands is unknown here."""
        raise NotImplementedError

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

    exp = _method(ops.exp)
    log = _method(ops.log)
    sqrt = _method(ops.sqrt)
    sin = _method(ops.sin)
    cos = _method(ops.cos)
    tanh = _method(ops.tanh)
    sigmoid = _method(ops.sigmoid)
    relu = _method(ops.relu)
    softplus = _method(ops.softplus)
    abs = _method(ops.absolute)
