"""The shapes of all expressions in a forward pass, noted in one run of its statements."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.errors import OperandError, user_line

Shape = tuple[int, ...]


class Seen:
    """The shapes of all expressions, from one run of the statements."""

    def __init__(self, statements: Sequence[Any], space: dict[str, Any], arguments: dict[str, Any]) -> None:
        self.shapes: list[set[Any]] = []
        self.lists: set[str] = set()
        self._fancy: set[str] = set()
        self._kinds: dict[str, bool] = {}
        tree = ast.Module(self._code(statements), [])
        import numpy as np

        scope = {**space, "np": np, "numpy": np, **arguments, "_see": self._see}
        with np.errstate(all="ignore"):
            exec(compile(ast.fix_missing_locations(tree), "<the forward pass>", "exec"), scope)
        for name, x in scope.items():
            self._kinds[name] = isinstance(x, float | list) or getattr(getattr(x, "dtype", None), "kind", "") == "f"
            if isinstance(x, list):
                self.lists.add(name)
        self._scalars = {name for name, x in scope.items() if isinstance(x, float) and not hasattr(x, "ndim")} | {
            name for name, x in scope.items() if isinstance(x, np.floating)
        }

    def _see(self, k: int, x: Any) -> Any:
        shape = tuple(x.shape) if hasattr(x, "strides") and hasattr(x, "dtype") else ()
        self.shapes[k].add(("list", len(x)) if isinstance(x, list | tuple) else shape)
        return x

    def _code(self, statements: Sequence[Any]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for s in statements:
            value: Any = None if s.value is None else self._wrapped(s.value)
            target: Any = None if s.target is None else _stored(s.target)
            if s.kind == "for":
                made.append(ast.For(target, value, self._code(s.body) or [ast.Pass()], []))
            elif s.kind == "if":
                made.append(ast.If(value, self._code(s.body) or [ast.Pass()], self._code(s.orelse)))
            elif s.kind == "append":
                made.append(ast.Expr(ast.Call(ast.Attribute(s.target, "append", ast.Load()), [value], [])))
            else:
                made.append(ast.Assign([target], value))
        return made

    def _wrapped(self, e: Any) -> Any:
        """The expression with a note of each value."""
        if isinstance(e, ast.Slice) or not isinstance(e, ast.expr):
            if isinstance(e, ast.Slice):
                return ast.Slice(*[None if x is None else self._wrapped(x) for x in (e.lower, e.upper, e.step)])
            return e
        if isinstance(e, ast.Subscript):
            parts = e.slice.elts if isinstance(e.slice, ast.Tuple) else [e.slice]
            new = [self._wrapped(p) for p in parts]
            index = ast.Tuple(new, ast.Load()) if isinstance(e.slice, ast.Tuple) else new[0]
            made: Any = ast.Subscript(self._wrapped(e.value), index, ast.Load())
        elif isinstance(e, ast.Call):
            f = e.func
            func = ast.Attribute(self._wrapped(f.value), f.attr, ast.Load()) if isinstance(f, ast.Attribute) else f
            keywords = [ast.keyword(k.arg, self._wrapped(k.value)) for k in e.keywords]
            made = ast.Call(func, [self._wrapped(a) for a in e.args], keywords)
        elif isinstance(e, ast.Lambda | ast.Starred):
            return e
        else:
            fields: dict[str, Any] = {}
            for name, x in ast.iter_fields(e):
                fields[name] = [self._wrapped(y) for y in x] if isinstance(x, list) else self._wrapped(x)
            made = type(e)(**fields)
        e.seen = len(self.shapes)  # type: ignore[attr-defined]
        self.shapes.append(set())
        return ast.Call(ast.Name("_see", ast.Load()), [ast.Constant(e.seen), made], [])  # type: ignore[attr-defined]

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

    def numeric(self, name: str) -> bool:
        return self._kinds.get(name, True)

    def scalar(self, name: str) -> bool:
        return name in self._scalars

    def ran(self, e: Any) -> bool:
        """Whether the expression was met in the run."""
        return not hasattr(e, "seen") or bool(self.shapes[e.seen])

    def note_fancy(self, e: ast.Subscript) -> None:
        parts = e.slice.elts if isinstance(e.slice, ast.Tuple) else [e.slice]
        if any(not isinstance(p, ast.Slice) and self.shapes[p.seen] - {()} for p in parts if hasattr(p, "seen")):
            self._fancy.add(", ".join(map(ast.unparse, parts)))

    def fancy(self, index: str) -> bool:
        """Whether the index holds arrays, so that a place may occur twice."""
        return index in self._fancy


def _stored(target: Any) -> Any:
    """The target of an assignment, made anew."""
    (made,) = ast.parse(f"{ast.unparse(target)} = 0").body
    return made.targets[0]  # type: ignore[attr-defined]
