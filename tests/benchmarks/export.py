"""Exports beside JAX and PyTorch written by hand: lines, the time of jax.jit, and of a call.

    python tests/benchmarks/export.py                # the programs of program_pairs.py, all but the largest, beside JAX
    python tests/benchmarks/export.py lstm hmm
    python tests/benchmarks/export.py --torch        # those of BY_HAND beside PyTorch: lines and a call

Columns: lines of the exported function and of the user's own; seconds of processor time from tracing to the first value
and gradient, and milliseconds of a call, each as a ratio to the hand-written; how far the gradients are apart.
"""

from __future__ import annotations

import inspect
import math
import random
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


def torch_tiny(torch: Any) -> Callable[[Any], Any]:
    return lambda x: x[0] * x[0] + 1.0


def torch_attention(torch: Any) -> Callable[[Any], Any]:
    rng = random.Random(6)  # the numbers of program_pairs.attention
    x, y = (torch.tensor([program_pairs.normal(rng, 8) for _ in range(16)], dtype=torch.float64) for _ in range(2))

    def f(p: Any) -> Any:
        q, k, v = (x @ w for w in p.reshape(3, 8, 8))
        return torch.sum((torch.softmax(q @ k.T / math.sqrt(8), dim=1) @ v - y) ** 2)

    return f


def torch_lstm(torch: Any) -> Callable[[Any], Any]:
    rng = random.Random(2)  # the numbers of program_pairs.lstm
    data = torch.tensor([program_pairs.normal(rng, 4) for _ in range(20)], dtype=torch.float64)
    goal = torch.tensor(program_pairs.normal(rng, 12, 0.5), dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)

    def f(p: Any) -> Any:
        weights = p.reshape(48, 17)
        state = cell = torch.zeros(12, dtype=torch.float64)
        for x in data:
            i, f, o, g = torch.split(weights @ torch.cat([x, state, one]), 12)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            state = torch.sigmoid(o) * torch.tanh(cell)
        return torch.sum((state - goal) ** 2)

    return f


BY_HAND = {"tiny": torch_tiny, "attention": torch_attention, "lstm": torch_lstm}


def beside_torch(name: str) -> None:
    """Lines, and a call of value and gradient: the export and the hand-written turn by turn, the least of many."""
    import torch

    torch.set_num_threads(1)
    pair = program_pairs.PAIRS[name]()
    source = tg.to_torch(pair.scalar, pair.point)
    x = torch.tensor(pair.point, dtype=torch.float64, requires_grad=True)

    def both(f: Callable[[Any], Any]) -> tuple[Any, Any]:
        value = f(x)
        return value.detach(), torch.autograd.grad(value, x)[0]

    mine, hand = source.function, BY_HAND[name](torch)
    (value, gradient), (wanted, right) = both(mine), both(hand)
    far = float((gradient - right).abs().max() / right.abs().max())
    assert abs(float(value) - float(wanted)) <= 1e-11 * abs(float(wanted)), name
    least = {mine: math.inf, hand: math.inf}
    for _ in range(200):
        for f in least:
            least[f] = min(least[f], first(lambda f=f: both(f))[0])
    lines, user = written(source.code[source.code.index("\ndef ") :]), written(inspect.getsource(pair.scalar))
    print(
        f"{name:12} {lines:5} {user:5} {lines / user:6.2f}   {1e3 * least[mine]:8.3f} "
        f"{least[mine] / least[hand]:6.2f}   {far:.0e}",
        flush=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--torch"]:
        print(f"{'':12} lines  user  ratio    call ms /torch   gradient")
        for name in sys.argv[2:] or BY_HAND:
            beside_torch(name)
        return
    import jax

    jax.config.update("jax_enable_x64", True)
    print(f"{'':12} lines  user  ratio   jit s   /JAX    call ms   /JAX   gradient")
    for name in sys.argv[1:] or SMALL:
        measured(name)


if __name__ == "__main__":
    main()
