"""Whether the first result of a large compiled program can be believed.

In: a program whose graph would be too large to be built a second time, and its first result. Out: what is wrong, in
words, or nothing. (A program of ordinary size is compared with the engine itself, in compiled.py.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.compiler.arguments import numbers
from tinygrad_lite.compiler.program import Along, Program
from tinygrad_lite.compiler.results import apart

CLOSE = 1e-9
"""How far the first compiled result may be from the engine's, relative to the largest number in it."""

STEP = 1e-6


def long_disagreement(program: Program, along: Along, chunks: list[Any], out: Sequence[float]) -> str:
    """Compare the value with that of the trace, and the gradient with a measured slope.

    The trace computed its value by the rows of the table. The slope along a fixed direction is measured by
    a central difference of compiled values; a wrong rule or a lost term shows far above its error.
    """
    worst = apart(out[: len(program.traced)], program.traced)
    if worst > CLOSE:
        return f"its first compiled value is {worst:.1e} away from the traced one"
    given = numbers(chunks)
    if along is None or any(i >= len(given) for i in along):
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
