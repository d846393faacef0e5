"""A layer's bias as one more column of its weights, so that one matrix product adds it too.

In: a group  A[i] = P[b + i] + sum over t of P[n*i + t] * Y[t]  in a plan for rows. Out: the lines

    W[:, :n] = weights      W[:, -1] = biases      W.dot(Y and a line of ones, out=A)

Copying the weights costs less than adding a column to a matrix, unless the layer is wide. The line of ones is the
weight of the rows, if Y is the data (what lies between is multiplied by 0), else one more line of the array,
before the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lite.compiler.numpy import nodes
from tinygrad_lite.compiler.numpy.calls import Calls
from tinygrad_lite.compiler.numpy.reads import Lengths, Node, Operand, sliced
from tinygrad_lite.compiler.planning.plan import Group

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


def found(group: Group, terms: Sequence[Node], rows: set[str], weight: int) -> Layer | None:
    """The layer that a group is, if it is one.

    Args:
        terms: for each run its node, nothing summed yet.
        rows: the names of the arrays that have an entry for each row.
        weight: the line of the data X that holds ones.
    """
    if (
        len(group.runs) != 2
        or len(group.dims) != 1
        or any(run.sign < 0 or run.starts is not None for run in group.runs)
    ):
        return None
    if group.target.table is not None or group.target.strides != (1,) or group.target.array not in rows:
        return None
    (one, bias), (n, product) = sorted(zip([run.terms for run in group.runs], terms, strict=True), key=_terms)
    if one != 1 or not 1 < n <= WIDEST or product[0] != "product" or product[1] != 1.0 or len(product) != 4:
        return None
    weights, lines = sorted(product[2:], key=lambda node: node[0] == "read" and node[1] in rows)
    if any(node[0] != "read" for node in (bias, weights, lines)):
        return None
    _, array, first, steps = lines
    if bias[1] != "P" or weights[1] != "P" or array not in rows or steps != (("t", 1),):
        return None
    if nodes.axes(bias, rows) != (0,) or nodes.axes(weights, rows) != (0, "t"):
        return None
    gap = weight - (first + n) if array == "X" else first
    return Layer(weights, bias, array, first, n, gap) if 0 <= gap <= (GAP if array == "X" else 0) else None


def _terms(pair: tuple[int, Node]) -> int:
    return pair[0]


def write(calls: Calls, layer: Layer, members: int, target: Operand) -> None:
    """The layer's results into the target."""
    array, n = layer.array, layer.inputs
    if array == "X":
        right = calls.bound("X", f"X[{layer.first}:{layer.first + n + layer.gap + 1}]")
        left = calls.new("W", f"zeros(({members}, {n + layer.gap + 1}))")
        places = f"{left}[:, :{n}]", f"{left}[:, -1]"
    else:
        right = calls.bound(array, sliced(f"ones_and_{array}", 0, n + 1, 1, calls.sizes[array] + 1))
        left = calls.new("W", f"zeros(({members}, {n + 1}))")
        places = f"{left}[:, 1:]", f"{left}[:, 0]"
    calls.lengths = Lengths((members,), n)
    for place, node in zip(places, (layer.weights, layer.bias), strict=True):
        calls.emit(target.stage, f"{calls.bound(left, place)}[...] = {calls.leaf(node).name}")
    calls.emit(target.stage, f"{left}.dot({right}, out={target.name})")
