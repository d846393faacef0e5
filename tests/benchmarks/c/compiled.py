"""Our own rows for run.py: the workloads written in scalars and compiled.

    compiled-batch   the loss of one row, compiled for all rows (`batch=`)
    compiled         the loss of the whole batch, written as a loop over the samples
    numpy-backend    as compiled-batch, run by NumPy
    tape             as compiled-batch, run as plain Python

Each row times the bare call of the code (`prepare`); the time from the trace to the first result is printed too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import tinygrad_lite as tg

Scalars = list[Any]


def layers(p: Scalars, sizes: tuple[int, ...]) -> list[list[tuple[Scalars, Any]]]:
    """For each layer its neurons: (weights, bias)."""
    found, at = [], 0
    for inputs, units in pairwise(sizes):
        bias = at + inputs * units
        found.append([(p[at + j * inputs : at + (j + 1) * inputs], p[bias + j]) for j in range(units)])
        at = bias + units
    return found


def moons(w: Any) -> Callable[..., Any]:
    def row(p: Scalars, x: Scalars, y: Any) -> Any:
        first, second, [(last, bias)] = layers(p, w.SIZES)
        h = [tg.dot(ws, x, b).relu() for ws, b in first]
        h = [tg.dot(ws, h, b).relu() for ws, b in second]
        return (1.0 - y * tg.dot(last, h, bias)).relu() + w.ALPHA * tg.dot(p, p)

    return row


def softmax(w: Any) -> Callable[..., Any]:
    def row(p: Scalars, x: Scalars, y: Any) -> Any:
        hidden, out = layers(p, w.sizes)
        h = [tg.dot(ws, x, b).tanh() for ws, b in hidden]
        z = [tg.dot(ws, h, b) for ws, b in out]
        return tg.logsumexp(z) - z[y]

    return row


def mixture(w: Any) -> Callable[..., Any]:
    """The share of one point: the mean over the points, times their number, is the whole objective."""
    d, k = w.D, w.K

    def row(p: Scalars, x: Scalars, y: Any) -> Any:
        alphas, squares, terms = p[:k], [], []
        for c in range(k):
            mean = p[k + c * d : k + (c + 1) * d]
            rest = p[k + k * d + c * 55 : k + k * d + (c + 1) * 55]
            logs, triangle = rest[:d], iter(rest[d:])
            diagonal = [q.exp() for q in logs]
            centred = [a - b for a, b in zip(x, mean, strict=True)]
            lines = [[q * e] for q, e in zip(diagonal, centred, strict=True)]
            for i in range(d):
                for j in range(i + 1, d):
                    lines[j].append(next(triangle) * centred[i])
            y_ = [tg.sum(line) for line in lines]
            terms.append(alphas[c] + tg.sum(logs) - 0.5 * tg.dot(y_, y_))
            squares += [*diagonal, *rest[d:]]
        shared = 0.5 * tg.dot(squares, squares) / float(w.rows) - tg.logsumexp(alphas)
        return tg.logsumexp(terms) + shared

    return row


def rosenbrock(p: Scalars) -> Any:
    total: Any = 0.0
    for a, b in pairwise(p):
        total = total + 100.0 * (b - a * a) ** 2 + (a - 1.0) ** 2
    return total


ROW = {"moons": moons, "digits": softmax, "big": softmax, "gmm": mixture}


def by_row(backend: str) -> Callable[[str, Any], Any]:
    """The loss of one row, on that back end."""

    def make(name: str, w: Any) -> Any:
        started = time.perf_counter()
        if w.entry == "rosenbrock":
            ready = tg.compile(rosenbrock, backend=backend).prepare(w.p)
            return finished(ready, 1.0, name, backend, started)
        y = w.y.astype(int) if w.entry in ("digits", "big") else w.y
        ready = tg.compile(ROW[w.entry](w), batch=("x", "y"), backend=backend).prepare(w.p, w.x, y)
        return finished(ready, float(w.rows) if w.entry == "gmm" else 1.0, name, backend, started)

    return make


def whole(name: str, w: Any) -> Any:
    """The loss of the batch as a loop over its samples, data and labels being plain numbers of the program."""
    if w.entry == "rosenbrock":
        raise NotImplementedError("it has no rows, see compiled-batch")
    if w.entry == "big":
        raise NotImplementedError("13 million operations to trace")
    started = time.perf_counter()
    row = ROW[w.entry](w)
    X = w.x.tolist()
    labels = w.y.astype(int).tolist() if w.entry == "digits" else w.y.tolist()

    def loss(p: Scalars) -> Any:
        total: Any = 0.0
        for x, y in zip(X, labels, strict=True):
            total = total + row(p, x, y)
        return total / float(len(X))

    ready = tg.compile(loss).prepare(w.p)
    return finished(ready, float(w.rows) if w.entry == "gmm" else 1.0, name, "compiled", started)


def finished(ready: Any, scale: float, name: str, how: str, started: float) -> Any:
    print(f"    {name}, {how}: {time.perf_counter() - started:.2f} s from the trace to the first result", flush=True)

    class Row:
        call = staticmethod(ready)

        @staticmethod
        def answer() -> tuple[float, Any]:
            return ready.loss * scale, ready.gradient * scale

    return Row


ROWS: dict[str, Callable[[str, Any], Any]] = {
    "compiled-batch": by_row("llvm"),
    "compiled": whole,
    "numpy-backend": by_row("numpy"),
    "tape": by_row("tape"),
}
