"""The table of edits: for each kind of expression, what could have been meant instead, and how far that is.

An edit's cost is about 1 for a slip of the pen (a sign, another name, an axis, a `.T`) and 2 for two of them; edits
deep inside an expression cost a little more. Candidates are made of what stands in the user's own function and of a
fixed list of NumPy functions.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.lines.functions import Node
from tinygrad_lite.checking.lines.offers import Offers, binary, constant, element, method, transposed
from tinygrad_lite.checking.lines.slots import load, nodes, put

Edit = tuple[float, Node]
ELEMENTWISE = ("exp", "log", "tanh", "sqrt", "abs", "sin", "cos", "sign")
FUNCTIONS = (
    *ELEMENTWISE,
    "sum",
    "mean",
    "max",
    "dot",
    "outer",
    "multiply",
    "square",
    "zeros_like",
    "ones_like",
    "cosh",
)
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "argmax", "repeat", "concatenate", "cumsum", "stack", "softmax")
NEAR = ({ast.Add, ast.Sub}, {ast.Mult, ast.Div}, {ast.Mult, ast.MatMult})
PLAIN = (ast.BinOp, ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.UnaryOp)


def edits(e: Node, offers: Offers) -> Iterator[Edit]:
    """Every edit of an expression, with its cost, in no order."""
    for path, n in nodes(e):
        parent = _parent(e, path)
        stores = isinstance(getattr(n, "ctx", None), ast.Store)
        if not isinstance(n, ast.expr) or stores or (path and path[-1] == ("func", None)):
            continue
        if (
            isinstance(parent, ast.Attribute)
            and isinstance(n, ast.Name)
            and n.id not in offers.names
            and n.id != "self"
        ):
            continue  # the np of np.exp
        index = any(field == "slice" for field, _ in path)
        for kind, rule in RULES.items():
            if isinstance(n, kind):
                for cost, new in rule(n, offers, parent, index):
                    yield cost + 0.02 * len(path), put(e, path, new)
        if isinstance(n, PLAIN) and not index and not (isinstance(n, ast.Name) and n.id not in offers.names):
            for cost, new in _around(n, offers):
                yield cost + 0.02 * len(path), put(e, path, new)


def _parent(e: Node, path: Any) -> Node:
    for field, i in path[:-1]:
        e = getattr(e, field) if i is None else getattr(e, field)[i]
    return e if path else None


def _constant(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    x = n.value
    if isinstance(x, str):
        yield from ((1.2, constant(k)) for k in offers.keys if k != x)
    if x is None or isinstance(x, bool) or not isinstance(x, (int, float)):
        return
    neutral = isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Mult, ast.Div, ast.Pow))
    for new in dict.fromkeys([0, 1, 2, 3, -1, 0.5, -x, x + 1, x - 1, 2 * x, x / 2, 4, *offers.constants]):
        if new != x or type(new) is not type(x):
            yield 1.35 if new == 1 and neutral else 1.0 if new >= 0 else 1.1, constant(new)
    if not index:
        yield from ((1.5, size) for size in offers.sizes)


def _binary(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    op, left, right = type(n.op), n.left, n.right
    for other in (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow):
        if other is not op:
            yield 1.8 if other is ast.Pow else 1.0 if {other, op} in NEAR else 1.25, binary(left, other, right)
    if op in (ast.Sub, ast.Div, ast.MatMult, ast.Pow):
        yield 1.0, binary(right, op, left)
    if op is ast.MatMult:
        for a, b in _turned(left, right):
            yield 1.3, binary(a, op, b)
        yield 1.4, binary(transposed(left), ast.Mult, right)
    if op is ast.Mult:
        yield 1.4, binary(transposed(left), ast.MatMult, right)
        yield 1.4, binary(left, ast.MatMult, transposed(right))
    if op in (ast.Mult, ast.MatMult) and offers.numpy:
        yield 1.4, offers.numpys("outer", left, right)
        yield 1.4, offers.numpys("outer", right, left)
    yield 1.0 if isinstance(right, ast.Constant) else 1.3, left
    yield 1.0 if isinstance(left, ast.Constant) else 1.3, right
    if isinstance(left, ast.BinOp):  # (a . b) op c -> a . (b op c)
        yield 1.3, binary(left.left, type(left.op), binary(left.right, op, right))
    if isinstance(right, ast.BinOp):
        yield 1.3, binary(binary(left, op, right.left), type(right.op), right.right)
        if op is ast.Sub and type(right.op) in (ast.Add, ast.Sub):
            yield 1.2, binary(binary(left, op, right.left), op, right.right)


def _turned(a: Node, b: Node) -> list[tuple[Node, Node]]:
    """The ways to transpose and to swap two factors."""
    at, bt = transposed(a), transposed(b)
    return [(at, b), (a, bt), (bt, a), (b, at), (bt, at), (b, a), (at, bt)]


def _unary(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    yield 1.0, n.operand


def _compare(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    for op in (ast.Gt, ast.Lt, ast.GtE, ast.LtE):
        if not isinstance(n.ops[0], op):
            yield 1.0, ast.Compare(n.left, [op()], n.comparators)
    yield 1.5, ast.Compare(n.comparators[0], n.ops, [n.left])


def _name(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    yield from ((1.0, load(other)) for other in offers.names if other != n.id)
    if not index:
        yield from ((1.3, s) for s in offers.subscripts)
        yield from ((1.5, x) for x in offers.rebuilt)
        yield from ((1.1, ast.Attribute(load("self"), a, ast.Load())) for a in offers.attributes)
        return
    yield 1.0, binary(n, ast.Add, constant(1))
    yield 1.0, binary(n, ast.Sub, constant(1))
    yield from ((1.3, constant(c)) for c in (0, 1, -1))
    yield from ((1.4, binary(load(other), ast.Add, n)) for other in offers.counts if other != n.id)


def _attribute(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    yield 1.0, n.value
    yield from ((1.1, ast.Attribute(n.value, a, ast.Load())) for a in offers.attributes if a != n.attr)
    if not index and isinstance(n.value, ast.Name) and n.value.id == "self":
        yield from ((1.3, load(name)) for name in offers.names)


def _subscript(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    yield 1.3, n.value
    if not isinstance(n.slice, (ast.Slice, ast.Tuple, ast.Constant)):
        yield 1.0, element(n.value, binary(n.slice, ast.Add, constant(1)))
        yield 1.0, element(n.value, binary(n.slice, ast.Sub, constant(1)))
    yield from ((1.1, s) for s in offers.subscripts)
    for k in offers.names:
        if not (isinstance(n.value, ast.Name) and n.value.id == k):
            yield 1.4, load(k)


def _slice(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    """`a[1:]` for `a[:-1]` and the like."""
    for low, high in ((None, None), (1, None), (None, -1), (1, -1)):
        yield 1.2, ast.Slice(constant(low) if low else None, constant(high) if high else None, n.step)
    yield 1.2, ast.Slice(n.lower, n.upper, None if n.step else ast.UnaryOp(ast.USub(), constant(1)))


def _call(n: Node, offers: Offers, parent: Node, index: bool) -> Iterator[Edit]:
    f, arguments = n.func, n.args
    yield from ((1.3, a) for a in arguments if not isinstance(a, ast.Starred))
    if len(arguments) == 2:
        yield 1.0, ast.Call(f, arguments[::-1], n.keywords)
    if isinstance(f, ast.Name):
        yield from ((1.2, ast.Call(load(other), arguments, n.keywords)) for other in offers.functions if other != f.id)
    if not isinstance(f, ast.Attribute):
        return
    module = isinstance(f.value, ast.Name) and f.value.id in (offers.numpy, "math")
    if not module:
        yield 1.2, f.value
    for other in FUNCTIONS:
        if other != f.attr:
            near = {f.attr, other} <= {"sum", "mean", "max"}
            yield 1.0 if near else 1.2, ast.Call(ast.Attribute(f.value, other, ast.Load()), arguments, n.keywords)
    factors = arguments if module else [f.value, *arguments]
    if f.attr in ("dot", "outer", "matmul") and len(factors) == 2:
        for a, b in _turned(*factors):
            yield 1.2, ast.Call(f, [a, b], []) if module else method(a, f.attr, b)
        yield 1.4, binary(factors[0], ast.Mult, factors[1])
    if f.attr == "where" and len(arguments) == 3:
        yield 1.0, ast.Call(f, [arguments[0], arguments[2], arguments[1]], [])
    if f.attr in REDUCTIONS:
        yield from _axes(n, arguments[:1] if module else [])
    if f.attr == "transpose" and len(arguments) > 1 - module:
        for i in range(module, len(arguments) - 1):
            swapped = [*arguments[:i], arguments[i + 1], arguments[i], *arguments[i + 2 :]]
            yield 1.0, ast.Call(f, swapped, n.keywords)


def _axes(n: Node, kept: list[Node]) -> Iterator[Edit]:
    """Other axes, and `keepdims` or not."""
    others = [k for k in n.keywords if k.arg not in ("axis", "keepdims")]
    sums = n.func.attr in ("sum", "mean", "max", "min", "prod")
    for axis in (None, 0, 1, -1, 2, (0, 1), (1, 2), (0, 2), (0, 2, 3), (2, 3)):
        if isinstance(axis, tuple) and not sums:
            continue
        value: Node = ast.Tuple([constant(a) for a in axis], ast.Load()) if isinstance(axis, tuple) else constant(axis)
        chosen = [] if axis is None else [ast.keyword("axis", value)]
        for keep in (False, True) if sums else (False,):
            keeps = [ast.keyword("keepdims", constant(True))] if keep else []
            yield (
                1.0 if not isinstance(axis, tuple) else 1.2,
                ast.Call(n.func, kept if sums else n.args, [*others, *chosen, *keeps]),
            )


RULES: dict[type, Callable[[Node, Offers, Node, bool], Iterator[Edit]]] = {
    ast.Constant: _constant,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Call: _call,
}


def _around(n: Node, offers: Offers) -> Iterator[Edit]:
    """Something put around an expression: a sign, a factor, a sum, a function."""
    yield 1.2, ast.UnaryOp(ast.USub(), n)
    yield 1.3, binary(constant(2), ast.Mult, n)
    yield 1.3, binary(n, ast.Div, constant(2))
    for size in offers.sizes:
        yield 1.4, binary(n, ast.Div, size)
        yield 1.5, binary(n, ast.Mult, size)
    yield 1.2, transposed(n)
    yield 1.5, binary(n, ast.Pow, constant(2))
    yield 1.5, binary(n, ast.Pow, constant(3))
    yield 1.6, binary(constant(1), ast.Sub, n)
    yield 1.7, binary(constant(1), ast.Div, n)
    yield 1.6, binary(n, ast.Add, constant(1))
    yield 1.6, binary(n, ast.Sub, constant(1))
    yield 1.8, binary(constant(1), ast.Sub, binary(n, ast.Pow, constant(2)))
    yield 1.8, binary(n, ast.Mult, binary(constant(1), ast.Sub, n))
    yield 1.7, ast.Compare(n, [ast.Gt()], [constant(0)])
    for c in offers.constants:
        if not math.isclose(c, round(c)):
            yield 1.7, binary(n, ast.Add, constant(c))
            yield 1.7, binary(n, ast.Mult, constant(c))
    if offers.numpy:
        yield from ((1.6, offers.numpys(f, n)) for f in ELEMENTWISE)
    for axis in (None, 0, 1, -1):
        chosen = {} if axis is None else {"axis": axis}
        yield 1.4, method(n, "sum", **chosen)
        yield 1.6, method(n, "mean", **chosen)
        if axis is not None:
            yield 1.4, method(n, "sum", **chosen, keepdims=True)
            yield 1.6, method(n, "mean", **chosen, keepdims=True)
    for pair in ((0, 1), (0, 2), (1, 2), (0, 2, 3)):
        summed = method(n, "sum")
        summed.keywords = [ast.keyword("axis", ast.Tuple([constant(a) for a in pair], ast.Load()))]
        yield 1.5, summed
    yield 1.7, element(n, ast.Tuple([ast.Slice(), constant(None)], ast.Load()))
    yield 1.7, element(n, constant(None))
    yield from ((1.7, ast.Call(load(f), [n], [])) for f in offers.functions)
