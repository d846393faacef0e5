"""Things at hand with their values, and their products: what a graft is made of.

Products are judged by the thousand, so their values are computed at once and their source only when it is asked for.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.lines.edits import PLAIN
from tinygrad_lite.checking.lines.functions import Node, is_number
from tinygrad_lite.checking.lines.offers import Offers, binary, constant, element, method, transposed
from tinygrad_lite.checking.lines.slots import load
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import np

Array = Any
Make = Callable[[], Node]
MOST_ATOMS, MOST_PAIRED = 150, 56


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
        self._shaped: dict[tuple[int, ...], tuple[list[tuple[float, Make]], Array]] = {}
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
                self._offer(cost + (0.2 if f == "sign" else 0.6), self.offers.numpys(f, x))
        if value.ndim > 1:
            for axis in (0, -1):
                self._offer(cost + 0.4, method(x, "sum", axis=axis, keepdims=True))

    def _whole(self, x: Node) -> bool:
        return isinstance(x, ast.Name) and isinstance(self.scope.names.get(x.id), int)

    # ------------------------------------------------------------------ products of one shape

    def shaped(self, shape: tuple[int, ...]) -> tuple[list[tuple[float, Make]], Array]:
        """Everything that fits a shape: (cost, how to write it) and, one row each, the values."""
        if shape not in self._shaped:
            found: list[tuple[float, Make]] = []
            rows = np.empty((1024, *shape))
            for cost, make, value in self._products(shape):
                if len(self.scopes) > 1 and (value := self.summed(make())) is None:
                    continue
                if len(found) == len(rows):
                    rows = np.concatenate([rows, np.empty_like(rows)])
                rows[len(found)] = value
                found.append((cost, make))
            rows = rows[: len(found)].reshape(len(found), -1)
            good = np.isfinite(rows).all(axis=1) & rows.any(axis=1)
            self._shaped[shape] = [f for f, ok in zip(found, good, strict=True) if ok], rows[good]
        return self._shaped[shape]

    def summed(self, x: Node) -> Any:
        """The sum of an expression's values over the visits, None if it has none."""
        try:
            return np.asarray(sum(scope.value(x) for scope in self.scopes), float)
        except Exception:
            return None

    def joined(self, e: Node, op: type, shape: tuple[int, ...]) -> tuple[list[tuple[float, Make]], Array]:
        """An expression combined with each thing at hand, summed over the visits, as in `shaped`."""
        found: list[tuple[float, Make]] = []
        rows = []
        for cost, x, _ in self.items:
            value = self.summed(binary(e, op, x))
            if value is not None and value.shape == shape and np.all(np.isfinite(value)) and value.any():
                found.append((cost, lambda x=x: x))  # type: ignore[misc]
                rows.append(value.ravel())
        return found, np.array(rows).reshape(len(found), int(np.prod(shape)))

    def _products(self, shape: tuple[int, ...]) -> Iterator[tuple[float, Make, Array]]:
        for cost, x, value in self.items:
            yield from _forms(cost, lambda x=x: x, value, shape)  # type: ignore[misc]
        paired = [a for a in self.items if a[2].size > 1 or not isinstance(a[1], ast.Constant)][:MOST_PAIRED]
        with np.errstate(all="ignore"):
            for i, first in enumerate(paired):
                for second in paired[: i + 1]:
                    yield from self._pair(first, second, shape)

    def _pair(self, first: Any, second: Any, shape: tuple[int, ...]) -> Iterator[tuple[float, Make, Array]]:
        """Product, quotients, outer and matrix products of two things, where they fit."""
        (c1, a, x), (c2, b, y) = first, second
        cost = 0.2 + c1 + c2
        joined = _joined(x.shape, y.shape)
        if joined is not None and _ways(joined, shape):
            yield from _forms(cost, lambda: binary(a, ast.Mult, b), x * y, shape)
            if a is not b:
                yield from _forms(cost + 0.2, lambda: binary(a, ast.Div, b), x / y, shape)
                yield from _forms(cost + 0.2, lambda: binary(b, ast.Div, a), y / x, shape)
                if joined == shape:
                    yield cost + 0.3, lambda: binary(a, ast.Add, b), x + y
                    yield cost + 0.3, lambda: binary(b, ast.Sub, a), y - x
        if len(shape) == 2 and x.ndim == y.ndim == 1 and self.offers.numpy:
            if x.shape + y.shape == shape:
                yield cost + 0.2, lambda: self.offers.numpys("outer", a, b), np.outer(x, y)
            if y.shape + x.shape == shape:
                yield cost + 0.2, lambda: self.offers.numpys("outer", b, a), np.outer(y, x)
        if len(shape) <= 2 and x.ndim in (1, 2) and y.ndim in (1, 2) and x.ndim + y.ndim - 2 == len(shape):
            yield from _matrix_products(cost + 0.1, a, b, x, y, shape)


@functools.cache
def _joined(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return tuple(np.broadcast_shapes(a, b))
    except ValueError:
        return None


@functools.cache
def _ways(have: tuple[int, ...], want: tuple[int, ...]) -> tuple[tuple[float, str, int], ...]:
    """How an array of one shape can fit another: as it is, transposed, summed over an axis or over all."""
    found = []
    if len(have) <= len(want) and all(m in (1, n) for m, n in zip(have[::-1], want[::-1], strict=False)):
        found.append((0.0, "plain", 0))
    if len(have) == 2 and have[::-1] == want:
        found.append((0.3, "T", 0))
    for axis in range(len(have)):
        if have[:axis] + have[axis + 1 :] == want:
            found.append((0.1, "sum", axis))
        if have[axis] > 1 and (*have[:axis], 1, *have[axis + 1 :]) == want:
            found.append((0.2, "keep", axis))
    if not want and len(have) > 1:
        found.append((0.1, "all", 0))
    return tuple(found)


def _forms(cost: float, make: Make, value: Array, shape: tuple[int, ...]) -> Iterator[tuple[float, Make, Array]]:
    """A value in every form that fits a shape."""
    for more, way, axis in _ways(value.shape, shape):
        if way == "plain":
            yield cost, make, value
        elif way == "T":
            yield cost + more, lambda: transposed(make()), value.T
        elif way == "sum":
            yield cost + more, lambda k=axis: method(make(), "sum", axis=k), np.add.reduce(value, axis)  # type: ignore[misc]
        elif way == "keep":
            summed = np.add.reduce(value, axis, keepdims=True)
            yield cost + more, lambda k=axis: method(make(), "sum", axis=k, keepdims=True), summed  # type: ignore[misc]
        else:
            yield cost + more, lambda: method(make(), "sum"), value.sum()


def _matrix_products(
    cost: float, a: Node, b: Node, x: Array, y: Array, shape: tuple[int, ...]
) -> Iterator[tuple[float, Make, Array]]:
    at, bt = functools.partial(transposed, a), functools.partial(transposed, b)
    plain_a, plain_b = (lambda: a), (lambda: b)
    ways: tuple[tuple[float, Make, Make, Array, Array], ...] = (
        (0.0, plain_a, plain_b, x, y), (0.0, plain_b, plain_a, y, x), (0.1, at, plain_b, x.T, y),
        (0.1, plain_a, bt, x, y.T), (0.1, bt, plain_a, y.T, x), (0.1, plain_b, at, y, x.T),
    )  # fmt: skip
    for more, p, q, u, v in ways:
        if u.shape[-1] == v.shape[0] and u.shape[:-1] + v.shape[1:] == shape:
            yield cost + more, lambda p=p, q=q: binary(p(), ast.MatMult, q()), u @ v  # type: ignore[misc]
