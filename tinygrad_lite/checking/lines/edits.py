"""The table of edits: what could have been meant where something else was written, and how far that is.

An edit's cost is about 1 for a slip of the pen (a sign, another name, an axis, a `.T`) and 2 for two of them; edits
deep inside an expression cost a little more. Candidates are made of what stands in the user's own function and of a
fixed list of NumPy functions.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from tinygrad_lite.analysis.activations import known
from tinygrad_lite.checking.lines.forms import Form, form, kind, load, made
from tinygrad_lite.checking.lines.functions import Node
from tinygrad_lite.checking.lines.offers import Offers
from tinygrad_lite.checking.lines.slots import at, nodes, put
from tinygrad_lite.engine.op import TABLE, Op


def _smooth(op: Op) -> bool:
    """Whether NumPy calls an op by the same name, and it is no staircase."""
    plain = op.name.isalpha() and op.numpy == f"{{lib}}.{op.name}({{x}})"
    return plain and any(op.partials(0.3, op.forward(0.3)))


Edit = tuple[float, Node]
OPERATORS = ("+", "-", "*", "/", "@", "**")
NEAR = ({"+", "-"}, {"*", "/"}, {"*", "@"})
COMPARISONS = ("<", ">", "<=", ">=")
TURNED = (("a.T", "b"), ("a", "b.T"), ("b.T", "a"), ("b", "a.T"), ("b.T", "a.T"), ("b", "a"), ("a.T", "b.T"))
DERIVATIVES = tuple(  # of the activations, in the number that went in or came out
    text for act in known() if (text := act.derivative_text("a", "a")) != "a" and (act.output_alone or act.off)
)
ELEMENTWISE = tuple(op.name for op in TABLE.values() if _smooth(op))
REDUCTIONS = ("sum", "mean", "max", "min", "prod")
OVER_AXES = (*REDUCTIONS, "argmax", "repeat", "concatenate", "cumsum", "stack", "softmax")
FUNCTIONS = (*ELEMENTWISE, "sum", "mean", "max", "dot", "outer", "multiply", "zeros_like", "ones_like")
DIAGONAL = ("a * b * (1 - a)", "b * a * (1 - a)", "a * (1 - a) * b", "b * (a * (1 - a))")
PLAIN = (ast.BinOp, ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.UnaryOp)

ROWS: list[tuple[float, str, str]] = [  # cost, what was written, what was meant
    # an operator
    *(
        (1.8 if q == "**" else 1.0 if {p, q} in NEAR else 1.25, f"a {p} b", f"a {q} b")
        for p, q in itertools.permutations(OPERATORS, 2)
    ),
    *((1.0, f"a {p} b", f"a {q} b") for p, q in itertools.permutations(COMPARISONS, 2)),
    # the order, brackets
    *((1.0, f"a {p} b", f"b {p} a") for p in ("-", "/", "@", "**")),
    *((1.5, f"a {p} b", f"b {p} a") for p in COMPARISONS),
    (1.0, "np.where(a, b, c)", "np.where(a, c, b)"),
    *((1.3, f"(a {p} b) {q} c", f"a {p} (b {q} c)") for p, q in itertools.product(OPERATORS, repeat=2)),
    *((1.3, f"a {p} (b {q} c)", f"(a {p} b) {q} c") for p, q in itertools.product(OPERATORS, repeat=2)),
    (1.2, "a - (b + c)", "(a - b) - c"),
    (1.2, "a - (b - c)", "(a - b) - c"),
    # one of two things too many
    *((1.3, f"a {p} b", x) for p in OPERATORS for x in "ab"),
    *((1.0, f"{x}", "a") for p in OPERATORS for x in (f"a {p} k", f"k {p} a")),
    (1.0, "-a", "a"),
    (1.0, "~a", "a"),
    # products of matrices
    *((1.3, "a @ b", f"{x} @ {y}") for x, y in TURNED),
    *((1.2, f"np.{f}(a, b)", f"np.{f}({x}, {y})") for f in ("dot", "outer", "matmul") for x, y in TURNED),
    *((1.2, "a.dot(b)", f"{x}.dot({y})") for x, y in TURNED),
    *((1.4, x, "a * b") for x in ("np.dot(a, b)", "np.outer(a, b)", "np.matmul(a, b)", "a.dot(b)")),
    *((1.4, f"a {p} b", f"np.outer({x}, {y})") for p in "*@" for x, y in ("ab", "ba")),
    (1.4, "a @ b", "a.T * b"),
    (1.4, "a * b", "a.T @ b"),
    (1.4, "a * b", "a @ b.T"),
    # something forgotten around: a sign, a factor, a function, a sum
    (1.2, "a", "-a"),
    (1.2, "a", "a.T"),
    (1.3, "a", "2 * a"),
    (1.3, "a", "a / 2"),
    (1.4, "a", "a / N"),
    (1.5, "a", "a * N"),
    (1.5, "a", "a**2"),
    (1.5, "a", "a**3"),
    (1.6, "a", "1 - a"),
    (1.6, "a", "a + 1"),
    (1.6, "a", "a - 1"),
    (1.7, "a", "1 / a"),
    (1.7, "a", "a + C"),
    (1.7, "a", "C * a"),
    *((1.8, "a", derivative) for derivative in DERIVATIVES),
    *((1.6, "a", f"np.{f}(a)") for f in ELEMENTWISE),
    (1.6, "a", "np.sign(a)"),
    (1.7, "a", "F(a)"),
    *((c, "a", f"a.{f}()") for c, f in ((1.4, "sum"), (1.6, "mean"))),
    *((c, "a", f"a.{f}(axis={i})") for c, f in ((1.4, "sum"), (1.6, "mean")) for i in (0, 1, -1)),
    *((c, "a", f"a.{f}(axis={i}, keepdims=True)") for c, f in ((1.4, "sum"), (1.6, "mean")) for i in (0, 1, -1)),
    *((1.5, "a", f"a.sum(axis={axes})") for axes in ((0, 1), (0, 2), (1, 2), (0, 2, 3))),
    # the derivative of softmax by its diagonal alone
    *((1.7, x, "a * (b - (a * b).sum(axis=-1, keepdims=True))") for x in DIAGONAL),
    (1.7, "a", "a[:, None]"),
    (1.7, "a", "a[None]"),
]
BY_KIND: dict[object, list[tuple[float, Form, Form]]] = {}
for _cost, _old, _new in ROWS:
    BY_KIND.setdefault(form(_old).kind, []).append((_cost, form(_old), form(_new)))


def edits(e: Node, offers: Offers) -> Iterator[Edit]:
    """Every edit of an expression, with its cost, in no order."""
    for path, n in nodes(e):
        parent = at(e, path[:-1]) if path else None
        stores = isinstance(getattr(n, "ctx", None), ast.Store)
        if not isinstance(n, ast.expr) or stores or (path and path[-1] == ("func", None)):
            continue
        name = getattr(n, "id", "")
        strange = isinstance(n, ast.Name) and name not in offers.names
        if strange and isinstance(parent, ast.Attribute) and name != "self" and name not in offers.objects:
            continue  # the np of np.exp
        index = any(field == "slice" for field, _ in path)
        rows = [*BY_KIND.get(kind(n), ()), *(BY_KIND[None] if isinstance(n, PLAIN) and not (index or strange) else ())]
        found = itertools.chain(_by_table(n, rows, offers), _of_its_own(n, offers, parent, index))
        yield from ((cost + 0.02 * len(path), put(e, path, new)) for cost, new in found)


def _by_table(n: Node, rows: list[tuple[float, Form, Form]], offers: Offers) -> Iterator[Edit]:
    for cost, old, new in rows:
        if not offers.numpy and "np" in (*old.holes, *new.holes):
            continue
        parts = old.match(n)
        if parts is not None:
            hole = next((h for h in new.holes if h in offers.at_hand), "")
            for x in offers.at_hand[hole] if hole else (n,):
                yield cost, new(**{"np": load(offers.numpy), **parts, hole: x})


def _of_its_own(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    """Another number, name, attribute, element, function or axis in the place of this one."""
    if isinstance(n, ast.Constant):
        yield from _constants(n.value, offers, parent, index)
        if isinstance(n.value, float):
            yield from ((1.3, ast.Attribute(load("self"), a, ast.Load())) for a in offers.attributes)
    elif isinstance(n, ast.Name):
        yield from ((1.0, load(other)) for other in offers.names if other != n.id)
        if n.id in offers.objects or isinstance(parent, (ast.Attribute, ast.Subscript)):
            yield from ((1.1, load(other)) for other in offers.objects if other != n.id)
        yield from _indices(n, offers) if index else _things(1.3, offers)
        if not index:
            yield from ((1.1, ast.Attribute(load("self"), a, ast.Load())) for a in offers.attributes)
    elif isinstance(n, ast.Attribute):
        yield 1.0, n.value
        yield from ((1.1, ast.Attribute(n.value, a, ast.Load())) for a in offers.attributes if a != n.attr)
        if not index and isinstance(n.value, ast.Name) and n.value.id == "self":
            yield from ((1.3, load(name)) for name in offers.names)
    elif isinstance(n, ast.Subscript):
        yield 1.3, n.value
        if not isinstance(n.slice, (ast.Slice, ast.Tuple, ast.Constant)):
            yield from ((1.0, made(x, a=n.value, i=n.slice)) for x in ("a[i + 1]", "a[i - 1]"))
        yield from ((1.1, s) for s in offers.subscripts)
        yield from ((1.4, load(k)) for k in offers.names if not (isinstance(n.value, ast.Name) and n.value.id == k))
        if isinstance(n.slice, ast.Tuple):
            orders = (ast.Tuple(order, ast.Load()) for order in swapped(n.slice.elts))
            yield from ((1.2, ast.Subscript(n.value, order, n.ctx)) for order in orders)
    elif isinstance(n, ast.Slice):  # `a[1:]` for `a[:-1]` and the like
        for x in ("a[:]", "a[1:]", "a[:-1]", "a[1:-1]"):
            bounds = made(x, a=n).slice
            yield 1.2, ast.Slice(bounds.lower, bounds.upper, n.step)
        yield 1.2, ast.Slice(n.lower, n.upper, None if n.step else made("-1"))
    elif isinstance(n, ast.Call):
        yield from _calls(n, offers)


def _constants(x: object, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    if isinstance(x, str):
        yield from ((1.2, ast.Constant(k)) for k in offers.keys if k != x)
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        return
    neutral = isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Mult, ast.Div, ast.Pow))
    for new in dict.fromkeys([0, 1, 2, 3, -1, 0.5, -x, x + 1, x - 1, 2 * x, x / 2, 4, *offers.decimals]):
        if new != x or type(new) is not type(x):
            yield 1.35 if new == 1 and neutral else 1.0 if new >= 0 else 1.1, made(repr(new))
    if not index:
        yield from ((1.5, size) for size in offers.at_hand["N"])


def _things(cost: float, offers: Offers) -> Iterator[Edit]:
    yield from ((cost, s) for s in offers.subscripts)
    yield from ((cost + 0.2, x) for x in offers.rebuilt)


def _indices(n: Node, offers: Offers) -> Iterator[Edit]:
    yield from ((1.0, made(x, i=n)) for x in ("i + 1", "i - 1"))
    yield from ((1.3, made(str(c))) for c in (0, 1, -1))
    yield from ((1.4, made("j + i", j=load(other), i=n)) for other in offers.counts if other != n.id)


def _calls(n: Node, offers: Offers) -> Iterator[Edit]:
    f, arguments = n.func, n.args
    yield from ((1.3, a) for a in arguments if not isinstance(a, ast.Starred))
    if len(arguments) == 2:
        yield 1.0, ast.Call(f, arguments[::-1], n.keywords)
    if isinstance(f, ast.Name):
        yield from ((1.2, ast.Call(other, arguments, n.keywords)) for other in offers.at_hand["F"] if other.id != f.id)
    if not isinstance(f, ast.Attribute):
        return
    module = isinstance(f.value, ast.Name) and f.value.id in (offers.numpy, "math")
    if not module:
        yield 1.2, f.value
    for other in FUNCTIONS:
        if other != f.attr:
            near = {f.attr, other} <= {"sum", "mean", "max"}
            yield 1.0 if near else 1.2, ast.Call(ast.Attribute(f.value, other, ast.Load()), arguments, n.keywords)
    if f.attr in OVER_AXES:
        yield from _axes(n, arguments[:1] if module else [])
    if f.attr == "transpose":
        yield from ((1.0, ast.Call(f, order, n.keywords)) for order in swapped(arguments, module))


def swapped(items: list[Node], start: int = 0) -> Iterator[list[Node]]:
    """The items from the start on in every order that differs by two of them."""
    for i, j in itertools.combinations(range(start, len(items)), 2):
        order = list(items)
        order[i], order[j] = order[j], order[i]
        yield order


def _axes(n: Node, kept: list[Node]) -> Iterator[Edit]:
    """Other axes, and `keepdims` or not."""
    others = [k for k in n.keywords if k.arg not in ("axis", "keepdims")]
    sums = n.func.attr in REDUCTIONS
    for axis in (None, 0, 1, -1, 2, *(((0, 1), (1, 2), (0, 2), (0, 2, 3), (2, 3)) if sums else ())):
        for keep in ("", "keepdims=True") if sums else ("",):
            chosen = made(f"f({'' if axis is None else f'axis={axis},'}{keep})", f=n.func).keywords
            yield (
                1.2 if isinstance(axis, tuple) else 1.0,
                ast.Call(n.func, kept if sums else n.args, [*others, *chosen]),
            )
