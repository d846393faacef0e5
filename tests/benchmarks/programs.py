"""Programs as people write them, in scalars, beside the same in JAX's arrays: first results and calls in one run.

    python tests/benchmarks/programs.py                       # every program
    python tests/benchmarks/programs.py hmm lstm --rounds 31 --repeats 3

Each is a function of one list of floats. Its gradient must agree with JAX's (of the irregular graph: with a tape in C)
to 1e-12 of the largest entry before anything is timed. Columns, in seconds and milliseconds of processor time:

    first      from tg.compile to the first value and gradient: a process of its own, an empty cache, imports apart
    call       the prepared call
    list       value_and_grad on a plain list of floats
    tier       what ran the first call, and the prepared one

Behind each stands its ratio to JAX: to tracing, compiling and running `jax.jit(jax.value_and_grad(f))` for the first
time, and to a call of it. The machine-code tape is made once for a machine; that is told apart.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

import program_pairs  # noqa: E402

CLOSE = 1e-12


class First(NamedTuple):
    """What one fresh process said."""

    seconds: float
    value: float
    gradient: list[float]
    tier: str = ""


def ours(name: str) -> First:
    """The first result of tg.compile."""
    import llvmlite.binding
    import numpy  # noqa: F401

    import tinygrad_lite as tg
    import tinygrad_lite.compiler

    llvmlite.binding.initialize_native_target()
    pair = program_pairs.PAIRS[name]()
    started = time.process_time()
    fast = tg.compile(pair.scalar)
    value, gradient = fast.value_and_grad(pair.point)
    seconds = time.process_time() - started
    return First(seconds, value, gradient, tier(fast))


def theirs(name: str) -> First:
    """The first result of JAX, or of the tape in C."""
    pair = program_pairs.PAIRS[name]()
    call = pair.other()
    started = time.process_time()
    value, gradient = call()
    return First(time.process_time() - started, float(value), [*map(float, gradient)])


def tier(fast: Any) -> str:
    """What runs the latest program, in a word."""
    program = fast._programs_made()[-1]
    return getattr([*program.runners.values()][-1], "name", "?")


def fresh(side: str, name: str, cache: Path) -> First:
    """The same in a process of its own."""
    env = os.environ | {"TINYGRAD_LITE_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).resolve()), "--once", side, name]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    return First(**json.loads(done.stdout.splitlines()[-1]))


def apart(xs: list[float], ys: list[float]) -> float:
    """The largest difference, relative to the largest number."""
    scale = max(map(abs, ys)) or 1.0
    return max(abs(x - y) for x, y in zip(xs, ys, strict=True)) / scale


def milliseconds(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """The median time of each call, taken in turns."""
    counts = []
    for call in calls:
        call()
        started = time.process_time()
        call()
        counts.append(max(1, int(0.01 / max(time.process_time() - started, 1e-6))))
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, count, times in zip(calls, counts, found, strict=True):
            started = time.process_time()
            for _ in range(count):
                call()
            times.append(1e3 * (time.process_time() - started) / count)
    return [*map(median, found)]


def calls(name: str, rounds: int) -> dict[str, Any]:
    """Our calls and theirs, in turns, in this process."""
    import tinygrad_lite as tg

    pair = program_pairs.PAIRS[name]()
    fast = tg.compile(pair.scalar)
    value, gradient = fast.value_and_grad(pair.point)
    prepared, other = fast.prepare(pair.point), pair.other()
    prepared()
    expected = other()
    for what, got in (("call", [value, *gradient]), ("prepared call", prepared.out[: 1 + len(pair.point)].tolist())):
        far = apart([float(x) for x in got], [float(expected[0]), *map(float, expected[1])])
        if not far < CLOSE:
            raise AssertionError(f"{name}: the {what} is {far:.1e} away from the other side's.")
    mine, listed, others = milliseconds([prepared, lambda: fast.value_and_grad(pair.point), other], rounds)
    return {"call": mine, "list": listed, "other": others, "tier": tier(fast)}


def measured(name: str, rounds: int, repeats: int, tape: Path) -> list[float]:
    """One line of the table; its ratios."""
    firsts: dict[str, list[First]] = {"ours": [], "theirs": []}
    for _ in range(repeats):
        for side, found in firsts.items():
            with tempfile.TemporaryDirectory() as folder:
                cache = Path(folder) / "cache"
                shutil.copytree(tape, cache)
                found.append(fresh(side, name, cache))
    mine, other = firsts["ours"][0], firsts["theirs"][0]
    far = apart([mine.value, *mine.gradient], [other.value, *other.gradient])
    if not far < CLOSE:
        raise AssertionError(f"{name}: the first result is {far:.1e} away from the other side's.")
    first, first_other = (median(run.seconds for run in found) for found in firsts.values())
    run = calls(name, rounds)
    ratios = [first / first_other, run["call"] / run["other"], run["list"] / run["other"]]
    print(
        f"{name:11} {first:7.2f} {ratios[0]:6.2f}   {run['call']:8.4f} {ratios[1]:6.2f}   {run['list']:8.4f} "
        f"{ratios[2]:6.2f}   {first_other:6.2f} {run['other']:8.4f}   {mine.tier}, {run['tier']}",
        flush=True,
    )
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(program_pairs.PAIRS)}; by default all")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--once", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.once:
        side, name = chosen.once
        print(json.dumps((ours if side == "ours" else theirs)(name)._asdict()))
        return
    unknown = [name for name in chosen.names if name not in program_pairs.PAIRS]
    if unknown:
        parser.error(f"no program is named {', '.join(unknown)}; there are {', '.join(program_pairs.PAIRS)}")
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder) / "tape"
        tape.mkdir(mode=0o700)
        print(f"making the tape, once for a machine, and x*x+1: {fresh('ours', 'tiny', tape).seconds:.2f} s")
        print(
            f"{'':11} {'first s':>7} {'/JAX':>6}   {'call ms':>8} {'/JAX':>6}   {'list ms':>8} {'/JAX':>6}   JAX: s, ms"
        )
        table = [measured(name, chosen.rounds, chosen.repeats, tape) for name in chosen.names or program_pairs.PAIRS]
    for what, column in zip(("first", "call", "list"), zip(*table, strict=True), strict=True):
        print(f"{what}: geometric mean {geometric_mean(column):.2f}, worst {max(column):.2f}")
    if not all(math.isfinite(ratio) for line in table for ratio in line):
        raise AssertionError("a ratio is no number")


if __name__ == "__main__":
    main()
