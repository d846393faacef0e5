"""The look of a report: marks, tints, faces, and the page around it.

HTML carries its style on each element and takes its colours from what is around it, so that it is
legible on light and on dark ground, also where a notebook is not trusted and style sheets are
removed. Nothing is said by colour alone: a mark has a sign and a word.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from tinygrad_lite.report import escape
from tinygrad_lite.report.language import language, say

MARKS = {
    "ok": ("✓", "ok"),
    "wrong": ("✗", "WRONG"),
    "follows": ("↳", "follows"),
    "unsure": ("~", "unsure"),
    "unchecked": ("○", "not checked"),
}
"""What a row or a link of a strip can carry, with its sign; in ASCII the word itself."""

TINT = {  # Okabe and Ito's colours, which colour-blind readers tell apart; thin enough for light and dark ground
    "ok": "rgba(0,158,115,0.18)",
    "wrong": "rgba(213,94,0,0.28)",
    "follows": "rgba(230,159,0,0.20)",
    "unsure": "rgba(128,128,128,0.20)",
    "unchecked": "rgba(128,128,128,0.06)",
}
LINE = "1px solid rgba(128,128,128,0.45)"
CELL = "padding:2px 10px;border:none;vertical-align:top;white-space:nowrap"
MONO = "font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def known(mark: str, allowed: Sequence[str] = tuple(MARKS)) -> str:
    if mark not in allowed:
        raise ValueError(f"a mark is one of {', '.join(MARKS)}, but got {mark!r}.")
    return mark


def sign(mark: str, ascii: bool) -> str:
    return "" if not mark else say(MARKS[mark][1]) if ascii else MARKS[mark][0]


def printable(words: str, ascii: bool) -> str:
    return escape.ascii_only(escape.visible(words)) if ascii else escape.visible(words)


def bdi(words: str) -> str:
    """User text in HTML: escaped, and kept from turning the text around it when it runs from right to left.

    A $ or a backslash gets a tag of its own, so that MathJax, which typesets formulas wherever it meets them in a
    notebook, meets none.
    """
    safe = escape.html(words).replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")
    return safe if words.isascii() else f"<bdi>{safe}</bdi>"


_PIECE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef][，。；：）、！？]?|[^\s\u2e80-\u9fff\uff00-\uffef]+|\s+")


def wrapped(words: str, width: int) -> list[str]:
    """The lines of a paragraph; in Chinese a line may break after any character, and each takes two columns.

    >>> wrapped("损失是求和, and no mean", 20)
    ['损失是求和, and no', 'mean']
    """
    width = max(width, 20)
    if words.isascii():
        return textwrap.wrap(words, width, break_long_words=True, break_on_hyphens=False) or [""]
    lines = [""]
    for piece in _PIECE.findall(words):
        while escape.width(piece) > width:  # a word that no line can hold
            lines[-1], piece = lines[-1] + piece[: width // 2], piece[width // 2 :]
            lines.append("")
        if escape.width(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] or not piece.isspace() else ""
    return [line.rstrip() for line in lines if line.strip()] or [""]


def page(fragment: str, title: str = "") -> str:
    """A whole page around a fragment: no network, light or dark as the reader has set it, any width."""
    return (
        f'<!doctype html>\n<html lang="{language()}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none';style-src 'unsafe-inline';img-src data:\">"
        f"<title>{escape.html(title or 'tinygrad_lite')}</title><style>:root{{color-scheme:light dark}}"
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}"
        "body{background:#fff;color:#1b1b1b}"
        "@media (prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}}</style></head>"
        f"<body>{fragment}</body></html>\n"
    )
