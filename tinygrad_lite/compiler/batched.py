"""`tg.compile(f, batch=("x", "y"))`: a loss of one row, averaged over the rows of arrays.

In: a function of parameters and of one row of data. Out: a callable on parameters and all rows.

The function is traced by paths, without numbers: its comparisons become selects, and a whole
number used as an index (a label) becomes a choice among the values that occur. So each row may take
another branch, and one program serves them all.
"""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.calculus.transforms import value_and_grad
from tinygrad_lite.compiler import backends, kept
from tinygrad_lite.compiler.arguments import MOST_CHOICES, Block, Structure, flatten, names, numbers, rebuild, size
from tinygrad_lite.compiler.compiled import MAKING, SHORT, CompiledFunction
from tinygrad_lite.compiler.garbage import unsearched
from tinygrad_lite.compiler.paths import TooManyPaths, explore
from tinygrad_lite.compiler.prepared import Prepared
from tinygrad_lite.compiler.report import described, shown
from tinygrad_lite.compiler.results import apart, numbers_in, same, shaped, values_in
from tinygrad_lite.compiler.rows import RowProgram, mean
from tinygrad_lite.compiler.tape import Builder, Ref
from tinygrad_lite.compiler.trace import Trace, Tracer
from tinygrad_lite.compiler.uncompiled import CompileWarning, Leaf, outside
from tinygrad_lite.compiler.verify import CLOSE, slopes_apart
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.following import FOLLOWER, followed
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, ShapeError, TinygradLiteError, user_line


