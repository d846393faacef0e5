"""A whole training step on moons against the bare compiled loss and gradient of the same rows.

    python tests/benchmarks/c/training.py [--rounds 21]

Rows, in turns, in microseconds of thread time: the bare kernel (`prepare`), `step(X, y)` for several optimizers, and
one step of `step.run`. Parameter exchange, the look at the data and the update are all in the step.
"""

from __future__ import annotations

import argparse
import functools
from typing import Any

import run  # the runner beside this file  # isort: skip

from tinygrad_lite import nn


def model() -> Any:
    return nn.MLP(2, [16, 16, 1], activation="relu", seed=1)


def nothing() -> Any:
    """These rows are judged by the tests, not here."""


OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda parameters: nn.SGD(parameters, lr=1e-6),
    "SGD with momentum": lambda parameters: nn.SGD(parameters, lr=1e-6, momentum=0.9),
    "Adam": lambda parameters: nn.Adam(parameters, lr=1e-9),
}
STEPS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    chosen = parser.parse_args()
    w = run.Moons()
    rows: dict[str, run.Row] = {}
    kept = []
    for name, optimizer in OPTIMIZERS.items():
        mine = model()
        step = nn.compile_step(mine, nn.hinge, optimizer(mine.parameters()))
        step(w.x, w.y)
        if not rows:
            machine = step._machine  # its own buffers, with these rows in them
            buffers = machine._batch(len(w.x))[-1]
            bare = functools.partial(*machine.runner.compiled.bound(buffers.pointer))
            rows["bare kernel"] = run.Row(bare, nothing)
        rows[f"step(X, y), {name}"] = run.Row(functools.partial(step, w.x, w.y), nothing)
        kept.append(step)
    first = kept[0]
    rows[f"run, {STEPS} steps"] = run.Row(lambda: first.run(w.x, w.y, STEPS), nothing)
    times = run.race(rows, chosen.rounds)
    times[f"run, {STEPS} steps"] /= STEPS
    print(run.machine())
    for name, nanoseconds in times.items():
        print(f"  {name:32} {nanoseconds / 1e3:8.2f} us {nanoseconds / times['bare kernel']:6.2f} x the bare kernel")


if __name__ == "__main__":
    main()
