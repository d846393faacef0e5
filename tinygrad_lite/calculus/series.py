"""All derivatives of a function of one number at once, as a power series.

    tg.taylor(f, 4)(x)     the numbers c0, c1, c2, c3, c4 of
                           f(x + t) = c0 + c1 t + c2 t^2 + c3 t^3 + c4 t^4 + ...

c0 is the value, c1 the derivative, and the n-th derivative is n! times c_n. Taking the gradient of the
gradient of the gradient makes a graph that grows about fourfold with each order; a series grows
by one number.

The rules are those of the table once more. When x moves with t, so does out = op(x, y), and

    d out/dt  =  (derivative w.r.t. x) * dx/dt  +  (derivative w.r.t. y) * dy/dt

where the derivatives, `op.display_derivatives`, are series too, made from x, y and out by the op's own formula.
Compare the coefficients of t^(k-1) on both sides: on the left stands k * out_k, on the right
nothing beyond x_k, y_k and the derivatives up to k-1. So coefficient follows upon coefficient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinygrad_lite.calculus.recording import Recording
from tinygrad_lite.calculus.transforms import named
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.reverse import require_fresh
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError


def taylor(f: Callable[[Any], Any], order: int) -> Callable[[Any], list[Any]]:
    """A function that gives the coefficients of f around its argument, from t^0 up to t^order.

    Raises:
        ValueError: order is negative or not whole.
        OperandError: f is no function of one number.

    >>> from tinygrad_lite.engine.ops import exp
    >>> taylor(exp, 4)(0.0)
    [1.0, 1.0, 0.5, 0.16666666666666666, 0.041666666666666664]
    """
    if not isinstance(order, int) or order < 0:
        raise ValueError(f"the order of a derivative is a whole number from 0 up, but got {order!r}.")

    def f_taylor(x: Any) -> list[Any]:
        recording = Recording(f, (x,))
        if recording.into is not float:
            raise OperandError(
                "this needs a function of one number; for several use tg.grad, tg.hessian or tg.jacobian."
            )
        return [recording.finish(c) for c in _coefficients(recording, order)]

    return named(f_taylor, "taylor", f)


def derivative(f: Callable[[Any], Any], order: int = 1) -> Callable[[Any], Any]:
    """A function that gives the derivative of f, a function of one number, of any order.

    Raises:
        ValueError: order is negative, not whole, or above 170, where n! is no float any more.
        OperandError: f is no function of one number.

    >>> derivative(lambda x: x**5, order=3)(2.0)       # 60 x^2
    240.0
    """
    coefficients = taylor(f, order)
    if order > 170:
        raise ValueError(f"derivatives end at order 170, but got {order}; tg.taylor(f, {order}) has the coefficients.")
    return named(lambda x: coefficients(x)[order] * float(math.factorial(order)), f"derivative_{order}", f)


def _coefficients(recording: Recording, order: int) -> list[Any]:
    """The coefficients of the recording's output; Values if somebody may differentiate on."""
    root = recording.output
    if not isinstance(root, Value):
        return [root] + [0.0] * order
    nodes = topological(root)
    family: dict[Any, Series] = {}
    found: dict[Value, Series] = {}
    for node in nodes:
        start = node if recording.open else node.data
        if node is recording.inputs[0]:
            found[node] = Series(family, start, node.op, ())
            found[node].known.append(1.0)
            found[node].moves = True
            continue
        series = Series(family, start, node.op, tuple([found[p] if isinstance(p, Value) else p for p in node.parents]))
        found[node] = family.setdefault(series.key(), series) if node.parents else series
    if recording.open:
        require_fresh([node for node in nodes if found[node].moves])
    for k in range(2, order + 1) if order > 1 else (order,):
        for node in nodes:
            found[node].grow(k)
    return [found[root].at(k) for k in range(order + 1)]


