"""The arguments of a call: a structure, by which its program is found, and their numbers in chunks.

In: numbers, Values, lists, tuples, dicts and NumPy arrays, nested as the user likes. Out: the structure (calls with
the same one share compiled code) and chunks, a float or a flat array each, one behind the other. Text, None, True and
False and other objects belong to the structure: another one, another trace.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, alike_numbers, is_array, leaves, opened
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

_NO_KEYS: Structure = dict, (), ()
_SEQUENCES = list, tuple

FEW = 24
"""Numbers of a list up to which they are kept one by one."""


class Call:
    """The arguments of one call.

    Attributes:
        key: by which the programs that serve it are found: the structure of the pair (args, kwargs).
        chunks: its numbers.
        columns, samples: the columns of a batch, and how many samples it has.
        choices: for each batch argument that may be an index the whole numbers that occur in it.
    """

    columns: Sequence[tuple[int, Any]] = ()
    samples: int = 0
    choices: Mapping[str, tuple[int, ...]] = MappingProxyType({})

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        blocks: list[Any] = []
        positional = tuple([opened(x, blocks, frozen) for x in args])
        keyed = opened(kwargs, blocks, frozen) if kwargs else _NO_KEYS
        self.key: Structure = (tuple, ((tuple, positional), keyed))
        self.chunks: list[Any] = chunked(blocks)
        self.parameters: Any = args, kwargs

    @classmethod
    def like(cls, key: Structure, read: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """The same, if the arguments are built as those of this key; None if they may not be, or some have names."""
        chunks: list[Any] = []
        if kwargs or not read(args, chunks):
            return None
        made = cls.__new__(cls)
        made.key, made.chunks, made.parameters = key, chunks, ()  # no Values are among them
        return made

    def values(self) -> dict[int, Value]:
        """The Values among the numbers, and at which place each stands."""
        return {i: x for i, x in enumerate(leaves(self.parameters)) if isinstance(x, Value)}


Reader = Callable[[Any, list[Any]], bool]
"""Appends the chunks of a tree and says True, if it is built as the tree was for which the reader was made."""


def reader(structure: Structure) -> Reader:
    """What `opened` and `chunked` do, made once for one structure: nothing is looked at but whether it is this one.

    It knows plain numbers alone, and refuses (False) whatever it is not sure of: `opened` will know.

    >>> chunks = []
    >>> reader((tuple, (float, (list, 2))))((1.0, [2.0, 3.0]), chunks), chunks
    (True, [1.0, 2.0, 3.0])
    """
    if structure is float:
        return _read_number
    kind, inner = structure[0], structure[-1]
    if kind == "static":
        return lambda thing, chunks: thing is inner
    if kind == "array":
        return partial(_read_array, inner)
    if inner.__class__ is int:
        return partial(_read_numbers, kind, inner)
    parts = [reader(part) for part in inner]
    if len(structure) == 2:
        return partial(_read_parts, kind, parts)
    keys = structure[1]

    def read(thing: Any, chunks: list[Any]) -> bool:
        return thing.__class__ is kind and tuple(thing) == keys and _read_each(parts, thing.values(), chunks)

    return read


def _read_parts(kind: type, parts: Sequence[Reader], thing: Any, chunks: list[Any]) -> bool:
    cls = thing.__class__
    return cls is kind and len(thing) == len(parts) and _read_each(parts, thing, chunks)


def _read_each(parts: Sequence[Reader], things: Any, chunks: list[Any]) -> bool:
    for read, thing in zip(parts, things, strict=True):
        if thing.__class__ is float and read is _read_number:
            chunks.append(thing)
        elif not read(thing, chunks):
            return False
    return True


def _read_number(thing: Any, chunks: list[Any]) -> bool:
    if not isinstance(thing, float) and thing.__class__ is not int:
        return False
    chunks.append(float(thing))
    return True


def _read_numbers(kind: type, n: int, thing: Any, chunks: list[Any]) -> bool:
    cls = thing.__class__
    if cls is not kind or len(thing) != n or not alike_numbers(thing):
        return False
    if n <= FEW:
        chunks += map(float, thing)
    else:
        chunks.append(array("d", struct.pack(f"{n}d", *thing)))  # three times as fast as `array("d", thing)`
    return True


def _read_array(shape: tuple[int, ...], thing: Any, chunks: list[Any]) -> bool:
    if not is_array(thing) or thing.shape != shape or thing.dtype.kind not in "fiub":
        return False
    chunks.append(thing if len(shape) == 1 else thing.ravel())
    return True


def frozen(thing: Any, _: list[Any]) -> Structure:
    """What holds no number is part of the structure, if it can be compared."""
    try:
        hash(thing)
    except TypeError:
        raise OperandError(
            f"a compiled function takes numbers, Values, lists, tuples, dicts and arrays, but got the "
            f"{type(thing).__name__}{user_line()}.\n  Give its numbers as a list, or let the function use it from "
            "outside."
        ) from None
    return "static", thing


def chunked(blocks: Sequence[Any]) -> list[Any]:
    """The blocks of a tree (pytree.py) as chunks.

    >>> chunked([1.0, [2, 3.0], (4.0,), Value(5.0)])
    [1.0, array('d', [2.0, 3.0, 4.0]), 5.0]
    """
    chunks: list[Any] = []
    for block in blocks:
        if block.__class__ is float:
            chunks.append(block)
        elif isinstance(block, _SEQUENCES):
            if not chunks or chunks[-1].__class__ is not array:
                chunks.append(array("d"))
            chunks[-1].frombytes(struct.pack(f"{len(block)}d", *block))  # three times as fast as `extend`
        elif not is_array(block):
            chunks.append(block.data if isinstance(block, Value) else float(block))
        elif block.dtype.kind == "O":
            chunks += [x.data if isinstance(x, Value) else float(x) for x in block.ravel()]
        elif block.dtype.kind in "fiub":
            chunks.append(block.ravel())
        else:
            raise OperandError(
                f"a compiled function needs arrays of real numbers, but got dtype {block.dtype}{user_line()}."
            )
    return chunks


def numbers(chunks: Sequence[Any]) -> list[float]:
    """The chunks as one list of floats."""
    found: list[float] = []
    for chunk in chunks:
        if chunk.__class__ is float:
            found.append(chunk)
        else:
            found.extend(map(float, chunk.tolist()))
    return found
