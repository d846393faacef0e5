"""One page for all that moves: what `tg.live`, `tg.animate` and `tg.animate_training` show in a browser.

`page.html` has every part of the page; the scripts show those that they fill. It needs no Python and no network. In a
notebook it stands in a sandboxed iframe, so that several on one page do not disturb each other; where a notebook is
not trusted, the iframe goes and the picture inside it stays.
"""

from __future__ import annotations

import base64
import html as _html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, ClassVar
from xml.etree import ElementTree

from tinygrad_lite.views.drawing.themes import Theme
from tinygrad_lite.views.live.javascript import Library

STILL = 200_000  # letters of a picture that a notebook keeps beside the page
_SVG = "http://www.w3.org/2000/svg"
_LOOKS = (
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "fill-opacity",
    "font-size",
    "font-weight",
    "text-anchor",
)

ElementTree.register_namespace("", _SVG)


class Page:
    """A page that shows itself in a notebook, and saves itself as one file.

    Args:
        title, alt: what stands above it, and what a screen reader says.
        theme: its colours.
        svg: the picture in it, or "".
        data: what its scripts read.
        scripts: their files, in `views`.
        library: the JavaScript of the rules that they need.
    """

    kind: ClassVar[str] = "a page"

    def __init__(
        self,
        title: str,
        alt: str,
        theme: Theme,
        svg: str,
        data: Mapping[str, Any],
        scripts: Sequence[str],
        library: Library,
    ) -> None:
        self.title = title
        self._alt, self._theme, self._svg, self._data = alt, theme, svg, data
        self._code = [asset("live/engine.js"), library.script(), *map(asset, scripts)]

    def page(self) -> str:
        """The whole page, which opens without a network."""
        theme = self._theme
        return Template(asset("live/page.html")).substitute(
            title=_html.escape(self.title),
            alt=_html.escape(self._alt),
            scheme=theme.name,
            background=theme.background,
            forward=theme.glow[0],
            backward=theme.glow[1],
            svg=self._svg and slim(self._svg),
            data=embedded({**self._data, "colours": theme.on_canvas()}),
            code="\n".join(self._code),
        )

    def html(self) -> str:
        """A fragment for a notebook or any page: a sandboxed iframe, and the picture for where that is removed.

        Browsers ignore what stands inside an iframe; notebooks that trust nobody remove the iframe and
        keep what stands inside.
        """
        inner = self.page().replace("&", "&amp;").replace("'", "&#x27;")  # in ', as pages are full of "
        still = base64.b64encode(self._still().encode()).decode()
        return (
            f'<iframe sandbox="allow-scripts" style="width:100%;height:{self.height}px;border:0" srcdoc=\'{inner}\'>'
            f'<img alt="{_html.escape(self._alt)}" style="max-width:100%" src="data:image/svg+xml;base64,{still}">'
            "</iframe>"
        )

    @property
    def height(self) -> int:
        """Pixels that the page takes in a notebook."""
        high = float(ElementTree.fromstring(self._svg).get("height", "0")) if self._svg else 420.0
        return round(min(max(high, 160), 640)) + 330

    def _still(self) -> str:
        """The picture for readers that remove the iframe, or a few words where it is none or would weigh more."""
        still = slim(self._svg) if self._svg else ""
        return still if 0 < len(still) < STILL else card(*self._words())

    def _words(self) -> list[str]:
        return [repr(self)[1:-1], "Trust this notebook to see the page."]

    def _forms(self) -> dict[str, Callable[[], str | bytes]]:
        """What is written to a file, by the ending of its name."""
        return {".html": self.page}

    def save(self, path: str | Path) -> Path:
        """Write it to a file and give its path; the ending chooses the form, .html the page.

        Raises:
            ValueError: an ending for which there is no form; the message lists those there are.
            RenderingError: .gif, and what paints it is not installed.
        """
        path, forms = Path(path), self._forms()
        if path.suffix.lower() not in forms:
            raise ValueError(f"{self.kind} is saved as {', '.join(forms)}, but got {path.name!r}.")
        made = forms[path.suffix.lower()]()
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return {"text/html": self.html(), "text/plain": repr(self)}


def card(*lines: str) -> str:
    """A few lines of text as an SVG."""
    width, height = 20 + 8 * max(map(len, lines)), 20 + 22 * len(lines)
    words = "".join(f'<text x="12" y="{28 + 22 * i}">{_html.escape(line)}</text>' for i, line in enumerate(lines))
    return (
        f'<svg xmlns="{_SVG}" width="{width}" height="{height}" font-family="Helvetica" font-size="15" fill="#16191d">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{words}</svg>'
    )


def asset(name: str) -> str:
    """A file of `views` that goes into a page."""
    return files("tinygrad_lite.views").joinpath(name).read_text(encoding="utf-8")


def embedded(data: Any) -> str:
    """Data as JSON that can stand inside a <script> element."""
    text = json.dumps(_plain(data), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _plain(data: Any) -> Any:
    """The data with words in the place of NaN and the infinities, which JSON has not and JavaScript's Number reads."""
    if isinstance(data, float) and data - data != 0.0:
        return "NaN" if data != data else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, dict):
        return {name: _plain(value) for name, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, (list, tuple)) else data


def slim(svg: str) -> str:
    """The same SVG with its looks as classes of one style sheet: about half the size, for pages of ours."""
    root = ElementTree.fromstring(svg)
    names: dict[str, str] = {}
    for element in root.iter():
        if element is root:
            continue
        looks = ";".join(f"{name}:{element.attrib.pop(name)}" for name in _LOOKS if name in element.attrib)
        if looks:
            looks = re.sub(r"(font-size:[\d.]+)", r"\1px", looks)
            name = names.setdefault(looks, f"s{len(names)}")
            role = element.get("class", "")
            element.set("class", f"{role} {name}" if role in ("data", "grad", "|grad|", "local") else name)
    style = ElementTree.Element(f"{{{_SVG}}}style")
    style.text = "".join(f".{name}{{{looks}}}" for looks, name in names.items())
    root.insert(0, style)
    return ElementTree.tostring(root, encoding="unicode")
