"""Why a gradient is large, in sentences: the path that carries most of it, and the largest factors on that path."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.report.language import say
from tinygrad_lite.views.derivation.why_zero import name_of, why_zero

_LARGE = 1e3


def why_large(param: Any, root: Value) -> str:
    """Sentences on the path that carries most of d(root)/d(param), and on the largest factors along it.

    A gradient is a sum over paths, each the product of its local derivatives. What is told is the path with the
    largest product, how much of the gradient that is, and which factors make it large. Of a gradient below 1000 it
    is said that it is not large, of one that is 0 why. No `.grad` is touched. It raises nothing.

    Args:
        param: the Value whose gradient is asked about; of a bare number it is said that it has none.
        root: the Value that was differentiated, such as the loss.

    Returns:
        the sentences, as one string.

    >>> w = Value(20.0, label="w")
    >>> print(why_large(w, (w * 3.0).exp() + w))
    The gradient of w is 3.42602e+26. Of its 2 paths, the largest goes through mul, exp, add, with a product of
    3.42602e+26, which is 100 % of the gradient. Its largest factors: 1.14201e+26, the derivative of exp at 60;
    3, the derivative of mul at 20, 3.
    """
    if not isinstance(param, Value) or not isinstance(root, Value):
        return why_zero(param, root)
    gradient = adjoints(root).get(param, 0.0)
    if gradient == 0.0 or param is root:
        return why_zero(param, root)
    if abs(gradient) < _LARGE:
        return say("The gradient of {0} is {1:.6g}, which is not large.", name_of(param), gradient)
    paths, path = _largest_path(param, root)
    product = 1.0
    for _, derivative in path:
        product *= derivative
    through = [node.label or node.op.name for node, _ in path]
    shown = ", ".join(through if len(through) <= 9 else [*through[:4], "...", *through[-4:]])
    number = f"{paths:,}" if paths < 10**15 else say("about 1e{0}", math.floor(math.log10(paths)))
    way = say("The gradient of {0} is {1:.6g}.", name_of(param), gradient) + " "
    if paths == 1:
        way += say("It comes along one path through {0}, with a product of {1:.6g}.", shown, product)
    else:
        share = f"{product / gradient:.0%}".replace("%", " %")
        some = (
            "Of its {0} paths, the largest goes through {1}, with a product of {2:.6g}, which is {3} of the gradient."
        )
        way += say(some, number, shown, product, share)
    factors = sorted((step for step in path if abs(step[1]) > 1.0), key=lambda step: -abs(step[1]))[:3]
    largest = "; ".join(say("{0:.6g}, the derivative of {1}", derivative, _at(node)) for node, derivative in factors)
    many = say("It has {0} factors.", len(path)) + " " if len(path) > 9 else ""
    none = say("No factor is above 1: the paths are many.")
    return f"{way} {many}{say('Its largest factors: {0}.', largest) if factors else none}"


def _largest_path(param: Value, root: Value) -> tuple[int, list[tuple[Value, float]]]:
    """How many paths lead from param to root, and the largest: from param up, each node with its local derivative."""
    order = topological(root)
    size, count = {root: 1.0}, {root: 1}
    up: dict[Value, tuple[Value, float]] = {}
    for node in reversed(order):
        for parent, derivative in zip(node.parents, node.local, strict=True):
            if derivative is None or node not in size:
                continue
            count[parent] = count.get(parent, 0) + count[node]
            if parent not in size or size[node] * abs(derivative) > size[parent]:
                size[parent], up[parent] = size[node] * abs(derivative), (node, derivative)
    path, at = [], param
    while at is not root:
        path.append(up[at])
        at = up[at][0]
    return count[param], path


def _at(node: Value) -> str:
    """The op, and where it stands."""
    numbers = ", ".join(f"{p if p.__class__ is float else p.data:.6g}" for p in node.parents[:4])
    return say("{0} at {1}", node.op.name, f"{numbers}{', ...' * (len(node.parents) > 4)}")
