"""`tinygrad-lite lesson`: the whole idea on real data, in a few seconds.

It trains a 4-8-3 network on Fisher's Iris data, compares a backpropagation written by hand in NumPy with the
engine's gradients, once right and once with a planted mistake, draws one neuron and the network for one
flower, and writes a page to look at. Read `run` first.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.report import escape
from tinygrad_lite.report.text import Report, Table

EPOCHS = 120
RATE = 0.5
NAMED = ("FACTOR_2", "MEAN_NO", "NO_ACT_DERIV", "INPUT_FOR_HIDDEN", "MASK_FROM_INPUT")  # the tutorial's four mistakes
NO_NUMPY = "NumPy is not installed, so the backpropagation written in it is left out: pip install numpy"


class Figure:
    """A picture in the report, and a link to a page that plays it."""

    def __init__(self, svg: str, words: str, plays: str = "") -> None:
        self.svg: str = svg
        self.words: str = words
        self.plays: str = plays

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """Its caption."""
        return f"[{self.words}]"

    def html(self) -> str:
        """The picture, as an image that nothing in the page can disturb."""
        source = base64.b64encode(self.svg.encode()).decode()
        link = f' <a href="{self.plays}">Play it step by step</a>' if self.plays else ""
        image = f'<img alt="{escape.html(self.words)}" style="max-width:100%" src="data:image/svg+xml;base64,{source}">'
        return f'<figure style="margin:12px 0">{image}<figcaption>{escape.html(self.words)}{link}</figcaption></figure>'

    def markdown(self) -> str:
        """Its caption, as a page of text has it."""
        return escape.markdown(self.text())

    def to_dict(self) -> dict[str, Any]:
        """The figure as data."""
        return {"kind": "figure", "words": self.words, "svg": self.svg}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--out", type=Path, default=Path("tinygrad-lite-lesson"), metavar="FOLDER", help="where the page goes"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the split and of the first weights (default 0)")
    parser.add_argument("--quiet", action="store_true", help="print the two accuracies and the page's path only")


def run(args: argparse.Namespace) -> int:
    """Train, compare, draw, write the page; the exit code is 1 if a check failed."""
    args.out.mkdir(parents=True, exist_ok=True)  # first of all: a folder that cannot be made should cost no wait
    flowers = nn.datasets.iris()
    train, held = flowers.split(1 / 3, seed=args.seed)
    train, held = train.standardized(held)
    model = nn.MLP(4, [8, 3], activation="tanh", seed=args.seed)
    reports = comparisons(model, train)
    history = fit(model, train, quiet=args.quiet)
    tg.animate_training(history).save(args.out / "training.html")
    accuracies = accuracy(model, train), accuracy(model, held)

    report = Report("A network learns three flowers")
    _learned(report, model, (train, held), accuracies, history.step_losses, flowers)
    ok = _by_hand(report, reports) if reports else True
    if not reports:
        report.paragraph(NO_NUMPY)
    _looked_at(report, neuron_graph(model, train), network_graph(model, train), args.out)
    path = report.save(args.out / "index.html")
    if not args.quiet:
        print(f"{report}\n")
    print(f"accuracy on the training flowers {accuracies[0]:.3f}, on those held back {accuracies[1]:.3f}")
    print(path if args.quiet else f"\nOpen {path}")
    return 0 if ok else 1


def _learned(
    report: Report,
    model: nn.MLP,
    data: tuple[nn.Dataset, nn.Dataset],
    accuracies: tuple[float, float],
    losses: list[float],
    flowers: nn.Dataset,
) -> None:
    """What the network is, and how many flowers it knows."""
    train, held = data
    report.paragraph(
        f"Fisher's Iris data: {len(train)} flowers of three species to learn from, {len(held)} held back, which the "
        f"network never saw while it learned. It has 4 inputs, 8 tanh units and 3 classes: {len(model.parameters())} "
        f"parameters. Every step goes forward through it, backward by the chain rule, and a little downhill; the mean "
        f"cross-entropy fell from {losses[0]:.2f} to {losses[-1]:.3f} in {len(losses)} steps (training.html plays "
        f"them). {accuracies[0]:.1%} of the training flowers are recognised, {accuracies[1]:.1%} of those held back."
    )
    heads = ["species", *(f"taken for {name}" for name in flowers.target_names)]
    rows = [[name, *row] for name, row in zip(flowers.target_names, confusion(model, held), strict=True)]
    report.table(Table(heads, rows, title="The flowers held back"))


def _by_hand(report: Report, reports: tuple[Any, ...]) -> bool:
    """What `tg.check` and `tg.compare` say of backpropagations written by hand; whether it is what they should say."""
    from tinygrad_lite.commands import lesson_numpy, lesson_tutorial

    checked, wrong, mended, right, slipped = reports
    report.heading("A backpropagation by hand")
    report.paragraph("The backward pass of this network, as one writes it by hand, a layer at a time:")
    report.code(source(lesson_numpy.backprop), "python")
    report.paragraph("tg.check runs it on these flowers and on problems of its own:").add(checked.report())
    report.heading("A tutorial's, diagnosed")
    report.paragraph("Written for two layers with relu and the mean squared error, and wrong in four places:")
    report.code(source(lesson_tutorial.backpropagation), "python").add(wrong.report())
    report.heading("The same after mending")
    report.code(source(lesson_tutorial.mended_backpropagation), "python").add(mended.report())
    report.heading("Number by number")
    report.paragraph("The first one's gradients beside the engine's, which knows nothing of matrices:").add(
        right.report()
    )
    report.paragraph("And with the derivative of tanh forgotten: every shape still fits, only a comparison tells.")
    report.code(source(lesson_numpy.backprop_with_a_mistake), "python").add(slipped.report())
    named = set(wrong.codes) == set(NAMED)
    return bool(checked.ok and named and mended.ok and right.ok and slipped.wrong == ["W1", "b1"])


def _looked_at(report: Report, neuron: Value, network: Value, folder: Path) -> None:
    """One neuron and the whole network, as pictures; the first also as a player and in formulas."""
    one, whole = tg.draw(neuron), tg.draw(network, depth=2)
    one.save(folder / "neuron.svg")
    whole.save(folder / "network.svg")
    tg.animate(neuron, title="One neuron, step by step").save(folder / "neuron.html")
    report.heading("One neuron, looked at")
    report.paragraph(
        "From left to right the neuron computes; from right to left the chain rule runs. A box shows a value and "
        "its gradient; an arrow carries the local derivative of one step."
    )
    report.add(Figure(one.svg, "The first hidden unit, for the first flower.", "neuron.html"))
    report.paragraph("The gradient of its first weight:").add(tg.explain(neuron, neuron.parents[0].parents[0]).report())
    report.heading("The whole network, for one flower")
    report.add(Figure(whole.svg, "From four lengths to one number, the loss: all gradients by one backward pass."))
    report.heading("Where to go from here")
    report.code(
        'tinygrad-lite explain "tanh(a*b + b**3)" a=-4 b=2    # the chain rule with its numbers\n'
        "jupyter lab notebooks/                                # the lessons, in order\n"
        "tinygrad-lite check my_backprop.py                    # which mistake did I make?"
    )


def source(function: Callable[..., Any]) -> str:
    """The source of a function without its type hints and docstring."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if '"""' in line) + 1
    arguments = ", ".join(inspect.signature(function).parameters)
    return "\n".join([f"def {function.__name__}({arguments}):", *lines[start:]])


