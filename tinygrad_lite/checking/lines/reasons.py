"""Why a line is wrong: a code read off the edit, and a sentence from the forward pass that the line belongs to."""

from __future__ import annotations

import ast
import itertools
from typing import Any, NamedTuple

from tinygrad_lite.checking.lines.forms import form, same
from tinygrad_lite.checking.lines.functions import Function, Node
from tinygrad_lite.checking.lines.loss import Forward, meant
from tinygrad_lite.checking.lines.slots import statements, target_name, targets_of
from tinygrad_lite.checking.lines.text import Text, plain, smallest
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.report.language import say

SUMS = {"sum", "mean", "max", "min"}
HANDED_ON = (ast.Return, ast.Name, ast.Tuple, ast.List, ast.Dict, ast.Constant, ast.expr_context)
PRODUCTS = [
    f"{x} {op} {y}" for op in "@*" for x in ("a", "a.T", "b", "b.T") for y in ("b", "b.T", "a", "a.T") if x[0] != y[0]
]
CODES = (  # "what says less, what says more": the code if less was written, and if more was
    ("a, -a", "SIGN", "SIGN"),
    ("a - b, b - a", "SIGN", "SIGN"),
    ("a + b, a - b", "SIGN", "SIGN"),
    ("a, a.T", "TRANSPOSED", "TRANSPOSED"),
    *((f"{x}, {y}", "TRANSPOSED", "TRANSPOSED") for x, y in itertools.permutations(PRODUCTS, 2) if "@" in x + y),
    *((f"a, {x}", "TRANSPOSED", "TRANSPOSED") for x in ("a @ b", "b @ a")),
    *((f"a, {x}", "RATIO", "RATIO") for x in ("k * a", "a * k", "a / k", "a**k")),
    *((f"a, {x}", "DROPPED_FACTOR", "DOUBLED_FACTOR") for x in ("a * b", "b * a", "a / b")),
    *((f"a, {x}", "DROPPED_PATH", "LINE") for x in ("a + b", "b + a", "a - b", "b - a")),
)


class Reason(NamedTuple):
    """Why one line is wrong.

    Attributes:
        code: of the catalogue; "LINE" where the edit is of no kind that has a name.
        sentence: what the forward pass asks for there, or what is needed instead of what was written.
    """

    code: str
    sentence: str

    def to_dict(self) -> dict[str, str]:
        return self._asdict()


def reason(function: Function, new: Node, line: int, forward: Forward) -> Reason:
    """The reason for a change of one line of a function."""
    old, mended = _changed(function.tree, new, line)
    if old is None:
        missing = (
            say("`{0}` is missing there.", plain(mended)) if mended else say("The order of the lines is wrong there.")
        )
        return Reason("DROPPED_PATH" if mended else "LINE", _sentence(mended, "DROPPED_PATH", forward) or missing)
    if mended is None:
        return Reason("LINE", _sentence(old, "LINE", forward) or say("`{0}` has to go.", plain(old)))
    names = [target_name(t) for t in targets_of(old)]
    recomputed = any(n.lower() in forward.named for n in names) and not any(meant(n, forward.named) for n in names)
    code = "STALE_VALUE" if recomputed else code_of(old, mended)
    instead = say("`{0}` stands where `{1}` is needed.", *map(plain, smallest(old, mended)))
    return Reason(code, _sentence(old, code, forward) or instead)


def _changed(tree: Node, new: Node, line: int) -> tuple[Node, Node]:
    """The statement of a line before and after; None for one that was not there."""
    if isinstance(tree, ast.Lambda):
        return ast.Return(tree.body), ast.Return(new.body)
    before, after = ({ast.dump(s): s for _, s in statements(t)} for t in (tree, new))
    gone = [s for d, s in before.items() if d not in after and s.lineno == line]
    added = [s for d, s in after.items() if d not in before and line - (not gone) <= s.lineno <= line]
    return (gone[-1] if gone else None), (added[-1] if added else None)


