"""One way to read what people keep numbers in: floats, nested lists, NumPy arrays, Values.

Everything becomes `Entries`: a shape, and the numbers in reading order (last index fastest). NumPy
is not needed; its arrays are recognised by what they can do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.engine import Value
from tinygrad_lite.engine.foreign import as_numpy
from tinygrad_lite.engine.op import number
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say


class Entries(NamedTuple):
    """Numbers with a shape.

    Attributes:
        shape: as NumPy would say it; () for one number.
        numbers: the floats, in reading order.
        dtype: NumPy's name for the kind of number, or "" where Python's own numbers were given.
    """

    shape: tuple[int, ...]
    numbers: list[float]
    dtype: str = ""

    def transposed(self) -> Entries:
        """The same numbers with the order of the indices reversed.

        >>> Entries((2, 3), [1., 2., 3., 4., 5., 6.]).transposed().numbers
        [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        """
        at = dict(zip(indices(self.shape), self.numbers, strict=True))
        shape = self.shape[::-1]
        return Entries(shape, [at[i[::-1]] for i in indices(shape)], self.dtype)


def indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every index into a shape, in reading order."""
    return itertools.product(*map(range, shape))


def entry_name(name: str, index: tuple[int, ...]) -> str:
    """How an entry is called in reports: `W1[0, 2]`, or the bare name of a single number."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def shape_words(shape: Sequence[int]) -> str:
    """`2x3`, `4`, or `number`: short enough for a column."""
    return "x".join(map(str, shape)) if shape else "number"


def by_hand(x: Any) -> float:
    """A number of the user's; of a Value, its `.data`."""
    return x.data if isinstance(x, Value) else number(x, "a comparison")


def from_graph(x: Any) -> float:
    """The exact number; of a Value, the gradient that `backward` left in `.grad`."""
    if isinstance(x, Value):
        return x.grad.data if isinstance(x.grad, Value) else x.grad
    return number(x, "a comparison")


def read(x: Any, entry: Callable[[Any], float] = by_hand) -> Entries:
    """A float, nested list, array or Value as Entries.

    Raises:
        OperandError: a list whose rows differ in length, or an entry that is not a number.

    >>> read([[1, 2, 3], [4, 5, 6]]).shape
    (2, 3)
    """
    x = x if hasattr(x, "reshape") else as_numpy(x)  # of pandas
    if hasattr(x, "dtype") and hasattr(x, "tolist"):
        kind = str(x.dtype).rpartition(".")[2]  # "torch.float32" and "float32" alike
        return Entries(tuple(x.shape), [entry(item) for item in x.reshape(-1).tolist()], kind)
    if isinstance(x, (list, tuple)):
        parts = [read(item, entry) for item in x]
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            message = say(
                "a nested list needs rows of one shape, but got {0}.\n"
                "  Give a dict of names for parts of different shapes: {{'W1': ..., 'b1': ...}}.",
                say(" and ").join(map(str, sorted(shapes))),
            )
            raise OperandError(message)
        inner = parts[0].shape if parts else ()
        kinds = {part.dtype for part in parts}
        return Entries((len(parts), *inner), [n for part in parts for n in part.numbers], kinds.pop() if parts else "")
    return Entries((), [entry(x)])


def entries_like(x: Any, like: Any) -> Entries:
    """The numbers of one array in the shape of another."""
    return Entries(tuple(getattr(like, "shape", ())), read(x).numbers)


def named(hand: Any, exact: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides as dicts by name; a tuple of hand's is taken in the order of a dict of exact's.

    >>> named((0.5, 1.5), {"w": 0.5, "b": 1.0})
    ({'w': 0.5, 'b': 1.5}, {'w': 0.5, 'b': 1.0})
    """
    if isinstance(hand, Mapping) and isinstance(exact, Mapping):
        return {str(k): v for k, v in hand.items()}, {str(k): v for k, v in exact.items()}
    if isinstance(exact, Mapping):
        if isinstance(hand, (tuple, list)) and (len(hand) == len(exact) != 1 or isinstance(hand, tuple)):
            more = [f"(number {i + 1} of yours)" for i in range(len(exact), len(hand))]
            return dict(itertools.zip_longest([*map(str, exact), *more], hand)), dict(exact)
        if len(exact) == 1:
            return {str(next(iter(exact))): hand}, dict(exact)
    elif isinstance(hand, Mapping):
        if isinstance(exact, (tuple, list)) and len(hand) == len(exact):
            return dict(hand), dict(zip(hand, exact, strict=True))
        if len(hand) == 1:
            return dict(hand), {str(next(iter(hand))): exact}
    else:
        label = getattr(exact, "label", "") or "gradient"
        return {label: hand}, {label: exact}
    message = say(
        "compare needs names on both sides or on neither: two dicts {{'W1': ...}}, or two numbers, lists or arrays;\n"
        "  but got {0} and {1}.",
        *(type(hand).__name__, type(exact).__name__),
    )
    raise OperandError(message)
