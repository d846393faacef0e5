"""What each NumPy function hands back: from the gradient of a result, as text, to those of what it was made of.

In: an expression whose shapes were seen in a run, and the gradient of its value. Out: (name, index, text) for each name
in it that matters. The rules of functions entry by entry are read off the table of ops: `partials` runs on text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.export.functions import Functions, Part
from tinygrad_lite.export.gradients import Cotangent
from tinygrad_lite.export.seen import Shape
from tinygrad_lite.export.spelling import ATOM, POWER, PRODUCT, SIGN


class Adjoint(Functions):
    """The rules of signs, names and indices."""

    def of(self, s: Any, cotangent: Cotangent) -> list[Part]:
        """What the statement hands back to the names it reads."""
        out = s.target.id if isinstance(s.target, ast.Name) and s.kind == "assign" else ""
        return [*self._back(s.value, cotangent, out)]

    def _back(self, e: Any, c: Cotangent, out: str = "") -> Iterator[Part]:
        if not self.live(e):
            return
        if isinstance(e, ast.Name):
            if e.id in self.seen.lists:
                yield e.id, "", c.text
            else:
                shape = self.seen.shape(e)
                c = self.full(c, shape, e)
                yield e.id, "", c.text
        elif isinstance(e, ast.BinOp):
            yield from self._sign(e, type(e.op), e.left, e.right, c)
        elif isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            yield from self._back(e.operand, self.negative(c))
        elif isinstance(e, ast.UnaryOp):
            yield from self._back(e.operand, c)
        elif isinstance(e, ast.Subscript):
            yield from self._subscript(e, c)
        elif isinstance(e, ast.Attribute) and e.attr == "T":
            yield from self._back(
                e.value, Cotangent(f"{self.full(c, self.seen.shape(e)).inside(ATOM)}.T", self.seen.shape(e)[::-1])
            )
        elif isinstance(e, ast.IfExp):
            test = ast.unparse(e.test)
            yield from self._back(e.body, Cotangent(f"({c.text} if {test} else 0.0)", c.shape))
            yield from self._back(e.orelse, Cotangent(f"(0.0 if {test} else {c.text})", c.shape))
        elif isinstance(e, ast.List | ast.Tuple):
            for k, part in enumerate(e.elts):
                yield from self._back(part, Cotangent(f"{c.inside(ATOM)}[{k}]", self.seen.shape(part)))
        elif isinstance(e, ast.Call):
            yield from self._call(e, c, out)
        else:
            self._refuse(e)

    def _sign(self, e: Any, kind: Any, x: Any, y: Any, c: Cotangent) -> Iterator[Part]:
        out, p, q = self.seen.shape(e), self.seen.shape(x), self.seen.shape(y)
        if kind is ast.MatMult:
            yield from self._product(x, y, p, q, self.full(c, out), out)
            return
        for operand, shape, first in ((x, p, True), (y, q, False)):
            if not self.live(operand):
                continue
            if kind in (ast.Add, ast.Sub):
                g = c if first or kind is ast.Add else self.negative(c)
            elif kind is ast.Mult:
                other, of = (y, q) if first else (x, p)
                g = self.times(c, self.text(other, PRODUCT), of, PRODUCT)
            elif kind is ast.Div:
                g = (
                    self.times(c, self.text(y, SIGN), q, SIGN, "/")
                    if first
                    else self.times(
                        self.times(self.negative(c), self.text(x, PRODUCT), p, PRODUCT),
                        f"{self.text(y, ATOM)} ** 2",
                        q,
                        POWER,
                        "/",
                    )
                )
            elif kind is ast.Pow and first:
                g = self._power(x, y, p, c)
            elif kind is ast.Pow:
                g = self.times(self.times(c, f"({ast.unparse(e)})", out), f"np.log({self.text(x)})", p)
            else:
                self._refuse(e)
            yield from self._back(operand, self.fit(g, shape, out))

    def _power(self, x: Any, y: Any, shape: Shape, c: Cotangent) -> Cotangent:
        n: Any = y.value if isinstance(y, ast.Constant) else None
        base = self.text(x, ATOM)
        if n == 2:
            text = f"2 * {base}"
        elif n is not None:
            text = f"{n} * {base} ** {n - 1}"
        else:
            text = f"{self.text(y, ATOM)} * {base} ** ({ast.unparse(y)} - 1)"
        return self.times(c, text, shape, PRODUCT)

    def _product(self, x: Any, y: Any, p: Shape, q: Shape, c: Cotangent, out: Shape) -> Iterator[Part]:
        g, a, b = c.inside(PRODUCT + 1), self.text(x, ATOM), self.text(y, ATOM)
        if len(p) == 1 and len(q) == 1:
            left, right = Cotangent(f"{g} * {b}", q, PRODUCT), Cotangent(f"{g} * {a}", p, PRODUCT)
            if c.text == "1.0":
                left, right = Cotangent(b, q), Cotangent(a, p)
        elif len(q) == 1:
            left = Cotangent(
                f"np.outer({c.text}, {b})" if len(p) == 2 else f"{c.inside(ATOM)}[..., None] * {b}",
                p,
                ATOM if len(p) == 2 else PRODUCT,
            )
            right = (
                Cotangent(f"{_turned(a, p)} @ {g}", q, PRODUCT)
                if len(p) == 2
                else Cotangent(f"np.tensordot({c.text}, {a}, {len(out)})", q)
            )
        elif len(p) == 1:
            if len(q) > 2:
                self._refuse(ast.BinOp(x, ast.MatMult(), y))
            left, right = Cotangent(f"{b} @ {g}", p, PRODUCT), Cotangent(f"np.outer({a}, {c.text})", q)
        else:
            left = Cotangent(f"{g} @ {_turned(b, q)}", (*out[:-1], p[-1]), PRODUCT)
            right = Cotangent(f"{_turned(a, p)} @ {g}", (*out[:-2], q[-2], q[-1]), PRODUCT)
        if self.live(x):
            yield from self._back(x, self.fit(left, p, left.shape))
        if self.live(y):
            yield from self._back(y, self.fit(right, q, right.shape))

    def _subscript(self, e: ast.Subscript, c: Cotangent) -> Iterator[Part]:
        if not isinstance(e.value, ast.Name):
            if all(_inserts(p) for p in _parts(e)):
                yield from self._back(e.value, self.reshaped(c, e.value))
                return
            self._refuse(e)
        if all(_inserts(p) for p in _parts(e)) and c.shape == self.seen.shape(e):  # x[:, None]
            yield from self._back(e.value, self.reshaped(c, e.value))
            return
        self.seen.note_fancy(e)
        yield e.value.id, ", ".join(map(ast.unparse, _parts(e))), c.text  # type: ignore[attr-defined]


def _turned(text: str, shape: Shape) -> str:
    """A matrix, or many, transposed."""
    if len(shape) > 2:
        return f"np.swapaxes({text}, -1, -2)"
    return text.removesuffix(".T") if text.endswith(".T") and "(" not in text else f"{text}.T"


def _parts(e: ast.Subscript) -> list[Any]:
    return list(e.slice.elts) if isinstance(e.slice, ast.Tuple) else [e.slice]


def _inserts(p: Any) -> bool:
    """Whether a part of an index is `:` or None, which move nothing."""
    if isinstance(p, ast.Slice):
        return p.lower is p.upper is p.step is None
    return (isinstance(p, ast.Constant) and p.value in (None, ...)) or ast.unparse(p) == "np.newaxis"
