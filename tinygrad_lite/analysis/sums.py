"""Weighted sums in a graph: w1*x1 + w2*x2 + ... + b, written out or fused, each product with a leaf in it.

This is what a neuron is before its activation. Matrix form, pictures and checkups all find them here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.value import Value


class Product(NamedTuple):
    """One product of a sum: the node it is made by, and which of that node's operands are its factors."""

    node: Value
    first: int
    second: int

    @property
    def factors(self) -> tuple[Any, Any]:
        return self.node.parents[self.first], self.node.parents[self.second]

    def split(self, right: bool) -> tuple[Any, Any]:
        """(weight, input): the leaf among the factors; of two leaves the one that is called so, else right or left."""
        one, other = self.factors
        if right and self.node.op is not ops.dot:  # which has its weights first
            one, other = other, one
        first, second = _like_a_weight(one), _like_a_weight(other)
        return (one, other) if first >= second else (other, one)


class WeightedSum(NamedTuple):
    """A weighted sum: its node, its products in order, the leaves that are added, and the nodes inside."""

    node: Value
    products: list[Product]
    biases: list[Value]
    inside: list[Value]


_PARAMETER = re.compile(r"(?P<module>[^\[\]]+)\.(?P<attribute>[^.\[\]]+)(?P<places>(\[\d+\])*)\Z")


def module_of(label: str) -> tuple[str, ...]:
    """The modules that a parameter's label names, from the outermost in; () if it names none.

    >>> module_of("layers.0.weight[3][1]"), module_of("layer0.neuron3.w[1]"), module_of("w1")
    (('layers.0',), ('layer0', 'neuron3'), ())
    """
    match = _PARAMETER.match(str(label or ""))
    modules: list[str] = []
    for word in match["module"].split(".") if match else ():
        if word.isdigit() and modules:
            modules[-1] += f".{word}"
        else:
            modules.append(word)
    return tuple(modules)


def _like_a_weight(x: Any) -> int:
    """How much a factor looks like the weight of a sum: it is a leaf, of a module, called W1 or w3, and not X."""
    if not is_leaf(x):
        return -2
    label = str(x.label or "")
    return 2 if module_of(label) else {"w": 1, "x": -1}.get(label[:1].lower(), 0)


def is_leaf(x: Any) -> bool:
    return isinstance(x, Value) and not x.parents and x.op is not ops.constant


def squared(node: Value) -> Value | None:
    """x, of a node that is x * x, x**2 or the square of x."""
    x, *more = node.parents or (None,)
    twice = node.op is ops.mul and more == [x]
    power = node.op is ops.pow and float(getattr(more[0], "data", more[0])) == 2.0
    return x if isinstance(x, Value) and (twice or power or node.op is ops.square) else None


def weighted_sums(
    order: Sequence[Value], absorbed: Callable[[Value], bool] = lambda node: True
) -> dict[Value, WeightedSum]:
    """Every weighted sum, with one bias at most, that is not a part of a larger one.

    Args:
        order: the nodes of a graph, parents before children.
        absorbed: whether a product or a sum is taken as a part of the sum that uses it.

    >>> from tinygrad_lite.engine.graph import topological
    >>> w, x, b = Value(2.0), Value(3.0), Value(1.0)
    >>> z = w * x + b
    >>> found = weighted_sums(topological(z))[z]
    >>> found.products[0].split(right=False) == (w, x), found.biases == [b]
    (True, True)
    """
    biases: dict[Value, int] = {}  # of each weighted sum the number of leaves that are added
    parts: set[Value] = set()
    for node in order:
        if node.op is ops.mul:
            whole, terms = _is_product(*node.parents), []
        elif node.op is ops.dot:
            n = len(node.parents) // 2
            pairs = zip(node.parents[:n], node.parents[n : 2 * n], strict=True)
            whole, terms = all(_is_product(x, y) for x, y in pairs), list(node.parents[2 * n :])
        elif node.op is ops.add or node.op is ops.sum:
            whole, terms = True, [p for p in node.parents if not _is_zero(p)]
        else:
            continue
        count = sum(biases.get(p, 1) for p in terms)
        if whole and count <= 1 and all(is_leaf(p) or (p in biases and absorbed(p)) for p in terms):
            biases[node] = count
            parts.update(terms)
    found = (_flat(node, biases) for node in biases if node not in parts)
    return {each.node: each for each in found if each.products}


def _is_product(x: Any, y: Any) -> bool:
    return x is not y and (is_leaf(x) or is_leaf(y))


def _is_zero(x: Any) -> bool:
    """Python's sum() begins with 0."""
    return x.__class__ is float and x == 0.0


def _flat(root: Value, sums: dict[Value, int]) -> WeightedSum:
    found = WeightedSum(root, [], [], [])
    todo: list[Value] = [root]
    while todo:
        node = todo.pop()
        if node not in sums:
            found.biases.append(node)
            continue
        if node is not root:
            found.inside.append(node)
        n = len(node.parents) // 2
        if node.op is ops.mul:
            found.products.append(Product(node, 0, 1))
        elif node.op is ops.dot:
            found.products.extend(Product(node, i, n + i) for i in range(n))
            todo += node.parents[2 * n :]
        else:
            todo += reversed([p for p in node.parents if not _is_zero(p)])
    return found
