"""A compiled call with its arguments already in place, for loops that must lose no microsecond.

In: a runner, its parameters and its data. Out: an object to call; parameters and results are arrays that it
reads and writes in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler import backends


class Prepared:
    """Call it to compute; no argument is looked at and nothing is checked.

    Attributes:
        parameters: what the next call reads, one number for each parameter; write to it in place.
        out: what the last call found: the loss, then its slopes.

    A result that is not finite is left as it is here: the ordinary call says what is wrong.

    >>> import tinygrad_lite as tg
    >>> step = tg.compile(lambda w: (w[0] - 3.0) ** 2 + w[1] ** 2).prepare([1.0, 1.0])
    >>> step()
    >>> step.loss, step.gradient.tolist()
    (5.0, [-4.0, 2.0])
    >>> step.parameters[0] = 3.0
    >>> step()
    >>> step.loss
    1.0
    """

    def __init__(
        self,
        runner: backends.Runner,
        parameters: Sequence[Any],
        data: Sequence[tuple[int, Any]],
        rows: int,
        slopes: int,
    ) -> None:
        import numpy as np

        self._slopes = slopes
        self.call: Callable[..., Any]
        if isinstance(runner, backends.LLVMRunner):
            buffers = self._buffers = runner.buffers(rows)
            backends.fill(buffers.parameters, parameters)
            buffers.fill(data)
            self.parameters, self.out = buffers.parameters[: runner.parameters], buffers.out
            self.call, self._pointer = runner.compiled.call, buffers.pointer
            return
        self.parameters = np.array(backends.flat(parameters))
        self.out = np.zeros(1 + slopes)

        def call(_: int) -> None:
            found = runner.run([self.parameters], data, rows)
            self.out[:] = found[: 1 + slopes]

        self.call, self._pointer = call, 0

    def __call__(self) -> None:
        self.call(self._pointer)

    @property
    def loss(self) -> float:
        return float(self.out[0])

    @property
    def gradient(self) -> Any:
        """The slopes in the order of the parameters, as an array that the next call overwrites."""
        return self.out[1 : 1 + self._slopes]
