"""A picture as data: boxes, arrows and notes. Writers turn it into text; `layout/` places it.

**Keys.** Everything in a picture has a key made of the numbers of `engine.graph.Graph`, so that
the same computation always draws the same picture, and a program can find its way in the SVG:

    v5      the box of node 5: a group <g data-k="v5" class="value inner">
    o5      the ellipse of the op that made node 5: <g data-k="o5" class="op">
    e5.0    the arrow from operand 0 of node 5 to that ellipse: <g data-k="e5.0" class="edge">
    r5      the arrow from the ellipse o5 to the box v5

Inside a box, <text class="data"> and <text class="grad"> hold the numbers and may be rewritten.
The numbers beside an arrow stand in a second group of the same key, drawn last so that no line
runs over them: <g data-k="e5.0" class="beside"> with <text class="local"> and
<text class="contribution">. The first <rect> of a box, the <ellipse> of an op and the first
<path> of an arrow carry the fills and strokes. There is no `id=` anywhere, so that many
pictures can stand on one page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tinygrad_lite.views.drawing.themes import LIGHT, Theme

if TYPE_CHECKING:
    from tinygrad_lite.engine.numbered import Graph


class Box(NamedTuple):
    """A value, with the op that made it; or a group of values drawn as one."""

    number: int
    kind: str  # "leaf", "constant", "inner", "root" or "group"
    label: str  # the user's name for it, or ""
    data: float
    grad: float
    symbol: str = ""  # of the op that made it; "" for what was put in
    rows: tuple[tuple[str, str], ...] = ()  # (caption, text) as shown: ("data", "6.0000")
    tint: str = ""  # a fill of its own
    times: int = 1  # how many alike it stands for
    members: tuple[int, ...] = ()  # of a group, the numbers of its parameters
    room: str = ""  # a number as wide as any that will stand in the box

    @property
    def key(self) -> str:
        return f"v{self.number}"


class Edge(NamedTuple):
    """An operand on its way into an op."""

    tail: int
    head: int
    operand: int  # which operand of the head it is
    local: float | None  # the local derivative; None where a constant comes in
    contribution: float | None  # the head's gradient times the local derivative
    texts: tuple[tuple[str, str], ...] = ()  # (class, text) as shown: ("local", "2.0000")
    colours: tuple[str, ...] = ()  # of the highlighted paths that use it
    tint: str = ""  # a stroke of its own ...
    thick: float = 1.1  # ... and its width
    room: str = ""  # a text as wide as any that will stand beside it

    @property
    def key(self) -> str:
        return f"e{self.head}.{self.operand}"


class Note(NamedTuple):
    """A line below the picture, in parts: each a text with a swatch of colour before it, or ""."""

    parts: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        return "  ".join(words for _, words in self.parts)


class Part(NamedTuple):
    """A picture inside a picture, and how far its numbers are moved there."""

    title: str
    picture: Drawing
    shift: int


@dataclass(eq=False, repr=False)
class Drawing:
    """Everything that is drawn, and how it looks; not yet where it stands.

    Attributes:
        boxes, edges: what is drawn.
        graph: the numbered graph behind it.
        direction: "LR" or "TB".
        notes: the lines below, such as the legend of a heat map.
        parts: drawings inside this one.
        alt: what a screen reader says.
    """

    boxes: list[Box]
    edges: list[Edge]
    graph: Graph | None = None
    direction: str = "LR"
    theme: Theme = LIGHT
    title: str = ""
    alt: str = ""
    notes: tuple[Note, ...] = ()
    parts: tuple[Part, ...] = ()
