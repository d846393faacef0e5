"""What is at hand where an edit is made: names, sizes, elements, functions."""

from __future__ import annotations

import ast
import math
import types
from typing import Any

from tinygrad_lite.checking.lines.forms import load, made
from tinygrad_lite.checking.lines.functions import Function, Node, is_number, is_own, space_of
from tinygrad_lite.checking.network.arrays import np


class Offers:
    """What is at hand where an edit is made.

    Args:
        local, twins: the variables there, and on the second problem.
        decimals: of the loss.

    Attributes:
        names: variables that hold numbers; counts: those that hold whole ones; objects: that hold anything else.
        numpy: the name NumPy goes by, or "".
        subscripts, attributes, keys: that occur in the function.
        at_hand: what may fill a hole: N lengths, C decimals of the loss, F the user's own functions.
        rebuilt: what the loss computes on its way, where the function lacks it.
        elsewhere: the trees of the loss's functions.
    """

    def __init__(
        self,
        function: Function,
        tree: Node,
        local: dict[str, Any],
        decimals: list[float],
        twins: dict[str, Any] | None = None,
    ) -> None:
        space = space_of(function)
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        held = {k: space[k] for k in sorted(used) if k in space and k not in local and is_number(space[k])}
        self.names: list[str] = [*(k for k, x in local.items() if is_number(x)), *held]
        self.objects: list[str] = [k for k, x in local.items() if not is_number(x)]
        self.numpy: str = next((k for k in ("np", "numpy", "onp") if space.get(k) is np), "")
        self.decimals = decimals
        self.rebuilt: list[Node] = []
        self.elsewhere: list[Node] = []
        self.counts: list[str] = [k for k, x in local.items() if isinstance(x, int) and not isinstance(x, bool)]
        subscripts: dict[str, Node] = {}
        keys: list[str] = []
        thing = local.get("self")
        attributes = [a for x in (type(thing), thing) for a, v in getattr(x, "__dict__", {}).items() if is_number(v)]
        for n in ast.walk(tree):
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.isidentifier():
                keys.append(n.value)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "self":
                attributes.append(n.attr)
            if isinstance(n, ast.Subscript):
                subscripts[ast.dump(n.value) + ast.dump(n.slice)] = made("a[i]", a=n.value, i=n.slice)
        self.keys: list[str] = list(dict.fromkeys(keys))
        self.attributes: list[Any] = list(dict.fromkeys(attributes))
        self.subscripts: list[Node] = list(subscripts.values())
        own = (k for k in sorted(used) if isinstance(space.get(k), types.FunctionType) and is_own(space[k].__code__))
        self.at_hand: dict[str, list[Node]] = {
            "N": self._sizes({**held, **local}, {**held, **(twins or local)}),
            "C": [ast.Constant(c) for c in decimals if not math.isclose(c, round(c))],
            "F": [load(k) for k in own if k not in local],
        }

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
                    found.setdefault((n, other[axis]), made(f"x.shape[{axis}]" if axis else "len(x)", x=load(k)))
        for k in arrays:
            if values[k].ndim > 1:
                found.setdefault((values[k].size, np.size(twins.get(k))), made("x.size", x=load(k)))
        return list(found.values())[:most]
