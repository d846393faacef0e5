"""The layered network as our own NumPy model: activations, losses, and a recorded forward pass.

Samples are rows: Z_l = A_{l-1} @ W_l + b_l and A_l = act(Z_l), with A_0 = X and A_L = P, the prediction.
Every function here works on one problem or on many lanes at once (a further axis in front).
The model is used for a diagnosis only after it has reproduced the user's loss on several problems.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.arrays import np

Array = Any


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), through tanh so that it never overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def softmax(z: Array) -> Array:
    """Rows of positive numbers that sum to 1."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Activation:
    """A function and its slope, the slope once as a function of z and once as written with the output a."""

    def __init__(
        self,
        name: str,
        forward: Callable[[Array], Array],
        slope: Callable[[Array], Array],
        of_output: Callable[[Array], Array] | None = None,
        written: str = "",
        of_z: str = "",
    ) -> None:
        self.name = name
        self.forward = forward
        self.slope = slope  # of z
        self.of_output = of_output  # the same slope as a formula of a = forward(z), if people write it so
        self.written = written  # that formula, in {a}
        self.of_z = of_z  # the slope as people write it, in {z}

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
LEAKY = [leaky(alpha) for alpha in (0.01, 0.1, 0.2, 0.05, 0.3)]
HIDDEN = [RELU, LINEAR, SIGMOID, TANH, SOFTPLUS, *LEAKY]
"""What a hidden layer may compute; the softmax is for the last layer alone."""


class LossKind:
    """A sum over all entries of a function of prediction and target, and its slope along the prediction."""

    def __init__(
        self,
        name: str,
        terms: Callable[[Array, Array], Array],
        slope: Callable[[Array, Array], Array],
        written: str,
        fits: Callable[[Array, Array], bool],
        plain: LossKind | None = None,
        epsilon: float = 0.0,
    ) -> None:
        self.name = name
        self.plain = plain or self  # the loss people differentiate, without what guards its logarithm
        self.epsilon = epsilon
        self.terms = terms
        self.slope = slope
        self.written = written  # the slope as people write it
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
KINDS = [SQUARE, ABSOLUTE, BINARY, CROSS, HINGE]


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


class Layout:
    """How the user's matrices lie: samples as rows or columns, weights as X @ W, X @ W.T or W @ X."""

    def __init__(self, columns: bool, turned: bool) -> None:
        self.columns = columns  # X is (inputs, N)
        self.turned = turned  # W is (outputs, inputs)

    def data(self, x: Array) -> Array:
        """Samples as the rows of a matrix; for a matrix its own inverse. A list of numbers is one number a sample."""
        return x.T if self.columns and x.ndim == 2 else x.reshape(-1, 1) if x.ndim == 1 else x

    def weight(self, w: Array) -> Array:
        """Weights as a matrix (inputs, outputs); for a matrix its own inverse. A vector has one output."""
        return w.T if self.turned and w.ndim == 2 else w.reshape(-1, 1) if w.ndim < 2 else w

    def product(self, inputs: str, delta: str) -> str:
        """The gradient of a weight matrix as the user would write it."""
        if self.columns:
            return f"{delta} @ {inputs}.T" if self.turned else f"{inputs} @ {delta}.T"
        return f"{delta}.T @ {inputs}" if self.turned else f"{inputs}.T @ {delta}"

    def back(self, delta: str, w: str) -> str:
        """The step from a layer's delta to the gradient of its input, as the user would write it."""
        if self.columns:
            return f"{w}.T @ {delta}" if self.turned else f"{w} @ {delta}"
        return f"{delta} @ {w}" if self.turned else f"{delta} @ {w}.T"

    @property
    def sample_axis(self) -> int:
        return 1 if self.columns else 0


