"""Why a line is wrong: a code read off the edit, and a sentence from the forward pass that the line belongs to."""

from __future__ import annotations

import ast
from typing import Any

from tinygrad_lite.checking.lines.functions import Function, Node
from tinygrad_lite.checking.lines.loss import Forward, meant
from tinygrad_lite.checking.lines.slots import statements, target_name, targets_of
from tinygrad_lite.checking.lines.text import smallest
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.report.language import say

SUMS = {"sum", "mean", "max", "min"}


class Reason:
    """Why one line is wrong.

    Attributes:
        code: of the catalogue; "LINE" where the edit is of no kind that has a name.
        sentence: what the forward pass asks for there; "" where the line belongs to nothing that the loss names.
    """

    __slots__ = ("code", "sentence")

    def __init__(self, code: str, sentence: str) -> None:
        self.code, self.sentence = code, sentence

    def to_dict(self) -> dict[str, str]:
        return {"code": self.code, "sentence": self.sentence}


def reason(function: Function, new: Node, line: int, forward: Forward) -> Reason:
    """The reason for a change of one line of a function."""
    old, mended = _changed(function.tree, new, line)
    if old is None or mended is None:
        return Reason("DROPPED_PATH" if old is None else "LINE", _sentence(mended or old, "DROPPED_PATH", forward))
    names = [target_name(t) for t in targets_of(old)]
    recomputed = any(n.lower() in forward.named for n in names) and not any(meant(n, forward.named) for n in names)
    code = "STALE_VALUE" if recomputed else code_of(old, mended)
    return Reason(code, _sentence(old, code, forward))


def _changed(tree: Node, new: Node, line: int) -> tuple[Node, Node]:
    """The statement of a line before and after; None for one that was not there."""
    if isinstance(tree, ast.Lambda):
        return ast.Return(tree.body), ast.Return(new.body)
    before = {ast.dump(s): s for _, s in statements(tree)}
    after = {ast.dump(s): s for _, s in statements(new)}
    gone = [s for d, s in before.items() if d not in after and s.lineno == line]
    made = [s for d, s in after.items() if d not in before and s.lineno == line]
    if not gone and made:
        return None, made[-1]
    return (gone[-1] if gone else None), (made[-1] if made else None)


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
    for x, y in ((a, b), (b, a)):  # y says less than x
        if isinstance(x, ast.UnaryOp) and _same(x.operand, y):
            return "SIGN"
        if isinstance(x, ast.Attribute) and x.attr == "T" and _same(x.value, y):
            return "TRANSPOSED"
        if isinstance(x, ast.Call) and _reduces(x) and _same(_summed(x), y):
            return "SUM_AXIS"
        found = _in_front(x, y)
        if found:
            return found if x is b or found not in ("DROPPED_FACTOR", "DROPPED_PATH") else _too_many(found)
    return _replaced(a, b)


def _too_many(code: str) -> str:
    return "DOUBLED_FACTOR" if code == "DROPPED_FACTOR" else "LINE"


def _in_front(x: Node, y: Node) -> str:
    """The code if x is y with a factor, a divisor or a term."""
    if not isinstance(x, ast.BinOp):
        return ""
    rest = x.right if _same(x.left, y) else x.left if _same(x.right, y) and not isinstance(x.op, ast.Div) else None
    if rest is None:
        return ""
    if isinstance(x.op, (ast.Add, ast.Sub)):
        return "DROPPED_PATH"
    if isinstance(x.op, (ast.Mult, ast.Div, ast.Pow)):
        if isinstance(rest, ast.Constant):
            return "FACTOR_2" if rest.value in (2, 0.5, 2.0) and not isinstance(x.op, ast.Pow) else "RATIO"
        return "MEAN_N" if _is_size(rest) else "DROPPED_FACTOR" if isinstance(x.op, (ast.Mult, ast.Div)) else "LINE"
    return "TRANSPOSED" if isinstance(x.op, ast.MatMult) else ""


