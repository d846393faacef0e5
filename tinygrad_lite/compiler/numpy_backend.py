"""The plan in NumPy: each group is a few calls on whole arrays.

In: the same plans as the LLVM back end gets. Out: a runner. An array has one line for each member and, in a plan
for rows, one column for each row of the batch. A sum of products of which one factor has no rows is a matrix
product, and so is a slope summed over the rows: `np.matmul` does both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.backends import Plans, Program, Runner, fill
from tinygrad_lite.compiler.plan import Access, Expression, Group, Plan, Run

BLOCK = 256
"""Rows in one block: enough to make a call worth its cost, few enough to stay in the cache."""


def _functions() -> dict[str, Callable[..., Any]]:
    import numpy as np

    found: dict[str, Callable[..., Any]] = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
        "sqrt": np.sqrt, "abs": np.abs, "exp": np.exp, "log": np.log, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
        "pow": np.power, "max": np.maximum, "min": np.minimum, "less": np.less, "select": np.where,
        "relu": lambda x: np.maximum(x, 0.0), "log1p": np.log1p, "expm1": np.expm1, "tan": np.tan,
        "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    }  # fmt: skip
    return found


def index(access: Access, group: Group, run_terms: int) -> Any:
    """The index an access reads, for every member and term: m lines, one column for each term."""
    import numpy as np

    if access.table is not None:
        return np.asarray(access.table).reshape(group.members, -1)
    found: Any = np.full((1,), access.base, dtype=np.int64)
    for n, stride in zip(group.dims, access.strides, strict=True):
        found = (found[:, None] + np.arange(n) * stride).reshape(-1)
    return found[:, None] + np.arange(max(run_terms, 1)) * access.along


def _slice(indices: Any) -> Any:
    """The same entries as a slice where that is possible: a view instead of a copy."""
    line = indices.reshape(-1)
    if len(line) == 1:
        return slice(int(line[0]), int(line[0]) + 1)
    step = int(line[1] - line[0])
    if step and (line[1:] - line[:-1] == step).all():
        stop = int(line[-1]) + (1 if step > 0 else -1)
        return slice(int(line[0]), stop if stop >= 0 else None, step)
    return indices


class _Step:
    """One group, ready to run: which entries it reads is worked out once."""

    def __init__(self, group: Group, plan: Plan, functions: dict[str, Callable[..., Any]]) -> None:
        self.group, self.plan, self.functions = group, plan, functions
        self.target = _slice(index(group.target, group, 1))
        self.adds = plan.rows and group.target.array == "out"
        self.parts: list[Callable[[dict[str, Any]], Any]] = [self._part(run) for run in group.runs]

    def run(self, arrays: dict[str, Any]) -> None:
        total = self.parts[0](arrays)
        for part in self.parts[1:]:
            total = total + part(arrays)
        out = arrays[self.group.target.array]
        if self.adds:
            summed = total.sum(axis=1) if getattr(total, "ndim", 0) == 2 else total
            out[self.target] += summed.reshape(out[self.target].shape) if hasattr(summed, "reshape") else summed
        elif isinstance(self.target, slice):
            out[self.target] = total
        else:
            out[self.target.reshape(-1)] = total

    def _part(self, run: Run) -> Callable[[dict[str, Any]], Any]:
        product = self._product(run)
        if product is not None:
            return product
        group, rows = self.group, self.plan.rows
        leaves = [self._leaf(access, run) for access in run.accesses]
        several = run.starts is not None or run.terms > 1

        def part(arrays: dict[str, Any]) -> Any:
            import numpy as np

            value = self._value(run.expression, [leaf(arrays) for leaf in leaves])
            if run.starts is not None:
                value = np.add.reduceat(value, run.starts[:-1], axis=0)
            elif several:
                value = np.asarray(value)
                if value.ndim and value.shape[0] == group.members * run.terms:
                    value = value.reshape(group.members, run.terms, *value.shape[1:]).sum(axis=1)
                else:
                    value = value * run.terms
            if rows and self.adds and not getattr(value, "ndim", 0):
                value = np.full((group.members, 1), value)
            return value if run.sign > 0 else -value

        return part

    def _leaf(self, access: Access, run: Run) -> Callable[[dict[str, Any]], Any]:
        if access.literal is not None:
            literal = access.literal
            return lambda arrays: literal
        where = _slice(index(access, self.group, run.terms) if run.starts is None else access.table)
        if not isinstance(where, slice):
            where = where.reshape(-1)
        column = bool(self.plan.rows) and access.array not in self.plan.rows
        name = access.array
        if column:
            return lambda arrays: arrays[name][where][:, None]
        return lambda arrays: arrays[name][where]

    def _value(self, expression: Expression, leaves: list[Any]) -> Any:
        if expression[0] == "leaf":
            return leaves[expression[1]]
        return self.functions[expression[0]](*[self._value(part, leaves) for part in expression[1:]])

    # ------------------------------------------------------------------ matrix products

    def _product(self, run: Run) -> Callable[[dict[str, Any]], Any] | None:
        """A run that is a matrix product, as one call; None if it is not."""
        if run.starts is not None or run.expression[0] != "mul" or len(run.accesses) != 2 or not self.plan.rows:
            return None
        if any(part[0] != "leaf" for part in run.expression[1:]) or any(a.literal is not None for a in run.accesses):
            return None
        x, y = run.accesses
        inside = [a.array in self.plan.rows for a in (x, y)]
        if self.adds and all(inside) and run.terms == 1:
            return self._outer(run, x, y)
        if inside == [True, False]:
            x, y = y, x
        elif inside != [False, True] or run.terms < 2:
            return None
        read = index(y, self.group, run.terms)
        if not (read == read[0]).all():
            return None  # each member multiplies something else
        weights, column = index(x, self.group, run.terms), _slice(read[0])
        first, second, sign = x.array, y.array, run.sign

        def part(arrays: dict[str, Any]) -> Any:
            found = arrays[first][weights] @ arrays[second][column]
            return found if sign > 0 else -found

        return part

    def _outer(self, run: Run, x: Access, y: Access) -> Callable[[dict[str, Any]], Any] | None:
        """out[i, j] += sum over the rows of x[i] * y[j]: the slopes of a layer's weights."""
        if len(self.group.dims) != 2 or x.table is not None or y.table is not None:
            return None
        if x.strides[0] == 0 and y.strides[1] == 0:
            x, y = y, x
        if x.strides[1] or y.strides[0]:
            return None
        (m, n) = self.group.dims
        left = _slice(x.base + _steps(m) * x.strides[0])
        right = _slice(y.base + _steps(n) * y.strides[1])
        first, second, sign = x.array, y.array, run.sign

        def part(arrays: dict[str, Any]) -> Any:
            found = (arrays[first][left] @ arrays[second][right].T).reshape(-1, 1)
            return found if sign > 0 else -found

        return part


