"""What the layout is given, and what it gives back: sizes in, places out.

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


class LayoutGraph(NamedTuple):
    """A picture reduced to sizes and arrows."""

    sizes: dict[str, Size]
    arrows: list[Arrow]
    direction: str  # "LR" or "TB"


class Placement(NamedTuple):
    """Where everything is.

    `centre` is the middle of each box or ellipse; `curve` the Bezier points of each arrow, 3n+1 of
    them, the tip of the arrow last; `spot` the middle of each arrow's text; `titles` stand above
    the parts of a picture, each at the middle of its baseline.
    """

    width: float
    height: float
    centre: dict[str, Point]
    curve: dict[str, list[Point]]
    spot: dict[str, Point]
    titles: tuple[tuple[str, Point], ...] = ()


class Unit:
    """A box with the ellipse before it, or a dummy: a place in a layer that an arrow passes."""

    __slots__ = ("key", "ellipse", "along", "across", "dummy", "layer", "place", "at", "inward", "outward")

    def __init__(self, key: str, along: float = 0.0, across: float = 0.0) -> None:
        self.key: str = key
        self.dummy: bool = not key
        self.ellipse: str = ""
        self.along: float = along
        self.across: float = across
        self.layer: int = 0
        self.place: int = 0  # in its layer, counted from the top
        self.at: float = 0.0  # its middle, across
        self.inward: list[Unit] = []  # neighbours in the layer before
        self.outward: list[Unit] = []  # neighbours in the layer after


TITLE = 30.0  # above a part
BETWEEN = 36.0  # two parts
WIDE = 2000.0  # up to which two parts always stand side by side


def joined(parts: list[tuple[str, Placement, int]]) -> Placement:
    """Several placements, each with a title and its numbers moved on: one below the other if they are wide.

    >>> renumbered("e5.0", 10), renumbered("v5", 10)
    ('e15.0', 'v15')
    """
    wide, high = sum(place.width for _, place, _ in parts), sum(place.height for _, place, _ in parts)
    beside = wide < max(WIDE, 1.6 * high)
    width = height = 0.0
    centre: dict[str, Point] = {}
    curve: dict[str, list[Point]] = {}
    spot: dict[str, Point] = {}
    titles = []
    for title, place, shift in parts:
        if width:
            width, height = (width + BETWEEN, height) if beside else (width, height + BETWEEN)
        x0, y0 = (width, TITLE) if beside else (0.0, height + TITLE)
        titles.append((title, (x0 + place.width / 2, y0 - TITLE / 2)))
        centre |= {renumbered(key, shift): (x + x0, y + y0) for key, (x, y) in place.centre.items()}
        curve |= {renumbered(key, shift): [(x + x0, y + y0) for x, y in points] for key, points in place.curve.items()}
        spot |= {renumbered(key, shift): (x + x0, y + y0) for key, (x, y) in place.spot.items()}
        width, height = max(width, x0 + place.width), max(height, y0 + place.height)
    return Placement(width, height, centre, curve, spot, tuple(titles))


def renumbered(key: str, shift: int) -> str:
    """The key with its number moved on."""
    number, dot, operand = key[1:].partition(".")
    return f"{key[0]}{int(number) + shift}{dot}{operand}"