class Series(Arithmetic):
    """A power series that computes its coefficients when they are asked for.

    Attributes:
        family: the series of one computation by op and operands, so that none is made twice.
        known: the coefficients that have been computed.
        op, operands: how it is made, from other series and numbers.
        derivatives: the op's derivatives w.r.t. its operands, made at first need.
        moves: it depends on t; otherwise all coefficients but the first are 0.
    """

    __slots__ = ("family", "known", "op", "operands", "derivatives", "moves")

    def __init__(self, family: dict[Any, Series], start: Any, op: Op, operands: tuple[Any, ...]) -> None:
        self.family: dict[Any, Series] = family
        self.known: list[Any] = [start]
        self.op: Op = op
        self.operands: tuple[Any, ...] = operands
        self.derivatives: tuple[Any, ...] | None = None
        self.moves: bool = any(isinstance(x, Series) and x.moves for x in operands)

    def key(self) -> Any:
        """What tells it from the others: its op, and which operands."""
        return (self.op, *[x if x.__class__ is float else id(x) for x in self.operands])

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Series:
        """The series of op on series and numbers: the one that is there, or a new one."""
        operands = tuple([x if isinstance(x, Series) else float(x) for x in operands])
        made = Series(self.family, op(*map(_start, operands)), op, operands)
        return self.family.setdefault(made.key(), made)

    def at(self, k: int) -> Any:
        """Coefficient k, which has been computed, or is 0."""
        return self.known[k] if k < len(self.known) else 0.0

    def grow(self, k: int) -> None:
        """Compute the coefficients up to k, and first whatever they need; no recursion."""
        todo = [(self, k)]
        while todo:
            series, k = todo[-1]
            missing = series._missing(k)
            if missing:
                todo += missing
            else:
                todo.pop()
                if series._lacks(k):
                    series.known.append(series._next(k))

    def _lacks(self, k: int) -> bool:
        return self.moves and bool(self.operands) and len(self.known) <= k

    def _missing(self, k: int) -> list[tuple[Series, int]]:
        """The series, and up to which coefficient, without which coefficient k cannot be computed."""
        if not self._lacks(k):
            return []
        if len(self.known) < k:
            return [(self, k - 1)]
        if self.derivatives is None:
            self.derivatives = self.op.display_derivatives(*self.operands, self)
        needed = []
        for x, derivative in zip(self.operands, self.derivatives, strict=True):
            if isinstance(x, Series) and x.moves:
                needed += [(x, k), (derivative, k - 1)]
        return [(s, n) for s, n in needed if isinstance(s, Series) and s._lacks(n)]

    def _next(self, k: int) -> Any:
        """out_k = (1/k) * the sum over operands x and over j = 1 ... k of  j * x_j * derivative_(k-j)."""
        terms = []
        for x, derivative in zip(self.operands, self.derivatives or (), strict=True):
            if isinstance(x, Series) and x.moves:
                if isinstance(derivative, Series):
                    terms += [_product(x.at(j), derivative.at(k - j), j / k) for j in range(1, k + 1)]
                else:
                    terms.append(_product(x.at(k), derivative, 1.0))
        return _sum([term for term in terms if not _is_zero(term)])

    # Rules that ask how large an operand is look at the point the series stands for.

    def __lt__(self, other: Any) -> Any:
        return self.known[0] < _start(other)

    def __le__(self, other: Any) -> Any:
        return self.known[0] <= _start(other)

    def __gt__(self, other: Any) -> Any:
        return self.known[0] > _start(other)

    def __ge__(self, other: Any) -> Any:
        return self.known[0] >= _start(other)


def _start(x: Any) -> Any:
    return x.known[0] if isinstance(x, Series) else x


def _product(x: Any, y: Any, share: float) -> Any:
    """x * y * share; no nodes are made for a bare 0 times a finite Value."""
    for one, other in ((x, y), (y, x)):
        if _is_zero(one) and isinstance(other, Value) and math.isfinite(other.data):
            return 0.0
    product = x * y
    return product if share == 1.0 else product * share


def _sum(terms: list[Any]) -> Any:
    if not any(isinstance(term, Value) for term in terms):
        return math.fsum(terms)
    return ops.sum(*terms) if len(terms) > 1 else terms[0]


def _is_zero(x: Any) -> bool:
    return x.__class__ is float and x == 0.0
