"""Our own SVG as pixels: for PNG, JPEG, GIF, and for PDF pages with letters that PDF's own fonts lack.

resvg paints, with the fonts of the system, so every alphabet for which a font is installed is shown.
"""

from __future__ import annotations

import functools
import io
import unicodedata
import warnings
from typing import Any

from tinygrad_lite.errors import RenderingError

ZOOM = 2.0  # pixels of a PNG for one of the SVG: sharp on today's screens
_MISSING = (
    "a picture as pixels needs the Python packages resvg-py and Pillow.\n"
    "  Install them with: pip install 'tinygrad-lite[plot]'"
)


def available() -> bool:
    """Whether pixels can be painted here."""
    import importlib.util

    return all(importlib.util.find_spec(name) for name in ("resvg_py", "PIL"))


def png(svg: str, zoom: float = ZOOM) -> bytes:
    """The SVG as a PNG, so many times larger.

    Raises:
        RenderingError: resvg-py is not installed.
    """
    try:
        import resvg_py
    except ImportError:
        raise RenderingError(_MISSING) from None
    letters = frozenset(c for c in svg if not c.isascii() and unicodedata.category(c) in ("Lo", "Ll", "Lu"))
    if letters and available() and (lost := unpainted(letters)):
        warnings.warn(
            f"no font installed here has {lost!r}, so the picture shows a box or nothing in its place; install one "
            "that has, such as Noto Sans CJK (fonts-noto-cjk) for Chinese, or save as .svg.",
            stacklevel=4,
        )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom))


@functools.lru_cache(maxsize=64)
def unpainted(letters: frozenset[str]) -> str:
    """Those of the letters that no installed font has: what is painted for them is painted for U+10FFFD too."""
    import resvg_py
    from PIL import Image

    from tinygrad_lite.views.drawing.fonts import FAMILY

    row = [*sorted(letters), "\U0010fffd"]
    texts = "".join(f'<text x="{40 * i + 5}" y="30" font-size="24">{c}</text>' for i, c in enumerate(row))
    size = f'width="{40 * len(row)}" height="40" font-family="{FAMILY}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{texts}</svg>'
    picture = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, background="white"))))
    *cells, nothing = [picture.crop((40 * i, 0, 40 * i + 40, 40)).tobytes() for i in range(len(row))]
    return "".join(c for c, cell in zip(row, cells, strict=False) if cell == nothing)


def image(svg: str, zoom: float = 1.0) -> Any:
    """The SVG as a Pillow image.

    Raises:
        RenderingError: resvg-py or Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise RenderingError(_MISSING) from None
    return Image.open(io.BytesIO(png(svg, zoom))).convert("RGB")


def saved(svg: str, format: str) -> bytes:
    """The SVG as the bytes of a "png", a "jpeg", or a "pdf" whose one page is an image."""
    if format == "png":
        return png(svg)
    out = io.BytesIO()
    zoom = 3.0 if format == "pdf" else ZOOM
    image(svg, zoom).save(out, format.upper(), quality=92, resolution=96 * zoom)
    return out.getvalue()
