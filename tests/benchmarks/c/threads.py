"""What several threads gain on one call, by the clock on the wall.

    PYTHONPATH=. python tests/benchmarks/c/threads.py                     # every workload, 1 and 2 threads
    PYTHONPATH=. python tests/benchmarks/c/threads.py gmm-1000 --threads 1,2,4,8 --seconds 20

A round times each number of threads once, in turns. On a machine that does other things the smallest times say what
threads can gain, above all with --always; the medians say what they gain there and then. Before anything is timed, all
must give the same bits.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import compiled
import numpy as np
import run

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.compiler.backends.llvm import threads as sharing

Make = Callable[[int], tuple[Callable[[], object], Callable[[], Any]]]
"""For a number of threads: what is timed, and the bits it found."""


def gradient(w: run.Workload) -> Make:
    """Loss and gradient, parameters and rows in place."""

    def make(threads: int) -> tuple[Callable[[], object], Callable[[], Any]]:
        y = w.y.astype(int) if w.entry in ("digits", "big") else w.y
        ready = tg.compile(compiled.ROW[w.entry](w), batch=("x", "y"), threads=threads).prepare(w.p, w.x, y)
        return ready, lambda: ready.out.copy()

    return make


def training(w: run.Workload) -> Make:
    """Ten steps of training on all rows, by `nn.compile_step`."""

    def make(threads: int) -> tuple[Callable[[], object], Callable[[], Any]]:
        model = nn.MLP(64, [32, 10], activation="tanh", seed=1)
        stepped = nn.compile_step(model, nn.cross_entropy, nn.Adam(model), threads=threads)
        y = w.y.astype(int)
        return lambda: stepped.run(w.x, y, epochs=10), lambda: np.array([p.data for p in model.parameters()])

    return make


WORKLOADS: dict[str, Callable[[], Make]] = {
    "digits-1000": lambda: gradient(run.digits(1000)),
    "digits-1797": lambda: gradient(run.digits(1797)),
    "digits-20000": lambda: gradient(run.digits(20_000)),
    "digits-1797-training": lambda: training(run.digits(1797)),
    "gmm-1000": lambda: gradient(run.Mixture(1000)),
    "gmm-10000": lambda: gradient(run.Mixture(10_000)),
    "big-1000": lambda: gradient(run.big(1000)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; by default all")
    parser.add_argument("--threads", default="1,2", help="which numbers of threads, the first being the measure")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each workload")
    parser.add_argument("--always", action="store_true", help="share every call, also where calls alone were faster")
    chosen = parser.parse_args()
    if chosen.always:
        sharing.TRIED = sharing.LONGEST = 0
    numbers = [int(n) for n in chosen.threads.split(",")]
    for name in chosen.workloads or WORKLOADS:
        make = WORKLOADS[name]()
        calls = {n: make(n) for n in numbers}
        for call, _ in calls.values():
            call()
        found = [answer() for _, answer in calls.values()]
        if any(not np.array_equal(found[0], other) for other in found):
            print(f"{name}: the bits differ")
            return 1
        times: dict[int, list[float]] = {n: [] for n in numbers}
        end = time.perf_counter() + chosen.seconds
        while time.perf_counter() < end:
            for n, (call, _) in calls.items():
                started = time.perf_counter()
                call()
                times[n].append(1e6 * (time.perf_counter() - started))
        print(f"\n{name}: {len(times[numbers[0]])} rounds")
        best, middle = min(times[numbers[0]]), statistics.median(times[numbers[0]])
        for n, mine in times.items():
            tenth = sorted(mine)[len(mine) // 10]
            print(
                f"  {n} thread{'s' * (n > 1)}  smallest {min(mine):8.0f} us ({best / min(mine):.2f} x)"
                f"  a tenth below {tenth:8.0f} us  median {statistics.median(mine):8.0f} us"
                f" ({middle / statistics.median(mine):.2f} x)"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
