"""The picture as SVG, drawn by us whichever engine placed the boxes: same marks, same keys.

Looks are written as attributes, not as a style sheet, because several viewers remove style
sheets. All user text goes through `escape.html`; nothing the user wrote becomes markup.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from tinygrad_lite.report import escape
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.drawing.fonts import FAMILY, text_width
from tinygrad_lite.views.layout.graph import Placement, Point

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinygrad_lite.views.drawing.data import Box, Drawing, Edge, Note
    from tinygrad_lite.views.drawing.themes import Theme

MARGIN = 14.0
NOTE = 12.0  # font size of the lines below
NOTE_LINE = 18.0
TITLE = 15.0
LIT = 3.0  # the outline of what is lit


def to_svg(drawing: Drawing, place: Placement, lit: Mapping[str, str] = MappingProxyType({})) -> str:
    """The SVG text of the drawing; the parts with the keys of `lit` are outlined in its colours."""
    theme = drawing.theme
    top = MARGIN + (TITLE + 12 if drawing.title else 0.0)
    below = [_note(note, theme) for note in drawing.notes]
    width = max(place.width, text_width(drawing.title, TITLE, True), *(w for _, w in below), 0.0) + 2 * MARGIN
    height = top + place.height + MARGIN + (len(below) * NOTE_LINE + 6 if below else 0)
    shift = ((width - place.width) / 2, top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" role="img" aria-label="{escape.html(drawing.alt)}" '
        f'font-family="{FAMILY}">',
        f'<rect class="ground" width="100%" height="100%" fill="{theme.background}"/>',
    ]
    if drawing.title:
        parts.append(_title(drawing.title, width / 2, MARGIN + TITLE - 2, theme))
    parts.append(f'<g class="graph" transform="translate({_n(shift[0])} {_n(shift[1])})">')
    for title, (x, y) in place.titles:
        parts.append(_title(title, x, y, theme))
    onward: dict[int, list[str]] = {}  # the colours of the paths that go on through each box
    for edge in drawing.edges:
        parts.append(_edge(edge, place.curve[edge.key], theme, lit.get(edge.key, "")))
        onward.setdefault(edge.head, []).extend(c for c in edge.colours if c not in onward.get(edge.head, ()))
    for box in drawing.boxes:
        if box.symbol:
            key = f"r{box.number}"
            glow = lit.get(key, "")
            curve = _curve(place.curve[key], onward.get(box.number, ()), glow or theme.line, LIT if glow else 1.1)
            parts.append(f'<g data-k="{key}" class="result">{curve}</g>')
            parts.append(_ellipse(box, place.centre[f"o{box.number}"], theme, lit.get(f"o{box.number}", "")))
        parts.append(_box(box, place.centre[box.key], theme, lit.get(box.key, "")))
    for edge in drawing.edges:  # texts last, so that no line runs over a number
        if edge.texts:
            parts.append(_beside(edge, place.spot[edge.key], theme))
    parts.append("</g>")
    for i, (marks, _) in enumerate(below):
        y = top + place.height + MARGIN + 8 + i * NOTE_LINE
        parts.append(f'<g class="note" transform="translate({_n(MARGIN)} {_n(y)})">{marks}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _title(words: str, x: float, y: float, theme: Theme) -> str:
    return (
        f'<text class="title" x="{_n(x)}" y="{_n(y)}" text-anchor="middle" font-size="{_n(TITLE)}" '
        f'font-weight="bold" fill="{theme.ink}">{escape.html(words)}</text>'
    )


def _box(box: Box, at: Point, theme: Theme, glow: str) -> str:
    """A card with its texts, around its middle."""
    width, height = cards.size(box)
    fill, frame = getattr(theme, box.kind)
    dashes = ' stroke-dasharray="3 2.5"' if box.kind == "constant" else ""
    thick = LIT if glow else {"root": 2.2, "leaf": 1.4, "group": 1.4}.get(box.kind, 1.0)
    parts = [f'<g data-k="{box.key}" class="value {box.kind}" transform="translate({_n(at[0])} {_n(at[1])})">']
    parts.append(_rect(width, height, box.tint or fill, glow or frame, thick, dashes))
    for text in cards.texts(box):
        faint = text.role in ("caption", "count") or box.kind == "constant"
        colour = theme.faint if faint and not box.tint else theme.ink
        bold = ' font-weight="bold"' if text.bold else ""
        parts.append(
            f'<text class="{text.role}" x="{_n(text.x)}" y="{_n(text.y)}" text-anchor="{text.anchor}" '
            f'font-size="{_n(text.size)}"{bold} fill="{colour}">{escape.html(text.words)}</text>'
        )
    return "".join([*parts, "</g>"])


def _rect(width: float, height: float, fill: str, frame: str, thick: float, more: str = "") -> str:
    return (
        f'<rect x="{_n(-width / 2)}" y="{_n(-height / 2)}" width="{_n(width)}" height="{_n(height)}" rx="5" '
        f'fill="{fill}" stroke="{frame}" stroke-width="{_n(thick)}"{more}/>'
    )


def _ellipse(box: Box, at: Point, theme: Theme, glow: str) -> str:
    """The op that made the box."""
    width, height = cards.ellipse(box.symbol)
    fill, frame = theme.op
    return (
        f'<g data-k="o{box.number}" class="op" transform="translate({_n(at[0])} {_n(at[1])})">'
        f'<ellipse rx="{_n(width / 2)}" ry="{_n(height / 2)}" fill="{fill}" stroke="{glow or frame}" '
        f'stroke-width="{_n(LIT if glow else 1.2)}"/>'
        f'<text class="symbol" y="4.5" text-anchor="middle" font-size="{_n(cards.SYMBOL)}" font-weight="bold" '
        f'fill="{theme.ink}">{escape.html(box.symbol)}</text></g>'
    )


def _edge(edge: Edge, points: list[Point], theme: Theme, glow: str) -> str:
    """An arrow; the highlighted paths that use it lie around each other as bands."""
    line = glow or edge.tint or (theme.constant[1] if edge.local is None else theme.line)
    return f'<g data-k="{edge.key}" class="edge">{_curve(points, edge.colours, line, LIT if glow else edge.thick)}</g>'


def _curve(points: list[Point], bands: Sequence[str], colour: str, thick: float) -> str:
    """The line and its head."""
    tip, before = points[-1], next((p for p in reversed(points) if _distance(p, points[-1]) > 0.5), points[0])
    length = _distance(tip, before) or 1.0
    dx, dy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    back, half = 7.0 + thick, 2.4 + 0.5 * thick
    neck = (tip[0] - 0.8 * back * dx, tip[1] - 0.8 * back * dy)
    wings = [
        (tip[0] - back * dx - half * dy, tip[1] - back * dy + half * dx),
        (tip[0] - back * dx + half * dy, tip[1] - back * dy - half * dx),
    ]
    head = " ".join(f"{_n(x)},{_n(y)}" for x, y in [tip, *wings])
    path = _d([*points[:-1], neck] if len(points) > 1 else points)
    strokes = [(colour, thick)] if not bands else [(c, 2.4 + 3.2 * i) for i, c in enumerate(bands)][::-1]
    lines = [f'<path d="{path}" fill="none" stroke="{c}" stroke-width="{_n(w)}"/>' for c, w in strokes]
    return "".join([*lines, f'<polygon points="{head}" fill="{bands[0] if bands else colour}"/>'])


def _note(note: Note, theme: Theme) -> tuple[str, float]:
    """A line below the drawing, around its own origin, and its width."""
    marks, x = [], 0.0
    for colour, words in note.parts:
        if colour:
            frame = f'stroke="{theme.faint}" stroke-width="0.5"'
            marks.append(f'<rect x="{_n(x)}" y="-9" width="16" height="10" rx="2" fill="{colour}" {frame}/>')
            x += 21
        marks.append(f'<text x="{_n(x)}" y="0" font-size="{_n(NOTE)}" fill="{theme.ink}">{escape.html(words)}</text>')
        x += text_width(words, NOTE) * cards.ROOM + 12
    return "".join(marks), x


def _beside(edge: Edge, at: Point, theme: Theme) -> str:
    """The numbers beside an arrow, on a patch of ground that keeps lines from running through them."""
    width, height = cards.room(edge)
    x, y = at
    parts = [
        f'<g data-k="{edge.key}" class="beside">'
        f'<rect x="{_n(x - width / 2)}" y="{_n(y - height / 2)}" width="{_n(width)}" height="{_n(height)}" '
        f'rx="2" fill="{theme.background}" fill-opacity="0.85"/>'
    ]
    baseline = y - height / 2 + 10
    for role, text in edge.texts:
        bold = ' font-weight="bold"' if role == "contribution" else ""
        parts.append(
            f'<text class="{role}" x="{_n(x)}" y="{_n(baseline)}" text-anchor="middle" '
            f'font-size="{_n(cards.BESIDE)}"{bold} fill="{theme.beside}">{escape.html(text)}</text>'
        )
        baseline += 12
    return "".join([*parts, "</g>"])


def _d(points: list[Point]) -> str:
    """Bezier points as the data of a path."""
    first, *rest = [f"{_n(x)} {_n(y)}" for x, y in points]
    return f"M{first}C" + " ".join(rest)


def _distance(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def _n(x: float) -> str:
    """A length with two decimals at most, and never -0."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