class Network:
    """What was recognised: the parameters' names by layer, activations, loss and penalty.

    Attributes:
        weights, biases: names of the parameters from the first layer to the last; "" for no bias.
        activations: one for each layer.
        kind, reduction: the loss: a `LossKind`, and how its entries are summed up.
        summed: the kind with the small number that guards its logarithm, if there is one.
        penalty: (k, power of 1/N, with biases): the loss also has k/2 * sum of squares; k = 0 for none.
        layout: how the matrices lie.
    """

    def __init__(
        self,
        weights: list[str],
        biases: list[str],
        activations: list[Activation],
        kind: LossKind,
        reduction: tuple[str, float, int, int],
        layout: Layout,
        penalty: tuple[float, int, bool] = (0.0, 0, False),
    ) -> None:
        self.weights, self.biases, self.activations = weights, biases, activations
        self.summed, kind = kind, kind.plain  # what the loss adds up, and what is differentiated
        self.kind, self.reduction, self.layout, self.penalty = kind, reduction, layout, penalty

    @property
    def depth(self) -> int:
        return len(self.weights)

    def words(self) -> str:
        """The network in a sentence."""
        layers = " -> ".join(f"{w} {act.name}" for w, act in zip(self.weights, self.activations, strict=True))
        penalty = ", with an L2 penalty" if self.penalty[0] else ""
        return f"{layers}; loss: {self.kind.name}, {self.reduction[0]}{penalty}"


class Record:
    """One forward pass of a network on one problem, samples as rows.

    Attributes:
        A: the layers' outputs; A[0] is X and A[-1] the prediction.
        Z: the layers' weighted sums; Z[0] is None so that Z[l] belongs to layer l.
        W, b: the parameters, likewise from index 1; a missing bias is None.
        Y: the target, in the shape of the prediction.
        N, O: number of samples and of outputs.
        scale: the factor in front of the loss's sum.
    """

    def __init__(self, net: Network, params: dict[str, Array], x: Array, y: Array) -> None:
        self.W: list[Any] = [None, *(net.layout.weight(np.asarray(params[name], float)) for name in net.weights)]
        self.b: list[Any] = [None, *(np.ravel(np.asarray(params[n], float)) if n else None for n in net.biases)]
        self.A: list[Any] = [net.layout.data(np.asarray(x, float))]
        self.Z: list[Any] = [None]
        for layer, act in enumerate(net.activations, start=1):
            z = self.A[-1] @ self.W[layer]
            self.Z.append(z if self.b[layer] is None else z + self.b[layer])
            self.A.append(act.forward(self.Z[-1]))
        self.N, self.O = self.A[-1].shape
        self.Y = target(y, self.A[-1].shape, net.layout)
        _, constant, per_n, per_o = net.reduction
        self.scale = constant / self.N**per_n / self.O**per_o
        k, penalty_per_n, with_biases = net.penalty
        self.pull = k / self.N**penalty_per_n  # the penalty's gradient is pull * W
        self.loss = self.scale * float(net.summed.terms(self.A[-1], self.Y).sum())
        self.loss += 0.5 * self.pull * sum(float((w * w).sum()) for w in self.W[1:])
        if with_biases:
            self.loss += 0.5 * self.pull * sum(float((b * b).sum()) for b in self.b[1:] if b is not None)


def target(y: Array, shape: tuple[int, ...], layout: Layout) -> Array:
    """The user's target as a matrix like the prediction: class numbers become rows with a single 1.

    Raises:
        ValueError: it cannot be brought to that shape.
    """
    y = np.asarray(y)
    n, o = shape
    if y.ndim == 2 and y.shape == ((o, n) if layout.columns else (n, o)):
        return layout.data(y).astype(float)
    if y.size == n and o > 1 and np.all(y == np.round(y.astype(float))) and y.min() >= 0 and y.max() < o:
        return np.eye(o)[y.astype(int).ravel()]
    if y.size == n * o and (o == 1 or y.ndim == 1):
        return y.astype(float).reshape(n, o)
    raise ValueError(f"a target of shape {y.shape} does not fit a prediction of shape {shape}")
