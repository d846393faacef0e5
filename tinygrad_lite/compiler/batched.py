"""`tg.compile(f, batch=("x", "y"))`: a loss of one sample, averaged over the samples of arrays.

In: a function of parameters and of one sample of data. Out: a callable on parameters and all samples.

The function is traced by paths, without numbers: its comparisons become selects, and a whole
number used as an index (a label) becomes a choice among the values that occur. So each sample may take
another branch, and one program serves them all.
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.calculus.transforms import value_and_grad
from tinygrad_lite.compiler.api import MAKING, SHORT, CompiledFunction
from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.frontend.arguments import Structure, numbers, rebuild
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall
from tinygrad_lite.compiler.frontend.paths import TooManyPaths
from tinygrad_lite.compiler.frontend.results import max_relative_error, numbers_in, same
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.batch_program import BatchProgram
from tinygrad_lite.compiler.runtime.fallback import CompileWarning, Leaf, outside
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.prepared import Prepared
from tinygrad_lite.compiler.runtime.verify import CLOSE, gradient_error
from tinygrad_lite.engine.modes import remembering
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.tracing import current_trace, traced_call
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, TinygradLiteError, user_line


class BatchedFunction(CompiledFunction):
    """A loss of one sample, compiled for all samples; see `compile`."""

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
        self._made_for: dict[Any, BatchProgram] = {}
        self.labels_seen: dict[str, tuple[int, ...]] = {}
        self.only_numbers: dict[Structure, set[str]] = {}  # the batch arguments that are never an index

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """The mean of the loss over the samples."""
        if current_trace.get() is not None:
            return self.uncompiled(*args, **kwargs)  # type: ignore[no-any-return]
        call = BatchCall(self, args, kwargs)
        out = self._answer(call, gradients=False)
        return float(out[0])

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:
        """The mean loss and its gradient along the argument (or arguments) of `argnums`, in its shape."""
        if current_trace.get() is not None:
            return value_and_grad(self.uncompiled, self.argnums)(*args, **kwargs)
        call = BatchCall(self, args, kwargs)
        out = self._answer(call, gradients=True)
        return float(out[0]), call.shaped(out[1:])

    def backward(self, *args: Any, **kwargs: Any) -> float:
        """The mean loss; gradients are added to `.grad` of the Values used, as `loss.backward()` would."""
        call = BatchCall(self, args, kwargs)
        out = self._answer(call, gradients=True)
        if call.key not in self._made_for:  # it cannot be traced, so its graph tells what it used from outside
            return self._backward_by_samples(call)
        for value, share in zip([*call.values(), *self._made_for[call.key].captured], out[1:], strict=True):
            if value is not None:
                value.grad = value.grad + float(share)
        return float(out[0])

    def _backward_by_samples(self, call: BatchCall) -> float:
        loss, leaves = self._graph(call, range(call.samples))
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
        """The mean over the samples, sample by sample: for those who must follow it."""
        given = dict(zip(self.parameters, args, strict=False)) | kwargs
        tables = {name: given.pop(name) for name in self.batch}
        samples = [dict(zip(tables, sample, strict=True)) for sample in zip(*tables.values(), strict=True)]
        return sum(self.f(**given, **sample) for sample in samples) / float(len(samples))

    def prepare(self, *args: Any, **kwargs: Any) -> Prepared:
        """A call for value and gradient with parameters and data in place, to be repeated; see `Prepared`."""
        self.value_and_grad(*args, **kwargs)
        call = BatchCall(self, args, kwargs)
        if call.key in self._eager:
            raise TinygradLiteError(f"{self.__name__} is not compiled: {self._eager[call.key]}")
        code = self._code(call)
        code.loops(call.samples, True)
        if True not in code.verified:
            self.value_and_grad(*args, **kwargs)
        return Prepared(code.runners[True], code.given(call.chunks), call.columns(), call.samples, code.parameters)

    def _programs_made(self) -> list[Any]:
        return list(self._made_for.values())

    def prepared(self, *args: Any) -> tuple[BatchCall, BatchProgram | None]:
        """These arguments, and the verified code for gradients on such samples, or None if they are not compiled."""
        call = BatchCall(self, args, {})
        code = self._code(call) if call.key not in self._eager else None
        if code is not None:
            code.loops(call.samples, True)
            if True not in code.verified:
                self._answer(call, gradients=True)
                code = code if True in code.verified else None
        return call, code

    # ------------------------------------------------------------------ how a call is answered

    def _answer(self, call: BatchCall, gradients: bool) -> Any:
        if call.key not in self._eager:
            try:
                code = self._code(call)
                out = code.run(call.chunks, call.columns(), call.samples, gradients, again=True)
                if runners.finite(out):
                    if gradients in code.verified:
                        return out
                    started = time.perf_counter()
                    why = self._differs(code, call, gradients)
                    code.runners[gradients].seconds["verifying"] = time.perf_counter() - started
                    if not why:
                        code.verified.add(gradients)
                        program_cache.keep(code.runners[gradients])
                        return out
                    program_cache.forget(code.runners[gradients])
                    self._warn(call.key, why)
            except TooManyPaths as reason:
                self._warn(call.key, str(reason))
        return self._by_samples(call, range(call.samples), gradients)

    def _warn(self, key: Any, why: str) -> None:
        self._eager[key] = why
        warnings.warn(
            f"{self.__name__} runs without compiling from now on: {why}", CompileWarning, stacklevel=outside()
        )

    def _code(self, call: BatchCall) -> BatchProgram:
        code = self._made_for.get(call.key)
        if code is None:
            with MAKING, gc_paused():
                code = self._made_for.get(call.key)
                if code is None:
                    code = BatchProgram(self, call)
                    self.only_numbers[call.structure] = code.only_numbers
                    call.without_labels(code.only_numbers)
                    self._made_for[call.key] = code
        return code

    @gc_paused()
    def _differs(self, code: BatchProgram, call: BatchCall, gradients: bool) -> str:
        """Compare with the engine on a few samples, repeated so that every loop of the code is run.

        Long code from the disk was kept because it agreed with the engine: the value of one sample is enough.
        """
        if isinstance(code.runners[gradients], program_cache.CachedRunner) and sum(map(len, code.tape.args)) > SHORT:
            first = [(at, data[:1]) for at, data in call.columns()]
            found = code.by_sample(call.chunks, [float(x) for _, data in first for x in data[0]])
            if found is not None:
                worst = max_relative_error(code.run(call.chunks, first, 1, gradients)[:1], found)
                return f"its value from the disk is {worst:.1e} away from the rows' own" if worst > CLOSE else ""
        few = min(4, call.samples)
        loss, leaves = self._graph(call, range(few))
        repeated = [(first, [data[k % few] for k in range(few * 11)]) for first, data in call.columns()]
        if choice.available() != ["tape"]:
            import numpy as np

            repeated = [(first, np.array(data)) for first, data in repeated]
        out = code.run(call.chunks, repeated, few * 11, gradients)
        worst = max_relative_error(out[:1], [getattr(loss, "data", loss)])
        if gradients:
            worst = max(worst, gradient_error(loss, [*leaves, *code.captured], out[1:]))
        return f"its first compiled result is {worst:.1e} away from the engine's" if worst > CLOSE else ""

    def _by_samples(self, call: BatchCall, samples: Sequence[int], gradients: bool) -> list[float]:
        """The mean over these samples, and its gradients, by the engine."""
        loss, leaves = self._graph(call, samples)
        if not gradients:
            return [float(getattr(loss, "data", loss))]
        found = adjoints(loss) if isinstance(loss, Value) else {}
        captured = self._code(call).captured if call.key in self._made_for else ()
        return [float(getattr(loss, "data", loss)), *(found.get(leaf, 0.0) for leaf in [*leaves, *captured])]

    @remembering()
    def _graph(self, call: BatchCall, samples: Sequence[int]) -> tuple[Any, list[Leaf]]:
        """The mean over these samples as the engine's graph, and the leaves that are the parameters."""
        leaves = [Leaf(x, name) for x, name in zip(numbers(call.chunks), call.labels(), strict=True)]
        total: Any = 0.0
        for k in samples:
            given = iter(leaves)
            args = {
                name: rebuild(structure, iter([Leaf(float(x)) for x in call.blocks[name].samples[k]]), same)
                if name in call.blocks
                else rebuild(structure, given, same)
                for name, structure in call.structures.items()
            }
            total = total + traced_call(self, self.f, **args)
        return total / float(len(samples)), leaves
