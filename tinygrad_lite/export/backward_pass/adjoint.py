"""The walk through one expression backward: from the gradient of its value to those of the names in it.

In: an expression whose shapes were seen in a run, and the gradient of its value as text. Out: (name, index, text) for
each name in it that matters. The rules are those of rules.py; what shape a gradient has is seen by running its template
on zeros of the operands' shapes.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.errors import OperandError, user_line
from tinygrad_lite.export.backward_pass import rules
from tinygrad_lite.export.backward_pass.observed import Observed, Shape, live_names
from tinygrad_lite.export.expression import Term, put

Part = tuple[str, str, str]


class Adjoint:
    """Gradients in the forward pass whose shapes were seen."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed

    def of(self, s: Any, g: Term) -> list[Part]:
        """What the statement hands back to the names it reads."""
        out = s.target.id if isinstance(s.target, ast.Name) and s.kind == "assign" else ""
        return [*self._back(s.value, g, out)]

    def _live(self, e: Any) -> bool:
        return any(name in self.observed.active for name in live_names(e))

    def _back(self, e: Any, g: Term, out: str = "") -> Iterator[Part]:
        if not self._live(e):
            return
        if isinstance(e, ast.Name):
            yield e.id, "", g.text if e.id in self.observed.lists else self._full(g, e).text
        elif isinstance(e, ast.Subscript):
            if rules.inserts(e) and (
                not isinstance(e.value, ast.Name) or g.axes == self.observed.shape(e)
            ):  # x[:, None]
                yield from self._back(e.value, self._reshaped(g, e.value))
            elif isinstance(e.value, ast.Name):
                yield e.value.id, self.observed.index(e), g.text
            else:
                self._refuse(e)
        elif isinstance(e, ast.List | ast.Tuple):
            for k, part in enumerate(e.elts):
                yield from self._back(part, Term(put(f"g[{k}]", g=g.text), self.observed.shape(part)))
        else:
            yield from self._function(e, g, out or ast.unparse(e))

    def _function(self, e: Any, g: Term, out: str) -> Iterator[Part]:
        name, operands, options = rules.called(e)
        shapes = [self.observed.shape(x) for x in operands]
        shape = self.observed.shape(e)
        if name == "dot":
            name = "matmul" if shapes[0] else "multiply"
        listed = bool(operands) and isinstance(operands[0], ast.Name) and operands[0].id in self.observed.lists
        library = not isinstance(e, ast.Call) or isinstance(e.func, ast.Attribute)
        if name in rules.JOINING:
            yield from self._joined(name, operands, options, g, shape)
        elif name == "einsum":
            yield from self._einsum(operands, g, shape)
        elif name == "sum" and listed and not library:
            yield from self._back(operands[0], Term(f"[{g.text}] * len({ast.unparse(operands[0])})"))
        elif name in rules.REDUCED:
            yield from self._reduced(e, name, operands, options, g, out)
        elif name in rules.RESHAPING:
            yield from self._back(operands[0], self._reshaped(self._full(g, e), operands[0]))
        else:
            templates = self._templates(e, name, operands, shapes)
            place = {"split": 2, "roll": 2, "cumsum": 1}.get(name, len(operands))
            axis = [options["axis"]] if "axis" in options else operands[place : place + 1]
            extra = {"axis": ast.unparse(axis[0]) if axis else None, "rank": str(len(shape)), "out": out}
            if name == "transpose" and (order := options.get("axes", operands[1:])):
                operands, axes = operands[:1], order if isinstance(order, ast.AST) else _one(order)
                templates, extra["axes"] = ("np.transpose(G, np.argsort(axes))",), ast.unparse(axes)
            for x, before, template in zip(operands, shapes, templates, strict=False):
                if template and self._live(x):
                    made = self._made(template, g, e, operands, **extra)
                    spread = name == "matmul" or ("G" not in template and shape[:1] != ("list",))
                    yield from self._back(x, self._fit(made, before, shape) if spread else made)

    def _templates(self, e: Any, name: str, operands: Sequence[Any], shapes: Sequence[Shape]) -> tuple[str, ...]:
        if name == "matmul":
            ranks = len(shapes[0]), len(shapes[1])
            return rules.PRODUCTS.get(ranks) or (rules.MANY_ROWS if ranks[1] == 1 else rules.MATRICES)
        if name == "pad":
            import numpy as np

            widths = np.broadcast_to(ast.literal_eval(operands[1]), (len(shapes[0]), 2)).tolist()
            return (f"G[{', '.join(f'{a}:{a + n}' for (a, _), n in zip(widths, shapes[0], strict=True))}]",)
        alone = not all(map(self._live, operands)) and rules.CORNERS.get(name)
        found = alone or rules.RULES.get(name) or rules.of_the_table(name)
        if not found:
            self._refuse(e)
        return found

    def _refuse(self, e: Any) -> None:
        raise OperandError(
            f"backward_source has no rule for {ast.unparse(e):.70}{user_line()}.\n  Write it in operators and NumPy's "
            "functions of whole arrays."
        )

    # ------------------------------------------------------------------ templates

    def _made(self, template: str, g: Term, e: Any, operands: Sequence[Any], **extra: str | None) -> Term:
        """The template with its parts, and the shape that it has."""
        import numpy as np

        parts: dict[str, str | None] = {"g": g.text, **extra}
        whole = self.observed.shape(e)
        known: dict[str, Any] = {"np": np}
        known |= {k: None if text is None else _number(text) for k, text in extra.items() if k != "out"}
        if whole[:1] == ("list",):
            return Term(put(template, **parts), self.observed.shape(operands[0]))
        known["g"], known["out"] = np.zeros(g.axes), np.zeros(whole)
        if "G" in template:
            parts["G"], known["G"] = self._full(g, e).text, np.zeros(whole)
        for letter, x in zip("xyz", operands, strict=False):
            shape, text = self.observed.shape(x), ast.unparse(x)
            parts[letter], known[letter] = text, _number(text, shape)
            parts[f"{letter}T"] = put("x.T" if len(shape) < 3 else "np.swapaxes(x, -1, -2)", x=text)
            known[f"{letter}T"] = np.swapaxes(known[letter], -1, -2) if len(shape) > 1 else known[letter]
        with np.errstate(all="ignore"):
            shape = np.shape(eval(template, known))
        return Term(put(template, **parts), shape)

    def _full(self, g: Term, e: Any) -> Term:
        """With the whole shape of the expression."""
        shape = self.observed.shape(e)
        return g if g.axes == shape else Term(f"np.broadcast_to({g.text}, {self._dims(e, shape)})", shape)

    def _dims(self, e: Any, shape: Shape) -> str:
        """The shape as text: that of a name in the expression, where one has it."""
        like = self._like(e, shape)
        return f"{like}.shape" if like else str(shape)

    def _like(self, e: Any, shape: Shape) -> str:
        """A name in the expression whose array has that shape."""
        names = (n for n in ast.walk(e) if isinstance(n, ast.Name) and hasattr(n, "seen"))
        return next((n.id for n in names if shape and self.observed.shapes[n.seen] == {shape}), "")

    def _reshaped(self, g: Term, e: Any) -> Term:
        """In the shape of the expression."""
        shape = self.observed.shape(e)
        return g if g.axes == shape else Term(put(f"g.reshape({self._dims(e, shape)})", g=g.text), shape)

    def _fit(self, g: Term, shape: Shape, out: Shape) -> Term:
        """The gradient of an operand of this shape, from that of a result to whose shape it was broadcast."""
        lead, missing = len(out) - len(shape), len(out) - len(g.axes)
        if lead < 0 or missing < 0:
            return g
        have, want = (1,) * missing + g.axes, (1,) * lead + shape
        spread = [k for k in range(len(out)) if want[k] != out[k]]
        factor = math.prod(out[k] for k in spread if have[k] == 1)
        if factor > 1:
            g = Term(put("g * n", g=g.text, n=str(factor)), g.axes)
        gone = [k - missing for k in spread if have[k] == out[k]]
        if gone:
            keep = any(k + missing >= lead for k in gone)
            axis = None if len(gone) == len(g.axes) and not keep else str(gone[0] if len(gone) == 1 else tuple(gone))
            text = put("np.sum(g, axis=axis, keepdims=keep)", g=g.text, axis=axis, keep="True" if keep else None)
            left = [1 if k in gone else n for k, n in enumerate(g.axes) if keep or k not in gone]
            g = Term(text, tuple(left))
        if len(g.axes) > len(shape):
            g = Term(put(f"g.reshape({shape})", g=g.text), shape)
        return g

    # ------------------------------------------------------------------ rules of their own

    def _reduced(
        self, e: Any, name: str, operands: Sequence[Any], options: dict[Any, Any], g: Term, out: str
    ) -> Iterator[Part]:
        x, before, shape = operands[0], self.observed.shape(operands[0]), self.observed.shape(e)
        given = options.get("axis", operands[1] if len(operands) > 1 and name != "norm" else ast.Constant(None))
        axis = ast.literal_eval(given)
        axes = sorted(k % len(before) for k in (range(len(before)) if axis is None else _several(axis)))
        keep = "keepdims" in options and bool(ast.literal_eval(options["keepdims"]))

        def widened(term: Term) -> Term:
            if keep or axis is None or not term.axes or axes == [*range(len(axes))]:
                return term
            last = axes == [len(before) - 1]
            text = put("g[..., None]" if last else f"np.expand_dims(g, {axis})", g=term.text)
            return Term(text, tuple(1 if k in axes else n for k, n in enumerate(before)))

        like = self._like(x, before)
        n = math.prod(before[k] for k in axes)
        count = str(n)
        if like and not isinstance(axis, tuple):
            count = f"{like}.size" if axis is None else f"{like}.shape[{axis}]"
        wide = widened(g if len(axes) == len(before) or not g.axes else self._full(g, e))
        parts = {"axis": None if axis is None else str(axis), "keep": None if axis is None else "True"}
        made = put(
            rules.REDUCED[name],
            **{"g": wide.text, "x": ast.unparse(x), "out": widened(Term(out, shape)).text, "n": count, **parts},
        )
        yield from self._back(x, Term(made, wide.axes if name in ("sum", "mean") else before))

    def _joined(
        self, name: str, operands: Sequence[Any], options: dict[Any, Any], g: Term, shape: Shape
    ) -> Iterator[Part]:
        text = g.text if g.axes == shape else f"np.broadcast_to({g.text}, {shape})"
        given = options.get("axis", operands[1] if len(operands) > 1 else ast.Constant(0))
        axis = {"hstack": min(1, len(shape) - 1), "vstack": 0, "column_stack": 1}.get(
            name, ast.literal_eval(given) % len(shape)
        )
        parts, at = operands[0], 0
        if isinstance(parts, ast.Name):
            rows = "list(g)" if axis == 0 else f"list(np.moveaxis(g, {axis}, 0))"
            split = f"np.split(g, np.cumsum([v.shape[{axis}] for v in {parts.id}])[:-1], axis={axis})"
            yield from self._back(parts, Term(put(rows if name == "stack" else split, g=text)))
            return
        for k, part in enumerate(parts.elts):
            inner = self.observed.shape(part)
            single = name == "stack" or (name == "column_stack" and len(inner) == 1)
            n = inner[axis] if axis < len(inner) else 1
            index = str(k) if single else f"{at}:{at + n}"
            yield from self._back(part, Term(put(f"g[{':, ' * axis}{index}]", g=text), inner))
            at += n

    def _einsum(self, operands: Sequence[Any], g: Term, shape: Shape) -> Iterator[Part]:
        left, _, out = ast.literal_eval(operands[0]).replace(" ", "").partition("->")
        names = left.split(",")
        text = g.text if g.axes == shape else f"np.broadcast_to({g.text}, {shape})"
        for k, x in enumerate(operands[1:]):
            if not self._live(x):
                continue
            rest = [(n, ast.unparse(a)) for i, (n, a) in enumerate(zip(names, operands[1:], strict=True)) if i != k]
            known, before = {*out, *"".join(n for n, _ in rest)}, self.observed.shape(x)
            rest += [(n, f"np.ones({before[names[k].index(n)]})") for n in names[k] if n not in known]  # summed alone
            spec = ",".join([out, *(n for n, _ in rest)]) + "->" + names[k]
            yield from self._back(x, Term(f'np.einsum("{spec}", {", ".join([text, *(t for _, t in rest)])})', before))


def _several(axis: Any) -> tuple[int, ...]:
    return axis if isinstance(axis, tuple) else (axis,)


def _one(order: Sequence[Any]) -> Any:
    return order[0] if len(order) == 1 else ast.Tuple(list(order), ast.Load())


def _number(text: str, shape: Shape = ()) -> Any:
    """A number written as such, or ones of that shape."""
    import numpy as np

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return np.ones(shape)