def _steps(n: int) -> Any:
    import numpy as np

    return np.arange(n)


class NumpyRunner(Runner):
    """The plans in NumPy."""

    name = "numpy"

    def __init__(self, program: Program) -> None:
        import numpy as np

        functions = _functions()
        self.program = program
        self.plans = Plans(program, set(functions))
        self.seconds = dict(self.plans.seconds)
        start = time.perf_counter()
        self.steps = {
            name: [_Step(group, plan, functions) for group in plan.groups]
            for name, plan in (("P", self.plans.prologue), ("X", self.plans.rows), ("out", self.plans.finale))
            if plan is not None
        }
        self.seconds["preparing NumPy calls"] = time.perf_counter() - start
        self.uniforms = len(program.prologue.outputs)
        self.constants = {id(plan): np.array(plan.constants) for plan in self.plans}

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), rows: int = 0) -> Any:
        import numpy as np

        plans = self.plans
        assert plans is not None
        given = np.empty(self.program.parameters + self.uniforms)
        fill(given[: self.program.parameters], parameters)
        arrays: dict[str, Any] = {"P": given}
        out = np.zeros(len(self.program.finale.outputs))
        with np.errstate(all="ignore"):
            if plans.prologue is not None:
                self._plan("P", plans.prologue, arrays | {"out": given})
            if plans.rows is not None:
                sums = np.zeros(plans.sums)
                for start in range(0, rows, BLOCK):
                    stop = min(start + BLOCK, rows)
                    block = np.empty((self.program.columns + 1, stop - start))
                    for first, values in [*self.fixed, *data]:
                        block[first : first + values.shape[1]] = values[start:stop].T
                    block[-1] = 1.0
                    self._plan("X", plans.rows, arrays | {"X": block, "out": sums}, stop - start)
                arrays |= {"G": sums, "N": np.array([float(rows)])}
            self._plan("out", plans.finale, arrays | {"out": out})
        return out

    def _plan(self, name: str, plan: Plan, arrays: dict[str, Any], rows: int | None = None) -> None:
        import numpy as np

        arrays["K"] = self.constants[id(plan)]
        for array, size in plan.sizes.items():
            arrays[array] = np.empty(size if rows is None else (size, rows))
        for step in self.steps[name]:
            step.run(arrays)

    def text(self) -> str:
        assert self.plans is not None
        return "\n\n".join(map(str, self.plans))
