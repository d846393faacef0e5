"""Code with holes: `form("a * (1 - a)")` can be filled to make code, and matched with code to find what fills it.

Single small letters, words in capitals and `np` are holes; k is one that only a constant fills. All code that is
offered as a change is written here as it would be typed, so that the tables of changes can be read.
"""

from __future__ import annotations

import ast
import copy
import functools
from typing import Any

from tinygrad_lite.checking.lines.functions import Node


class Form:
    """One text with holes.

    Attributes:
        tree: as a syntax tree: an expression, or a statement if the text is one.
        holes: the names of its holes, in the order of the alphabet.
        kind: what the root of anything that it matches must be; None if it is a hole.
    """

    def __init__(self, text: str) -> None:
        stmt: Node = ast.parse(text).body[0]
        self.tree: Node = stmt.value if isinstance(stmt, ast.Expr) else stmt
        names = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)}
        self.holes: list[str] = sorted(n for n in names if n == "np" or n.isupper() or len(n) == 1)
        self.kind: tuple[type, type] | None = None if self._hole(self.tree) else kind(self.tree)
        made = eval(
            f"lambda {', '.join(self.holes)}: {self._code(self.tree)}", {**vars(ast), "_t": transposed, "_s": storing}
        )
        self._made: Any = made

    def __call__(self, **parts: Node) -> Node:
        """The text with its holes filled; parts without a hole are not used."""
        return self._made(*[parts[hole] for hole in self.holes])

    def match(self, node: Node) -> dict[str, Node] | None:
        """What fills the holes if code is of this form, or None."""
        parts: dict[str, Node] = {}
        return parts if self._fits(self.tree, node, parts) else None

    def _hole(self, n: Any) -> bool:
        return isinstance(n, ast.Name) and n.id in self.holes

    def _fits(self, form: Any, node: Any, parts: dict[str, Node]) -> bool:
        if self._hole(form):
            if form.id in parts:
                return same(parts[form.id], node)
            parts[form.id] = node
            return isinstance(node, ast.Constant) if form.id == "k" else True
        if isinstance(form, list):
            return len(form) == len(node) and all(self._fits(f, n, parts) for f, n in zip(form, node, strict=True))
        if type(form) is not type(node):
            return False
        if isinstance(form, ast.AST):
            return all(self._fits(getattr(form, f, None), getattr(node, f, None), parts) for f in form._fields)
        return bool(form == node)

    def _code(self, n: Any) -> str:
        """Python's text for making the tree, the holes being arguments."""
        if self._hole(n):
            return n.id if isinstance(n.ctx, ast.Load) else f"_s({n.id})"
        if isinstance(n, ast.Attribute) and n.attr == "T":
            return f"_t({self._code(n.value)})"
        if isinstance(n, ast.AST):
            return f"{type(n).__name__}({', '.join(self._code(getattr(n, f, None)) for f in n._fields)})"
        return f"[{', '.join(map(self._code, n))}]" if isinstance(n, list) else repr(n)


form = functools.cache(Form)


def made(text: str, **parts: Node) -> Node:
    """A text with its holes filled."""
    return form(text)(**parts)


def kind(n: Node) -> tuple[type, type]:
    """What a node is, in two parts: a sum, a call, a comparison."""
    return type(n), type(getattr(n, "op", None))


def same(a: Node, b: Node) -> bool:
    """Whether two trees say the same."""
    return a is b or ast.dump(a) == ast.dump(b)


def transposed(x: Node) -> Node:
    """`x.T`, or x of `x.T`."""
    return x.value if isinstance(x, ast.Attribute) and x.attr == "T" else ast.Attribute(x, "T", ast.Load())


def storing(target: Node) -> Node:
    """A variable or an entry as something to assign to."""
    made = copy.copy(target)
    made.ctx = ast.Store()
    return made


def load(name: str) -> Node:
    """A name as an expression."""
    return ast.Name(name, ast.Load())
