"""Our own rows beside the C: the same losses written in scalars, compiled, with parameters and data in place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tinygrad_lite as tg


class Timed:
    """What run.py times: `call()` computes, `answer()` gives loss and gradient."""

    def __init__(self, step: Any, scale: float = 1.0, extra: float = 0.0) -> None:
        self.call = step
        self.answer = lambda: (step.loss * scale + extra, step.gradient.copy() * scale)


def network(p: Any, x: Any, sizes: tuple[int, ...], act: Callable[[Any], Any]) -> list[Any]:
    """A multilayer perceptron, one neuron after the other."""
    at = 0
    for layer, (inputs, units) in enumerate(zip(sizes, sizes[1:])):  # noqa: B905, RUF007
        out = []
        for j in range(units):
            total = p[at + inputs * units + j]
            for i in range(inputs):
                total = total + p[at + j * inputs + i] * x[i]
            out.append(act(total) if layer < len(sizes) - 2 else total)
        at, x = at + inputs * units + units, out
    return x  # type: ignore[no-any-return]


def softmax_loss(sizes: tuple[int, ...]) -> Callable[..., Any]:
    def loss(p: Any, x: Any, t: Any) -> Any:
        z = network(p, x, sizes, tg.tanh)
        return tg.log(tg.sum([tg.exp(v) for v in z])) - z[t]

    return loss


def mixture_loss(d: int, k: int, n: int) -> Callable[..., Any]:
    """The loss of one point, its share of what depends on parameters alone included."""

    def loss(p: Any, x: Any) -> Any:
        size = d * (d + 1) // 2
        terms, squares = [], []
        for c in range(k):
            mean = p[k + c * d : k + (c + 1) * d]
            icf = p[k + k * d + c * size : k + k * d + (c + 1) * size]
            diagonal = [tg.exp(v) for v in icf[:d]]
            centred = [x[j] - mean[j] for j in range(d)]
            y = [diagonal[j] * centred[j] for j in range(d)]
            at = d
            for i in range(d):
                for j in range(i + 1, d):
                    y[j] = y[j] + icf[at] * centred[i]
                    at += 1
            terms.append(p[c] + tg.sum(list(icf[:d])) - 0.5 * tg.sum([v * v for v in y]))
            squares += [v * v for v in diagonal] + [v * v for v in icf[d:]]
        regular = 0.5 * tg.sum(squares) / n
        return tg.log(tg.sum([tg.exp(v) for v in terms])) - tg.log(tg.sum([tg.exp(v) for v in p[:k]])) + regular

    return loss


def rosenbrock(p: Any) -> Any:
    total = 0.0
    for a, b in zip(p, p[1:]):  # noqa: B905, RUF007
        t = b - a * a
        u = a - 1.0
        total = total + (100.0 * (t * t) + u * u)
    return total


def row(backend: str) -> Callable[[str, Any], Timed]:
    def make(name: str, w: Any) -> Timed:
        start = time.perf_counter()
        made = _made(name, w, backend)
        print(f"  {name} on {backend}: {time.perf_counter() - start:.2f} s from the function to the first result")
        return made

    return make


def _made(name: str, w: Any, backend: str) -> Timed:
    if name == "moons":

        def loss(p: Any, x: Any, y: Any) -> Any:
            score = network(p, x, w.SIZES, tg.relu)[0]
            return tg.relu(1.0 - y * score) + w.ALPHA * tg.sum([v * v for v in p])

        return Timed(tg.compile(loss, batch=("x", "y"), backend=backend).prepare(w.p, w.x, w.y))
    if name in ("digits-32", "digits-1797", "big"):
        return Timed(tg.compile(softmax_loss(w.sizes), batch=("x", "t"), backend=backend).prepare(w.p, w.x, w.y))
    if name == "gmm":
        step = tg.compile(mixture_loss(w.D, w.K, w.rows), batch="x", backend=backend).prepare(w.p, w.x)
        return Timed(step, float(w.rows))
    if name.startswith("rosenbrock"):
        return Timed(tg.compile(rosenbrock, backend=backend).prepare(w.p))
    raise KeyError(name)


ROWS = {"compiled": row("llvm"), "numpy-backend": row("numpy")}
