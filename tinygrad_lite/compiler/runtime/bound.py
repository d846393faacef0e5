"""Values whose numbers live in an array, so that compiled code and the user see the same parameters.

Reading `.data` of a bound Value reads the array, and assigning writes it: nothing has to be copied after
a step. A Value becomes bound in place, so that every list that holds it stays right; `release` makes it
an ordinary Value again. A copy or a pickle of a bound Value is an ordinary one with the numbers of now.

The node in C keeps two addresses for it. A node in Python has no room for that: there a bound Value is
of a class of its own, `SharedLeaf`, with the same slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine import native
from tinygrad_lite.engine.node import Node
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.value import Value

changes: list[int] = [0]
"""How often Values have been bound or released: as long as it is the same, what was bound still is."""

Place = tuple[Any, Any, int]
"""The array of numbers, the array of gradients, and the place in both."""


class SharedLeaf(Value):
    """A bound Value where the node is in Python: its slot `data` holds the Place, its slot `grad` nothing."""

    __slots__ = ()

    @property
    def data(self) -> float:
        numbers, _, i = _SLOT.__get__(self)
        return float(numbers[i])

    @data.setter
    def data(self, x: Any) -> None:
        numbers, _, i = _SLOT.__get__(self)
        numbers[i] = number(x, "a parameter")

    @property
    def grad(self) -> Any:
        _, grads, i = _SLOT.__get__(self)
        return float(grads[i])

    @grad.setter
    def grad(self, x: Any) -> None:
        _, grads, i = _SLOT.__get__(self)
        grads[i] = x.data if isinstance(x, Value) else x

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _ordinary, (self.data, self.grad, self.label)

    def __copy__(self) -> Value:
        return _ordinary(self.data, self.grad, self.label)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return _ordinary(self.data, self.grad, self.label)


_SLOT: Any = None if native.node else vars(Node)["data"]  # the slot itself, below the property


def _ordinary(data: float, grad: float, label: str) -> Value:
    value = Value(data, label)
    value.grad = grad
    return value


def place_of(value: Value) -> Place | None:
    """Where the numbers of a bound Value are kept; None of an ordinary one."""
    if native.node:
        found: Place | None = native.node.owner(value)
        return found
    return _SLOT.__get__(value) if isinstance(value, SharedLeaf) else None


def bind(values: Sequence[Value], numbers: Any, grads: Any) -> None:
    """From now on the data and grad of `values[i]` are `numbers[i]` and `grads[i]`, beginning with what they are.

    Args:
        numbers, grads: arrays of float64, each number behind the other, at least as long as `values`.
    """
    release(values)
    number_at, grad_at = numbers.ctypes.data, grads.ctypes.data
    for i, value in enumerate(values):
        numbers[i] = value.data
        grads[i] = value.grad.data if isinstance(value.grad, Value) else value.grad
        value.grad = 0.0  # a history ends here
        if native.node:
            native.node.bind(value, number_at + 8 * i, grad_at + 8 * i, (numbers, grads, i))
        else:
            _become(value, SharedLeaf)
            _SLOT.__set__(value, (numbers, grads, i))


def _become(value: Any, kind: type[Value]) -> None:
    """Both kinds have the same slots, so an object can turn from one into the other."""
    value.__class__ = kind


def release(values: Sequence[Value]) -> None:
    """Make bound Values ordinary ones, with the numbers they have now."""
    changes[0] += 1
    for value in values:
        if native.node:
            native.node.release(value)
        elif isinstance(value, SharedLeaf):
            data, grad = value.data, value.grad
            _become(value, Value)
            value.data, value.grad = data, grad


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
