"""Steps as pictures: one still SVG a step, all of them as one animated SVG, or as a GIF.

Everything starts from the picture's own SVG and its keys (see `picture.py`): a step shows the
numbers that are known by then, local derivatives from their op's step on, and outlines what it touches.
"""

from __future__ import annotations

import copy
import html
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from tinygrad_lite.errors import RenderingError
from tinygrad_lite.views.drawing.themes import LIGHT
from tinygrad_lite.views.player.steps import Step

ANIMATED = 400
"""The largest number of steps in an animated SVG or a GIF."""

SECONDS = 1.4  # a step
HOLD = 3.0  # the last one

Glow = tuple[str, str]  # the colours of what is lit, forward and backward
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


def size(svg: str) -> tuple[float, float]:
    """Width and height of an SVG in pixels."""
    root = ElementTree.fromstring(svg)
    return float(root.get("width", "0")), float(root.get("height", "0"))


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


def card(*lines: str) -> str:
    """A few lines of text as an SVG."""
    width, height = 20 + 8 * max(map(len, lines)), 20 + 22 * len(lines)
    words = "".join(f'<text x="12" y="{28 + 22 * i}">{html.escape(line)}</text>' for i, line in enumerate(lines))
    return (
        f'<svg xmlns="{_SVG}" width="{width}" height="{height}" font-family="Helvetica" font-size="15" fill="#16191d">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{words}</svg>'
    )


def frame(svg: str, steps: Sequence[Step], at: int, glow: Glow = LIGHT.glow) -> str:
    """The still picture of step `at`: what is known by then, and an outline around what it touches."""
    root = ElementTree.fromstring(svg)
    _show(root, steps, at, glow)
    return ElementTree.tostring(root, encoding="unicode")


def _show(root: ElementTree.Element, steps: Sequence[Step], at: int, glow: Glow) -> None:
    parts = _parts(root)
    shown = {(box, kind): text for step in steps[: at + 1] for kind, box, text in _texts(step)}
    for box, kind in dict.fromkeys((box, kind) for step in steps for kind, box, _ in _texts(step)):
        element = _number(parts, box, kind)
        if element is not None:
            element.text = shown.get((box, kind), "")
    for group, first in _slopes(root, steps):
        if first > at:
            group.clear()
    for key in steps[at].lit:
        for shape in _shapes(parts, key):
            shape.set("stroke", _colour(steps[at], glow))
            shape.set("stroke-width", "3")


def animated(svg: str, steps: Sequence[Step], glow: Glow = LIGHT.glow) -> str:
    """One SVG that plays all steps and begins again; it needs no script.

    Viewers that do not animate, and readers who asked for less motion, see the last step.

    Raises:
        RenderingError: more steps than such a file can hold.
    """
    _refuse_long(steps)
    root = ElementTree.fromstring(svg)
    parts = _parts(root)
    total = SECONDS * (len(steps) - 1) + HOLD
    rules: list[str] = []

    def visible(element: ElementTree.Element, spans: Sequence[tuple[int, int]]) -> None:
        """Let the element be seen in these spans of steps only."""
        name = f"t{len(rules)}"
        stops = ["0%{visibility:hidden}"]
        for first, after in spans:
            stops.append(f"{100 * SECONDS * first / total:.3f}%{{visibility:visible}}")
            if after < len(steps):
                stops.append(f"{100 * SECONDS * after / total:.3f}%{{visibility:hidden}}")
        hidden = "" if spans[-1][1] == len(steps) else "visibility:hidden;"
        move = f"animation:{name} {total:.1f}s step-end infinite"
        rules.append(f"@keyframes {name}{{{''.join(stops)}}}.{name}{{{hidden}{move}}}")
        element.set("class", f"{element.get('class', '')} {name}".strip())

    history: dict[tuple[int, str], list[tuple[int, str]]] = {}
    for i, step in enumerate(steps):
        for kind, box, text in _texts(step):
            history.setdefault((box, kind), []).append((i, text))
    for (box, kind), changes in history.items():
        element = _number(parts, box, kind)
        if element is None:
            continue
        group = parts[f"v{box}"][0]
        for (first, text), (after, _) in zip(changes, [*changes[1:], (len(steps), "")], strict=True):
            written = copy.deepcopy(element)
            written.text = text
            visible(written, [(first, after)])
            group.append(written)
        group.remove(element)

    for slope, first in _slopes(root, steps):
        visible(slope, [(first, len(steps))])

    glows: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for i, step in enumerate(steps):
        for key in step.lit:
            glows.setdefault((key, _colour(step, glow)), []).append((i, i + 1))
    for (key, colour), spans in glows.items():
        for group, shape in [(g, s) for g in parts.get(key, []) for s in _outlines(g)]:
            outline = copy.deepcopy(shape)
            outline.set("fill", "none")
            outline.set("stroke", colour)
            outline.set("stroke-width", "3")
            visible(outline, spans)
            group.append(outline)

    style = ElementTree.Element(f"{{{_SVG}}}style")
    style.text = "".join(rules) + "@media (prefers-reduced-motion:reduce){*{animation:none!important}}"
    root.insert(0, style)
    return ElementTree.tostring(root, encoding="unicode")


