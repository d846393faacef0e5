"""A recorded graph, computed again in another arithmetic: fractions, or sixty digits.

`re_evaluate` walks the graph and computes every node by the same ops with numbers of another
kind. The arithmetic says how to make its numbers from floats, and how to compute those ops
that are elementary to it; the others follow from the ops' own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NoExactValue

Functions = Mapping[str, Callable[..., Any]]


def re_evaluate(root: Value, number: Callable[[float], Any], functions: Functions) -> dict[Value, Any]:
    """Every node behind the root, computed again in another arithmetic.

    Args:
        number: makes a number of the other kind from a float that was given as input.
        functions: how to compute an op there, by its name. Ops that are not named are
            computed by their `expand`, `lower` or `forward` rule, if that needs only named ops.

    Raises:
        NoExactValue: an op is not named, and its rule leaves the arithmetic.

    >>> import operator
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
                "  Fractions know + - * / abs, whole powers, max, min, relu, sums, dots, roots of squares, exp(0) = 1."
            ) from None
    return found


class _System:
    """An arithmetic: how to make its numbers, and the ops it can compute."""

    def __init__(self, number: Callable[[float], Any], functions: Functions) -> None:
        self.number = number
        self.functions = functions

    def compute(self, op: Op, operands: list[Any]) -> Any:
        if op.name in self.functions:
            return self.functions[op.name](*operands)
        out = (op.expand or op.lower or op.forward)(*[_Number(x, self) for x in operands])
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
