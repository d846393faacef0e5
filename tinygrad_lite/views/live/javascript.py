"""The rules of the op table as JavaScript.

A rule is a small Python function of numbers. Its source is read as a syntax tree and written down again in
JavaScript, together with every function and every op that it calls; names are looked up where the rule would look
them up. So an op has one place, and an op of the user's own runs in the page as those of the table do. What cannot
be translated (a loop over a file, a function from C without a counterpart in `engine.js`) raises `Untranslatable`,
and the page shows the node as frozen with the reason.
"""

from __future__ import annotations

import ast
import builtins
import json
import math
import operator
import re
import types
from pathlib import Path
from typing import Any

from tinygrad_lite.engine.op import Op
from tinygrad_lite.views.live.syntax import Untranslatable, syntax_of

_OURS = set(re.findall(r"\w+", Path(__file__).with_name("engine.js").read_text(encoding="utf-8")))
_MATH = {getattr(math, name): f"M.{name}" for name in dir(math) if name in _OURS and callable(getattr(math, name))}
_BUILTINS = {
    getattr(builtins, name): f"M.{name}"
    for name in ("abs", "max", "min", "sum", "len", "any", "all", "bool", "float", "int", "tuple", "list", "range")
} | {builtins.zip: "M.zip", builtins.reversed: "M.reversed", builtins.map: "M.map", builtins.round: "M.round"}
_OPERATOR = {operator.add: "M.add", operator.sub: "M.sub", operator.mul: "M.mul", operator.truediv: "M.div"}
KNOWN: dict[Any, str] = {**_MATH, **_BUILTINS, **_OPERATOR, builtins.enumerate: "M.enumerate"}
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "===", ast.NotEq: "!=="}
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_CALLED = {ast.Div: "M.div", ast.Pow: "M.power", ast.FloorDiv: "M.floordiv", ast.Mod: "M.mod"}
_METHODS = {"append": "push", "is_integer": "M.is_integer"}


class Library:
    """JavaScript functions for Python functions, each written once.

    >>> from tinygrad_lite.engine import ops
    >>> library = Library()
    >>> library.rules(ops.tanh)[0], library.function(lambda x: 2.0 * x if x > 0 else -x)
    ('M.tanh', 'f1')
    >>> print(library.script().splitlines()[-2])
    const f1 = (x) => ((x > 0) ? (2.0 * x) : (-x));
    """

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._table: dict[str, tuple[str, str]] = {}
        self._lines: list[str] = []

    def script(self) -> str:
        """Every function so far, and the table by which `engine.js` finds the rules."""
        entries = ", ".join(f"{json.dumps(name)}: [{', '.join(rules)}]" for name, rules in self._table.items())
        return "\n".join([*self._lines, f"const RULES = {{{entries}}};"]).replace("</", "<\\/")

    def rules(self, op: Op) -> tuple[str, str]:
        """The names of the op's forward rule and of its local derivatives.

        Raises:
            Untranslatable: one of them has no JavaScript.
        """
        self._table[op.name] = self.function(op.forward), self.function(op.partials)
        return self._table[op.name]

    def function(self, function: Any) -> str:
        """The name of the JavaScript for a Python function, which is written down if it is new."""
        try:
            known = KNOWN.get(function) or self._names.get(function)
        except TypeError:
            known = None
        if known:
            return known
        if isinstance(function, Op):
            return self.function(function.forward)
        if not isinstance(function, types.FunctionType):
            raise Untranslatable(f"{getattr(function, '__name__', function)!s:.40} has no counterpart in JavaScript")
        name = self._names[function] = f"f{len(self._names)}"
        try:
            text = _Translation(self, function).text()
        except Untranslatable:
            del self._names[function]
            raise
        self._lines.append(f"const {name} = {text};")
        return name


