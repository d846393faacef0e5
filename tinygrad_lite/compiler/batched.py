"""`tg.compile(f, batch=("x", "y"))`: a loss of one sample, averaged over the samples of arrays.

In: a function of parameters and of one sample of data. Out: a callable on parameters and all samples.

The function is traced by paths, without numbers: its comparisons become selects, and a whole
number used as an index (a label) becomes a choice among the values that occur. So each sample may take
another branch, and one program serves them all.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import leaves
from tinygrad_lite.calculus.transforms import grad, value_and_grad
from tinygrad_lite.compiler.backends import choice, runners
from tinygrad_lite.compiler.compiled import MAKING, SHORT, CompiledFunction
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall, BatchSignature
from tinygrad_lite.compiler.frontend.paths import TooManyPaths
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.batch_program import BatchProgram
from tinygrad_lite.compiler.runtime.fallback import CompileWarning, Leaf, outside
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.compiler.runtime.prepared import Prepared
from tinygrad_lite.compiler.runtime.verify import CLOSE, gradient_error, max_relative_error
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
        threads: int | None = None,
        dump: Callable[[str], Any] | None = None,
    ) -> None:
        super().__init__(f, argnums, backend, threads, dump)
        self.signature = BatchSignature(f, self.__name__, batch, argnums)
        self._made_for: dict[Any, BatchProgram] = {}

    # ------------------------------------------------------------------ what a user calls

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """The mean of the loss over the samples."""
        if current_trace.get() is not None:
            return self.uncompiled(*args, **kwargs)  # type: ignore[no-any-return]
        return float(self._answer(BatchCall(self.signature, args, kwargs), gradients=False)[0])

    def value_and_grad(self, *args: Any, **kwargs: Any) -> tuple[float, Any]:
        """The mean loss and its gradient along the argument (or arguments) of `argnums`, in its shape."""
        if current_trace.get() is not None:
            return value_and_grad(self.uncompiled, self.argnums)(*args, **kwargs)
        call = BatchCall(self.signature, args, kwargs)
        out = self._answer(call, gradients=True)
        return float(out[0]), call.shaped(out[1:])

    def backward(self, *args: Any, **kwargs: Any) -> float:
        """The mean loss; gradients are added to `.grad` of the Values used, as `loss.backward()` would."""
        call = BatchCall(self.signature, args, kwargs)
        out = self._answer(call, gradients=True)
        if call.key not in self._made_for:  # it cannot be traced, so its graph tells what it used from outside
            loss, given = self._graph(call, range(call.samples))
            found = adjoints(loss)
            shares = [(value, found.pop(leaf, 0.0)) for value, leaf in zip(call.values(), given, strict=True)]
            shares += [(value, share) for value, share in found.items() if not value.parents]
        else:
            receivers = [*call.values(), *self._made_for[call.key].captured]
            shares = list(zip(receivers, map(float, out[1:]), strict=True))
        for value, share in shares:
            if value is not None:
                value.grad = value.grad + share
        return float(out[0])

    def jacobian(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient along the arguments of `argnums`, as one line; the loss is one number."""
        import numpy as np

        return np.array(leaves(self.grad(*args, **kwargs))).reshape(1, -1)

    def jvp(self, point: Any, direction: Any) -> tuple[Any, Any]:
        """The mean loss, and how fast it changes along a direction, which is built as the argument of `argnums` is.

        Args:
            point: all arguments, as a tuple: parameters and samples.

        >>> import tinygrad_lite as tg
        >>> loss = tg.compile(lambda w, x: (w[0] * x + w[1]) ** 2, batch="x")
        >>> loss.jvp(([1.0, 0.0], [1.0, 3.0]), [0.0, 1.0])
        (5.0, 4.0)
        """
        return self(*point), self._directional()(direction, *point)

    def hvp(self, point: Any, direction: Any) -> Any:
        """The Hessian of the mean loss w.r.t. the argument of `argnums`, times a direction; see `jvp`."""
        return self._directional().grad(direction, *point)

    def _directional(self) -> BatchedFunction:
        """The derivative of the loss along a direction, as a function of it and of the other arguments.

        It is one number for each sample as well, so its gradient is the Hessian times the direction.
        """
        if not isinstance(self.argnums, int):
            raise OperandError(f"jvp and hvp go along one argument, but argnums is {self.argnums}{user_line()}.")
        if "directional" not in self._transforms:
            gradient = grad(self.f, self.argnums)

            def along(direction: Any, *args: Any) -> Any:
                pairs = zip(leaves(gradient(*args)), leaves(direction), strict=True)
                return sum(derivative * d for derivative, d in pairs)

            names = ", ".join(self.signature.parameters)
            made = eval(f"lambda direction, {names}: along(direction, {names})", {"along": along})
            how = self.settings.backend, self.settings.threads, self.settings.dump
            self._transforms["directional"] = BatchedFunction(made, self.signature.batch, self.argnums + 1, *how)
        return self._transforms["directional"]  # type: ignore[return-value]

    def uncompiled(self, *args: Any, **kwargs: Any) -> Any:
        """The mean over the samples, sample by sample: for those who must follow it."""
        given = dict(zip(self.signature.parameters, args, strict=False)) | kwargs
        tables = {name: given.pop(name) for name in self.signature.batch}
        samples = [dict(zip(tables, sample, strict=True)) for sample in zip(*tables.values(), strict=True)]
        return sum(self.f(**given, **sample) for sample in samples) / float(len(samples))

    def prepare(self, *args: Any, **kwargs: Any) -> Prepared:
        """A call for value and gradient with parameters and data in place, to be repeated; see `Prepared`."""
        call, code = self.prepared(*args, **kwargs)
        if code is None:
            why = self._eager.get(call.key, "its result is not finite here")
            raise TinygradLiteError(f"{self.__name__} does not run compiled on these arguments: {why}{user_line()}.")
        wrt = code.wrt(True)
        return Prepared(code.runners[wrt], *code.given(call.chunks, wrt, call.columns(), call.samples), code.parameters)

    def prepared(self, *args: Any, **kwargs: Any) -> tuple[BatchCall, BatchProgram | None]:
        """These arguments, and the verified code for gradients on such samples, or None if they are not compiled."""
        call = BatchCall(self.signature, args, kwargs)
        self._answer(call, gradients=True)
        code = self._made_for.get(call.key)
        if code is None or call.key in self._eager:
            return call, None
        wrt = code.wrt(True)
        if wrt in code.runners:
            code.hastened(wrt, call.samples)
        if wrt not in code.verified:
            self._answer(call, gradients=True)
        return call, code if wrt in code.verified else None

    def _programs_made(self) -> list[Any]:
        return list(self._made_for.values())

    # ------------------------------------------------------------------ how a call is answered

    def _answer(self, call: BatchCall, gradients: bool) -> Any:
        if call.key not in self._eager:
            try:
                code = self._code(call)
                wrt = code.wrt(gradients)
                out = code.run(call.chunks, wrt, call.columns(), call.samples, again=True)
                if runners.finite(out):
                    if wrt in code.verified:
                        return out
                    started = time.perf_counter()
                    why = self._differs(code, call, gradients)
                    code.runners[wrt].seconds["verifying"] = time.perf_counter() - started
                    if not why:
                        code.agreed(wrt)
                        return out
                    code.forget(wrt)
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
                    code = BatchProgram(self.f, call, self.settings)
                    call.without_labels(code.only_numbers)
                    self._made_for[call.key] = code
        return code

    @gc_paused()
    def _differs(self, code: BatchProgram, call: BatchCall, gradients: bool) -> str:
        """Compare with the engine on a few samples, repeated so that every loop of the code is run.

        Long code from the disk was kept because it agreed with the engine: the value of one sample is enough.
        """
        wrt, long = code.wrt(gradients), sum(map(len, code.tape.args)) > SHORT
        if isinstance(code.runners[wrt], program_cache.CachedRunner) and long:
            first = [(at, data[:1]) for at, data in call.columns()]
            found = code.by_sample(call.chunks, [float(x) for _, data in first for x in data[0]])
            if found is not None:
                worst = max_relative_error(code.run(call.chunks, wrt, first, 1)[:1], found)
                return f"its value from the disk is {worst:.1e} away from the samples' own" if worst > CLOSE else ""
        few = min(2 if long else 4, call.samples)
        loss, given = self._graph(call, range(few))
        repeated = [(first, [data[k % few] for k in range(few * 11)]) for first, data in call.columns()]
        if choice.available() != ["tape"]:
            import numpy as np

            repeated = [(first, np.array(data)) for first, data in repeated]
        out = code.run(call.chunks, wrt, repeated, few * 11)
        worst = max_relative_error(out[:1], [getattr(loss, "data", loss)])
        if gradients:
            worst = max(worst, gradient_error(loss, [*given, *code.captured], out[1:]))
        return f"its first compiled result is {worst:.1e} away from the engine's" if worst > CLOSE else ""

    def _by_samples(self, call: BatchCall, samples: Sequence[int], gradients: bool) -> list[float]:
        """The mean over these samples, and its gradients, by the engine."""
        loss, given = self._graph(call, samples)
        if not gradients:
            return [float(getattr(loss, "data", loss))]
        found = adjoints(loss) if isinstance(loss, Value) else {}
        captured = self._code(call).captured if call.key in self._made_for else ()
        return [float(getattr(loss, "data", loss)), *(found.get(leaf, 0.0) for leaf in [*given, *captured])]

    @remembering()
    def _graph(self, call: BatchCall, samples: Sequence[int]) -> tuple[Any, list[Leaf]]:
        """The mean over these samples as the engine's graph, and the leaves that are the parameters."""
        given = [Leaf(x, name) for x, name in zip(numbers(call.chunks), call.labels(), strict=True)]
        total: Any = 0.0
        for k in samples:
            sample = [Leaf(float(x)) for _, table in call.columns() for x in table[k]]
            total = total + traced_call(self, self.f, **call.arguments(given, sample))
        return total / float(len(samples)), given
