"""A player of the forward and the backward pass: one HTML cell, in a notebook or as a page.

    steps.py       the computation as a list of steps
    player.py      the picture and the steps together, and every form they can be saved in
    player.html    the page: buttons, slider, keyboard; plain JavaScript, no network
    frames.py      a step as a still picture; the steps as an animated SVG or a GIF

In a notebook the page stands in a sandboxed iframe, so that several players on one page do not
disturb each other; where a notebook is not trusted, the iframe goes and the animated picture
inside it stays.
"""

from __future__ import annotations

import base64
import html as _html
import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tinygrad_lite.engine.reverse import require_fresh
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import GraphTooLarge, OperandError
from tinygrad_lite.views.drawing.data import Box
from tinygrad_lite.views.picture.draw import draw
from tinygrad_lite.views.picture.picture import Picture
from tinygrad_lite.views.player import frames
from tinygrad_lite.views.player.steps import Step, named, steps

STEPS = 2000
"""The largest number of steps that is played."""
ENDINGS = (".html", ".svg", ".gif", ".json")
"""How a player can be saved."""


class Player:
    """What `animate` gives: it shows itself in a notebook, and saves itself.

    Attributes:
        picture: the picture that is played, with the final numbers.
        steps: the steps, as data.

    >>> import tinygrad_lite as tg
    >>> w, x = tg.Value(2.0, label="w"), tg.Value(3.0, label="x")
    >>> player = animate(tg.tanh(w * x))
    >>> player
    <Player of 7 steps: 2 forward, 2 backward>
    >>> player.steps[4].formula
    'd y/d v3 = 1 * 2.458e-05 = 2.458e-05'
    """

    def __init__(self, picture: Picture, played: list[Step], title: str) -> None:
        self.picture: Picture = _final(picture, played)
        self.steps = played
        self.title = title
        self._stage = picture.svg  # with room for every number on the way
        self._glow = picture.theme.glow

    def __repr__(self) -> str:
        counts = [sum(step.kind == kind for step in self.steps) for kind in ("forward", "backward")]
        return f"<Player of {len(self.steps)} steps: {counts[0]} forward, {counts[1]} backward>"

    def page(self) -> str:
        """A whole HTML page, which opens without a network."""
        return filled(
            "player.html",
            title=_html.escape(self.title),
            alt=_html.escape(self.picture.alt),
            background=self.picture.theme.background,
            forward=self._glow[0],
            backward=self._glow[1],
            scheme="dark" if self.picture.theme.name == "dark" else "auto",
            svg=frames.slim(self._stage),
            steps=embedded([_brief(step) for step in self.steps]),
        )

    def html(self) -> str:
        """A fragment for a notebook or any page: a sandboxed iframe, and a picture for where that is removed."""
        return framed(self.page(), self._fallback(), self.picture.alt, self._height())

    def _fallback(self) -> str:
        """The picture for readers that remove the iframe: animated if it can be, and never larger than the player."""
        if len(self.steps) <= frames.ANIMATED:
            return self.animated()
        slim = frames.slim(self.picture.svg)
        return slim if len(slim) < 200_000 else frames.card(f"{self!r}"[1:-1], "Trust this notebook to play it.")

    def _height(self) -> int:
        width, height = frames.size(self._stage)
        shown = height if width > 1400 else height * min(1.0, 940 / width)
        return round(min(max(shown, 120), 760)) + 220

    def animated(self) -> str:
        """The steps as one SVG that plays by itself, without buttons and without a script."""
        return frames.animated(self._stage, self.steps, self._glow)

    def frames(self) -> list[str]:
        """One still SVG a step, for slides."""
        return [frames.frame(self._stage, self.steps, i, self._glow) for i in range(len(self.steps))]

    def save(self, path: str | Path) -> Path:
        """Write the player to a file and give its path.

        The ending chooses the form: .html is a page with buttons, .svg and .gif play by themselves, .json is the steps.

        Raises:
            ValueError: another ending.
            RenderingError: .gif, and Pillow is not installed; or more steps than an animation can hold.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending == ".gif":
            path.write_bytes(frames.gif(self._stage, self.steps, self._glow))
            return path
        forms: dict[str, Callable[[], str]] = {
            ".html": self.page,
            ".svg": self.animated,
            ".json": lambda: json.dumps([_brief(step) for step in self.steps], indent=1, ensure_ascii=False) + "\n",
        }
        if ending not in forms:
            raise ValueError(f"a player is saved as {', '.join(ENDINGS)}, but got {path.name!r}.")
        path.write_text(forms[ending](), encoding="utf-8")
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": repr(self)}


def animate(root: Value, *, format: str = ".4g", title: str = "", **options: Any) -> Player:
    """A step-by-step player of the computation of `root`: forward op by op, then backward node by node.

    The gradients are computed anew; no `.grad` is touched. Further options are those of `draw`,
    such as `theme="dark"`, `direction="TB"` or `elementary=True`.

    Args:
        format: how numbers are written, as in `format(x, ".4g")`.
        title: the page's title.

    Raises:
        GraphTooLarge: more values than the `limit` of `draw`, or more than 2,000 steps.
        OperandError: root is not one Value.
        StaleGraphError: some `.data` was changed after the forward pass.
        ValueError: an option that leaves out what is played, such as `depth`; or an unknown choice.

    >>> x = Value(3.0, label="x")
    >>> len(animate(x * x).frames())
    5
    """
    if not isinstance(root, Value):
        raise OperandError(
            f"a player plays the computation of one Value, but got the {type(root).__name__} {root!r:.60}.\n"
            "  Play the result of the computation, such as tg.animate(loss)."
        )
    for option in ("depth", "expand", "show"):
        if option in options:
            raise ValueError(f"a player shows every value and gradient on its way: leave out {option}=.")
    picture = draw(root, format=format, show=("data", "grad", "local"), title=title, **options)
    assert picture.graph is not None
    require_fresh(picture.graph.nodes)
    played = steps(picture.graph, format)
    if len(played) > STEPS:
        raise GraphTooLarge(f"a player of {len(played):,} steps would be tedious (the limit is {STEPS:,}).")
    roomy = _with_room(picture, named(picture.graph), played)
    return Player(roomy, played, title or "Forward and backward, step by step")


def _with_room(picture: Picture, names: list[str], played: list[Step]) -> Picture:
    """The picture with the names that captions use, and room in each box for the widest gradient on the way."""
    widest: dict[int, str] = {}
    for step in played:
        for number, text in step.grad.items():
            widest[number] = max(text, widest.get(number, ""), key=len)
    named_boxes = [
        box._replace(label=box.label if box.kind == "constant" else names[box.number]) for box in picture.boxes
    ]
    return _with_gradients(picture, named_boxes, widest)


def _final(picture: Picture, played: list[Step]) -> Picture:
    """The same picture with the gradients as they are after the last step."""
    return _with_gradients(picture, picture.boxes, {i: text for step in played for i, text in step.grad.items()})


def _with_gradients(picture: Picture, boxes: Iterable[Box], texts: dict[int, str]) -> Picture:
    filled_in = [
        box._replace(
            rows=tuple((name, texts.get(box.number, text) if name == "grad" else text) for name, text in box.rows)
        )
        for box in boxes
    ]
    return Picture(
        filled_in,
        picture.edges,
        graph=picture.graph,
        direction=picture.direction,
        theme=picture.theme,
        title=picture.title,
        alt=picture.alt,
        notes=picture.notes,
        engine=picture._asked,
    )


# ---------------------------------------------------------------------- pages in a notebook


def framed(page: str, fallback: str, alt: str, height: int) -> str:
    """A page in a sandboxed iframe, with an SVG image inside for readers that remove the iframe.

    Browsers ignore what stands inside an iframe; notebooks that trust nobody remove the iframe and
    keep what stands inside.
    """
    inner = page.replace("&", "&amp;").replace("'", "&#x27;")  # the attribute is quoted with ', as pages are full of "
    image = base64.b64encode(fallback.encode()).decode()
    return (
        f'<iframe sandbox="allow-scripts" style="width:100%;height:{height}px;border:0" srcdoc=\'{inner}\'>'
        f'<img alt="{_html.escape(alt)}" style="max-width:100%" src="data:image/svg+xml;base64,{image}"></iframe>'
    )


def filled(asset: str, **texts: str) -> str:
    """A player's page with its $names filled in, and the controls that all players share."""
    return Template(_asset(asset)).substitute(
        style=_asset("controls.css"), controls=_asset("controls.html"), controls_js=_asset("controls.js"), **texts
    )


def _asset(name: str) -> str:
    return files("tinygrad_lite.views.player").joinpath(name).read_text(encoding="utf-8")


def embedded(data: Any) -> str:
    """Data as JSON that can stand inside a <script> element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _brief(step: Step) -> dict[str, Any]:
    """A step as plain data; what is empty is left out."""
    fields = {
        "kind": step.kind,
        "lit": step.lit,
        "data": {str(k): v for k, v in step.data.items()},
        "grad": {str(k): v for k, v in step.grad.items()},
        "fly": step.flights,
        "caption": step.caption,
        "formula": step.formula,
    }
    return {name: value for name, value in fields.items() if value or name in ("lit", "caption", "formula")}
