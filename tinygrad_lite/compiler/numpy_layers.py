"""A layer's bias as one more column of its weights, so that one matrix product adds it too.

In: a group  A[i] = P[b + i] + sum over t of P[n*i + t] * Y[t]  in a plan for rows. Out: the lines

    W[:, :n] = weights      W[:, -1] = biases      W.dot(Y and a line of ones, out=A)

Copying the weights costs less than adding a column to a matrix, unless the layer is wide. The line of ones is the
weight of the rows, if Y is the data (what lies between is multiplied by 0), else one more line of the array,
before the others.
"""

from __future__ import annotations

from tinygrad_lite.compiler import numpy_nodes as nodes
from tinygrad_lite.compiler.numpy_calls import Calls
from tinygrad_lite.compiler.numpy_reads import Lengths, Node, Operand, sliced
from tinygrad_lite.compiler.plan import Group

WIDEST = 256
"""Terms of a neuron up to which its weights are copied."""

GAP = 4
"""Lines of data between those that are read and the line of ones."""


def biased(calls: Calls, group: Group, terms: list[tuple[int, Node]], weight: int, target: Operand | None) -> bool:
    """Write the group as one product, if it is a layer with biases.

    Args:
        terms: for each run its sign and its node, nothing summed yet.
        weight: the line of the data X that holds ones.
    """
    if len(group.runs) != 2 or len(group.dims) != 1 or target is None or target.steps is not None:
        return False
    if target.axes != (0, "r") or any(sign < 0 for sign, _ in terms):
        return False
    (one, bias), (n, product) = sorted(((r.terms, t[1]) for r, t in zip(group.runs, terms, strict=True)), key=_first)
    if one != 1 or not 1 < n <= WIDEST or product[0] != "product" or product[1] != 1.0 or len(product) != 4:
        return False
    weights, lines = sorted(product[2:], key=lambda node: node[0] == "read" and node[1] in calls.rows)
    if any(node[0] != "read" for node in (bias, weights, lines)):
        return False
    _, array, first, steps = lines
    if bias[1] != "P" or weights[1] != "P" or array not in calls.rows or steps != (("t", 1),):
        return False
    if nodes.axes(bias, calls.rows) != (0,) or nodes.axes(weights, calls.rows) != (0, "t"):
        return False
    members = group.dims[0]
    if array == "X":
        gap = weight - (first + n)
        if not 0 <= gap <= GAP:
            return False
        right = calls.bound("X", f"X[{first}:{weight + 1}]")
        left = calls.new("W", f"zeros(({members}, {n + gap + 1}))")
        places = f"{left}[:, :{n}]", f"{left}[:, -1]"
    else:
        if first:
            return False
        calls.with_ones.add(array)
        right = calls.bound(array, sliced(f"ones_and_{array}", 0, n + 1, 1, calls.sizes[array] + 1))
        left = calls.new("W", f"zeros(({members}, {n + 1}))")
        places = f"{left}[:, 1:]", f"{left}[:, 0]"
    calls.lengths = Lengths(group.dims, n)
    for place, node in zip(places, (weights, bias), strict=True):
        calls.emit(target.stage, f"{calls.bound(left, place)}[...] = {calls.leaf(node).name}")
    calls.emit(target.stage, f"{left}.dot({right}, out={target.name})")
    return True


def _first(pair: tuple[int, Node]) -> int:
    return pair[0]
