"""Loop nests as NumPy calls: each is a strided view of what it reads and a few calls on whole arrays.

In: a plan, and the arrays it reads and writes. Out: the calls, with all of their operands; a run of the plan makes
them in turn and allocates nothing:

    tanh      A0[i] = tanh(A1[i])                            one call of a ufunc, written where the result belongs
    dot       A0[i] = sum over t of P[4*i + t] * X[t]        a sum of products is a product of matrices
    einsum    A0[i] = sum over t of A1[i, t] * A2[i, t]      or, sample by sample, of what lies side by side
    reduceat  sums of unlike lengths

An *axis* is a number: 0, 1, ... the loops of a nest, T the terms of a sum, S the samples. An operand has those along
which it varies, and no others.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import CodeType
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

Pool = dict[tuple[int, ...], list[Any]]
"""Arrays that nobody needs now, by their shape."""


Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function, and what it is given."""


class Operand(NamedTuple):
    """An array or a bare number, the axes of the array in order, and what the text calls it."""

    array: Any
    axes: tuple[int, ...]
    name: str

    @property
    def bare(self) -> bool:
        return self.array.__class__ is float


ZERO, ONE = Operand(0.0, (), "0.0"), Operand(1.0, (), "1.0")


class Calls:
    """The calls of a plan.

    Args:
        arrays: by their names in the plan; X has a line for each column of data.
        samples: how many there are, in a plan for samples.
        each: what it gives is kept for each sample; otherwise it is summed over them.
        pool: what lies between is taken from there, and given back.

    Attributes:
        calls: to be made in this order.
        lines: the same in words.
        size: the numbers of all samples that were not in the pool, and had to be made.
    """

    def __init__(self, plan: Plan, arrays: dict[str, Any], samples: int, pool: Pool, each: bool = False) -> None:
        import numpy as np

        self.np = np
        self.each = each
        self.plan: Plan = plan
        self.samples: int = samples
        self.pool: Pool = pool
        self.by_sample: bool = bool(plan.samples)
        self.calls: list[Call] = []
        self.lines: list[str] = []
        self.size: int = 0
        self._views: dict[Any, Operand] = {}
        shapes = {name: (n, samples) if self.by_sample else (n,) for name, n in plan.sizes.items()}
        made = {name: self._empty(shape, self.by_sample) for name, shape in shapes.items()}
        self.arrays: dict[str, Any] = arrays | made
        for nest in plan.nests:
            self.lines.append(f"# {nest}")
            self._taken: list[Any] = []
            self._known: dict[Any, Operand] = {}  # what this nest has computed
            self._nest(nest)
            self._give_back(self._taken)
        self._give_back(made.values())

    def run(self) -> Callable[[], None]:
        """All calls as one function. Python runs it faster than it goes through a list of calls."""
        scope: dict[str, Any] = {}
        lines = ["def run():"]
        for call, args, named in self.calls:
            names = [f"g{len(scope) + k}" for k in range(1 + len(args) + len(named))]
            scope |= zip(names, (call, *args, *named.values()), strict=True)
            given = names[1 : 1 + len(args)] + [f"{x}={n}" for x, n in zip(named, names[1 + len(args) :], strict=True)]
            lines.append(f"    {names[0]}({', '.join(given)})")
        exec(_code("\n".join([*lines, "    pass"])), scope)
        return scope["run"]  # type: ignore[no-any-return]

    # ------------------------------------------------------------------ arrays

    def _empty(self, shape: tuple[int, ...], counts: bool = False) -> Any:
        free = self.pool.get(shape)
        if free:
            return free.pop()
        self.size += counts * math.prod(shape)
        return self.np.empty(shape)

    def _give_back(self, arrays: Any) -> None:
        for array in arrays:
            self.pool.setdefault(array.shape, []).append(array)

    def _temporary(self, axes: tuple[int, ...]) -> Operand:
        """An array for what lies between; it is free again when the nest is done."""
        array = self._empty(tuple(map(self._length, axes)), S in axes)
        self._taken.append(array)
        return Operand(array, axes, f"t{len(self._taken)}")

    def _view(self, name: str, base: int, lengths: Sequence[int], strides: Sequence[int], axes: Any, text: str) -> Any:
        """`array[base + s0*i0 + s1*i1 + ...]` with these lengths, and of all samples, if the array has them."""
        key = name, base, axes, tuple(lengths), tuple(strides)
        if key not in self._views:
            array = self.arrays[name]
            step, *rest = array.strides
            shape, steps = [*lengths, *array.shape[1:]], [*(s * step for s in strides), *rest]
            view = self.np.lib.stride_tricks.as_strided(array[base:], shape, steps)
            self._views[key] = Operand(view, axes, text)
        return self._views[key]

    def _spread(self, x: Operand, axes: tuple[int, ...]) -> Any:
        """The operand's array with these axes in this order, those it has not of length 1."""
        if x.axes == axes or not x.axes:
            return x.array
        moved = x.array.transpose([x.axes.index(axis) for axis in axes if axis in x.axes])
        return moved[tuple([slice(None) if axis in x.axes else None for axis in axes])]

    def _shaped(self, x: Any, shape: tuple[int, ...]) -> Any:
        """The numbers of an array in another shape; copied at each run, should they not lie so."""
        found = x.reshape(shape)
        if self.np.may_share_memory(found, x):
            return found
        copy = self._empty(x.shape)
        self._taken.append(copy)
        self.calls.append((self.np.copyto, (copy, x), {}))
        return copy.reshape(shape)

    def _say(
        self, f: str, out: Operand, xs: Sequence[Operand], call: Callable[..., Any], /, *args: Any, **named: Any
    ) -> None:
        self.calls.append((call, args, named))
        self.lines.append(f"{out.name} = {f}({', '.join(x.name for x in xs)})")

    def _call(self, f: str, xs: Sequence[Operand], into: Operand | None = None) -> Operand:
        """f of these operands, written to `into` or to an array between."""
        axes = into.axes if into is not None else tuple(sorted({axis for x in xs for axis in x.axes}))
        key = f, *[x.array if x.bare else id(x.array) for x in xs]
        if into is None and key in self._known:
            return self._known[key]
        out = into or self._temporary(axes)
        given, function = [self._spread(x, axes) for x in xs], getattr(self.np, f)
        if f in ("maximum", "minimum"):  # NumPy warns where these get it as the third
            self._say(f, out, xs, function, *given, out=out.array)
        else:
            self._say(f, out, xs, function, *given, out.array)
        self._known[key] = out
        return out

    # ------------------------------------------------------------------ leaves and expressions

    def _leaf(self, a: Access, run: Reduction, nest: LoopNest) -> Operand:
        if a.literal is not None:
            return Operand(a.literal, (), repr(a.literal))
        samples = (S,) if self.by_sample and (a.array in self.plan.samples or a.array == "X") else ()
        if a.table is None and run.starts is None:
            strides = dict(enumerate(a.strides)) | {T: a.term_stride}
            axes = tuple([axis for axis, s in strides.items() if s and self.length[axis] > 1])
            lengths, steps = [self.length[axis] for axis in axes], [strides[axis] for axis in axes]
            return self._view(a.array, a.base, lengths, steps, (*axes, *samples), str(a))  # type: ignore[no-any-return]
        np = self.np
        axes = tuple([axis for axis in self.length if self.length[axis] > 1])
        if run.starts is not None and a.table is None:
            counts = np.diff(run.starts)
            term = np.arange(run.starts[-1]) - np.repeat(run.starts[:-1], counts)
            first = [a.entry(nest.dims, m) for m in range(nest.iterations)]
            index: Any = np.repeat(first, counts) + a.term_stride * term
        else:
            index = np.asarray(a.table)
        index = index.astype(np.int64).reshape([self.length[axis] for axis in axes])
        key = a.array, index.tobytes()
        if key not in self._known:
            out = self._temporary((*axes, *samples))
            array = self.arrays[a.array]
            axis = 0 if samples else None
            self._say("take", out, [Operand(array, (), str(a))], array.take, index, axis, out.array, "clip")
            self._known[key] = out
        return self._known[key]

    def _value(self, e: Expression, into: Operand | None = None) -> Operand:
        if e[0] == "leaf":
            return self._leaf(self.accesses[e[1]], *self.here)
        if e[0] == "select":
            return self._select(*e[1:])
        xs = [self._value(part) for part in e[1:]]
        if e[0] == "relu":
            return self._call("maximum", [*xs, ZERO], into)
        return self._call(UFUNCS[e[0]], xs, into)

    def _select(self, condition: Expression, *choices: Expression) -> Operand:
        """The first where the condition is not 0, else the second."""
        f, flags = ("less", condition[1:]) if condition[0] == "less" else ("not_equal", (condition,))
        of = [self._value(part) for part in flags] + [ZERO] * (f == "not_equal")
        x, y = [self._value(part) for part in choices]
        axes = tuple(sorted({axis for each in (*of, x, y) for axis in each.axes}))
        out = self._temporary(axes)
        where: Any = self.np.empty(tuple(map(self._length, axes)), bool)
        mask = Operand(where, axes, f"where {f}({', '.join(p.name for p in of)})")
        self.calls.append((getattr(self.np, f), (*[self._spread(p, axes) for p in of], where), {}))
        self._say("copy", out, [y], self.np.copyto, out.array, self._spread(y, axes))
        self._say("copy", out, [x, mask], self.np.copyto, out.array, self._spread(x, axes), "same_kind", where)
        return out

    # ------------------------------------------------------------------ sums

    def _factors(self, e: Expression) -> list[Expression]:
        return [f for part in e[1:] for f in self._factors(part)] if e[0] == "mul" else [e]

    def _reduced(self, run: Reduction, nest: LoopNest, over: set[int], into: Operand) -> tuple[float, Operand]:
        """A number, and what it is to be multiplied by: together the sum of the terms, and of the samples."""
        self.accesses: list[Access] = run.accesses
        self.here: tuple[Reduction, LoopNest] = (run, nest)
        self.length: dict[int, int] = dict(enumerate(nest.dims)) | {T: run.terms}
        if run.starts is not None:
            self.length = {T: int(run.starts[-1])}
        sign, e = run.sign, run.expression
        while e[0] == "neg":
            sign, e = -sign, e[1]
        if not over and run.starts is None and run.terms == 1:
            whole = len(nest.reductions) == 1 and sign == 1 and e[0] not in ("leaf", "select")
            return sign, self._value(e, into if whole else None)
        found = [self._value(f) for f in self._factors(e)]
        xs = [x for x in found if not x.bare] or [ONE]
        every = {axis for x in xs for axis in x.axes}
        count = sign * math.prod([x.array for x in found if x.bare])
        if run.starts is None and T not in every:
            count *= run.terms
        if over and S not in every:
            count *= self.samples
        if run.starts is not None:
            return count, self._ragged(xs, run, nest, over & every)
        here = into if len(nest.reductions) == 1 and count == 1 and into.array.flags.c_contiguous else None
        return count, self._product(xs, (over | {T}) & every, here)

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
        batch = tuple([axis for axis in a.axes if axis in b.axes and axis not in common])
        left, right = (tuple(sorted({*x.axes} - {*y.axes})) for x, y in ((a, b), (b, a)))
        if left + right != tuple(sorted(left + right)):
            a, b, left, right = b, a, right, left
        axes = tuple(sorted((*batch, *left, *right)))
        out = into if into is not None and into.axes == axes else self._temporary(axes)
        if batch or axes != left + right:
            letter = {axis: chr(97 + k) for k, axis in enumerate(sorted({*a.axes, *b.axes}))}
            spec = ",".join("".join(letter[axis] for axis in x.axes) for x in (a, b))
            spec += "->" + "".join(letter[axis] for axis in axes)
            self._say("einsum", out, xs, self.np.einsum, spec, a.array, b.array, out=out.array)
            return out
        matrices = [self._spread(a, left + common), self._spread(b, common + right), out.array]
        for k, sides in enumerate(((left, common), (common, right), (left, right))):
            if max(map(len, sides)) > 1:
                lengths = [math.prod(map(self._length, side)) for side in sides if side]
                matrices[k] = self._shaped(matrices[k], tuple(lengths))
        self._say("dot", out, (a, b), self.np.dot, *matrices)
        return out

    def _length(self, axis: int) -> int:
        return self.samples if axis == S else self.length[axis]

    def _summed(self, x: Operand, axes: set[int], into: Operand | None) -> Operand:
        if not axes:
            return x
        rest = tuple([axis for axis in x.axes if axis not in axes])
        out = into if into is not None and into.axes == rest else self._temporary(rest)
        places = tuple([x.axes.index(axis) for axis in sorted(axes)])
        self._say("sum", out, [x], self.np.add.reduce, x.array, places, None, out.array)
        return out

    def _ragged(self, xs: list[Operand], run: Reduction, nest: LoopNest, over: set[int]) -> Operand:
        """Sums of unlike lengths, one for each iteration of the nest."""
        x = self._product(xs, over)
        axes = (T, S) if S in x.axes else (T,)
        if x.axes != axes:
            x = self._call("add", [x, ZERO], self._temporary(axes))
        self.length[T] = nest.iterations
        out = self._temporary(axes)
        self._say("sums", out, [x], self.np.add.reduceat, x.array, run.starts[:-1], 0, None, out.array)
        self.length = dict(enumerate(nest.dims))
        inner = tuple([axis for axis in self.length if self.length[axis] > 1])
        shape = [self.length[axis] for axis in inner]
        return Operand(out.array.reshape([*shape, *out.array.shape[1:]]), (*inner, *axes[1:]), out.name)

    # ------------------------------------------------------------------ nests

    def _nest(self, nest: LoopNest) -> None:
        target, samples = nest.target, self.by_sample and (self.each or nest.target.array != "out")
        over = {S} if self.by_sample and not samples else set()
        self.length = dict(enumerate(nest.dims))
        inner = tuple([axis for axis, n in self.length.items() if n > 1])
        axes = (*inner, S) if samples else inner
        if target.table is None:
            lengths, strides = ([numbers[axis] for axis in inner] for numbers in (nest.dims, target.strides))
            out = self._view(target.array, target.base, lengths, strides, axes, str(target))
        else:
            out = self._temporary(axes)
        parts = [self._reduced(run, nest, over, out) for run in nest.reductions]
        self.length = dict(enumerate(nest.dims))
        self._together(sorted(parts, key=lambda part: part[0] < 0), out)
        if target.table is not None:
            places = self.np.asarray(target.table).reshape([nest.dims[axis] for axis in inner])
            put = self.arrays[target.array].__setitem__
            self._say("put", Operand(None, (), str(target)), [out], put, places, out.array)

    def _together(self, parts: list[tuple[float, Operand]], out: Operand) -> None:
        """The parts added up, each times its number, into `out`."""
        total: Operand | None = None
        for k, (factor, x) in enumerate(parts):
            into = out if k == len(parts) - 1 else None
            if abs(factor) != 1.0 or (total is None and factor < 0):
                scale = factor if total is None else abs(factor)
                f = "negative" if scale == -1.0 else "multiply"
                given = [x] if scale == -1.0 else [x, Operand(float(scale), (), repr(float(scale)))]
                x = self._call(f, given, into if total is None else None)
            if total is None:
                total = x
            else:
                total = self._call("add" if factor > 0 else "subtract", [total, x], into)
        if total is not None and total.array is not out.array:
            self._say("copy", out, [total], self.np.copyto, out.array, self._spread(total, out.axes))


@functools.lru_cache(maxsize=64)
def _code(text: str) -> CodeType:
    """The code of this text, which is the same for each block of samples."""
    return compile(text, "<NumPy calls of a compiled function>", "exec")
