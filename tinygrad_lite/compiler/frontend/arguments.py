"""The arguments of a call: a structure, by which its program is found, and their numbers in chunks.

In: numbers, Values, lists, tuples, dicts and NumPy arrays, nested as the user likes. Out: the structure (calls with
the same one share compiled code) and chunks, a float or a flat array each, one behind the other. Text, None, True and
False and other objects belong to the structure: another one, another trace.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, is_array, leaves, opened
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, user_line

_NO_KEYS: Structure = dict, (), ()
_SEQUENCES = list, tuple


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

    def values(self) -> list[Value | None]:
        """For each number the Value it came from, or None."""
        return [x if isinstance(x, Value) else None for x in leaves(self.parameters)]


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
