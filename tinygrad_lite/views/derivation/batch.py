"""A batch explained once: a loss that is a sum over samples, told by one sample and the sum.

The samples are found in the graph: the terms of one sum, or sum of squares, near the result that are computed in the
same way, op for op, and all depend on the input. What follows the sum is a factor of the chain rule common to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value

FEWEST = 8  # samples; fewer are written out


class Batch:
    """The samples behind a result.

    Attributes:
        total: the node that adds them up.
        terms: each sample's term of the sum.
        factors: the derivative of the total w.r.t. each term: 1 in a sum, twice the error in a sum of squares.
        derivatives: of each target, the derivative of every term w.r.t. it.
    """

    def __init__(self, total: Value, terms: Sequence[Value], targets: Sequence[Value]) -> None:
        self.total: Value = total
        self.terms: list[Value] = list(terms)
        above = adjoints(total)
        self.factors: list[Any] = [above[term] for term in terms]
        found = [adjoints(term) for term in terms]
        self.derivatives: dict[Value, list[Any]] = {x: [f.get(x, 0.0) for f in found] for x in targets}


def find_batch(out: Value, targets: Sequence[Value]) -> Batch | None:
    """The samples behind a result that a target reaches through one sum only; None if there is no such sum.

    >>> w = Value(2.0, label="w")
    >>> loss = sum((w * float(x) - 1.0) ** 2 for x in range(10)) / 10.0
    >>> batch = find_batch(loss, [w])
    >>> len(batch.terms), sum(batch.derivatives[w]) / 10.0 == adjoints(loss)[w]
    (10, True)
    """
    reached = set(targets)
    for node in topological(out):
        if any(parent in reached for parent in node.parents if isinstance(parent, Value)):
            reached.add(node)
    node = out
    while node not in targets:
        above = [p for p in node.parents if isinstance(p, Value) and p in reached]
        terms = _terms(node) if node.op in (ops.sum, ops.add) else list(dict.fromkeys(above))
        alike = len(terms) >= FEWEST and len({_shape(term, reached) for term in terms}) == 1
        if alike and not set(terms) & set(targets) and len(set(terms)) == len(terms):
            return Batch(node, terms, targets)
        if len(above) != 1:
            return None
        node = above[0]
    return None


def _terms(node: Value) -> list[Any]:
    """What a sum adds up, also where it was written with many +; bare zeros, as `sum` begins with, are left out."""
    if node.op is ops.sum:
        return list(node.parents)
    terms: list[Any] = []
    while isinstance(node, Value) and node.op is ops.add:
        terms.append(node.parents[1])
        node = node.parents[0]
    return [*([] if _zero(node) else [node]), *reversed(terms)]


def _zero(node: Any) -> bool:
    return node == 0.0 if node.__class__ is float else not node.parents and node.data == 0.0 and not node.label


def _shape(term: Any, reached: set[Value]) -> tuple[Any, ...]:
    """How a term was computed, whatever its numbers; a term that no target reaches is like none."""
    if term.__class__ is float or term not in reached:
        return (id(term),)
    return tuple((node.op.name, len(node.parents), node in reached) for node in topological(term))
