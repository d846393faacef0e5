"""What a layout engine is given, and what it gives back: sizes in, places out.

All lengths are in pixels, x to the right and y downward. A key names a box ("v3"), an op's
ellipse ("o3") or an arrow ("e3.0" from an operand to an ellipse, "r3" from an ellipse to its box).
"""

from __future__ import annotations

from typing import NamedTuple

Point = tuple[float, float]
Size = tuple[float, float]


class Arrow(NamedTuple):
    """From the box `tail` to `head`, with room for a text of this size beside it."""

    key: str
    tail: str
    head: str
    text: Size = (0.0, 0.0)


class Sketch(NamedTuple):
    """A picture reduced to sizes and arrows."""

    sizes: dict[str, Size]
    arrows: list[Arrow]
    direction: str  # "LR" or "TB"


class Placement(NamedTuple):
    """Where everything is.

    `centre` is the middle of each box or ellipse; `curve` the Bezier points of each arrow, 3n+1 of
    them, the tip of the arrow last; `spot` the middle of each arrow's text.
    """

    width: float
    height: float
    centre: dict[str, Point]
    curve: dict[str, list[Point]]
    spot: dict[str, Point]
    engine: str
