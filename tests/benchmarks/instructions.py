"""The eager engine in pure Python, old and new checkout side by side, in instructions that valgrind counts.

    python tests/benchmarks/instructions.py OLD_CHECKOUT NEW_CHECKOUT

Counts do not depend on what else the machine does. Each program runs at two sizes and the difference is taken, so
that starting Python and importing cancel out; with the collector on and off. Needs valgrind; a few minutes.
"""

import os
import subprocess
import sys

PROGRAM = """
import gc, random, sys
from itertools import pairwise
import tinygrad_lite as tg
from tinygrad_lite import Value

def chain(n):
    y = Value(0.5)
    for _ in range(n):
        y = 1e-6 + 0.999999 * y
    return y

def network(n, fused=False):
    rng, sizes = random.Random(1), (2, 16, 16, 1)
    unit = lambda inputs: ([Value(rng.uniform(-1, 1)) for _ in range(inputs)], Value(0.0))
    layers = [[unit(inputs) for _ in range(units)] for inputs, units in pairwise(sizes)]
    total = Value(0.0)
    for _ in range(n):
        x = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
        for k, layer in enumerate(layers):
            sums = []
            for w, b in layer:
                acc = tg.dot(w, x, b) if fused else b
                for wi, xi in () if fused else zip(w, x):
                    acc = acc + xi * wi
                sums.append(acc.relu() if k < 2 else acc)
            x = sums
        total = total + (1.0 + -rng.choice((-1.0, 1.0)) * x[0]).relu()
    return total

programs = {"chain": chain, "network": network, "fused": lambda n: network(n, fused=True)}
if sys.argv[3] == "off":
    gc.disable()
root = programs[sys.argv[1]](int(sys.argv[2]))
root.backward()
del root
"""
SIZES = {"chain": (3000, 9000), "network": (6, 18), "fused": (20, 60)}


def instructions(checkout: str, *words: str) -> int:
    """Instructions of one run."""
    env = {**os.environ, "PYTHONPATH": checkout, "PYTHONHASHSEED": "0", "TINYGRAD_LITE_PURE": "1"}
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    run = subprocess.run(
        [*valgrind, sys.executable, "-c", PROGRAM, *words], env=env, cwd=checkout, capture_output=True, text=True
    )
    (line,) = [line for line in run.stderr.splitlines() if "Collected" in line]
    if run.returncode:
        raise SystemExit(run.stderr[-2000:])
    return int(line.split()[-1])


def main(old: str, new: str) -> None:
    print("program  collector   new / old")
    for name, (small, large) in SIZES.items():
        for collector in ("on", "off"):
            cost = [
                instructions(tree, name, str(large), collector) - instructions(tree, name, str(small), collector)
                for tree in (old, new)
            ]
            print(f"{name:8} {collector:9}   {cost[1] / cost[0]:.3f}", flush=True)


if __name__ == "__main__":
    main(*(os.path.abspath(tree) for tree in sys.argv[1:3]))
