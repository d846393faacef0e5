"""A picture as PDF, made from our own SVG with nothing but the fonts that every reader has.

An SVG of `svg.py` has seven kinds of element; each is a line or two of PDF. Texts are set in
Helvetica, Greek letters and signs in Symbol. Letters of other alphabets are in neither; pictures
with such letters become an image on the page (`raster.py`).

Source: ISO 32000-1, sections 8.5 (paths), 9.4 (texts) and 7.5 (the file).
"""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from tinygrad_lite.views.drawing.fonts import text_width

_GREEK = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"  # where Symbol has the Latin letters a to z
_SYMBOL = {c: 97 + i for i, c in enumerate(_GREEK)}
_SYMBOL |= {c.upper(): code - 32 for c, code in _SYMBOL.items() if c not in "ϕϖ" and len(c.upper()) == 1}
_SYMBOL |= {
    "≠": 0xB9,
    "≤": 0xA3,
    "≥": 0xB3,
    "∂": 0xB6,
    "∑": 0xE5,
    "√": 0xD6,
    "∞": 0xA5,
    "→": 0xAE,
    "−": 0x2D,
    "∇": 0xD1,
}
_CIRCLE = 0.5522847498  # how far the handles of a quarter circle reach, for a radius of 1
_PIXEL = 0.75  # of a point of 1/72 inch


def has_letters(svg: str) -> bool:
    """Whether these fonts have every letter of the picture."""
    texts = [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")]
    return all(c in _SYMBOL or c.encode("cp1252", "ignore") for text in texts for c in text)


def to_pdf(svg: str) -> bytes:
    """The bytes of a PDF of one page, the size of the picture; the same for the same picture."""
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    marks = [f"{_PIXEL} 0 0 -{_PIXEL} 0 {_n(height * _PIXEL)} cm"]  # SVG's y points downward
    for element in root:
        _draw(element, marks, width, height)
    content = "\n".join(marks).encode("latin-1")
    fonts = " ".join(f"/F{i} {4 + i} 0 R" for i in (1, 2, 3))
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_n(width * _PIXEL)} {_n(height * _PIXEL)}] /Contents 4 0 R "
            f"/Resources << /Font << {fonts} >> /ExtGState << /Thin << /ca 0.85 >> /Full << /ca 1 >> >> >> >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>",
        ]
    )


def _file(objects: list[bytes]) -> bytes:
    """The objects with their numbers, and the table that says where each begins."""
    out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    begins = []
    for number, body in enumerate(objects, start=1):
        begins.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % begin for begin in begins)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(out))
    )


def _draw(element: ElementTree.Element, marks: list[str], width: float, height: float) -> None:
    """One element of the SVG, in PDF's marks."""
    name = element.tag.rpartition("}")[2]
    look = element.attrib
    if name == "g":
        x, y = map(float, re.findall(r"[-\d.]+", look.get("transform", "translate(0 0)")))
        marks += ["q", f"1 0 0 1 {_n(x)} {_n(y)} cm"]
        for inner in element:
            _draw(inner, marks, width, height)
        marks.append("Q")
    elif name == "text":
        marks += _text(element.text or "", look)
    else:
        if name == "rect":
            w = width if look["width"] == "100%" else float(look["width"])
            h = height if look["height"] == "100%" else float(look["height"])
            outline = _rounded(_at(look, "x"), _at(look, "y"), w, h, _at(look, "rx"))
        elif name == "ellipse":
            outline = _oval(_at(look, "rx"), _at(look, "ry"))
        elif name == "polygon":
            first, *others = look["points"].replace(",", ";").split()
            outline = f"{first} m {' '.join(f'{point} l' for point in others)} h".replace(";", " ")
        else:
            outline = _path(look["d"])
        marks += _painted(outline, look)


