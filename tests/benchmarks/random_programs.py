"""A long study: thousands of random programs give the engine's answer on every back end.

    PYTHONPATH=. python tests/benchmarks/random_programs.py --programs 3000
    PYTHONPATH=. python tests/benchmarks/random_programs.py --programs 3000 --structured

The programs are those of tests/compiler/random_programs.py: every row of the table in turn, branches, reuse, constants,
ops of many operands, batches of any number of rows, labels, losses written as loops over samples, samples of different
lengths and of different classes. Each is compiled, run at several points, and compared with the engine's value and
gradient to 1e-12, relative to the largest entry. 3,000 take a quarter of an hour of processor time on LLVM, whose
compiling is what takes it, and minutes on the other two. A program that the engine refuses at its point, as
atan2(0, 0), counts as refused and nothing else.

With `--structured` the programs are those of tests/compiler/structured.py: vectors of any length through layers, maps,
triangles, choices and neighbours, on grids too, which is what the compiler's loops are made for; and graphs without
structure. The back end "first" is the one that answers first: where llvmlite is, the tape in machine code.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections import Counter

os.environ.setdefault("TINYGRAD_LITE_CACHE", "off")  # thousands of programs that are never met again

from tests.compiler.random_programs import KINDS, rows_on, worst
from tests.compiler.structured import farthest
from tinygrad_lite.compiler import available
from tinygrad_lite.errors import DomainError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=3000)
    parser.add_argument("--first", type=int, default=12_000, help="number of the first program")
    parser.add_argument("--backends", default=",".join(["first", *available()]))
    parser.add_argument("--structured", action="store_true", help="programs of vectors instead")
    chosen = parser.parse_args()
    warnings.simplefilter("error")  # a program that falls back to the engine has not been compiled
    bad = 0
    for name in chosen.backends.split(","):
        backend = None if name == "first" else name
        rows = rows_on(backend)
        start, largest, tried = time.process_time(), 0.0, Counter()
        for seed in range(chosen.first, chosen.first + chosen.programs):
            try:
                found = farthest(seed, backend) if chosen.structured else worst(seed, backend, rows)
            except DomainError:
                tried["refused by the engine"] += 1
                continue
            except Exception as reason:
                found = float("inf")
                print(f"  program {seed} on {name}: {type(reason).__name__}: {str(reason).splitlines()[0]}")
            largest = max(largest, found)
            tried["structured" if chosen.structured else KINDS[seed % len(KINDS)]] += 1
            if not found <= 1e-12:
                bad += 1
                print(f"  program {seed} on {name}: {found:.1e} away", flush=True)
        counts = ", ".join(f"{n} {kind}" for kind, n in tried.items())
        print(f"{name}: {chosen.programs} programs over {len(rows)} rows of the table ({counts}),")
        print(f"  at most {largest:.1e} away, {time.process_time() - start:.0f} s of processor time", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
