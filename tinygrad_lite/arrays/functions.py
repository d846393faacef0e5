"""What NumPy's functions mean for arrays of Values, where NumPy itself has no answer for objects.

`ELEMENTWISE` sends a NumPy function to an op of the table, entry by entry. `MADE_OF` writes a
few more in terms of these. `FUNCTIONS` are those that look at a whole array.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.arrays.array import Array, data, from_entries, plain
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.functions import norm
from tinygrad_lite.engine.op import when_entered
from tinygrad_lite.engine.value import Value, dot, total

ELEMENTWISE: dict[str, Any] = {"fabs": ops.absolute, "float_power": ops.pow}
"""NumPy's name of an elementwise function: the op that computes it."""

when_entered(lambda op: ELEMENTWISE.update({op.numpy_name: op} if op.numpy_name else {}))


def _where_not_nan(choose: Any) -> Any:
    """fmax and fmin prefer a number to a NaN, unlike maximum and minimum."""
    return lambda x, y: y if _bare(x) != _bare(x) else x if _bare(y) != _bare(y) else choose(x, y)


def _trunc(x: Any) -> Any:
    return ops.ceil(x) if x < 0 else ops.floor(x)


MADE_OF: dict[str, Callable[..., Any]] = {
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "fmax": _where_not_nan(ops.maximum),
    "fmin": _where_not_nan(ops.minimum),
    "trunc": _trunc,
    "floor_divide": lambda x, y: ops.floor(x / y),
    "remainder": lambda x, y: x - y * ops.floor(x / y),
    "fmod": lambda x, y: x - y * _trunc(x / y),
    "copysign": lambda x, y: ops.absolute(x) * math.copysign(1.0, _bare(y)),
    "heaviside": lambda x, at_zero: 0.0 if x < 0 else 1.0 if x > 0 else at_zero if _bare(x) == 0 else math.nan,
    "logaddexp2": lambda x, y: ops.logaddexp(x * math.log(2.0), y * math.log(2.0)) / math.log(2.0),
    "degrees": lambda x: x * (180.0 / math.pi),
    "rad2deg": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
    "deg2rad": lambda x: x * (math.pi / 180.0),
}
"""NumPy's name of an elementwise function: how it is made of ops."""

_ABOUT_NUMBERS = ("isnan", "isinf", "isfinite", "signbit")
_REDUCED = {"add": total, "multiply": lambda xs: ops.prod(*xs)} | {
    name: (lambda xs, op=op: op(*xs)) for name, op in (("maximum", ops.maximum), ("minimum", ops.minimum))
}
_FIRST = {"add": 0.0, "multiply": 1.0}


def elementwise(ufunc: Any, method: str, inputs: list[Any], options: dict[str, Any]) -> Callable[..., Any]:
    """What computes `ufunc` on Values: our form of it where there is one, else NumPy's own."""
    name = ufunc.__name__
    if method == "__call__":
        if name in _ABOUT_NUMBERS:
            return lambda *xs, **more: ufunc(*map(data, xs), **more)
        if name == "matmul":
            return lambda *xs, **more: _into(matmul(*xs), more)
        if name == "divmod":
            return lambda x, y, **more: (_by_entry(np.floor_divide)(x, y), _by_entry(np.remainder)(x, y))
    elif method == "reduce" and name in _REDUCED and _nothing_special(inputs, options):
        return lambda x, **more: _into(_reduce(_REDUCED[name], x, more.get("axis", 0), more.get("keepdims")), more)
    if method == "reduce" and name in _FIRST and "where" in options:
        options.setdefault("initial", _FIRST[name])
    ours = _by_entry(ufunc)
    return getattr(ours, method) if ours is not None else getattr(ufunc, method)  # type: ignore[no-any-return]


@functools.cache
def _by_entry(ufunc: Any) -> Any:
    """Our form of NumPy's function, or None."""
    function = ELEMENTWISE.get(ufunc.__name__) or MADE_OF.get(ufunc.__name__)
    return None if function is None else np.frompyfunc(function, ufunc.nin, 1)


def _nothing_special(inputs: list[Any], options: dict[str, Any]) -> bool:
    """True of a reduction over at least one entry, without a mask or a first term."""
    unmasked = options.get("where", True) is True and options.get("initial", np._NoValue) is np._NoValue
    return unmasked and len(inputs) == 1 and np.size(inputs[0]) > 0


def _reduce(join: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """One node for each row along the axes."""
    x = np.asarray(x, dtype=object)
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % max(x.ndim, 1))
    stay = [i for i in range(x.ndim) if i not in axes]
    rows = x.transpose(*stay, *axes).reshape(*[x.shape[i] for i in stay], -1)
    made: Any = np.empty(rows.shape[:-1], dtype=object)
    for place in np.ndindex(made.shape):
        made[place] = join(rows[place].tolist())
    return made.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else made


def _into(result: Any, options: dict[str, Any]) -> Any:
    for target in options.get("out", ()):
        target[...] = result
    return result


def _bare(x: Any) -> float:
    return x.data if isinstance(x, Value) else x


# ---------------------------------------------------------------------- whole arrays


