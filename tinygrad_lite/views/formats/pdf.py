"""A picture as PDF whose lines and letters stay sharp at any size: our own SVG, converted by fpdf2.

PDF's own Helvetica has the letters of Western Europe. Pictures with others become an image on the page (`raster.py`).
"""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from xml.etree import ElementTree

_SPELLED = str.maketrans({"…": "...", "≠": "!=", "→": "->"})  # signs of our own that Helvetica lacks


def convertible(svg: str) -> bool:
    """Whether fpdf2 is here, and Helvetica has every letter of the picture."""
    texts = (
        element.text or ""
        for element in ElementTree.fromstring(svg.translate(_SPELLED)).iter()
        if element.tag.endswith("}text")
    )
    return importlib.util.find_spec("fpdf") is not None and all(text == _western(text) for text in texts)


def _western(text: str) -> str:
    return text.encode("latin-1", "ignore").decode("latin-1")


def to_pdf(svg: str) -> bytes:
    """The bytes of a PDF of one page, the size of the picture; the same for the same picture."""
    from fpdf import FPDF
    from fpdf.svg import SVGObject

    root = ElementTree.fromstring(svg.translate(_SPELLED))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    ground = root[0]  # its size is relative to the picture's, which fpdf2 does not know
    ground.set("width", str(width))
    ground.set("height", str(height))
    page = FPDF(unit="pt", format=(width, height))
    page.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))
    page.set_margin(0)
    page.set_auto_page_break(False)
    page.add_page()
    SVGObject(ElementTree.tostring(root, encoding="unicode")).draw_to_page(page, 0, 0)
    return bytes(page.output())
