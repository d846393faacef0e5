"""The plan in NumPy: each group is a few calls on whole arrays.

In: the same plans as the LLVM back end gets. Out: a runner. An array has one line for each member and, in a plan
for rows, one column for each row of the batch. A sum of products of which one factor has no rows is a matrix
product, and so is a slope summed over the rows: `np.matmul` does both.
"""

from __future__ import annotations

import math
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


class _Text:
    """A plan as the text of a Python function: one statement for each group."""

    def __init__(self, plan: Plan, functions: dict[str, Callable[..., Any]]) -> None:
        self.plan = plan
        self.scope: dict[str, Any] = dict(functions)
        self.lines = [f"    {name} = a[{name!r}]" for name in _arrays(plan)]
        for group in plan.groups:
            self.lines.append("    " + self._statement(group))
        self.source = "def run(a):\n" + "\n".join(self.lines or ["    pass"])

    def compiled(self) -> Callable[[dict[str, Any]], None]:
        import numpy as np

        self.scope["np"] = np
        exec(compile(self.source, "<numpy plan>", "exec"), self.scope)
        return self.scope["run"]  # type: ignore[no-any-return]

    def _kept(self, thing: Any) -> str:
        """A slice as text; an array of indices under a name."""
        if isinstance(thing, slice):
            parts = (thing.start, thing.stop, thing.step if thing.step != 1 else None)
            return ":".join("" if x is None else str(x) for x in parts[: 2 if parts[2] is None else 3])
        name = f"i{len(self.scope)}"
        self.scope[name] = thing
        return name

    def _statement(self, group: Group) -> str:
        adds = bool(self.plan.rows) and group.target.array == "out"
        where = _slice(index(group.target, group, 1))
        target = f"{group.target.array}[{self._kept(where if isinstance(where, slice) else where.reshape(-1))}]"
        parts = [self._part(group, run, adds) for run in group.runs]
        text = " ".join(("+ " if run.sign > 0 else "- ") + part for run, part in zip(group.runs, parts, strict=True))
        return f"{target} {'+=' if adds else '='} {text.removeprefix('+ ')}"

    def _part(self, group: Group, run: Run, adds: bool) -> str:
        """One run, with its terms summed, and for slopes the rows as well."""
        product = self._product(group, run, adds)
        if product:
            return product
        text = self._expression(group, run, run.expression)
        if all(access.literal is not None for access in run.accesses):
            rows = "a['rows']" if adds else "1"
            return f"{run.terms} * {rows} * ({text})"
        if run.starts is not None:
            text = f"np.add.reduceat({text}, {self._kept(run.starts[:-1])}, axis=0)"
        elif run.terms > 1:
            text = f"({text}).reshape({group.members}, {run.terms}, -1).sum(1)"
            text = text if self.plan.rows else text + "[:, 0]"
        if adds and any(access.array in self.plan.rows for access in run.accesses):
            return f"({text}).sum(1)"
        return f"({text})[:, 0] * a['rows']" if adds else f"({text})"

    def _expression(self, group: Group, run: Run, expression: Expression) -> str:
        if expression[0] == "leaf":
            access = run.accesses[expression[1]]
            if access.literal is not None:
                return f"({access.literal!r})" if math.isfinite(access.literal) else f"float('{access.literal}')"
            where = _slice(index(access, group, run.terms) if run.starts is None else access.table)
            if not isinstance(where, slice) and self._same(where) and self._another(group, run, access):
                where = slice(int(where.flat[0]), int(where.flat[0]) + 1)  # one entry, stretched over the others
            kept = self._kept(where if isinstance(where, slice) else where.reshape(-1))
            column = self.plan.rows and access.array not in self.plan.rows
            return f"{access.array}[{kept}, None]" if column else f"{access.array}[{kept}]"
        parts = [self._expression(group, run, part) for part in expression[1:]]
        if expression[0] in _INFIX:
            return f"({parts[0]} {_INFIX[expression[0]]} {parts[1]})"
        return f"{expression[0]}({', '.join(parts)})"

    @staticmethod
    def _same(where: Any) -> bool:
        return bool((where == where.flat[0]).all())

    def _another(self, group: Group, run: Run, access: Access) -> bool:
        """Whether some leaf beside this one has an entry for each member and term."""
        if run.starts is not None:
            return False
        others = [index(a, group, run.terms) for a in run.accesses if a is not access and a.literal is None]
        return any(not self._same(where) for where in others)

    # ------------------------------------------------------------------ matrix products

    def _product(self, group: Group, run: Run, adds: bool) -> str:
        """A run that is a matrix product, as one call; empty if it is not."""
        if run.starts is not None or run.expression[0] != "mul" or len(run.accesses) != 2 or not self.plan.rows:
            return ""
        if any(part[0] != "leaf" for part in run.expression[1:]) or any(a.literal is not None for a in run.accesses):
            return ""
        x, y = run.accesses
        inside = [a.array in self.plan.rows for a in (x, y)]
        if adds:
            return self._outer(group, x, y) if all(inside) and run.terms == 1 else ""
        if inside == [True, False]:
            x, y = y, x
        elif inside != [False, True] or run.terms < 2:
            return ""
        read = index(y, group, run.terms)
        if not (read == read[0]).all():
            return ""  # each member multiplies something else
        weights = self._matrix(x, group, run.terms)
        return f"{weights} @ {y.array}[{self._kept(_slice(read[0]))}]"

    def _matrix(self, access: Access, group: Group, terms: int) -> str:
        """A matrix of parameters: a view where their order allows it."""
        where = index(access, group, terms)
        whole = _slice(where)
        if isinstance(whole, slice):
            return f"{access.array}[{self._kept(whole)}].reshape({group.members}, {terms})"
        turned = _slice(where[:, ::-1].T if access.along < 0 else where.T)
        if isinstance(turned, slice):
            text = f"{access.array}[{self._kept(turned)}].reshape({terms}, {group.members}).T"
            return f"{text}[:, ::-1]" if access.along < 0 else text
        return f"{access.array}[{self._kept(where)}]"

    def _outer(self, group: Group, x: Access, y: Access) -> str:
        """out[i, j] += sum over the rows of x[i] * y[j]: the slopes of a layer's weights."""
        if len(group.dims) != 2 or x.table is not None or y.table is not None:
            return ""
        if x.strides[0] == 0 and y.strides[1] == 0:
            x, y = y, x
        if x.strides[1] or y.strides[0]:
            return ""
        m, n = group.dims
        left = self._kept(_slice(x.base + _steps(m) * x.strides[0]))
        right = self._kept(_slice(y.base + _steps(n) * y.strides[1]))
        return f"({x.array}[{left}] @ {y.array}[{right}].T).reshape(-1)"


