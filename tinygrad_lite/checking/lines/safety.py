"""What may be edited and repeated: statements that call NumPy, safe built-ins and the user's own functions only."""

from __future__ import annotations

import ast
import builtins
import types

from tinygrad_lite.checking.lines.functions import Function, Node, is_own, space_of

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
MODULES = {"numpy", "math", "cmath", "scipy", "itertools", "functools", "operator", "copy", "jax", "torch"}
BUILTINS = {
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "getattr", "hasattr", "int", "isinstance",
    "len", "list", "map", "max", "min", "pow", "range", "reversed", "round", "set", "slice", "sorted", "str", "sum",
    "super", "tuple", "zip",
}  # fmt: skip
WORLDLY = {
    "open", "input", "exec", "eval", "breakpoint", "os", "subprocess", "requests", "urllib", "socket", "shutil",
    "pathlib", "http", "sqlite3", "pickle", "tempfile", "webbrowser", "ctypes", "multiprocessing", "threading",
}  # fmt: skip
OUTSIDE = {
    "save", "savez", "savetxt", "load", "loadtxt", "genfromtxt", "tofile", "fromfile", "memmap", "write", "read", "open"
}  # fmt: skip


def calls_in(node: Node) -> list[Node]:
    """The functions that a statement or expression calls."""
    return [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]


def _spoken(f: Node) -> list[str]:
    """The names in `np.linalg.norm`, from the first on; that is "" for a method of an expression's value."""
    names: list[str] = []
    while isinstance(f, ast.Attribute):
        names.insert(0, f.attr)
        f = f.value
    return [getattr(f, "id", ""), *names]


def _known(function: Function, f: Node) -> bool:
    """Whether a called function is NumPy's, a safe built-in, the user's own, or a method of a local value."""
    root, *attributes = _spoken(f)
    if OUTSIDE & set(attributes):
        return False
    space = space_of(function)
    if root not in space:
        return root in BUILTINS if hasattr(builtins, root) else True  # else a method of a value
    x = space[root]
    if isinstance(x, types.ModuleType):
        return x.__name__.partition(".")[0] in MODULES and not ("random" in attributes or "random" in x.__name__)
    if isinstance(x, types.FunctionType):
        return is_own(x.__code__) or x.__module__.partition(".")[0] in MODULES
    return isinstance(x, type) or str(getattr(x, "__module__", type(x).__module__)).partition(".")[0] not in (
        "os", "sys", "io", "subprocess", "requests", "random", "builtins",
    )  # fmt: skip


def refused(function: Function) -> str:
    """Why a function must not be run again and again: "line 7 calls open"; "" if it may."""
    space = space_of(function)
    for n in list(ast.walk(function.tree))[::-1]:
        if isinstance(n, ast.Call):
            root, *names = _spoken(n.func)
            module = getattr(space.get(root), "__name__", "") if isinstance(space.get(root), types.ModuleType) else ""
            if (root in WORLDLY and root not in space) or module.partition(".")[0] in WORLDLY or OUTSIDE & set(names):
                return f"line {n.lineno} calls {'.'.join([root, *names]).strip('.')}"
    return ""


def harmless(function: Function, stmt: Node) -> bool:
    """Whether a statement calls nothing that reads, writes, prints or draws random numbers."""
    heads = [getattr(stmt, f) for f in ("test", "iter", "items") if hasattr(stmt, f)]
    parts = [stmt] if isinstance(stmt, SIMPLE) else [n for h in heads for n in (h if isinstance(h, list) else [h])]
    return all(_known(function, f) for part in parts for f in calls_in(part))
