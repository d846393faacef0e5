"""Our own SVG as pixels, for GIFs: just the few kinds of marks that `svg.py` makes. Needs Pillow."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tinygrad_lite.errors import RenderingError

FINE = 2  # painted this many times larger, then made smaller, for smooth edges


def painted(root: ElementTree.Element) -> Any:
    """The SVG as a Pillow image of the same size in pixels."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise RenderingError("a GIF needs Pillow.\n  Install it with: pip install 'tinygrad-lite[plot]'") from None
    width, height = (round(float(root.get(name, "0"))) for name in ("width", "height"))
    image = Image.new("RGB", (width * FINE, height * FINE), "white")
    _paint(ImageDraw.Draw(image), root, 0.0, 0.0)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _paint(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    move = re.fullmatch(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", ""))
    if move:
        dx, dy = dx + float(move[1]), dy + float(move[2])
    mark = _MARKS.get(element.tag.split("}")[-1])
    if mark:
        mark(pen, element, dx, dy)
    for child in element:
        _paint(pen, child, dx, dy)


def _get(element: ElementTree.Element, name: str, default: float = 0.0) -> float:
    text = element.get(name, "")
    return float(text) if text and not text.endswith("%") else default


def _colours(element: ElementTree.Element) -> dict[str, Any]:
    fill, stroke = element.get("fill", "none"), element.get("stroke", "none")
    return {
        "fill": None if fill == "none" else fill,
        "outline": None if stroke == "none" else stroke,
        "width": max(1, round(_get(element, "stroke-width", 1.0) * FINE)),
    }


def _rect(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    if element.get("width") == "100%":
        pen.rectangle([0, 0, *pen.im.size], fill=element.get("fill"))
        return
    x, y = _get(element, "x") + dx, _get(element, "y") + dy
    box = [x, y, x + _get(element, "width"), y + _get(element, "height")]
    pen.rounded_rectangle([FINE * c for c in box], radius=FINE * _get(element, "rx"), **_colours(element))


def _ellipse(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    x, y, rx, ry = _get(element, "cx") + dx, _get(element, "cy") + dy, _get(element, "rx"), _get(element, "ry")
    pen.ellipse([FINE * c for c in (x - rx, y - ry, x + rx, y + ry)], **_colours(element))


def _polygon(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", element.get("points", ""))]
    points = [(FINE * (x + dx), FINE * (y + dy)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    pen.polygon(points, fill=element.get("fill"))


def _polyline(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", element.get("points", ""))]
    points = [(FINE * (x + dx), FINE * (y + dy)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    pen.line(points, fill=element.get("stroke"), width=_colours(element)["width"], joint="curve")


def _path(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    """A line of cubic Bezier curves: M x y C x y x y x y and so on."""
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", element.get("d", ""))]
    points = [(FINE * (x + dx), FINE * (y + dy)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    line = points[:1]
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = points[i : i + 4]
        for k in range(1, 13):
            t, s = k / 12, 1 - k / 12
            weights = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
            line.append(
                (
                    sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
                    sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
                )
            )
    pen.line(line, fill=element.get("stroke"), width=_colours(element)["width"], joint="curve")


def _text(pen: Any, element: ElementTree.Element, dx: float, dy: float) -> None:
    place = (FINE * (_get(element, "x") + dx), FINE * (_get(element, "y") + dy))
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[element.get("text-anchor", "start")]
    bold = element.get("font-weight") == "bold"
    pen.text(
        place,
        element.text or "",
        fill=element.get("fill"),
        anchor=anchor,
        font=_font(_get(element, "font-size", 12), bold),
    )


_FONTS: dict[tuple[float, bool], Any] = {}


def _font(points: float, bold: bool) -> Any:
    """DejaVu Sans, which comes with matplotlib and knows most letters; else Pillow's own."""
    from PIL import ImageFont

    if (points, bold) not in _FONTS:
        spec = importlib.util.find_spec("matplotlib")
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        file = Path(spec.origin).parent / "mpl-data/fonts/ttf" / name if spec and spec.origin else Path(name)
        size = points * FINE * 0.93  # DejaVu is wider than Helvetica
        _FONTS[points, bold] = (
            ImageFont.truetype(str(file), size) if file.exists() else ImageFont.load_default(points * FINE)
        )
    return _FONTS[points, bold]


_MARKS = {
    "rect": _rect,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "polyline": _polyline,
    "path": _path,
    "text": _text,
}
