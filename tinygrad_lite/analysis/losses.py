"""The losses that are known: sums over a function of prediction and target, with derivative and spelling.

Every function here works on one problem or on many candidates at once (a further axis in front).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = Any


class LossKind(NamedTuple):
    """A sum over all entries of a function of prediction and target, and its derivative w.r.t. the prediction.

    Attributes:
        written: the derivative as people write it.
        fits: whether prediction and target may be put in.
        targets: whether this is a target of such a loss.
        unguarded: the loss people differentiate, without the epsilon that guards its logarithm; None if it is this.
        delta: where Huber's parabola ends.
    """

    name: str
    terms: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]
    written: str
    fits: Callable[[Array, Array], bool] = lambda p, y: True
    targets: Callable[[Array], bool] = lambda y: True
    unguarded: Any = None
    epsilon: float = 0.0
    delta: float = 0.0

    @property
    def plain(self) -> LossKind:
        """The loss without what guards its logarithm."""
        return self.unguarded or self

    def __repr__(self) -> str:
        return self.name


def _shares(y: Array) -> bool:
    return bool(np.all((y >= 0) & (y <= 1)))


def _signs(y: Array) -> bool:
    return bool(np.all(np.abs(y) == 1))


def _one_hot(y: Array) -> bool:
    return bool(y.shape[-1] > 1 and np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=-1) == 1))


SQUARE = LossKind("squared error", lambda p, y: (p - y) ** 2, lambda p, y: 2 * (p - y), "2 * (P - y)")
ABSOLUTE = LossKind("absolute error", lambda p, y: np.abs(p - y), lambda p, y: np.sign(p - y), "sign(P - y)")
BINARY = LossKind(
    "binary cross-entropy",
    lambda p, y: -(y * np.log(p) + (1 - y) * np.log1p(-p)),
    lambda p, y: (p - y) / (p * (1 - p)),
    "(P - y) / (P * (1 - P))",
    lambda p, y: bool(np.all((p > 0) & (p < 1))),
    _shares,
)
CROSS = LossKind(
    "cross-entropy",
    lambda p, y: -y * np.log(p),
    lambda p, y: -y / p,
    "-y / P",
    lambda p, y: bool(np.all(p > 0)),
    _shares,
)
HINGE = LossKind(
    "hinge",
    lambda p, y: np.maximum(0.0, 1 - y * p),
    lambda p, y: -y * (1 - y * p > 0),
    "-y * (y * P < 1)",
    lambda p, y: _signs(y),
    _signs,
)


def huber(delta: float) -> LossKind:
    """Huber's loss: half the square of an error up to delta, and a straight line beyond."""
    d = f"{delta:g}"

    def terms(p: Array, y: Array) -> Array:
        c = np.clip(p - y, -delta, delta)
        return c * (p - y - 0.5 * c)

    return LossKind(
        "Huber's loss" + (f" (delta = {d})" if delta != 1 else ""),
        terms,
        lambda p, y: np.clip(p - y, -delta, delta),
        f"np.clip(P - y, -{d}, {d})",
        delta=delta,
    )


def margins(p: Array, y: Array) -> Array:
    """1 - P[right] + P[other] for each other class of each row, and 0 at the right one; y is one-hot."""
    return (1 - (p * y).sum(axis=-1, keepdims=True) + p) * (1 - y)


def _violated(p: Array, y: Array) -> Array:
    """The derivative of the summed margins: 1 for each class too close, minus their number for the right one."""
    over = (margins(p, y) > 0) * 1.0
    return over - y * over.sum(axis=-1, keepdims=True)


HUBER = huber(1.0)
MARGINS = LossKind(
    "multi-class hinge",
    lambda p, y: np.maximum(0.0, margins(p, y)),
    _violated,
    "M - y * M.sum(axis=-1, keepdims=True), with M = 1 where 1 - P[right] + P > 0 and the class is not the right one",
    lambda p, y: _one_hot(y),
    _one_hot,
)
KINDS = [SQUARE, ABSOLUTE, BINARY, CROSS, HINGE, HUBER, MARGINS]
HUBERS = [huber(delta) for delta in (0.5, 2.0, 1.345, 1.5, 0.1, 0.2, 5.0)]
"""Huber's loss as it is used too, tried when no other loss fits."""


def guarded(kind: LossKind, e: float) -> LossKind:
    """A cross-entropy with a small number added inside the logarithm, as many programs have it."""
    if kind is CROSS:
        terms, derivative = lambda p, y: -y * np.log(p + e), lambda p, y: -y / (p + e)
        return kind._replace(terms=terms, derivative=derivative, unguarded=kind, epsilon=e)
    return kind._replace(
        terms=lambda p, y: -(y * np.log(p + e) + (1 - y) * np.log(1 - p + e)),
        derivative=lambda p, y: -y / (p + e) + (1 - y) / (1 - p + e),
        unguarded=kind,
        epsilon=e,
    )


GUARDED = [guarded(kind, 10.0**-k) for kind in (BINARY, CROSS) for k in range(5, 16)]

REDUCTIONS: list[tuple[str, float, int, int]] = [  # words, constant, power of 1/N, power of 1/O
    ("mean over all entries", 1.0, 1, 1),
    ("mean over samples", 1.0, 1, 0),
    ("sum", 1.0, 0, 0),
    ("half the mean over all entries", 0.5, 1, 1),
    ("half the mean over samples", 0.5, 1, 0),
    ("half the sum", 0.5, 0, 0),
    ("mean over outputs", 1.0, 0, 1),
]
