"""`tinygrad-lite train CSV --target COLUMN`: train a network on a table of the user's own.

The inputs are standardized, a part of the rows is held back, and the network that is saved takes a
row as it stands in the file. Read `run` first.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
from collections import Counter
from pathlib import Path
from typing import Any

from tinygrad_lite import nn
from tinygrad_lite.errors import TableError

BATCH = 16


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("csv", type=Path, metavar="CSV", help="a file with a header line and numbers in its columns")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument("--columns", type=_names, metavar="A,B,...", help="the input columns (default: all others)")
    parser.add_argument("--hidden", type=_sizes, default=[16, 16], metavar="N,M,...", help="hidden units (16,16)")
    parser.add_argument("--task", default="auto", choices=["auto", "classification", "regression"])
    parser.add_argument(
        "--activation", type=_activation, default="tanh", metavar="NAME", help="of the hidden units (tanh)"
    )
    parser.add_argument("--epochs", type=_positive, default=60, help="how often each row is seen (60)")
    parser.add_argument("--lr", type=_rate, default=0.01, help="the first learning rate of Adam (0.01)")
    parser.add_argument(
        "--held-back", type=_fraction, default=0.25, metavar="FRACTION", help="rows kept for the test (0.25)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split, the first weights and the shuffles (0)")
    parser.add_argument("--delimiter", default=",", help="what separates the cells (a comma)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the results (default: the CSV's name + -model)")
    parser.add_argument("--quiet", action="store_true", help="print the figures only")


def run(args: argparse.Namespace) -> int:
    """Train, report, save."""

    def say(words: str) -> None:
        if not args.quiet:
            print(words)

    data = nn.read_csv(args.csv, args.target, columns=args.columns, task=args.task, delimiter=args.delimiter)
    train, held = _split(data, args.held_back, args.seed)
    classes = len(data.target_names)
    out = args.out or args.csv.with_name(f"{args.csv.stem}-model")
    out.mkdir(parents=True, exist_ok=True)  # first of all: a folder that cannot be made should cost no wait
    sizes = [len(data.feature_names), *args.hidden, classes or 1]
    kind = f"{classes} classes: {', '.join(data.target_names)}" if classes else "a number"
    say(f"{args.csv.name}: {len(data)} rows of {sizes[0]} numbers; the target {args.target} is {kind}.")
    say(f"{len(train)} rows to learn from, {len(held)} held back.")

    model, history = _train(train, held, sizes, args)
    say(f"A network {'-'.join(map(str, sizes))} of {args.activation} units, {len(model.parameters())} parameters.")
    figure = _report(model, train, held, classes, history)
    _save(model, history, data, args, figure, out)
    _plot(model, history, held, args.target, out)
    ailments = nn.health(model[1], (_scaled(model, train), train.targets), _loss(classes)).findings
    for finding in ailments:
        say(f"  {finding.sentence}")
    say(f"\nSaved in {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    say(f"Use it:  model = nn.load({str(out / 'model.json')!r}); model([{', '.join(data.feature_names)}])")
    return 0


def _split(data: nn.Dataset, fraction: float, seed: int) -> tuple[nn.Dataset, nn.Dataset]:
    """Training and held-back rows, if there are enough of both."""
    train, held = data.split(fraction, seed=seed)
    if len(train) < 2 or not len(held):
        raise TableError(f"{len(data)} rows are too few to learn from and to hold some back; at least 4 are needed.")
    if data.target_names and len(set(train.targets)) < 2:
        raise TableError("the target is the same in every row to learn from: there is nothing to tell apart.")
    return train, held


def _loss(classes: int) -> Any:
    return nn.cross_entropy if classes else nn.mse


def _train(
    train: nn.Dataset, held: nn.Dataset, sizes: list[int], args: argparse.Namespace
) -> tuple[nn.Sequential, nn.History]:
    """The trained network, which takes rows as they stand in the file and answers in the target's unit."""
    number = not train.target_names
    init = "he" if args.activation == "relu" else "xavier"
    activations = [args.activation] * len(args.hidden) + ["linear"]
    network = nn.MLP(sizes[0], sizes[1:], activation=activations, init=init, seed=args.seed)
    model = nn.Sequential(nn.Standardize(train.inputs), network)
    unit = nn.Standardize([[t] for t in train.targets]) if number else None  # numbers are learned in deviations

    def answers(data: nn.Dataset) -> list[Any]:
        return data.targets if unit is None else [unit([t])[0] for t in data.targets]

    steps = args.epochs * -(-len(train) // BATCH)
    optimizer = nn.Adam(model, lr=nn.schedules.cosine(args.lr, steps=steps), clip_norm=5.0)
    history = nn.fit(
        model,
        (train.inputs, answers(train)),
        _loss(len(train.target_names)),
        optimizer,
        epochs=args.epochs,
        batch_size=BATCH,
        validation=(held.inputs, answers(held)),
        metrics=["r2" if number else "accuracy"],
        seed=args.seed,
        progress=False if args.quiet else None,
    )
    if unit is not None:
        (neuron,) = network.layers[-1].neurons  # y = deviation * (w.x + b) + mean, put into w and b
        for w in neuron.w:
            w.data *= unit.deviation[0]
        assert neuron.b is not None
        neuron.b.data = neuron.b.data * unit.deviation[0] + unit.mean[0]
    return model, history


def _report(
    model: nn.Sequential, train: nn.Dataset, held: nn.Dataset, classes: int, history: nn.History
) -> dict[str, float]:
    """Print and give the figures that count."""
    metric = nn.accuracy if classes else nn.r2
    learned, kept = (metric([model(x) for x in data.inputs], data.targets) for data in (train, held))
    if classes:
        common = Counter(train.targets).most_common(1)[0][0]
        guess = held.targets.count(common) / len(held)
        print(f"held-back accuracy {kept:.3f}   (training {learned:.3f}; always the most frequent class {guess:.3f})")
        return {"held_back_accuracy": kept, "training_accuracy": learned}
    missed = (sum((model(x).data - t) ** 2 for x, t in held) / len(held)) ** 0.5
    print(f"held-back R2 {kept:.3f}   (training {learned:.3f}; typical error {missed:.4g} in the target's unit)")
    return {"held_back_r2": kept, "training_r2": learned, "held_back_typical_error": missed}


def _save(
    model: nn.Sequential,
    history: nn.History,
    data: nn.Dataset,
    args: argparse.Namespace,
    figures: dict[str, float],
    out: Path,
) -> None:
    """The network with what its numbers mean, and the history as a table."""
    notes = {
        "columns": list(data.feature_names),
        "target": args.target,
        "classes": list(data.target_names),
        "seed": args.seed,
        "figures": {name: x for name, x in figures.items() if x == x},
    }
    nn.save(model, out / "model.json", notes=notes)
    history.to_csv(out / "history.csv")


def _plot(model: nn.Sequential, history: nn.History, held: nn.Dataset, target: str, out: Path) -> None:
    """The plots, if matplotlib is there: the run, and what the network answers on the held-back rows."""
    if importlib.util.find_spec("matplotlib") is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    history.plot(out / "history.png")
    figure, axes = plt.subplots(figsize=(4.4, 4), layout="constrained")
    if not held.target_names:
        answers = [model(x).data for x in held.inputs]
        axes.scatter(held.targets, answers, s=14)
        ends = [min(held.targets), max(held.targets)]
        axes.plot(ends, ends, "--", color="grey")
        axes.set(xlabel=f"{target}, held back", ylabel="answer of the network")
        figure.savefig(out / "answers.png")
    elif len(held.feature_names) == 2:
        from tinygrad_lite.views import plots

        plots.decision_boundary(model, held.inputs, held.targets, ax=axes)
        axes.set(xlabel=held.feature_names[0], ylabel=held.feature_names[1])
        figure.savefig(out / "boundary.png")
    plt.close("all")


def _scaled(model: nn.Sequential, data: nn.Dataset) -> list[list[float]]:
    return [model[0](x) for x in data.inputs]  # type: ignore[operator]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _sizes(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",") if part.strip()]


def _positive(text: str) -> int:
    n = int(text) if text.strip().isdigit() else 0
    if n < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, but got {text!r}")
    return n


def _activation(name: str) -> str:
    try:
        nn.Neuron(1, activation=name, seed=0)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from None
    return name


def _rate(text: str) -> float:
    return _between(text, math.inf)


def _fraction(text: str) -> float:
    return _between(text, 1.0)


def _between(text: str, high: float) -> float:
    try:
        x = float(text)
    except ValueError:
        x = math.nan
    if not 0 < x < high:
        raise argparse.ArgumentTypeError(f"a number between 0 and {high:g} is needed, but got {text!r}")
    return x
