"""A training run as a player: the loss, what the network has learned, and its gradients, step by step.

It reads the plain record that `nn.fit(..., record=True)` leaves in `history.record` (see
`nn/record.py`), and computes from the recorded parameters what the network answered at each step.
"""

from __future__ import annotations

import base64
import html as _html
import math
from collections.abc import Callable, Sequence
from operator import mul
from pathlib import Path
from typing import Any

from tinygrad_lite.engine.op import op_named
from tinygrad_lite.errors import StateError
from tinygrad_lite.views.drawing.themes import Theme, theme_named
from tinygrad_lite.views.player import frames
from tinygrad_lite.views.player.player import embedded, filled, framed
from tinygrad_lite.views.player.training_picture import Still, palette

FRAMES = 120
"""A longer run is shown at this many of its steps, evenly spaced."""

ENDINGS = (".html", ".gif")
"""How a training player can be saved."""

PACE = 0.16  # seconds a step
GRID = 36  # points of the plane along each side
CURVE = 101  # points of a curve

Network = Callable[[Sequence[float]], list[float]]


class TrainingPlayer:
    """What `animate_training` gives: it shows itself in a notebook, and saves itself as a page."""

    def __init__(self, record: dict[str, Any], theme: Theme) -> None:
        self.record: dict[str, Any] = record
        self.theme: Theme = theme
        steps = record["steps"]
        self.losses: list[float] = [float(step["loss"]) for step in record["steps"]]
        count = min(FRAMES, len(steps))
        self.places: list[int] = [round(i * (len(steps) - 1) / max(count - 1, 1)) for i in range(count)]
        self.tensors: list[str] = list(dict.fromkeys(_tensor(name) for name in record["names"]))
        self.view, fields = _view(record, self.places)
        self.steps: list[dict[str, Any]] = [
            self._step(place, field) for place, field in zip(self.places, fields, strict=True)
        ]

    def __repr__(self) -> str:
        return f"<Player of {len(self.losses)} training steps, {len(self.steps)} of them shown>"

    def _step(self, place: int, field: Any) -> dict[str, Any]:
        step = self.record["steps"][place]
        grads: dict[str, list[float]] = {name: [] for name in self.tensors}
        for name, grad in zip(self.record["names"], step["gradients"], strict=True):
            grads[_tensor(name)].append(grad)
        sizes = [math.sqrt(sum(g * g for g in gs) / len(gs)) for gs in grads.values()]
        caption = f"Epoch {step['epoch']}, step {step['step']}: the loss is {step['loss']:.4g}."
        formula = f"learning rate {step['lr']:.4g}, {len(step['samples'])} samples in the batch"
        return {
            "kind": "forward",
            "at": place,
            "caption": caption,
            "formula": formula,
            "sizes": [float(f"{size:.3g}") for size in sizes],
            "view": field,
        }

    def page(self) -> str:
        """A whole HTML page, which opens without a network."""
        colours = palette(self.theme)
        losses = [float(f"{x:.5g}") for x in self.losses]
        data = {"losses": losses, "tensors": self.tensors, "view": self.view, "colours": colours._asdict()}
        return filled(
            "training.html",
            title=_html.escape(f"Training {self.record['model']}"),
            alt=_html.escape(repr(self)),
            background=colours.background,
            ink=colours.ink,
            faint=colours.faint,
            bar=colours.classes[0],
            scheme="dark" if self.theme.name == "dark" else "auto",
            pace=f"{1000 * PACE:.0f}",
            steps=embedded(self.steps),
            data=embedded(data),
        )

    def html(self) -> str:
        """A fragment for a notebook: a sandboxed iframe, and a line of text where that is removed."""
        card = frames.card(repr(self)[1:-1], f"loss {self.losses[0]:.4g} before, {self.losses[-1]:.4g} at the end")
        return framed(self.page(), card, repr(self), 820)

    def save(self, path: str | Path) -> Path:
        """Write the player to a file and give its path: .html is a page with buttons, .gif plays by itself.

        Raises:
            ValueError: another ending.
            RenderingError: .gif, and Pillow is not installed.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in ENDINGS:
            raise ValueError(f"a training player is saved as {', '.join(ENDINGS)}, but got {path.name!r}.")
        if ending == ".gif":
            path.write_bytes(frames.moving(self.frames(), PACE))
        else:
            path.write_text(self.page(), encoding="utf-8")
        return path

    def frames(self) -> list[str]:
        """One still SVG a step, for slides."""
        sizes = [step["sizes"] for step in self.steps]
        still = Still(self.losses, self.tensors, self.view, sizes, GRID, palette(self.theme))
        return [still.at(step) for step in self.steps]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": repr(self)}


def animate_training(record: Any, *, theme: str | Theme = "light") -> TrainingPlayer:
    """A player that steps through a training run, with the loss curve, the decision boundary and the gradients.

    With two inputs the plane is shown in the colours of the classes, with one input the curve through
    the points; with more, the loss and the gradients only.

    Args:
        record: `history.record` of `nn.fit(..., record=True)`, or the history itself.
        theme: "light", "dark" or "print".

    Raises:
        StateError: there is no record, or no step in it.
        ValueError: an unknown theme.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [4, 1], activation="tanh", seed=1)
    >>> history = nn.fit(
    ...     model, nn.datasets.xor(20, seed=0), nn.binary_cross_entropy_from_logits,
    ...     nn.SGD(model.parameters(), lr=0.5), epochs=3, record=True, progress=False)
    >>> animate_training(history)
    <Player of 3 training steps, 3 of them shown>
    """
    found = getattr(record, "record", record)
    if not isinstance(found, dict) or not found.get("steps"):
        raise StateError(
            "a training player needs the record of a run with at least one step.\n"
            "  Train with nn.fit(..., record=True), then animate_training(history)."
        )
    if found.get("schema") != "tinygrad_lite.training/1":
        raise StateError(f"this is not a training record of this version: its schema is {found.get('schema')!r}.")
    return TrainingPlayer(found, theme_named(theme))


def _tensor(name: str) -> str:
    return name.split("[")[0]


# ---------------------------------------------------------------------- what the network answers


def _view(record: dict[str, Any], places: Sequence[int]) -> tuple[dict[str, Any] | None, list[Any]]:
    """What is shown of the network: the page's description of it, and a field or a curve for each place."""
    inputs, targets = record["inputs"], record["targets"]
    width = len(inputs[0]) if inputs else 0
    if record["architecture"] is None or width not in (1, 2):
        return None, [None] * len(places)
    networks = [_network(record["architecture"], record["steps"][place]["parameters"]) for place in places]
    spans = [_span([x[k] for x in inputs]) for k in range(width)]
    if width == 1:
        return _curve(networks, spans[0], inputs, targets)
    return _plane(networks, record["loss"], spans, inputs, targets)


