"""How the learning rate changes from step to step.

An optimizer's `lr` is a number, or a schedule: a function of the step, counted from 0. Any
function will do; those made here can also be saved with the optimizer's state.

>>> [round(cosine(1.0, steps=4)(step), 3) for step in range(6)]
[1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


class Schedule:
    """A rule with its numbers: `schedule(step)` is the learning rate of that step.

    Attributes:
        name: the function of this module that made it.
        numbers: its arguments, as plain data.
    """

    __slots__ = ("name", "numbers", "_rule")

    def __init__(self, name: str, rule: Callable[[int], float], **numbers: Any) -> None:
        self.name: str = name
        self.numbers: dict[str, Any] = numbers
        self._rule = rule

    def __call__(self, step: int) -> float:
        return self._rule(step)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.numbers.items())})"

    def describe(self) -> dict[str, Any]:
        """The schedule as plain data."""
        inside = {k: v.describe() if isinstance(v, Schedule) else v for k, v in self.numbers.items()}
        return {"schedule": self.name, **inside}


def constant(lr: float) -> Schedule:
    """The same at every step."""
    return Schedule("constant", lambda step: lr, lr=lr)


def linear(lr: float, end: float, steps: int) -> Schedule:
    """A straight line from lr at step 0 to `end` at step `steps`, and `end` from there on.

    micrograd's demo goes down from 1 to 0.1 in 100 steps:

    >>> linear(1.0, 0.1, steps=100)(50)
    0.55
    """
    return Schedule("linear", lambda step: lr + (end - lr) * min(step / steps, 1.0), lr=lr, end=end, steps=steps)


def step_decay(lr: float, factor: float, every: int) -> Schedule:
    """lr times `factor` once more after each `every` steps. torch: `StepLR`.

    >>> [step_decay(1.0, 0.5, every=2)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return Schedule("step_decay", lambda step: lr * factor ** (step // every), lr=lr, factor=factor, every=every)


def cosine(lr: float, steps: int, end: float = 0.0) -> Schedule:
    """Half a cosine from lr at step 0 to `end` at step `steps`, and `end` from there on.

    torch: `CosineAnnealingLR`, which rises again afterwards. Source: Loshchilov and Hutter, "SGDR", 2017.
    """

    def rule(step: int) -> float:
        return end + (lr - end) * (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2

    return Schedule("cosine", rule, lr=lr, steps=steps, end=end)


def warm_up(then: float | Schedule, steps: int) -> Schedule:
    """Rise in a straight line through the first `steps` steps, then go on as the schedule says from its step 0.

    >>> [warm_up(1.0, steps=4)(step) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    after = then if callable(then) else constant(then)

    def rule(step: int) -> float:
        return after(0) * (step + 1) / steps if step < steps else after(step - steps)

    return Schedule("warm_up", rule, then=after, steps=steps)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    schedule.__name__: schedule for schedule in (constant, linear, step_decay, cosine, warm_up)
}


def from_description(described: Any) -> Schedule:
    """The schedule that gave this description.

    Raises:
        ValueError: it describes none of this module's schedules.
    """
    try:
        numbers = dict(described)
        maker = SCHEDULES[numbers.pop("schedule")]
        if "then" in numbers:
            numbers["then"] = from_description(numbers["then"])
        return maker(**numbers)
    except (TypeError, KeyError, ValueError) as reason:
        raise ValueError(f"{described!r:.80} describes no learning rate schedule ({reason}).") from None
