"""Plots of what a computation does: a tangent, a loss, a boundary, the flow of gradients. Needs matplotlib.

Every function takes `ax=`, draws into it (or into a new figure), and gives the Axes back, so that
plots can be combined and changed as any other.

    from tinygrad_lite.views import plots
    plots.tangent(lambda x: x**3 - x, at=0.5)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tinygrad_lite.calculus.transforms import value_and_grad
from tinygrad_lite.engine.op import Op, op_named
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError, TinygradLiteError
from tinygrad_lite.views.drawing.themes import LIGHT, Theme, mixed

BLUE, ORANGE, GREEN, GREY = "#0063a3", "#b34a00", "#007a5a", "#5a6470"


def _axes(ax: Any) -> Any:
    """The Axes to draw into.

    Raises:
        ImportError: matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("plots need matplotlib.\n  Install it with: pip install 'tinygrad-lite[plot]'") from None
    return plt.subplots(figsize=(5.6, 3.6), layout="constrained")[1]


def _number(y: Any) -> float:
    return float(y.data) if isinstance(y, Value) else float(y)


def _grid(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def _curve(f: Callable[[float], float], low: float, high: float) -> tuple[list[float], list[float]]:
    """Points of the curve of f; outside its domain there are none."""
    xs, ys = [], []
    for x in _grid(low, high, 401):
        try:
            y = f(x)
        except TinygradLiteError:
            continue
        xs.append(x)
        ys.append(y)
    return xs, ys


def tangent(
    f: Callable[[Any], Any],
    at: float,
    *,
    low: float | None = None,
    high: float | None = None,
    name: str = "x",
    ax: Any = None,
) -> Any:
    """A slice through one variable: the curve of f, one point on it, and its tangent there.

    Args:
        f: a function of one number, written for Values or floats. To slice through one parameter of
            a model, give a function that sets it and computes the loss.
        at: where the tangent touches.
        low, high: the ends of the slice; by default 2 to either side.
        name: what the horizontal axis is called.

    >>> ax = tangent(lambda x: x**2, at=1.0)
    >>> ax.get_title()
    'derivative 2 at x = 1'
    """
    value, derivative = value_and_grad(f)(float(at))
    low, high = (at - 2.0 if low is None else low), (at + 2.0 if high is None else high)
    xs, ys = _curve(lambda x: _number(f(Value(x))), low, high)
    ax = _axes(ax)
    ax.plot(xs, ys, color=BLUE, label="f")
    ax.plot([low, high], [value + derivative * (x - at) for x in (low, high)], "--", color=ORANGE, label="tangent")
    ax.plot([at], [value], "o", color=ORANGE)
    if ys:
        margin = 0.1 * (max(ys) - min(ys)) or 1.0
        ax.set_ylim(min(ys) - margin, max(ys) + margin)
    ax.set_xlabel(name)
    ax.set_title(f"derivative {derivative:.4g} at {name} = {at:.4g}")
    ax.legend(frameon=False)
    return ax


def loss_curve(losses: Any, validation: Sequence[float] | None = None, *, log: bool = False, ax: Any = None) -> Any:
    """The loss over the steps of a training run.

    Args:
        losses: a list of numbers, or the History that `nn.fit` gives.
        validation: the loss on held-back data, as long as losses.
        log: a logarithmic vertical axis.

    Raises:
        ShapeError: the two differ in length.

    >>> loss_curve([3.0, 2.0, 1.5]).get_xlabel()
    'step'
    """
    if hasattr(losses, "columns"):
        validation = losses["val_loss"] if "val_loss" in losses.columns else validation
        losses = losses["loss"]
    if validation and len(validation) != len(losses):
        raise ShapeError(f"as many validation losses as losses are needed: {len(validation)} and {len(losses)} came.")
    ax = _axes(ax)
    ax.plot(range(len(losses)), [_number(x) for x in losses], color=BLUE, label="training")
    if validation:
        ax.plot(range(len(validation)), [_number(x) for x in validation], color=ORANGE, label="held back")
        ax.legend(frameon=False)
    if log:
        ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    return ax


def decision_boundary(
    model: Callable[[list[float]], Any],
    inputs: Sequence[Sequence[float]],
    targets: Sequence[Any],
    *,
    resolution: int = 60,
    theme: Theme = LIGHT,
    ax: Any = None,
) -> Any:
    """Which class a model gives to each point of the plane, with the samples on top.

    Args:
        model: takes two numbers; gives one score, whose sign is the class, or a list of one score a class.
        inputs: m points of 2 numbers.
        targets: m classes: 0 and 1, -1 and 1, or 0, 1, 2 and so on.
        resolution: points of the grid on each side.
        theme: whose colours the classes have.

    Raises:
        ShapeError: points that do not have two coordinates, or another number of targets.
    """
    from matplotlib.colors import ListedColormap

    if len(inputs) != len(targets) or any(len(x) != 2 for x in inputs):
        raise ShapeError(
            f"a decision boundary is drawn over points of 2 numbers, one target each; {len(inputs)} points of "
            f"{len(inputs[0]) if len(inputs) else 0} numbers and {len(targets)} targets came."
        )
    (left, right), (low, high) = (_span([float(x[k]) for x in inputs]) for k in (0, 1))
    xs, ys = _grid(left, right, resolution), _grid(low, high, resolution)
    classes = [[_chosen(model([x, y])) for x in xs] for y in ys]
    names = sorted({int(t) for t in targets})
    places = [names.index(int(t)) for t in targets]

    ax = _axes(ax)
    pale = [mixed(theme.background, colour, 0.28) for colour in theme.classes]
    colours = ListedColormap([pale[k % len(pale)] for k in range(max(len(names), 2))])
    ax.pcolormesh(xs, ys, classes, cmap=colours, vmin=0, vmax=max(len(names), 2) - 1, shading="nearest")
    for k, name in enumerate(names):
        points = [x for x, place in zip(inputs, places, strict=True) if place == k]
        marker = "osD^vP*X<>"[k % 10]
        ax.scatter(
            [p[0] for p in points],
            [p[1] for p in points],
            s=22,
            marker=marker,
            color=theme.classes[k % len(theme.classes)],
            edgecolor=theme.background,
            linewidth=0.5,
            label=str(name),
        )
    ax.legend(frameon=False, title="class", loc="upper right")  # the "best" place is searched among all points
    return ax


def _chosen(scores: Any) -> int:
    """The class that scores stand for: the sign of one, or the place of the largest."""
    if isinstance(scores, (list, tuple)):
        if len(scores) > 1:
            return max(range(len(scores)), key=lambda k: _number(scores[k]))
        scores = scores[0]
    return int(_number(scores) > 0)


def _span(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def gradient_flow(parameters: Any, *, ax: Any = None) -> Any:
    """The size of the gradients, tensor by tensor: which layer learns, and which stands still.

    Args:
        parameters: a module with `named_parameters()`, or a dict of names to Values or lists of them.

    The bars are root mean squares of `.grad`, on a logarithmic axis; a tensor whose gradients are all zero has none.

    >>> w = Value(2.0)
    >>> (w * 3.0).backward()
    >>> gradient_flow({"w": [w]}).get_ylabel()
    'root mean square of the gradient'
    """
    named = parameters.named_parameters() if hasattr(parameters, "named_parameters") else parameters
    sizes: dict[str, list[float]] = {}
    for name, values in named.items() if isinstance(named, Mapping) else named:
        tensor = str(name).split("[")[0]
        sizes.setdefault(tensor, []).extend(_number(v.grad) for v in _flat(values))
    means = [(sum(g * g for g in grads) / max(len(grads), 1)) ** 0.5 for grads in sizes.values()]
    ax = _axes(ax)
    ax.bar(range(len(sizes)), [mean if mean > 0 else float("nan") for mean in means], color=BLUE)
    if any(mean > 0 for mean in means):
        ax.set_yscale("log")
    ax.set_xticks(range(len(sizes)), list(sizes), rotation=30, ha="right")
    ax.set_ylabel("root mean square of the gradient")
    return ax


def _flat(values: Any) -> Iterable[Value]:
    if isinstance(values, Value):
        return [values]
    return [v for entry in values for v in _flat(entry)]


def activation(op: str | Op, *, low: float = -4.0, high: float = 4.0, ax: Any = None) -> Any:
    """An activation and its derivative, drawn from its op.

    Args:
        op: an op with one operand, or its name.

    Raises:
        KeyError: no op of that name; the nearest ones are shown.

    >>> activation("tanh").get_title()
    'tanh'
    """
    op = op_named(op) if isinstance(op, str) else op
    xs, ys = _curve(op, low, high)
    derivatives = [op.partials(x, y)[0] for x, y in zip(xs, ys, strict=True)]
    ax = _axes(ax)
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.axvline(0.0, color=GREY, linewidth=0.6)
    ax.plot(xs, ys, color=BLUE, label=op.name)
    ax.plot(xs, derivatives, "--", color=ORANGE, label="its derivative")
    ax.set_title(op.name)
    ax.legend(frameon=False)
    return ax
