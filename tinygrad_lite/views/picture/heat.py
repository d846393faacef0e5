"""Gradient heat: the sign by hue, the size by strength, and a legend that says which is which.

Strength grows with the square root of the size, so that a gradient a hundredth of the largest
can still be seen; the legend names the size that each of its steps stands for.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tinygrad_lite.views.drawing.data import Box, Edge, Note
from tinygrad_lite.views.drawing.themes import Theme, mixed

STEPS = 3  # of the legend, to each side of 0
FULL = 0.8  # how much of the hue the strongest box takes


def heated(
    boxes: list[Box], edges: list[Edge], theme: Theme, write: Callable[[float], str]
) -> tuple[list[Box], list[Edge], Note]:
    """The boxes tinted by their gradients, the arrows by what they carry back, and the legend."""
    sizes = [abs(box.grad) for box in boxes if box.kind != "constant" and box.grad - box.grad == 0.0]
    largest = max(sizes, default=0.0)
    tinted = [
        box if box.kind == "constant" else box._replace(tint=colour(box.grad, largest, theme.inner[0], theme))
        for box in boxes
    ]
    carried = [
        edge
        if edge.contribution is None
        else edge._replace(
            tint=colour(edge.contribution, largest, theme.line, theme),
            thick=1.0 + 3.0 * share(edge.contribution, largest),
        )
        for edge in edges
    ]
    return tinted, carried, legend(largest, theme, write)


def share(grad: float, largest: float) -> float:
    """The strength of a gradient, from 0 to 1; a NaN has none, an infinity all."""
    if grad != grad or largest == 0.0:
        return 0.0
    return math.sqrt(min(abs(grad) / largest, 1.0))


def colour(grad: float, largest: float, ground: str, theme: Theme) -> str:
    """The ground with as much of the sign's hue as the gradient is strong."""
    hue = theme.positive if grad > 0 else theme.negative
    return mixed(ground, hue, FULL * share(grad, largest))


def legend(largest: float, theme: Theme, write: Callable[[float], str]) -> Note:
    """A scale from the most negative to the most positive gradient."""
    if largest == 0.0:
        return Note((("", "Every gradient is 0: has backward() been called?"),))
    steps = [i / STEPS for i in range(-STEPS, STEPS + 1)]
    sizes = [step * abs(step) * largest for step in steps]  # a strength of 2/3 is a size of 4/9
    return Note(
        (("", "gradient:"), *((colour(x, largest, theme.inner[0], theme), write(x) if x else "0") for x in sizes))
    )
