"""A long study: thousands of random programs give the engine's answer on every back end.

    PYTHONPATH=. python tests/benchmarks/random_programs.py --programs 3000

The programs are those of tests/compiler: branches, reuse, constants, ops of many operands, batches with any number of
rows, and losses written as loops over samples. Each is compiled, run at several points, and compared with the
engine's value and gradient to 1e-12, relative to the largest entry. Takes about an hour for 3,000.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

import tinygrad_lite as tg
from tests.compiler.test_batched import _random_loss
from tests.compiler.test_compile import _program
from tinygrad_lite import Value
from tinygrad_lite.compiler import available


def engine(f, points):
    leaves = [Value(x) for x in points]
    root = f(leaves)
    root.backward()
    return [root.data, *(leaf.grad for leaf in leaves)]


def apart(found, expected):
    scale = max(map(abs, expected[1:])) or 1.0
    worst = abs(found[0] - expected[0]) / (abs(expected[0]) or 1.0)
    return max([worst, *(abs(x - y) / scale for x, y in zip(found[1:], expected[1:], strict=True))])


def one(seed: int, backend: str) -> float:
    """The largest disagreement of one random program on one back end."""
    rng = random.Random(seed)
    kind = seed % 3
    worst = 0.0
    if kind == 0:
        f = _program(rng)
        fast = tg.compile(f, backend=None if backend == "llvm" else backend)
        points = [[rng.uniform(-1.5, 1.5) for _ in range(3)] for _ in range(3)]
        for p in points:
            value, slopes = fast.value_and_grad(p)
            worst = max(worst, apart([value, *slopes], engine(f, p)))
        return worst
    row = _random_loss(rng)
    rows = rng.randrange(1, 70)
    data = [[rng.uniform(-1.5, 1.5) for _ in range(2)] for _ in range(rows)]

    def mean(p):
        return tg.sum([row(p, x) for x in data]) / rows

    def loop(p):
        return sum(row(p, x) for x in data) / rows

    fast = tg.compile(row, batch="x", backend=backend) if kind == 1 else tg.compile(loop, backend=backend)
    for _ in range(2):
        p = [rng.uniform(-1.5, 1.5) for _ in range(4)]
        value, slopes = fast.value_and_grad(p, data) if kind == 1 else fast.value_and_grad(p)
        worst = max(worst, apart([value, *slopes], engine(mean, p)))
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=3000)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first program")
    parser.add_argument("--backends", default=",".join(available()))
    chosen = parser.parse_args()
    bad = 0
    for backend in chosen.backends.split(","):
        start, worst = time.perf_counter(), 0.0
        for seed in range(chosen.first, chosen.first + chosen.programs):
            found = one(seed, backend)
            worst = max(worst, found)
            if not found <= 1e-12:
                bad += 1
                print(f"  program {seed} on {backend}: {found:.1e} away")
        print(f"{backend}: {chosen.programs} programs, at most {worst:.1e} away, {time.perf_counter() - start:.0f} s")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
