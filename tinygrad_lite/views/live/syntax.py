"""The syntax tree of a function, found in its source file or notebook cell."""

from __future__ import annotations

import ast
import functools
import linecache
import types


class Untranslatable(Exception):
    """A rule that has no JavaScript; the message says why."""


def syntax_of(function: types.FunctionType) -> ast.FunctionDef | ast.Lambda:
    """The syntax tree of a function or a lambda.

    Raises:
        Untranslatable: its source is not at hand, as of one made by `exec`.
    """
    code = function.__code__
    tree = _parsed("".join(linecache.getlines(code.co_filename)))
    wanted = [*code.co_varnames[: code.co_argcount + bool(code.co_flags & 0x04)]]
    places = {(line, column) for line, _, column, _ in code.co_positions() if line is not None and column}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            args = [arg.arg for arg in (*node.args.args, *([node.args.vararg] if node.args.vararg else ()))]
            if args == wanted and _first_line(node) == code.co_firstlineno:
                inside = {(getattr(n, "lineno", 0), getattr(n, "col_offset", -1)) for n in ast.walk(node)}
                if isinstance(node, ast.FunctionDef) or places <= inside:
                    return node
    raise Untranslatable("its source is not at hand")


def _first_line(node: ast.FunctionDef | ast.Lambda) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


@functools.lru_cache(maxsize=64)
def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])
