"""A long study of the vector kernels: how many ulps they are off at worst, and what an element costs.

    python tests/benchmarks/kernels/study.py                      # every kernel, 20,000 points an interval
    python tests/benchmarks/kernels/study.py exp log tanh --points 2000000

The exact values are mpmath's (200 bits), so a million points take a minute a kernel; `--long-double` compares exp,
log, tanh and others with the C library's 80-bit functions instead, which is a thousand times quicker and
good to about 0.001 ulp. Each interval is that of tests/compiler/test_kernels.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import time
from pathlib import Path

import mpmath
import numpy as np

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[3]))

from tests.compiler.elementwise import elementwise, loop  # noqa: E402
from tinygrad_lite.compiler.backends.llvm import jit  # noqa: E402


def the_tests():
    """The module of the tests, for its intervals and its exact functions."""
    spec = importlib.util.spec_from_file_location("kernel_tests", HERE.parents[2] / "compiler" / "test_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(tests, interval, count, seed):
    """`count` numbers of one interval as an array."""
    if interval == "bits":
        rng = random.Random(seed)
        numbers = np.frombuffer(rng.randbytes(8 * count), dtype=np.float64).copy()
        numbers[~np.isfinite(numbers)] = 1.0
        return numbers
    return np.random.default_rng(seed).uniform(*interval, count)


def ulps_by_long_double(name, operands, got):
    """Distance to the C library's 80-bit function, in ulps of the double."""
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(*(x.astype(np.longdouble) for x in operands))
        nearest = exact.astype(np.float64)
        off = np.abs(got.astype(np.longdouble) - exact) / np.spacing(np.abs(nearest))
    agree = (np.isnan(exact) & np.isnan(got)) | (nearest == got)
    return np.where(np.isfinite(off), off, np.where(agree, 0.0, np.inf)).astype(float)


def cost(name, operands, rows=8192):
    """Nanoseconds of thread time for one element, the arrays being in the cache."""
    columns = [np.empty(rows), *(np.resize(x, rows) for x in operands)]
    arguments = np.array([rows, *(column.ctypes.data for column in columns)], dtype=np.int64)
    compiled = jit.compile_ir(loop(name, jit.host().lanes), "elementwise")
    best = float("inf")
    for _ in range(20):
        started = time.thread_time_ns()
        compiled.call(arguments.ctypes.data)
        best = min(best, (time.thread_time_ns() - started) / rows)
    return best


def main() -> int:
    tests = the_tests()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="kernels; all of them if none is named")
    parser.add_argument("--points", type=int, default=20_000, help="for each interval")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--long-double", action="store_true", help="compare with 80-bit functions, not with mpmath")
    chosen = parser.parse_args()
    print(f"{jit.host().cpu}, {jit.host().lanes} lanes; {chosen.points:,} points for each interval")
    print(f"{'kernel':11} {'worst ulp':>9} {'mean ulp':>8} {'ns/element':>10}  worst at")
    failed = False
    for name in chosen.names or tests.BOUNDS:
        allowed, intervals = tests.BOUNDS[name]
        worst, total, count, at, nanoseconds = 0.0, 0.0, 0, None, float("inf")
        for number, interval in enumerate(intervals):
            each = interval if isinstance(interval[0], tuple) else (interval,)
            operands = [draw(tests, one, chosen.points, chosen.seed + 100 * number + i) for i, one in enumerate(each)]
            got = np.asarray(elementwise(name, *operands))
            nanoseconds = min(nanoseconds, cost(name, operands))
            if chosen.long_double and hasattr(np, name):
                off = ulps_by_long_double(name, operands, got)
            else:
                rows = zip(*(x.tolist() for x in operands), strict=True)
                exact = (tests.EXACT[name](*map(mpmath.mpf, xs)) for xs in rows)
                off = np.array([tests.ulps(y, e) for y, e in zip(got.tolist(), exact, strict=True)])
            i = int(off.argmax())
            if off[i] > worst:
                worst, at = float(off[i]), tuple(float(x[i]) for x in operands)
            total, count = total + off.sum(), count + len(off)
        failed |= worst > allowed
        over = "  OVER" if worst > allowed else ""
        print(f"{name:11} {worst:9.3f} {total / count:8.3f} {nanoseconds:10.2f}  {at}{over}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
