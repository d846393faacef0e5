"""What is known of each name in a forward pass: shapes noted in one run of its statements, and what depends on what."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.backward_pass.flatten import Flattened, Statement, names_in

Shape = tuple[Any, ...]


class Observed:
    """The shapes of all expressions, from one run; and which names matter.

    Attributes:
        lists: names of lists.
        active: names that hold numbers made of the parameters.
        simple: those assigned once and read in that block alone, whose gradient begins with its first part.
        assigned: the blocks in which each name is assigned.
    """

    def __init__(self, flat: Flattened) -> None:
        import numpy as np

        self.flat = flat
        self.shapes: list[set[Any]] = []
        self.fancy: set[str] = set()  # indices that hold arrays, so that a place may occur twice
        tree = ast.Module(self._code(flat.statements), [])
        scope = {**flat.space, "np": np, "numpy": np, **flat.parameters.arguments, "_see": self._see}
        with np.errstate(all="ignore"):
            exec(compile(ast.fix_missing_locations(tree), "<the forward pass>", "exec"), scope)
        self.scalars: set[str] = {name for name, x in scope.items() if isinstance(x, float)}
        self.lists: set[str] = {name for name, x in scope.items() if isinstance(x, list)}
        numbers = {name for name, x in scope.items() if getattr(getattr(x, "dtype", None), "kind", "") == "f"}
        self.active: set[str] = self._activity(
            {name for name in scope if name not in self.scalars | self.lists | numbers}
        )
        self.assigned: dict[str, list[int]] = {}
        read: dict[str, set[int]] = {}
        for block in blocks_of(flat.statements):
            for s in block:
                if s.kind in ("assign", "for") and isinstance(s.target, ast.Name):
                    self.assigned.setdefault(s.target.id, []).append(id(block))
                for e in [s.value, *([s.target] if s.place != s.target else [])]:
                    for name in names_in(e, ast.Load):
                        read.setdefault(name, set()).add(id(block))
        for name in flat.parameters.given.values():
            self.assigned.setdefault(name, [id(flat.statements)])
        self.simple: set[str] = {
            name
            for name in self.active - self.lists
            if len(where := self.assigned.get(name, [])) == 1 and read.get(name, set()) <= {where[0]}
        }

    def _activity(self, others: set[str]) -> set[str]:
        found = set(self.flat.parameters.given.values())
        while True:
            before = len(found)
            for block in blocks_of(self.flat.statements):
                for s in block:
                    if s.kind in ("assign", "append") and any(name in found for name in live_names(s.value)):
                        found |= {s.place.id} - others
            if len(found) == before:
                return found

    # ------------------------------------------------------------------ the run

    def _see(self, k: int, x: Any) -> Any:
        shape = tuple(x.shape) if hasattr(x, "strides") and hasattr(x, "dtype") else ()
        self.shapes[k].add(("list", len(x)) if isinstance(x, list | tuple) else shape)
        return x

    def _code(self, statements: Sequence[Statement]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for s in statements:
            value = self._noted(s.value)
            target: Any = None if s.target is None else ast.parse(f"{ast.unparse(s.target)} = 0").body[0].targets[0]  # type: ignore[attr-defined]
            if s.kind == "for":
                made.append(ast.For(target, value, self._code(s.body) or [ast.Pass()], []))
            elif s.kind == "if":
                made.append(ast.If(value, self._code(s.body) or [ast.Pass()], self._code(s.orelse)))
            elif s.kind == "append":
                made.append(ast.Expr(ast.Call(ast.Attribute(s.target, "append", ast.Load()), [value], [])))
            else:
                made.append(ast.Assign([target], value))
        return made

    def _noted(self, e: Any) -> Any:
        """The expression with a note of each value in it."""
        for n in ast.walk(e):
            if isinstance(n, ast.expr) and not isinstance(n, ast.Slice | ast.Lambda | ast.Starred):
                n.seen = len(self.shapes)  # type: ignore[attr-defined]
                self.shapes.append(set())

        class Noted(ast.NodeTransformer):
            def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
                return node

            def visit(self, node: ast.AST) -> Any:
                made = super().visit(node)
                if not hasattr(node, "seen"):
                    return made
                return ast.Call(ast.Name("_see", ast.Load()), [ast.Constant(node.seen), made], [])

            def visit_Subscript(self, node: ast.Subscript) -> Any:
                index = node.slice  # x[:, 1:3] is noted as a whole, and each number in its index
                if isinstance(index, ast.Tuple):
                    index.elts = [self.visit(part) for part in index.elts]
                else:
                    node.slice = self.visit(index)
                node.value = self.visit(node.value)
                return node

        return Noted().visit(copy.deepcopy(e))

    def shape(self, e: Any) -> Shape:
        """The shape of an expression's value."""
        found = self.shapes[e.seen] if hasattr(e, "seen") else {()}
        found = found - {()} if len(found) == 2 else found  # a sum that begins with 0.0
        if len(found) != 1:
            raise OperandError(
                f"backward_source cannot follow {ast.unparse(e):.60}{user_line()}: its shape "
                + ("changes from step to step." if found else "was not seen, since it was not run.")
            )
        (shape,) = found
        return shape

    def ran(self, e: Any) -> bool:
        """Whether the expression was met in the run."""
        return not hasattr(e, "seen") or bool(self.shapes[e.seen])

    def index(self, e: ast.Subscript) -> str:
        """The index as text."""
        parts = index_of(e)
        text = ", ".join(map(ast.unparse, parts))
        if any(not isinstance(p, ast.Slice) and self.shapes[p.seen] - {()} for p in parts):
            self.fancy.add(text)
        return text


def index_of(e: ast.Subscript) -> list[Any]:
    return list(e.slice.elts) if isinstance(e.slice, ast.Tuple) else [e.slice]


def blocks_of(statements: Sequence[Statement]) -> Iterator[Sequence[Statement]]:
    yield statements
    for s in statements:
        for block in (s.body, s.orelse):
            if block:
                yield from blocks_of(block)


def live_names(e: ast.AST) -> Iterator[str]:
    """The names whose numbers, not only shapes or comparisons, an expression uses."""
    if isinstance(e, ast.Attribute) and e.attr in ("shape", "ndim", "size", "dtype"):
        return
    if isinstance(e, ast.Compare) or (isinstance(e, ast.Call) and ast.unparse(e.func) in ("len", "range", "np.argmax")):
        return
    if isinstance(e, ast.Name):
        yield e.id
    for child in ast.iter_child_nodes(e):
        yield from live_names(child)
