"""Who follows a computation, when it is not for its numbers.

While the compiler runs a function on tracers, or a transform runs one on Values of its own, somebody wants to know how
the result is made. What would answer with bare numbers, as a compiled function does, must then work step by step; and
a transform inside a compiled function must ask the trace for slopes, since there are no Values.
"""

from __future__ import annotations

from contextvars import ContextVar

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.hints import Any, Callable, Sequence

FOLLOWER: ContextVar[Any] = ContextVar("follower", default=None)
"""A transform's recording, or a trace of the compiler; None while nobody follows."""


class Followed(Arithmetic):
    """A number that stands for a Value while a function is traced."""

    __slots__ = ()

    def slopes_along(self, inputs: Sequence[Any]) -> list[Any]:
        """The slope of this number along each of those, as numbers of the same kind."""
        raise NotImplementedError


def followed(follower: Any, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What f gives, called under the eyes of a follower."""
    token = FOLLOWER.set(follower)
    try:
        return f(*args, **kwargs)
    finally:
        FOLLOWER.reset(token)
