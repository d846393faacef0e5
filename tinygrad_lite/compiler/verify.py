"""Whether the first result of a compiled program can be believed.

In: the first result, and the engine's graph of the same call. Out: how far the result is away, or what is wrong in
words. Two kinds of programs have no such graph: those for which it would be too large to be built a second time, and
large ones from the disk, where they were kept because this very code agreed with the engine before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.arguments import numbers
from tinygrad_lite.compiler.deriving.adjoint import DEAR
from tinygrad_lite.compiler.program import Along, Program
from tinygrad_lite.compiler.results import apart, numbers_in
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value

CLOSE = 1e-9
"""How far the first compiled result may be from the engine's, relative to the largest number in it."""

STEP = 1e-6


NEAR = 1e-3
"""How far away the point lies that is looked at where almost all of a result cancels."""


class _Seen:
    """A call by the engine: the numbers of its result, and the Values along which compiled slopes are."""

    def __init__(self, call: Any, program: Program, inputs: Along) -> None:
        self.root, leaves, _ = call
        self.found = [x.data if isinstance(x, Value) else float(x) for x in numbers_in(self.root)]
        known = [*leaves, *program.captured]
        self.along = None if inputs is None else [known[i] for i in inputs]

    def why(self, out: Any, value: float = 0.0, slope: float = 0.0) -> str:
        """What differs in words; numbers less than `value` and slopes less than `slope` count as large as these."""
        n = len(self.found)
        worst = apart(out[:n], self.found, value)
        if worst > CLOSE:
            return f"its first compiled value is {worst:.1e} away from the engine's"
        if self.along is not None:
            worst = slopes_apart(self.root, self.along, out[n:], slope)
            if worst > CLOSE:
                return f"its first compiled gradient is {worst:.1e} away from the engine's"
        return ""


def disagreement(
    program: Program, inputs: Along, chunks: list[Any], out: Any, by_values: Callable[[list[Any]], Any]
) -> str:
    """What differs between a compiled result and the engine's; empty if nothing does.

    Where almost all of a result cancels, as in second differences of a straight line, the rest is rounding, and
    another order of adding leaves another rest. Then the results must agree at a point near by, where less cancels,
    and differ here by no more than rounding does there.
    """
    here = _Seen(by_values(chunks), program, inputs)
    why = here.why(out)
    if not why:
        return ""
    point = [x + NEAR * math.cos(k + 1.0) * max(abs(x), 1.0) for k, x in enumerate(numbers(chunks))]
    again = program.run(point, inputs)
    if again is None:
        return why  # another branch so near by
    try:
        there = _Seen(by_values(point), program, inputs)
    except (ArithmeticError, ValueError):
        return why
    n = len(there.found)
    largest = [max(map(abs, map(float, part)), default=0.0) for part in (again[:n], again[n:])]
    return why if there.why(again) or here.why(out, *largest) else ""


def slopes_apart(root: Any, leaves: Sequence[Value], slopes: Sequence[float], least: float = 0.0) -> float:
    """How far compiled slopes are from the engine's, relative to the largest of them or to `least`.

    A program for rows takes the textbook's rule where the careful one is dear, as `adjoint.DEAR` says: what is
    far from the engine's careful slopes is compared with these.
    """
    worst = math.inf
    for gradients in (adjoints, _brief):
        found = gradients(root) if isinstance(root, Value) else {}
        worst = min(worst, apart(slopes, [found.get(leaf, 0.0) for leaf in leaves], least))
        if worst <= CLOSE:
            break
    return worst


def _brief(root: Value) -> dict[Value, float]:
    """d(root)/d(node) of every node, by the textbook's rules for those rows."""
    order = topological(root)
    found = dict.fromkeys(order, 0.0)
    found[root] = 1.0
    for node in reversed(order):
        numbers = [x.data if isinstance(x, Value) else x for x in node.parents]
        slopes = node.op.display_derivatives(*numbers, node.data) if node.op.name in DEAR else node.local
        for parent, slope in zip(node.parents, slopes, strict=True):
            if isinstance(parent, Value) and found[node]:
                found[parent] += found[node] * slope
    return found


def long_disagreement(program: Program, along: Along, chunks: list[Any], out: Sequence[float]) -> str:
    """Compare the value with that of the trace, and the gradient with a measured slope.

    The trace computed its value by the rows of the table. The slope along a fixed direction is measured by
    a central difference of compiled values; a wrong rule or a lost term shows far above its error. Of code from the
    disk, whose slopes agreed when it was kept, only the value is compared.
    """
    known = along in program.known
    found = program.by_rows(chunks, again=not known)
    worst = apart(out[: len(found)], found)
    if worst > CLOSE:
        return f"its first compiled value is {worst:.1e} away from the traced one"
    given = numbers(chunks)
    if known or along is None or any(i >= len(given) for i in along):
        return ""
    direction = [math.cos(k + 1.0) for k in range(len(along))]
    shares = [float(slope) * d for slope, d in zip(out[1:], direction, strict=True)]
    ends = []
    for h in (STEP, -STEP):
        point: list[Any] = list(given)
        for i, d in zip(along, direction, strict=True):
            point[i] += h * d
        found = program.run(point, along)
        if found is None:
            return ""  # another branch so near by: nothing can be measured
        ends.append(float(found[0]))
    measured, claimed = (ends[0] - ends[1]) / (2 * STEP), sum(shares)
    if abs(measured - claimed) <= 1e-4 * sum(map(abs, shares)) + 1e-15 * abs(ends[0]) / STEP:
        return ""
    return f"its first compiled gradient gives the slope {claimed:.6g} where {measured:.6g} is measured"
