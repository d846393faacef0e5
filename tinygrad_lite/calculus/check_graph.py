"""Is every local derivative of a recorded graph right? Each op is measured alone, at the numbers it was given."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tinygrad_lite.engine.custom import ON_PURPOSE
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import GradientMismatch, OperandError


class Wrong(NamedTuple):
    """A local derivative that disagrees with the measured one."""

    node: Value
    operand: int
    recorded: float
    measured: float


class GraphCheck:
    """What was found. True if no local derivative disagrees.

    Attributes:
        wrong: those that disagree, in the order of the graph.
        on_purpose: the names of ops in it that were entered with `check=False`; they are not measured.
        measured, skipped: how many derivatives were measured, and how many could not be told by floats, as beside an
            edge of the domain.
    """

    def __init__(self) -> None:
        self.wrong: list[Wrong] = []
        self.on_purpose: set[str] = set()
        self.measured = self.skipped = 0

    def __bool__(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        lines = [
            f"{self.measured} local derivatives measured: "
            + ("all agree." if self else f"{len(self.wrong)} disagree{'s' if len(self.wrong) == 1 else ''}.")
        ]
        for node, i, recorded, measured in self.wrong[:10]:
            numbers = ", ".join(f"{_number(p):.6g}" for p in node.parents[:4])
            name = f" ({node.label})" if node.label else ""
            lines.append(
                f"  {node.op.name}{name} w.r.t. operand {i + 1}: recorded {recorded:.8g}, measured {measured:.8g}, "
                f"at {numbers}"
            )
        if self.skipped:
            lines.append(f"  {self.skipped} could not be measured there.")
        if self.on_purpose:
            lines.append(f"  Not measured, since they differ on purpose: {', '.join(sorted(self.on_purpose))}.")
        return "\n".join(lines)

    __repr__ = __str__

    def assert_ok(self) -> None:
        """Raise a GradientMismatch with the report if some derivative disagrees."""
        if not self:
            raise GradientMismatch(str(self))


def check_graph(root: Value) -> GraphCheck:
    """Measure the local derivative of every op behind a result, and compare it with what was recorded.

    Each op is moved a little along one operand at a time, at the numbers that its operands have now (central
    differences at two steps, combined after Richardson, 1911). At a corner every derivative between the two sides is
    accepted. The sum over paths is not part of this: `tg.gradcheck` measures whole functions.

    Raises:
        OperandError: root is no Value.

    >>> x = Value(0.5, label="x")
    >>> print(check_graph((x * x).tanh() + x))
    5 local derivatives measured: all agree.
    """
    if not isinstance(root, Value):
        raise OperandError(f"check_graph needs the Value of a result, but got the {type(root).__name__} {root!r:.60}.")
    found = GraphCheck()
    for node in topological(root):
        if node.op.name in ON_PURPOSE:
            found.on_purpose.add(node.op.name)
            continue
        numbers = [_number(p) for p in node.parents]
        for i, recorded in enumerate(node.local):
            if recorded is None:
                continue
            measured, error = _measured(node.op, numbers, i)
            kink = node.op.kink if node.op.kink is not None and node.op.kink.met(*numbers) else None
            if kink is not None:
                found.measured += 1
                if kink.low <= recorded <= kink.high:
                    continue
            elif not error <= 1e-4 * max(abs(measured), abs(recorded), 1e-3) or not math.isfinite(recorded):
                found.skipped += 1
                continue
            else:
                found.measured += 1
                if abs(recorded - measured) <= 10.0 * error + 1e-7 * abs(measured) + 1e-9:
                    continue
            found.wrong.append(Wrong(node, i, recorded, measured))
    return found


def _number(operand: Any) -> float:
    return operand.data if isinstance(operand, Value) else operand


def _measured(op: Op, numbers: list[float], i: int) -> tuple[float, float]:
    """The derivative w.r.t. operand i by differences, and how far off it may be; NaN where there is no value."""
    x = numbers[i]

    def difference(h: float) -> float:
        high, low = (op.forward(*numbers[:i], x + step, *numbers[i + 1 :]) for step in (h, -h))
        return (high - low) / ((x + h) - (x - h))

    h = 1e-3 * max(abs(x), 0.1)
    try:
        out = op.forward(*numbers)
        wide, middle, narrow = difference(h), difference(0.5 * h), difference(0.25 * h)
    except (ValueError, ArithmeticError):
        return math.nan, math.inf
    first, second = (4.0 * middle - wide) / 3.0, (4.0 * narrow - middle) / 3.0
    return second, abs(first - second) + 1e-15 * abs(out) / h
