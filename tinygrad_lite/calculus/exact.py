"""The exact value and gradients of a computation, as fractions.

    answer = tg.exact(loss)
    answer.value, answer.grad(w)          # Fraction(7, 3), Fraction(-2, 9)

A pencil answer is a fraction, and floats only come near it. Here a recorded graph is evaluated
again in fractions. A gradient is a graph too (`adjoints` with create_graph), so that exact
gradients need no rule of their own.

The floats that were put in are read as the simplest fraction that a float would round to them:
0.1 means 1/10, and 0.3333333333333333 means 1/3.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tinygrad_lite.calculus.arithmetics import Functions, re_evaluate
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.reverse import adjoints, require_fresh
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NoExactValue, OperandError


class Exact:
    """The exact value of a recorded computation, and its exact gradients.

    Attributes:
        value: the root as a fraction.

    >>> x, y = Value(0.1), Value(3.0)
    >>> answer = Exact(x / y + y**2)
    >>> answer.value, answer.grad(y)
    (Fraction(271, 30), Fraction(539, 90))
    """

    def __init__(self, root: Value) -> None:
        if not isinstance(root, Value):
            raise OperandError(f"tg.exact needs a Value, the result of a computation, but got {root!r}.")
        require_fresh(topological(root))
        self._root = root
        self._numbers = re_evaluate(root, given, RATIONAL)
        self._derivatives: dict[Value, Any] | None = None
        self.value: Fraction = self._numbers[root]

    def number(self, node: Value) -> Fraction:
        """The exact value of a node behind the root."""
        if node not in self._numbers:
            raise OperandError(f"{node!r} is no part of this computation, so it has no exact value in it.")
        return self._numbers[node]  # type: ignore[no-any-return]

    def grad(self, node: Value) -> Fraction:
        """The exact derivative of the root w.r.t. a node; 0 if the root does not depend on it.

        Raises:
            NoExactValue: the derivative is no fraction, as that of 2**x is not.
            StaleGraphError: some `.data` was changed since the forward pass.
        """
        if self._derivatives is None:
            self._derivatives = adjoints(self._root, create_graph=True)
        derivative = self._derivatives.get(node, 0.0)
        if not isinstance(derivative, Value):
            return simplest(derivative)
        return re_evaluate(derivative, simplest, RATIONAL)[derivative]  # type: ignore[no-any-return]

    def grads(self) -> dict[str, Fraction]:
        """The exact derivative w.r.t. every labelled leaf, by label."""
        leaves = [node for node in topological(self._root) if not node.parents and node.label]
        return {leaf.label: self.grad(leaf) for leaf in leaves}

    def __repr__(self) -> str:
        return f"Exact({self.value})"


def exact(root: Value) -> Exact:
    """The computation behind a Value in exact fractions.

    Args:
        root: the result; each float in it becomes the simplest fraction that rounds to it.

    Raises:
        NoExactValue: a step leaves the fractions, as exp and tanh do; the message names it.
        StaleGraphError: some `.data` was changed since the forward pass.

    >>> w = Value(1 / 3, label="w")
    >>> answer = exact((2 * w - 1) ** 2)
    >>> answer.value == Fraction(1, 9), answer.grad(w) == Fraction(-4, 3)
    (True, True)
    """
    return Exact(root)


def simplest(x: float) -> Fraction:
    """The fraction with the smallest denominator among those that round to the float x.

    Source: the interval of reals that round to x, and the first number in it on the way down
    the Stern-Brocot tree, found by continued fractions.

    >>> simplest(0.1), simplest(2 / 3), simplest(-0.75)
    (Fraction(1, 10), Fraction(2, 3), Fraction(-3, 4))
    """
    if not math.isfinite(x):
        raise NoExactValue(f"{x!r} is no fraction, so a computation with it has no exact value.")
    if x < 0:
        return -simplest(-x)
    middle = Fraction(x)
    if middle.denominator == 1:
        return middle
    below, above = Fraction(math.nextafter(x, 0.0)), Fraction(math.nextafter(x, math.inf))
    found = _simplest_between((below + middle) / 2, (middle + above) / 2)
    return found if float(found) == x else middle


def given(x: float) -> Fraction:
    """The simplest fraction for a number that a computation began with.

    Raises:
        NoExactValue: x is beyond 2**53 and all its digits are in use, so that it may have been rounded from many.

    >>> given(0.1), given(1e20)
    (Fraction(1, 10), Fraction(100000000000000000000, 1))
    """
    found, size = simplest(x), abs(x)
    if size > 2.0**53 and len(repr(size).partition("e")[0]) > 16:
        whole = int(size)
        if (whole // (whole & -whole)).bit_length() > 40:
            ends = [(whole + int(math.nextafter(size, end))) // 2 for end in (0.0, math.inf)]
            raise NoExactValue(
                f"{x!r} stands for every number from {ends[0]} to {ends[1]} in size, so which was meant is not known.\n"
                "  Exact values need whole numbers up to 2**53, or larger ones of few digits."
            )
    return found


def _simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator in the closed interval, for 0 <= low < high."""
    wholes = []
    while (whole := math.ceil(low)) > high:
        wholes.append(whole - 1)
        low, high = 1 / (high - (whole - 1)), 1 / (low - (whole - 1))
    found = Fraction(whole)
    for whole in reversed(wholes):
        found = whole + 1 / found
    return found


def _power(x: Fraction, y: Fraction) -> Fraction:
    return Fraction(_root(x, y.denominator) ** y.numerator)


def _root(x: Fraction, n: int = 2) -> Fraction:
    """The n-th root, if it is a fraction."""
    if n == 1:
        return x
    if x >= 0:
        found = Fraction(_whole_root(x.numerator, n), _whole_root(x.denominator, n))
        if found**n == x:
            return found
    raise ValueError("not the power of a fraction")


def _whole_root(k: int, n: int) -> int:
    return math.isqrt(k) if n == 2 else round(k ** (1 / n))


def _only_at(point: Fraction, value: Fraction) -> Callable[[Fraction], Fraction]:
    """A function whose one fraction among the fractions is known: exp(0) = 1, sigmoid(0) = 1/2."""

    def known(x: Fraction) -> Fraction:
        if x != point:
            raise ValueError("no fraction")
        return value

    return known


def _length(*xs: Fraction) -> Fraction:
    return _root(sum([x * x for x in xs], Fraction(0)))


RATIONAL: Functions = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "abs": abs,
    "pow": _power,
    "sqrt": _root,
    "cbrt": lambda x: _root(x, 3) if x >= 0 else -_root(-x, 3),
    "hypot": _length,
    "norm": _length,
    "sign": lambda x: Fraction((x > 0) - (x < 0)),
    "floor": lambda x: Fraction(math.floor(x)),
    "ceil": lambda x: Fraction(math.ceil(x)),
    "round": lambda x: Fraction(round(x)),
    **{op.name: _only_at(*map(Fraction, op.exact)) for op in TABLE.values() if op.exact},
}
"""The ops that fractions compute by themselves; all others by their rules."""
