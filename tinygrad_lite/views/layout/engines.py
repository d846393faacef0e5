"""Which program places the boxes, and how it is run.

The chain: what was asked for by `engine=` or by the environment variable TINYGRAD_LITE_DOT;
otherwise graphviz-pure, a bundled program of about 6 MB that draws alike on every machine;
otherwise the system's `dot`; otherwise our own layout in `layered.py`, which always works.

Pictures with closed modules, and large ones, begin at the end of the chain: our layout keeps
neurons in their order, stays compact where each leads to each, and is quicker there. A program
that nobody asked for by name has two seconds.

For an SVG the programs only find *places*: they are given sizes and arrows, never the user's
text, and our own `svg.py` draws. Where no painter is installed (`raster.py`, `pdf.py`), they draw the DOT text of
`dot.py` themselves, as PNG, JPEG, or by the system's `dot` as PDF.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from graphlib import TopologicalSorter
from pathlib import Path

from tinygrad_lite.errors import RenderingError
from tinygrad_lite.views.layout import layered
from tinygrad_lite.views.layout.graph import LayoutGraph, Placement, Point

PROGRAMS = ("graphviz-pure", "dot")
ENGINES = (*PROGRAMS, "own")
VARIABLE = "TINYGRAD_LITE_DOT"
SECONDS = 2.0  # for a program that nobody asked for by name
PATIENCE = 30.0  # for one that somebody did
LONG = 1000  # steps of all arrows together, from which on Graphviz takes many seconds
FORMATS = {"graphviz-pure": ("svg", "png", "jpeg"), "dot": ("svg", "png", "jpeg", "pdf")}

_BEGINS = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "jpeg": b"\xff\xd8", "json0": b"{"}


def program(name: str) -> str | None:
    """The path of a layout program, or None: beside this Python first, then on the PATH.

    A notebook's kernel often runs without its environment's programs on the PATH.
    """
    if sys.platform == "emscripten":  # a browser has no processes
        return None
    if os.sep in name or (os.altsep and os.altsep in name):
        return name if Path(name).is_file() else None
    if name == "graphviz-pure":
        schemes = [sysconfig.get_path("scripts")]
        user = f"{os.name}_user"
        if user in sysconfig.get_scheme_names():
            schemes.append(sysconfig.get_path("scripts", user))
        for folder in schemes:
            found = shutil.which(name, path=folder)
            if found:
                return found
    return shutil.which(name)


def chosen(engine: str | None) -> str | None:
    """The engine that was asked for, by argument or by environment; None leaves the choice to the chain.

    Raises:
        RenderingError: that engine is not here.
    """
    asked = engine or os.environ.get(VARIABLE) or None
    if asked is None or asked == "own":
        return asked
    if program(asked) is None:
        source = "engine=" if engine else f"the environment variable {VARIABLE}"
        raise RenderingError(
            f"{source} asks for the layout engine {asked!r}, which was not found.\n"
            f"  Engines are {', '.join(ENGINES)}, or the path of a Graphviz program; here: {', '.join(available())}.\n"
            "  `pip install graphviz-pure` brings the first; 'own' needs nothing."
        )
    return asked


def available() -> list[str]:
    """The engines that can be used here, in the order in which they are tried."""
    return [*(name for name in PROGRAMS if program(name)), "own"]


def describe() -> str:
    """One line for people: which engine draws here, and where it is."""
    asked = os.environ.get(VARIABLE)
    name = asked or available()[0]
    where = program(name)
    return (
        name
        + (f" ({where})" if where and where != name else "")
        + (f", chosen by {VARIABLE}" if asked else "")
        + ("" if where or name == "own" else ", which was not found")
    )


def placed(sketch: LayoutGraph, engine: str | None = None, *, ours: bool = False) -> Placement:
    """Places for everything in the sketch, by the first engine of the chain that can.

    Args:
        engine: the one to use, or None.
        ours: prefer our own layout, if nobody asked for another.

    Raises:
        RenderingError: the engine that was asked for is not here, or failed.
    """
    asked = chosen(engine)
    if asked == "own" or (asked is None and (ours or _steps(sketch) > LONG)):
        return layered.placed(sketch)
    began = time.monotonic()
    for name in [asked] if asked else PROGRAMS:
        if program(name) and (asked or time.monotonic() - began < SECONDS):
            try:
                answer = run(name, skeleton(sketch), "json0", PATIENCE if asked else SECONDS)
                return _placement(sketch, json.loads(answer), Path(name).name)
            except (RenderingError, ValueError, KeyError) as reason:
                if asked:
                    raise RenderingError(f"the layout engine {asked!r} failed: {reason}") from reason
    return layered.placed(sketch)


def _steps(sketch: LayoutGraph) -> int:
    """How many layers all arrows together cross: what Graphviz' time grows with."""
    layer = dict.fromkeys(sketch.sizes, 0)
    into: dict[str, list[str]] = {key: [] for key in sketch.sizes}
    for arrow in sketch.arrows:
        into[arrow.head].append(arrow.tail)
    order = TopologicalSorter(into)
    for key in order.static_order():
        layer[key] = 1 + max((layer[tail] for tail in into[key]), default=-1)
    return sum(layer[arrow.head] - layer[arrow.tail] for arrow in sketch.arrows)


