"""Arrays of Values: functions entry by entry, products of matrices, shapes that must fit; and the numbers of Values."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tinygrad_lite.calculus.arithmetics import re_evaluate
from tinygrad_lite.calculus.exact import RATIONAL, given
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, NoExactValue, ShapeError
from tinygrad_lite.report.language import say

RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "≤": operator.le,
    "≥": operator.ge,
    "=": operator.eq,
    "≠": operator.ne,
}


def as_value(x: Any) -> Any:
    return x if isinstance(x, Value) else Value(float(x))


def scalar(x: Any) -> Any:
    return x.ravel()[0] if isinstance(x, np.ndarray) and x.size == 1 else x


def array(nested: Any) -> Any:
    return np.array(nested, dtype=object)


def each(f: Callable[..., Any], *operands: Any) -> Any:
    """A function of Values entry by entry."""
    arrays = [x for x in operands if isinstance(x, np.ndarray)]
    if not arrays:
        return f(*operands)
    for a, b in itertools.combinations([x for x in arrays if x.size > 1], 2):
        wide = tuple(map(max, a.shape, b.shape)) if a.ndim == b.ndim == 2 else ()  # a bias below the rows of a matrix
        thin = b.shape if wide == a.shape else a.shape
        fits = wide in (a.shape, b.shape) and all(m in (1, n) for m, n in zip(thin, wide, strict=True))
        if a.shape != b.shape and not fits:
            raise ShapeError(say("shapes {0} and {1} do not fit together", _by(a), _by(b)))
    return np.frompyfunc(f, len(operands), 1)(*operands)


def _by(a: Any) -> str:
    return " x ".join(map(str, a.shape))


def combined(op: str, x: Any, y: Any) -> Any:
    if op == "outer":
        return np.multiply.outer(np.ravel(x), np.ravel(y))
    if op == "*" and isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.size > 1 and y.size > 1:
        if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0]:
            return scalar(np.dot(x, y))
        if x.shape != y.shape:
            raise ShapeError(say("the product of {0} and {1} does not exist", _by(x), _by(y)))
    x, y = scalar(x), scalar(y)
    return each({"+": operator.add, "-": operator.sub, "/": operator.truediv}.get(op, operator.mul), x, y)


def stretched(x: Any, y: Any) -> Any:
    """A number for an array of equal numbers: 0 on the right of a gradient."""
    if not isinstance(y, np.ndarray) and not y.parents:
        return np.full(np.shape(x), y, dtype=object)
    a, b = (" x ".join(map(str, np.shape(v))) or say("one number") for v in (x, y))
    raise ShapeError(say("the left-hand side is {0}, the right-hand side {1}", a, b))


def total(parts: list[Any]) -> Any:
    if not parts:
        return Value(0.0)
    found = parts[0]
    for part in parts[1:]:
        found = combined("+", found, part)
    return found


def entry(x: Any, places: list[int]) -> Any:
    if not isinstance(x, np.ndarray):
        raise ShapeError(say("an index at what is one number"))
    if x.ndim == 2 and len(places) == 1 and 1 in x.shape:
        x = x.ravel()
    if len(places) > x.ndim or any(not 0 <= i < n for i, n in zip(places, x.shape, strict=False)):
        raise ShapeError(say("an index does not fit the array"))
    return x[tuple(places)]


def softmax(x: Any) -> Any:
    """e^x over its sum: of a vector, or of each row of a matrix."""
    if not isinstance(x, np.ndarray):
        raise ShapeError(say("softmax needs a vector"))
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
            raise DomainError(say("a pivot is 0 at this point"))
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return array([row[n:] for row in rows])


# ------------------------------------------------------------------ numbers of Values


def exact_number(root: Value) -> Any:
    """A fraction; or 50 digits, where what is below 1e-35 counts as 0."""
    try:
        return re_evaluate(root, given, RATIONAL)[root]
    except (NoExactValue, ValueError):
        from mpmath import mp, mpf

        def digits(x: float) -> Any:
            return mpf(given(x).numerator) / given(x).denominator

        named: dict[str, Any] = {"cbrt": lambda x: mp.cbrt(x) if x >= 0 else -mp.cbrt(-x)}
        ours = {op.name: getattr(mp, op.name) for op in TABLE.values() if op.arity == 1 and hasattr(mp, op.name)}
        plain = {name: RATIONAL[name] for name in ("add", "sub", "mul", "div", "neg", "abs", "sign", "floor", "ceil")}
        with mp.workdps(50):
            found = re_evaluate(root, digits, {**ours, **named, **plain, "pow": mp.power})[root]
            return Fraction(0) if abs(found) < mpf(10) ** -35 else found


def on_kink(node: Value) -> bool:
    """Whether a node was computed exactly where the derivative of its op jumps."""
    numbers = [p.data if isinstance(p, Value) else p for p in node.parents]
    return node.op.kink is not None and bool(node.op.kink.met(*numbers))


def half_unit(word: str) -> float:
    """Half a unit of the last digit of a number that is written with a point, or with six digits and more.

    >>> half_unit("0.25"), half_unit("3"), half_unit("1.20e-3"), half_unit("123457")
    (0.005, 0.0, 5e-06, 0.5)
    """
    digits, _, power = word.lower().partition("e")
    after = len(digits.partition(".")[2])
    return 0.5 * 10.0 ** (int(power or 0) - after) if "." in digits or len(digits) > 5 else 0.0
