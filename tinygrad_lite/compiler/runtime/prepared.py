"""A compiled call with its arguments already in place, for loops that must lose no microsecond.

In: a runner, its parameters and its data. Out: an object to call; parameters and results are arrays that it
reads and writes in place.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Self

from tinygrad_lite.compiler.backends import runners
from tinygrad_lite.compiler.frontend.arguments import numbers


class Prepared(functools.partial[None]):
    """Call it, without arguments, to compute; nothing is checked.

    It is a `partial`: machine code and the address of its buffers, with no Python between the two.

    Attributes:
        parameters: what the next call reads, one number for each parameter; write to it in place.
        out: what the last call found: the loss, then its gradients.

    Numbers or arrays given to a call are refused: parameters are written in place, and the data stay what they were.
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

    parameters: Any
    out: Any
    _gradients: int
    _buffers: Any

    def __new__(
        cls,
        runner: runners.Runner,
        parameters: Sequence[Any],
        data: Sequence[tuple[int, Any]],
        samples: int,
        gradients: int,
    ) -> Self:
        import numpy as np

        if isinstance(runner, runners.Buffered):
            buffers: Any = runner.buffers(samples)
            runners.fill(buffers.parameters, parameters)
            buffers.fill(data)
            made = super().__new__(cls, *runner.bound(buffers))
            made.parameters, made.out = buffers.parameters[: runner.parameters], buffers.out
            made._buffers = buffers
        else:
            given, out = np.array(numbers(parameters)), np.zeros(1 + gradients)

            def call() -> None:
                out[:] = runner.run([given], data, samples)[: 1 + gradients]

            made = super().__new__(cls, call)
            made.parameters, made.out = given, out
        made._gradients = gradients
        return made

    @property
    def loss(self) -> float:
        return float(self.out[0])

    @property
    def gradient(self) -> Any:
        """The gradients in the order of the parameters, as an array that the next call overwrites."""
        return self.out[1 : 1 + self._gradients]
