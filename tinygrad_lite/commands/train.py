"""`tinygrad-lite train CSV --target COLUMN`: train a network on a table of the user's own.

The inputs are standardized, a part of the samples is held back, and the network that is saved takes a
sample as it stands in the file. Read `run` first.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygrad_lite import nn
from tinygrad_lite.errors import TableError
from tinygrad_lite.nn.layers import SMOOTH, named

BATCH = 16


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    whole = _checked(int, lambda n: n >= 1, "a whole number of at least 1")
    sizes = _checked(lambda text: [whole(part) for part in text.split(",")], lambda ns: True, "whole numbers")
    rate = _checked(float, lambda x: 0 < x < math.inf, "a positive number")
    share = _checked(float, lambda x: 0 < x < 1, "a number between 0 and 1")
    parser.add_argument("csv", type=Path, metavar="CSV", help="a file with a header line and numbers in its columns")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument("--columns", metavar="A,B,...", help="the input columns (default: all others)")
    parser.add_argument("--hidden", type=sizes, default=[16, 16], metavar="N,M,...", help="hidden units (16,16)")
    parser.add_argument("--task", default="auto", choices=["auto", "classification", "regression"])
    parser.add_argument("--activation", default=SMOOTH, metavar="NAME", help=f"of the hidden units ({SMOOTH})")
    parser.add_argument("--epochs", type=whole, default=60, help="how often each sample is seen (60)")
    parser.add_argument("--lr", type=rate, default=0.01, help="the first learning rate of Adam (0.01)")
    parser.add_argument("--held-back", type=share, default=0.25, help="the share kept for the test (0.25)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the first weights and the shuffles (0)")
    parser.add_argument("--delimiter", default=",", help="what separates the cells (a comma)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the results (default: the CSV's name + -model)")
    parser.add_argument("--quiet", action="store_true", help="print the figures only")


def _checked(read: Callable[[str], Any], right: Callable[[Any], bool], needed: str) -> Callable[[str], Any]:
    """How argparse reads an argument."""

    def parse(text: str) -> Any:
        try:
            found = read(text)
        except ValueError:
            found = None
        if found is None or not right(found):
            raise argparse.ArgumentTypeError(f"{needed} is needed, but got {text!r}")
        return found

    return parse


def run(args: argparse.Namespace) -> int:
    """Train, report, save."""
    try:
        named(args.activation)
    except ValueError as reason:
        raise TableError(str(reason)) from None

    def say(words: str) -> None:
        if not args.quiet:
            print(words)

    columns = [name.strip() for name in args.columns.split(",")] if args.columns else None
    data = nn.read_csv(args.csv, args.target, columns=columns, task=args.task, delimiter=args.delimiter)
    train, held = _split(data, args.held_back, args.seed)
    classes = data.target_names
    out = args.out or args.csv.with_name(f"{args.csv.stem}-model")
    out.mkdir(parents=True, exist_ok=True)  # first of all: a folder that cannot be made should cost no wait
    sizes = [len(data.feature_names), *args.hidden, len(classes) or 1]
    kind = f"{len(classes)} classes: {', '.join(classes)}" if classes else "a number"
    say(f"{args.csv.name}: {len(data)} samples of {sizes[0]} numbers; the target {args.target} is {kind}.")
    say(f"{len(train)} samples to learn from, {len(held)} held back.")

    model, history = _train(train, held, sizes, args)
    say(f"A network {'-'.join(map(str, sizes))} of {args.activation} units, {len(model.parameters())} parameters.")
    figures = _figures(model, train, held)
    notes = {"columns": list(data.feature_names), "target": args.target, "classes": list(classes), "seed": args.seed}
    nn.save(model, out / "model.json", notes={**notes, "figures": {name: x for name, x in figures.items() if x == x}})
    history.to_csv(out / "history.csv")
    if importlib.util.find_spec("matplotlib"):
        _plot(model, history, held, args.target, out)
    seen = [model[0](x) for x in train.inputs]  # type: ignore[operator]
    for finding in nn.health(model[1], (seen, train.targets), _loss(train)).findings:
        say(f"  {finding.sentence}")
    say(f"\nSaved in {out}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    say(f"Use it:  model = nn.load({str(out / 'model.json')!r}); model([{', '.join(data.feature_names)}])")
    return 0


def _split(data: nn.Dataset, fraction: float, seed: int) -> tuple[nn.Dataset, nn.Dataset]:
    """Samples to learn from and samples held back, if there are enough of both."""
    train, held = data.split(fraction, seed=seed)
    if len(train) < 2 or not len(held):
        raise TableError(f"{len(data)} samples are too few to learn from and to hold some back; 4 are needed.")
    if data.target_names and len(set(train.targets)) < 2:
        raise TableError("the target is the same in every sample to learn from: there is nothing to tell apart.")
    return train, held


def _loss(data: nn.Dataset) -> Any:
    return nn.cross_entropy if data.target_names else nn.mse


def _train(
    train: nn.Dataset, held: nn.Dataset, sizes: list[int], args: argparse.Namespace
) -> tuple[nn.Sequential, nn.History]:
    """The trained network, which takes samples as they stand in the file and answers in the target's unit."""
    init = "he" if args.activation == "relu" else "xavier"
    activations = [args.activation] * len(args.hidden) + ["linear"]
    network = nn.MLP(sizes[0], sizes[1:], activation=activations, init=init, seed=args.seed)
    model = nn.Sequential(nn.Standardize(train.inputs), network)
    # a number is learned in standard deviations from the mean
    unit = None if train.target_names else nn.Standardize([[t] for t in train.targets])
    train, held = (
        data if unit is None else data.with_samples(data.inputs, [unit([t])[0] for t in data.targets])
        for data in (train, held)
    )
    rate = nn.schedules.cosine(args.lr, steps=args.epochs * -(-len(train) // BATCH))
    history = nn.fit(
        model,
        train,
        _loss(train),
        nn.Adam(model, lr=rate, clip_norm=5.0),
        epochs=args.epochs,
        batch_size=BATCH,
        validation=held,
        metrics=["r2" if unit else "accuracy"],
        seed=args.seed,
        progress=False if args.quiet else None,
    )
    if unit is not None:
        for name, p in network.layers[-1].own_parameters():  # y = deviation * (w.x + b) + mean, put into w and b
            p.data = p.data * unit.deviation[0].data + (unit.mean[0].data if name == "bias[0]" else 0.0)
    return model, history


def _figures(model: nn.Sequential, train: nn.Dataset, held: nn.Dataset) -> dict[str, float]:
    """Print and give the figures that count."""
    metric = nn.accuracy if held.target_names else nn.r2
    learned, kept = (metric([model(x) for x in data.inputs], data.targets) for data in (train, held))
    if held.target_names:
        common = Counter(train.targets).most_common(1)[0][0]
        guess = held.targets.count(common) / len(held)
        print(f"held-back accuracy {kept:.3f}   (training {learned:.3f}; always the most frequent class {guess:.3f})")
        return {"held_back_accuracy": kept, "training_accuracy": learned}
    missed = (sum((model(x).data - t) ** 2 for x, t in held) / len(held)) ** 0.5
    print(f"held-back R2 {kept:.3f}   (training {learned:.3f}; typical error {missed:.4g} in the target's unit)")
    return {"held_back_r2": kept, "training_r2": learned, "held_back_typical_error": missed}


def _plot(model: nn.Sequential, history: nn.History, held: nn.Dataset, target: str, out: Path) -> None:
    """The plots of the run, and of what the network answers on the samples held back."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    history.plot(out / "history.png")
    figure, axes = plt.subplots(figsize=(4.4, 4), layout="constrained")
    if not held.target_names:
        axes.scatter(held.targets, [model(x).data for x in held.inputs], s=14)
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
