"""Value first: which product of two things at hand makes up what a place is missing?

Where it is known what a value must satisfy (`matrix @ (v - v0) = wanted`), nothing needs to be enumerated and run:
each variable, element, fragment of the function and each product of two of them, summed or as a matrix product, is
put in as a replacement, a factor, a divisor or a term, and the number in front of it is solved for and read as 1, 2,
1/2, N, 1/N, 2/N and so on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.arrays import np
from tinygrad_lite.checking.lines.edits import (
    PLAIN, Edit, Offers, binary, constant, element, load, method, transposed,
)  # fmt: skip
from tinygrad_lite.checking.lines.functions import Node, is_number
from tinygrad_lite.checking.lines.slots import nodes, put
from tinygrad_lite.checking.lines.values import Scope

Array = Any
MOST_ATOMS, MOST_PAIRED, LARGEST_INNER = 150, 56, 48


class Atoms:
    """Things at hand with their values, the plainest first: (cost, expression, value).

    Args:
        scopes: of the first visit; of every visit where only the sum over all of them counts.
    """

    def __init__(self, offers: Offers, scopes: list[Scope], tree: Node) -> None:
        self.offers, self.scopes = offers, scopes
        self.scope = scopes[len(scopes) // 2]  # at the first of several visits much is still zero
        self.items: list[tuple[float, Node, Array]] = []
        self._known: set[bytes] = set()
        self._shaped: dict[tuple[int, ...], tuple[list[tuple[float, Node]], Array]] = {}
        for name in offers.names:
            self._offer(0.0, load(name))
        for x in offers.subscripts:
            self._offer(0.1, x)
        indices = {ast.dump(s.slice): s.slice for s in offers.subscripts if not isinstance(s.slice, ast.Constant)}
        for name in offers.names[:16]:
            for index in list(indices.values())[:8]:
                self._offer(0.2, element(load(name), index))
        for n in ast.walk(tree):
            loads = not isinstance(getattr(n, "ctx", None), (ast.Store, ast.Del))
            if isinstance(n, PLAIN) and loads and sum(1 for _ in ast.walk(n)) <= 30:
                self._offer(0.3, n)
        for cost, x, value in list(self.items[:44]):
            self._made_of(cost, x, value)
        for c in offers.constants:
            self._offer(0.4, constant(c))
        for size in offers.sizes:
            self._offer(0.4, size)

    def _offer(self, cost: float, x: Node) -> None:
        if len(self.items) >= MOST_ATOMS:
            return
        try:
            value = self.scope.keep(x)
        except Exception:
            return
        if not is_number(value):
            return
        array = np.asarray(value, float)
        key = str(array.shape).encode() + array.tobytes()
        if key not in self._known and np.all(np.isfinite(array)):
            self._known.add(key)
            self.items.append((cost, x, array))

    def _made_of(self, cost: float, x: Node, value: Array) -> None:
        """What activations, norms and masks are made of."""
        if not isinstance(x, (ast.Name, ast.Subscript, ast.Attribute)) or self._whole(x):
            return
        self._offer(cost + 0.3, binary(constant(1), ast.Sub, binary(x, ast.Pow, constant(2))))
        self._offer(cost + 0.3, binary(x, ast.Mult, binary(constant(1), ast.Sub, x)))
        self._offer(cost + 0.3, ast.Compare(x, [ast.Gt()], [constant(0)]))
        self._offer(cost + 0.2, binary(constant(1), ast.Sub, x))
        self._offer(cost + 0.3, binary(x, ast.Pow, constant(2)))
        if self.offers.numpy and isinstance(x, ast.Name) and value.ndim:
            for f in ("sign", "exp", "tanh", "sqrt"):
                self._offer(cost + 0.6, self.offers.numpys(f, x))
        if value.ndim > 1:
            for axis in (0, -1):
                self._offer(cost + 0.4, method(x, "sum", axis=axis, keepdims=True))

    def _whole(self, x: Node) -> bool:
        return isinstance(x, ast.Name) and isinstance(self.scope.names.get(x.id), int)

    # ------------------------------------------------------------------ products of one shape

    def shaped(self, shape: tuple[int, ...]) -> tuple[list[tuple[float, Node]], Array]:
        """Everything that fits a shape: (cost, expression) and, one row each, the values."""
        if shape not in self._shaped:
            size = int(np.prod(shape))
            found, rows = [], []
            for cost, x, value in self._products(shape):
                if len(self.scopes) > 1:
                    value = self.summed(x)
                if value is not None and np.all(np.isfinite(value)) and value.any():
                    found.append((cost, x))
                    rows.append(np.broadcast_to(value, shape).ravel())
            self._shaped[shape] = found, np.array(rows).reshape(len(found), size)
        return self._shaped[shape]

    def summed(self, x: Node) -> Any:
        """The sum of an expression's values over the visits, None if it has none."""
        try:
            return np.asarray(sum(scope.value(x) for scope in self.scopes), float)
        except Exception:
            return None

    def _products(self, shape: tuple[int, ...]) -> Iterator[tuple[float, Node, Array]]:
        for cost, x, value in self.items:
            yield from _forms(cost, x, value, shape)
        paired = [a for a in self.items if a[2].size > 1 or not isinstance(a[1], ast.Constant)][:MOST_PAIRED]
        for i, (c1, a, x) in enumerate(paired):
            for c2, b, y in paired[: i + 1]:
                cost = 0.2 + c1 + c2
                try:
                    yield from _forms(cost, binary(a, ast.Mult, b), x * y, shape)
                    if a is not b:
                        yield from _forms(cost + 0.2, binary(a, ast.Div, b), x / y, shape)
                        yield from _forms(cost + 0.2, binary(b, ast.Div, a), y / x, shape)
                except ValueError:
                    pass
                if x.ndim == 1 and y.ndim == 1 and len(shape) == 2 and self.offers.numpy:
                    for p, q, v in ((a, b, np.outer(x, y)), (b, a, np.outer(y, x))):
                        if v.shape == shape:
                            yield cost + 0.2, self.offers.numpys("outer", p, q), v
                if len(shape) <= 2 and 0 < x.ndim <= 2 and 0 < y.ndim <= 2 and x.ndim + y.ndim - 2 == len(shape):
                    yield from _matrix_products(cost + 0.1, a, b, x, y, shape)


