"""`tg.compile(f, batch=("x", "y"))`: a loss of one sample, averaged over the samples of arrays.

In: a function of parameters and of one sample of data. Out: a callable on parameters and all samples.

The function is traced by paths, without numbers: its comparisons become selects, and a whole
number used as an index (a label) becomes a choice among the values that occur. So each sample may take
another branch, and one program serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, as_array, fill_blocks, leaves, opened, places, volume
from tinygrad_lite.calculus.transforms import grad
from tinygrad_lite.compiler.backends import choice
from tinygrad_lite.compiler.compiled import SHORT, CompiledFunction, Specialized
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall, BatchSignature
from tinygrad_lite.compiler.runtime.batch_program import BatchProgram, EachProgram
from tinygrad_lite.compiler.runtime.fallback import Leaf
from tinygrad_lite.compiler.runtime.program import ALL, Wrt
from tinygrad_lite.compiler.runtime.program_cache import CachedRunner
from tinygrad_lite.compiler.runtime.verify import CLOSE, gradient_error, max_relative_error
from tinygrad_lite.engine.modes import remembering
from tinygrad_lite.engine.tracing import traced_call
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line


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
        self.signature: BatchSignature = BatchSignature(f, self.__name__, batch, argnums)

    # ------------------------------------------------------------------ what a user calls

    def each(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives for each sample: its result with the samples along a first axis more, as `jax.vmap`.

        The function may give here more than one number: predictions, or by `tg.grad` inside it the gradient
        of each sample.

        >>> import tinygrad_lite as tg
        >>> line = tg.compile(lambda w, x: w[0] * x + w[1], batch="x")
        >>> line.each([2.0, 1.0], [1.0, 2.0, 3.0]).tolist()
        [3.0, 5.0, 7.0]
        """
        if "each" not in self._transforms:
            how = self.settings.backend, self.settings.threads, self.settings.dump
            made = self._transforms["each"] = EachSample(self.f, self.signature.batch, 0, *how)
            made.settings = made.settings._replace(name=self.settings.name)
        return self._transforms["each"](*args, **kwargs)

    def jacobian(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient w.r.t. the arguments of `argnums`, as one line; the loss is one number."""
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
        results = self._by_sample(args, kwargs)
        return sum(results) / float(len(results))

    def _by_sample(self, args: Any, kwargs: Any) -> list[Any]:
        """What the function gives as it was written, for each sample."""
        given = dict(zip(self.signature.parameters, args, strict=False)) | kwargs
        tables = {name: given[name] for name in self.signature.batch}
        found = []
        for sample in zip(*tables.values(), strict=True):
            placed, named = self.signature.arguments(given | dict(zip(tables, sample, strict=True)))
            found.append(self.f(*placed, **named))
        return found

    # ------------------------------------------------------------------ how a call is answered

    def _call(self, args: Any, kwargs: Any) -> tuple[BatchCall, Specialized]:
        call = BatchCall(self.signature, args, kwargs)
        return call, self._specialized(call)

    def _trace(self, call: BatchCall) -> BatchProgram:
        made = BatchProgram(self.f, call, self.settings)
        call.without_labels(made.only_numbers)
        return made

    def _asked(self, call: BatchCall, served: Specialized) -> tuple[Wrt, Callable[[Any], Any]]:
        """The gradients w.r.t. all parameters, and what takes those of argnums."""
        served.wanted = ALL, call.gradients()
        return served.wanted

    def _receivers(self, values: dict[int, Value]) -> tuple[Wrt, dict[int, Value]]:
        return ALL, {i + 1: value for i, value in values.items()}

    def _differs(self, program: Any, call: BatchCall, inputs: Wrt, out: Any) -> str:
        """Compare with the engine on a few samples, repeated so that every loop of the code is run.

        Long code from the disk was kept because it agreed with the engine: the value of one sample is enough.
        """
        long = sum(map(len, program.tape.args)) > SHORT
        if isinstance(program.runners[inputs], CachedRunner) and long:
            first = [(at, data[:1]) for at, data in call.columns]
            found = program.by_sample(call.chunks, [float(x) for _, data in first for x in data[0]])
            if found is not None:
                worst = max_relative_error(program.run(call.chunks, inputs, first, 1)[:1], found)
                return f"its value from the disk is {worst:.1e} away from the samples' own" if worst > CLOSE else ""
        few = min(2 if long else 4, call.samples)
        loss, given = self._graph(call, range(few))
        repeated = [(first, [data[k % few] for k in range(few * 11)]) for first, data in call.columns]
        if choice.available() != ["tape"]:
            import numpy as np

            repeated = [(first, np.array(data)) for first, data in repeated]
        out = program.run(call.chunks, inputs, repeated, few * 11)
        worst = max_relative_error(out[:1], [getattr(loss, "data", loss)])
        if inputs is not None:
            worst = max(worst, gradient_error(loss, [*given, *program.captured], out[1:]))
        return f"its first compiled result is {worst:.1e} away from the engine's" if worst > CLOSE else ""

    def _leave_to_the_engine(self, program: Any, call: Any, wrt: Wrt) -> None:
        """The engine goes through the samples one by one, and is not faster."""

    def _by_engine(self, call: BatchCall) -> tuple[Any, list[Leaf]]:
        return self._graph(call, range(call.samples))

    @remembering()
    def _graph(self, call: BatchCall, samples: Sequence[int]) -> tuple[Any, list[Leaf]]:
        """The mean over these samples as the engine's graph, and the leaves that are the parameters."""
        given = [Leaf(x, name) for x, name in zip(numbers(call.chunks), call.labels(), strict=True)]
        total: Any = 0.0
        for k in samples:
            sample = [Leaf(float(x)) for _, table in call.columns for x in table[k]]
            args, kwargs = call.arguments(given, sample)
            total = total + traced_call(self, self.f, *args, **kwargs)
        return total / float(len(samples)), given


class EachSample(BatchedFunction):
    """A function of one sample, compiled for its results on each: the batch program without its last sum."""

    def uncompiled(self, *args: Any, **kwargs: Any) -> Any:
        """The same by the function as it was written, sample by sample."""
        return _together(self._by_sample(args, kwargs))

    def _trace(self, call: BatchCall) -> EachProgram:
        made = EachProgram(self.f, call, self.settings)
        made.shaped = lambda out: _stacked(made.structure, out, made.outputs)
        call.without_labels(made.only_numbers)
        return made

    def _by_engine(self, call: BatchCall) -> tuple[Any, list[Any]]:
        return _together(self._results(call, call.samples)), []

    @remembering()
    def _results(self, call: BatchCall, few: int) -> list[Any]:
        """Those of the first samples, as the engine finds them."""
        given = [Leaf(x) for x in numbers(call.chunks)]
        tables = [table[:few] for _, table in call.columns]
        rows = [[Leaf(float(x)) for part in parts for x in part] for parts in zip(*tables, strict=True)]
        calls = [call.arguments(given, row) for row in rows]
        return [traced_call(self, self.f, *args, **kwargs) for args, kwargs in calls]

    def _differs(self, program: Any, call: BatchCall, inputs: Wrt, out: Any) -> str:
        """Compare with the engine on the first samples."""
        few = min(4, call.samples)
        wanted = [[float(getattr(x, "data", x)) for x in leaves(result)] for result in self._results(call, few)]
        found = [out[k * call.samples + i] for i in range(few) for k in range(program.outputs)]
        worst = max_relative_error(found, [x for row in wanted for x in row])
        return f"its first compiled result is {worst:.1e} away from the engine's" if worst > CLOSE else ""


def _together(results: Sequence[Any]) -> Any:
    """Results of single samples as one of them all."""
    columns = zip(*map(leaves, results), strict=True)
    return _stacked(opened(results[0], []), [x for column in columns for x in column], len(leaves(results[0])))


def _stacked(structure: Structure, out: Any, outputs: int) -> Any:
    """Numbers, output by output those of all samples, in this structure: arrays whose first axis is the samples."""
    n, at, blocks = len(out) // max(outputs, 1), 0, []
    for _, shape in places(structure):
        taken = out[at : at + n * volume(shape)]
        at += len(taken)
        if shape is not None:
            blocks.append(as_array(taken, (-1, n)).T.reshape(n, *shape).copy())
        elif taken.__class__ is list and choice.available() != ["tape"]:
            blocks.append(as_array(taken, (n,)))
        else:
            blocks.append(taken)
    return fill_blocks(structure, iter(blocks))
