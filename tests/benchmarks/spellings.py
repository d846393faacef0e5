"""One computation, written in the ways in which people write it: how many times as long each takes as the shortest.

    PYTHONPATH=. python tests/benchmarks/spellings.py

Ratios within one run, the smallest of fifteen turns, the collector off and on. With nodes in C no way should stand out.
"""

import gc
import timeit

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value


class Own(Value):
    """A subclass that changes nothing of the arithmetic."""

    __slots__ = ()


x, y, own = Value(0.3), Value(2.0), Own(0.3)
f64, f32, i64 = np.float64(2.0), np.float32(2.0), np.int64(2)
row = np.linspace(0.1, 1.0, 100)
weights = [Value(v) for v in row.tolist()]


def chain(p):
    for _ in range(1000):
        p = p * 1.0001 + 0.001
    return p


def by_backward():
    p = Value(1.0)
    chain(p).backward()
    return p.grad


by_grad = tg.grad(chain)
WAYS = {
    "x * 2.0": ["x * 2", "2.0 * x", "x * f64", "f64 * x", "x * f32", "x * i64", "i64 * x", "own * 2.0", "x * y"],
    "x.tanh()": ["tg.tanh(x)", "own.tanh()", "x.softplus()", "tg.softplus(x)"],
    "x**2": ["x**0.5", "x**y", "2.0**x", "x**f64"],
    "tg.dot(weights, row.tolist())": ["tg.dot(weights, row)", "sum(w * v for w, v in zip(weights, row))"],
    "by_backward()": ["by_grad(1.0)"],
}


def seconds(way):
    timer = timeit.Timer(way, globals=globals())
    number = max(1, int(2e-4 / min(timer.repeat(3, 1))))
    return min(timer.repeat(15, number)) / number


for on in (False, True):
    (gc.enable if on else gc.disable)()
    print(f"collector {'on' if on else 'off'}")
    for shortest, others in WAYS.items():
        base = min(seconds(shortest) for _ in range(2))
        print(f"  {shortest:31} 1   " + "   ".join(f"{way}: {seconds(way) / base:.1f}" for way in others))