def _forms(cost: float, x: Node, value: Array, shape: tuple[int, ...]) -> Iterator[tuple[float, Node, Array]]:
    """A value as it is, summed over an axis or over all, and transposed, where that fits a shape."""
    if value.ndim <= len(shape) and all(m in (1, n) for m, n in zip(value.shape[::-1], shape[::-1], strict=False)):
        yield cost, x, value
    if value.ndim == 2 and value.shape[::-1] == shape:
        yield cost + 0.3, transposed(x), value.T
    if value.ndim == len(shape) + 1:
        for axis in range(value.ndim):
            if value.shape[:axis] + value.shape[axis + 1 :] == shape:
                yield cost + 0.1, method(x, "sum", axis=axis), value.sum(axis=axis)
    if value.ndim == len(shape) > 0:
        for axis in range(value.ndim):
            if value.shape[axis] > 1 and shape[axis] == 1 and value.shape[:axis] == shape[:axis]:
                summed = value.sum(axis=axis, keepdims=True)
                if summed.shape == shape:
                    yield cost + 0.2, method(x, "sum", axis=axis, keepdims=True), summed
    if not shape and value.ndim > 1:
        yield cost + 0.1, method(x, "sum"), value.sum()


def _matrix_products(
    cost: float, a: Node, b: Node, x: Array, y: Array, shape: tuple[int, ...]
) -> Iterator[tuple[float, Node, Array]]:
    at, bt = transposed(a), transposed(b)
    ways = ((a, b, x, y), (b, a, y, x), (at, b, x.T, y), (a, bt, x, y.T), (bt, a, y.T, x), (b, at, y, x.T))
    for p, q, u, v in ways:
        if u.shape[-1] == v.shape[0] and u.shape[:-1] + v.shape[1:] == shape:
            yield cost + (0.1 if p is at or q is bt else 0.0), binary(p, ast.MatMult, q), u @ v


def inserted(e: Node, atoms: Atoms) -> Iterator[Edit]:
    """Every part of an expression with something at hand put in: for places of which nothing is known."""
    for path, n in nodes(e):
        index = any(field in ("slice", "func") for field, _ in path)
        if isinstance(n, PLAIN) and not index and not (isinstance(n, ast.Name) and n.id not in atoms.scope.names):
            for cost, x, _ in atoms.items:
                price = 2.0 + cost + 0.02 * len(path)
                for op in (ast.Mult, ast.Add, ast.Sub, ast.Div):
                    yield price, put(e, path, binary(n, op, x))
                yield price + 0.3, put(e, path, x)
                yield price + 0.3, put(e, path, binary(n, ast.MatMult, x))


