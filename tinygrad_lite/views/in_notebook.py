"""What a notebook shows of a Value that stands at the end of a cell: the number, its formula, and a small graph."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.formulas.formula import Symbol
from tinygrad_lite.formulas.naming import Names
from tinygrad_lite.formulas.notation import LaTeX
from tinygrad_lite.report import escape
from tinygrad_lite.views.picture.draw import draw

SMALL = 16
"""Nodes of a graph up to which it is drawn; a larger one is shown by its number alone, and `tg.draw` draws it."""


def bundle(root: Value) -> dict[str, str]:
    """The forms in which a notebook may show a Value: text; of a small computation LaTeX and the picture too."""
    forms = {"text/plain": repr(root)}
    if root.parents and _is_small(root):
        forms["text/latex"] = f"${formula(root)}$"
        forms["text/html"] = f"<code>{escape.html(repr(root))}</code><br>{draw(root).html()}"
    return forms


def _is_small(root: Value) -> bool:
    """Whether the picture has few nodes; a large graph is not walked to the end to find out."""
    seen, todo = {root}, [root]
    while todo and len(seen) <= SMALL:
        new = {p for p in todo.pop().parents if isinstance(p, Value)} - seen
        seen |= new
        todo += new
    return len(seen) <= SMALL


def formula(root: Value) -> str:
    r"""What was computed, in LaTeX: from the names of the leaves to the number.

    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> formula((a * b + 1.0).tanh())
    'y = \\tanh\\left(a \\cdot b + 1\\right) = 0.999998'
    """
    order = topological(root)
    names = Names(order)
    found: dict[Any, Symbol] = {}
    for node in order:
        if node.parents:
            operands = [found[p] if isinstance(p, Value) else Symbol.constant(p) for p in node.parents]
            found[node] = Symbol(node.op, tuple(operands), node.data)
        elif node.op is ops.constant and not node.label:
            found[node] = Symbol.constant(node.data)
        else:
            found[node] = Symbol.named(names[node], node.data)
    latex = LaTeX()
    return f"{names[root].latex} = {latex.of(found[root])} = {latex.number(root.data, 6)[0]}"
