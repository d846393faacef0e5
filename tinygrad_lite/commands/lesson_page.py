"""The page that the lesson leaves behind: one file, readable offline, in light and in dark."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from importlib.resources import files
from string import Template

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, lead: str, sections: Iterable[str], footer: str) -> str:
    """A whole HTML page. The sections are HTML already; title, lead and footer are plain text."""
    template = files("tinygrad_lite.commands").joinpath("lesson.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        policy=_POLICY,
        title=html.escape(title),
        lead=html.escape(lead),
        body="\n".join(sections),
        footer=html.escape(footer),
    )


def section(heading: str, *parts: str) -> str:
    """A heading, then parts: a part that begins with `<` is HTML, any other one a paragraph."""
    shown = [part if part.startswith("<") else f"<p>{html.escape(part)}</p>" for part in parts]
    return f"<h2>{html.escape(heading)}</h2>\n" + "\n".join(shown)


def picture(svg: str, alt: str, caption: str) -> str:
    """An SVG as an image, so that nothing inside it can disturb the page or be disturbed by it."""
    source = base64.b64encode(svg.encode()).decode()
    image = f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{source}">'
    return f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>"


def code(text: str, marked: Sequence[str] = ()) -> str:
    """Source code; lines that contain one of the marked texts are highlighted."""
    lines = []
    for line in text.strip("\n").splitlines():
        shown = html.escape(line)
        lines.append(f"<mark>{shown}</mark>" if any(m in line for m in marked) else shown)
    return "<pre>" + "\n".join(lines) + "</pre>"


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """A row of large numbers with what they are below them."""
    boxes = [f"<div><b>{html.escape(number)}</b><span>{html.escape(name)}</span></div>" for number, name in pairs]
    return '<div class="figures">' + "".join(boxes) + "</div>"


def curve(losses: Sequence[float], label: str = "loss") -> str:
    """A loss curve as SVG: epochs to the right, the loss upwards from 0."""
    width, height, left, low, top = 640, 240, 56, 34, 14
    high = max(losses) or 1.0
    n = max(len(losses) - 1, 1)

    def x(i: float) -> float:
        return left + (width - left - 16) * i / n

    def y(value: float) -> float:
        return top + (height - top - low) * (1 - value / high)

    line = " ".join(f"{x(i):.1f},{y(loss):.1f}" for i, loss in enumerate(losses))
    marks = "".join(
        f'<line x1="{left}" x2="{width - 16}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#e3e0da"/>'
        f'<text x="{left - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.2f}</text>'
        for v in (0.0, high / 2, high)
    )
    steps = "".join(f'<text x="{x(i):.1f}" y="{height - 12}" text-anchor="middle">{i}</text>' for i in (0, n // 2, n))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Helvetica" font-size="13" fill="#4b5563"><rect width="100%" height="100%" fill="#ffffff"/>'
        f'{marks}{steps}<polyline points="{line}" fill="none" stroke="#0b5fa5" stroke-width="2.5"/>'
        f'<text x="{width - 20}" y="{top + 10}" text-anchor="end">{html.escape(label)}</text></svg>'
    )
