"""Whether the first result of a compiled program can be believed.

In: the first result, and the engine's graph of the same call. Out: how far the result is away, or what is wrong in
words. Two kinds of programs have no such graph: those for which it would be too large to be built a second time, and
large ones from the disk, where they were kept because this very code agreed with the engine before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import leaves
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.passes.adjoint import EXPENSIVE
from tinygrad_lite.compiler.runtime.program import Program, Wrt
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value

CLOSE = 1e-9
"""How far the first compiled result may be from the engine's, relative to the largest number in it."""

STEP = 1e-6


NEAR = 1e-3
"""How far away the point lies that is looked at where almost all of a result cancels."""


def max_relative_error(xs: Any, ys: Any, least: float = 0.0) -> float:
    """The largest difference relative to the largest number, or to `least`; infinite where one of them is no number."""
    scale = max([least, *(abs(y) for y in ys if math.isfinite(y))]) or 1.0
    found = [abs(x - y) / scale for x, y in zip(xs, ys, strict=True) if x != y]
    return max([math.inf if x != x else x for x in found], default=0.0)


class _Observed:
    """A call by the engine: the numbers of its result, and the Values that gradients are w.r.t."""

    def __init__(self, call: Any, program: Program, inputs: Wrt) -> None:
        self.root, given = call
        self.found = [x.data if isinstance(x, Value) else float(x) for x in leaves(self.root)]
        known = [*given, *program.captured]
        self.wrt = None if inputs is None else [known[i] for i in inputs]

    def why(self, out: Any, value: float = 0.0, derivative: float = 0.0) -> str:
        """What differs in words; numbers less than `value` and gradients less than `derivative` count as these."""
        n = len(self.found)
        worst = max_relative_error(out[:n], self.found, value)
        if worst > CLOSE:
            return f"its first compiled value is {worst:.1e} away from the engine's"
        if self.wrt is not None:
            worst = gradient_error(self.root, self.wrt, out[n:], derivative)
            if worst > CLOSE:
                return f"its first compiled gradient is {worst:.1e} away from the engine's"
        return ""


def disagreement(
    program: Program, inputs: Wrt, chunks: list[Any], out: Any, by_values: Callable[[list[float]], Any]
) -> str:
    """What differs between a compiled result and the engine's; empty if nothing does.

    Where almost all of a result cancels, as in second differences of a straight line, the rest is rounding, and
    another order of adding leaves another rest. Then the results must agree at a point near by, where less cancels,
    and differ here by no more than rounding does there.
    """
    given = numbers(chunks)
    here = _Observed(by_values(given), program, inputs)
    why = here.why(out)
    if not why:
        return ""
    point = [x + NEAR * math.cos(k + 1.0) * max(abs(x), 1.0) for k, x in enumerate(given)]
    again = program.run(point, inputs)
    if again is None:
        return why  # another branch so near by
    try:
        there = _Observed(by_values(point), program, inputs)
    except (ArithmeticError, ValueError):
        return why
    n = len(there.found)
    largest = [max(map(abs, map(float, part)), default=0.0) for part in (again[:n], again[n:])]
    return why if there.why(again) or here.why(out, *largest) else ""


def gradient_error(root: Any, leaves: Sequence[Value], gradients: Sequence[float], least: float = 0.0) -> float:
    """How far compiled gradients are from the engine's, relative to the largest of them or to `least`.

    A program for samples takes the textbook's rule where the stable one is expensive, as `adjoint.EXPENSIVE` says:
    what is far from the engine's stable derivatives is compared with these.
    """
    worst = math.inf
    for rule in (adjoints, _fast_math):
        found = rule(root) if isinstance(root, Value) else {}
        worst = min(worst, max_relative_error(gradients, [found.get(leaf, 0.0) for leaf in leaves], least))
        if worst <= CLOSE:
            break
    return worst


def _fast_math(root: Value) -> dict[Value, float]:
    """d(root)/d(node) of every node, by the textbook's rules for those ops."""
    order = topological(root)
    found = dict.fromkeys(order, 0.0)
    found[root] = 1.0
    for node in reversed(order):
        numbers = [x.data if isinstance(x, Value) else x for x in node.parents]
        gradients = node.op.display_derivatives(*numbers, node.data) if node.op.name in EXPENSIVE else node.local
        for parent, derivative in zip(node.parents, gradients, strict=True):
            if isinstance(parent, Value) and found[node]:
                found[parent] += found[node] * derivative
    return found


def long_disagreement(program: Program, wrt: Wrt, chunks: list[Any], out: Sequence[float]) -> str:
    """Compare the value with that of the trace, and the gradient with a measured derivative.

    The trace computed its value by the ops of the table. The derivative w.r.t. a fixed direction is measured by
    a central difference of compiled values; a wrong rule or a lost term shows far above its error. Of code from the
    disk, whose gradients agreed when it was kept, only the value is compared.
    """
    known = wrt in program.known
    found = program.by_table(chunks, again=not known)
    worst = max_relative_error(out[: len(found)], found)
    if worst > CLOSE:
        return f"its first compiled value is {worst:.1e} away from the traced one"
    given = numbers(chunks)
    if known or wrt is None or any(i >= len(given) for i in wrt):
        return ""
    direction = [math.cos(k + 1.0) for k in range(len(wrt))]
    shares = [float(derivative) * d for derivative, d in zip(out[1:], direction, strict=True)]
    ends = []
    for h in (STEP, -STEP):
        point: list[Any] = list(given)
        for i, d in zip(wrt, direction, strict=True):
            point[i] += h * d
        found = program.run(point, wrt)
        if found is None:
            return ""  # another branch so near by: nothing can be measured
        ends.append(float(found[0]))
    measured, claimed = (ends[0] - ends[1]) / (2 * STEP), sum(shares)
    if abs(measured - claimed) <= 1e-4 * sum(map(abs, shares)) + 1e-15 * abs(ends[0]) / STEP:
        return ""
    return f"its first compiled gradient gives the derivative {claimed:.6g} where {measured:.6g} is measured"
