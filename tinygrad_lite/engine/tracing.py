"""Which trace is being made, if a function is called to see how its result is computed.

While the compiler runs a function on tracers, or a transform runs one on Values of its own, what would answer with
bare numbers, as a compiled function does, must work step by step; and a transform inside a compiled function must
ask the trace for derivatives, since there are no Values.
"""

from __future__ import annotations

from contextvars import ContextVar

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.hints import Any, Callable, Sequence

current_trace: ContextVar[Any] = ContextVar("current_trace", default=None)
"""A transform's recording, or a trace of the compiler; None while nothing is traced."""


class TracedNumber(Arithmetic):
    """A number that stands for a Value while a function is traced."""

    __slots__ = ()

    def derivatives_wrt(self, inputs: Sequence[Any]) -> list[Any]:
        """The derivative of this number w.r.t. each of those, as numbers of the same kind."""
        raise NotImplementedError


def traced_call(trace: Any, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What f gives, called while `trace` is the current trace."""
    token = current_trace.set(trace)
    try:
        return f(*args, **kwargs)
    finally:
        current_trace.reset(token)
