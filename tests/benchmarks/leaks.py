"""A long study: a million calls of compiled functions leak nothing, and threads that share one do not meet.

    PYTHONPATH=. python tests/benchmarks/leaks.py --calls 1000000

Nine ways of calling take turns: a value, a gradient, `backward` on Values, a prepared call, guards that alternate, a
batch, batches of ever other row counts, lists of ever other lengths, and new functions compiled and dropped. After each
tenth of the calls the resident memory and the number of Python objects are printed. Then threads call one function with
inputs and row counts of their own, and every answer is compared with that of a single thread, bit by bit.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value

MOST = 64
"""Structures and row counts that take turns: a program with endlessly many keeps code for each, as it must."""


def resident() -> float:
    """Megabytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def ways() -> dict[str, tuple[int, Callable[[int], Any]]]:
    """For each way of calling its share of the calls, and the call."""
    curve = tg.compile(lambda w: tg.tanh(w[0] * w[1]) + w[1] ** 2)
    guarded = tg.compile(lambda x: x * x if x > 0 else tg.exp(x))
    row = tg.compile(lambda w, x: tg.tanh(w[0] * x[0] + w[1] * x[1]), batch="x")
    of_any_length = tg.compile(lambda w: tg.sum([tg.tanh(x) for x in w]))
    ready = row.prepare([0.1, 0.2], np.ones((20, 2)))
    batches = [np.full((n + 1, 2), 0.01 * n) for n in range(MOST)]
    lists = [[0.1] * (n + 1) for n in range(MOST)]
    a, b = Value(0.5), Value(1.5)

    def backward(k: int) -> None:
        a.grad = b.grad = 0.0
        curve.backward([a, b])

    def prepared(k: int) -> None:
        ready.parameters[0] = 0.001 * k
        ready()

    def compiled_anew(k: int) -> None:
        tg.compile(lambda x: tg.sin(x) * 2.0).grad(0.5 + k)

    return {
        "value": (200, lambda k: curve([0.001 * k, 1.0])),
        "gradient": (200, lambda k: curve.grad([0.001 * k, 1.0])),
        "backward": (100, backward),
        "prepared": (200, prepared),
        "guards": (100, lambda k: guarded.grad(0.5 if k % 2 else -0.5)),
        "batch": (100, lambda k: row.grad([0.001 * k, 1.0], batches[19])),
        "row counts": (50, lambda k: row.grad([0.1, 1.0], batches[k % MOST])),
        "structures": (49, lambda k: of_any_length.grad(lists[k % MOST])),
        "new functions": (1, compiled_anew),
    }


def repeated(calls: int) -> bool:
    """Whether the second half of the calls left no more objects and hardly more memory than the first."""
    turns = [call for share, call in ways().values() for _ in range(share)]
    marks = []
    started = time.perf_counter()
    print("     calls   resident MB     objects   blocks")
    for k, call in zip(range(calls + 1), itertools.cycle(turns), strict=False):
        if k % max(calls // 10, 1) == 0:
            gc.collect()
            marks.append((resident(), len(gc.get_objects()), sys.getallocatedblocks()))
            print(f"{k:>10,}{marks[-1][0]:>14.1f}{marks[-1][1]:>12,}{marks[-1][2]:>9,}", flush=True)
        call(k)
    print(f"{time.perf_counter() - started:.0f} s")
    half, last = marks[len(marks) // 2], marks[-1]
    return last[1] <= half[1] + 50 and last[2] <= half[2] + 500 and last[0] <= half[0] + 2.0


def shared(threads: int, calls: int) -> int:
    """How many answers of threads that share compiled functions are not those of one thread.

    Two functions have been called before, and must give the same bits. Two are new to all threads, which race to
    compile them: in how many vectors the rows are taken then depends on who is first, and so do the last digits.
    """
    row = tg.compile(lambda w, x: tg.tanh(w[0] * x[0] + w[1] * x[1]) ** 2, batch="x")
    plain = tg.compile(lambda w: tg.exp(w[0]) * w[1] if w[0] > 0 else w[0] * w[1])
    rng = np.random.default_rng(0)
    work = [(rng.normal(size=2), rng.normal(size=(int(n), 2))) for n in rng.integers(1, 200, 40)]
    expected = [(row.value_and_grad(w.tolist(), X), plain.value_and_grad(w.tolist())) for w, X in work]
    fresh_row = tg.compile(lambda w, x: tg.tanh(w[0] * x[0] + w[1] * x[1]) ** 2, batch="x")
    fresh_plain = tg.compile(lambda w: tg.exp(w[0]) * w[1] if w[0] > 0 else w[0] * w[1])
    wrong: list[int] = []

    def near(found: Any, expected: Any) -> bool:
        """Two pairs of a value and slopes, to 1e-12 of the largest slope."""
        xs, ys = ([value, *slopes] for value, slopes in (found, expected))
        return max(abs(x - y) for x, y in zip(xs, ys, strict=True)) <= 1e-12 * max(map(abs, ys))

    def hammer(seed: int) -> None:
        for k in np.random.default_rng(seed).integers(0, len(work), calls).tolist():
            w, X = work[k]
            old = row.value_and_grad(w.tolist(), X), plain.value_and_grad(w.tolist())
            new = fresh_row.value_and_grad(w.tolist(), X), fresh_plain.value_and_grad(w.tolist())
            if old != expected[k] or not all(map(near, new, expected[k])):
                wrong.append(k)

    crowd = [threading.Thread(target=hammer, args=(seed,)) for seed in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return len(wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=4)
    chosen = parser.parse_args()
    flat = repeated(chosen.calls)
    calls = max(chosen.calls // 100, 10)
    wrong = shared(chosen.threads, calls)
    print(f"{'flat' if flat else 'GROWS'}; {chosen.threads} threads, {4 * calls:,} calls each: {wrong} wrong answers")
    return int(not flat or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
