"""What NumPy's functions hand back. Those that go entry by entry are read off the table: `partials` runs on text."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.gradients import Cotangent, Gradients
from tinygrad_lite.export.seen import Shape
from tinygrad_lite.export.spelling import ATOM, PRODUCT, SUM, Term
from tinygrad_lite.export.symbols import Symbol, rules

Part = tuple[str, str, str]


_SIGNS = {
    "add": ast.Add,
    "subtract": ast.Sub,
    "multiply": ast.Mult,
    "divide": ast.Div,
    "matmul": ast.MatMult,
    "power": ast.Pow,
}
_SAME = ("array", "asarray", "float64", "copy", "ascontiguousarray", "astype", "atleast_1d", "nan_to_num", "float")
_SHAPED = ("reshape", "ravel", "flatten", "squeeze", "expand_dims", "atleast_2d")


class Functions(Gradients):
    """The rules of calls; the rest of the walk is in adjoint.py."""

    def _back(self, e: Any, c: Cotangent, out: str = "") -> Iterator[Part]:
        raise NotImplementedError

    def _sign(self, e: Any, kind: Any, x: Any, y: Any, c: Cotangent) -> Iterator[Part]:
        raise NotImplementedError

    def _refuse(self, e: Any) -> None:
        raise OperandError(
            f"backward_source has no rule for {ast.unparse(e):.70}{user_line()}.\n  Write it in operators and NumPy's "
            "functions of whole arrays."
        )

    def _call(self, e: ast.Call, c: Cotangent, out: str) -> Iterator[Part]:
        name = e.func.attr if isinstance(e.func, ast.Attribute) else ast.unparse(e.func)
        library = isinstance(e.func, ast.Attribute) and ast.unparse(e.func.value) in (
            "np",
            "numpy",
            "np.linalg",
            "numpy.linalg",
        )
        method = isinstance(e.func, ast.Attribute) and not library
        args = [e.func.value, *e.args] if method else list(e.args)  # type: ignore[attr-defined]
        options = {k.arg: k.value for k in e.keywords}
        written = out or (ast.unparse(e))
        shape = self.seen.shape(e)
        if name in _SAME:
            yield from self._back(args[0], c)
        elif name in _SIGNS:
            yield from self._sign(e, _SIGNS[name], args[0], args[1], c)
        elif name == "dot":
            yield from self._sign(
                e, ast.MatMult if shape or len(self.seen.shape(args[0])) else ast.Mult, args[0], args[1], c
            )
        elif name == "negative":
            yield from self._back(args[0], self.negative(c))
        elif name in ("sum", "mean", "max", "min", "amax", "amin", "prod", "var", "std", "norm") and not (
            name in ("max", "min", "sum") and not library and not method and not self._summed(e, args)
        ):
            yield from self._reduced(e, name, args, options, c, written)
        elif name in ("maximum", "minimum"):
            sign = ">" if name == "maximum" else "<"
            for x, y in ((args[0], args[1]), (args[1], args[0])):
                both = self.text(x, SUM), self.text(y, SUM)
                g = self.times(c, f"{both[0]} {sign} {both[1]}", shape, 0)
                yield from self._back(x, self.fit(g, self.seen.shape(x), shape))
        elif name == "clip":
            low, high = (self.text(a, SUM) for a in args[1:3])
            mine = self.text(args[0], SUM)
            yield from self._back(args[0], self.times(c, f"({mine} > {low}) & ({mine} < {high})", shape, 0))
        elif name == "where":
            test = ast.unparse(args[0])
            for operand, choice in ((args[1], f"{c.text}, 0.0"), (args[2], f"0.0, {c.text}")):
                g = Cotangent(f"np.where({test}, {choice})", shape)
                yield from self._back(operand, self.fit(g, self.seen.shape(operand), shape))
        elif name in ("transpose", "swapaxes"):
            yield from self._turned(args, options, name, c, shape)
        elif name in _SHAPED:
            yield from self._back(args[0], self.reshaped(self.full(c, shape), args[0]))
        elif name == "broadcast_to":
            yield from self._back(args[0], self.fit(c, self.seen.shape(args[0]), shape))
        elif name in ("concatenate", "hstack", "vstack", "stack", "column_stack"):
            yield from self._joined(args, options, name, c, shape)
        elif name == "split":
            axis = ast.unparse(options.get("axis", args[2] if len(args) > 2 else ast.Constant(0)))
            yield from self._back(
                args[0], Cotangent(f"np.concatenate({c.text}, axis={axis})", self.seen.shape(args[0]))
            )
        elif name == "einsum":
            yield from self._einsum(args, c, shape)
        elif name == "outer":
            text = self.full(c, shape).inside(PRODUCT + 1)
            yield from self._back(
                args[0], Cotangent(f"{text} @ {self.text(args[1])}", self.seen.shape(args[0]), PRODUCT)
            )
            yield from self._back(
                args[1], Cotangent(f"{self.text(args[0])} @ {text}", self.seen.shape(args[1]), PRODUCT)
            )
        elif name == "cumsum":
            axis = ast.unparse(options.get("axis", args[1] if len(args) > 1 else ast.Constant(0)))
            text = f"np.flip(np.cumsum(np.flip({self.full(c, shape).text}, {axis}), {axis}), {axis})"
            yield from self._back(args[0], Cotangent(text, shape))
        elif name == "roll":
            given = options.get("axis", args[2] if len(args) > 2 else None)
            where = f", axis={ast.unparse(given)}" if given is not None else ""
            yield from self._back(
                args[0], Cotangent(f"np.roll({self.full(c, shape).text}, -({ast.unparse(args[1])}){where})", shape)
            )
        elif name == "pad":
            before = self.seen.shape(args[0])
            import numpy as np

            widths = np.broadcast_to(ast.literal_eval(args[1]), (len(before), 2)).tolist()
            index = ", ".join(f"{a}:{a + n}" for (a, _), n in zip(widths, before, strict=True))
            yield from self._back(args[0], Cotangent(f"{self.full(c, shape).inside(ATOM)}[{index}]", before))
        elif name == "sum":
            yield from self._back(args[0], Cotangent(f"[{c.text}] * len({ast.unparse(args[0])})", ()))
        else:
            yield from self._entrywise(e, name, args, c, shape, written)

    def _summed(self, e: ast.Call, args: Sequence[Any]) -> bool:
        """Whether Python's own sum is given an array."""
        return not (isinstance(args[0], ast.Name) and args[0].id in self.seen.lists)

    def _entrywise(
        self, e: ast.Call, name: str, args: Sequence[Any], c: Cotangent, shape: Shape, out: str
    ) -> Iterator[Part]:
        """By the rule of the table."""
        op = rules().get(name)
        if op is None or len(args) != op.arity:
            self._refuse(e)
            return
        xs = [Symbol(Term(self.text(a, ATOM))) for a in args]
        if op.name == "abs":
            found: Any = (Symbol(Term(f"np.sign({ast.unparse(args[0])})")),)
        else:
            try:
                found = op.display_derivatives(*xs, Symbol(Term(out)))
            except TypeError:
                self._refuse(e)
        for a, slope in zip(args, found, strict=True):
            if self.live(a):
                term = slope.term if isinstance(slope, Symbol) else Term(repr(float(slope)))
                yield from self._back(
                    a, self.fit(self.times(c, term.text, shape, term.rank), self.seen.shape(a), shape)
                )

    def _reduced(
        self, e: Any, name: str, args: Sequence[Any], options: dict[Any, Any], c: Cotangent, out: str
    ) -> Iterator[Part]:
        x, before = args[0], self.seen.shape(args[0])
        given = options.get("axis", args[1] if len(args) > 1 and name != "norm" else None)
        axis = None if given is None else ast.literal_eval(given)
        axes = (
            range(len(before))
            if axis is None
            else [a % len(before) for a in (axis if isinstance(axis, tuple) else (axis,))]
        )
        keep = bool(ast.literal_eval(options["keepdims"])) if "keepdims" in options else False
        n = 1
        for a in axes:
            n *= before[a]
        wide = tuple(1 if a in axes else m for a, m in enumerate(before))
        mine = out

        def widened(text: str, shape: Shape) -> str:
            if keep or axis is None or not shape or [*axes] == [*range(len(axes))]:
                return text
            if [*axes] == [len(before) - 1]:
                return f"{text}[..., None]"
            return f"np.expand_dims({text}, {axis})"

        g = Cotangent(
            widened(c.inside(ATOM) if c.shape else c.text, c.shape),
            wide if c.shape else (),
            c.rank if axis is None or not c.shape else ATOM,
        )
        base, result = self.text(x, ATOM), widened(mine, self.seen.shape(e))
        if name == "sum":
            pass
        elif name == "mean":
            g = Cotangent(f"{g.inside(PRODUCT)} / {self._count(x, axis, n)}", g.shape, PRODUCT)
        elif name in ("max", "min", "amax", "amin"):
            g = self.times(g, f"{base} == {result}", before, 0)
        elif name == "prod":
            g = self.times(self.times(g, result, wide), base, before, ATOM, "/")
        elif name == "norm":
            g = self.times(self.times(g, base, before), result, wide, ATOM, "/")
        else:
            where = "" if axis is None else f", axis={axis}, keepdims=True"
            g = self.times(g, f"({base} - np.mean({ast.unparse(x)}{where}))", before)
            if name == "var":
                g = (
                    self.times(g, f"2 / {self._count(x, axis, n)}", (), PRODUCT)
                    if c.text == "1.0"
                    else Cotangent(f"2 * {g.inside(PRODUCT)} / {self._count(x, axis, n)}", before, PRODUCT)
                )
            else:
                g = self.times(g, f"{self._count(x, axis, n)} * {result}", wide, PRODUCT, "/")
        yield from self._back(x, g)

    def _count(self, x: Any, axis: Any, n: int) -> str:
        """How many numbers a mean is taken of."""
        like = self._like(x, self.seen.shape(x))
        if not like:
            return str(n)
        return f"{like}.size" if axis is None else f"{like}.shape[{axis}]" if isinstance(axis, int) else str(n)

    def _turned(
        self, args: Sequence[Any], options: dict[Any, Any], name: str, c: Cotangent, shape: Shape
    ) -> Iterator[Part]:
        import numpy as np

        g = self.full(c, shape)
        before = self.seen.shape(args[0])
        if name == "swapaxes":
            a, b = (ast.unparse(k) for k in args[1:3])
            yield from self._back(args[0], Cotangent(f"np.swapaxes({g.text}, {a}, {b})", before))
            return
        given = options.get(
            "axes", args[1] if len(args) == 2 else ast.Tuple(list(args[1:]), ast.Load()) if len(args) > 2 else None
        )
        if given is None:
            yield from self._back(args[0], Cotangent(f"{g.inside(ATOM)}.T", before))
            return
        order = tuple(int(k) for k in np.argsort(ast.literal_eval(given)))
        yield from self._back(args[0], Cotangent(f"np.transpose({g.text}, {order})", before))

    def _joined(
        self, args: Sequence[Any], options: dict[Any, Any], name: str, c: Cotangent, shape: Shape
    ) -> Iterator[Part]:
        g = self.full(c, shape).inside(ATOM)
        given = options.get("axis", args[1] if len(args) > 1 else ast.Constant(0))
        axis = ast.literal_eval(given) % len(shape)
        axis = {"hstack": min(1, len(shape) - 1), "vstack": 0, "column_stack": 1}.get(name, axis)
        parts = args[0]
        front = ":, " * axis
        if isinstance(parts, ast.Name):
            if name == "stack":
                text = f"list({g})" if axis == 0 else f"list(np.moveaxis({g}, {axis}, 0))"
            else:
                text = f"np.split({g}, np.cumsum([v.shape[{axis}] for v in {parts.id}])[:-1], axis={axis})"
            yield from self._back(parts, Cotangent(text, ()))
            return
        at = 0
        for k, part in enumerate(parts.elts):
            inner = self.seen.shape(part)
            if name == "stack" or (name == "column_stack" and len(inner) == 1):
                yield from self._back(part, Cotangent(f"{g}[{front}{k}]", inner))
                continue
            n = inner[axis] if axis < len(inner) else 1
            text = f"{g}[{front}{at}:{at + n}]"
            yield from self._back(part, Cotangent(text, inner))
            at += n

    def _einsum(self, args: Sequence[Any], c: Cotangent, shape: Shape) -> Iterator[Part]:
        spec = ast.literal_eval(args[0]).replace(" ", "")
        left, _, out = spec.partition("->")
        names = left.split(",")
        for k, operand in enumerate(args[1:]):
            if not self.live(operand):
                continue
            rest = [(n, ast.unparse(a)) for i, (n, a) in enumerate(zip(names, args[1:], strict=True)) if i != k]
            known = {*out, *"".join(n for n, _ in rest)}
            alone = [n for n in names[k] if n not in known]  # summed over here alone
            ones = [f"np.ones({self.seen.shape(operand)[names[k].index(n)]})" for n in alone]
            rest += zip(alone, ones, strict=True)
            inner = ",".join([out, *(n for n, _ in rest)]) + "->" + names[k]
            text = f'np.einsum("{inner}", {", ".join([self.full(c, shape).text, *(t for _, t in rest)])})'
            yield from self._back(operand, Cotangent(text, self.seen.shape(operand)))
