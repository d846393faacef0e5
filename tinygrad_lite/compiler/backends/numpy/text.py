"""Loop nests as NumPy calls: each is a strided view of what it reads and a few calls on whole arrays.

In: a plan. Out: the text of a short Python program, which makes all arrays and all views of them once for each number
of samples; then a call does nothing but compute:

    tanh      A0[i] = tanh(A1[i])                            one call of a ufunc, written where the result belongs
    dot       A0[i] = sum over t of P[4*i + t] * X[t]        a sum of products is a product of matrices
    einsum    A0[i] = sum over t of A1[i, t] * A2[i, t]      or, sample by sample, of what lies side by side
    reduceat  sums of unlike lengths

An *axis* is a number: 0, 1, ... the loops of a nest, T the terms of a sum, S the samples. An operand has those along
which it varies, and no others. What needs the data alone is in `once`, all else in `run`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, LoopNest, Plan, Reduction
from tinygrad_lite.engine.op import TABLE

UFUNCS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "neg": "negative",
    "pow": "power",
    "less": "less",
    **{op.name: op.numpy_name for op in TABLE.values() if op.numpy_name and op.arity != 3},
}
"""Ops of the table, and what NumPy calls them."""

T, S = 98, 99

LEGEND = """\
# P: parameters, and what is made of them alone. X: data, a line a column. K: constants. G: sums over the samples.
# view(A, base, lengths, strides) reads A[base + ...] without a copy. R: how many samples."""

_FROM_NUMPY = (*UFUNCS.values(), "copyto", "dot", "einsum", "empty", "inf", "nan")


class Operand(NamedTuple):
    """A name or a number in the text, the axes of the array in order, and whether it needs the data alone."""

    name: str
    axes: tuple[int, ...]
    fixed: bool = False


