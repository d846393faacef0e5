"""Values of expressions: a small interpreter of Python's syntax trees, on noted variables, within limits of size.

Thousands of changed expressions are tried for one that runs. A `Scope` holds the variables of one visit and
remembers the value of every node it was told to keep, so a change costs only the nodes on its path.
"""

from __future__ import annotations

import ast
import operator
import types
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.checking.lines.functions import Function, Node, is_own, space_of
from tinygrad_lite.checking.network.arrays import np

LARGEST = 20_000_000  # entries that one operation may combine

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.MatMult: operator.matmul, ast.Pow: operator.pow, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
    ast.Gt: operator.gt, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert
}  # fmt: skip


class Scope:
    """The variables at one place and time.

    Args:
        function: whose globals and free variables stand behind the local ones.
        local: the local variables.
        guard: calls the user's own functions within a time limit.
    """

    def __init__(self, function: Function, local: Mapping[str, Any], guard: Callable[..., Any]) -> None:
        self.names: dict[str, Any] = {**space_of(function), **local}
        self.local: Mapping[str, Any] = local
        self._guard = guard
        self._kept: dict[int, Any] = {}
        self._nodes: list[Node] = []  # kept alive, so that their ids stay theirs

    def keep(self, node: Node) -> Any:
        """The value of a node, remembered for every expression that contains this very node."""
        x = self.value(node)
        self._kept[id(node)] = x
        self._nodes.append(node)
        return x

    def keep_all(self, node: Node) -> None:
        """Remember every part of an expression that has a value."""
        for n in ast.walk(node):
            if isinstance(n, ast.expr) and not isinstance(n, (ast.Constant, ast.Slice, ast.Starred)):
                try:
                    self.keep(n)
                except Exception:
                    continue

    def value(self, e: Node) -> Any:
        """The value of an expression.

        Raises:
            Exception: whatever evaluating it raises; MemoryError if an operation would combine too many entries.
        """
        if id(e) in self._kept:
            return self._kept[id(e)]
        found = _VISIT.get(type(e))
        if found is None or (found is Scope._call and _starred(e)):
            code = compile(ast.fix_missing_locations(ast.Expression(e)), "<mend>", "eval")
            return self._guard(eval, code, self.names)
        return found(self, e)

    def _name(self, e: Node) -> Any:
        if e.id in self.names:
            return self.names[e.id]
        builtins = self.names["__builtins__"]
        return getattr(builtins, e.id) if isinstance(builtins, types.ModuleType) else builtins[e.id]

    def _binary(self, e: Node) -> Any:
        left, right = self.value(e.left), self.value(e.right)
        _bounded(left, right)
        if type(e.op) is ast.Pow and isinstance(right, (int, float)) and abs(right) > 64:
            raise OverflowError("so high a power was not meant")
        return OPERATORS[type(e.op)](left, right)

    def _compare(self, e: Node) -> Any:
        if len(e.ops) != 1 or type(e.ops[0]) not in OPERATORS:
            raise TypeError("only single comparisons are tried")
        left, right = self.value(e.left), self.value(e.comparators[0])
        _bounded(left, right)
        return OPERATORS[type(e.ops[0])](left, right)

    def _subscript(self, e: Node) -> Any:
        return self.value(e.value)[self.value(e.slice)]

    def _slice(self, e: Node) -> Any:
        return slice(*(None if part is None else self.value(part) for part in (e.lower, e.upper, e.step)))

    def _call(self, e: Node) -> Any:
        f = self.value(e.func)
        arguments = [self.value(a) for a in e.args]
        keywords = {k.arg: self.value(k.value) for k in e.keywords}
        _bounded(*arguments, *([self.value(e.func.value)] if isinstance(e.func, ast.Attribute) else []))
        owner = f.__func__ if isinstance(f, types.MethodType) else f
        if isinstance(owner, types.FunctionType) and is_own(owner.__code__):
            return self._guard(f, *arguments, **keywords) if keywords else self._guard(f, *arguments)
        return f(*arguments, **keywords)


_VISIT: dict[type, Callable[[Scope, Node], Any]] = {
    ast.Constant: lambda s, e: e.value,
    ast.Name: Scope._name,
    ast.Attribute: lambda s, e: getattr(s.value(e.value), e.attr),
    ast.BinOp: Scope._binary,
    ast.UnaryOp: lambda s, e: UNARY[type(e.op)](s.value(e.operand)),
    ast.Compare: Scope._compare,
    ast.Subscript: Scope._subscript,
    ast.Slice: Scope._slice,
    ast.Tuple: lambda s, e: tuple(s.value(x) for x in e.elts),
    ast.List: lambda s, e: [s.value(x) for x in e.elts],
    ast.Call: Scope._call,
}


def _starred(e: Node) -> bool:
    return any(isinstance(a, ast.Starred) for a in e.args) or any(k.arg is None for k in e.keywords)


def _bounded(*operands: Any) -> None:
    """Refuse an operation that might combine too many entries."""
    entries = 1
    for x in operands:
        if isinstance(x, np.ndarray):
            entries *= max(1, x.size)
        elif isinstance(x, int) and len(operands) > 0:
            entries *= max(1, abs(x)) if abs(x) > 1000 else 1
    if entries > LARGEST:
        raise MemoryError("too many entries")