def _painted(outline: str, look: dict[str, str]) -> list[str]:
    """Fill and stroke, as the attributes say."""
    filled, stroked = look.get("fill", "none") != "none", "stroke" in look
    marks = ["/Thin gs"] if "fill-opacity" in look else []
    if filled:
        marks.append(f"{_colour(look['fill'])} rg")
    if stroked:
        dashes = f"[{look.get('stroke-dasharray', '')}] 0 d"
        marks.append(f"{_colour(look['stroke'])} RG {look.get('stroke-width', '1')} w {dashes}")
    marks.append(f"{outline} {'B' if filled and stroked else 'S' if stroked else 'f'}")
    return [*marks, "/Full gs"] if "fill-opacity" in look else marks


def _text(words: str, look: dict[str, str]) -> list[str]:
    """A line of text, in runs of one font each."""
    size, bold = float(look["font-size"]), look.get("font-weight") == "bold"
    share = {"middle": 0.5, "end": 1.0}.get(look.get("text-anchor", "start"), 0.0)
    x, y = _at(look, "x") - share * text_width(words, size, bold), _at(look, "y")
    marks = [f"BT {_colour(look['fill'])} rg 1 0 0 -1 {_n(x)} {_n(y)} Tm"]
    for run in re.findall("[{0}]+|[^{0}]+".format("".join(map(re.escape, _SYMBOL))), words):
        font = "F3" if run[0] in _SYMBOL else "F2" if bold else "F1"
        codes = bytes(_SYMBOL[c] for c in run) if run[0] in _SYMBOL else run.encode("cp1252", "replace")
        marks.append(f"/{font} {_n(size)} Tf <{codes.hex()}> Tj")
    return [*marks, "ET"]


def _path(d: str) -> str:
    """`M x y C x y x y x y ...` of SVG."""
    numbers = re.findall(r"-?[\d.]+", d)
    curves = [" ".join(numbers[i : i + 6]) + " c" for i in range(2, len(numbers), 6)]
    return f"{numbers[0]} {numbers[1]} m {' '.join(curves)}"


def _rounded(x: float, y: float, w: float, h: float, r: float) -> str:
    """A rectangle whose corners are quarter circles."""
    if not r:
        return f"{_n(x)} {_n(y)} {_n(w)} {_n(h)} re"
    k = r * (1 - _CIRCLE)
    x2, y2 = x + w, y + h
    return (
        _move(x + r, y) + _line(x2 - r, y) + _curve(x2 - k, y, x2, y + k, x2, y + r)
        + _line(x2, y2 - r) + _curve(x2, y2 - k, x2 - k, y2, x2 - r, y2)
        + _line(x + r, y2) + _curve(x + k, y2, x, y2 - k, x, y2 - r)
        + _line(x, y + r) + _curve(x, y + k, x + k, y, x + r, y) + "h"
    )  # fmt: skip


def _oval(rx: float, ry: float) -> str:
    """An ellipse around the origin, in four quarters."""
    kx, ky = rx * _CIRCLE, ry * _CIRCLE
    return (
        _move(rx, 0) + _curve(rx, ky, kx, ry, 0, ry) + _curve(-kx, ry, -rx, ky, -rx, 0)
        + _curve(-rx, -ky, -kx, -ry, 0, -ry) + _curve(kx, -ry, rx, -ky, rx, 0) + "h"
    )  # fmt: skip


def _move(x: float, y: float) -> str:
    return f"{_n(x)} {_n(y)} m "


def _line(x: float, y: float) -> str:
    return f"{_n(x)} {_n(y)} l "


def _curve(*numbers: float) -> str:
    return " ".join(map(_n, numbers)) + " c "


def _colour(colour: str) -> str:
    return " ".join(_n(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))


def _at(look: dict[str, str], name: str) -> float:
    return float(look.get(name, 0.0))


def _n(x: float) -> str:
    return f"{math.floor(x * 1000 + 0.5) / 1000:.3f}".rstrip("0").rstrip(".")
