"""A player of the forward and the backward pass: one page, in a notebook or as a file.

steps.py                     the computation as a list of steps
player.py                    the picture and the steps together, and the forms they can be saved in
passes.js, play.js           the steps on the page of `live/`: buttons, slider, keyboard
training.py, training.js     the same for a training run
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_lite.engine.reverse import require_fresh
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import GraphTooLarge, OperandError, RenderingError
from tinygrad_lite.views.drawing.data import Box
from tinygrad_lite.views.formats import raster, svg
from tinygrad_lite.views.live.javascript import Library
from tinygrad_lite.views.live.page import Page
from tinygrad_lite.views.live.program import page_data
from tinygrad_lite.views.picture.draw import draw
from tinygrad_lite.views.picture.picture import Picture
from tinygrad_lite.views.player.steps import Step, steps

STEPS = 2000
"""The largest number of steps that is played."""
FRAMES = 400
"""The largest number of steps in a GIF."""
ENDINGS = (".html", ".gif", ".json")
"""How a player can be saved."""

PACE = 1.4  # seconds a step


class Player(Page):
    """What `animate` gives: it shows itself in a notebook, and saves itself as a page, a GIF, or data.

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

    kind = "a player"

    def __init__(self, picture: Picture, played: list[Step], library: Library, data: dict[str, Any]) -> None:
        data = data | {"steps": [step.plain() for step in played], "pace": 1000 * PACE}
        scripts = ("live/page.js", "player/passes.js", "player/play.js")
        title = picture.title or "Forward and backward, step by step"
        super().__init__(title, picture.alt, picture.theme, picture.svg, data, scripts, library)
        self.picture = picture
        self.steps = played

    def __repr__(self) -> str:
        counts = [sum(step.kind == kind for step in self.steps) for kind in ("forward", "backward")]
        return f"<Player of {len(self.steps)} steps: {counts[0]} forward, {counts[1]} backward>"

    def frames(self) -> list[str]:
        """One still SVG a step, for slides: the numbers that are known by then, and in colour what the step touches."""
        theme = self.picture.theme
        texts: dict[tuple[str, int], str] = {}
        found = []
        for step in self.steps:
            texts |= {("data", i): text for i, text in step.data.items()}
            texts |= {("grad", i): text for i, text in step.grad.items()}
            boxes = [
                box._replace(rows=tuple((c, texts.get((c or "data", box.number), "")) for c, _ in box.rows))
                for box in self.picture.boxes
            ]
            edges = [e if ("data", e.head) in texts else e._replace(texts=()) for e in self.picture.edges]
            colour = theme.glow[step.kind not in ("start", "forward")]
            still = self.picture.changed(boxes=boxes, edges=edges)
            found.append(svg.to_svg(still, self.picture.placement, dict.fromkeys(step.lit, colour)))
        return found

    def _gif(self) -> bytes:
        if len(self.steps) > FRAMES:
            raise RenderingError(
                f"a GIF holds at most {FRAMES} steps, but this player has {len(self.steps)}.\n"
                '  Save it as a page instead, .save("player.html"), or animate a part of the computation.'
            )
        return moving(map(raster.image, self.frames()), PACE)

    def _json(self) -> str:
        return json.dumps([step.plain() for step in self.steps], indent=1, ensure_ascii=False) + "\n"

    def _forms(self) -> dict[str, Callable[[], str | bytes]]:
        return dict(zip(ENDINGS, (self.page, self._gif, self._json), strict=True))


def moving(pictures: Iterable[Any], seconds: float) -> bytes:
    """Pillow images one after the other as an animated GIF, each for so many seconds, the last one for three."""
    first, *others = pictures
    out = io.BytesIO()
    durations = [round(1000 * seconds)] * len(others) + [3000]
    first.save(out, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=1)
    return out.getvalue()


def animate(root: Value, *, format: str = ".4g", title: str = "", **options: Any) -> Player:
    """A step-by-step player of the computation of `root`: forward op by op, then backward node by node.

    The gradients are computed anew; no `.grad` is touched. Further options are those of `draw`,
    such as `theme="dark"`, `direction="TB"` or `elementary=True`. A click on a value shows its chain rule.

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
    picture = draw(root, depth=None, format=format, show=("data", "grad", "local"), title=title, **options)
    assert picture.graph is not None
    require_fresh(picture.graph.nodes)
    played = steps(picture.graph, format)
    if len(played) > STEPS:
        raise GraphTooLarge(f"a player of {len(played):,} steps would be tedious (the limit is {STEPS:,}).")
    library = Library()
    data = page_data(picture, library)
    return Player(_finished(picture, data["names"], played), played, library, data)


def _finished(picture: Picture, names: list[str], played: list[Step]) -> Picture:
    """The picture after the last step: its gradients, the names that captions use, and room for the way there."""
    grads: dict[int, list[str]] = {}
    for step in played:
        for number, text in step.grad.items():
            grads.setdefault(number, []).append(text)

    def finished(box: Box) -> Box:
        on_the_way = grads.get(box.number, ["0"])
        rows = tuple((c, on_the_way[-1] if c == "grad" else text) for c, text in box.rows)
        label = box.label if box.kind == "constant" else names[box.number]
        return box._replace(label=label, rows=rows, room=max(on_the_way, key=len))

    return picture.changed(boxes=[finished(box) for box in picture.boxes])
