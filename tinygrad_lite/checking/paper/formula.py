"""Formulas in `tg.compare`: `tg.compare({"w": "2*(a - t)*(1 - a**2)*x"}, {"w": w}, loss=loss)`.

A name in a formula is a variable of the caller, or the label of a node, so that the formula has a number beside the
gradient of the graph. The graph is then computed again at other numbers, to see whether both agree there too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.entrywise import each
from tinygrad_lite.checking.paper.names import Known
from tinygrad_lite.checking.paper.parser import parse
from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, OperandError

POINTS = 3  # other points


class Formulas:
    """The caller's names, and what a formula gives at the graph's numbers and at others.

    Args:
        frame: whose variables the formulas may use.
        loss: the result; None for the one Value of the caller's that all of `wrt` lead to.
        wrt: the Values that are differentiated, as they were handed over.

    Raises:
        OperandError: no result, or several, lie behind the caller's variables.
    """

    def __init__(self, frame: FrameType, loss: Value | None, wrt: Iterable[Any]) -> None:
        held = {name: x for name, x in {**frame.f_globals, **frame.f_locals}.items() if not name.startswith("_")}
        self.loss = loss if loss is not None else _result(held, [v for x in wrt for v in _values(x)])
        self.order = topological(self.loss)
        labels = {node.label: node for node in self.order if node.label}
        behind = set(self.order)
        self.names = labels | {
            name: np.array(x, dtype=object) if isinstance(x, (list, tuple)) else x
            for name, x in held.items()
            if isinstance(x, (int, float)) or (_values(x) and all(v in behind for v in _values(x)))
        }

    def at_the_graph(self, text: str) -> Any:
        """The number of a formula, or its array of numbers, at the numbers of the graph."""
        return each(lambda v: float(v.data), self._evaluate(self._parsed(text), lambda v: v))

    def elsewhere(self, text: str, wrt: Any) -> str:
        """Where the formula is not the gradient at other numbers, as a sentence; "" if it is at all that were tried."""
        term = self._parsed(text)
        for seed in range(POINTS):
            try:
                there = self._moved(seed)
                mine = self._evaluate(term, there.__getitem__)
                theirs = World().derivative(there[self.loss], each(there.__getitem__, _array(wrt)))
            except (DomainError, OverflowError, ValueError):
                continue
            for x, y in zip(np.ravel(mine), np.ravel(theirs), strict=True):
                if abs(x.data - y.data) > 1e-8 * max(1.0, abs(x.data), abs(y.data)):
                    used = [n for n in sorted(term.names()) if isinstance(self.names.get(n), Value)]
                    at = ", ".join(f"{n} = {there[self.names[n]].data:.4g}" for n in used)
                    return f"right at these numbers only: at {at} it gives {x.data:.6g}, the gradient is {y.data:.6g}"
        return ""

    def _parsed(self, text: str) -> Term:
        known = Known()
        known.variables |= set(self.names)
        if "\\" not in text and any(isinstance(self.names.get(w), np.ndarray) for w in re.findall(r"\w+", text)):
            text = re.sub(r"(?<!\*)\*(?!\*)", "⊙", text)  # of arrays, * is entry by entry, and @ the product
        return parse(text, known)

    def _evaluate(self, term: Term, there: Callable[[Value], Value]) -> Any:
        w = World()
        for name in term.names():
            base, *indices = re.split(r"[\[\], ]+", name.rstrip("]"))
            found = self.names[name] if name in self.names else self.names.get(base)
            if found is None:
                continue
            if name not in self.names:
                found = found[tuple([int(i) for i in indices])]
            w.env[name] = each(lambda v: there(v) if isinstance(v, Value) else Value(float(v)), _array(found))
        try:
            return w.evaluate(term)
        except Unknown as word:
            known = ", ".join(sorted(self.names)[:12])
            raise OperandError(
                f"the formula speaks of {word}, but no variable and no label of the graph is called so.\n"
                f"  Known are: {known}."
            ) from None

    def _moved(self, seed: int) -> Mapping[Value, Value]:
        """Every node computed again from other numbers of the labelled leaves and of those that have a name."""
        draw = random.Random(seed)
        named = {v for x in self.names.values() for v in _values(x)}
        found: dict[Value, Value] = {}
        for node in self.order:
            if node.parents:
                found[node] = node.op(*[found[p] if isinstance(p, Value) else p for p in node.parents])
            else:
                off = draw.uniform(-0.3, 0.3) * max(1.0, abs(node.data)) if node in named else 0.0
                found[node] = Value(node.data + off, label=node.label)
        return found


def _array(x: Any) -> Any:
    return np.array(x, dtype=object) if isinstance(x, (list, tuple)) else x


def _values(x: Any) -> list[Value]:
    """The Values in a variable: itself, or those of an array or a list of numbers."""
    if isinstance(x, Value):
        return [x]
    if isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.dtype == object):
        return [v for item in x for v in _values(item)] if len(x) <= 1000 else []
    return []


def _result(held: Mapping[str, Any], wrt: list[Value]) -> Value:
    """The one result of the caller's that all of these lead to."""
    found = [v for x in held.values() for v in _values(x) if v.parents and set(wrt) <= set(topological(v))]
    inner = {node for v in found for node in topological(v)[:-1]}
    last = list(dict.fromkeys(v for v in found if v not in inner))
    if len(last) != 1:
        raise OperandError(
            f"{len(last)} of your variables are results that depend on all that was handed over, so it is not certain "
            "what was differentiated.\n  Say it: tg.compare(..., loss=loss)."
        )
    return last[0]
