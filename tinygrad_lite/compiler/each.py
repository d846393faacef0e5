"""`fast.each(...)`: what a function of one sample gives for each of many, be it one number or many.

In: a function compiled with `batch=`. Out: a callable with the same arguments. Its result is built as that of one
sample, with the samples along a first axis more; so does `jax.vmap`. It is the batch program without its last sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, as_array, fill_blocks, leaves, opened, places, volume
from tinygrad_lite.compiler.backends import choice
from tinygrad_lite.compiler.batched import BatchedFunction
from tinygrad_lite.compiler.frontend.arguments import numbers
from tinygrad_lite.compiler.frontend.batch_arguments import BatchCall
from tinygrad_lite.compiler.runtime.batch_program import EachProgram
from tinygrad_lite.compiler.runtime.fallback import Leaf
from tinygrad_lite.compiler.runtime.program import Wrt
from tinygrad_lite.compiler.runtime.verify import CLOSE, max_relative_error
from tinygrad_lite.engine.modes import remembering
from tinygrad_lite.engine.tracing import traced_call


class EachSample(BatchedFunction):
    """A function of one sample, compiled for its results on each; see `BatchedFunction.each`."""

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
            by_output = as_array(taken, (-1, n)) if taken.__class__ is list else taken.reshape(-1, n)
            blocks.append(by_output.T.reshape(n, *shape).copy())
        elif taken.__class__ is list and choice.available() != ["tape"]:
            blocks.append(as_array(taken, (n,)))
        else:
            blocks.append(taken)
    return fill_blocks(structure, iter(blocks))