def gif(svg: str, steps: Sequence[Step], glow: Glow = LIGHT.glow) -> bytes:
    """All steps as an animated GIF.

    Raises:
        RenderingError: resvg-py or Pillow is not installed, or there are more steps than a GIF can hold.
    """
    _refuse_long(steps)
    return moving((frame(svg, steps, i, glow) for i in range(len(steps))), SECONDS)


def moving(stills: Iterable[str], seconds: float) -> bytes:
    """SVGs one after the other as an animated GIF, each for so many seconds, the last one longer.

    Raises:
        RenderingError: resvg-py or Pillow is not installed.
    """
    from tinygrad_lite.views.formats import raster

    pictures = [raster.image(svg) for svg in stills]
    out = io.BytesIO()
    durations = [round(1000 * seconds)] * (len(pictures) - 1) + [round(1000 * HOLD)]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1)
    return out.getvalue()


# ---------------------------------------------------------------------- the parts of the SVG


def _parts(root: ElementTree.Element) -> dict[str, list[ElementTree.Element]]:
    parts: dict[str, list[ElementTree.Element]] = {}
    for element in root.iter():
        key = element.get("data-k")
        if key and element.get("class") != "slopes":
            parts.setdefault(key, []).append(element)
    return parts


def _slopes(root: ElementTree.Element, steps: Sequence[Step]) -> list[tuple[ElementTree.Element, int]]:
    """The local derivatives beside each arrow, and the step of the op that the arrow leads to, which finds them."""
    computed = {str(box): i for i, step in reversed(list(enumerate(steps))) for box in step.data}
    groups = [element for element in root.iter() if element.get("class") == "slopes"]
    return [(group, computed[group.get("data-k", "")[1:].split(".")[0]]) for group in groups]


def _texts(step: Step) -> Iterator[tuple[str, int, str]]:
    for box, text in step.data.items():
        yield "data", box, text
    for box, text in step.grad.items():
        yield "grad", box, text


def _number(parts: dict[str, list[ElementTree.Element]], box: int, kind: str) -> ElementTree.Element | None:
    """The text element of a box that holds this number."""
    for group in parts.get(f"v{box}", []):
        for element in group.iter(f"{{{_SVG}}}text"):
            if element.get("class") == kind:
                return element
    return None


def _outlines(group: ElementTree.Element) -> list[ElementTree.Element]:
    """The shape of a box or an op, or the line of an arrow."""
    for element in group:
        if element.tag.split("}")[1] in ("rect", "ellipse", "path"):
            return [element]
    return []


def _shapes(parts: dict[str, list[ElementTree.Element]], key: str) -> list[ElementTree.Element]:
    return [shape for group in parts.get(key, []) for shape in _outlines(group)]


def _colour(step: Step, glow: Glow) -> str:
    return glow[0] if step.kind in ("start", "forward") else glow[1]


def _refuse_long(steps: Sequence[Any]) -> None:
    if len(steps) > ANIMATED:
        raise RenderingError(
            f"an animation without buttons holds at most {ANIMATED} steps, but this one has {len(steps)}.\n"
            '  Save the player as a page instead, .save("player.html"), or animate a part of the computation.'
        )