def matmul(a: Any, b: Any) -> Any:
    """a @ b with one `dot` node for each entry."""
    a, b = np.asarray(plain(a), dtype=object), np.asarray(plain(b), dtype=object)
    if not (a.ndim in (1, 2) and b.ndim in (1, 2) and a.shape[-1] == b.shape[0] > 0):
        return np.matmul(a, b)  # also says what is wrong with shapes that do not fit
    rows, columns = np.atleast_2d(a).tolist(), b.reshape(len(b), -1).T.tolist()
    made: Any = np.empty((len(rows), len(columns)), dtype=object)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            made[i, j] = dot(row, column)
    return made.reshape(a.shape[:-1] + b.shape[1:])


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(plain(a), plain(b))
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        return matmul(a, b)
    return np.dot(plain(a), plain(b))


def _eliminate(a: Any, b: Any) -> tuple[Any, Any]:
    """The solution of a x = b by Gauss's elimination, the largest pivot first; and the determinant of a."""
    a = np.asarray(plain(a), dtype=object)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise np.linalg.LinAlgError(f"a square matrix is needed, but its shape is {a.shape}")
    rows = [[*left, *right] for left, right in zip(a.tolist(), b.tolist(), strict=True)]
    n, determinant = len(rows), 1.0
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(_bare(rows[i][k])))
        if pivot != k:
            rows[k], rows[pivot], determinant = rows[pivot], rows[k], -determinant
        determinant = determinant * rows[k][k]
        if _bare(rows[k][k]) == 0:
            return None, determinant
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [x - factor * y if j > k else 0.0 for j, (x, y) in enumerate(zip(rows[i], rows[k], strict=True))]
    for k in reversed(range(n)):
        for j in range(n, len(rows[k])):
            known = total(rows[k][i] * rows[i][j] for i in range(k + 1, n))
            rows[k][j] = (rows[k][j] - known) / rows[k][k]
    return [row[n:] for row in rows], determinant


def _solve(a: Any, b: Any) -> Any:
    b = np.asarray(plain(b), dtype=object)
    found, _ = _eliminate(a, b.reshape(len(b), -1))
    if found is None:
        raise np.linalg.LinAlgError("Singular matrix")
    return from_entries([x for row in found for x in row], b.shape)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of the sum of squares as nodes `norm`, whose derivative at 0 is 0; other norms are NumPy's."""
    x = np.asarray(plain(x), dtype=object)
    one = x.ndim == 1 or isinstance(axis, int)  # a vector, or several
    if not (ord is None or (ord == 2 and one) or ord == "fro") or isinstance(axis, tuple):
        return np.linalg.norm(x, ord, axis, keepdims)
    if axis is None:
        return np.full((1,) * x.ndim, norm(x.ravel().tolist())) if keepdims else norm(x.ravel().tolist())
    rows = np.moveaxis(x, axis, -1)
    found = from_entries([norm(row) for row in rows.reshape(-1, x.shape[axis]).tolist()], rows.shape[:-1])
    return np.expand_dims(found, axis) if keepdims else found


def _std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, **more: Any) -> Any:
    """The standard deviation as a norm, so that where all entries are alike its derivative is 0."""
    a = np.asarray(plain(a), dtype=object)
    if isinstance(axis, tuple) or out is not None or more.keys() - {"keepdims"}:
        return np.std(a, axis, dtype, out, ddof, **more)
    n = a.size if axis is None else a.shape[axis]
    keep = more.get("keepdims") is True
    return _norm(a - np.mean(a, axis=axis, keepdims=True), axis=axis, keepdims=keep) / math.sqrt(n - ddof)


def _interp(x: Any, xp: Any, fp: Any) -> Any:
    """Straight lines between the points (xp, fp), level outside."""
    places, heights = np.asarray(data(xp)).tolist(), np.asarray(plain(fp), dtype=object).tolist()

    def at(x: Any) -> Any:
        k = int(np.searchsorted(places, _bare(x), side="right"))
        if k == 0:
            return heights[0]
        if k == len(places):
            return heights[-1]
        return heights[k - 1] + (heights[k] - heights[k - 1]) * ((x - places[k - 1]) / (places[k] - places[k - 1]))

    return np.frompyfunc(at, 1, 1)(plain(x))


def _on_numbers(function: Any) -> Any:
    """For functions whose answer has no derivative: they are given the bare numbers."""

    def on_numbers(*args: Any, **options: Any) -> Any:
        return function(*[data(x) if isinstance(x, Array) else x for x in args], **options)

    return on_numbers


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.dot: _dot,
    np.interp: _interp,
    np.linalg.det: lambda a: _eliminate(a, np.empty((len(a), 0)))[1],
    np.linalg.inv: lambda a: _solve(a, np.eye(len(a))),
    np.linalg.norm: _norm,
    np.linalg.solve: _solve,
    np.std: _std,
} | {f: _on_numbers(f) for f in (np.allclose, np.array_equal, np.histogram, np.isclose)}
"""NumPy's functions that we answer for; the others are NumPy's own, on entries that are Values."""

Array.elementwise = staticmethod(elementwise)
Array.functions = FUNCTIONS
