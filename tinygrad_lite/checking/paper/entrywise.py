"""Arrays of Values: functions entry by entry, products of matrices, and shapes that must fit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, ShapeError


def as_value(x: Any) -> Any:
    return x if isinstance(x, Value) else Value(float(x))


def scalar(x: Any) -> Any:
    return x.ravel()[0] if isinstance(x, np.ndarray) and x.size == 1 else x


def array(nested: Any) -> Any:
    shape: tuple[int, ...] = ()
    inner = nested
    while isinstance(inner, list):
        shape, inner = (*shape, len(inner)), inner[0]
    found: Any = np.empty(shape, dtype=object)
    for place in itertools.product(*map(range, shape)):
        inner = nested
        for i in place:
            inner = inner[i]
        found[place] = inner
    return found


def each(f: Callable[..., Any], *operands: Any) -> Any:
    """A function of Values entry by entry."""
    arrays = [x for x in operands if isinstance(x, np.ndarray)]
    if not arrays:
        return f(*operands)
    _fit(*arrays)
    spread = np.broadcast_arrays(*operands) if len(operands) > 1 else [operands[0]]
    found: Any = np.empty(spread[0].shape, dtype=object)
    for place in itertools.product(*map(range, found.shape)):
        found[place] = f(*[x[place] for x in spread])
    return found


def _fit(*arrays: Any) -> None:
    for a, b in itertools.combinations([x for x in arrays if x.size > 1], 2):
        stretched = a.ndim == b.ndim == 2 and all(m in (n, 1) for m, n in zip(b.shape, a.shape, strict=True))
        back = a.ndim == b.ndim == 2 and all(m in (n, 1) for m, n in zip(a.shape, b.shape, strict=True))
        if a.shape != b.shape and not stretched and not back:
            raise ShapeError(f"shapes {_by(a)} and {_by(b)} do not fit together")


def _by(a: Any) -> str:
    return " x ".join(map(str, a.shape))


def combined(op: str, x: Any, y: Any) -> Any:
    if op == "*" and isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.size > 1 and y.size > 1:
        if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0]:
            return scalar(
                array(
                    [
                        [total([x[i, k] * y[k, j] for k in range(len(y))]) for j in range(y.shape[1])]
                        for i in range(len(x))
                    ]
                )
            )
        if x.shape != y.shape:
            raise ShapeError(f"the product of {_by(x)} and {_by(y)} does not exist")
    x, y = scalar(x), scalar(y)
    if op == "+":
        return each(lambda p, q: p + q, x, y)
    if op == "-":
        return each(lambda p, q: p - q, x, y)
    return each((lambda p, q: p / q) if op == "/" else (lambda p, q: p * q), x, y)


def total(parts: list[Any]) -> Any:
    if not parts:
        return Value(0.0)
    found = parts[0]
    for part in parts[1:]:
        found = combined("+", found, part)
    return found


def entry(x: Any, places: list[int]) -> Any:
    if not isinstance(x, np.ndarray):
        raise ShapeError("an index at what is one number")
    if x.ndim == 2 and len(places) == 1 and 1 in x.shape:
        x = x.ravel()
    if len(places) > x.ndim or any(not 0 <= i < n for i, n in zip(places, x.shape, strict=False)):
        raise ShapeError("an index does not fit the array")
    return x[tuple(places)]


def softmax(x: Any) -> Any:
    """e^x over its sum: of a vector, or of each row of a matrix."""
    if not isinstance(x, np.ndarray):
        raise ShapeError("softmax needs a vector")
    powers = each(lambda v: TABLE["exp"](v), x)
    if x.ndim == 2 and x.shape[1] > 1:
        return array([[p / total(list(row)) for p in row] for row in powers])
    whole = total(list(powers.ravel()))
    return each(lambda p: p / whole, powers)


def inverse(a: Any) -> Any:
    """Gauss and Jordan, without a search for pivots: at a generic point there is none to be found."""
    n = len(a)
    rows = [[*a[i], *[Value(float(i == j)) for j in range(n)]] for i in range(n)]
    for k in range(n):
        if rows[k][k].data == 0:
            raise DomainError("a pivot is 0 at this point")
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return array([row[n:] for row in rows])
