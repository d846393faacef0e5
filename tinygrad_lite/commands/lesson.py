"""`tinygrad-lite lesson`: the whole idea on real data, in a few seconds.

It trains a 4-8-3 network on Fisher's Iris data, compares a backpropagation written by hand in NumPy with the
engine's gradients, once right and once with a planted mistake, draws one neuron and the network for one
flower, and writes a page to look at. Read `run` first.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.commands import lesson_page as html

EPOCHS = 120
RATE = 0.5
NAMED = ("FACTOR_2", "MEAN_NO", "NO_ACT_DERIV", "INPUT_FOR_HIDDEN", "MASK_FROM_INPUT")  # the tutorial's four mistakes


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--out", type=Path, default=Path("tinygrad-lite-lesson"), metavar="FOLDER", help="where the page goes"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the split and of the first weights (default 0)")
    parser.add_argument("--quiet", action="store_true", help="print the two accuracies and the page's path only")


def run(args: argparse.Namespace) -> int:
    """Train, compare, draw, write the page; the exit code is 1 if a check failed."""

    def say(words: str = "") -> None:
        if not args.quiet:
            print(words)

    args.out.mkdir(parents=True, exist_ok=True)  # first of all: a folder that cannot be made should cost no wait
    flowers = nn.datasets.iris()
    train, held = flowers.split(1 / 3, seed=args.seed)
    train, held = train.standardized(held)
    model = nn.MLP(4, [8, 3], activation="tanh", seed=args.seed)
    say(f"Fisher's Iris data: {len(train)} flowers to learn from, {len(held)} held back.")
    say(f"A network of 4 inputs, 8 tanh units and 3 classes: {len(model.parameters())} parameters.\n")

    reports = comparisons(model, train)
    losses = fit(model, train, quiet=args.quiet)
    accuracies = accuracy(model, train), accuracy(model, held)
    say()
    print(f"accuracy on the training flowers {accuracies[0]:.3f}, on those held back {accuracies[1]:.3f}")

    ok = True
    if reports is None:
        say("\nNumPy is not installed, so the backpropagation written in it is left out: pip install numpy")
    else:
        checked, wrong, mended, right, slipped = reports
        named = set(wrong.codes) == set(NAMED)
        ok = checked.ok and named and mended.ok and right.ok and slipped.wrong == ["W1", "b1"]
        say("\nBackpropagation by hand, in NumPy, on these flowers and on problems of ours:")
        say(str(checked))
        say("\nThe backpropagation of a tutorial:")
        say(str(wrong))
        say("\nThe same after mending:")
        say(str(mended).partition("\n")[0])
        say("\nThe first one's numbers beside the engine's, and those with the derivative of tanh forgotten:")
        say(f"{right}\n{slipped}")

    graphs = neuron_graph(model, train), network_graph(model, train)
    path = write_page(args.out, accuracies, losses, reports, graphs, confusion(model, held), flowers)
    print(f"\nOpen {path}" if not args.quiet else path)
    return 0 if ok else 1


def mean_loss(model: nn.MLP, data: nn.Dataset) -> Value:
    """The mean cross-entropy over all samples, as one graph."""
    loss: Value = nn.cross_entropy([model(x) for x in data.inputs], data.targets)
    return loss


def fit(model: nn.MLP, data: nn.Dataset, *, quiet: bool) -> list[float]:
    """Gradient descent with all samples in each step; the loss before every step."""
    optimizer = nn.SGD(model.parameters(), lr=RATE)
    progress = False if quiet else None  # None: a bar where somebody looks
    return nn.fit(model, data, nn.cross_entropy, optimizer, epochs=EPOCHS, progress=progress).step_losses


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


def write_page(
    folder: Path,
    accuracies: tuple[float, float],
    losses: list[float],
    reports: tuple[Any, ...] | None,
    graphs: tuple[Value, Value],
    counts: list[list[int]],
    flowers: nn.Dataset,
) -> Path:
    """Write the SVGs and `index.html`; the path of the page."""
    from tinygrad_lite.report.text import Table

    neuron, network = graphs
    neuron_picture, network_picture = tg.draw(neuron), tg.draw(network, depth=2)
    neuron_picture.save(folder / "neuron.svg")
    network_picture.save(folder / "network.svg")
    (folder / "loss.svg").write_text(html.curve(losses, "mean cross-entropy"), encoding="utf-8")
    tg.animate(neuron, title="One neuron, step by step").save(folder / "neuron.html")
    weight = neuron.parents[0].parents[0]

    table = Table(
        ["species", *(f"taken for {name}" for name in flowers.target_names)],
        [[name, *row] for name, row in zip(flowers.target_names, counts, strict=True)],
        title="The flowers held back",
    )
    sections = [
        html.section(
            "What it learned",
            "150 irises of three species, four lengths each. A third of the flowers was held back; the network never "
            "saw them while it learned.",
            html.figures(
                [
                    (f"{accuracies[0]:.1%}", "right on the training flowers"),
                    (f"{accuracies[1]:.1%}", "right on the flowers held back"),
                    (f"{losses[0]:.2f} → {losses[-1]:.3f}", f"loss, before and after {len(losses)} steps"),
                ]
            ),
            html.picture(
                html.curve(losses, "mean cross-entropy"),
                "The loss falls quickly, then levels off.",
                "Every step goes forward through the network, backward by the chain rule, and a little downhill.",
            ),
            f'<div class="report">{table.html()}</div>',
        ),
        *(_comparison_sections(reports) if reports is not None else []),
        html.section(
            "One neuron, looked at",
            "From left to right the neuron computes; from right to left the chain rule runs. A box shows a value and "
            "how much the output would answer to a change of it; an arrow carries the local derivative of one step.",
            html.picture(neuron_picture.svg, "Graph of one neuron", "The first hidden unit, for the first flower."),
            '<p><a href="neuron.html">Play it step by step</a>: forward op by op, then backward node by node.</p>',
            "The gradient of its first weight, written out:",
            f'<div class="report">{tg.explain(neuron, weight).html()}</div>',
        ),
        html.section(
            "The whole network, for one flower",
            "Each neuron is one box here. All the gradients in this picture come from one backward pass.",
            html.picture(
                network_picture.svg, "Graph of the whole network", "From four lengths to one number: the loss."
            ),
        ),
        html.section(
            "Where to go from here",
            html.code(
                'tinygrad-lite explain "tanh(a*b + b**3)" a=-4 b=2    # the chain rule with its numbers\n'
                "jupyter lab notebooks/                                # the lessons, in order\n"
                "tinygrad-lite check my_backprop.py                    # which mistake did I make?"
            ),
        ),
    ]
    path = folder / "index.html"
    text = html.page(
        "A network learns three flowers",
        "Forward, backward, step: all of this was computed by one small engine that applies the chain rule.",
        sections,
        f"Made by tinygrad_lite {tg.__version__}. Data: {flowers.source}.",
    )
    path.write_text(text, encoding="utf-8")
    return path


def _comparison_sections(reports: tuple[Any, ...]) -> list[str]:
    from tinygrad_lite.commands import lesson_numpy, lesson_tutorial

    checked, wrong, mended, right, slipped = (f'<div class="report">{report.html()}</div>' for report in reports)
    return [
        html.section(
            "A backpropagation by hand",
            "Here is the backward pass of this network as one writes it by hand, a layer at a time:",
            html.code(lesson_numpy.body(lesson_numpy.backprop)),
            "tg.check runs it on these flowers and on problems of its own:",
            checked,
        ),
        html.section(
            "A tutorial's, diagnosed",
            "This one was written for two layers with relu and the mean squared error. It learns something, and it is "
            "wrong in four places. tg.check takes it as it is, and names them:",
            html.code(lesson_tutorial.shown(lesson_tutorial.backpropagation), marked=["# 1 and 2", "# 3", "# 4"]),
            wrong,
        ),
        html.section(
            "The same after mending",
            html.code(
                lesson_tutorial.shown(lesson_tutorial.mended_backpropagation),
                marked=["# the hidden", "# 1:", "# 3:", "# 4:"],
            ),
            mended,
        ),
        html.section(
            "Number by number",
            "The first one's gradients beside the engine's, which knows nothing of matrices:",
            right,
            "And with the derivative of tanh forgotten: every shape still fits, and only a comparison tells.",
            html.code(lesson_numpy.body(lesson_numpy.backprop_with_a_mistake), marked=["# the slip"]),
            slipped,
        ),
    ]
