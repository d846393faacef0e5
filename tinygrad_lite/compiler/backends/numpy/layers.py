"""A layer's bias as one more column of its weights, so that one matrix product adds it too.

In: a loop nest  A[i] = P[b + i] + sum over t of P[n*i + t] * Y[t]  in a plan for samples. Out: the lines

    W[:, :n] = weights      W[:, -1] = biases      W.dot(Y and a line of ones, out=A)

Copying the weights costs less than adding a column to a matrix, unless the layer is wide. The line of ones is the
weight of the samples, if Y is the data (what lies between is multiplied by 0), else one more line of the array,
before the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.backends.numpy import nodes
from tinygrad_lite.compiler.backends.numpy.calls import Calls
from tinygrad_lite.compiler.backends.numpy.reads import Lengths, Node, Operand, sliced
from tinygrad_lite.compiler.ir.loop_nest import LoopNest

WIDEST = 256
"""Terms of a neuron up to which its weights are copied."""

GAP = 4
"""Lines of data between those that are read and the line of ones."""


class Layer:
    """What a layer reads: weights and bias from P, and lines of an array, beginning with `first`."""

    def __init__(self, weights: Node, bias: Node, array: str, first: int, inputs: int, gap: int) -> None:
        self.weights, self.bias = weights, bias
        self.array, self.first, self.inputs = array, first, inputs
        self.gap = gap  # lines of data between those and the line of ones


def found(nest: LoopNest, terms: Sequence[Node], samples: set[str], weight: int) -> Layer | None:
    """The layer that a loop nest is, if it is one.

    Args:
        terms: for each run its node, nothing summed yet.
        samples: the names of the arrays that have an entry for each sample.
        weight: the line of the data X that holds ones.
    """
    if (
        len(nest.reductions) != 2
        or len(nest.dims) != 1
        or any(run.sign < 0 or run.starts is not None for run in nest.reductions)
    ):
        return None
    if nest.target.table is not None or nest.target.strides != (1,) or nest.target.array not in samples:
        return None
    (one, bias), (n, product) = sorted(zip([run.terms for run in nest.reductions], terms, strict=True), key=_terms)
    if one != 1 or not 1 < n <= WIDEST or product[0] != "product" or product[1] != 1.0 or len(product) != 4:
        return None
    weights, lines = sorted(product[2:], key=lambda node: node[0] == "read" and node[1] in samples)
    if any(node[0] != "read" for node in (bias, weights, lines)):
        return None
    _, array, first, steps = lines
    if bias[1] != "P" or weights[1] != "P" or array not in samples or steps != (("t", 1),):
        return None
    if nodes.axes(bias, samples) != (0,) or nodes.axes(weights, samples) != (0, "t"):
        return None
    gap = weight - (first + n) if array == "X" else first
    return Layer(weights, bias, array, first, n, gap) if 0 <= gap <= (GAP if array == "X" else 0) else None


def _terms(pair: tuple[int, Node]) -> int:
    return pair[0]


def write(calls: Calls, layer: Layer, iterations: int, target: Operand) -> None:
    """The layer's results into the target."""
    array, n = layer.array, layer.inputs
    if array == "X":
        right = calls.bound("X", f"X[{layer.first}:{layer.first + n + layer.gap + 1}]")
        left = calls.new("W", f"zeros(({iterations}, {n + layer.gap + 1}))")
        places = f"{left}[:, :{n}]", f"{left}[:, -1]"
    else:
        right = calls.bound(array, sliced(f"ones_and_{array}", 0, n + 1, 1, calls.sizes[array] + 1))
        left = calls.new("W", f"zeros(({iterations}, {n + 1}))")
        places = f"{left}[:, 1:]", f"{left}[:, 0]"
    calls.lengths = Lengths((iterations,), n)
    for place, node in zip(places, (layer.weights, layer.bias), strict=True):
        calls.emit(target.stage, f"{calls.bound(left, place)}[...] = {calls.leaf(node).name}")
    calls.emit(target.stage, f"{left}.dot({right}, out={target.name})")
