"""Formulas in `tg.compare`: `tg.compare({"w": "2*(a - t)*(1 - a**2)*x"}, {"w": w}, loss=loss)`.

A name in a formula is a variable of the caller, or the label of a node, so that the formula has a number beside the
gradient of the graph. The graph is then computed again at other numbers, to see whether both agree there too. In a
formula that is wrong, the mistake is looked for as in a line on paper, with these graphs in the place of its worlds.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.document import Document, Statement
from tinygrad_lite.checking.paper.entrywise import each
from tinygrad_lite.checking.paper.judge import Claim, Judge, Late
from tinygrad_lite.checking.paper.mend import found, plain
from tinygrad_lite.checking.paper.names import Known
from tinygrad_lite.checking.paper.parser import parse
from tinygrad_lite.checking.paper.rows import Row
from tinygrad_lite.checking.paper.term import Term, name
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.checking.result.hints import Hint
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, OperandError
from tinygrad_lite.report.language import say

POINTS = 3  # other points
_LOSS, _WRT = "the loss", "what it is differentiated with respect to"  # no names that a formula can hold


class GraphJudge(Judge):
    """Judges a formula in worlds that are graphs, and not points of a document."""

    def __init__(self, worlds: list[World], derivatives: list[Term], seconds: float = 3.0) -> None:
        super().__init__(Document(""), seconds=seconds)
        self.worlds = worlds
        self.points.leaves = [word for word in worlds[0].env if word not in (_LOSS, _WRT)] if worlds else []
        self.points.known = set(self.points.leaves)
        self.points.matrices = any(np.ndim(x) for w in worlds for x in w.env.values())
        self.points.derivatives = derivatives


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
        self.loss: Value = loss if loss is not None else _result(held, [v for x in wrt for v in _values(x)])
        self.order: list[Any] = topological(self.loss)
        labels = {node.label: node for node in self.order if node.label}
        behind = set(self.order)
        self.names: dict[str, Any] = labels | {
            name: np.array(x, dtype=object) if isinstance(x, (list, tuple)) else x
            for name, x in held.items()
            if isinstance(x, (int, float)) or (_values(x) and all(v in behind for v in _values(x)))
        }

    def at_the_graph(self, text: str) -> Any:
        """The number of a formula, or its array of numbers, at the numbers of the graph."""
        return each(lambda v: float(v.data), self._evaluate(self._parsed(text), lambda v: v))

    def elsewhere(self, text: str, wrt: Any) -> str:
        """Where the formula is not the gradient at other numbers, as a sentence; "" if it is at all that were tried."""
        term, claimed = self._parsed(text), Term("d", (name(_LOSS), name(_WRT)), "∂")
        for w in self._worlds(term, wrt):
            try:
                mine, theirs = w.evaluate(term), w.evaluate(claimed)
            except (DomainError, OverflowError, ValueError):
                continue
            for x, y in zip(np.ravel(mine), np.ravel(theirs), strict=True):
                if abs(x.data - y.data) > 1e-8 * max(1.0, abs(x.data), abs(y.data)):
                    used = [n for n in sorted(term.names()) if isinstance(self.names.get(n), Value)]
                    at = ", ".join(f"{n} = {w.env[n].data:.4g}" for n in used)
                    shown = "right at these numbers only: at {0} it gives {1:.6g}, the gradient is {2:.6g}"
                    return say(shown, at, x.data, y.data)
        return ""

    def mended(self, text: str, wrt: Any) -> Hint | None:
        """The mistake in a wrong formula and the formula that is right, at the graph's numbers and at others."""
        term = self._parsed(text)
        claim = Claim(Statement(Row(text, 1, False)), Term("d", (name(_LOSS), name(_WRT)), "∂"), term)
        known = Term("+", tuple(name(n) for n in self.names if n.isidentifier()))
        judge = GraphJudge([w for w in self._worlds(Term("+", (term, known)), wrt) if w.env], self._derivatives())
        edit = None
        with contextlib.suppress(Late):
            edit = found(judge, claim) if judge.worlds else None
        if edit is None:
            return None
        start, end = edit.mark
        shown = say("{0}; {1} is right", edit.message, plain(edit.right))
        if self._arrays(text):
            shown = shown.replace(" * ", " @ ").replace(" ⊙ ", " * ").replace("^T", ".T")
        return Hint(edit.code, say("in {0}: {1}", text[start:end], shown.replace("^", "**") if "**" in text else shown))

    def _worlds(self, term: Term, wrt: Any) -> Iterator[World]:
        """The graph at its own numbers and at others, with the names of a formula."""
        for seed in range(-1, POINTS):
            try:
                there = self._moved(seed) if seed >= 0 else {node: node for node in self.order}
                w = self._world(term, there.__getitem__)
            except (DomainError, OverflowError, ValueError):
                continue
            w.env |= {_LOSS: there[self.loss], _WRT: each(there.__getitem__, _array(wrt))}
            yield w

    def _derivatives(self) -> list[Term]:
        """f'(z) of every named node z and every function that was taken of it."""
        named = {x: n for n, x in self.names.items() if isinstance(x, Value) and n.isidentifier()}
        return [
            Term("prime", (name(named[node.parents[0]]),), node.op.name)
            for node in self.order
            if node.op.arity == 1 and node.op.activation and node.parents[0] in named
        ]

    def _arrays(self, text: str) -> bool:
        """Whether a formula is of arrays and in Python's notation."""
        return "\\" not in text and any(isinstance(self.names.get(w), np.ndarray) for w in re.findall(r"\w+", text))

    def _parsed(self, text: str) -> Term:
        known = Known()
        known.variables |= set(self.names)
        if self._arrays(text):
            text = re.sub(r"(?<!\*)\*(?!\*)", "⊙", text)  # of arrays, * is entry by entry, and @ the product
        return parse(text, known)

    def _evaluate(self, term: Term, there: Callable[[Value], Value]) -> Any:
        w = self._world(term, there)
        try:
            return w.evaluate(term)
        except Unknown as word:
            known = ", ".join(sorted(self.names)[:12])
            raise OperandError(
                f"the formula speaks of {word}, but no variable and no label of the graph is called so.\n"
                f"  Known are: {known}."
            ) from None

    def _world(self, term: Term, there: Callable[[Value], Value]) -> World:
        """The names of a formula at one point."""
        w = World()
        for word in term.names():
            base, *indices = re.split(r"[\[\], ]+", word.rstrip("]"))
            held = self.names[word] if word in self.names else self.names.get(base)
            if held is None:
                continue
            if word not in self.names:
                held = held[tuple([int(i) for i in indices])]
            w.env[word] = each(lambda v: there(v) if isinstance(v, Value) else Value(float(v)), _array(held))
        return w

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
    if isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and x.dtype == object):
        return [v for item in x for v in _values(item)] if len(x) <= 1000 else []
    return [x] if isinstance(x, Value) else []


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
