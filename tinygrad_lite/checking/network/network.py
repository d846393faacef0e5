"""The layered network as our own NumPy model: how it lies, what was recognised, and a recorded forward pass.

Samples are rows: Z_l = A_{l-1} @ W_l + b_l and A_l = act(Z_l), with A_0 = X and A_L = P, the prediction.
The model is used for a diagnosis only after it has reproduced the user's loss on several problems.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tinygrad_lite.analysis.activations import Activation
from tinygrad_lite.analysis.losses import LossKind
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.report.language import say


class Layout(NamedTuple):
    """How the user's matrices lie: samples as rows or columns, weights as X @ W, X @ W.T or W @ X."""

    columns: bool  # X is (inputs, N)
    turned: bool  # W is (outputs, inputs)

    def data(self, x: Array) -> Array:
        """Samples as the rows of a matrix; for a matrix its own inverse. A list of numbers is one number a sample."""
        return x.T if self.columns and x.ndim == 2 else x.reshape(-1, 1) if x.ndim == 1 else x

    def weight(self, w: Array) -> Array:
        """Weights as a matrix (inputs, outputs); for a matrix its own inverse. A vector has one output."""
        return w.T if self.turned and w.ndim == 2 else w.reshape(-1, 1) if w.ndim < 2 else w

    def forward(self, inputs: str, w: str) -> str:
        """The weighted sum of a layer as the user would write it."""
        w = w if self.turned == self.columns else f"{w}.T"
        return f"{w} @ {inputs}" if self.columns else f"{inputs} @ {w}"

    def product(self, inputs: str, delta: str) -> str:
        """The gradient of a weight matrix as the user would write it."""
        first, second = (delta, inputs) if self.turned else (inputs, delta)
        return f"{first} @ {second}.T" if self.columns else f"{first}.T @ {second}"

    def back(self, delta: str, w: str) -> str:
        """The step from a layer's delta to the gradient of its input, as the user would write it."""
        w = f"{w}.T" if self.turned == self.columns else w
        return f"{w} @ {delta}" if self.columns else f"{delta} @ {w}"

    @property
    def sample_axis(self) -> int:
        return 1 if self.columns else 0


class Network(NamedTuple):
    """What was recognised: the parameters' names by layer, activations, loss and penalty.

    Attributes:
        weights, biases: names of the parameters from the first layer to the last; "" for no bias.
        activations: one for each layer.
        summed: what the loss adds up, a `LossKind`, with the small number that guards its logarithm if it has one.
        reduction: how its entries are summed up.
        layout: how the matrices lie.
        penalty: (k, power of 1/N, with biases): the loss also has k/2 * sum of squares; k = 0 for none.
    """

    weights: list[str]
    biases: list[str]
    activations: list[Activation]
    summed: LossKind
    reduction: tuple[str, float, int, int]
    layout: Layout
    penalty: tuple[float, int, bool] = (0.0, 0, False)

    @property
    def kind(self) -> LossKind:
        """What is differentiated: the loss without a guard."""
        return self.summed.plain

    @property
    def depth(self) -> int:
        return len(self.weights)

    def formulas(self) -> str:
        """The forward pass in the names that reports use: `Z1 = X @ W1 + b1, A1 = relu(Z1), ...`."""
        parts, below = [], "X"
        for layer, act in enumerate(self.activations, start=1):
            bias = f" + {self.biases[layer - 1]}" if self.biases[layer - 1] else ""
            out = "P" if layer == self.depth else f"A{layer}"
            parts.append(f"Z{layer} = {self.layout.forward(below, self.weights[layer - 1])}{bias}")
            parts.append(f"{out} = {act.of(f'Z{layer}')}")
            below = out
        return ", ".join(parts)

    def words(self) -> str:
        """The network in a sentence."""
        layers = " -> ".join(f"{w} {act.name}" for w, act in zip(self.weights, self.activations, strict=True))
        penalty = say(", with an L2 penalty") if self.penalty[0] else ""
        return say("{0}; loss: {1}, {2}{3}", layers, say(self.kind.name), say(self.reduction[0]), penalty)


class Record:
    """One forward pass of a network on one problem, samples as rows.

    Attributes:
        A: the layers' outputs; A[0] is X and A[-1] the prediction.
        Z: the layers' weighted sums; Z[0] is None so that Z[l] belongs to layer l.
        W, b: the parameters, likewise from index 1; a missing bias is None.
        Y: the target, in the shape of the prediction.
        N, O: number of samples and of outputs.
        scale: the factor in front of the loss's sum.
        steepness: the largest derivative of the loss w.r.t. a prediction.
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
        self.scale: Any = constant / self.N**per_n / self.O**per_o
        k, penalty_per_n, with_biases = net.penalty
        self.pull: Any = k / self.N**penalty_per_n  # the penalty's gradient is pull * W
        with np.errstate(all="ignore"):
            self.steepness: float = float(np.abs(self.scale * net.kind.derivative(self.A[-1], self.Y)).max(initial=0.0))
        self.loss: Any = self.scale * float(net.summed.terms(self.A[-1], self.Y).sum())
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
