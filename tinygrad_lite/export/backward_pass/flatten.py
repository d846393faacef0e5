"""A NumPy forward pass as single statements, for backward_source.py: helpers written out, comprehensions as loops.

In: a function and its arguments. Out: statements in which the names are the user's, each with the line it came from.
A function that the user wrote is put in the place of its call, with its own names; params["W1"] is W1, and
`for w in weights` a loop over an index.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.backward_pass.parameters import Parameters
from tinygrad_lite.export.backward_pass.rules import called, composed, inserts
from tinygrad_lite.export.expression import word


class Statement:
    """One statement: what it assigns, to what, and where it stands.

    Attributes:
        kind: "assign" (target = value), "append" (target.append(value)), "for" (target in value: body), "if" (value:
            body, orelse).
        line, text: of the user's function.
    """

    def __init__(self, kind: str, target: Any, value: Any, line: int, text: str) -> None:
        self.kind: str = kind
        self.target: Any = target
        self.value: Any = value
        self.line: int = line
        self.text: str = text
        self.body: list[Statement] = []
        self.orelse: list[Statement] = []

    @property
    def place(self) -> Any:
        """The name that it changes, also one entry of it."""
        return self.target.value if isinstance(self.target, ast.Subscript) else self.target


class Flattened:
    """The statements of a function; its result has the name `result`."""

    def __init__(self, f: Callable[..., Any], params: Any, data: Sequence[Any]) -> None:
        self.f = f
        self.tree, self.lines = _parsed(f)
        self.parameters: Parameters = Parameters(self.tree, params, data)
        self.names: set[str] = names_in(self.tree) | {*self.parameters.parameters, *self.parameters.given.values()}
        self.space: dict[str, Any] = {**f.__globals__, **_closure(f)}
        self.depth: int = 0
        self.statements: list[Statement] = []
        self._into = self.statements
        last = self.tree.body[-1]
        named = isinstance(last, ast.Return) and isinstance(last.value, ast.Name)
        self.result: str = last.value.id if named else word("loss", self.names)
        self._block(self.tree.body, self.result)

    def _add(self, kind: str, target: Any, value: Any) -> Statement:
        made = Statement(kind, target, value, self.line, self.text)
        self._into.append(made)
        return made

    @contextmanager
    def _inside(self, block: list[Statement]) -> Iterator[None]:
        outer, self._into = self._into, block
        yield
        self._into = outer

    def _block(self, body: Sequence[ast.stmt], result: str) -> None:
        for s in body:
            self._statement(s, result)

    def _statement(self, s: ast.stmt, result: str) -> None:
        if self.depth == 0:
            line = getattr(s, "lineno", 1)
            self.line: Any | int = line
            self.text: str = self.lines[line - 1].split("#")[0].strip()
        if isinstance(s, ast.Return) and s.value is not None:
            self._assign(_name(result), s.value)
        elif isinstance(s, ast.Assign | ast.AnnAssign) and s.value is not None:
            for target in s.targets if isinstance(s, ast.Assign) else [s.target]:
                self._assign(target, s.value)
        elif isinstance(s, ast.AugAssign):
            self._assign(s.target, ast.BinOp(_copied(s.target), s.op, s.value))
        elif isinstance(s, ast.For):
            self._loop(s.target, s.iter, lambda: self._block(s.body, result))
        elif isinstance(s, ast.If):
            made = self._add("if", None, self._value(s.test))
            for block, body in ((made.body, s.body), (made.orelse, s.orelse)):
                with self._inside(block):
                    self._block(body, result)
        elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and _is_append(s.value.func):
            self._add("append", s.value.func.value, self._value(s.value.args[0]))  # type: ignore[attr-defined]
        elif not isinstance(s, ast.Pass | ast.Assert | ast.Import | ast.ImportFrom | ast.FunctionDef) and not (
            isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)
        ):
            raise OperandError(
                f"backward_source cannot follow line {getattr(s, 'lineno', '?')} of {self.f.__name__}{user_line()}: "
                f"{ast.unparse(s).splitlines()[0]:.60}\n  It follows assignments, for, if, append and return."
            )

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        """One assignment, or several. What is overwritten while it is read gets a name of its own first; and so does
        the sum inside of tanh(W @ x + b), since its gradient is wanted more than once."""
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            new = [self._value(v) for v in value.elts]
            if any(names_in(target) & names_in(v) for v in new[1:]):  # a, b = b, a
                new = [self._named(v, "old") for v in new]
            for t, v in zip(target.elts, new, strict=True):
                self._assign(t, v)
            return
        if isinstance(target, ast.Tuple):
            parts = value if isinstance(value, ast.Name) else self._named(self._value(value), "parts")
            for k, t in enumerate(target.elts):
                self._assign(t, ast.Subscript(parts, ast.Constant(k), ast.Load()))
            return
        new_value: Any = self._value(value)
        if isinstance(target, ast.Name) and isinstance(new_value, ast.Name) and target.id == new_value.id:
            return
        if composed(new_value):
            new_value.args[0] = self._named(new_value.args[0], "z")
        place = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(place, ast.Name) and place.id in names_in(new_value):
            new_value = self._named(new_value, f"{place.id}_new")
        self._add("assign", target, new_value)

    def _named(self, value: ast.expr, name: str) -> ast.expr:
        free = word(name, self.names)
        self._add("assign", _name(free), value)
        return _name(free)

    def _loop(self, target: ast.expr, over: ast.expr, inside: Callable[[], None]) -> None:
        """A loop over an index, also where the user's goes over arrays or lists."""
        if isinstance(over, ast.Tuple | ast.List):  # a few things written out: the body for each of them
            for part in over.elts:
                self._assign(target, part)
                inside()
            return
        over = self._value(over)
        call = over.func.id if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) else ""
        several = call in ("zip", "enumerate")
        inner: list[Any] = over.args if several else [over]  # type: ignore[attr-defined]
        if call == "range" or not all(isinstance(e, ast.Name | ast.Attribute) for e in inner):
            made = self._add("for", target, over)
            with self._inside(made.body):
                inside()
            return
        targets: list[Any] = target.elts if several else [target]  # type: ignore[attr-defined]
        k, targets = (targets[0], targets[1:]) if call == "enumerate" else (_name(word("k", self.names)), targets)
        made = self._add("for", k, _copied(f"range(len({ast.unparse(inner[0])}))"))
        with self._inside(made.body):
            for t, e in zip(targets, inner, strict=False):
                self._assign(t, _copied(f"{ast.unparse(e)}[{k.id}]"))
            inside()

    # ------------------------------------------------------------------ expressions

    def _value(self, e: ast.expr) -> ast.expr:
        """The expression with calls of the user's functions and comprehensions taken out of it, and extremes named."""
        flat, whole = self, _copied(e)

        class Taken(ast.NodeTransformer):
            def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
                return flat._comprehension(node)

            def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
                return flat._comprehension(node)

            def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
                return node

            def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
                self.generic_visit(node)
                inner = node.value
                given = flat.parameters.given.get(getattr(node.slice, "value", None))
                if isinstance(inner, ast.Name) and inner.id == flat.parameters.root and given:
                    return _name(given)
                plain = isinstance(inner, ast.Name) or (isinstance(inner, ast.Attribute) and inner.attr == "shape")
                if not plain and not inserts(node) and names_in(inner) - flat.space.keys():
                    node.value = flat._named(inner, "part")  # (expression)[:, 0]
                return node

            def visit_Call(self, node: ast.Call) -> ast.expr:
                self.generic_visit(node)
                f = flat.space.get(node.func.id) if isinstance(node.func, ast.Name) else None
                own = inspect.isfunction(f) and not (f.__module__ or "").startswith(("numpy", "tinygrad_lite"))
                if own and f is not None:
                    return flat._inlined(f, node)
                extreme = isinstance(node.func, ast.Attribute) and called(node)[0] in ("max", "min")
                return flat._named(node, "top") if extreme and node is not whole else node

        return Taken().visit(whole)  # type: ignore[no-any-return]

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> ast.expr:
        rows = self._named(ast.List([], ast.Load()), "rows")

        def inside(generators: Sequence[ast.comprehension]) -> None:
            if not generators:
                self._add("append", rows, self._value(node.elt))
                return
            one, *rest = generators
            self._loop(one.target, one.iter, lambda: chosen(one.ifs, rest))

        def chosen(tests: Sequence[ast.expr], rest: Sequence[ast.comprehension]) -> None:
            if not tests:
                inside(rest)
                return
            with self._inside(self._add("if", None, self._value(tests[0])).body):
                chosen(tests[1:], rest)

        inside(node.generators)
        return rows

    def _inlined(self, f: Any, call: ast.Call) -> ast.expr:
        """The body of a function in the place of its call."""
        tree, _ = _parsed(f)
        given = dict(zip([a.arg for a in tree.args.args], call.args, strict=False))
        given |= {k.arg: k.value for k in call.keywords if k.arg}
        for a, default in zip(reversed(tree.args.args), reversed(tree.args.defaults), strict=False):
            given.setdefault(a.arg, default)
        renamed: dict[str, ast.expr] = {}
        assigned = names_in(tree, ast.Store)
        for name, value in given.items():
            plain = isinstance(value, ast.Name | ast.Constant) and name not in assigned
            renamed[name] = value if plain else self._named(value, f"{f.__name__}_{name}")
        for name in assigned - given.keys():
            renamed[name] = _name(word(f"{f.__name__}_{name}", self.names))
        body = [_renamed(s, renamed) for s in tree.body]
        outer, self.space = self.space, {**f.__globals__, **_closure(f), **self.space}
        self.depth += 1
        if isinstance(body[-1], ast.Return) and all(
            isinstance(s, ast.Assign | ast.AugAssign | ast.Expr | ast.For) for s in body[:-1]
        ):
            self._block(body[:-1], "")
            out = self._value(body[-1].value)  # type: ignore[arg-type]
        else:
            result = word(f"{f.__name__}_result", self.names)
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


def _copied(e: ast.expr | str) -> Any:
    """The expression, or its text, as a tree of its own in which every name is read."""
    return ast.parse(e if isinstance(e, str) else ast.unparse(e), mode="eval").body


def _is_append(f: ast.expr) -> bool:
    return isinstance(f, ast.Attribute) and f.attr == "append"


def names_in(tree: ast.AST, kind: Any = ast.expr_context) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, kind)}


def _renamed(node: Any, names: dict[str, ast.expr]) -> Any:
    class Renamed(ast.NodeTransformer):
        def visit_Name(self, n: ast.Name) -> ast.expr:
            new = names.get(n.id)
            return n if new is None else _name(new.id) if isinstance(new, ast.Name) else new

    return Renamed().visit(node)
