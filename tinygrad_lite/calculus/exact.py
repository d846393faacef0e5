"""Recorded graphs in another arithmetic: exact fractions, or as many digits as one likes.

    answer = tg.exact(loss)
    answer.value, answer.grad(w)          # Fraction(7, 3), Fraction(-2, 9)

A pencil answer is a fraction, and floats only come near it. `re_evaluate` walks a recorded graph
and computes every node again, by the same rows, with numbers of another kind. A gradient is a
graph too (`adjoints` with create_graph), so exact gradients need no rule of their own.

The floats that were put in are read as the simplest fraction that a float would round to them:
0.1 means 1/10, and 0.3333333333333333 means 1/3.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, OperandError

Functions = Mapping[str, Callable[..., Any]]


class NoExactValue(DomainError):
    """An op has no value in this arithmetic, as exp has none among the fractions.

    Cure: compare in floats, or compute with more digits through `re_evaluate` and mpmath.
    """


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
        self._root = root
        self._numbers = re_evaluate(root, simplest, RATIONAL)
        self._slopes: dict[Value, Any] | None = None
        self.value: Fraction = self._numbers[root]

    def number(self, node: Value) -> Fraction:
        """The exact value of a node behind the root."""
        if node not in self._numbers:
            raise OperandError(f"{node!r} is no part of this computation, so it has no exact value in it.")
        return self._numbers[node]  # type: ignore[no-any-return]

    def grad(self, node: Value) -> Fraction:
        """The exact slope of the root along a node; 0 if the root does not depend on it.

        Raises:
            NoExactValue: the slope is no fraction, as that of 2**x is not.
            StaleGraphError: some `.data` was changed since the forward pass.
        """
        if self._slopes is None:
            self._slopes = adjoints(self._root, create_graph=True)
        slope = self._slopes.get(node, 0.0)
        if not isinstance(slope, Value):
            return simplest(slope)
        return re_evaluate(slope, simplest, RATIONAL)[slope]  # type: ignore[no-any-return]

    def grads(self) -> dict[str, Fraction]:
        """The exact slope along every labelled leaf, by label."""
        leaves = [node for node in topological(self._root) if not node.parents and node.label]
        return {leaf.label: self.grad(leaf) for leaf in leaves}

    def __repr__(self) -> str:
        return f"Exact({self.value})"


def exact(root: Value) -> Exact:
    """The computation behind a Value in exact fractions.

    Raises:
        NoExactValue: a step leaves the fractions, as exp and tanh do; the message names it.

    >>> w = Value(1 / 3, label="w")
    >>> answer = exact((2 * w - 1) ** 2)
    >>> answer.value == Fraction(1, 9), answer.grad(w) == Fraction(-4, 3)
    (True, True)
    """
    return Exact(root)


def re_evaluate(root: Value, number: Callable[[float], Any], functions: Functions) -> dict[Value, Any]:
    """Every node behind the root, computed again in another arithmetic.

    Args:
        number: makes a number of the other kind from a float that was put in.
        functions: how to compute a row there, by the row's name. Rows that are not named are
            computed by their `expand` or `forward` rule, if these need only named rows.

    Raises:
        NoExactValue: a row is not named, and its rule leaves the arithmetic.

    >>> from mpmath import mp, mpf
    >>> x = Value(2.0); y = x.sqrt() + 1
    >>> with mp.workdps(30):
    ...     print(re_evaluate(y, mpf, {"sqrt": mp.sqrt, "add": operator.add})[y])
    2.41421356237309504880168872421
    """
    there = _System(number, functions)
    found: dict[Value, Any] = {}
    for node in topological(root):
        if not node.parents:
            found[node] = number(node.data)
            continue
        operands = [found[p] if isinstance(p, Value) else number(p) for p in node.parents]
        try:
            found[node] = there.compute(node.op, operands)
        except (TypeError, ValueError, ArithmeticError) as reason:
            what = f", labelled {node.label!r}," if node.label else ""
            shown = ", ".join(map(str, operands))
            if isinstance(reason, ZeroDivisionError):
                raise NoExactValue(f"{node.op.name}{what} divides by zero at ({shown}).") from None
            raise NoExactValue(
                f"{node.op.name}{what} has no exact value at ({shown}), where the floats gave {node.data!r}.\n"
                "  Fractions know + - * / abs, whole powers, max, min, relu, sums and dots, and roots of squares."
            ) from None
    return found


class _System:
    """An arithmetic: how to make its numbers, and the rows it can compute."""

    def __init__(self, number: Callable[[float], Any], functions: Functions) -> None:
        self.number = number
        self.functions = functions

    def compute(self, op: Op, operands: list[Any]) -> Any:
        if op.name in self.functions:
            return self.functions[op.name](*operands)
        out = (op.expand or op.forward)(*[_Number(x, self) for x in operands])
        return out.value if isinstance(out, _Number) else self.number(out)


class _Number(Arithmetic):
    """A number of another arithmetic that can go through the rules of the table."""

    __slots__ = ("value", "system")

    def __init__(self, value: Any, system: _System) -> None:
        self.value = value
        self.system = system

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        there = self.system
        return _Number(there.compute(op, [self._bare(x) for x in operands]), there)

    def _bare(self, x: Any) -> Any:
        return x.value if isinstance(x, _Number) else self.system.number(x)

    def __float__(self) -> float:
        raise TypeError("a rule that needs floats leaves this arithmetic")

    def __eq__(self, other: object) -> Any:
        return self.value == self._bare(other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> Any:
        return self.value < self._bare(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= self._bare(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > self._bare(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= self._bare(other)


# ---------------------------------------------------------------------- fractions


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


def _whole_power(x: Fraction, n: Fraction) -> Fraction:
    if n.denominator != 1:
        root = _root(x, n.denominator)
        return Fraction(root**n.numerator)
    return Fraction(x**n.numerator)


def _root(x: Fraction, n: int = 2) -> Fraction:
    """The n-th root, if it is a fraction."""
    if x >= 0:
        found = Fraction(_whole_root(x.numerator, n), _whole_root(x.denominator, n))
        if found**n == x:
            return found
    raise ValueError("not the power of a fraction")


def _whole_root(k: int, n: int) -> int:
    return math.isqrt(k) if n == 2 else round(k ** (1 / n))


RATIONAL: Functions = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
    "abs": abs,
    "pow": _whole_power,
    "sqrt": _root,
}
"""The rows that fractions compute by themselves."""
