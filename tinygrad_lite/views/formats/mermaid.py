"""The picture in Mermaid's language, for Markdown files and chats.

Mermaid reads a quoted text as HTML after undoing its own entities `#38;`, so every character
that means something to either is written as such an entity.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tinygrad_lite.report import escape
from tinygrad_lite.views.drawing import cards

if TYPE_CHECKING:
    from tinygrad_lite.views.drawing.data import Drawing

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,+-=()")


def to_mermaid(drawing: Drawing) -> str:
    """The Mermaid text of the drawing."""
    theme = drawing.theme
    lines = [f"flowchart {drawing.direction}"]
    symbols = {box.number: box.symbol for box in drawing.boxes}
    for box in drawing.boxes:
        words = [cards.shown_label(box.label)] if box.label else []
        words += [f"{caption} {text}".strip() for caption, text in box.rows]
        if box.times > 1:
            words.append(cards.many(box))
        lines.append(f'  v{box.number}["{"<br/>".join(entities(w) for w in words) or " "}"]:::{box.kind}')
        if box.symbol:
            lines.append(f'  o{box.number}(["{entities(box.symbol)}"]):::op --> v{box.number}')
    for edge in drawing.edges:
        head = f"o{edge.head}" if symbols[edge.head] else f"v{edge.head}"
        text = "<br/>".join(entities(text) for _, text in edge.texts)
        lines.append(f"  v{edge.tail} -->" + (f'|"{text}"|' if text else "") + f" {head}")
    for kind in ("leaf", "inner", "root", "constant", "group", "op"):
        fill, frame = getattr(theme, kind)
        dashes = ",stroke-dasharray:3 3" if kind == "constant" else ""
        lines.append(f"  classDef {kind} fill:{fill},stroke:{frame},color:{theme.ink}{dashes}")
    return "\n".join(lines) + "\n"


def entities(text: str) -> str:
    """The text with every character that Mermaid, HTML or Markdown could obey as an entity.

    Markdown would take a sign or a numeral at the beginning for a list.

    >>> entities("a<b>"), entities("-"), entities("-2.5"), entities("1. one")
    ('a#60;b#62;', '#45;', '#45;2.5', '1#46; one')
    """
    text = escape.visible(text)
    list_mark = re.match(r"\s*([-+=]|\d+[.)](?=\s))", text)
    hidden = list_mark.end() - 1 if list_mark else -1
    return "".join(c if (c in _PLAIN or c.isalpha()) and i != hidden else f"#{ord(c)};" for i, c in enumerate(text))
