"""Exports beside JAX written by hand: lines, the time of jax.jit, and of a call, for the programs of program_pairs.py.

    python tests/benchmarks/export.py                # all but the largest
    python tests/benchmarks/export.py lstm hmm

Columns: lines of the exported function and of the user's own; seconds of processor time from tracing to the first value
and gradient, and milliseconds of a call, each as a ratio to the hand-written; how far the gradients are apart.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

import program_pairs  # noqa: E402

import tinygrad_lite as tg  # noqa: E402

SMALL = ("hmm", "lstm", "kalman", "attention", "bundle", "convolution", "rollout", "tiny")


def first(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    found = call()
    return time.process_time() - started, found


def milliseconds(call: Callable[[], Any], rounds: int = 15) -> float:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(20):
            call()
        times.append((time.process_time() - started) / 20)
    return 1e3 * median(times)


def written(text: str) -> int:
    """Lines of a function without blank ones and comments."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith(("#", '"""')))


def measured(name: str) -> None:
    import jax
    import jax.numpy as jnp

    pair = program_pairs.PAIRS[name]()
    source = tg.to_jax(pair.scalar, pair.point)
    code = source.code[source.code.index("\ndef ") :]
    x = jnp.array(pair.point)
    fast = jax.jit(jax.value_and_grad(source.function))

    def ours() -> Any:
        value, gradient = fast(x)
        return value, gradient.block_until_ready()

    theirs = pair.other()
    compiling, (value, gradient) = first(ours)
    other, (wanted, right) = first(theirs)
    far = float(jnp.abs(gradient - right).max() / jnp.abs(right).max())
    assert abs(float(value) - float(wanted)) <= 1e-11 * abs(float(wanted)), name
    mine, hand = milliseconds(ours), milliseconds(theirs)
    lines, user = written(code), written(inspect.getsource(pair.scalar))
    print(
        f"{name:12} {lines:5} {user:5} {lines / user:6.2f}   {compiling:7.2f} {compiling / other:6.2f}   "
        f"{mine:8.3f} {mine / hand:6.2f}   {far:.0e}",
        flush=True,
    )


def main() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    print(f"{'':12} lines  user  ratio   jit s   /JAX    call ms   /JAX   gradient")
    for name in sys.argv[1:] or SMALL:
        measured(name)


if __name__ == "__main__":
    main()
