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
        """The plot, in the colour of the text around it."""
        shown = [(e, r) for e, r in self.found.points if r > 0 and math.isfinite(r)]
        if len(shown) < 2:
            return ""
        low_x, high_x = math.log10(shown[-1][0]), math.log10(shown[0][0])
        low_y = math.floor(min(math.log10(r) for _, r in shown))
        high_y = math.ceil(max(math.log10(r) for _, r in shown))
        high_y += low_y == high_y

        def at(x: float, y: float) -> tuple[float, float]:
            return (
                _LEFT + 8 + (x - low_x) / (high_x - low_x) * (_RIGHT - _LEFT - 16),
                _BOTTOM - (y - low_y) / (high_y - low_y) * (_BOTTOM - _TOP),
            )

        parts = [
            f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="currentColor" stroke-width="1"/>',
            f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_HEIGHT - 2}" text-anchor="middle">step (power of ten)</text>',
            f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">1e{high_y}</text>',
            f'<text x="{_LEFT - 4}" y="{_BOTTOM}" text-anchor="end">1e{low_y}</text>',
        ]
        for tick in (math.ceil(low_x), math.floor(high_x)):
            parts.append(f'<text x="{at(tick, 0)[0]:.1f}" y="{_BOTTOM + 13}" text-anchor="middle">{tick}</text>')
        anchor_x, anchor_y = (math.log10(n) for n in shown[0])  # both guides begin at the largest step
        for slope, dash, colour, side, shift in ((1, "2 4", "#d55e00", "end", -6), (2, "7 4", "#009e73", "start", 10)):
            x, y = low_x, anchor_y - slope * (anchor_x - low_x)
            if y < low_y:  # stop the guide at the floor of the plot
                x, y = anchor_x - (anchor_y - low_y) / slope, float(low_y)
            (x1, y1), (x2, y2) = at(anchor_x, anchor_y), at(x, y)
            parts.append(
                f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="1.5" '
                f'stroke-dasharray="{dash}" fill="none"/>'
                f'<text x="{(x1 + x2) / 2 + shift:.1f}" y="{(y1 + y2) / 2 + shift:.1f}" text-anchor="{side}">'
                f"slope {slope}</text>"
            )
        for e, r in shown:
            x, y = at(math.log10(e), math.log10(r))
            fill = "currentColor" if (e, r) in self.found.used else "none"
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}" stroke="currentColor"/>')
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" style="color:inherit;max-width:100%" font-size="10" '
            f'font-family="system-ui,sans-serif" fill="currentColor"><title>{self.found.words()}</title>'
            f"{''.join(parts)}</svg>"
        )