def mean_loss(model: nn.MLP, data: nn.Dataset) -> Value:
    """The mean cross-entropy over all samples, as one graph."""
    loss: Value = nn.cross_entropy([model(x) for x in data.inputs], data.targets)
    return loss


def fit(model: nn.MLP, data: nn.Dataset, *, quiet: bool) -> nn.History:
    """Gradient descent with all samples in each step, recorded."""
    optimizer = nn.SGD(model.parameters(), lr=RATE)
    progress = False if quiet else None  # None: a bar where somebody looks
    return nn.fit(model, data, nn.cross_entropy, optimizer, epochs=EPOCHS, progress=progress, record=True)


def predicted(model: nn.MLP, x: list[float]) -> int:
    """The class with the largest score."""
    scores = model(x)
    return max(range(len(scores)), key=lambda k: scores[k].data)


def accuracy(model: nn.MLP, data: nn.Dataset) -> float:
    """The fraction of samples whose class is predicted."""
    return sum(predicted(model, x) == int(t) for x, t in data) / len(data)


def confusion(model: nn.MLP, data: nn.Dataset) -> list[list[int]]:
    """Row t, column p: how many flowers of species t were taken for species p."""
    counts = [[0] * 3 for _ in range(3)]
    for x, t in data:
        counts[t][predicted(model, x)] += 1
    return counts


