"""Another choice at the corners: which derivative an op has where it has several.

    with tg.kinks(relu=0.5):        # in this block the derivative of relu at 0 is 0.5

Every derivative between the two sides of a corner is right, and libraries choose differently. The
block holds for the thread that opens it, and for what is recorded inside; graphs from before keep
theirs. Compiled functions keep the choice of the table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tinygrad_lite.engine.op import Op, op_named

_CHOSEN: ContextVar[dict[str, float]] = ContextVar("kinks", default={})  # noqa: B039  never changed in place
_lock = threading.Lock()
_open: dict[str, int] = {}  # op: how many blocks in all threads choose for it
_plain: dict[str, Callable[..., tuple[Any, ...]]] = {}


@contextmanager
def kinks(**choices: float) -> Iterator[None]:
    """A `with` block, or a decorator, in which ops have these derivatives at their corners.

    Args:
        choices: an op's name, such as relu, abs, leaky_relu, clip, max, and the derivative w.r.t. the operand that
            stands on the corner. Of operands of max and min that tie, the first has it, and the others share the rest.

    Raises:
        KeyError: no such op; the message shows the nearest names.
        ValueError: the op has no corner, or the number is no derivative there.

    >>> from tinygrad_lite.engine import Value
    >>> x = Value(0.0)
    >>> with kinks(relu=0.5):
    ...     x.relu().backward()
    >>> x.grad
    0.5
    """
    ops = [op_named(name) for name in choices]
    for op, choice in zip(ops, choices.values(), strict=True):
        kink = op.kink
        if kink is None or kink.low == kink.high:
            raise ValueError(f"{op.name} has no corner at which its derivative could be chosen.")
        if op.name in ("norm", "hypot") or not kink.low <= choice <= kink.high:
            raise ValueError(f"{op.name}={choice!r}: {kink.choice} Choose from {kink.low:g} to {kink.high:g}.")
    token = _CHOSEN.set({**_CHOSEN.get(), **choices})
    for op in ops:
        _count(op, +1)
    try:
        yield
    finally:
        for op in ops:
            _count(op, -1)
        _CHOSEN.reset(token)


def _count(op: Op, change: int) -> None:
    """Put a choosing rule in the place of the op's with the first open block; take it away with the last."""
    with _lock:
        before = _open.get(op.name, 0)
        _open[op.name] = before + change
        if before == 0:
            _plain[op.name] = op.partials
            op.partials = _choosing(op, op.partials)
        elif _open[op.name] == 0:
            op.partials = _plain.pop(op.name)


def _choosing(op: Op, plain: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    def partials(*operands_and_out: Any) -> tuple[Any, ...]:
        found = plain(*operands_and_out)
        choice = _CHOSEN.get().get(op.name)
        numbers = [x if x.__class__ is float else x.data for x in operands_and_out[:-1]]
        if choice is None or op.kink is None or not op.kink.met(*numbers):
            return found
        if op.arity is None:  # max or min: the first of those that tie, and the others
            tied = [i for i, derivative in enumerate(found) if derivative]
            rest = (1.0 - choice) / (len(tied) - 1)
            return tuple([choice if i == tied[0] else rest if i in tied else 0.0 for i in range(len(found))])
        if op.arity == 3:  # clip and hardtanh: the edge on which the operand stands has the rest
            return (choice, *[1.0 - choice if x == numbers[0] else 0.0 for x in numbers[1:]])
        return (choice, *found[1:])

    return partials
