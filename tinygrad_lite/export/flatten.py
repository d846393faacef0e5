"""A NumPy forward pass as single statements, for backward.py: helpers written out, comprehensions as loops.

In: a function and its arguments. Out: statements in which the names are the user's, each with the line it came from.
A function that the user wrote is put in the place of its call, with its own names; `for w in weights` becomes a loop
over an index where the weights are among the parameters.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.errors import OperandError, user_line


class Statement:
    """One statement: what it assigns, to what, and where it stands.

    Attributes:
        kind: "assign" (target = value), "append" (target.append(value)), "for" (target in value: body), "if" (value:
            body, orelse).
        line, text: of the user's function.
    """

    def __init__(self, kind: str, target: Any, value: Any, line: int, text: str) -> None:
        self.kind, self.target, self.value, self.line, self.text = kind, target, value, line, text
        self.body: list[Statement] = []
        self.orelse: list[Statement] = []


class Flattened:
    """The statements of a function; its result has the name `result`."""

    def __init__(self, f: Callable[..., Any], known: Sequence[str]) -> None:
        self.f = f
        self.tree, self.lines = _parsed(f)
        self.parameters = [a.arg for a in self.tree.args.args]
        self.names = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)} | {*self.parameters, *known}
        self.space: dict[str, Any] = {**f.__globals__, **_closure(f)}
        self.result = ""
        self.depth = 0
        self.statements: list[Statement] = []
        self._into = self.statements
        self._block(self.tree.body, self.result_name())

    def result_name(self) -> str:
        last = self.tree.body[-1]
        if isinstance(last, ast.Return) and isinstance(last.value, ast.Name):
            self.result = last.value.id
        else:
            self.result = self.fresh("loss")
        return self.result

    def fresh(self, name: str) -> str:
        free = next(n for n in (name, *(f"{name}_{k}" for k in range(2, 10_000))) if n not in self.names)
        self.names.add(free)
        return free

    def _add(self, kind: str, target: Any, value: Any, at: ast.AST) -> Statement:
        line = getattr(at, "lineno", 1)
        if self.depth == 0:
            self.line, self.text = line, self.lines[line - 1].split("#")[0].strip() if line <= len(self.lines) else ""
        made = Statement(kind, target, value, self.line, self.text)
        self._into.append(made)
        return made

    def _inside(self, into: list[Statement], body: Sequence[ast.stmt], result: str) -> None:
        outer, self._into = self._into, into
        self._block(body, result)
        self._into = outer

    def _block(self, body: Sequence[ast.stmt], result: str) -> None:
        for s in body:
            self._statement(s, result)

    def _statement(self, s: ast.stmt, result: str) -> None:
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant):
            return
        if isinstance(s, ast.Return) and s.value is not None:
            if not (isinstance(s.value, ast.Name) and s.value.id == result):
                self._assign(_name(result), s.value, s)
        elif isinstance(s, ast.Assign):
            for target in s.targets:
                self._assign(target, s.value, s)
        elif isinstance(s, ast.AnnAssign) and s.value is not None:
            self._assign(s.target, s.value, s)
        elif isinstance(s, ast.AugAssign):
            self._assign(s.target, ast.BinOp(_load(s.target), s.op, s.value), s)
        elif isinstance(s, ast.For):
            self._loop(s.target, s.iter, s, lambda into: self._inside(into, s.body, result))
        elif isinstance(s, ast.If):
            made = self._add("if", None, self._value(s.test, s), s)
            self._inside(made.body, s.body, result)
            self._inside(made.orelse, s.orelse, result)
        elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and isinstance(s.value.func, ast.Attribute):
            call = s.value
            if call.func.attr != "append":  # type: ignore[attr-defined]
                self._refused(s)
            self._add("append", call.func.value, self._value(call.args[0], s), s)  # type: ignore[attr-defined]
        elif not isinstance(s, ast.Pass | ast.Assert | ast.Import | ast.ImportFrom | ast.FunctionDef):
            self._refused(s)

    def _refused(self, s: ast.AST) -> None:
        raise OperandError(
            f"backward_source cannot follow line {getattr(s, 'lineno', '?')} of {self.f.__name__}{user_line()}: "
            f"{ast.unparse(s).splitlines()[0]:.60}\n  It follows assignments, for, if, append and return."
        )

    def _assign(self, target: ast.expr, value: ast.expr, at: ast.AST) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            new = [self._value(v, at) for v in value.elts]
            left = {n.id for t in target.elts for n in ast.walk(t) if isinstance(n, ast.Name)}
            crossed = any(n.id in left for v in new[1:] for n in ast.walk(v) if isinstance(n, ast.Name))
            if crossed:  # a, b = b, a
                new = [self._named(v, "old", at) for v in new]
            for t, v in zip(target.elts, new, strict=True):
                self._add("assign", t, v, at)
            return
        self._add("assign", target, self._value(value, at), at)

    def _named(self, value: ast.expr, name: str, at: ast.AST) -> ast.expr:
        free = self.fresh(name)
        self._add("assign", _name(free), value, at)
        return _name(free)

    def _loop(self, target: ast.expr, over: ast.expr, at: ast.AST, inside: Callable[[list[Statement]], None]) -> None:
        if isinstance(over, ast.Tuple | ast.List):  # a few things written out: the body for each of them
            for part in over.elts:
                self._assign(target, part, at)
                inside(self._into)
            return
        made = self._add("for", target, self._value(over, at), at)
        inside(made.body)

    # ------------------------------------------------------------------ expressions

    def _value(self, e: ast.expr, at: ast.AST) -> ast.expr:
        """The expression with calls of the user's functions and comprehensions taken out of it."""
        flat = self

        class Taken(ast.NodeTransformer):
            def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
                return flat._comprehension(node, at)

            def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
                return flat._comprehension(node, at)

            def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
                return node

            def visit_Call(self, node: ast.Call) -> ast.expr:
                self.generic_visit(node)
                f = flat.space.get(node.func.id) if isinstance(node.func, ast.Name) else None
                own = inspect.isfunction(f) and not (f.__module__ or "").startswith(("numpy", "tinygrad_lite"))
                return flat._inlined(f, node, at) if own and f is not None else node

        return Taken().visit(_copied(e))  # type: ignore[no-any-return]

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, at: ast.AST) -> ast.expr:
        rows = self.fresh("rows")
        self._add("assign", _name(rows), ast.List([], ast.Load()), at)

        def inside(generators: list[ast.comprehension], into: list[Statement]) -> None:
            outer, self._into = self._into, into
            one, *rest = generators

            def each(body: list[Statement]) -> None:
                if rest:
                    inside(rest, body)
                    return
                before, self._into = self._into, body
                self._add("append", _name(rows), self._value(_copied(node.elt), at), at)
                self._into = before

            self._loop(one.target, one.iter, at, each)
            self._into = outer

        inside(node.generators, self._into)
        return _name(rows)

    def _inlined(self, f: Any, call: ast.Call, at: ast.AST) -> ast.expr:
        """The body of a function in the place of its call."""
        tree, _ = _parsed(f)
        given = dict(zip([a.arg for a in tree.args.args], call.args, strict=False))
        given |= {k.arg: k.value for k in call.keywords if k.arg}
        for a, default in zip(reversed(tree.args.args), reversed(tree.args.defaults), strict=False):
            given.setdefault(a.arg, default)
        renamed: dict[str, ast.expr] = {}
        assigned = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for name, value in given.items():
            plain = isinstance(value, ast.Name | ast.Constant) and name not in assigned
            renamed[name] = value if plain else self._named(value, f"{f.__name__}_{name}", at)
        for name in assigned - given.keys():
            renamed[name] = _name(self.fresh(f"{f.__name__}_{name}"))
        body = [_renamed(s, renamed) for s in tree.body]
        outer, self.space = self.space, {**f.__globals__, **_closure(f), **self.space}
        self.depth += 1
        if isinstance(body[-1], ast.Return) and all(
            isinstance(s, ast.Assign | ast.AugAssign | ast.Expr | ast.For) for s in body[:-1]
        ):
            self._block(body[:-1], "")
            out = self._value(body[-1].value, at)  # type: ignore[arg-type]
        else:
            result = self.fresh(f"{f.__name__}_result")
            self._block(body, result)
            out = _name(result)
        self.depth -= 1
        self.space = {**self.space, **outer}
        return out


def _parsed(f: Any) -> tuple[Any, list[str]]:
    """The definition of a function, and its lines."""
    try:
        source = textwrap.dedent(inspect.getsource(f))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        raise OperandError(
            f"backward_source needs the source of the function{user_line()}, and there is none."
        ) from None
    found = next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)), None)
    if isinstance(found, ast.Lambda):
        found = ast.FunctionDef("f", found.args, [ast.Return(found.body, lineno=1)], [])
    return found, source.splitlines()


def _closure(f: Any) -> dict[str, Any]:
    try:
        return dict(inspect.getclosurevars(f).nonlocals)
    except (TypeError, ValueError):
        return {}


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _load(target: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(target), mode="eval").body


def _copied(e: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(e), mode="eval").body


def _renamed(node: Any, names: dict[str, ast.expr]) -> Any:
    class Renamed(ast.NodeTransformer):
        def visit_Name(self, n: ast.Name) -> ast.expr:
            new = names.get(n.id)
            return n if new is None else _name(new.id) if isinstance(new, ast.Name) else new

    return Renamed().visit(node)
