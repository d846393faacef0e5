"""Arrays of Values, so that lesson code written with NumPy runs as it is. NumPy is imported here only.

    W = tg.array([[0.1, -0.2], [0.3, 0.4]], label="W")      # Values labelled W[0,0], W[0,1], ...
    loss = np.mean(np.maximum(0, X @ W + b) ** 2)           # a Value
    loss.backward()
    W.grad                                                  # an array of floats; also tg.grads(W)

NumPy computes object arrays entry by entry: `+` calls the entries' `__add__`, `np.exp` their
method `exp`. Much works with any array of Values. An `Array` closes the gaps: where NumPy would
leave a bare 0 in the middle (`np.maximum`, `np.where`, `np.zeros_like`) it puts a constant
Value, functions without a form for objects (`np.logaddexp`, `np.isnan`, `np.linalg.inv`) get
one from the table of ops, and sums and products of matrices become single `sum` and `dot` nodes.
What cannot work says so, and what to do instead. The functions it answers for stand in
`functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.foreign import as_numpy
from tinygrad_lite.engine.op import Op, number
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

try:
    import numpy as np
except ModuleNotFoundError as missing:  # pragma: no cover
    raise ModuleNotFoundError(
        "arrays of Values need NumPy: pip install numpy, or the extra that brings it along: tinygrad-lite[plot].\n"
        "  Values themselves, nn and the transforms work without it, on numbers and lists.",
        name="numpy",
    ) from missing


_ENTRIES = (Value, TracedNumber)
"""What an Array holds; the latter while a function is traced."""


class Gradients(np.ndarray):
    """An array of floats that `tg.grads` gave, or that was computed from such ones; otherwise an ordinary array.

    It says of an update in place, `W -= lr * tg.grads(W)`, that this is a step of training and no part of a
    computation to be differentiated.
    """

    def __repr__(self) -> str:
        return repr(np.asarray(self))


class Array(np.ndarray):
    """An array whose entries are Values; made by `tg.array`, and by computing with such arrays."""

    elementwise: Callable[..., Any]  # both are set by functions.py
    functions: dict[Any, Callable[..., Any]]

    @property
    def grad(self) -> Any:
        """The gradients of the entries, as an array of floats; may be assigned, as in `W.grad = 0.0`."""
        return grads(self)

    @grad.setter
    def grad(self, new: Any) -> None:
        entries = self.ravel().tolist()
        for entry, g in zip(entries, np.broadcast_to(new, self.shape).ravel().tolist(), strict=True):
            entry.grad = g if isinstance(g, Value) else float(g)

    def dot(self, b: Any, out: Any = None) -> Any:
        """The matrix product, as `np.dot`."""
        return np.dot(self, b, out)

    def std(self, *args: Any, **options: Any) -> Any:
        """The standard deviation, as `np.std`."""
        return np.std(self, *args, **options)

    def round(self, decimals: int = 0, out: Any = None) -> Any:  # type: ignore[override]
        """Rounded to so many decimals; the derivative is 0 everywhere."""
        scale = 10.0**decimals
        return np.divide(np.rint(self * scale), scale, out=out)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """What NumPy does for its elementwise functions and operators when an Array takes part."""
        if _is_a_step(self, method, inputs, options):
            old, numbers = np.asarray(plain(self)), ufunc(data(self), np.asarray(inputs[1]))
            for place in np.ndindex(old.shape):  # as fresh leaves: no gradient yet, and no history
                old[place] = Value(numbers[place], old[place].label, old[place].op)
            return self
        bare = [plain(x) for x in inputs]
        targets = options.get("out", ())
        if targets:
            options["out"] = tuple(plain(x) for x in targets)
        compute = Array.elementwise(ufunc, method, bare, options)
        try:
            with np.errstate(all="ignore"):  # Values speak for themselves: a DomainError, or a NaN that stays
                result = compute(*bare, **options)
        except (TypeError, SystemError) as reason:  # a SystemError: `at` met a Value that would have to become a float
            raise helpful(ufunc.__name__ + (f".{method}" if method == "at" else ""), reason) from reason
        return targets[0] if len(targets) == 1 else wrapped(result)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """What NumPy does for all its other functions when an Array takes part."""
        try:
            if function in Array.functions:
                return wrapped(Array.functions[function](*args, **options))
            return wrapped(super().__array_function__(function, types, args, options))
        except (TypeError, AttributeError) as reason:
            raise helpful(function.__name__, reason) from reason

    def __repr__(self) -> str:
        return repr(np.asarray(data(self))).replace("array(", "Array(", 1)

    def __str__(self) -> str:
        return str(data(self))


def array(numbers: Any, label: str = "") -> Array:
    """An array of Values, one for each number; a Value in it stays itself.

    Args:
        numbers: nested lists, a DataFrame, or an array of numbers, of PyTorch and JAX too.
        label: the name of the array; its entries are labelled `W[0,1]`.

    Raises:
        OperandError: an entry is not a number, or the lists are of different lengths.

    >>> W = array([[1.0, 2.0], [3.0, 4.0]], label="W")
    >>> W[0, 1]
    Value(data=2.0, grad=0.0, label='W[0,1]')
    >>> W.sum().backward()
    >>> W.grad
    array([[1., 1.],
           [1., 1.]])
    """
    given = np.asarray(as_numpy(numbers), dtype=object)
    entries = []
    for place in np.ndindex(given.shape):
        entry = given[place]
        named = f"{label}[{','.join(map(str, place))}]" if label and place else label
        entries.append(entry if isinstance(entry, Value) else Value(number(entry, f"entry {place} of an array"), named))
    return from_entries(entries, given.shape)


def data(values: Any) -> Any:
    """The bare numbers of an array (or nested lists) of Values as an array of floats; of one Value, a float.

    A dict, or a list of several arrays, gives a dict or a list of what its entries give.

    Args:
        values: an array, nested lists, a dict of these, or one Value.

    Raises:
        OperandError: an entry is neither a number nor a Value.

    >>> data(array([1.0, 2.0]) * 3)
    array([3., 6.])
    >>> data({"w": [Value(1.0)], "b": Value(2.0)})
    {'w': array([1.]), 'b': 2.0}
    """
    return _read(values, lambda entry: entry.data)


def grads(values: Any) -> Any:
    """The gradients of an array (or nested lists) of Values as an array of floats; bare numbers have 0.

    Dicts and lists of several arrays are read as by `data`. After `backward(create_graph=True)`
    gradients are Values, and so is what comes back. A step of training in place, `W -= lr * grads(W)`,
    leaves an array of fresh leaves with the labels of the old ones.

    Args:
        values: as for `data`.

    Raises:
        OperandError: an entry is neither a number nor a Value.

    >>> W = array([1.0, 2.0], label="W")
    >>> (W * W).sum().backward()
    >>> W -= 0.1 * grads(W)
    >>> data(W), W[0].label
    (array([0.8, 1.6]), 'W[0]')
    """
    return _read(values, lambda entry: entry.grad, 0.0)


def _read(values: Any, look: Any, otherwise: Any = None) -> Any:
    if isinstance(values, dict):
        return {key: _read(entry, look, otherwise) for key, entry in values.items()}
    if isinstance(values, list | tuple) and any(isinstance(entry, np.ndarray | dict) for entry in values):
        return [_read(entry, look, otherwise) for entry in values]
    given = np.asarray(values, dtype=object)
    found = [
        look(e) if isinstance(e, Value) else number(e, "an array") if otherwise is None else otherwise
        for e in given.ravel().tolist()
    ]
    if given.ndim == 0:
        return found[0]
    if any(isinstance(x, Value) for x in found):
        return from_entries(found, given.shape)
    read = np.array(found, dtype=float).reshape(given.shape)
    return read if otherwise is None else read.view(Gradients)


def _is_a_step(target: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> bool:
    """True of an array of leaves that is updated in place by numbers made from gradients."""
    return (
        method == "__call__"
        and len(inputs) == 2
        and options.keys() == {"out"}
        and options["out"][0] is target is inputs[0]
        and isinstance(inputs[1], Gradients)
        and np.shape(inputs[1]) in ((), np.shape(target))
        and all(isinstance(entry, Value) and not entry.parents for entry in target.ravel().tolist())
    )


def from_entries(entries: Iterable[Any], shape: Sequence[int]) -> Array:
    """An Array of that shape, filled row by row; a bare number becomes a constant Value."""
    listed = list(entries)
    made: Any = np.empty(len(listed), dtype=object)
    for i, entry in enumerate(listed):
        made[i] = entry if isinstance(entry, _ENTRIES) else Value(number(entry), "", ops.constant)
    return made.reshape(shape).view(Array)  # type: ignore[no-any-return]


def entrywise(op: Op, operands: Sequence[Any]) -> Any:
    """The op entry by entry, with NumPy's broadcasting: an array of floats, or of Values where one takes part.

    >>> import tinygrad_lite as tg
    >>> tg.tanh(np.array([0.0, 1000.0])), data(tg.maximum(0, tg.array([-1.0, 2.0])))
    (array([0., 1.]), array([0., 2.]))
    """
    entries = np.broadcast_arrays(*[np.asarray(plain(x), dtype=object) for x in operands])
    results = [op(*row) for row in zip(*(entry.ravel().tolist() for entry in entries), strict=True)]
    if any(isinstance(result, Value) for result in results):
        return from_entries(results, entries[0].shape)
    return np.array(results, dtype=float).reshape(entries[0].shape)


def plain(x: Any) -> Any:
    """The same entries as an ordinary array, which NumPy then treats by its own rules."""
    return x.view(np.ndarray) if isinstance(x, Array) else x


def wrapped(result: Any) -> Any:
    """A result of NumPy's, with constant Values in the place of bare numbers if it is an array of objects."""
    if isinstance(result, tuple | list):
        return type(result)(map(wrapped, result)) if type(result) in (tuple, list) else result
    if not isinstance(result, np.ndarray):
        return result
    if result.dtype != object:
        return plain(result)
    if result.ndim == 0:
        return result.item()
    entries = result.ravel().tolist()
    bare = [entry for entry in entries if not isinstance(entry, _ENTRIES)]
    if not bare:
        return result.view(Array)
    return (
        from_entries(entries, result.shape)
        if all(isinstance(e, int | float | np.number) for e in bare)
        else plain(result)
    )


def helpful(name: str, reason: Exception) -> Exception:
    """The error to raise when NumPy could not do `name` with Values."""
    if isinstance(reason, SystemError) and isinstance(reason.__cause__, OperandError):
        reason = reason.__cause__
    if isinstance(reason, OperandError):
        return reason
    return OperandError(
        f"np.{name} could not be computed with Values{user_line()}: {reason}\n"
        f"  If a gradient is not needed there, give it bare numbers: np.{name}(tg.data(x)). If it is, write it\n"
        "  with operations that Values know: + - * / ** @, np.exp and its like, np.sum, np.maximum, np.where."
    )
