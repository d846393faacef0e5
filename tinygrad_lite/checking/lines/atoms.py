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

from tinygrad_lite.checking.lines.edits import DERIVATIVES, ELEMENTWISE, PLAIN
from tinygrad_lite.checking.lines.forms import load, made
from tinygrad_lite.checking.lines.functions import Node, is_number
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.values import Scope
from tinygrad_lite.checking.network.arrays import Array, np

Write = Callable[[int], Node]
Block = tuple[Array, Array, Write]  # costs, values, and how each is written
Shape = tuple[int, ...]
MOST_ATOMS, MOST_PAIRED, MANY = 300, 56, 8
MADE_OF = (  # what activations, norms and masks are made of: of anything, of a variable, of a matrix
    *((0.3, derivative, 0) for derivative in DERIVATIVES),
    (0.2, "1 - a", 0),
    (0.3, "a**2", 0),
    (0.2, "np.sign(a)", 1),
    (0.4, "a.sum(axis=0, keepdims=True)", 2),
    (0.4, "a.sum(axis=-1, keepdims=True)", 2),
)


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
        self.costs: Any = np.concatenate([[], *(costs for costs, _, _ in blocks)])[self._kept]
        self.rows: Any = every[:, self._kept].swapaxes(0, 1).reshape(len(self._kept), visits * entries)

    def expression(self, i: int) -> Node:
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
        self.offers: Offers = offers
        self.scopes: list[Scope] = scopes
        self.scope: Scope = scopes[len(scopes) // 2]  # at the first of several visits much is still zero
        self.items: list[tuple[float, Node, Array]] = []
        self._known: set[bytes] = set()
        self._shaped: dict[Shape, Terms] = {}
        trees = [tree, *offers.elsewhere]
        called = {n.attr for some in trees for n in ast.walk(some) if isinstance(n, ast.Attribute)}
        self._functions = [name for name in ELEMENTWISE if name in called]
        for name in offers.names:
            self._offer(0.0, load(name))
        for x in offers.subscripts:
            self._offer(0.1, x)
        for x in offers.rebuilt:
            self._offer(0.3, x)
        for x in self._one_hot():
            self._offer(0.3, x, again=True)  # of lengths that are equal here, but not on other problems
        indices = {ast.dump(s.slice): s.slice for s in offers.subscripts if not isinstance(s.slice, ast.Constant)}
        for name, index in itertools.product(offers.names[:16], list(indices.values())[:8]):
            self._offer(0.2, made("a[i]", a=load(name), i=index))
        for n in (n for some in trees for n in ast.walk(some)):
            loads = not isinstance(getattr(n, "ctx", None), (ast.Store, ast.Del))
            if isinstance(n, PLAIN) and loads and sum(1 for _ in ast.walk(n)) <= 30:
                self._offer(0.3, n)
        for cost, x, value in list(self.items[:44]):
            self._made_of(cost, x, value)
        for x in (*map(ast.Constant, offers.decimals), *offers.at_hand["N"]):
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
                for size in self.offers.at_hand["N"]:
                    if ids.max(initial=0) < self.scope.value(size) <= 64:
                        yield made("np.eye(n)[i]", np=load(self.offers.numpy), n=size, i=load(name))

    def _made_of(self, cost: float, x: Node, value: Array) -> None:
        if not isinstance(x, (ast.Name, ast.Subscript, ast.Attribute)) or self._whole(x):
            return
        fits = (True, bool(self.offers.numpy) and isinstance(x, ast.Name) and value.ndim > 0, value.ndim > 1)
        for more, text, of in MADE_OF:
            if fits[of]:
                self._offer(cost + more, made(text, a=x, np=load(self.offers.numpy)))
        for name in self._functions if fits[1] else ():
            self._offer(cost + 0.6, made(f"np.{name}(a)", a=x, np=load(self.offers.numpy)))

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
        cost, x, y = 0.2 + first[1][i] + second[1][j], first[2][:, i], second[2][:, j]

        def write(text: str) -> Write:
            return lambda n: made(text, a=first[0][i[n]], b=second[0][j[n]], np=load(self.offers.numpy))

        if elementwise:
            assert joined is not None
            p, q = _aligned(x, len(joined)), _aligned(y, len(joined))
            for more, text, values in ((0.0, "a * b", p * q), (0.2, "a / b", p / q), (0.2, "b / a", q / p)):
                yield from _forms(cost + more, write(text), values, shape)
            for text, values in (("a + b", p + q), ("b - a", q - p)) if joined == shape else ():
                yield cost + 0.3, values, write(text)
        for text, u, v in (("np.outer(a, b)", x, y), ("np.outer(b, a)", y, x)) if outer else ():
            if u.shape[2:] + v.shape[2:] == shape:
                yield cost + 0.2, u[..., :, None] * v[..., None, :], write(text)
        for (l, u), (r, v) in itertools.permutations((("a", x), ("b", y))) if matrix else ():
            for left, right in ((l, r), (f"{l}.T", r), (l, f"{r}.T")):
                product = _matrix_product(u, v, left != l, right != r, shape)
                if product is not None:
                    yield cost + 0.1 + 0.1 * (left != l or right != r), product, write(f"{left} @ {right}")


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
    if not want and len(have) > 1:
        found.append((0.1, "all", 0))
    return tuple(found)


def _forms(cost: Array, write: Write, values: Array, shape: Shape) -> Iterator[Block]:
    """Values in every form that fits a shape."""
    for more, way, axis in _ways(values.shape[2:], shape):
        if way == "plain":
            yield cost, np.broadcast_to(_aligned(values, len(shape)), (*values.shape[:2], *shape)), write
            continue
        text, axes = {
            "T": ("a.T", ()),
            "all": ("a.sum()", tuple(range(2, values.ndim))),
            "sum": (f"a.sum(axis={axis})", (axis + 2,)),
        }[way]
        made_so: Write = lambda n, text=text: made(text, a=write(n))  # type: ignore[misc]  # noqa: E731
        yield cost + more, values.sum(axis=axes) if axes else values.swapaxes(-1, -2), made_so


def _matrix_product(u: Array, v: Array, turn: bool, also: bool, shape: Shape) -> Array | None:
    """Matrix products of stacked values, one of the two transposed; None if they give another shape."""
    if (turn and u.ndim < 4) or (also and v.ndim < 4):
        return None
    p, q = u.swapaxes(-1, -2) if turn else u, v.swapaxes(-1, -2) if also else v
    if p.shape[-1] != q.shape[2] or p.shape[2:-1] + q.shape[3:] != shape:
        return None
    return (p[..., None, :] if p.ndim < 4 else p) @ (q[..., None] if q.ndim < 4 else q)