def code_of(old: Node, new: Node) -> str:
    """The code of the catalogue for what stood there instead of what is right.

    >>> def of(old, new): return code_of(ast.parse(old).body[0], ast.parse(new).body[0])
    >>> of("d = 2 * e", "d = e"), of("d = e.sum()", "d = e.sum(axis=0)"), of("d = e", "d = e / N")
    ('FACTOR_2', 'SUM_AXIS', 'MEAN_N')
    >>> of("d = X @ e", "d = X.T @ e"), of("d = y - p", "d = p - y"), of("d = e", "d = e * (1 - h**2)")
    ('TRANSPOSED', 'SIGN', 'DROPPED_FACTOR')
    >>> of("d = p - y", "d = 2 / n * (p - y) * (p > 0)"), of("d = e * (X > 0)", "d = e * (f(X) + b > 0)")
    ('DROPPED_FACTOR', 'WRONG_OPERAND')
    >>> of("d = e", "d += e"), of("d = X * e", "d = h * e"), of("d = e", "d = e + f"), of("d = e[t]", "d = e[t + 1]")
    ('DROPPED_PATH', 'WRONG_OPERAND', 'DROPPED_PATH', 'WRONG_OPERAND')
    """
    if type(old) is not type(new):
        return "DROPPED_PATH" if isinstance(new, (ast.AugAssign, ast.Expr)) else "LINE"
    if isinstance(old, ast.AugAssign) and type(old.op) is not type(new.op):
        return "SIGN" if {type(old.op), type(new.op)} == {ast.Add, ast.Sub} else "LINE"
    a, b = smallest(old, new)
    if isinstance(a, ast.stmt):
        return "LINE"
    around = [n for n in ast.walk(old) if any(m is a for m in ast.walk(n))]
    if any(isinstance(n, ast.keyword) and n.arg in ("axis", "keepdims") for n in around):
        return "SUM_AXIS"
    if any(isinstance(n, ast.Subscript) and any(m is a for m in ast.walk(n.slice)) for n in around):
        return "WRONG_OPERAND"
    sums = [_summed(x) for x in (a, b)]
    if all(sums):
        return "SUM_AXIS" if a.func.attr == b.func.attr else "MEAN_N"
    if any(less is not None and same(less, x) for less, x in zip(sums, (b, a), strict=True)):
        return "SUM_AXIS"
    for text, less_written, more_written in CODES:
        for pair, code in (([a, b], less_written), ([b, a], more_written)):
            parts = form(text).match(ast.Tuple(pair, ast.Load()))
            if parts is not None:
                return _of_a_number(parts, pair[1]) or code
    return _replaced(a, b)


def _of_a_number(parts: dict[str, Node], more: Node) -> str:
    """The code if what is put in front or after is a 2 or a length."""
    k = parts.get("k", parts.get("b"))
    if not isinstance(more, ast.BinOp) or not isinstance(more.op, (ast.Mult, ast.Div)):
        return ""
    return "FACTOR_2" if getattr(k, "value", None) in (2, 0.5) else "MEAN_N" if k is not None and _is_size(k) else ""


def _replaced(a: Node, b: Node) -> str:
    """The code for one thing in the place of another."""
    if isinstance(a, ast.Constant) and isinstance(b, ast.Constant) and isinstance(a.value, (int, float)):
        return "FACTOR_2" if b.value in (a.value * 2, a.value / 2) else "RATIO"
    if _factor_of(b, a):
        return "DROPPED_FACTOR"
    operands = (ast.Name, ast.Attribute, ast.Subscript)
    return "WRONG_OPERAND" if isinstance(a, operands) and isinstance(b, (*operands, ast.BinOp, ast.Call)) else "LINE"


def _factor_of(x: Node, y: Node) -> bool:
    """Whether y stands among the factors of x."""
    if not isinstance(x, ast.BinOp) or not isinstance(x.op, (ast.Mult, ast.Div)):
        return False
    return any(same(part, y) or _factor_of(part, y) for part in (x.left, x.right))


