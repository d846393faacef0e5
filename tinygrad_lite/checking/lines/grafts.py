"""Value first: which product of two things at hand makes up what a place is missing?

Where it is known what a value must satisfy (`matrix @ (v - v0) = wanted`), nothing needs to be enumerated and run:
each variable, element, fragment of the function and each product of two of them, summed or as a matrix product, is
put in as a replacement, a factor, a divisor or a term, and the number in front of it is solved for and read as 1, 2,
1/2, N, 1/N, 2/N and so on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.lines.atoms import Atoms
from tinygrad_lite.checking.lines.edits import PLAIN, Edit
from tinygrad_lite.checking.lines.forms import form, made
from tinygrad_lite.checking.lines.functions import Node, is_float
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.slots import Path, nodes, put
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np

LARGEST_INNER = 48


def numbers_in_front(offers: Offers, scope: Scope) -> list[tuple[float, Node | None]]:
    """The numbers that may stand in front of a term, with how they are written; None for 1."""
    found: list[tuple[float, Node | None]] = [(1.0, None)]
    found += [(c, ast.Constant(c)) for c in (2, 3, 0.5, 1.5)]
    for size in offers.at_hand["N"]:
        n = float(scope.value(size))
        if n > 1:
            found += [(n, size), *((c / n, made(f"{c} / n", n=size)) for c in (1, 2, 0.5))]
    return found


def grafts(e: Node, atoms: Atoms, matrix: Array, wanted: Array) -> Iterator[Edit]:
    """Changes of an expression whose value v satisfies `matrix @ (v - v0) = wanted`, cheapest first.

    Every part of the expression that its value is an affine function of is a place for a graft.
    """
    scope, value = atoms.scope, atoms.values(e)
    if value is None or value.dtype == object:
        return
    many, whole = len(value) > 1, value[0]
    front = numbers_in_front(atoms.offers, scope)
    found: list[Edit] = []
    for path, n in nodes(e):
        index = any(field in ("slice", "func") and i is None for field, i in path)
        if not isinstance(n, PLAIN) or index or isinstance(getattr(n, "ctx", None), ast.Store):
            continue
        if isinstance(n, ast.Name) and n.id not in scope.names:
            continue
        if not path:
            fits = _fits(n, value, atoms, matrix, wanted, front)
        else:
            start = None if many else _start(n, scope)
            inner = None if start is None else _through(e, path, start, scope, matrix, whole)
            fits = iter(()) if start is None or inner is None else _fits(n, start[None], atoms, inner, wanted, front)
        found += [(c + 0.05 * len(path), put(e, path, x)) for c, x in fits]
    yield from sorted(found, key=lambda f: f[0])[:300]


def toward(e: Node, atoms: Atoms, start: Array, goal: Array) -> Iterator[Edit]:
    """Changes of an expression with which it has a known value, also one of another shape."""
    if start.shape == goal.shape:
        yield from grafts(e, atoms, np.eye(start.size), (goal - start).ravel())
        return
    try:
        stretched = np.broadcast_to(start, goal.shape)
    except ValueError:
        stretched = np.zeros(goal.shape)
    wanted = (goal - stretched).ravel()
    found = _fits(e, stretched[None], atoms, np.eye(goal.size), wanted, numbers_in_front(atoms.offers, atoms.scope))
    yield from sorted(found, key=lambda f: f[0])[:300]


def toward_loss(e: Node, atoms: Atoms, computed: Callable[[Array], Array]) -> Iterator[Edit]:
    """Changes of an expression by one term or factor with which a part of it is what the loss computes somewhere.

    Args:
        computed: all that the loss computes of the shape of an array, one row each.
    """
    found: list[Edit] = []
    strange: list[Path] = []  # parts that the loss does not compute: one within must be changed
    for path, n in nodes(e):
        within = not path or any(path[: len(p)] == p for p in strange if p != path)
        start = _start(n, atoms.scope) if isinstance(n, PLAIN) and within else None
        if start is None or any(field in ("slice", "func") and i is None for field, i in path):
            continue
        goals, alone = computed(start), start.ravel()
        if not np.any(np.abs(goals - alone).max(axis=1, initial=0.0) <= 1e-9 * np.abs(alone).max(initial=0.0)):
            strange.append(path)
        elif path and path[:-1] not in strange:
            continue
        terms = atoms.shaped(start.shape)
        for cost, candidates, wanted, text in (
            (1.3, terms.rows, goals - alone, "e + x"),
            (1.2, terms.rows * alone, goals, "e * x"),
        ):
            wanted = wanted[np.abs(wanted).max(axis=1, initial=0.0) > 1e-9]
            if not len(candidates) or not len(wanted):
                continue
            c = (candidates @ wanted.T) / np.einsum("ij,ij->i", candidates, candidates)[:, None]
            for i, j in np.argwhere(np.abs(np.abs(c) - 1) <= 1e-7):
                off = candidates[i] * np.sign(c[i, j]) - wanted[j]
                if np.abs(off).max() <= 1e-7 * np.abs(wanted[j]).max():
                    new = _written(text, bool(c[i, j] > 0), e=n, x=terms.expression(int(i)), k=None)
                    price = cost + 0.5 * float(terms.costs[i]) + 0.1 * (c[i, j] < 0) + 0.05 * len(path)
                    found.append((price, put(e, path, new)))
    yield from sorted(found, key=lambda f: f[0])[:200]


def _start(n: Node, scope: Scope) -> Array | None:
    """The value of a part of an expression; None if it is none to be moved."""
    try:
        start = scope.value(n)
    except Exception:
        return None
    return np.asarray(start, float) if is_float(start) and np.size(start) <= LARGEST_INNER else None


def _through(e: Node, path: Any, start: Array, scope: Scope, matrix: Array, value: Array) -> Array | None:
    """`matrix` for the value of a part of an expression, if the whole is an affine function of it."""
    try:

        def moved(d: Array) -> Array:
            x = start + d.reshape(start.shape)
            changed = put(e, path, ast.Constant(x if x.ndim else float(x)))
            return (np.asarray(scope.value(changed), float) - value).ravel()

        columns = np.array([moved(unit) for unit in np.eye(start.size)]).T
        chance = np.random.default_rng(1).normal(size=start.size)
        expected, got = columns @ chance, moved(chance)
        if np.abs(expected - got).max(initial=0.0) > 1e-8 * (1 + np.abs(got).max(initial=0.0)):
            return None
        return matrix @ columns
    except Exception:
        return None


def _fits(
    e: Node, start: Array, atoms: Atoms, matrix: Array, wanted: Array, front: list[tuple[float, Node | None]]
) -> Iterator[Edit]:
    """Changes of e, whose values on all visits are `start`, that give what is wanted; with a number in front."""
    terms, alone = atoms.shaped(start.shape[1:]), start.reshape(1, -1)
    whole = wanted + matrix @ alone[0]  # what the whole value must give, where `wanted` is what is missing
    plain = terms.rows
    with np.errstate(all="ignore"):
        times, over = plain * alone, alone / plain
    ways = (  # cost, values but for the number k, what they must give, how it is written
        (1.6, alone, whole, "k * e"),
        (2.6, plain, wanted, "e + k * x"),
        (2.3, plain, whole, "k * x"),
        (2.0, times, whole, "k * e * x"),
        (2.1, over, whole, "k * e / x"),
    )
    for cost, candidates, goal, text in ways:
        if not len(candidates) or not np.any(goal):
            continue
        q = candidates @ matrix.T
        with np.errstate(all="ignore"):
            c = (q @ goal) / np.einsum("ij,ij->i", q, q)
            off = np.abs(q * c[:, None] - goal).max(axis=1)
        for i in np.nonzero(off <= 1e-7 * np.abs(goal).max())[0]:
            for number, written in front:
                if abs(abs(c[i]) - number) <= 1e-7 * number:
                    x = e if candidates is alone else terms.expression(int(i))
                    price = cost + 0.2 * (written is not None) + 0.1 * (c[i] < 0)
                    price += 0.0 if candidates is alone else float(terms.costs[i])
                    yield price, _written(text, bool(c[i] > 0), e=e, x=x, k=written)


def _written(text: str, plus: bool, **parts: Any) -> Node:
    """A way as code, without the k where it is 1, taken away where it is negative."""
    text = text if parts["k"] is not None else text.replace("k * ", "")
    if plus or "+" in text:
        return made(text if plus else text.replace("+", "-"), **parts)
    whole = made(text, **parts)
    swaps = form("a - b").match(whole)
    return made("b - a", **swaps) if swaps else made("-a", a=whole)
