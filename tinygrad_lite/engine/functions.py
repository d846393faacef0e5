"""Functions of a whole list of numbers, and the choice between two.

Each takes floats and Values alike. `mean`, `prod`, `norm` and `logsumexp` make one node with as
many parents as the list is long; `softmax` and `log_softmax` make a list of nodes.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, ShapeError, user_line
from tinygrad_lite.hints import Any, Iterable

__all__ = ["log_softmax", "logsumexp", "mean", "norm", "prod", "softmax", "where"]


def _of_all(op: Op, values: Iterable[Any]) -> Any:
    return op(*_some(op.name, values))


def _some(name: str, values: Iterable[Any]) -> list[Any]:
    """The values as a list; an empty one is refused in the name of the function that the user called."""
    numbers = list(values)
    if not numbers:
        raise ShapeError(f"{name} of no numbers has no value{user_line()}; give at least one.")
    return numbers


def mean(values: Iterable[Any]) -> Any:
    """The mean of one number or more, as one node.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    return _of_all(ops.mean, values)


def prod(values: Iterable[Any]) -> Any:
    """The product of one number or more, as one node; right also where some are 0.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> prod([2.0, 3.0, 4.0])
    24.0
    """
    return _of_all(ops.prod, values)


def norm(values: Iterable[Any]) -> Any:
    """The Euclidean length sqrt(x1^2 + x2^2 + ...), as one node, without overflow; its derivatives at the origin are 0.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> norm([3.0, 4.0])
    5.0
    """
    return _of_all(ops.norm, values)


def logsumexp(values: Iterable[Any]) -> Any:
    """log(e^x1 + e^x2 + ...), as one node, for operands of any size.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    return _of_all(ops.logsumexp, values)


def log_softmax(values: Iterable[Any]) -> list[Any]:
    """The logarithm of each number's share in the sum of exponentials: x - logsumexp(x).

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> [round(x, 4) for x in log_softmax([0.0, 0.0, -1000.0])]
    [-0.6931, -0.6931, -1000.6931]
    """
    return _log_shares(_some("log_softmax", values))


def _log_shares(numbers: list[Any]) -> list[Any]:
    xs = _near_zero(numbers)
    whole = logsumexp(xs)
    return [x - whole for x in xs]


def _near_zero(xs: list[Any]) -> list[Any]:
    """The same numbers less the largest, if that is far from 0: the shares are the same and keep their last digits."""
    data = [x.data if isinstance(x, Value) else x for x in xs]
    if all(isinstance(x, float) for x in data):
        top = max(data, default=0.0)
        if 8.0 < abs(top) < math.inf:
            return [x - top for x in xs]
    return xs


def softmax(values: Iterable[Any]) -> list[Any]:
    """Each number's share e^x / (e^x1 + e^x2 + ...): positive, and 1 in all, for operands of any size.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    return [ops.exp(x) for x in _log_shares(_some("softmax", values))]


def where(condition: Any, x: Any, y: Any) -> Any:
    """x if the condition holds, y otherwise; an array of conditions chooses entry by entry.

    The other one leaves no trace in the graph.

    Both were computed before the choice, so guard what must not be computed with Python's own
    `if`: `x if v > 0 else tg.log(v)`. Multiplying by 0 instead would carry a NaN or an infinity
    of the unwanted branch into the gradient.

    Raises:
        OperandError: the condition is a list, which would count as true whatever it holds.

    >>> from tinygrad_lite.engine import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> where(a > b, a, b) is b
    True
    """
    if getattr(condition, "ndim", 0):
        import numpy as np  # it is there: the condition is an array

        return np.where(np.asarray(condition, dtype=bool), x, y)
    if isinstance(condition, (list, tuple, dict, str)):
        raise OperandError(
            f"where takes one condition or an array of them, but got the {type(condition).__name__} {condition!r:.60}"
            f"{user_line()}.\n  Make an array of it first, as in tg.where(np.array(conditions), x, y)."
        )
    choose = getattr(type(condition), "choose_one", None)  # a comparison that is being compiled
    return choose(condition, x, y) if choose else x if condition else y
