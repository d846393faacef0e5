"""What NumPy's functions hand back: a table of templates, one for each operand.

    g    the gradient of the result; G in its whole shape, where g may be the same along an axis and short there
    x, y, z    the operands; xT, yT these with their last two axes exchanged
    out  the result; n how many numbers a mean is taken of; axis, axes the options

A gradient that was broadcast on the way forward is summed behind the rule (adjoint.py). What goes entry by entry and
does not stand here is read off the table of ops: `partials` runs on text.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.op import TABLE, Op
from tinygrad_lite.export.expression import put

RULES: dict[str, tuple[str, ...]] = {
    "add": ("g", "g"),
    "subtract": ("g", "-g"),
    "multiply": ("g * y", "g * x"),
    "divide": ("g / y", "-g * x / y ** 2"),
    "power": ("g * (y * x ** (y - 1))", "g * out * np.log(x)"),
    "negative": ("-g",),
    "absolute": ("g * np.sign(x)",),
    "maximum": ("g * np.heaviside(x - y, 0.5)", "g * np.heaviside(y - x, 0.5)"),
    "minimum": ("g * np.heaviside(y - x, 0.5)", "g * np.heaviside(x - y, 0.5)"),
    "clip": ("g * ((x >= y) & (x <= z))",),
    "where": ("", "np.where(x, g, 0.0)", "np.where(x, 0.0, g)"),
    "choice": ("", "g if x else 0.0", "0.0 if x else g"),
    "broadcast_to": ("g",),
    "same": ("g",),
    "outer": ("G @ y", "x @ G"),
    "cumsum": ("np.flip(np.cumsum(np.flip(G, axis=axis), axis=axis), axis=axis)",),
    "roll": ("np.roll(G, -y, axis=axis)",),
    "swapaxes": ("np.swapaxes(G, y, z)",),
    "transpose": ("G.T",),
    "split": ("np.concatenate(g, axis=axis)",),
}

CORNERS = {"maximum": ("g * (x > y)", "g * (y > x)"), "minimum": ("g * (x < y)", "g * (y < x)")}
"""With a constant beside it, an operand that ties takes 0, as in a derivation by hand of relu; two that tie share."""

REDUCED = {
    "sum": "g",
    "mean": "g / n",
    "max": "g * (x == out) / np.sum(x == out, axis=axis, keepdims=keep)",
    "min": "g * (x == out) / np.sum(x == out, axis=axis, keepdims=keep)",
    "prod": "g * out / x",
    "norm": "g * x / out",
    "var": "2 * g * (x - np.mean(x, axis=axis, keepdims=keep)) / n",
    "std": "g * (x - np.mean(x, axis=axis, keepdims=keep)) / (n * out)",
}
"""What reduces an axis; g and out have the axis again, of length 1."""

PRODUCTS = {
    (1, 1): ("g * y", "g * x"),
    (2, 1): ("np.outer(G, y)", "x.T @ G"),
    (1, 2): ("y @ G", "np.outer(x, G)"),
}
"""The product of matrices by the numbers of axes of its operands."""

MANY_ROWS = ("G[..., None] * y", "np.tensordot(G, x, rank)")
MATRICES = ("G @ yT", "xT @ G")
"""Products of more axes: with a vector behind, and all others."""

LIBRARIES = ("np", "numpy", "np.linalg", "numpy.linalg")
RESHAPING = ("reshape", "ravel", "flatten", "squeeze", "expand_dims", "atleast_2d")
JOINING = ("concatenate", "hstack", "vstack", "stack", "column_stack")

OTHER_NAMES = {
    **dict.fromkeys(("array", "asarray", "float64", "copy", "ascontiguousarray", "astype"), "same"),
    **dict.fromkeys(("atleast_1d", "nan_to_num", "float", "positive"), "same"),
    "abs": "absolute",
    "fabs": "absolute",
    "amax": "max",
    "amin": "min",
    "true_divide": "divide",
}
OPERATORS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
    ast.USub: "negative",
    ast.UAdd: "same",
}


def called(e: Any) -> tuple[str, list[Any], dict[str | None, Any]]:
    """An expression as a function of NumPy: its name, operands and options; the name is "" for anything else."""
    if isinstance(e, ast.BinOp):
        return OPERATORS.get(type(e.op), ""), [e.left, e.right], {}
    if isinstance(e, ast.UnaryOp):
        return OPERATORS.get(type(e.op), ""), [e.operand], {}
    if isinstance(e, ast.IfExp):
        return "choice", [e.test, e.body, e.orelse], {}
    if isinstance(e, ast.Attribute):
        return "transpose" if e.attr == "T" else "", [e.value], {}
    if not isinstance(e, ast.Call):
        return "", [], {}
    f = e.func
    name = f.attr if isinstance(f, ast.Attribute) else ast.unparse(f)
    method = isinstance(f, ast.Attribute) and ast.unparse(f.value) not in LIBRARIES
    operands = [f.value, *e.args] if method else list(e.args)  # type: ignore[attr-defined]
    return OTHER_NAMES.get(name, name), operands, {k.arg: k.value for k in e.keywords}


class Symbol(Arithmetic):
    """Text that takes part in arithmetic: a rule of the table, run on it, becomes NumPy code."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any:
        names = ["x", "y", "z"][: len(operands)]
        texts = [x.text if isinstance(x, Symbol) else repr(float(x)) for x in operands]
        template = op.numpy.format(lib="np", xs=", ".join(names), **{name: name for name in names})
        return Symbol(put(template, **dict(zip(names, texts, strict=True))))

    def __gt__(self, other: Any) -> bool:
        return True  # inside of the domain, where a rule asks; the result is compared with the engine

    def __lt__(self, other: Any) -> bool:
        return False

    __ge__, __le__ = __gt__, __lt__


@cache
def entry_by_entry() -> dict[str, Op]:
    """The ops of the table by the names that they have in NumPy."""
    return {op.numpy_name: op for op in TABLE.values() if op.numpy_name and op.arity in (1, 2)} | {
        "square": TABLE["square"]
    }


def of_the_table(name: str) -> tuple[str, ...]:
    """The templates of an op that goes entry by entry; none, if there is no such op."""
    op = entry_by_entry().get(name)
    if op is None:
        return ()
    operands = [Symbol(letter) for letter in "xy"[: op.arity]]
    try:
        found = op.display_derivatives(*operands, Symbol("out"))
    except TypeError:
        return ()
    return tuple(put("g * d", d=d.text if isinstance(d, Symbol) else repr(float(d))) for d in found)


def inserts(e: ast.Subscript) -> bool:
    """Whether an index is of `:`, None and ... alone, which move nothing."""
    parts = e.slice.elts if isinstance(e.slice, ast.Tuple) else [e.slice]
    return all(ast.unparse(p) in (":", "None", "...", "np.newaxis") for p in parts)


def composed(e: Any) -> bool:
    """Whether a function entry by entry is applied to a product of matrices."""
    if not isinstance(e, ast.Call) or len(e.args) != 1 or e.keywords or not isinstance(e.args[0], ast.BinOp):
        return False
    entrywise = ast.unparse(e.func).removeprefix("np.") in entry_by_entry()
    return entrywise and any(isinstance(n, ast.MatMult) for n in ast.walk(e.args[0]))
