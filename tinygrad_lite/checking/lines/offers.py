"""What is at hand where an edit is made: names, sizes, elements, functions; and how expressions are put together."""

from __future__ import annotations

import ast
import types
from typing import Any

from tinygrad_lite.checking.lines.functions import Function, Node, closure, is_number, is_own
from tinygrad_lite.checking.lines.slots import load
from tinygrad_lite.checking.network.arrays import np


def constant(x: Any) -> Node:
    return ast.Constant(x)


def binary(left: Node, op: type, right: Node) -> Node:
    return ast.BinOp(left, op(), right)


def method(x: Node, name: str, *arguments: Node, **keywords: Any) -> Node:
    """`x.name(arguments)`."""
    named = [ast.keyword(k, constant(v)) for k, v in keywords.items()]
    return ast.Call(ast.Attribute(x, name, ast.Load()), list(arguments), named)


def element(x: Node, index: Node) -> Node:
    return ast.Subscript(x, index, ast.Load())


def transposed(x: Node) -> Node:
    """`x.T`, or x of `x.T`."""
    return x.value if isinstance(x, ast.Attribute) and x.attr == "T" else ast.Attribute(x, "T", ast.Load())


def shape_of(name: str, axis: int) -> Node:
    """`len(x)` or `x.shape[axis]`."""
    if not axis:
        return ast.Call(load("len"), [load(name)], [])
    return element(ast.Attribute(load(name), "shape", ast.Load()), constant(axis))


class Offers:
    """What is at hand where an edit is made.

    Args:
        local, twins: the variables there, and on the second problem.
        constants: decimals of the loss.

    Attributes:
        names: variables that hold numbers; counts: those that hold whole ones.      functions: the user's own.
        numpy: the name NumPy goes by, or "".     sizes: expressions for lengths.
        subscripts, attributes, keys: that occur in the function.
        rebuilt: what the loss computes on its way, where the function lacks it.
        elsewhere: the trees of the loss's functions.
    """

    def __init__(
        self,
        function: Function,
        tree: Node,
        local: dict[str, Any],
        constants: list[float],
        twins: dict[str, Any] | None = None,
    ) -> None:
        space = {**function.copy.__globals__, **closure(function.copy)}
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        held = [k for k in used if k in space and k not in local and is_number(space[k])]
        self.names = [*(k for k, x in local.items() if is_number(x)), *sorted(held)]
        own = (k for k in sorted(used) if isinstance(space.get(k), types.FunctionType) and is_own(space[k].__code__))
        self.functions = [k for k in own if k not in local]
        self.numpy = next((k for k in ("np", "numpy", "onp") if space.get(k) is np), "")
        self.constants = constants
        self.rebuilt: list[Node] = []
        self.elsewhere: list[Node] = []
        self.counts = [k for k, x in local.items() if isinstance(x, int) and not isinstance(x, bool)]
        subscripts: dict[str, Node] = {}
        keys: list[str] = []
        attributes = [a for a, x in getattr(local.get("self"), "__dict__", {}).items() if is_number(x)]
        for n in ast.walk(tree):
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.isidentifier():
                keys.append(n.value)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "self":
                attributes.append(n.attr)
            if isinstance(n, ast.Subscript):
                subscripts[ast.dump(n.value) + ast.dump(n.slice)] = element(n.value, n.slice)
        self.keys, self.attributes = list(dict.fromkeys(keys)), list(dict.fromkeys(attributes))
        self.subscripts = list(subscripts.values())
        shared = {k: space[k] for k in held}
        self.sizes = self._sizes({**shared, **local}, {**shared, **(twins or local)})

    def _sizes(self, values: dict[str, Any], twins: dict[str, Any], most: int = 18) -> list[Node]:
        """Lengths, each once: what is equal here and on the second problem."""
        found: dict[tuple[int, Any], Node] = {}
        for k in self.names:
            if isinstance(values.get(k), int) and not isinstance(values[k], bool):
                found.setdefault((values[k], twins.get(k)), load(k))
        arrays = [k for k in self.names if isinstance(values.get(k), np.ndarray) and values[k].ndim]
        for k in arrays:
            other = np.shape(twins.get(k))
            for axis, n in enumerate(values[k].shape):
                if n > 1 and len(other) == values[k].ndim:
                    found.setdefault((n, other[axis]), shape_of(k, axis))
        for k in arrays:
            if values[k].ndim > 1:
                found.setdefault((values[k].size, np.size(twins.get(k))), ast.Attribute(load(k), "size", ast.Load()))
        return list(found.values())[:most]

    def numpys(self, name: str, *arguments: Node) -> Node:
        return ast.Call(ast.Attribute(load(self.numpy), name, ast.Load()), list(arguments), [])
