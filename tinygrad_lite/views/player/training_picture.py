"""One step of a training run as a still SVG: for the GIF of a training player, and for slides.

In: what the player shows at a step (see `training.py`). Out: the loss curve with a point at the step, the size of
each tensor's gradient as a bar, and beside them the plane or the curve that the network has learned by then.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.report import escape
from tinygrad_lite.views.drawing.fonts import FAMILY
from tinygrad_lite.views.drawing.themes import Theme, mixed

BARS = 10
"""Tensors whose bars are drawn; more would make the picture long."""

_LEFT, _TOP, _WIDE, _HIGH = 62.0, 48.0, 350.0, 200.0  # of the loss curve
_SIDE = 320.0  # of the plane
_ROW = 20.0  # of a bar
_POINTS = 500  # of the loss curve


class Palette(NamedTuple):
    """The colours of a training player, taken from a theme."""

    background: str
    ink: str
    faint: str
    grid: str
    classes: tuple[str, ...]
    pale: tuple[str, ...]  # the ground of each class

    @property
    def sides(self) -> tuple[str, str]:
        """Of the classes that the sign of one output tells apart: below the boundary, and above."""
        return self.classes[0], self.classes[1]


def palette(theme: Theme) -> Palette:
    """Blue and orange first, whatever the theme."""
    first, second, *others = theme.paths
    classes = (second, first, *others, theme.slope, theme.ink)
    pale = tuple(mixed(theme.background, colour, 0.28) for colour in classes)
    return Palette(theme.background, theme.ink, theme.faint, mixed(theme.background, theme.faint, 0.2), classes, pale)


class Still:
    """The stills of a run; what stays the same in all of them is made once.

    Args:
        losses: of every step. tensors: the names of the bars. view: the description of the field, or None.
        sizes: of every still, the sizes of the gradients.
        grid: points of the plane along each side.
    """

    def __init__(
        self,
        losses: Sequence[float],
        tensors: Sequence[str],
        view: dict[str, Any] | None,
        sizes: Sequence[Sequence[float]],
        grid: int,
        colours: Palette,
    ) -> None:
        self.losses: Sequence[float] = losses
        self.tensors: list[str] = list(tensors)
        self.view: dict[str, Any] | None = view
        self.grid: int = grid
        self.colours: Palette = colours
        logs = [math.log10(x) for row in sizes for x in row if 0 < x < math.inf]
        self._least, self._most = (min(logs) - 0.3, max(logs)) if logs else (0.0, 1.0)
        finite = [x for x in losses if math.isfinite(x)] or [0.0]
        self._low, self._span = min(0.0, *finite), (max(finite) - min(0.0, *finite)) or 1.0
        rows = min(len(self.tensors), BARS) + (len(self.tensors) > BARS)
        self.width: float = _LEFT + _WIDE + 16 + (_SIDE + 16 if view else 0)
        self.height: float = max(_TOP + _HIGH + 66 + _ROW * rows, _TOP + _SIDE + 24 if view else 0)
        self._curve = "".join(self._loss_curve())
        self._grounds = [self._ground(value) for value in range(256)] if view else []

    def at(self, step: dict[str, Any]) -> str:
        """The SVG of one step of the player."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:.0f}" height="{self.height:.0f}" '
            f'font-family="{FAMILY}"><rect width="100%" height="100%" fill="{self.colours.background}"/>'
        )
        x, y = self._place(step["at"])
        here = f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="5" ry="5" fill="{self.colours.classes[1]}"/>'
        parts = [head, _text(16, 26, step["caption"], self.colours.ink, 15, bold=True), self._curve, here]
        parts += self._bars(step["sizes"])
        if self.view:
            parts += self._plane(step["view"]) if self.view["grid"] else self._line(step["view"])
            parts += self._points()
        return "".join([*parts, "</svg>"])

    # ------------------------------------------------------------------ the loss

    def _place(self, i: int) -> tuple[float, float]:
        loss = self.losses[i]
        share = (loss - self._low) / self._span if math.isfinite(loss) else 1.0
        return _LEFT + _WIDE * i / max(len(self.losses) - 1, 1), _TOP + _HIGH * (1 - share)

    def _loss_curve(self) -> Iterator[str]:
        for share in (0.0, 0.5, 1.0):
            y = _TOP + _HIGH * (1 - share)
            yield _lines([(_LEFT, y), (_LEFT + _WIDE, y)], self.colours.grid, 1.0)
            yield _text(_LEFT - 6, y + 4, f"{self._low + share * self._span:.3g}", self.colours.faint, 11, "end")
        last = len(self.losses) - 1
        yield _text(_LEFT, _TOP + _HIGH + 16, "0", self.colours.faint, 11)
        yield _text(_LEFT + _WIDE, _TOP + _HIGH + 16, f"step {last}", self.colours.faint, 11, "end")
        shown = sorted({round(k * last / (_POINTS - 1)) for k in range(_POINTS)})
        yield _lines([self._place(i) for i in shown], self.colours.classes[0], 1.8)

    # ------------------------------------------------------------------ the gradients

    def _bars(self, sizes: Sequence[float]) -> Iterator[str]:
        y = _TOP + _HIGH + 44
        yield _text(16, y, "size of the gradients (root mean square, logarithmic)", self.colours.faint, 11)
        for name, size in list(zip(self.tensors, sizes, strict=True))[:BARS]:
            y += _ROW
            share = (math.log10(size) - self._least) / (self._most - self._least) if 0 < size < math.inf else 0.0
            yield _text(16, y, name if len(name) < 22 else f"...{name[-18:]}", self.colours.ink, 12)
            wide = max(1.0, 170 * min(max(share, 0.0), 1.0))
            yield f'<rect x="160" y="{y - 9:.1f}" width="{wide:.1f}" height="9" fill="{self.colours.classes[0]}"/>'
            yield _text(_LEFT + _WIDE, y, f"{size:.1e}", self.colours.ink, 12, "end")
        if len(self.tensors) > BARS:
            yield _text(16, y + _ROW, f"... and {len(self.tensors) - BARS} more", self.colours.faint, 12)

    # ------------------------------------------------------------------ what the network answers

    def _corner(self) -> tuple[float, float]:
        return _LEFT + _WIDE + 16, _TOP

    def _plane(self, field: str) -> Iterator[str]:
        """Squares in the colours of the classes; neighbours of one colour in a row are one rectangle."""
        values, (left, top), n = base64.b64decode(field), self._corner(), self.grid
        side = _SIDE / n
        for row in range(n):
            colours = [self._grounds[value] for value in values[row * n : (row + 1) * n]]
            begin = 0
            for k in range(1, n + 1):
                if k == n or colours[k] != colours[begin]:
                    yield (
                        f'<rect x="{left + side * begin:.2f}" y="{top + side * row:.2f}" '
                        f'width="{side * (k - begin):.2f}" height="{side + 0.5:.2f}" fill="{colours[begin]}"/>'
                    )
                    begin = k

    def _ground(self, value: int) -> str:
        assert self.view is not None
        if not self.view["signed"]:
            return self.colours.pale[value % len(self.colours.pale)]
        share = round(abs(value - 127.5) / 127.5, 1)  # 0 at the boundary, 1 far from it
        return mixed(self.colours.background, self.colours.sides[value > 127], 0.62 * share)

    def _line(self, heights: Sequence[float]) -> Iterator[str]:
        left, top = self._corner()
        n = len(heights) - 1
        inside = [(left + _SIDE * k / n, top + _SIDE * (1 - min(max(y, 0.0), 1.0))) for k, y in enumerate(heights)]
        yield _lines(inside, self.colours.classes[1], 2.5)

    def _points(self) -> Iterator[str]:
        assert self.view is not None
        left, top = self._corner()
        look = f'stroke="{self.colours.background}" stroke-width="1"'
        for x, y, *kind in self.view["points"]:
            which = kind[0] if kind else 0
            colour = self.colours.classes[which % len(self.colours.classes)]
            x, y = left + _SIDE * x, top + _SIDE * (1 - y)
            if which % 2:
                yield f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}" {look}/>'
            else:
                yield f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="4.5" ry="4.5" fill="{colour}" {look}/>'


def _text(x: float, y: float, words: str, colour: str, size: int, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight} fill="{colour}">'
        f"{escape.html(words)}</text>"
    )


def _lines(points: Sequence[tuple[float, float]], colour: str, thick: float) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{thick}"/>'