def drawn(dot: str, format: str, engine: str | None = None) -> bytes:
    """The DOT text as a picture of that format, by the first program of the chain that can.

    Raises:
        RenderingError: no program here can write that format.
    """
    asked = chosen(engine)
    tried = []
    for name in [asked] if asked and asked != "own" else PROGRAMS:
        if format in FORMATS.get(name, (format,)) and program(name):
            try:
                return run(name, dot, format)
            except RenderingError as reason:
                tried.append(f"{name}: {reason}")
    raise RenderingError(
        f"no program here can write {format.upper()}"
        + (f" ({'; '.join(tried)})" if tried else "")
        + ".\n  Save as .svg instead, which always works; or `pip install graphviz-pure`,\n"
        "  or install Graphviz (https://graphviz.org/download)."
    )


def run(name: str, dot: str, format: str, seconds: float = PATIENCE) -> bytes:
    """Give the DOT text to a Graphviz program and return what it draws.

    Raises:
        RenderingError: the program is missing, took too long, reported an error, or drew nothing.
            Graphviz can fail and still write a picture with an arrow missing, so its exit code counts.
    """
    path = program(name)
    if path is None:
        raise RenderingError(f"the program {name!r} was not found")
    try:
        done = subprocess.run([path, f"-T{format}"], input=dot.encode(), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RenderingError(f"{name} gave no answer within {seconds:g} s") from None
    except OSError as reason:
        raise RenderingError(f"{name} could not be started: {reason}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or "nothing"
        raise RenderingError(f"{name} ended with exit code {done.returncode} and said: {said[:500]}")
    if _BEGINS.get(format, b"") not in done.stdout[:2000]:
        raise RenderingError(f"{name} wrote no {format}")
    return done.stdout


def skeleton(sketch: LayoutGraph) -> str:
    """The sketch in DOT: sizes and arrows under our own keys, and none of the user's text."""
    lines = [
        "digraph {",
        f"rankdir={sketch.direction}; ordering=in; nodesep=0.2; ranksep=0.3;",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowsize=0.6];',
    ]
    for key, (width, height) in sketch.sizes.items():
        shape = ", shape=ellipse" if key.startswith("o") else ""
        lines.append(f'"{key}" [width={width / 72:.4f}, height={height / 72:.4f}{shape}];')
    for arrow in sketch.arrows:
        room = ""
        if arrow.text[0]:
            cell = f'<TD FIXEDSIZE="TRUE" WIDTH="{arrow.text[0]:.0f}" HEIGHT="{arrow.text[1]:.0f}"></TD>'
            room = f', label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{cell}</TR></TABLE>>'
        weight = ", weight=20, minlen=1" if arrow.key.startswith("r") else ""
        lines.append(f'"{arrow.tail}" -> "{arrow.head}" [id="{arrow.key}"{room}{weight}];')
    return "\n".join([*lines, "}"])


def _placement(sketch: LayoutGraph, answer: dict[str, object], engine: str) -> Placement:
    """Read the places from Graphviz' JSON, whose y points upward."""
    left, bottom, right, top = (float(x) for x in str(answer["bb"]).split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")[-2:]
        return (float(x) - left, top - float(y))

    objects, edges = answer.get("objects", []), answer.get("edges", [])
    assert isinstance(objects, list)
    assert isinstance(edges, list)
    centre = {item["name"]: point(item["pos"]) for item in objects}
    curve, spot = {}, {}
    for item in edges:
        end, *points = item["pos"].split()
        curve[item["id"]] = [*(point(p) for p in points), point(end)]
        if "lp" in item:
            spot[item["id"]] = point(item["lp"])
    if len(centre) != len(sketch.sizes) or len(curve) != len(sketch.arrows):
        raise RenderingError(f"{engine} lost a box or an arrow")
    for key, points in curve.items():  # 3n+1 points, then the tip: the last stretch is straight
        curve[key] = [*points[:-1], points[-2], points[-1], points[-1]]
    return Placement(right - left, top - bottom, centre, curve, spot, engine)
