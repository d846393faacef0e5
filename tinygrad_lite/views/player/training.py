"""A training run as a player: the loss, what the network has learned, and its gradients, step by step.

It reads the plain record that `nn.fit(..., record=True)` leaves in `history.record` (see
`nn/record.py`), and rebuilds the network from it: on Values for the page, on numbers for a GIF.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from operator import mul
from typing import Any

from tinygrad_lite.engine.op import op_named
from tinygrad_lite.engine.value import Value, dot
from tinygrad_lite.errors import OperandError, RenderingError, StateError
from tinygrad_lite.views import plots
from tinygrad_lite.views.drawing.themes import Theme, theme_named
from tinygrad_lite.views.live.javascript import Library
from tinygrad_lite.views.live.page import Page
from tinygrad_lite.views.live.program import answers, class_of, points
from tinygrad_lite.views.player.player import moving

FRAMES = 120
"""A longer run is shown at this many of its steps, evenly spaced."""

PACE = 0.16  # seconds a step
NOT_HERE = (
    "a training run as a GIF needs the Python packages matplotlib and Pillow.\n"
    "  Install them with: pip install 'tinygrad-lite[plot]'; or save it as .html."
)


class TrainingPlayer(Page):
    """What `animate_training` gives: it shows itself in a notebook, and saves itself as a page or a GIF."""

    kind = "a training player"

    def __init__(self, record: dict[str, Any], theme: Theme) -> None:
        self.record: dict[str, Any] = record
        self.losses: list[float] = [float(step["loss"]) for step in record["steps"]]
        count, last = min(FRAMES, len(self.losses)), len(self.losses) - 1
        self.places: list[int] = [round(i * last / max(count - 1, 1)) for i in range(count)]
        self.tensors: list[str] = list(dict.fromkeys(map(_tensor, record["names"])))
        library = Library()
        model = _model(record, library)
        self.steps: list[dict[str, Any]] = [self._step(place, bool(model)) for place in self.places]
        losses = [float(f"{x:.5g}") for x in self.losses]
        data = model | {"steps": self.steps, "losses": losses, "tensors": self.tensors, "pace": 1000 * PACE}
        scripts = ("live/charts.js", "player/training.js", "player/play.js")
        title = f"Training {record['model']}"
        super().__init__(title, repr(self), theme, "", data, scripts, library)

    def __repr__(self) -> str:
        return f"<Player of {len(self.losses)} training steps, {len(self.steps)} of them shown>"

    def _step(self, place: int, whole: bool) -> dict[str, Any]:
        step = self.record["steps"][place]
        grads: dict[str, list[float]] = {name: [] for name in self.tensors}
        for name, grad in zip(self.record["names"], step["gradients"], strict=True):
            grads[_tensor(name)].append(grad)
        sizes = [math.hypot(*gs) / math.sqrt(len(gs)) for gs in grads.values()]
        return {
            "at": place,
            "caption": f"Epoch {step['epoch']}, step {step['step']}: the loss is {step['loss']:.4g}.",
            "formula": f"learning rate {step['lr']:.4g}, {len(step['samples'])} samples in the batch",
            "sizes": [float(f"{size:.3g}") for size in sizes],
            "parameters": [float(f"{x:.5g}") for x in step["parameters"]] if whole else [],
        }

    def _words(self) -> list[str]:
        return [repr(self)[1:-1], f"loss {self.losses[0]:.4g} before, {self.losses[-1]:.4g} at the end"]

    def _forms(self) -> dict[str, Callable[[], str | bytes]]:
        return {".html": self.page, ".gif": self._gif}

    def _gif(self) -> bytes:
        try:
            from matplotlib import rc_context
        except ImportError:
            raise RenderingError(NOT_HERE) from None
        theme = self._theme
        ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")
        ground = ("figure.facecolor", "axes.facecolor")
        with rc_context(dict.fromkeys(ink, theme.ink) | dict.fromkeys(ground, theme.background)):
            return moving(self._stills(), PACE)

    def _stills(self) -> Iterator[Any]:
        """A Pillow image of every step; what stays, such as the axes and their ticks, is drawn once."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from PIL import Image

        wide = "model" in self._data
        figure = Figure(figsize=(8.0 if wide else 4.2, 4.2), dpi=90)
        canvas = FigureCanvasAgg(figure)
        loss, bars, *plane = (
            figure.add_axes(place)
            for place in ((0.09, 0.46, 0.36, 0.43), (0.17, 0.07, 0.28, 0.23), (0.53, 0.1, 0.45, 0.78))[: 2 + wide]
        )
        plots.loss_curve(self.losses, ax=loss)
        blue, orange = self._theme.classes[:2]
        loss.lines[0].set_color(blue)
        loss.set_xlabel("")
        (here,) = loss.plot([], [], "o", color=orange)
        sized = bars.barh(self.tensors, [1.0] * len(self.tensors), color=blue)
        bars.set(xscale="log", xlim=self._span(), ylim=(len(self.tensors) - 0.4, -0.6))
        bars.set_title("size of the gradients", fontsize=10)
        bars.minorticks_off()
        caption = figure.suptitle("", fontsize=11)
        for part in (caption, here, *sized):
            part.set_animated(True)
        for ax in plane:
            ax.set_axis_off()
        canvas.draw()
        ground = canvas.copy_from_bbox(figure.bbox)
        for step in self.steps:
            canvas.restore_region(ground)
            caption.set_text(step["caption"])
            here.set_data([step["at"]], [self.losses[step["at"]]])
            for bar, size in zip(sized, step["sizes"], strict=True):
                bar.set_width(size)
            for ax in plane:
                ax.clear()
                ax.set_axis_off()  # ticks would take most of the time
                self._answers(ax, self.record["steps"][step["at"]]["parameters"])
            for part in (*sized, *bars.spines.values(), here, *plane, caption):
                figure.draw_artist(part)
            yield Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")

    def _span(self) -> tuple[float, float]:
        """The least and the largest gradient of the run that is no zero."""
        sizes = [x for step in self.steps for x in step["sizes"] if 0 < x < math.inf] or [1.0]
        return min(sizes) / 2, max(sizes) * 1.2

    def _answers(self, ax: Any, parameters: Sequence[float]) -> None:
        """What the network answered: the plane in the colours of the classes, or a curve through the points."""
        network, shown = network_of(self.record["architecture"], parameters), self._data["points"]
        inputs, targets, middle = shown["x"], shown["y"], shown["middle"]
        blue, orange = self._theme.classes[:2]
        if len(inputs[0]) == 1:
            low, high = min(inputs)[0], max(inputs)[0]
            xs = [low + (high - low) * k / 100 for k in range(101)]
            ax.plot(xs, [network([x])[0] for x in xs], color=orange)
            ax.plot([x for (x,) in inputs], targets, "o", color=blue, markersize=4)
            return
        model: Callable[[list[float]], Any] = network
        if len(network(inputs[0])) == 1:
            model, targets = lambda x: network(x)[0] - middle, [int(target > middle) for target in targets]
        plots.decision_boundary(model, inputs, targets, resolution=40, theme=self._theme, ax=ax)


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