_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def _arrays(plan: Plan) -> list[str]:
    """The names of all arrays that a plan reads or writes."""
    read = {a.array for group in plan.groups for run in group.runs for a in run.accesses if a.literal is None}
    return sorted(read | {group.target.array for group in plan.groups})


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
        self.texts = [_Text(plan, functions) for plan in self.plans]
        self.calls = {id(plan): text.compiled() for plan, text in zip(self.plans, self.texts, strict=True)}
        self.seconds["preparing NumPy calls"] = time.perf_counter() - start
        self.uniforms = len(program.prologue.outputs)
        self.constants = {id(plan): np.array(plan.constants) for plan in self.plans}

    def run(self, parameters: Sequence[Any], data: Sequence[tuple[int, Any]] = (), rows: int = 0) -> Any:
        import numpy as np

        plans = self.plans
        assert plans is not None
        given = np.empty(self.program.parameters + self.uniforms)
        fill(given[: self.program.parameters], parameters)
        arrays: dict[str, Any] = {"P": given, "N": np.array([float(rows)])}
        out = np.zeros(self.program.outputs)
        with np.errstate(all="ignore"):
            if plans.prologue is not None:
                self._plan(plans.prologue, arrays | {"out": given})
            if plans.rows is not None:
                sums = np.zeros(plans.sums)
                for start in range(0, rows, BLOCK):
                    stop = min(start + BLOCK, rows)
                    block = np.empty((self.program.columns + 1, stop - start))
                    for first, values in [*self.fixed, *data]:
                        block[first : first + values.shape[1]] = values[start:stop].T
                    block[-1] = 1.0
                    self._plan(plans.rows, arrays | {"X": block, "out": sums}, stop - start)
                arrays["G"] = sums
            self._plan(plans.finale, arrays | {"out": out})
        return out

    def _plan(self, plan: Plan, arrays: dict[str, Any], rows: int | None = None) -> None:
        import numpy as np

        arrays["K"] = self.constants[id(plan)]
        arrays["rows"] = rows
        for array, size in plan.sizes.items():
            arrays[array] = np.empty(size if rows is None else (size, rows))
        self.calls[id(plan)](arrays)

    def text(self) -> str:
        return "\n\n\n".join(text.source for text in self.texts)