# ------------------------------------------------------------------ what a place is missing


def numbers_in_front(offers: Offers, scope: Scope) -> list[tuple[float, Node | None]]:
    """The numbers that may stand in front of a term, with how they are written; None for 1."""
    found: list[tuple[float, Node | None]] = [(1.0, None)]
    found += [(c, constant(c)) for c in (2, 3, 0.5, 1.5)]
    for size in offers.sizes:
        n = float(scope.value(size))
        if n > 1:
            found.append((n, size))
            for c in (1, 2, 0.5):
                found.append((c / n, binary(constant(c), ast.Div, size)))
    return found


def grafts(e: Node, atoms: Atoms, matrix: Array, wanted: Array) -> Iterator[Edit]:
    """Changes of an expression whose value v satisfies `matrix @ (v - v0) = wanted`, cheapest first.

    Every part of the expression that its value is an affine function of is a place for a graft.
    """
    scope, summed = atoms.scope, len(atoms.scopes) > 1
    value = atoms.summed(e)
    if value is None:
        return
    front = numbers_in_front(atoms.offers, scope)
    found: list[Edit] = []
    for path, n in nodes(e):
        index = any(field in ("slice", "func") and i is None for field, i in path)
        if not isinstance(n, PLAIN) or index or isinstance(getattr(n, "ctx", None), ast.Store):
            continue
        if isinstance(n, ast.Name) and n.id not in scope.names:
            continue
        inner = matrix if not path else None if summed else _through(e, path, n, scope, matrix, value)
        if inner is not None:
            start = value if not path else np.asarray(scope.value(n), float)
            found += [(c + 0.05 * len(path), put(e, path, x)) for c, x in _fits(n, start, atoms, inner, wanted, front)]
    yield from sorted(found, key=lambda f: f[0])[:300]


def _through(e: Node, path: Any, n: Node, scope: Scope, matrix: Array, value: Array) -> Array | None:
    """`matrix` for the value of a part of an expression, if the whole is an affine function of it."""
    try:
        start = scope.value(n)
        if not is_number(start) or isinstance(start, (int, bool)) or np.asarray(start).dtype.kind != "f":
            return None
        start = np.asarray(start, float)
        if start.size > LARGEST_INNER:
            return None

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
    items, rows = atoms.shaped(start.shape)
    flat = start.ravel()
    whole = wanted + matrix @ flat  # what the whole value must give, where `wanted` is what is missing
    with np.errstate(all="ignore"):
        ways = (
            (1.6, flat[None], whole, lambda _, k, plus: _signed(_scaled(e, k), plus)),
            (2.6, rows, wanted, lambda x, k, plus: _term(e, x, k, plus)),
            (2.3, rows, whole, lambda x, k, plus: _signed(x if k is None else binary(k, ast.Mult, x), plus)),
            (2.0, rows * flat, whole, lambda x, k, plus: _signed(binary(_scaled(e, k), ast.Mult, x), plus)),
            (2.1, flat / rows, whole, lambda x, k, plus: _signed(binary(_scaled(e, k), ast.Div, x), plus)),
        )
    for cost, candidates, goal, write in ways:
        if not len(candidates) or not np.any(goal):
            continue
        q = candidates @ matrix.T
        with np.errstate(all="ignore"):
            c = (q @ goal) / np.einsum("ij,ij->i", q, q)
            off = np.abs(q * c[:, None] - goal).max(axis=1)
        for i in np.nonzero(off <= 1e-7 * np.abs(goal).max())[0]:
            for number, written in front:
                if abs(abs(c[i]) - number) <= 1e-7 * number:
                    price = cost + (items[i][0] if len(candidates) > 1 else 0.0) + (0.2 if written is not None else 0.0) + (0.1 if c[i] < 0 else 0.0)
                    yield price, write(items[i][1] if items else e, written, c[i] > 0)
                    break


def _term(e: Node, x: Node, k: Node | None, plus: bool) -> Node:
    return binary(e, ast.Add if plus else ast.Sub, x if k is None else binary(k, ast.Mult, x))


def _scaled(e: Node, k: Node | None) -> Node:
    return e if k is None else binary(k, ast.Mult, e)


def _signed(x: Node, plus: bool) -> Node:
    return x if plus else ast.UnaryOp(ast.USub(), x)