def _model(record: dict[str, Any], library: Library) -> dict[str, Any]:
    """The network as the page computes it, and its samples; {} if it cannot be rebuilt or drawn."""
    inputs, targets = record["inputs"], record["targets"]
    width = len(inputs[0]) if inputs else 0
    if record["architecture"] is None or width not in (1, 2):
        return {}
    parameters = [Value(x) for x in record["steps"][0]["parameters"]]
    number = {parameter: k for k, parameter in enumerate(parameters)}
    try:
        model = answers(network_of(record["architecture"], parameters), width, number, library)
    except OperandError:  # an input that it does not look at
        return {}
    middle, half = _boundary(record["loss"], [class_of(t) for t in targets])
    own = {k: i for i, k in model["shared"]}
    return {
        "model": model | {"shared": []},
        "points": points(inputs, targets, middle, half),
        "parameters": [own.get(k, -1) for k in range(len(parameters))],
    }


def _boundary(loss: str, targets: Sequence[float]) -> tuple[float, float]:
    """The answer at which a single output changes sides, and how far from it the targets lie.

    A logit or a margin changes its class at 0; a probability or a number half-way between the targets.
    """
    if loss.endswith("from_logits") or "hinge" in loss:
        return 0.0, 1.0
    low, high = min(targets), max(targets)
    return (low + high) / 2, (high - low) / 2 or 1.0


def network_of(described: dict[str, Any], parameters: Sequence[Any]) -> Callable[[Sequence[Any]], list[Any]]:
    """The network as a function of numbers, or of Values, from its description and its parameters in order."""
    layers = _layers(described, iter(parameters))

    def answer(x: Sequence[Any]) -> list[Any]:
        out = list(x)
        for layer in layers:
            out = layer(out)
        return out

    return answer


def _layers(described: dict[str, Any], stream: Iterator[Any]) -> list[Callable[[list[Any]], list[Any]]]:
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


def _dense(nin: int, nout: int, act: Callable[[Any], Any], bias: bool, stream: Iterator[Any]) -> Any:
    """One layer; its parameters come neuron by neuron, the weights, then the bias."""
    rows = [([next(stream) for _ in range(nin)], next(stream) if bias else 0.0) for _ in range(nout)]
    weighted = dot if isinstance(rows[0][0][0], Value) else lambda ws, xs, b: sum(map(mul, ws, xs), b)
    return lambda xs: [act(weighted(ws, xs, b)) for ws, b in rows]


def _activation(name: str) -> Callable[[Any], Any]:
    return (lambda x: x) if name == "linear" else op_named(name)
