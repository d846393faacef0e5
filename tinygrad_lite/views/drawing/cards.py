"""How large a box is, and where its texts stand: the one place that knows.

A box is a card: the label in bold at the top, then a line for each number, its caption at the
left and its digits at the right. A constant is a small card with its number alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tinygrad_lite.report import escape
from tinygrad_lite.views.drawing.fonts import text_width
from tinygrad_lite.views.layout.graph import Arrow, LayoutGraph, Size

if TYPE_CHECKING:
    from tinygrad_lite.views.drawing.data import Box, Drawing, Edge

LABEL = 12.0  # font sizes
ROW = 11.0
SYMBOL = 13.0
BESIDE = 10.0

PAD = 9.0  # left and right of a text
LINE = 15.0  # from one row to the next
ROOM = 1.1  # for fonts that are wider than Helvetica
LONGEST = 28  # letters of a label that are shown


class Text(NamedTuple):
    """A text in a box: its place relative to the middle of the box, its look and its words."""

    role: str  # "label", "caption", "data", "grad", ...
    x: float
    y: float  # the baseline
    anchor: str  # "start", "middle" or "end"
    size: float
    bold: bool
    words: str


def sketch(drawing: Drawing) -> LayoutGraph:
    """The picture reduced to sizes and arrows, for the layout."""
    sizes: dict[str, Size] = {}
    arrows = []
    for box in drawing.boxes:
        sizes[box.key] = size(box)
        if box.symbol:
            sizes[f"o{box.number}"] = ellipse(box.symbol)
    symbols = {box.number: box.symbol for box in drawing.boxes}
    for edge in drawing.edges:
        head = f"o{edge.head}" if symbols[edge.head] else f"v{edge.head}"
        arrows.append(Arrow(edge.key, f"v{edge.tail}", head, room(edge)))
    arrows += [Arrow(f"r{box.number}", f"o{box.number}", box.key) for box in drawing.boxes if box.symbol]
    return LayoutGraph(sizes, arrows, drawing.direction)


def shown_label(label: str) -> str:
    """A label as it is shown: on one line, made visible, and not too long."""
    return escape.shortened(escape.visible(label[: 4 * LONGEST]), LONGEST)


def size(box: Box) -> Size:
    """Width and height of the box."""
    width = text_width(shown_label(box.label), LABEL, bold=True)
    if box.times > 1:
        width += (10 if box.label else 0) + text_width(many(box), ROW)
    for caption, text in box.rows:
        widest = max(text_width(text, ROW), text_width(box.room, ROW))
        width = max(width, widest + (text_width(caption, ROW) + 10 if caption else 0))
    lines = _headed(box) + len(box.rows)
    return (round(max(width * ROOM + 2 * PAD, 30.0)), max(lines, 1) * LINE + (9 if lines > 1 else 6))


def many(box: Box) -> str:
    """How a box says that it stands for several."""
    return f"x {box.times:,}"


def _headed(box: Box) -> bool:
    """Whether the box has a line above its numbers, for its label or for how many it stands for."""
    return bool(box.label) or box.times > 1


def ellipse(symbol: str) -> Size:
    """Width and height of an op's ellipse."""
    return (round(max(text_width(symbol, SYMBOL) * ROOM + 18, 30.0)), 27.0)


def room(edge: Edge) -> Size:
    """Width and height of the texts beside an arrow."""
    if not edge.texts:
        return (0.0, 0.0)
    widest = max(text_width(text, BESIDE) for text in (edge.room, *(text for _, text in edge.texts)))
    return (round(widest * ROOM + 4), 12.0 * len(edge.texts) + 1)


def texts(box: Box) -> list[Text]:
    """The texts of the box, from top to bottom."""
    width, _ = size(box)
    left, right = -width / 2 + PAD, width / 2 - PAD
    lines = _headed(box) + len(box.rows)
    y = -lines * LINE / 2 + 11.5
    found = []
    if _headed(box):
        if box.label:
            x, anchor = (left, "start") if box.times > 1 else (0.0, "middle")
            found.append(Text("label", x, y, anchor, LABEL, True, shown_label(box.label)))
        if box.times > 1:
            x, anchor = (right, "end") if box.label else (0.0, "middle")
            found.append(Text("count", x, y, anchor, ROW, False, many(box)))
        y += LINE
    for caption, words in box.rows:
        if caption:
            found.append(Text("caption", left, y, "start", ROW, False, caption))
            found.append(Text(caption, right, y, "end", ROW, False, words))
        else:
            found.append(Text("data", 0.0, y, "middle", ROW, False, words))
        y += LINE
    return found
