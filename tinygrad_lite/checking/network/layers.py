"""What layers and losses can be: the activations and losses that a diagnosis knows, with their derivatives.

Every function here works on one problem or on many candidates at once (a further axis in front).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.network.arrays import np

Array = Any


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), through tanh so that it never overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def softmax(z: Array) -> Array:
    """Rows of positive numbers that sum to 1."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Activation:
    """A function and its derivative, the derivative once as a function of z and once as written with the output a."""

    def __init__(
        self,
        name: str,
        forward: Callable[[Array], Array],
        derivative: Callable[[Array], Array],
        of_output: Callable[[Array], Array] | None = None,
        written: str = "",
        of_z: str = "",
    ) -> None:
        self.name = name
        self.forward = forward
        self.derivative = derivative  # of z
        self.of_output = of_output  # the same derivative as a formula of a = forward(z), if people write it so
        self.written = written  # that formula, in {a}
        self.of_z = of_z  # the derivative as people write it, in {z}

    def __repr__(self) -> str:
        return self.name


def leaky(alpha: float) -> Activation:
    """The leaky relu: z where positive, alpha * z elsewhere."""
    return Activation(
        f"leaky_relu({alpha:g})",
        lambda z: np.where(z > 0, z, alpha * z),
        lambda z: np.where(z > 0, 1.0, alpha),
        of_z=f"np.where({{z}} > 0, 1, {alpha:g})",
    )


LINEAR = Activation("linear", lambda z: z, np.ones_like, of_z="1")
RELU = Activation("relu", lambda z: np.maximum(z, 0.0), lambda z: (z > 0) * 1.0, of_z="({z} > 0)")
SIGMOID = Activation(
    "sigmoid",
    sigmoid,
    lambda z: sigmoid(z) * (1 - sigmoid(z)),
    lambda a: a * (1 - a),
    "{a} * (1 - {a})",
    "sigmoid({z}) * (1 - sigmoid({z}))",
)
TANH = Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda a: 1 - a * a, "1 - {a}**2", "1 - tanh({z})**2")
SOFTPLUS = Activation("softplus", lambda z: np.logaddexp(0.0, z), sigmoid, of_z="sigmoid({z})")
SOFTMAX = Activation("softmax", softmax, lambda z: softmax(z) * (1 - softmax(z)), of_z="the softmax Jacobian")
ELU = Activation(
    "elu",
    lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    lambda z: np.exp(np.minimum(z, 0.0)),
    lambda a: np.where(a > 0, 1.0, a + 1),
    "np.where({a} > 0, 1, {a} + 1)",
    "np.where({z} > 0, 1, np.exp({z}))",
)
LEAKY = [leaky(alpha) for alpha in (0.01, 0.1, 0.2, 0.05, 0.3)]
HIDDEN = [RELU, LINEAR, SIGMOID, TANH, SOFTPLUS, *LEAKY[:2], ELU, *LEAKY[2:]]
"""What a hidden layer may compute; the softmax is for the last one alone. Very deep networks leave out the last."""

TWO_SIDED = ("relu", "leaky", "elu")
"""How the names of activations begin that do one thing above 0 and another below."""


class LossKind:
    """A sum over all entries of a function of prediction and target, and its derivative w.r.t. the prediction."""

    def __init__(
        self,
        name: str,
        terms: Callable[[Array, Array], Array],
        derivative: Callable[[Array, Array], Array],
        written: str,
        fits: Callable[[Array, Array], bool],
        plain: LossKind | None = None,
        epsilon: float = 0.0,
        delta: float = 0.0,
    ) -> None:
        self.name = name
        self.plain = plain or self  # the loss people differentiate, without what guards its logarithm
        self.epsilon = epsilon
        self.delta = delta  # where Huber's parabola ends
        self.terms = terms
        self.derivative = derivative
        self.written = written  # the derivative as people write it
        self.fits = fits  # whether prediction and target may be put in

    def __repr__(self) -> str:
        return self.name


def _probabilities(p: Array, y: Array) -> bool:
    return bool(np.all((p > 0) & (p < 1)))


SQUARE = LossKind(
    "squared error", lambda p, y: (p - y) ** 2, lambda p, y: 2 * (p - y), "2 * (P - y)", lambda p, y: True
)
ABSOLUTE = LossKind(
    "absolute error", lambda p, y: np.abs(p - y), lambda p, y: np.sign(p - y), "sign(P - y)", lambda p, y: True
)
BINARY = LossKind(
    "binary cross-entropy",
    lambda p, y: -(y * np.log(p) + (1 - y) * np.log1p(-p)),
    lambda p, y: (p - y) / (p * (1 - p)),
    "(P - y) / (P * (1 - P))",
    _probabilities,
)
CROSS = LossKind(
    "cross-entropy", lambda p, y: -y * np.log(p), lambda p, y: -y / p, "-y / P", lambda p, y: bool(np.all(p > 0))
)
HINGE = LossKind(
    "hinge",
    lambda p, y: np.maximum(0.0, 1 - y * p),
    lambda p, y: -y * (1 - y * p > 0),
    "-y * (y * P < 1)",
    lambda p, y: bool(np.all(np.abs(y) == 1)),
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
        lambda p, y: True,
        delta=delta,
    )


def margins(p: Array, y: Array) -> Array:
    """1 - P[right] + P[other] for each other class of each row, and 0 at the right one; y is one-hot."""
    return (1 - (p * y).sum(axis=-1, keepdims=True) + p) * (1 - y)


def _violated(p: Array, y: Array) -> Array:
    """The derivative of the summed margins: 1 for each class too close, minus their number for the right one."""
    over = (margins(p, y) > 0) * 1.0
    return over - y * over.sum(axis=-1, keepdims=True)


def _one_hot(p: Array, y: Array) -> bool:
    return bool(y.shape[-1] > 1 and np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=-1) == 1))


HUBER = huber(1.0)
MARGINS = LossKind(
    "multi-class hinge",
    lambda p, y: np.maximum(0.0, margins(p, y)),
    _violated,
    "M - y * M.sum(axis=-1, keepdims=True), with M = 1 where 1 - P[right] + P > 0 and the class is not the right one",
    _one_hot,
)
KINDS = [SQUARE, ABSOLUTE, BINARY, CROSS, HINGE, HUBER, MARGINS]
HUBERS = [huber(delta) for delta in (0.5, 2.0, 1.345, 1.5, 0.1, 0.2, 5.0)]
"""Huber's loss as it is used too, tried when no other loss fits."""


def guarded(kind: LossKind, e: float) -> LossKind:
    """A cross-entropy with a small number added inside the logarithm, as many programs have it."""
    if kind is CROSS:
        return LossKind(
            kind.name, lambda p, y: -y * np.log(p + e), lambda p, y: -y / (p + e), kind.written, kind.fits, kind, e
        )
    return LossKind(
        kind.name,
        lambda p, y: -(y * np.log(p + e) + (1 - y) * np.log(1 - p + e)),
        lambda p, y: -y / (p + e) + (1 - y) / (1 - p + e),
        kind.written,
        kind.fits,
        kind,
        e,
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
