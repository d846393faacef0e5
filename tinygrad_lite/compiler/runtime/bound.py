"""Values whose numbers live in an array, so that compiled code and the user see the same parameters.

Reading `.data` of a bound Value reads the array, and assigning writes it: nothing has to be copied after
a step, since the node in C keeps two addresses. A Value becomes bound in place, so that every list that
holds it stays right; `release` makes it an ordinary Value again. A copy or a pickle of a bound Value is
an ordinary one with the numbers of now.

A node in Python has no room for addresses and stays as it is: there `bind` only copies the numbers into the arrays,
and `hand_back` copies them out after the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine import native
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.value import Value

changes: list[int] = [0]
"""How often Values have been bound or released: as long as it is the same, what was bound still is."""

Place = tuple[Any, Any, int]
"""The array of numbers, the array of gradients, and the place in both."""


def place_of(value: Value) -> Place | None:
    """Where the numbers of a bound Value are kept; None of an ordinary one."""
    found: Place | None = native.node.owner(value) if native.node else None
    return found


def bind(values: Sequence[Value], numbers: Any, grads: Any) -> None:
    """From now on the data and grad of `values[i]` are `numbers[i]` and `grads[i]`, beginning with what they are.

    Args:
        numbers, grads: arrays of float64, each number behind the other, at least as long as `values`.
    """
    release(values)
    numbers[: len(values)] = [number(value.data, "a parameter") for value in values]
    grads[: len(values)] = [value.grad.data if isinstance(value.grad, Value) else value.grad for value in values]
    if native.node:
        number_at, grad_at = numbers.ctypes.data, grads.ctypes.data
        for i, value in enumerate(values):
            value.grad = 0.0  # a history ends here
            native.node.bind(value, number_at + 8 * i, grad_at + 8 * i, (numbers, grads, i))


def hand_back(values: Sequence[Value], numbers: Any, grads: Any) -> None:
    """Give nodes in Python the numbers that compiled code has left in the arrays; if it is interrupted, all of them."""

    def give() -> None:
        for value, x, grad in zip(values, numbers.tolist(), grads.tolist(), strict=False):  # the arrays may be longer
            value.data, value.grad = x, grad

    if native.node is None:
        try:
            give()
        except BaseException:
            give()
            raise


def release(values: Sequence[Value]) -> None:
    """Make bound Values ordinary ones, with the numbers they have now."""
    changes[0] += 1
    if native.node:
        for value in values:
            native.node.release(value)


def holds(value: Value, numbers: Any) -> bool:
    """Whether a Value is bound to that array."""
    place = place_of(value)
    return place is not None and place[0] is numbers


class Together:
    """The data of many Values, or their gradients, read at once while they all lie in one array."""

    __slots__ = ("values", "_field", "_seen", "_array", "_places")

    def __init__(self, values: Sequence[Value], field: str = "data") -> None:
        self.values: tuple[Value, ...] = tuple(values)
        self._field = field
        self._seen = -1

    def __call__(self) -> list[float]:
        """The numbers as they are now, in the order of the Values."""
        if self._seen != changes[0]:
            self._look()
        if self._array is None:
            return [getattr(value, self._field) for value in self.values]
        found: list[float] = self._array[self._places].tolist()
        return found

    def _look(self) -> None:
        """Find out where the numbers lie now."""
        self._seen, self._array = changes[0], None
        places = [place_of(value) for value in self.values]
        if places and None not in places:
            import numpy as np

            arrays = [place[1] if self._field == "grad" else place[0] for place in places if place]
            if all(array is arrays[0] for array in arrays):
                self._array, self._places = arrays[0], np.array([place[2] for place in places if place])