def _summed(x: Node) -> Node:
    """What a sum is of: `a` in `a.sum(...)` and in `np.sum(a, ...)`; None for anything else."""
    if not isinstance(x, ast.Call) or not isinstance(x.func, ast.Attribute) or x.func.attr not in SUMS:
        return None
    module = isinstance(x.func.value, ast.Name) and x.func.value.id in ("np", "numpy")
    return x.args[0] if module and x.args else x.func.value


def _is_size(x: Node) -> bool:
    """Whether an expression is a length: `len(x)`, `x.shape[0]`, `x.size`, `N`."""
    if isinstance(x, ast.Name):
        return len(x.id) == 1 or x.id.lower().startswith(("n_", "num", "batch"))
    return "shape" in ast.dump(x) or (isinstance(x, ast.Attribute) and x.attr == "size") or "id='len'" in ast.dump(x)


# ------------------------------------------------------------------ the forward pass


def _sentence(stmt: Node, code: str, forward: Forward) -> str:
    """Where the loss uses what the line is the gradient of, and what that asks for."""
    names = [target_name(t) for t in targets_of(stmt)]
    wanted = next((m for n in names if (m := meant(n, forward.named))), "")
    same_name = next((n.lower() for n in names if n.lower() in forward.named), "")
    if not wanted and same_name:
        made = [(n, text) for n, text, stored, _ in _lines(forward) if same_name in stored]
        return say("The loss computes it in line {0}, `{1}`.", *made[0][:2]) if made else ""
    used = [(n, text, stored, loaded) for n, text, stored, loaded in _lines(forward) if wanted and wanted in loaded]
    if not used:
        return ""
    name = next(n for n in names if meant(n, forward.named))
    where = say(" and in ").join(say("line {0}, `{1}`", n, text) for n, text, *_ in used[:2])
    more = say(" and {0} more", len(used) - 2) if len(used) > 2 else ""
    message = say("The loss uses {0} in {1}{2}", used[0][3][wanted], where, more)
    if len(used) > 1:
        return say("{0}: {1} is the sum of what comes back from each.", message, name)
    stretched = _stretched(forward, wanted, used[0][2])
    if stretched and code == "SUM_AXIS":
        words = "{0}, where it is stretched along axis {1}: its gradient is the sum over that axis."
        return say(words, message, stretched)
    return say("{0}: {1} is what comes back from there.", message, name)


def _lines(forward: Forward) -> list[tuple[int, str, set[str], dict[str, str]]]:
    """(line, text, names stored, names loaded) of the statements in which the loss computes; names in lower case.

    A line that only returns names computes nothing. What was loaded is given as it was written, too.
    """
    found = []
    for f in (f for f in forward.world.functions if f.original in forward.ran):
        text = Text(f.lines)
        for stmt in [f.tree] if isinstance(f.tree, ast.Lambda) else [s for _, s in statements(f.tree)]:
            if isinstance(stmt, (ast.For, ast.While, ast.If, ast.With, ast.FunctionDef)):
                continue
            if isinstance(stmt, ast.Return) and all(isinstance(n, HANDED_ON) for n in ast.walk(stmt)):
                continue
            names = [n for n in ast.walk(stmt) if isinstance(n, ast.Name)]
            stored = {target_name(t).lower() for t in targets_of(stmt)}
            loaded = {n.id.lower(): n.id for n in names if isinstance(n.ctx, ast.Load)}
            found.append((stmt.lineno, text.of(stmt).partition("\n")[0], stored, loaded))
    return found


def _stretched(forward: Forward, name: str, stored: set[str]) -> str:
    """The axes along which a value is stretched in a line; "" if that is not seen."""
    whole = next((forward.named[s][0][0].shape for s in stored if s in forward.named), None)
    part: Any = forward.named[name][0][0].shape
    if whole is None or len(part) > len(whole):
        return ""
    padded = (1,) * (len(whole) - len(part)) + tuple(part)
    if any(m not in (1, n) for m, n in zip(padded, whole, strict=True)):
        return ""
    axes = [str(i) for i, (m, n) in enumerate(zip(padded, whole, strict=True)) if m == 1 and n > 1]
    return " and ".join(axes) if np.prod(whole) > np.prod(part) else ""