def weights(model: nn.MLP) -> dict[str, Any]:
    """The parameters as textbooks write them: W1 is (4, 8), b1 (8,), W2 (8, 3), b2 (3,), of Values."""
    named: dict[str, Any] = {}
    for i, layer in enumerate(model.layers, start=1):
        named[f"W{i}"] = [list(column) for column in zip(*(neuron.w for neuron in layer.neurons), strict=True)]
        named[f"b{i}"] = [neuron.b for neuron in layer.neurons]
    return named


def comparisons(model: nn.MLP, data: nn.Dataset) -> tuple[Any, ...] | None:
    """What is said of backpropagations written by hand; None without NumPy.

    Three checks, of ours, of a tutorial's and of that one mended; then two comparisons of numbers with the engine's:
    ours, and ours with a mistake.
    """
    if importlib.util.find_spec("numpy") is None:
        return None
    import numpy as np

    from tinygrad_lite.commands import lesson_numpy, lesson_tutorial

    model.zero_grad()
    mean_loss(model, data).backward()
    exact = weights(model)
    numbers = {name: np.vectorize(lambda p: p.data)(np.array(values)) for name, values in exact.items()}
    X, T = np.array(data.inputs), np.eye(3)[data.targets]
    right = tg.compare(lesson_numpy.backprop(**numbers, X=X, T=T), exact)
    slipped = tg.compare(lesson_numpy.backprop_with_a_mistake(**numbers, X=X, T=T), exact)
    checked = tg.check(lesson_numpy.loss, lesson_numpy.backprop, numbers, X, T, mend=False)
    return checked, *lesson_tutorial.diagnoses(), right, slipped


def inputs(data: nn.Dataset, place: int) -> tuple[list[Value], int]:
    """One sample with its numbers as labelled Values, and its class."""
    x, t = data[place]
    names = [name.removesuffix("_cm").replace("_", " ") for name in data.feature_names]
    return [Value(value, label=name) for name, value in zip(names, x, strict=True)], t


def neuron_graph(model: nn.MLP, data: nn.Dataset) -> Value:
    """The first hidden unit for the first flower, with short names for its weights, differentiated."""
    neuron, (x, _) = model.layers[0].neurons[0], inputs(data, 0)
    ws = [Value(w.data, label=f"w{i}") for i, w in enumerate(neuron.w, start=1)]
    bias = Value(neuron.b.data if neuron.b is not None else 0.0, label="b")
    out: Value = tg.tanh(tg.dot(ws, x, bias))
    out.label = "output"
    out.backward()
    return out


def network_graph(model: nn.MLP, data: nn.Dataset) -> Value:
    """The whole network for the first flower, up to its loss, differentiated."""
    x, t = inputs(data, 0)
    loss: Value = nn.cross_entropy(model(x), t)
    loss.label = "loss"
    model.zero_grad()
    loss.backward()
    return loss
