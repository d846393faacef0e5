"""micrograd's demo, whole, in micrograd and here: 2-16-16-1 on 100 moons, max-margin + L2, its schedule, 100 steps.

    PYTHONPATH=. python tests/benchmarks/moons.py [--steps 100] [--rounds 1]

Each candidate trains in a process of its own, with the garbage collector on as Python sets it; ours runs before and
after micrograd in every round, since a shared machine drifts. Both begin from `random.seed(1337)` and see the same
points, so that the losses can be compared digit by digit.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def points():
    """100 moons with noise 0.1, and their sides -1 and +1."""
    from tinygrad_lite import nn

    data = nn.datasets.moons(100, noise=0.1, seed=1337)
    return data.inputs, [2 * t - 1 for t in data.targets]


def demo(value, mlp, steps):
    """The demo's program in our words, on any engine with micrograd's calls: one node an operator in the loss."""
    X, Y = points()
    random.seed(1337)
    model = mlp(2, [16, 16, 1])
    losses = []
    for k in range(steps):
        scores = [model([value(v) for v in x]) for x in X]
        margins = [(1 + -y * s).relu() for y, s in zip(Y, scores, strict=True)]
        loss = sum(margins) * (1.0 / len(margins)) + 1e-4 * sum(p * p for p in model.parameters())
        hits = sum((y > 0) == (s.data > 0) for y, s in zip(Y, scores, strict=True)) / len(Y)
        model.zero_grad()
        loss.backward()
        rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= rate * p.grad
        losses.append(loss.data)
    return losses, hits


def micrograd(steps):
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return demo(Value, MLP, steps)


def same_program(steps):
    from tinygrad_lite.engine import Value
    from tinygrad_lite.nn import MLP

    return demo(Value, MLP, steps)


def fit(steps):
    from tinygrad_lite import nn

    random.seed(1337)
    model = nn.MLP(2, [16, 16, 1])
    optimizer = nn.SGD(model, lr=nn.schedules.linear(1.0, 0.1, steps=100))
    penalty = lambda m: 1e-4 * nn.l2(m.parameters())  # noqa: E731
    history = nn.fit(model, points(), nn.hinge, optimizer, epochs=steps, penalty=penalty, metrics=["accuracy"])
    return history["loss"], history["accuracy"][-1]


CANDIDATES = {"micrograd": micrograd, "same program": same_program, "nn.fit": fit}


def timed(name, steps):
    """Run one candidate in a process of its own; seconds, losses and the last accuracy."""
    found = subprocess.run(
        [sys.executable, __file__, "--only", name, "--steps", str(steps)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return json.loads(found.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=CANDIDATES)
    args = parser.parse_args()
    if args.only:
        points()  # imports are not part of the run
        started = time.process_time()  # this process alone: other work on the machine does not count
        losses, accuracy = CANDIDATES[args.only](args.steps)
        print(json.dumps({"seconds": time.process_time() - started, "losses": losses, "accuracy": accuracy}))
        return
    runs = {name: [] for name in CANDIDATES}
    for _ in range(args.rounds):
        for name in ("nn.fit", "same program", "micrograd", "same program", "nn.fit"):
            runs[name].append(timed(name, args.steps))
            last = runs[name][-1]
            said = f"loss {last['losses'][-1]:.12f}   accuracy {last['accuracy']:.2f}"
            print(f"{name:<14}{last['seconds']:9.2f} s   {said}")
    seconds = {name: statistics.median(run["seconds"] for run in runs[name]) for name in runs}
    print(f"\n{args.steps} steps, processor time, collector on, median of each; Python {sys.version.split()[0]}")
    for name, t in seconds.items():
        print(f"{name:<14}{t:9.2f} s   micrograd / this = {seconds['micrograd'] / t:.1f}")


if __name__ == "__main__":
    main()