def _plane(
    networks: list[Network], loss: str, spans: Any, inputs: Any, targets: Any
) -> tuple[dict[str, Any], list[str]]:
    (left, right), (low, high) = spans
    xs = [left + (right - left) * (i + 0.5) / GRID for i in range(GRID)]
    ys = [high - (high - low) * (i + 0.5) / GRID for i in range(GRID)]
    signed = len(networks[0](inputs[0])) == 1
    middle, half = _boundary(loss, [_first(t) for t in targets]) if signed else (0.0, 1.0)
    points = [
        [_share(x, left, right), _share(y, low, high), int(_first(t) > middle) if signed else _class(t)]
        for (x, y), t in zip(inputs, targets, strict=True)
    ]
    fields = []
    for network in networks:
        answers = (network([x, y]) for y in ys for x in xs)
        values = [_shade((a[0] - middle) / half) if signed else a.index(max(a)) for a in answers]
        fields.append(base64.b64encode(bytes(values)).decode())
    words = "what the network answers over the plane, and the training points"
    return {"grid": GRID, "signed": signed, "points": points, "words": words}, fields


def _shade(x: float) -> int:
    """A number from 0 to 255 for any; 128 for 0."""
    return round(127.5 * (1 + x / math.hypot(1.0, x)))


def _boundary(loss: str, targets: Sequence[float]) -> tuple[float, float]:
    """The answer at which a single output changes sides, and how far from it the targets lie.

    A logit or a margin changes its class at 0; a probability or a number half-way between the targets.
    """
    if loss.endswith("from_logits") or "hinge" in loss:
        return 0.0, 1.0
    low, high = min(targets), max(targets)
    return (low + high) / 2, (high - low) / 2 or 1.0


def _class(target: Any) -> int:
    """A label, or the likeliest class of a distribution."""
    return target.index(max(target)) if isinstance(target, list) else int(target)


def _curve(networks: list[Network], span: Any, inputs: Any, targets: Any) -> tuple[dict[str, Any], list[list[float]]]:
    left, right = span
    low, high = _span([float(_first(t)) for t in targets])
    xs = [left + (right - left) * i / (CURVE - 1) for i in range(CURVE)]
    points = [
        [_share(x[0], left, right), _share(float(_first(t)), low, high)] for x, t in zip(inputs, targets, strict=True)
    ]
    curves = [[_share(network([x])[0], low, high) for x in xs] for network in networks]
    return {"grid": 0, "points": points, "words": "the curve of the network through the training points"}, curves


def _first(target: Any) -> float:
    return target[0] if isinstance(target, list) else target  # type: ignore[no-any-return]


def _span(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    room = 0.12 * (high - low) or 1.0
    return low - room, high + room


def _share(x: float, low: float, high: float) -> float:
    return round((x - low) / (high - low), 4)


def _network(described: dict[str, Any], parameters: Sequence[float]) -> Network:
    """The network as a function of plain numbers, from its description and its parameters in order."""
    stream = iter(parameters)
    layers = _layers(described, stream)

    def answer(x: Sequence[float]) -> list[float]:
        out = list(x)
        for layer in layers:
            out = layer(out)
        return out

    return answer


def _layers(described: dict[str, Any], stream: Any) -> list[Callable[[list[float]], list[float]]]:
    kind = described["kind"]
    if kind == "Sequential":
        return [layer for step in described["steps"] for layer in _layers(step, stream)]
    if kind == "Dropout":
        return []
    if kind == "Elementwise":
        act = _activation(described["function"])
        return [lambda xs: [act(x) for x in xs]]
    if kind == "Standardize":
        low, high = described["samples"]
        return [lambda xs: [(2 * x - (b + a)) / (b - a) for x, a, b in zip(xs, low, high, strict=True)]]
    sizes = [described["nin"], *described.get("nouts", [described.get("nout", 1)])]
    acts = described["activation"] if kind == "MLP" else [described.get("activation", "linear")]
    return [
        _dense(nin, nout, _activation(act), described.get("bias", True), stream)
        for nin, nout, act in zip(sizes[:-1], sizes[1:], acts, strict=True)
    ]


def _dense(nin: int, nout: int, act: Callable[[float], float], bias: bool, stream: Any) -> Any:
    """One layer; its parameters come neuron by neuron, the weights, then the bias."""
    rows = [([next(stream) for _ in range(nin)], next(stream) if bias else 0.0) for _ in range(nout)]
    return lambda xs: [act(sum(map(mul, ws, xs), b)) for ws, b in rows]


def _activation(name: str) -> Callable[[float], float]:
    return (lambda x: x) if name == "linear" else op_named(name).forward
