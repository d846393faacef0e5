"""Things at hand with their values, and their products: what a graft is made of.

Products are judged by the thousand: the values of all that fits a shape are computed at once, and the source of one
only when it is asked for. Values are stacked: first the visits, then the things, then their own axes.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.lines.edits import PLAIN
from tinygrad_lite.checking.lines.functions import Node, is_number
from tinygrad_lite.checking.lines.offers import Offers, binary, constant, element, method, transposed
from tinygrad_lite.checking.lines.slots import load
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np

Write = Callable[[int], Node]
Block = tuple[Array, Array, Write]  # costs, values, and how each is written
Shape = tuple[int, ...]
MOST_ATOMS, MOST_PAIRED, MANY = 150, 56, 8


class Terms:
    """Everything that fits a shape.

    Attributes:
        costs: one for each.      rows: their values: for each its entries, one visit after the other.
    """

    def __init__(self, blocks: list[Block], visits: int, entries: int) -> None:
        rows = [values.reshape(visits, len(costs), entries) for costs, values, _ in blocks]
        every = np.concatenate([np.empty((visits, 0, entries)), *rows], axis=1)
        self._kept = np.nonzero(np.isfinite(every).all(axis=(0, 2)) & every.any(axis=(0, 2)))[0]
        self._starts = np.cumsum([0, *(len(costs) for costs, _, _ in blocks)])
        self._writes = [write for _, _, write in blocks]
        self.costs = np.concatenate([[], *(costs for costs, _, _ in blocks)])[self._kept]
        self.rows = every[:, self._kept].swapaxes(0, 1).reshape(len(self._kept), visits * entries)

    def written(self, i: int) -> Node:
        """A term as an expression."""
        k = int(self._kept[i])
        block = int(np.searchsorted(self._starts, k, "right")) - 1
        return self._writes[block](k - int(self._starts[block]))


class Atoms:
    """Things at hand with their values, the plainest first: (cost, expression, value).

    Args:
        scopes: of the first visit, or of every visit.
    """

    def __init__(self, offers: Offers, scopes: list[Scope], tree: Node) -> None:
        self.offers, self.scopes = offers, scopes
        self.scope = scopes[len(scopes) // 2]  # at the first of several visits much is still zero
        self.items: list[tuple[float, Node, Array]] = []
        self._known: set[bytes] = set()
        self._shaped: dict[Shape, Terms] = {}
        for name in offers.names:
            self._offer(0.0, load(name))
        for x in offers.subscripts:
            self._offer(0.1, x)
        for x in offers.rebuilt:
            self._offer(0.3, x)
        for x in self._one_hot():
            self._offer(0.3, x, again=True)  # of lengths that are equal here, but not on other problems
        indices = {ast.dump(s.slice): s.slice for s in offers.subscripts if not isinstance(s.slice, ast.Constant)}
        for name in offers.names[:16]:
            for index in list(indices.values())[:8]:
                self._offer(0.2, element(load(name), index))
        for n in (n for some in (tree, *offers.elsewhere) for n in ast.walk(some)):
            loads = not isinstance(getattr(n, "ctx", None), (ast.Store, ast.Del))
            if isinstance(n, PLAIN) and loads and sum(1 for _ in ast.walk(n)) <= 30:
                self._offer(0.3, n)
        for cost, x, value in list(self.items[:44]):
            self._made_of(cost, x, value)
        for x in (*map(constant, offers.constants), *offers.sizes):
            self._offer(0.4, x)

    def _offer(self, cost: float, x: Node, again: bool = False) -> None:
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
        if (again or key not in self._known) and np.all(np.isfinite(array)):
            self._known.add(key)
            self.items.append((cost, x, array))

    def _one_hot(self) -> Iterator[Node]:
        """`np.eye(n)[ids]` of labels."""
        for name in self.offers.names if self.offers.numpy else ():
            ids = self.scope.names[name]
            if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu" and ids.ndim == 1 and ids.min(initial=0) >= 0:
                for size in self.offers.sizes:
                    if ids.max(initial=0) < self.scope.value(size) <= 64:
                        yield element(self.offers.numpys("eye", size), load(name))

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

    def values(self, x: Node) -> Any:
        """The values of an expression on every visit, stacked; None if it has none."""
        try:
            return np.array([np.asarray(scope.value(x), float) for scope in self.scopes])
        except Exception:
            return None

    # ------------------------------------------------------------------ products of one shape

    def shaped(self, shape: Shape) -> Terms:
        """Everything that fits a shape: the things at hand, and the products of two."""
        if shape not in self._shaped:
            with np.errstate(all="ignore"):
                blocks = list(self._blocks(shape))
            self._shaped[shape] = Terms(blocks, len(self.scopes), int(np.prod(shape)))
        return self._shaped[shape]

    @functools.cached_property
    def _groups(self) -> dict[Shape, tuple[list[Node], Array, Array]]:
        """By shape the things at hand, their costs, and their values."""
        found: dict[Shape, list[tuple[float, Node, Array]]] = {}
        for cost, x, value in self.items:
            values = self.values(x) if len(self.scopes) > 1 else value[None]
            if values is not None and values.shape[1:] == value.shape:
                found.setdefault(value.shape, []).append((cost, x, values))
        return {
            shape: ([x for _, x, _ in some], np.array([c for c, _, _ in some]), np.stack([v for _, _, v in some], 1))
            for shape, some in found.items()
        }

    def _blocks(self, shape: Shape) -> Iterator[Block]:
        for nodes, costs, values in self._groups.values():
            yield from _forms(costs, nodes.__getitem__, values, shape)
        most = MOST_PAIRED if len(self.scopes) <= MANY else MOST_PAIRED // 2
        ahead = {id(x) for _, x, v in [item for item in self.items if _paired(*item[1:])][:most]}
        paired = []
        for nodes, costs, values in self._groups.values():
            chosen = [i for i, x in enumerate(nodes) if id(x) in ahead]
            if chosen:
                paired.append(([nodes[i] for i in chosen], costs[chosen], values[:, chosen]))
        for first, second in itertools.combinations_with_replacement(paired, 2):
            yield from self._pairs(first, second, shape)

    def _pairs(self, first: Any, second: Any, shape: Shape) -> Iterator[Block]:
        """Products, quotients, sums, outer and matrix products of things of two shapes, where they fit."""
        s1, s2 = first[2].shape[2:], second[2].shape[2:]
        joined, ranks = _joined(s1, s2), (len(s1), len(s2))
        elementwise = joined is not None and bool(_ways(joined, shape))
        outer = ranks == (1, 1) and len(shape) == 2 and bool(self.offers.numpy)
        matrix = 0 < min(ranks) <= max(ranks) < 3 and sum(ranks) - 2 == len(shape)
        if not (elementwise or outer or matrix):
            return
        many = len(first[0]), len(second[0])
        i, j = np.tril_indices(many[0]) if first is second else np.indices(many).reshape(2, -1)
        a: Write = lambda n: first[0][i[n]]  # noqa: E731
        b: Write = lambda n: second[0][j[n]]  # noqa: E731
        cost, x, y = 0.2 + first[1][i] + second[1][j], first[2][:, i], second[2][:, j]
        if elementwise:
            assert joined is not None
            p, q = _aligned(x, len(joined)), _aligned(y, len(joined))
            yield from _forms(cost, lambda n: binary(a(n), ast.Mult, b(n)), p * q, shape)
            yield from _forms(cost + 0.2, lambda n: binary(a(n), ast.Div, b(n)), p / q, shape)
            yield from _forms(cost + 0.2, lambda n: binary(b(n), ast.Div, a(n)), q / p, shape)
            if joined == shape:
                yield cost + 0.3, p + q, lambda n: binary(a(n), ast.Add, b(n))
                yield cost + 0.3, q - p, lambda n: binary(b(n), ast.Sub, a(n))
        if outer and s1 + s2 == shape:
            yield cost + 0.2, x[..., :, None] * y[..., None, :], lambda n: self.offers.numpys("outer", a(n), b(n))
        if outer and s2 + s1 == shape:
            yield cost + 0.2, y[..., :, None] * x[..., None, :], lambda n: self.offers.numpys("outer", b(n), a(n))
        if matrix:
            yield from _matrix_products(cost + 0.1, a, b, x, y, shape)


def _paired(x: Node, value: Array) -> bool:
    return value.size > 1 or not isinstance(x, ast.Constant)


@functools.cache
def _joined(a: Shape, b: Shape) -> Shape | None:
    try:
        return tuple(np.broadcast_shapes(a, b))
    except ValueError:
        return None


def _aligned(x: Array, rank: int) -> Array:
    """Values with axes of length one put in front of their own, up to a rank."""
    return x.reshape(*x.shape[:2], *[1] * (rank + 2 - x.ndim), *x.shape[2:])


@functools.cache
def _ways(have: Shape, want: Shape) -> tuple[tuple[float, str, int], ...]:
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


def _forms(cost: Array, write: Write, values: Array, shape: Shape) -> Iterator[Block]:
    """Values in every form that fits a shape."""
    for more, way, axis in _ways(values.shape[2:], shape):
        if way == "plain":
            yield cost, np.broadcast_to(_aligned(values, len(shape)), (*values.shape[:2], *shape)), write
        elif way == "T":
            yield cost + more, values.swapaxes(-1, -2), lambda n: transposed(write(n))
        elif way == "all":
            yield cost + more, values.sum(axis=tuple(range(2, values.ndim))), lambda n: method(write(n), "sum")
        else:
            keep = {"keepdims": True} if way == "keep" else {}
            summed = values.sum(axis=axis + 2, **keep)
            yield cost + more, summed, functools.partial(_summed, write, axis=axis, **keep)


def _summed(write: Write, n: int, **keywords: Any) -> Node:
    return method(write(n), "sum", **keywords)


def _matrix_products(cost: Array, a: Write, b: Write, x: Array, y: Array, shape: Shape) -> Iterator[Block]:
    """`a @ b` and `b @ a`, each of them as it is or transposed."""
    for first, second, u, v in ((a, b, x, y), (b, a, y, x)):
        for turned in ((False, False), (True, False), (False, True)):
            if (turned[0] and u.ndim < 4) or (turned[1] and v.ndim < 4):
                continue
            p, q = (z.swapaxes(-1, -2) if t else z for z, t in zip((u, v), turned, strict=True))
            if p.shape[-1] == q.shape[2] and p.shape[2:-1] + q.shape[3:] == shape:
                left, right = (p[..., None, :] if p.ndim < 4 else p), (q[..., None] if q.ndim < 4 else q)
                yield cost + 0.1 * any(turned), left @ right, functools.partial(_product, first, second, turned)


def _product(first: Write, second: Write, turned: tuple[bool, bool], n: int) -> Node:
    left, right = (transposed(w(n)) if t else w(n) for w, t in zip((first, second), turned, strict=True))
    return binary(left, ast.MatMult, right)
