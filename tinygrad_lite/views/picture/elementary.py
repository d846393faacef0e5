"""Fused nodes written out: a copy of a graph in which a `dot` or a `sum` is products and additions again.

The numbers of the copy are those that were recorded; the gradients of the new nodes between
follow from the gradient of the fused node by the chain rule.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value


def written_out(*roots: Value) -> dict[Value, Value]:
    """For each Value behind the roots the one that stands for it in the copy; a leaf stands for itself.

    A fused node whose operands were assigned new data since the forward pass stays fused, since
    its products at that time are not known any more.

    >>> from tinygrad_lite import dot
    >>> w, x = [Value(2.0), Value(3.0)], [Value(5.0), Value(7.0)]
    >>> y = dot(w, x)
    >>> copy = written_out(y)[y]
    >>> copy.data, [node.op.name for node in topological(copy) if node.parents]
    (31.0, ['mul', 'mul', 'add'])
    """
    image: dict[Any, Any] = {}
    for node in topological(*roots):
        parents = tuple(image.get(parent, parent) for parent in node.parents)
        if not parents or (node.op.expand is None and parents == node.parents):
            image[node] = node
        else:
            image[node] = (node.op.expand and _opened(node, parents)) or _copy(node, parents)
    return image


def _copy(node: Value, parents: tuple[Any, ...]) -> Value:
    copy = Value(node.data, node.label, node.op, parents, node.local)
    copy.grad = node.grad
    return copy


def _opened(node: Value, parents: tuple[Any, ...]) -> Value | None:
    """The node in elementary rows on these parents, or None if that cannot be had."""
    assert node.op.expand is not None
    stands_for = {Value(p.data): p for p in parents if isinstance(p, Value)}
    stand_ins = iter(stands_for)
    out = node.op.expand(*[next(stand_ins) if isinstance(p, Value) else p for p in parents])
    if not isinstance(out, Value) or out in stands_for or not _same(out.data, node.data):
        return None
    grads = adjoints(out, seed=node.grad)
    made: dict[Any, Any] = dict(stands_for)
    for inner in topological(out):
        if inner not in made:
            made[inner] = Value(inner.data, "", inner.op, tuple(made.get(p, p) for p in inner.parents), inner.local)
            made[inner].grad = grads[inner]
    opened: Value = made[out]
    opened.label, opened.data, opened.grad = node.label, node.data, node.grad
    return opened


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (one != one and other != other)
