"""Where the time of the eager engine goes: nanoseconds of processor time a node, part by part.

    python tests/benchmarks/profile_eager.py

Processor time and not the wall clock, so that a busy machine disturbs less; the best of several
rounds. Beside it micrograd, if it is installed, on the same program, with Python's cyclic
collector off for both and on for both.
"""

import gc
import random
import statistics
import sys
import time
from itertools import pairwise

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import reverse
from tinygrad_lite.engine.graph import walk

clock = time.process_time


def chain(Value, n=100_000):
    """A product and a sum a step, n steps deep."""
    x = y = Value(0.5)
    for _ in range(n):
        y = 1e-6 + 0.999999 * y
    return y, [x]


def network(Value, samples=100, sizes=(2, 16, 16, 1)):
    """One hinge loss of a small network over all samples, one node an operator."""
    rng = random.Random(1)
    layers = [
        [([Value(rng.uniform(-1, 1)) for _ in range(n_in)], Value(0.0)) for _ in range(n_out)]
        for n_in, n_out in pairwise(sizes)
    ]
    total = Value(0.0)
    for _ in range(samples):
        x = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
        for k, layer in enumerate(layers):
            sums = []
            for weights, bias in layer:
                acc = bias
                for w, xi in zip(weights, x, strict=True):
                    acc = acc + xi * w
                sums.append(acc.relu() if k < len(layers) - 1 else acc)
            x = sums
        total = total + (1.0 + -rng.choice((-1.0, 1.0)) * x[0]).relu()
    return total, [w for layer in layers for weights, _ in layer for w in weights]


def parts(program, rounds=7):
    """Nanoseconds a node for each part, with the collector off."""
    times = {}

    def timed(part, call):
        start = clock()
        result = call()
        times.setdefault(part, []).append(clock() - start)
        return result

    for _ in range(rounds):
        gc.disable()
        made = [timed("forward", lambda: program(Value))]
        walked = timed("of which: walk", lambda: walk((made[0][0],), reset=True))  # noqa: B023
        timed("of which: sweep", lambda: reverse.sweep(walked[0]))  # noqa: B023
        n = len(walked[0])
        walked = None
        timed("backward", lambda: made[0][0].backward())  # noqa: B023
        timed("free", made.clear)
        gc.enable()
    return {part: min(all_times) / n * 1e9 for part, all_times in times.items()}


def step(Value, program):
    root, _ = program(Value)
    root.backward()


def against_micrograd(program, collector, rounds=5):
    """micrograd's processor time for a forward and a backward pass, divided by ours: the median of the rounds."""
    from micrograd.engine import Value as Theirs

    sys.setrecursionlimit(10**7)
    ratios = []
    for _ in range(rounds):
        took = []
        for kind in (Value, Theirs):
            gc.collect()
            if not collector:
                gc.disable()
            start = clock()
            step(kind, program)
            took.append(clock() - start)
            gc.enable()
        gc.collect()
        ratios.append(took[1] / took[0])
    return statistics.median(ratios)


if __name__ == "__main__":
    print(f"tinygrad_lite {tg.__version__}, Python {sys.version.split()[0]}, nanoseconds of processor time a node")
    for name, program in (("chain", chain), ("network", network)):
        print(f"{name:<9}" + "   ".join(f"{part} {ns:.0f}" for part, ns in parts(program).items()))
    try:
        for collector in (True, False):
            ratio = against_micrograd(network, collector)
            print(f"network: {ratio:.2f} times micrograd, collector {'on' if collector else 'off'} for both")
    except ImportError:
        print("micrograd is not installed, so there is nothing to compare with")
