"""Expressions as text: what stands for an array, and how some of them become a larger one.

Python itself knows where parentheses are needed: a template such as "x @ y + z" is parsed, expressions take the place
of its names, and `ast.unparse` writes the whole. Ops are spelled by their columns of the table.

    put("x * y", x="a + b", y="c / 2")      (a + b) * c / 2
    put("-x", x="-a")                       a
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple


class Term(NamedTuple):
    """An expression that stands for an array.

    Attributes:
        text: as code.
        axes: along what it varies: in a loop nest the counters, in a backward pass the lengths; a length of 1 may stand
            where the whole array is longer, if it is the same along there.
        mean: of a sum: of how many terms, and the text of their mean.
        number: the number that it is.
        spread: of a logsumexp: the text of what it is of, and along which of its axes.
        softmax: of the logarithm of a softmax: the text of the softmax.
    """

    text: str
    axes: tuple[int, ...] = ()
    mean: tuple[int, str] | None = None
    number: float | None = None
    spread: tuple[str, int] | None = None
    softmax: str = ""


def put(template: str, **parts: str | None) -> str:
    """The template with expressions in the place of its names; an option whose part is None is left out.

    >>> put("np.sum(x * y, axis=axis)", x="a + b", y="1.0", axis=None)
    'np.sum(a + b)'
    """
    text = ast.unparse(_Placed(parts).visit(ast.parse(template, mode="eval").body))
    return text if '"' in text else text.replace("'", '"')


@lru_cache(maxsize=4096)
def parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def simple(text: str) -> bool:
    """Whether nothing is computed in the expression: a name, a number, an entry."""
    return isinstance(parsed(text), ast.Name | ast.Constant | ast.Subscript | ast.Attribute)


def word(text: str, taken: set[str]) -> str:
    """The text as a name that is still free, and from now on taken."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"
    if keyword.iskeyword(name) or name in {"np", "math", "torch", "jax", "jnp", "params"} or name[0].isdigit():
        name = f"x_{name}"
    free = next(w for w in (name, *(f"{name}_{k}" for k in range(2, len(taken) + 3))) if w not in taken)
    taken.add(free)
    return free


class _Placed(ast.NodeTransformer):
    """Puts the parts in their places, and leaves out what changes nothing."""

    def __init__(self, parts: Mapping[str, str | None]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        part = self.parts.get(node.id)
        return node if part is None else parsed(part)

    def visit_keyword(self, node: ast.keyword) -> ast.keyword | None:
        left_out = isinstance(node.value, ast.Name) and self.parts.get(node.value.id, "") is None
        return None if left_out else self.generic_visit(node)  # type: ignore[return-value]

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        inner: Any = self.visit(node.value)
        twice = node.attr == "T" and isinstance(inner, ast.Attribute) and inner.attr == "T"
        return inner.value if twice else ast.Attribute(inner, node.attr, node.ctx)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        x = self.visit(node.operand)
        return x.operand if _negative(node) and _negative(x) else ast.UnaryOp(node.op, x)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return _joined(self.visit(node.left), node.op, self.visit(node.right))


_FOLLOWS = {(ast.Add, ast.Add), (ast.Add, ast.Sub), (ast.Mult, ast.Mult), (ast.Mult, ast.Div)}
"""x + (y - z) is written x + y - z, and x * (y / z) is x * y / z."""


def _joined(x: Any, op: ast.operator, y: Any) -> ast.expr:
    """Two operands without factors of 1, numbers over something behind what they multiply, and squares as such."""
    kind = type(op)
    if kind in (ast.Mult, ast.Div, ast.Pow) and _is(y, 1):
        return x  # type: ignore[no-any-return]
    if kind is ast.Mult and _is(x, 1) and not _is_flags(y):
        return y  # type: ignore[no-any-return]
    if kind is ast.Mult and _negative(x) and _is(x.operand, 1):
        return ast.UnaryOp(ast.USub(), y)
    if kind is ast.Mult and not isinstance(x, ast.Constant) and ast.dump(x) == ast.dump(y):
        return ast.BinOp(x, ast.Pow(), ast.Constant(2))
    if kind is ast.Mult and _begins_with_a_number(x):  # 1 / n * x
        return _joined(_joined(x.left, op, y), ast.Div(), x.right)
    if kind in (ast.Add, ast.Sub) and _negative(y):
        return _joined(x, ast.Sub() if kind is ast.Add else ast.Add(), y.operand)
    if kind is ast.Sub and isinstance(x, ast.Constant) and isinstance(y, ast.Constant):
        return ast.Constant(x.value - y.value)  # type: ignore[operator]
    if isinstance(y, ast.BinOp) and (kind, type(y.op)) in _FOLLOWS:
        return _joined(_joined(x, op, y.left), y.op, y.right)
    return ast.BinOp(x, op, y)


def _is(e: Any, number: int) -> bool:
    return isinstance(e, ast.Constant) and e.value.__class__ in (int, float) and e.value == number


def _is_flags(e: Any) -> bool:
    """Whether the expression is True or False in each entry, which 1.0 * makes numbers of."""
    return isinstance(e, ast.Compare) or (isinstance(e, ast.BinOp) and isinstance(e.op, ast.BitAnd))


def _negative(e: Any) -> bool:
    return isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub)


def _begins_with_a_number(e: Any) -> bool:
    if not isinstance(e, ast.BinOp) or not isinstance(e.op, ast.Div):
        return False
    return isinstance(e.left, ast.Constant) or _begins_with_a_number(e.left)
