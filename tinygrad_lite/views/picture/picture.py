"""The picture: a drawing that places itself, shows itself in a notebook, and saves itself in every format."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_lite.report import escape
from tinygrad_lite.report.style import page
from tinygrad_lite.views.drawing.data import Drawing

if TYPE_CHECKING:
    from tinygrad_lite.views.layout.graph import Placement


ENDINGS = (".svg", ".png", ".pdf", ".jpg", ".jpeg", ".dot", ".gv", ".mmd", ".json", ".txt", ".html")
"""How a picture can be saved."""


class Picture(Drawing):
    """A picture that shows itself in a notebook, saves itself to a file, and can be looked through.

    Attributes:
        boxes, edges: what is drawn, as data.
        notes: the lines below, such as the legend of a heat map.
        graph: the numbered graph that is drawn.
        alt: what a screen reader says.
        svg, dot, mermaid, tree: the picture as text in each form; `to_dict()` gives data.

    >>> import tinygrad_lite as tg
    >>> a, b = tg.Value(2.0, label="a"), tg.Value(3.0, label="b")
    >>> picture = tg.draw(a * b)
    >>> print(picture)
    * = 6  grad 0
    ├─ a = 2  grad 0  local 3
    └─ b = 3  grad 0  local 2
    """

    def changed(self, **fields: Any) -> Picture:
        """A picture like this one, with some fields changed."""
        return dataclasses.replace(self, **fields)

    # ------------------------------------------------------------------ the forms

    @functools.cached_property
    def placement(self) -> Placement:
        """Where everything is; see `layout/graph.py`."""
        from tinygrad_lite.views.drawing import cards
        from tinygrad_lite.views.layout import graph, layered

        if self.parts:
            return graph.joined([(p.title, layered.layout(cards.sketch(p.picture)), p.shift) for p in self.parts])
        return layered.layout(cards.sketch(self))

    @functools.cached_property
    def svg(self) -> str:
        """The picture as SVG: one root element, no ids, no scripts, nothing fetched."""
        from tinygrad_lite.views.formats import svg

        return svg.to_svg(self, self.placement)

    @property
    def dot(self) -> str:
        """The picture in Graphviz' language."""
        from tinygrad_lite.views.formats import dot

        return dot.to_dot(self)

    @property
    def mermaid(self) -> str:
        """The picture in Mermaid's language, which many Markdown viewers draw."""
        from tinygrad_lite.views.formats import mermaid

        return mermaid.to_mermaid(self)

    @property
    def tree(self) -> str:
        """The picture as an indented tree for a terminal, from the root back to the leaves."""
        from tinygrad_lite.views.formats import tree

        return tree.to_tree(self)

    def to_dict(self) -> dict[str, Any]:
        """The picture as plain data, ready for JSON; numbers in full, NaN and infinities as text."""
        from tinygrad_lite.views.formats import plain

        return plain.to_dict(self)

    # ------------------------------------------------------------------ files

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file and give its path; the ending chooses the form.

        The endings are those of `ENDINGS`; .mmd is Mermaid's, .gv Graphviz'.

        Raises:
            ValueError: an ending that is none of these.
            RenderingError: .png, .jpg or .pdf, and nothing here can paint it;
                `pip install 'tinygrad-lite[plot]'` brings what can.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending in (".png", ".pdf", ".jpg", ".jpeg"):
            path.write_bytes(self._painted("jpeg" if ending == ".jpg" else ending[1:]))
            return path
        forms = {
            ".svg": lambda: self.svg,
            ".dot": lambda: self.dot,
            ".gv": lambda: self.dot,
            ".mmd": lambda: self.mermaid,
            ".json": lambda: json.dumps(self.to_dict(), indent=1) + "\n",
            ".txt": lambda: self.tree + "\n",
            ".html": self.page,
        }
        if ending not in forms:
            raise ValueError(f"a picture is saved as {', '.join(ENDINGS)}, but got {path.name!r}.")
        path.write_text(forms[ending](), encoding="utf-8")
        return path

    def _painted(self, format: str) -> bytes:
        """The bytes of a PNG, JPEG or PDF: from our own SVG, or by a Graphviz program where no painter is installed."""
        from tinygrad_lite.views.formats import pdf, programs, raster

        if format == "pdf" and pdf.convertible(self.svg):
            return pdf.to_pdf(self.svg)
        if raster.available():
            return raster.saved(self.svg, format)
        return programs.drawn(self.dot, format)

    def page(self) -> str:
        """A whole HTML page with the picture, which opens without a network."""
        return page(self.svg, self.title or "A computation graph")

    # ------------------------------------------------------------------ notebooks

    def html(self) -> str:
        """The picture as one <img> element, which notebooks also show where they trust nobody.

        A wide picture shrinks to the width of the cell, but not below three quarters of its size;
        from there on the cell scrolls.
        """
        data = base64.b64encode(self.svg.encode()).decode("ascii")
        style = f"max-width:100%;min-width:{0.75 * self.placement.width:.0f}px"
        return f'<img alt="{escape.html(self.alt)}" style="{style}" src="data:image/svg+xml;base64,{data}">'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook stores. `image/svg+xml` is added where it is asked for by name."""
        bundle = {"text/html": self.html(), "text/plain": self.tree}
        if include:
            if "image/svg+xml" in include:
                bundle["image/svg+xml"] = self.svg
            bundle = {kind: text for kind, text in bundle.items() if kind in include}
        return {kind: text for kind, text in bundle.items() if kind not in (exclude or ())}

    def __str__(self) -> str:
        return self.tree

    def __repr__(self) -> str:
        return f"<Picture of {len(self.boxes)} values and {len(self.edges)} operands>"