class BatchedFunction(CompiledFunction):
    """A loss of one row, compiled for all rows; see `compile`."""

    def __init__(
        self,
        f: Callable[..., Any],
        batch: Sequence[str],
        argnums: int | tuple[int, ...] = 0,
        backend: str | None = None,
    ) -> None:
        super().__init__(f, argnums, backend)
        self.parameters = list(inspect.signature(f).parameters)
        for name in batch:
            if name not in self.parameters:
                raise OperandError(
                    f"batch names {name!r}, but {self.__name__} takes {', '.join(self.parameters)}{user_line()}."
                )
        self.batch = tuple(batch)
        self._made_for: dict[Any, _RowCode] = {}
        self._labels_seen: dict[str, tuple[int, ...]] = {}

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """The mean of the loss over the rows."""
        if FOLLOWER.get() is not None:
            return self.uncompiled(*args, **kwargs)  # type: ignore[no-any-return]
        call = _Call(self, args, kwargs)
        out = self._answer(call, slopes=False)
        return float(out[0])

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:
        """The mean loss and its gradient along the argument (or arguments) of `argnums`, in its shape."""
        if FOLLOWER.get() is not None:
            return value_and_grad(self.uncompiled, self.argnums)(*args, **kwargs)  # type: ignore[no-any-return]
        call = _Call(self, args, kwargs)
        out = self._answer(call, slopes=True)
        return float(out[0]), call.shaped(out[1:])

    def backward(self, *args: Any, **kwargs: Any) -> float:
        """The mean loss; gradients are added to `.grad` of the Values used, as `loss.backward()` would."""
        call = _Call(self, args, kwargs)
        out = self._answer(call, slopes=True)
        if call.key not in self._made_for:  # it cannot be traced, so its graph tells what it used from outside
            return self._backward_by_rows(call)
        for value, share in zip([*call.values(), *self._made_for[call.key].captured], out[1:], strict=True):
            if value is not None:
                value.grad = value.grad + float(share)
        return float(out[0])

    def _backward_by_rows(self, call: _Call) -> float:
        loss, leaves = self._graph(call, range(call.rows))
        found = adjoints(loss)
        for value, leaf in zip(call.values(), leaves, strict=True):
            share = found.pop(leaf, 0.0)
            if value is not None:
                value.grad = value.grad + share
        for value, share in found.items():
            if not value.parents:
                value.grad = value.grad + share
        return float(loss.data)

    def jacobian(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient along the arguments of `argnums`, as one line; the loss is one number."""
        import numpy as np

        return np.array(list(numbers_in(self.grad(*args, **kwargs)))).reshape(1, -1)

    def uncompiled(self, *args: Any, **kwargs: Any) -> Any:
        """The mean over the rows, row by row: for those who must follow it."""
        given = dict(zip(self.parameters, args, strict=False)) | kwargs
        tables = {name: given.pop(name) for name in self.batch}
        rows = [dict(zip(tables, row, strict=True)) for row in zip(*tables.values(), strict=True)]
        return sum(self.f(**given, **row) for row in rows) / float(len(rows))

    def prepare(self, *args: Any, **kwargs: Any) -> Prepared:
        """A call for value and gradient with parameters and data in place, to be repeated; see `Prepared`."""
        self.value_and_grad(*args, **kwargs)
        call = _Call(self, args, kwargs)
        if call.key in self._eager:
            raise TinygradLiteError(f"{self.__name__} is not compiled: {self._eager[call.key]}")
        code = self._code(call)
        return Prepared(code.runners[True], code.given(call.chunks), call.columns(), call.rows, code.parameters)

    def _programs_made(self) -> list[Any]:
        return list(self._made_for.values())

    def prepared(self, *args: Any) -> tuple[_Call, _RowCode | None]:
        """These arguments, and the verified code for gradients on such rows, or None if they are not compiled."""
        call = _Call(self, args, {})
        code = self._code(call) if call.key not in self._eager else None
        if code is not None and True not in code.verified:
            self._answer(call, slopes=True)
            code = code if True in code.verified else None
        return call, code

    # ------------------------------------------------------------------ how a call is answered

    def _answer(self, call: _Call, slopes: bool) -> Any:
        if call.key not in self._eager:
            try:
                code = self._code(call)
                out = code.run(call.chunks, call.columns(), call.rows, slopes)
                if backends.finite(out):
                    if slopes in code.verified:
                        return out
                    started = time.perf_counter()
                    why = self._differs(code, call, slopes)
                    code.runners[slopes].seconds["verifying"] = time.perf_counter() - started
                    if not why:
                        code.verified.add(slopes)
                        kept.keep(code.runners[slopes])
                        return out
                    kept.forget(code.runners[slopes])
                    self._warn(call.key, why)
            except TooManyPaths as reason:
                self._warn(call.key, str(reason))
        return self._by_rows(call, range(call.rows), slopes)

    def _warn(self, key: Any, why: str) -> None:
        self._eager[key] = why
        warnings.warn(
            f"{self.__name__} runs without compiling from now on: {why}", CompileWarning, stacklevel=outside()
        )

    def _code(self, call: _Call) -> _RowCode:
        code = self._made_for.get(call.key)
        if code is None:
            with MAKING, unsearched():
                code = self._made_for.get(call.key)
                if code is None:
                    code = self._made_for[call.key] = _RowCode(self, call)
        return code

    @unsearched()
    def _differs(self, code: _RowCode, call: _Call, slopes: bool) -> str:
        """Compare with the engine on a few rows, repeated so that every loop of the code is run.

        Long code from the disk was kept because it agreed with the engine: the value of one row is enough.
        """
        if isinstance(code.runners[slopes], kept.KeptRunner) and sum(map(len, code.tape.args)) > SHORT:
            first = [(at, data[:1]) for at, data in call.columns()]
            found = code.by_row(call.chunks, [float(x) for _, data in first for x in data[0]])
            if found is not None:
                worst = apart(code.run(call.chunks, first, 1, slopes)[:1], found)
                return f"its value from the disk is {worst:.1e} away from the rows' own" if worst > CLOSE else ""
        few = min(4, call.rows)
        loss, leaves = self._graph(call, range(few))
        repeated = [(first, [data[k % few] for k in range(few * 11)]) for first, data in call.columns()]
        if backends.available() != ["tape"]:
            import numpy as np

            repeated = [(first, np.array(data)) for first, data in repeated]
        out = code.run(call.chunks, repeated, few * 11, slopes)
        worst = apart(out[:1], [getattr(loss, "data", loss)])
        if slopes:
            worst = max(worst, slopes_apart(loss, [*leaves, *code.captured], out[1:]))
        return f"its first compiled result is {worst:.1e} away from the engine's" if worst > CLOSE else ""

    def _by_rows(self, call: _Call, rows: Sequence[int], slopes: bool) -> list[float]:
        """The mean over these rows, and its slopes, by the engine."""
        loss, leaves = self._graph(call, rows)
        if not slopes:
            return [float(getattr(loss, "data", loss))]
        found = adjoints(loss) if isinstance(loss, Value) else {}
        captured = self._code(call).captured if call.key in self._made_for else ()
        return [float(getattr(loss, "data", loss)), *(found.get(leaf, 0.0) for leaf in [*leaves, *captured])]

    def _graph(self, call: _Call, rows: Sequence[int]) -> tuple[Any, list[Leaf]]:
        """The mean over these rows as the engine's graph, and the leaves that are the parameters."""
        leaves = [Leaf(x, name) for x, name in zip(numbers(call.chunks), call.labels(), strict=True)]
        total: Any = 0.0
        for k in rows:
            given = iter(leaves)
            args = {
                name: rebuild(structure, iter([Leaf(float(x)) for x in call.blocks[name].rows[k]]), same)
                if name in call.blocks
                else rebuild(structure, given, same)
                for name, structure in call.structures.items()
            }
            total = total + followed(self, self.f, **args)
        return total / float(len(rows)), leaves


class _Call:
    """The arguments of one call, sorted into parameters and rows."""

    def __init__(self, owner: BatchedFunction, args: Any, kwargs: Any) -> None:
        self.owner = owner
        if len(args) > len(owner.parameters):
            raise OperandError(f"{owner.__name__} takes {len(owner.parameters)} arguments{user_line()}.")
        given = dict(zip(owner.parameters, args, strict=False)) | kwargs
        self.structures: dict[str, Structure] = {}
        self.blocks: dict[str, Block] = {}
        self.chunks: list[Any] = []
        self.parameters: list[Any] = []
        for name in given:
            if name in owner.batch:
                block = self.blocks[name] = Block(name, given[name])
                self.structures[name] = block.structure
            else:
                self.structures[name] = flatten(given[name], self.chunks)
                self.parameters.append(given[name])
        missing = [name for name in owner.batch if name not in given]
        if missing:
            raise OperandError(f"the batch argument {missing[0]!r} was not given{user_line()}.")
        lengths = {name: len(block.rows) for name, block in self.blocks.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            shown = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise ShapeError(f"batch arguments need the same number of rows, at least one, but {shown}{user_line()}.")
        self.rows = next(iter(lengths.values()))
        labels = []
        for name, block in self.blocks.items():
            if block.whole:
                seen = set(owner._labels_seen.get(name, ())) | set(block.choices())
                owner._labels_seen[name] = tuple(sorted(seen)) if len(seen) <= MOST_CHOICES else ()
                labels.append((name, owner._labels_seen[name]))
        self.key = (tuple(self.structures.items()), tuple(labels))

    def values(self) -> list[Value | None]:
        """For each number of the parameters the Value it came from, or None."""
        return [value for thing in self.parameters for value in values_in(thing)]

    def choices(self, name: str) -> tuple[int, ...]:
        """The whole numbers that a batch argument may be, or () if it may be any number."""
        return dict(self.key[1]).get(name, ())

    def columns(self) -> list[tuple[int, Any]]:
        """(first column, table) of each batch argument, as the row program counts the columns."""
        found, at = [], 0
        for name in self.structures:
            if name in self.blocks:
                found.append((at, self.blocks[name].rows))
                at += size(self.structures[name])
        return found

    def labels(self) -> list[str]:
        """Names of the parameters' numbers."""
        return [
            n for name, structure in self.structures.items() if name not in self.blocks for n in names(structure, name)
        ]

    def shaped(self, slopes: Any) -> Any:
        starts, at = {}, 0
        for name, structure in self.structures.items():
            if name not in self.blocks:
                starts[name] = at
                at += size(structure)

        def one(i: int) -> Any:
            name = self.owner.parameters[i]
            if name not in starts:
                raise OperandError(
                    f"argnums names {name!r}, which is data; the gradient goes along parameters: "
                    f"{', '.join(starts) or 'there are none, use backward()'}{user_line()}."
                )
            part = self.structures[name]
            return shaped(part, slopes[starts[name] : starts[name] + size(part)])

        argnums = self.owner.argnums
        return one(argnums) if isinstance(argnums, int) else tuple(one(i) for i in argnums)


class _RowCode:
    """What was compiled for one structure of arguments."""

    def __init__(self, owner: BatchedFunction, call: _Call) -> None:
        self.name = owner.__name__
        self.backend, self.threads = owner.backend, owner.threads
        start = time.perf_counter()
        self.tape = tape = Builder()
        trace = Trace(tape)
        uniform = [trace.input(name) for name in call.labels()]
        columns: list[Tracer] = []
        for name, block in call.blocks.items():
            mine = [trace.input(label) for label in names(block.structure, name)]
            choices = dict(call.key[1]).get(name)
            if choices:
                trace.choices[mine[0].ref] = list(choices)
            columns += mine
        self.paths = 0

        def run() -> list[Ref]:
            self.paths += 1
            given, rows = iter(uniform), iter(columns)
            args = {
                name: rebuild(structure, rows if name in call.blocks else given, same)
                for name, structure in call.structures.items()
            }
            result = followed(trace, owner.f, **args)
            lifted = trace.lift(result, ops.add) if not isinstance(result, list | tuple | dict) else None
            if lifted is None:
                raise OperandError(f"the loss of one row must be one number, but {owner.__name__} gave {result!r}.")
            return [lifted.ref]

        tape.outputs = explore(trace, run)
        self.captured = tuple(trace.captured)
        # captured leaves stand behind the data on the tape; among the parameters they come last
        front = [t.ref for t in uniform]
        tape.inputs = [*front, *trace.captured.values(), *[t.ref for t in columns]]
        self.parameters = len(front) + len(self.captured)
        self.columns = len(columns)
        self.verified: set[bool] = set()
        self.rows = call.rows
        self.seconds = time.perf_counter() - start
        self.runners: dict[bool, backends.Runner] = {}

    def run(self, chunks: list[Any], data: Sequence[tuple[int, Any]], rows: int, slopes: bool) -> Any:
        runner = self.runners.get(slopes)
        if runner is None:
            runner = self._made(rows, slopes)
        try:
            return runner.run(self.given(chunks), data, rows)
        except (ValueError, ArithmeticError):
            return [math.nan]

    @unsearched()
    def _made(self, rows: int, slopes: bool) -> backends.Runner:
        along = range(self.parameters) if slopes else None
        facts = (self.parameters, self.columns, along)
        make = partial(RowProgram, self.tape, mean(self.parameters), *facts)
        runner = self.runners[slopes] = kept.runner(make, [self.tape], facts, self.backend, rows)
        runner.threads = self.threads
        return runner

    def by_row(self, chunks: list[Any], row: list[float]) -> list[float] | None:
        """The loss of one row by the table's own rules; None if a branch that is not taken refuses its operands."""
        try:
            return self.tape.run([*numbers(self.given(chunks)), *row])
        except (ValueError, ArithmeticError):
            return None

    def given(self, chunks: list[Any]) -> list[Any]:
        """The parameters: those that were given, then those from outside."""
        return chunks + [value.data for value in self.captured] if self.captured else chunks

    def report(self) -> str:
        lines = [
            f"{self.name}: traced one row in {self.seconds:.3f} s: {len(self.tape):,} ops, "
            f"{self.paths} path{'s' * (self.paths > 1)}, {self.parameters:,} parameters, {self.columns} numbers a row."
        ]
        for slopes, runner in sorted(self.runners.items()):
            lines += described("gradient" if slopes else "value", runner.program, runner, self.rows)
        return "\n".join(lines)

    def passes(self) -> Any:
        from tinygrad_lite.compiler import passes

        runner = self.runners[max(self.runners)]
        return passes.passes(self.tape, None, runner.program, runner)

    def source(self, kind: str) -> str:
        which = max(self.runners)
        return shown(kind, self.runners[which].program, self.runners[which])