def _replaced(a: Node, b: Node) -> str:
    """The code for one thing in the place of another."""
    if isinstance(a, ast.Constant) and isinstance(b, ast.Constant) and isinstance(a.value, (int, float)):
        return "SIGN" if b.value == -a.value else "FACTOR_2" if b.value in (a.value * 2, a.value / 2) else "RATIO"
    if isinstance(a, ast.BinOp) and isinstance(b, ast.BinOp):
        ops = {type(a.op), type(b.op)}
        swapped = _same(a.left, b.right) and _same(a.right, b.left)
        if swapped or ops == {ast.Add, ast.Sub}:
            return "SIGN" if ops <= {ast.Add, ast.Sub} else "TRANSPOSED" if ops == {ast.MatMult} else "LINE"
        bare = [[_untransposed(x) for x in (n.left, n.right)] for n in (a, b)]
        if ast.MatMult in ops and sorted(map(ast.dump, bare[0])) == sorted(map(ast.dump, bare[1])):
            return "TRANSPOSED"
    if isinstance(a, ast.Call) and isinstance(b, ast.Call) and _reduces(a) and _reduces(b):
        return "SUM_AXIS" if a.func.attr == b.func.attr else "MEAN_N"  # type: ignore[attr-defined]
    if _factor_of(b, a):
        return "DROPPED_FACTOR"
    operands = (ast.Name, ast.Attribute, ast.Subscript)
    return "WRONG_OPERAND" if isinstance(a, operands) and isinstance(b, (*operands, ast.BinOp, ast.Call)) else "LINE"


def _factor_of(x: Node, y: Node) -> bool:
    """Whether y stands among the factors of x."""
    if not isinstance(x, ast.BinOp) or not isinstance(x.op, (ast.Mult, ast.Div)):
        return False
    return any(_same(part, y) or _factor_of(part, y) for part in (x.left, x.right))


def _same(a: Node, b: Node) -> bool:
    return ast.dump(a) == ast.dump(b)


def _untransposed(x: Node) -> Node:
    return x.value if isinstance(x, ast.Attribute) and x.attr == "T" else x


def _reduces(x: Node) -> bool:
    return isinstance(x.func, ast.Attribute) and x.func.attr in SUMS


def _summed(x: Node) -> Node:
    """What a sum is of: `a` in `a.sum(...)` and in `np.sum(a, ...)`."""
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
    plain = next((n.lower() for n in names if n.lower() in forward.named), "")
    if not wanted and plain:
        made = [(n, text) for n, text, stored, _ in _lines(forward) if plain in stored]
        return say("The loss computes it in line {0}, `{1}`.", *made[0][:2]) if made else ""
    used = [(n, text, stored) for n, text, stored, loaded in _lines(forward) if wanted and wanted in loaded]
    if not used:
        return ""
    name = next(n for n in names if meant(n, forward.named))
    where = say(" and in ").join(say("line {0}, `{1}`", n, text) for n, text, _ in used[:2])
    more = say(" and {0} more", len(used) - 2) if len(used) > 2 else ""
    said = say("The loss uses {0} in {1}{2}", wanted, where, more)
    if len(used) > 1:
        return say("{0}: {1} is the sum of what comes back from each.", said, name)
    stretched = _stretched(forward, wanted, used[0][2])
    if stretched and code == "SUM_AXIS":
        words = "{0}, where it is stretched along axis {1}: its gradient is the sum over that axis."
        return say(words, said, stretched)
    return say("{0}: {1} is what comes back from there.", said, name)


def _lines(forward: Forward) -> list[tuple[int, str, set[str], set[str]]]:
    """(line, text, names stored, names loaded) of the loss's statements, names in lower case."""
    found = []
    for f in (f for f in forward.world.functions if f.original in forward.ran):
        rows = (
            [(f.tree.lineno, f.tree)]
            if isinstance(f.tree, ast.Lambda)
            else [(s.lineno, s) for _, s in statements(f.tree)]
        )
        for number, stmt in rows:
            if isinstance(stmt, (ast.For, ast.While, ast.If, ast.With, ast.FunctionDef)):
                continue
            names = [n for n in ast.walk(stmt) if isinstance(n, ast.Name)]
            stored = {target_name(t).lower() for t in targets_of(stmt)}
            loaded = {n.id.lower() for n in names if isinstance(n.ctx, ast.Load)}
            found.append((number, f.lines[number - 1].strip(), stored, loaded))
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
