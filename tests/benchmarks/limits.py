"""What a node costs in memory, and in time beside micrograd's; what compiling saves: figures of "How large, how fast".

    PYTHONPATH=. python tests/benchmarks/limits.py [--rounds 7]

Ratios of processor time, the median of interleaved rounds in one process, with the spread from the smallest to the
largest: they hold on a machine that does other things too.
"""

import argparse
import random
import resource
import statistics
import time

from tinygrad_lite import Value, nn
from tinygrad_lite.engine import native

NODES, SAMPLES, STEPS = 20_000, 32, 20


def chain(value, count=NODES):
    """A graph of sums and products, two parents a node, without a number that grows."""
    rng, nodes = random.Random(1), [value(0.5), value(-0.3)]
    for _ in range(count):
        x, y = nodes[rng.randrange(-10, 0) % len(nodes)], nodes[-1]
        nodes.append(x * 0.5 + y * 0.25)
    return nodes[-1]


def seconds(run):
    start = time.thread_time()
    run()
    return time.thread_time() - start


def bytes_of_a_node(count=1_000_000):
    """Of a long chain of products, by what the process came to hold; asked first, while nothing was given back."""
    before, root, factor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Value(0.5), Value(1.0)
    for _ in range(count):
        root = root * factor
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / count


def ratio(name, slow, fast, rounds):
    found = []
    for _ in range(rounds):
        found.append(seconds(slow) / seconds(fast))
    print(f"{name}: {statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})")


def digits():
    """One step of 64-32-10 on 32 samples, by the engine and, from arrays as in `nn.fit`, in compiled code."""
    import numpy as np

    data = nn.datasets.digits()
    X, y = [[ink / 16 for ink in x] for x in data.inputs[:SAMPLES]], data.targets[:SAMPLES]
    slow, fast = nn.MLP(64, [32, 10], init="he", seed=0), nn.MLP(64, [32, 10], init="he", seed=0)
    optimizer = nn.SGD(slow, lr=0.01)
    step = nn.compile_step(fast, nn.cross_entropy, nn.SGD(fast, lr=0.01))
    table, classes = np.array(X), np.array(y)
    step(table, classes)

    def engine():
        optimizer.zero_grad()
        nn.cross_entropy([slow(x) for x in X], y).backward()
        optimizer.step()

    return engine, lambda: [step(table, classes) for _ in range(STEPS)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds

    print("nodes in", "C" if native.node else "Python")
    print(f"bytes of a node: {bytes_of_a_node():.0f}")
    try:
        from micrograd.engine import Value as Theirs
    except ImportError:
        print("micrograd is not installed")
    else:
        small = NODES // 100  # micrograd's backward calls itself, as deep as the graph
        ours, theirs = ([chain(kind, small) for _ in range(20)] for kind in (Value, Theirs))
        ratio("forward, micrograd / ours", lambda: chain(Theirs), lambda: chain(Value), rounds)
        ratio("backward, micrograd / ours", lambda: [x.backward() for x in theirs],
              lambda: [x.backward() for x in ours], rounds)  # fmt: skip
    try:
        engine, compiled = digits()
        ratio(
            f"{STEPS} steps of 64-32-10, engine / compiled", lambda: [engine() for _ in range(STEPS)], compiled, rounds
        )
    except ImportError as missing:
        print(missing)


if __name__ == "__main__":
    main()
