"""Arguments of any nesting as one sample of numbers, and back; batch arguments as samples of numbers.

In: numbers, Values, lists, tuples, dicts and NumPy arrays, nested as the user likes. Out: a
structure (hashable: calls with the same structure share compiled code) and the numbers in
order. Text, None, True and False and other objects belong to the structure: another one, another
trace.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, ShapeError, user_line

Structure = Any
"""`float`; (list, parts); (tuple, parts); (dict, keys, parts); ("array", shape); ("static", object).

Of a list or tuple of numbers alone `parts` is how many: nothing is built or hashed for each of them.
"""

MOST_SPAN = 1 << 16
"""How far apart the smallest and the largest label may be."""

MANY = 200
"""Samples from which on NumPy looks through labels faster than a loop."""

MOST_CHOICES = 64
"""Values that a whole number used as an index may have; each is a path of its own."""


def called(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Structure, list[Any]]:
    """The structure of the pair (args, kwargs), and its numbers in chunks."""
    chunks: list[Any] = []
    positional = tuple([flatten(x, chunks) for x in args])
    return (tuple, ((tuple, positional), flatten(kwargs, chunks) if kwargs else _NO_KEYS)), chunks


_NO_KEYS: Structure = dict, (), ()


def flatten(thing: Any, chunks: list[Any]) -> Structure:
    """The structure of a thing; its numbers are appended to the chunks, a float or a flat array each.

    >>> chunks = []
    >>> flatten({"w": [1, 2.0]}, chunks), chunks
    ((<class 'dict'>, ('w',), ((<class 'list'>, 2),)), [array('d', [1.0, 2.0])])
    """
    cls = thing.__class__
    if cls is float:
        chunks.append(thing)
        return float
    if cls is list or cls is tuple:
        if thing and all(map(_is_number, set(map(type, thing)))):
            if not chunks or chunks[-1].__class__ is not array:
                chunks.append(array("d"))
            chunks[-1].frombytes(struct.pack(f"{len(thing)}d", *thing))  # three times as fast as `extend`
            return cls, len(thing)
        return cls, tuple([flatten(x, chunks) for x in thing])
    if cls is dict:
        return dict, tuple(thing), tuple([flatten(x, chunks) for x in thing.values()])
    if isinstance(thing, Value):
        chunks.append(thing.data)
        return float
    if cls is bool or thing is None or cls is str:
        return "static", thing
    dtype = getattr(thing, "dtype", None)
    if dtype is not None and hasattr(thing, "shape"):
        return _flatten_array(thing, dtype, chunks)
    if hasattr(cls, "__float__"):
        chunks.append(float(thing))
        return float
    try:
        hash(thing)
    except TypeError:
        raise OperandError(
            f"a compiled function takes numbers, Values, lists, tuples, dicts and arrays, but got the "
            f"{cls.__name__}{user_line()}.\n  Give its numbers as a list, or let the function use it from outside."
        ) from None
    return "static", thing


def _flatten_array(block: Any, dtype: Any, chunks: list[Any]) -> Structure:
    if dtype.kind == "O":
        chunks.extend([x.data if isinstance(x, Value) else float(x) for x in block.ravel()])
    elif dtype.kind in "fiub":
        if not block.shape:
            chunks.append(float(block))
            return float
        chunks.append(block.ravel())
    else:
        raise OperandError(f"a compiled function needs arrays of real numbers, but got dtype {dtype}{user_line()}.")
    return "array", block.shape


@functools.cache
def _is_number(cls: type) -> bool:
    """Whether things of this class are plain real numbers, Python's or NumPy's."""
    if hasattr(cls, "dtype"):
        return issubclass(cls, float) or (hasattr(cls, "__float__") and hasattr(cls, "is_integer"))
    return issubclass(cls, float | int) and cls is not bool


def plain(things: Sequence[Any]) -> bool:
    """Whether all of these are floats."""
    return set(map(type, things)) == _FLOATS


_FLOATS = {float}


def _parts(structure: Structure) -> Sequence[Structure]:
    """The structures of what a list or tuple holds."""
    parts = structure[1]
    return (float,) * parts if parts.__class__ is int else parts


def size(structure: Structure) -> int:
    """How many numbers a thing of this structure has."""
    if structure is float:
        return 1
    if structure[0] == "array":
        n = 1
        for length in structure[1]:
            n *= length
        return n
    if structure[0] == "static":
        return 0
    parts = structure[-1]
    return parts if parts.__class__ is int else sum(map(size, parts))


def names(structure: Structure, name: str) -> Iterator[str]:
    """A name for each number, as the user would write it: x, x[0], x['w'][1]."""
    if structure is float:
        yield name
    elif structure[0] == "array":
        for index in itertools.product(*map(range, structure[1])):
            yield f"{name}[{', '.join(map(str, index))}]"
    elif structure[0] is dict:
        for key, part in zip(structure[1], structure[2], strict=True):
            yield from names(part, f"{name}[{key!r}]")
    elif structure[0] != "static":
        for i, part in enumerate(_parts(structure)):
            yield from names(part, f"{name}[{i}]")


def rebuild(structure: Structure, leaves: Iterator[Any], static: Callable[[Any], Any] = lambda x: x) -> Any:
    """A thing of this structure with other leaves: tracers, Values, or floats."""
    if structure is float:
        return next(leaves)
    kind = structure[0]
    if kind == "static":
        return static(structure[1])
    if kind == "array":
        import numpy as np

        n = size(structure)
        taken = [next(leaves) for _ in range(n)]
        plain = all(x.__class__ is float for x in taken)
        made: Any = np.empty(n, dtype=float if plain else object)
        made[:] = taken
        return made.reshape(structure[1])
    if kind is dict:
        return {key: rebuild(part, leaves, static) for key, part in zip(structure[1], structure[2], strict=True)}
    if structure[1].__class__ is int:
        return kind(itertools.islice(leaves, structure[1]))
    return kind([rebuild(part, leaves, static) for part in structure[1]])


def numbers(chunks: Sequence[Any]) -> list[float]:
    """The chunks as one list of floats."""
    found: list[float] = []
    for chunk in chunks:
        if chunk.__class__ is float:
            found.append(chunk)
        else:
            found.extend(map(float, chunk.tolist()))
    return found


class Block:
    """The data of one batch argument: an array of samples, and what one sample looks like to the function."""

    __slots__ = ("samples", "structure", "whole")

    def __init__(self, name: str, thing: Any) -> None:
        try:
            self.samples, self.structure = _table(thing)
        except (ValueError, TypeError):
            raise ShapeError(
                f"the batch argument {name!r} must be rows of numbers, all of one length{user_line()}."
            ) from None
        first = self.samples[:1]
        self.whole: bool = len(first) == 1 and len(first[0]) == 1 and float(first[0][0]).is_integer()

    def choices(self) -> tuple[int, ...]:
        """The whole numbers in a column that may be labels; empty if there are too many or some are no whole ones."""
        if not self.whole:
            return ()
        if len(self.samples) < MANY or not hasattr(self.samples, "tolist"):
            samples = self.samples
            found = set(samples[:, 0].tolist() if hasattr(samples, "tolist") else [sample[0] for sample in samples])
            labels = (
                sorted(map(int, found)) if len(found) <= MOST_CHOICES and all(x.is_integer() for x in found) else []
            )
            return tuple(labels) if labels and labels[-1] - labels[0] < MOST_SPAN else ()
        import numpy as np

        column = self.samples[:, 0]
        low, high = float(column.min()), float(column.max())
        if not high - low < MOST_SPAN:  # a NaN is not smaller either
            return ()
        counted = (column - low).astype(np.int64)
        if (counted + low != column).any():
            return ()
        there = np.flatnonzero(np.bincount(counted))
        return tuple((there + int(low)).tolist()) if len(there) <= MOST_CHOICES else ()


def _table(thing: Any) -> tuple[Any, Structure]:
    """The samples as a table of two dimensions, and the structure of one sample."""
    shape = getattr(thing, "shape", None)
    if shape is None:
        samples: list[list[float]] = []
        structure: Structure = None
        for sample in thing:
            chunks: list[Any] = []
            seen = flatten(sample, chunks)
            if structure is not None and seen != structure:
                raise ValueError
            structure = seen
            samples.append(numbers(chunks))
        if importlib.util.find_spec("numpy") is None:
            return samples, structure
        import numpy as np

        return np.array(samples, dtype=float).reshape(len(samples), -1), structure
    import numpy as np

    table = np.asarray(thing, dtype=float).reshape(shape[0], -1)
    return table, float if len(shape) == 1 else ("array", tuple(shape[1:]))
