"""Values whose numbers live in an array, so that compiled code and the user see the same parameters.

Reading `.data` of a bound Value reads the array, and assigning writes it: nothing has to be copied after
a step. A Value becomes bound in place, so that every list that holds it stays right; `release` makes it
an ordinary Value again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.value import Value


class Bound(Value):
    """A leaf whose data and grad are entries of arrays; made by `bind`."""

    __slots__ = ()

    @property
    def data(self) -> float:
        array, i = _DATA.__get__(self)
        return float(array[i])

    @data.setter
    def data(self, x: Any) -> None:
        array, i = _DATA.__get__(self)
        array[i] = number(x, "a parameter")

    @property
    def grad(self) -> Any:
        array, i = _GRAD.__get__(self)
        return float(array[i])

    @grad.setter
    def grad(self, x: Any) -> None:
        array, i = _GRAD.__get__(self)
        array[i] = x.data if isinstance(x, Value) else x

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A copy or a pickle is an ordinary Value with the numbers of now."""
        return _unbound, (self.data, self.grad, self.label)

    def __copy__(self) -> Value:
        return _unbound(self.data, self.grad, self.label)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return _unbound(self.data, self.grad, self.label)


_OPEN: Any = Value  # the class's own fields are the slots themselves, which hold (array, place) in a bound Value
_DATA, _GRAD = _OPEN.data, _OPEN.grad


changes = [0]
"""How often Values have been bound or released: as long as it is the same, what was bound still is."""


class Together:
    """The data of many Values, or their gradients, read at once while they all lie in one array."""

    __slots__ = ("values", "_field", "_seen", "_array", "_places")

    def __init__(self, values: Sequence[Value], field: str = "data") -> None:
        self.values, self._field = tuple(values), field
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
        slot = _DATA if self._field == "data" else _GRAD
        self._seen, self._array = changes[0], None
        if self.values and all(value.__class__ is Bound for value in self.values):
            import numpy as np

            arrays, places = zip(*[slot.__get__(value) for value in self.values], strict=True)
            if all(array is arrays[0] for array in arrays):
                self._array, self._places = arrays[0], np.array(places)


def _unbound(data: float, grad: float, label: str) -> Value:
    value = Value(data, label)
    value.grad = grad
    return value


def bind(values: Sequence[Value], numbers: Any, gradients: Any) -> None:
    """From now on the data and grad of `values[i]` become `numbers[i]` and `gradients[i]`, with the same numbers."""
    release([value for value in values if isinstance(value, Bound)])
    changes[0] += 1
    for i, value in enumerate(values):
        numbers[i] = value.data
        gradients[i] = value.grad.data if isinstance(value.grad, Value) else value.grad
        _become(value, Bound)
        _DATA.__set__(value, (numbers, i))
        _GRAD.__set__(value, (gradients, i))


def _become(value: Any, kind: type[Value]) -> None:
    """Both kinds have the same slots, so an object can turn from one into the other."""
    value.__class__ = kind


def holds(value: Value, numbers: Any) -> bool:
    """Whether a Value is bound to that array."""
    return value.__class__ is Bound and _DATA.__get__(value)[0] is numbers


def release(values: Sequence[Value]) -> None:
    """Make bound Values ordinary ones, with the numbers they have now."""
    changes[0] += 1
    for value in values:
        if isinstance(value, Bound):
            data, grad = value.data, value.grad
            _become(value, Value)
            value.data, value.grad = data, grad
