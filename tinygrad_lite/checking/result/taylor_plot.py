"""The small log-log plot of Taylor remainders, as a part of a report: inline SVG, or a line of text."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.numerical_check import Taylor

_WIDTH, _HEIGHT = 300, 190
_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 10, 290, 160


class TaylorPlot:
    """Remainder against step, both in powers of ten, with the slopes 1 and 2 drawn beside the points.

    It follows the `Part` protocol of a report. Colour is never the only sign: the points used for the
    slope are filled, the others hollow; the two guides carry their numbers.
    """

    def __init__(self, found: Taylor, title: str = "") -> None:
        self.found = found
        self.title = title

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        return textwrap.fill(self.words(), max(width, 20))

    def words(self) -> str:
        """The title and the verdict."""
        return f"{self.title + ': ' if self.title else ''}{self.found.words()}"

    def markdown(self) -> str:
        return self.words()

    def to_dict(self) -> dict[str, Any]:
        slope = self.found.slope if math.isfinite(self.found.slope) else str(self.found.slope)
        return {"kind": "taylor", "title": self.title, "slope": slope, "points": [list(p) for p in self.found.points]}

    def html(self) -> str:
        return f'<figure style="margin:8px 0">{self.svg()}<figcaption>{self.words()}</figcaption></figure>'

    def svg(self) -> str:
        """The plot, in the colour of the text around it; nothing where fewer than two remainders can be drawn."""
        shown = [(math.log10(e), math.log10(r)) for e, r in self.found.points if r > 0 and math.isfinite(r)]
        if len(shown) < 2:
            return ""
        used = [(math.log10(e), math.log10(r)) for e, r in self.found.used]
        (high_x, first), (low_x, _) = shown[0], shown[-1]
        low_y, high_y = math.floor(min(y for _, y in shown)), math.ceil(max(y for _, y in shown))
        across, up = (_RIGHT - _LEFT - 16) / (high_x - low_x), (_BOTTOM - _TOP) / max(high_y - low_y, 1)

        def at(x: float, y: float) -> tuple[float, float]:
            return _LEFT + 8 + (x - low_x) * across, _BOTTOM - (y - low_y) * up

        def words(x: float, y: float, anchor: str, label: str) -> str:
            return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{label}</text>'

        parts = [
            f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="currentColor" stroke-width="1"/>',
            words((_LEFT + _RIGHT) / 2, _HEIGHT - 2, "middle", "step (power of ten)"),
            words(_LEFT - 4, _TOP + 8, "end", f"1e{high_y}"),
            words(_LEFT - 4, _BOTTOM, "end", f"1e{low_y}"),
            *(words(at(x, 0)[0], _BOTTOM + 13, "middle", str(x)) for x in (math.ceil(low_x), math.floor(high_x))),
        ]
        for slope, dash, colour, side, shift in ((1, "2 4", "#d55e00", "end", -6), (2, "7 4", "#009e73", "start", 10)):
            end = max(low_x, high_x - (first - low_y) / slope)  # both guides begin at the largest step and stay inside
            (x1, y1), (x2, y2) = at(high_x, first), at(end, first - slope * (high_x - end))
            parts.append(
                f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="1.5" '
                f'stroke-dasharray="{dash}" fill="none"/>'
            )
            parts.append(words((x1 + x2) / 2 + shift, (y1 + y2) / 2 + shift, side, f"slope {slope}"))
        for point in shown:
            x, y = at(*point)
            fill = "currentColor" if point in used else "none"
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}" stroke="currentColor"/>')
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" style="color:inherit;max-width:100%" font-size="10" '
            f'font-family="system-ui,sans-serif" fill="currentColor"><title>{self.found.words()}</title>'
            f"{''.join(parts)}</svg>"
        )
