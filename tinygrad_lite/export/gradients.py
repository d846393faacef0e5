"""Gradients as text, and what is done with them: times a derivative, in the shape of an operand."""

from __future__ import annotations

import ast
import re
from typing import Any, NamedTuple

from tinygrad_lite.export.seen import Seen, Shape
from tinygrad_lite.export.spelling import ATOM, POWER, PRODUCT, SIGN, SUM


class Cotangent(NamedTuple):
    """A gradient as text; its shape may have 1 where that of its value is longer, if it is the same along there."""

    text: str
    shape: Shape
    rank: int = ATOM

    def inside(self, rank: int) -> str:
        return self.text if self.rank >= rank else f"({self.text})"


class Gradients:
    """Gradients in the forward pass whose shapes were seen.

    Attributes:
        active: the names that hold numbers made of the parameters.
    """

    def __init__(self, seen: Seen, active: set[str]) -> None:
        self.seen, self.active = seen, active

    def live(self, e: Any) -> bool:
        if isinstance(e, ast.Attribute) and e.attr in ("shape", "ndim", "size", "dtype"):
            return False
        if isinstance(e, ast.Compare) or (
            isinstance(e, ast.Call) and ast.unparse(e.func) in ("len", "range", "np.argmax")
        ):
            return False
        if isinstance(e, ast.Name):
            return e.id in self.active
        return any(self.live(child) for child in ast.iter_child_nodes(e))

    def text(self, e: Any, rank: int = ATOM) -> str:
        """The expression as an operand."""
        ranks: dict[Any, int] = {ast.Add: SUM, ast.Sub: SUM, ast.Pow: POWER}
        simple = isinstance(e, ast.Name | ast.Constant | ast.Call | ast.Subscript | ast.Attribute)
        mine = ATOM if simple else SIGN if isinstance(e, ast.UnaryOp) else 0
        if isinstance(e, ast.BinOp):
            mine = ranks.get(type(e.op), PRODUCT)
        return ast.unparse(e) if mine >= rank else f"({ast.unparse(e)})"

    def times(self, c: Cotangent, text: str, shape: Shape, rank: int = ATOM, sign: str = "*") -> Cotangent:
        """The gradient times (or over) something of that shape."""
        import numpy as np

        both = tuple(np.broadcast_shapes(c.shape, shape))
        inner = text if rank > PRODUCT or (rank == PRODUCT and sign == "*" and "@" not in text) else f"({text})"
        if c.text == "1.0" and sign == "*":
            return Cotangent(text, both, rank)
        if sign == "*" and (over := re.fullmatch(r"1(?:\.0)? / ([\w.\[\]]+|len\(\w+\))", c.text)):
            return Cotangent(f"{text if rank >= PRODUCT else f'({text})'} / {over[1]}", both, PRODUCT)
        return Cotangent(f"{c.inside(PRODUCT)} {sign} {inner}", both, PRODUCT)

    def negative(self, c: Cotangent) -> Cotangent:
        if c.rank == SIGN and c.text.startswith("-"):
            return Cotangent(c.text[1:], c.shape, ATOM)
        return Cotangent(f"-{c.inside(SIGN)}", c.shape, SIGN)

    def full(self, c: Cotangent, shape: Shape, e: Any = None) -> Cotangent:
        """With its whole shape, that of an expression."""
        return c if c.shape == shape else Cotangent(f"np.broadcast_to({c.text}, {self.dims(e, shape)})", shape)

    def dims(self, e: Any, shape: Shape) -> str:
        """The shape as text: that of a name in the expression, where one has it."""
        like = self._like(e, shape)
        return f"{like}.shape" if like else str(shape)

    def _like(self, e: Any, shape: Shape) -> str:
        """A name in the expression whose array has that shape."""
        for n in ast.walk(e) if e is not None else ():
            if isinstance(n, ast.Name) and hasattr(n, "seen") and shape and self.seen.shapes[n.seen] == {shape}:
                return n.id
        return ""

    def reshaped(self, c: Cotangent, e: Any) -> Cotangent:
        """In the shape of the expression."""
        shape = self.seen.shape(e)
        inside = self.dims(e, shape).strip("()").rstrip(",") or "()"
        return Cotangent(f"{c.inside(ATOM)}.reshape({inside})", shape)

    def fit(self, c: Cotangent, shape: Shape, out: Shape) -> Cotangent:
        """The gradient of an operand of this shape, from that of a result to whose shape it was broadcast."""
        if (
            len(shape) == len(out) == len(c.shape)
            and all(a in (b, 1) for a, b in zip(c.shape, shape, strict=True))
            and shape == out
        ):
            return c
        have = (1,) * (len(out) - len(c.shape)) + c.shape
        want = (1,) * (len(out) - len(shape)) + shape
        lead: list[int] = []
        kept: list[int] = []
        factor = 1
        for axis, (h, w, o) in enumerate(zip(have, want, out, strict=True)):
            if w == o:
                continue
            if h == o:
                (lead if axis < len(out) - len(shape) else kept).append(axis)
            else:
                factor *= o
        offset = len(out) - len(c.shape)
        if factor > 1:
            c = self.times(c, str(factor), ())
        if kept:
            axes = [a - offset for a in kept]
            c = Cotangent(
                f"np.sum({c.text}, axis={axes[0] if len(axes) == 1 else tuple(axes)}, keepdims=True)",
                tuple(1 if a in axes else n for a, n in enumerate(c.shape)),
            )
        gone = [a - offset for a in lead]
        if gone:
            left = tuple(n for a, n in enumerate(c.shape) if a not in gone)
            where = "" if not left else f", axis={gone[0] if len(gone) == 1 else tuple(gone)}"
            c = Cotangent(f"np.sum({c.text}{where})", left)
        if len(c.shape) > len(shape):
            c = Cotangent(f"{c.inside(ATOM)}.reshape({', '.join(map(str, shape)) or '()'})", shape)
        return c