class PlanText:
    """The text of a plan.

    Attributes:
        source: the program; it defines `once` and `run`.
        size: the numbers it keeps for each sample.
    """

    def __init__(self, title: str, plan: Plan, fixed: Sequence[str] = ("X", "N")) -> None:
        self.plan = plan
        self.fixed: set[str] = {*fixed, "K"}
        self.by_sample: bool = bool(plan.samples)
        self.setup: list[str] = []
        self.once: list[str] = []
        self.run: list[str] = []
        self.tables: dict[str, Any] = {}
        self.size = sum(plan.sizes.values())
        self.strided: set[str] = set()  # results that `dot` cannot write
        self._made: dict[str, str] = {}  # views, by their text
        self._free: dict[str, list[str]] = {}  # arrays that nobody needs now, by their shape
        for name, n in plan.sizes.items():
            self.setup.append(f"{name} = empty({self._shape([n], self.by_sample)})")
        for nest in plan.nests:
            self.run.append(f"# {nest}")
            self._taken: list[tuple[str, str]] = []
            self._known: dict[str, Operand] = {}  # what this nest has computed
            self._nest(nest)
            for shape, array in self._taken:
                self._free.setdefault(shape, []).append(array)
        bodies = [
            f"def {name}():\n" + "\n".join("    " + line for line in [*lines, "pass"])
            for name, lines in (("once", self.once), ("run", self.run))
        ]
        self.source: str = "\n".join([f"# {title}", *self.setup, "", bodies[0], "", bodies[1]])
        self._code: Any = None

    def bound(self, arrays: dict[str, Any]) -> tuple[Callable[[], None], Callable[[], None]]:
        """`once` and `run` on these arrays."""
        import numpy as np

        if self._code is None:
            self._code = compile(self.source, "<NumPy calls of a compiled function>", "exec")
        scope = {name: getattr(np, name) for name in _FROM_NUMPY} | {"view": view} | self.tables | arrays
        exec(self._code, scope)
        return scope["once"], scope["run"]

    # ------------------------------------------------------------------ names

    def _shape(self, lengths: Sequence[int], samples: bool) -> str:
        return f"({''.join(f'{n}, ' for n in lengths)}{'R' if samples else ''})"

    def _lengths(self, axes: Sequence[int]) -> str:
        return self._shape([self.length[axis] for axis in axes if axis != S], S in axes)

    def _named(self, text: str, letter: str = "v") -> str:
        """A name for what is made once, when the arrays are."""
        if text not in self._made:
            self._made[text] = f"{letter}{len(self._made)}"
            self.setup.append(f"{self._made[text]} = {text}")
        return self._made[text]

    def _table(self, entries: Any) -> str:
        name = f"t{len(self.tables)}"
        self.tables[name] = entries
        return name

    def _temporary(self, axes: Sequence[int], keep: bool) -> str:
        """An array for what lies between; it is free again when the nest is done, if it is not to be kept."""
        shape = self._lengths(axes)
        free = self._free.get(shape)
        if free and not keep:
            name = free.pop()
        else:
            name = f"w{len(self.setup)}"
            self.setup.append(f"{name} = empty({shape})")
            if S in axes:
                self.size += math.prod(self.length[axis] for axis in axes if axis != S)
        if not keep:
            self._taken.append((shape, name))
        return name

    def _spread(self, x: Operand, axes: tuple[int, ...]) -> str:
        """The operand with these axes in this order, those it has not of length 1."""
        if x.axes == axes or not x.axes:
            return x.name
        order = [x.axes.index(axis) for axis in axes if axis in x.axes]
        moved = x.name if order == sorted(order) else f"{x.name}.transpose({order})"
        return self._named(f"{moved}[{', '.join(':' if axis in x.axes else 'None' for axis in axes)}]")

    def _call(self, f: str, xs: Sequence[Operand], into: Operand | None = None) -> Operand:
        """f of these operands, written to `into` or to an array between."""
        axes = into.axes if into is not None else tuple(sorted({axis for x in xs for axis in x.axes}))
        given = ", ".join(self._spread(x, axes) for x in xs)
        key = f"{f}({given})"
        if into is None and key in self._known:
            return self._known[key]
        fixed = into is None and all(x.fixed for x in xs)
        out = into or Operand(self._temporary(axes, fixed), axes, fixed)
        last = "out=" if f in ("maximum", "minimum") else ""  # NumPy warns where these get it as the third
        self._line(f"{f}({given}, {last}{out.name})", out)
        self._known[key] = out
        return out

    def _line(self, text: str, out: Operand) -> None:
        (self.once if out.fixed else self.run).append(text)

    # ------------------------------------------------------------------ leaves and expressions

    def _leaf(self, a: Access, run: Reduction, nest: LoopNest) -> Operand:
        if a.literal is not None:
            return Operand(repr(a.literal), (), True)
        samples = (S,) if self.by_sample and (a.array in self.plan.samples or a.array == "X") else ()
        fixed = a.array in self.fixed
        if a.table is None and run.starts is None:
            strides = dict(enumerate(a.strides)) | {T: a.term_stride}
            axes = tuple(axis for axis, s in strides.items() if s and self.length[axis] > 1)
            lengths = ", ".join(str(self.length[axis]) for axis in axes)
            steps = ", ".join(str(strides[axis]) for axis in axes)
            return Operand(self._named(f"view({a.array}, {a.base}, [{lengths}], [{steps}])"), (*axes, *samples), fixed)
        import numpy as np

        axes = tuple(axis for axis in self.length if self.length[axis] > 1)
        if run.starts is not None and a.table is None:
            counts = np.diff(run.starts)
            term = np.arange(run.starts[-1]) - np.repeat(run.starts[:-1], counts)
            first = [a.entry(nest.dims, m) for m in range(nest.iterations)]
            index: Any = np.repeat(first, counts) + a.term_stride * term
        else:
            index = np.asarray(a.table)
        index = index.astype(np.int64).reshape([self.length[axis] for axis in axes])
        key = f"{a.array} at {index.tobytes()!r}"
        if key not in self._known:
            axes = (*axes, *samples)
            out = Operand(self._temporary(axes, fixed), axes, fixed)
            axis = "0" if samples else "None"
            self._line(f"{a.array}.take({self._table(index)}, {axis}, {out.name}, 'clip')", out)
            self._known[key] = out
        return self._known[key]

    def _value(self, e: Expression, into: Operand | None = None) -> Operand:
        if e[0] == "leaf":
            return self._leaf(self.accesses[e[1]], *self.here)
        if e[0] == "select":
            return self._select(*e[1:])
        xs = [self._value(part) for part in e[1:]]
        if e[0] == "relu":
            return self._call("maximum", [*xs, Operand("0.0", (), True)], into)
        return self._call(UFUNCS[e[0]], xs, into)

    def _select(self, condition: Expression, *choices: Expression) -> Operand:
        """The first where the condition is not 0, else the second."""
        less = condition[0] == "less"
        flags = [self._value(part) for part in condition[1:]] if less else [self._value(condition)]
        xs = [*flags, *(self._value(part) for part in choices)]
        axes, fixed = tuple(sorted({axis for x in xs for axis in x.axes})), all(x.fixed for x in xs)
        out = Operand(self._temporary(axes, fixed), axes, fixed)
        *flag, x, y = [self._spread(x, axes) for x in xs]
        self._line(f"copyto({out.name}, {y})", out)
        self._line(
            f"copyto({out.name}, {x}, where={f'less({flag[0]}, {flag[1]})' if less else f'{flag[0]} != 0.0'})", out
        )
        return out

    # ------------------------------------------------------------------ sums

    def _factors(self, e: Expression) -> list[Expression]:
        return [f for part in e[1:] for f in self._factors(part)] if e[0] == "mul" else [e]

    def _reduced(self, run: Reduction, nest: LoopNest, over: set[int], into: Operand) -> tuple[float, Operand]:
        """A number, and what it is to be multiplied by: together the sum of the terms, and of the samples."""
        self.accesses: list[Access] = run.accesses
        self.here: tuple[Reduction, LoopNest] = (run, nest)
        self.length = dict(enumerate(nest.dims)) | {T: run.terms}
        if run.starts is not None:
            self.length = {T: int(run.starts[-1])}
        sign, e = run.sign, run.expression
        while e[0] == "neg":
            sign, e = -sign, e[1]
        if not over and run.starts is None and run.terms == 1:
            whole = len(nest.reductions) == 1 and sign == 1 and e[0] not in ("leaf", "select")
            return sign, self._value(e, into if whole else None)
        found = [self._value(f) for f in self._factors(e)]
        factor = math.prod([float(x.name) for x in found if not x.name.isidentifier()])
        xs = [x for x in found if x.name.isidentifier()] or [Operand("1.0", (), True)]
        every = {axis for x in xs for axis in x.axes}
        count = sign * factor
        if run.starts is None and T not in every:
            count *= run.terms
        reduced = over & every | ({T} & every)
        here = (
            into
            if len(nest.reductions) == 1 and count == 1 and not over - every and into.name not in self.strided
            else None
        )
        total = self._product(xs, reduced, here) if run.starts is None else self._ragged(xs, run, nest, over & every)
        if over and S not in every:
            total = self._call("multiply", [total, Operand("N_rows", ())])
        return count, total

    def _product(self, xs: list[Operand], reduced: set[int], into: Operand | None = None) -> Operand:
        """The product of the operands, summed over these axes; written to `into`, where that can be done."""
        while len(xs) > 2 or (len(xs) == 2 and not reduced):
            pairs = [(i, j) for i in range(len(xs)) for j in range(i)]
            i, j = min(pairs, key=lambda p: len({*xs[p[0]].axes, *xs[p[1]].axes}))
            xs = [x for k, x in enumerate(xs) if k not in (i, j)] + [self._call("multiply", [xs[j], xs[i]])]
        alone = [{axis for axis in reduced & {*x.axes} if sum(axis in y.axes for y in xs) < 2} for x in xs]
        xs = [self._summed(x, axes, into if len(xs) == 1 else None) for x, axes in zip(xs, alone, strict=True)]
        if len(xs) == 1:
            return xs[0]
        a, b = xs
        common = tuple(sorted(reduced & {*a.axes} & {*b.axes}))
        if not common:
            return self._call("multiply", xs)
        batch = tuple(axis for axis in a.axes if axis in b.axes and axis not in common)
        left, right = (tuple(sorted({*x.axes} - {*y.axes})) for x, y in ((a, b), (b, a)))
        if left + right != tuple(sorted(left + right)):
            a, b, left, right = b, a, right, left
        axes = tuple(sorted((*batch, *left, *right)))
        wide = max(len(left), len(right), len(common)) > 1
        fixed = a.fixed and b.fixed
        here = into if into is not None and into.axes == axes and not wide else None
        out = here or Operand(self._temporary(axes, fixed), axes, fixed)
        if batch or axes != left + right:
            letter = {axis: chr(97 + k) for k, axis in enumerate(sorted({*a.axes, *b.axes}))}
            spec = ",".join("".join(letter[axis] for axis in x.axes) for x in (a, b))
            spec += "->" + "".join(letter[axis] for axis in axes)
            self._line(f"einsum({spec!r}, {a.name}, {b.name}, out={out.name})", out)
            return out
        given, name = [self._spread(a, left + common), self._spread(b, common + right)], out.name
        if wide:
            shapes = (
                (*(left and ["-1"]), *(common and [self._count(common)])),
                (self._count(common), *(right and ["-1"])),
            )
            given = [f"{x}.reshape({', '.join(shape)})" for x, shape in zip(given, shapes, strict=True)]
            sides = [self._count(part) for part in (left, right) if part]
            name = self._named(f"{out.name}.reshape({', '.join(sides)})") if sides else name
        self._line(f"dot({', '.join(given)}, {name})", out)
        return out

    def _count(self, axes: Sequence[int]) -> str:
        """How many numbers these axes have together."""
        return "*".join("R" if axis == S else str(self.length[axis]) for axis in axes)

    def _summed(self, x: Operand, axes: set[int], into: Operand | None) -> Operand:
        if not axes:
            return x
        rest = tuple(axis for axis in x.axes if axis not in axes)
        here = into if into is not None and into.axes == rest else None
        out = here or Operand(self._temporary(rest, x.fixed), rest, x.fixed)
        self._line(f"add.reduce({x.name}, {tuple(x.axes.index(axis) for axis in sorted(axes))}, None, {out.name})", out)
        return out

    def _ragged(self, xs: list[Operand], run: Reduction, nest: LoopNest, over: set[int]) -> Operand:
        """Sums of unlike lengths, one for each iteration of the nest."""
        x = self._product(xs, over)
        axes = (T, S) if S in x.axes else (T,)
        if x.axes != axes:
            x = self._call("add", [x, Operand("0.0", (), True)], Operand(self._temporary(axes, False), axes))
        self.length[T] = nest.iterations
        out = Operand(self._temporary(axes, False), axes)
        self._line(f"add.reduceat({x.name}, {self._table(run.starts[:-1])}, 0, None, {out.name})", out)
        self.length = dict(enumerate(nest.dims))
        inner = tuple(axis for axis in self.length if self.length[axis] > 1)
        shape = [self.length[axis] for axis in inner]
        return Operand(self._named(f"{out.name}.reshape({self._shape(shape, S in axes)})"), (*inner, *axes[1:]))

    # ------------------------------------------------------------------ nests

    def _nest(self, nest: LoopNest) -> None:
        target, samples = nest.target, self.by_sample and nest.target.array != "out"
        over = {S} if self.by_sample and not samples else set()
        self.length = dict(enumerate(nest.dims))
        inner = tuple(axis for axis, n in self.length.items() if n > 1)
        axes = (*inner, S) if samples else inner
        if target.table is None:
            lengths, strides = ([numbers[axis] for axis in inner] for numbers in (nest.dims, target.strides))
            out = Operand(self._named(f"view({target.array}, {target.base}, {lengths}, {strides})"), axes)
            if strides != [math.prod(lengths[k + 1 :]) for k in range(len(lengths))]:
                self.strided.add(out.name)
        else:
            out = Operand(self._temporary(axes, False), axes)
        parts = [self._reduced(run, nest, over, out) for run in nest.reductions]
        self.length = dict(enumerate(nest.dims))
        self._together(sorted(parts, key=lambda part: part[0] < 0), out)
        if target.table is not None:
            import numpy as np

            places = np.asarray(target.table).reshape([nest.dims[axis] for axis in inner])
            self.run.append(f"{target.array}[{self._table(places)}] = {out.name}")

    def _together(self, parts: list[tuple[float, Operand]], out: Operand) -> None:
        """The parts added up, each times its number, into `out`."""
        total: Operand | None = None
        for k, (factor, x) in enumerate(parts):
            into = out if k == len(parts) - 1 else None
            if abs(factor) != 1.0 or (total is None and factor < 0):
                scale = factor if total is None else abs(factor)
                f = "negative" if scale == -1.0 else "multiply"
                given = [x] if scale == -1.0 else [x, Operand(repr(float(scale)), (), True)]
                x = self._call(f, given, into if total is None else None)
            if total is None:
                total = x
            else:
                total = self._call("add" if factor > 0 else "subtract", [total, x], into)
        if total is not None and total.name != out.name:
            self.run.append(f"copyto({out.name}, {self._spread(total, out.axes)})")


def view(array: Any, base: int, lengths: Sequence[int], strides: Sequence[int]) -> Any:
    """`array[base + s0*i0 + s1*i1 + ...]` as an array of these lengths, and of the samples, if `array` has them."""
    from numpy.lib.stride_tricks import as_strided

    step, *samples = array.strides
    return as_strided(array[base:], [*lengths, *array.shape[1:]], [*(s * step for s in strides), *samples])