class _Translation:
    """One function on its way into JavaScript."""

    def __init__(self, library: Library, function: types.FunctionType) -> None:
        self.library = library
        self.function = function
        self.local: set[str] = set()
        code = function.__code__
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        self.outer = {**vars(builtins), **function.__globals__, **dict(zip(code.co_freevars, cells, strict=True))}

    def text(self) -> str:
        tree = syntax_of(self.function)
        parameters = self._parameters(tree.args)
        if isinstance(tree, ast.Lambda):
            return f"{parameters} => {self.of(tree.body)}"
        assigned = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        self.local |= set(assigned)
        names = sorted(set(assigned) - {arg.arg for arg in tree.args.args})
        head = f"let {', '.join(names)}; " if names else ""
        return f"{parameters} => {{ {head}{self._body(tree.body)} }}"

    def _parameters(self, args: ast.arguments) -> str:
        self.local |= {arg.arg for arg in (*args.args, *([args.vararg] if args.vararg else ()))}
        words = [arg.arg for arg in args.args]
        for word, default in zip(reversed(words[:]), reversed(args.defaults), strict=False):
            words[words.index(word)] = f"{word} = {self.of(default)}"
        return f"({', '.join([*words, *([f'...{args.vararg.arg}'] if args.vararg else [])])})"

    # ------------------------------------------------------------------ statements

    def _body(self, lines: list[ast.stmt]) -> str:
        return " ".join(self._statement(line) for line in lines)

    def _statement(self, line: ast.stmt) -> str:
        match line:
            case ast.Return(value=value):
                return f"return {self.of(value) if value else 'null'};"
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Starred(value=first), last])], value=value):
                whole = self.of(value)  # JavaScript gathers only what is last
                return (
                    f"{self._target(first)} = M.slice({whole}, 0, -1, null); {self._target(last)} = M.at({whole}, -1);"
                )
            case ast.Assign(targets=targets, value=value):
                return "".join(f"{self._target(target)} = {self.of(value)};" for target in targets)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                return f"{name} = {self._binary(op, name, self.of(value))};"
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                return f"{name} = {self.of(value)};"
            case ast.If(test=test, body=body, orelse=orelse) if (known := _known(test)) is not None:
                return self._body(body if known is test else orelse)
            case ast.If(test=test, body=body, orelse=orelse):
                other = f" else {{ {self._body(orelse)} }}" if orelse else ""
                return f"if ({self.test(test)}) {{ {self._body(body)} }}{other}"
            case ast.For(target=target, iter=over, body=body, orelse=[]):
                return f"for ({self._target(target)} of {self.of(over)}) {{ {self._body(body)} }}"
            case ast.While(test=test, body=body, orelse=[]):
                return f"while ({self.test(test)}) {{ {self._body(body)} }}"
            case ast.Raise():
                return 'M.fail("ValueError");'
            case ast.Try(body=body, handlers=[ast.ExceptHandler(type=ast.Name(id=kind), body=rescue)]):
                return f'try {{ {self._body(body)} }} catch (e) {{ M.only(e, "{kind}"); {self._body(rescue)} }}'
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return ""
            case ast.Expr(value=value):
                return f"{self.of(value)};"
        raise Untranslatable(f"its statement `{ast.unparse(line).splitlines()[0]:.50}` has no JavaScript")

    def _target(self, target: ast.expr) -> str:
        if isinstance(target, ast.Name):
            return target.id
        if isinstance(target, ast.Tuple):
            return f"[{', '.join(self._target(part) for part in target.elts)}]"
        raise Untranslatable(f"it assigns to `{ast.unparse(target):.40}`")

    # ------------------------------------------------------------------ expressions

    def test(self, node: ast.expr) -> str:
        """A condition: what Python takes for true."""
        return self.of(node) if isinstance(node, ast.Compare) else f"M.truth({self.of(node)})"

    def of(self, node: ast.expr) -> str:
        """An expression."""
        match node:
            case ast.Constant(value=bool() as value):
                return str(value).lower()
            case ast.Constant(value=(int() | float()) as value):
                return number(value)
            case ast.Constant(value=None):
                return "null"
            case ast.Name(id=name):
                return name if name in self.local else self.constant(node)
            case ast.BinOp(left=ast.Tuple() as left, op=ast.Mult(), right=right):
                return f"M.repeat({self.of(left)}, {self.of(right)})"
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.of(left), self.of(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"(!{self.test(operand)})"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"(-{self.of(operand)})"
            case ast.BoolOp(op=op, values=values):
                return f"({(' && ' if isinstance(op, ast.And) else ' || ').join(map(self.test, values))})"
            case ast.Compare() | ast.IfExp() if (known := _known(node)) is not None:
                return self.of(known) if isinstance(node, ast.IfExp) else str(known is node).lower()
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                return f"({' && '.join(self._compare(a, op, b) for a, op, b in pairs)})"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"({self.test(test)} ? {self.of(body)} : {self.of(orelse)})"
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return f"[{', '.join(map(self.of, parts))}]"
            case ast.Starred(value=value):
                return f"...{self.of(value)}"
            case ast.Subscript(value=value, slice=ast.Slice(lower=lower, upper=upper, step=step)):
                bounds = [self.of(part) if part else "null" for part in (lower, upper, step)]
                return f"M.slice({self.of(value)}, {', '.join(bounds)})"
            case ast.Subscript(value=value, slice=place):
                return f"M.at({self.of(value)}, {self.of(place)})"
            case ast.ListComp(elt=elt, generators=[loop]) | ast.GeneratorExp(elt=elt, generators=[loop]):
                self.local |= {name.id for name in ast.walk(loop.target) if isinstance(name, ast.Name)}
                one = self._target(loop.target)
                kept = "".join(f".filter(({one}) => {self.test(test)})" for test in loop.ifs)
                return f"[...{self.of(loop.iter)}]{kept}.map(({one}) => {self.of(elt)})"
            case ast.Lambda(args=args, body=body):
                return f"({self._parameters(args)} => {self.of(body)})"
            case ast.Call(func=function, args=args, keywords=[] | [ast.keyword(arg="strict")]):
                return self._call(function, args)
            case ast.Attribute():
                return self.constant(node)
        raise Untranslatable(f"its expression `{ast.unparse(node):.50}` has no JavaScript")

    def _binary(self, op: ast.operator, left: str, right: str) -> str:
        if type(op) in _BINARY:
            return f"({left} {_BINARY[type(op)]} {right})"
        if type(op) in _CALLED:
            return f"{_CALLED[type(op)]}({left}, {right})"
        raise Untranslatable(f"it uses the operator {type(op).__name__}")

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> str:
        if isinstance(op, ast.In):
            return f"{self.of(right)}.includes({self.of(left)})"
        if type(op) not in _COMPARE:
            raise Untranslatable(f"it compares with {type(op).__name__}")
        return f"{self.of(left)} {_COMPARE[type(op)]} {self.of(right)}"

    def _call(self, function: ast.expr, args: list[ast.expr]) -> str:
        given = ", ".join(map(self.of, args))
        if isinstance(function, ast.Attribute) and function.attr in _METHODS and not self._found(function):
            method = _METHODS[function.attr]
            on = self.of(function.value)
            return f"{method}({on})" if method.startswith("M.") else f"{on}.{method}({given})"
        if isinstance(function, ast.Name) and function.id in self.local:
            return f"{function.id}({given})"
        called = self.lookup(function)
        if isinstance(called, Op) and called.defaults and called.arity is not None:
            missing = list(called.defaults.values())[len(called.defaults) - (called.arity - len(args)) :]
            given = ", ".join([given, *map(number, missing)] if len(args) < called.arity else [given])
        return f"{self.library.function(called)}({given})"

    def constant(self, node: ast.expr) -> str:
        """A name from outside: a number, or a function."""
        value = self.lookup(node)
        return number(value) if isinstance(value, (int, float)) else self.library.function(value)

    def _found(self, node: ast.expr) -> bool:
        try:
            self.lookup(node)
        except Untranslatable:
            return False
        return True

    def lookup(self, node: ast.expr) -> Any:
        """What a name or a dotted name stands for where the rule was written."""
        if isinstance(node, ast.Name) and node.id not in self.local and node.id in self.outer:
            return self.outer[node.id]
        if isinstance(node, ast.Attribute):
            found = getattr(self.lookup(node.value), node.attr, None)
            if found is not None:
                return found
        raise Untranslatable(f"it uses `{ast.unparse(node):.40}`, which is no number and no function")


def _known(node: ast.expr) -> ast.expr | None:
    """What is settled by every number of the page being a float: a test that holds itself, else another node."""
    match node:
        case ast.Compare(left=ast.Attribute(attr="__class__"), ops=[ast.Is() | ast.IsNot()]):
            return node if isinstance(node.ops[0], ast.Is) else node.left
        case ast.IfExp(test=test, body=body, orelse=orelse) if (known := _known(test)) is not None:
            return body if known is test else orelse
    return None


def number(x: float) -> str:
    """A number of Python in JavaScript."""
    if math.isinf(x):
        return "Infinity" if x > 0 else "(-Infinity)"
    return "NaN" if math.isnan(x) else repr(x) if x >= 0 else f"({x!r})"
