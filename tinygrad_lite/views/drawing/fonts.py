"""How wide a text is in Helvetica, so that a box can be drawn around it before anybody renders it.

The widths are those of Adobe's core font metrics, in thousandths of the font size, from the
space to the tilde. Fonts that stand in for Helvetica are up to 15 % wider, so boxes are padded.
"""

from __future__ import annotations

import unicodedata

FAMILY = "Helvetica, Arial, 'Liberation Sans', sans-serif"

# fmt: off
_PLAIN = (
    278, 278, 355, 556, 556, 889, 667, 222, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 222, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 278, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 278, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)
# fmt: on


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of the text in the same unit as the font size.

    >>> text_width("Hi", 10), text_width("Hi", 10, bold=True)
    (9.44, 10.0)
    """
    widths = _BOLD if bold else _PLAIN
    return sum(widths[ord(c) - 32] if " " <= c <= "~" else _guess(c) for c in text) * size / 1000


def _guess(c: str) -> int:
    if unicodedata.combining(c) or c in "\u200d\ufe0f":
        return 0
    return 1050 if unicodedata.east_asian_width(c) in "WF" else 680
