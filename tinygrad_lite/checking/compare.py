"""Gradients derived by hand beside the exact ones: which names, which entries, by how much.

`compare` reads both sides (`result/entries.py`), examines shapes and kinds of number before any number,
then judges every entry on its scale, and asks `result/hints.py` what the wrong ones have in common. The
result is a `Comparison`: `.ok`, `.wrong`, `.text()`, `.html()`, `.to_dict()`, `.assert_ok()`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import entry_name, from_graph, indices, named, read
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.engine import Value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.report.language import say


def compare(hand: Any, exact: Any, *, rtol: float = 1e-9, loss: Value | None = None) -> Comparison:
    """Gradients derived by hand, held against the exact ones, entry by entry.

    Args:
        hand: your numbers: a float, a nested list or a NumPy array, or a dict of these by name (a
            tuple is taken in the order of `exact`). A text is a formula in the names of your variables and in the
            labels of the graph, such as "2*(a - t)*(1 - a**2)*x"; it is compared at other numbers too, and
            a wrong one is mended where one change does it.
        exact: the same names; each entry a number, or a Value of which `.grad` is read after
            `loss.backward()`.
        rtol: how far an entry may be from the exact one, relative to the larger of the two; sums that
            cancel may differ by a thousandth of this times the parameter's largest gradient.
        loss: the Value that was differentiated. With it the exact gradients need no `backward()`,
            every derivative that a kink allows is accepted, and for a small graph the change to the
            chain rule that gives exactly your numbers is named.

    Raises:
        OperandError: something that is neither number, list, array nor Value; names on one side only; a formula
            that speaks of something unknown.
        ExpressionError: a formula that cannot be read; a caret shows where.

    >>> w, b = Value(3.0, label="w"), Value(1.0, label="b")
    >>> loss = (w * 3.0 + b - 5.0) ** 2
    >>> result = compare({"w": 10.0, "b": 10.0}, {"w": w, "b": b}, loss=loss)
    >>> result.ok, result.wrong
    (False, ['w'])
    >>> result.mistakes
    [[DROPPED_FACTOR at w]]
    >>> print(result.mistakes[0][0].message)
    the local derivative of (w * 3) w.r.t. w is left out
    >>> compare({"w": "2*(w*3 + b - 5)*3"}, {"w": w}, loss=loss).ok
    True
    """
    hands, exacts = named(hand, exact)
    texts = {name: x for name, x in hands.items() if isinstance(x, str) and name in exacts}
    if texts:
        from tinygrad_lite.checking.paper.formula import Formulas

        formulas = Formulas(sys._getframe(1), loss, exacts.values())
        loss = formulas.loss
        hands |= {name: formulas.at_the_graph(text) for name, text in texts.items()}
    mine = {name: read(x) for name, x in hands.items() if x is not None}
    if loss is None:
        theirs = {name: read(x, from_graph) for name, x in exacts.items()}
    else:
        found = adjoints(loss)
        theirs = {
            name: read(x, lambda v: found.get(v, 0.0) if isinstance(v, Value) else v) for name, x in exacts.items()
        }
    result = Comparison(mine, theirs, rtol)
    graded = [v for x in exacts.values() for v in _values(x)]
    if loss is None and graded and all(v is not None and v.grad.__class__ is float and v.grad == 0.0 for v in graded):
        result.hint = say(
            "Every .grad on the exact side is 0, as before any backward pass: call loss.backward() "
            "first, or hand the loss over, as in tg.compare(yours, values, loss=loss). [NO_BACKWARD]"
        )
    if loss is not None and not result.ok:
        _look_into(loss, exacts, result)
    for verdict in result.verdicts:
        if verdict.name in texts:
            text, wrt = texts[verdict.name], exacts[verdict.name]
            if verdict.ok:
                verdict.refute("HERE_ONLY", formulas.elsewhere(text, wrt))
            if not verdict.ok and (mended := formulas.mended(text, wrt)):
                verdict.hints.append(mended)
                result.mended.append(verdict.name)
    return result


def _look_into(loss: Value, exacts: dict[str, Any], result: Comparison) -> None:
    """Accept what a kink allows, and name the change to the chain rule behind the rest."""
    from tinygrad_lite.checking.catalogue.graph_search import explain_graph, kink_intervals

    judged = [v for v in result.verdicts if v.hand and v.exact and v.hand.shape == v.exact.shape]
    leaves = {v.name: _values(exacts[v.name]) for v in judged}
    if any(leaf is None for group in leaves.values() for leaf in group):
        return  # bare numbers on the exact side: there is nothing to look into
    intervals = kink_intervals(loss, [leaf for group in leaves.values() for leaf in group])
    if intervals is not None:
        coming = iter(intervals)
        for verdict in judged:
            verdict.allow([next(coming) for _ in leaves[verdict.name]])
        return
    if any(not v.ok for v in judged):
        _follow(loss, judged, leaves, result)
        pairs = [p for v in judged for p in zip(leaves[v.name], v.hand.numbers if v.hand else [], strict=True)]
        result.mistakes = explain_graph([loss], [pairs])


def _follow(loss: Value, judged: list[Verdict], leaves: dict[str, list[Any]], result: Comparison) -> None:
    """The strip, if some of the names are nodes on the way and not leaves."""
    hand: dict[Value, tuple[str, float]] = {}
    tolerances = []
    for verdict in judged:
        if verdict.exact is not None and verdict.hand is not None:
            places = zip(indices(verdict.exact.shape), leaves[verdict.name], verdict.hand.numbers, strict=True)
            hand |= {v: (entry_name(verdict.name, index), h) for index, v, h in places}
            tolerances.append(verdict.near)
    if any(node.parents for node in hand) and len(hand) <= 60:
        near = max(tolerances, key=lambda tolerance: tolerance.floor)
        result.links = links(loss, hand, near)


def links(
    root: Value, hand: Mapping[Value, tuple[str, float]], near: Callable[[float, float], bool]
) -> list[tuple[str, str, str]]:
    """(name, mark, remark) of each node that was handed over, from the root down.

    Each is right, wrong, or follows from above: one reverse sweep arrives at each such node with the number that the
    user's own numbers above imply, compares, and goes on with the user's number.

    Args:
        hand: for a node its name, and the user's number for the derivative of the root along it.
        near: whether the user's number and another count as equal.

    >>> x = Value(2.0); a = x * 3.0; b = a * a
    >>> links(b * 1.0, {b: ("b", 1.0), a: ("a", 6.0), x: ("x", 18.0)}, lambda p, q: p == q)
    [('b', 'ok', ''), ('a', 'wrong', ''), ('x', 'follows', '')]
    """
    exact = adjoints(root)
    implied: dict[Value, float] = dict.fromkeys(topological(root), 0.0)
    implied[root] = 1.0
    found: list[tuple[str, str, str]] = []
    for node in reversed(topological(root)):
        adjoint = implied[node]
        if node in hand:
            name, mine = hand[node]
            if near(mine, exact[node]):
                found.append((name, "ok", ""))
            else:
                found.append((name, "follows" if near(mine, adjoint) else "wrong", ""))
            adjoint = mine
        for parent, derivative in zip(node.parents, node.local, strict=True):
            if derivative is not None:
                implied[parent] += adjoint * derivative
    return found


def _values(x: Any) -> list[Any]:
    """The Values in a number, list or array, in reading order; None for each bare number."""
    if isinstance(x, (list, tuple)):
        return [v for item in x for v in _values(item)]
    if hasattr(x, "ravel"):
        return [v for item in x.ravel().tolist() for v in _values(item)]
    return [x if isinstance(x, Value) else None]
