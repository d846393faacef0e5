"""Nested arguments as one list of numbers, and back again: the one pytree of the package.

A function may take and give floats, lists, tuples, dicts and NumPy arrays, one inside another. A derivative has an
entry for each number in them, and comes back in the same structure:

    {"w": [1.0, 2.0], "b": 3.0}   holds the numbers  [1.0, 2.0, 3.0]

A *structure* is what is left when the numbers are taken out. Lists, tuples and dicts are opened; an array stays
together as one *block* with a shape, so that derivatives come back as arrays too. `opened` is the one walk down a tree
and `fill` the one way back up; all else reads a structure.
"""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.engine.foreign import as_numpy
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError

Structure = Any
"""`float`, a number; (list, parts) or (tuple, parts); (dict, keys, parts); ("array", shape); ("static", thing).

It can be compared and hashed. Of a list or tuple of numbers alone `parts` is how many: nothing is built for each.
"""

Shape = tuple[int, ...] | None
"""Of a block: that of an array, or None for a single number."""

_NUMBERS = Value, TracedNumber
_SEQUENCES = list, tuple


def opened(tree: Any, blocks: list[Any], other: Callable[[Any, list[Any]], Structure] | None = None) -> Structure:
    """The structure of a tree; its blocks are appended: numbers, lists of plain numbers as they are, and arrays.

    Args:
        other: the structure of a thing that holds no numbers, such as text or None; static, if not given.

    >>> blocks = []
    >>> opened({"w": [1, 2.0], "b": 3.0, "name": "x"}, blocks)[-1], blocks
    (((<class 'list'>, 2), <class 'float'>, ('static', 'x')), [[1, 2.0], 3.0])
    """
    cls = tree.__class__
    if cls is float:
        blocks.append(tree)
        return float
    if isinstance(tree, _SEQUENCES):
        if tree and alike_numbers(tree):
            blocks.append(tree)
            parts: Any = len(tree)
        else:
            parts = tuple([opened(x, blocks, other) for x in tree])
            parts = len(parts) if parts and set(parts) == _FLOAT else parts
        if cls is list or cls is tuple or hasattr(cls, "_fields"):
            return cls, parts
        return list if isinstance(tree, list) else tuple, parts
    if isinstance(tree, dict):
        return cls, tuple(tree), tuple([opened(x, blocks, other) for x in tree.values()])
    if is_array(tree) and tree.shape:
        blocks.append(tree)
        return "array", tree.shape
    if isinstance(tree, _NUMBERS):
        blocks.append(tree)
        return float
    if cls is not bool and not getattr(tree, "requires_grad", False):  # a tensor of PyTorch's own graph is refused
        read = as_numpy(tree)
        if read is not tree:
            return opened(read, blocks, other)
        if hasattr(cls, "__float__") and not isinstance(tree, Arithmetic):
            blocks.append(tree.item() if is_array(tree) else tree)
            return float
    return ("static", tree) if other is None else other(tree, blocks)


_FLOAT = {float}


@functools.cache
def _is_plain(cls: type) -> bool:
    """Whether things of this class are plain real numbers, Python's or NumPy's."""
    if hasattr(cls, "dtype"):
        return issubclass(cls, float) or (hasattr(cls, "__float__") and hasattr(cls, "is_integer"))
    return issubclass(cls, float | int) and cls is not bool


def alike_numbers(things: Sequence[Any]) -> bool:
    """Whether all of these, one at least, are plain real numbers; quick if all are of one class."""
    kinds = list(map(type, things))
    return _is_plain(kinds[0]) and (kinds.count(kinds[0]) == len(kinds) or all(map(_is_plain, set(kinds))))


def entries(blocks: Sequence[Any]) -> list[Any]:
    """The numbers in blocks, one by one."""
    found: list[Any] = []
    for block in blocks:
        found += block if isinstance(block, _SEQUENCES) else block.ravel().tolist() if is_array(block) else [block]
    return found


def leaves(tree: Any) -> list[Any]:
    """The numbers of a tree in order, as they are: floats, Values, or what stands for one while it is traced.

    >>> leaves({"w": [1.0, (2.0, None)], "b": 3.0})
    [1.0, 2.0, 3.0]
    """
    blocks: list[Any] = []
    opened(tree, blocks)
    return entries(blocks)


def flatten(tree: Any, name: str = "argument") -> tuple[list[Any], Structure]:
    """The numbers of a nested argument as floats and Values in order, and the structure they came from.

    Raises:
        OperandError: something in it is not a number; the message says where it is.

    >>> flatten({"w": [1, 2.0], "b": 3})
    ([1.0, 2.0, 3.0], (<class 'dict'>, ('w', 'b'), ((<class 'list'>, 2), <class 'float'>)))
    """
    blocks: list[Any] = []
    structure = opened(tree, blocks, _as_number)
    found = entries(blocks)
    if set(map(type, found)) - {float, Value}:
        places = labels(structure, name)
        found = [x if isinstance(x, _NUMBERS) else number(x, at) for x, at in zip(found, places, strict=True)]
    return found, structure


def _as_number(thing: Any, blocks: list[Any]) -> Structure:
    """Whatever it is, it should have been a number."""
    blocks.append(thing)
    return float


def flatten_like(tree: Any, structure: Structure, name: str) -> list[Any]:
    """The numbers of `tree`, which must be built as `structure` is; the keys of a dict may stand in another order.

    Raises:
        ShapeError: it is built differently.
    """
    numbers, found = flatten(tree, name)
    if found == structure:
        return numbers
    mine, wanted = list(places(found)), list(places(structure))
    if dict(mine) != dict(wanted):
        raise ShapeError(
            f"{name} must be built like what it belongs to: {_described(wanted)} were needed, "
            f"but it holds {_described(mine)}."
        )
    coming = iter(numbers)
    parts = {place: list(itertools.islice(coming, volume(shape))) for place, shape in mine}
    return [x for place, _ in wanted for x in parts[place]]


def fill(structure: Structure, numbers: Any) -> Any:
    """A tree of this structure with these numbers in it: floats, Values, or what stands for them.

    >>> fill(opened({"w": [1.0, 2.0], "b": 3.0}, []), [10.0, 20.0, 30.0])
    {'w': [10.0, 20.0], 'b': 30.0}
    """
    return builder(structure)(list(numbers))


def builder(structure: Structure, at: int = 0, derivatives: bool = False) -> Callable[[Any], Any]:
    """What fills this structure, made once: of a list of numbers (or an array of floats) it takes those from `at` on.

    Args:
        derivatives: what is static has none, so None stands in its place.
    """
    if structure is float:
        return lambda given: given[at] if given.__class__ is list else float(given[at])
    kind, inner, end = structure[0], structure[-1], at + size(structure)
    if kind == "array":
        return lambda given: as_array(given[at:end], inner)
    if kind == "static":
        return lambda given: None if derivatives else inner
    if inner.__class__ is int:
        return _finished(structure, lambda given: given[at:end] if given.__class__ is list else given[at:end].tolist())
    starts = itertools.accumulate(map(size, inner), initial=at)
    parts = [builder(part, start, derivatives) for part, start in zip(inner, starts, strict=False)]
    return _finished(structure, lambda given: [part(given) for part in parts])


def _finished(structure: Structure, listed: Callable[[Any], list[Any]]) -> Callable[[Any], Any]:
    """From the parts, in a list, to what held them."""
    kind = structure[0]
    if kind is list:
        return listed
    if len(structure) == 2:
        return lambda given: kind(*listed(given)) if hasattr(kind, "_fields") else kind(listed(given))

    def keyed(given: Any) -> Any:
        made = kind.__new__(kind)  # a defaultdict, too, which would take the entries for something else
        made.update(zip(structure[1], listed(given), strict=True))
        return made

    return keyed


def fill_blocks(structure: Structure, blocks: Iterator[Any]) -> Any:
    """A tree of this structure with one of these things in the place of each of its numbers and arrays."""
    return fill(_of_blocks(structure), blocks)


def _of_blocks(structure: Structure) -> Structure:
    """The same structure with a number in the place of each array."""
    if structure is float or structure[0] == "array":
        return float
    *head, inner = structure
    return structure if head[0] == "static" or inner.__class__ is int else (*head, tuple(map(_of_blocks, inner)))


def strip(tree: Any) -> Any:
    """The same lists, tuples, dicts and arrays, with each Value replaced by its bare number."""
    blocks: list[Any] = []
    structure = opened(tree, blocks)
    return fill_blocks(structure, (x for block in blocks for x in _bare(block)))


def _bare(block: Any) -> Sequence[Any]:
    """A list of numbers as it is, any other block as a list of one; bare numbers in the place of Values."""
    if isinstance(block, _SEQUENCES):
        return block
    if is_array(block) and block.dtype == object:
        return [as_array(list(map(strip, block.ravel().tolist())), block.shape)]
    return [block.data if isinstance(block, Value) else block]


def size(structure: Structure) -> int:
    """How many numbers a tree of this structure holds."""
    if structure is float:
        return 1
    kind, inner = structure[0], structure[-1]
    if kind == "array":
        return volume(inner)
    if kind == "static" or inner.__class__ is int:
        return 0 if kind == "static" else inner
    return sum(map(size, inner))


def volume(shape: Shape) -> int:
    """How many numbers a block of that shape holds."""
    return math.prod(shape or ())


def places(structure: Structure, name: str = "") -> Iterator[tuple[str, Shape]]:
    """For each block where it stands, as a program would write it, such as `w[1]`; and its shape."""
    if structure is float:
        yield name, None
    elif structure[0] == "array":
        yield name, structure[1]
    elif structure[0] != "static":
        parts = structure[-1]
        parts = (float,) * parts if parts.__class__ is int else parts
        for key, part in zip(structure[1] if len(structure) > 2 else range(len(parts)), parts, strict=True):
            yield from places(part, f"{name}[{key!r}]")


def labels(structure: Structure, name: str = "") -> list[str]:
    """A name for each number: `w[1]` in a list, `W[0,1]` in an array."""
    return [
        place if shape is None else f"{place}[{','.join(map(str, index))}]"
        for place, shape in places(structure, name)
        for index in itertools.product(*map(range, shape or ()))
    ]


def is_array(x: Any) -> bool:
    """True of a NumPy array; NumPy itself is not imported to find out."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def as_array(numbers: Any, shape: tuple[int, ...]) -> Any:
    """An array of that shape: of floats if all entries are bare numbers (or in an array already), else of Values."""
    if is_array(numbers):
        return numbers.reshape(shape)
    if set(map(type, numbers)) != _FLOAT and any(isinstance(x, _NUMBERS) for x in numbers):
        from tinygrad_lite.arrays.array import from_entries

        return from_entries(numbers, shape)
    import numpy

    return numpy.array(numbers, dtype=float).reshape(shape)


def _described(found: list[tuple[str, Shape]]) -> str:
    """What a tree holds, for an error: each block by its place and its shape."""
    shown = [place + ("" if shape is None else f" of shape {shape}") for place, shape in found]
    text = ", ".join(entry.strip() for entry in shown[:6] if entry) + (", ..." if len(shown) > 6 else "")
    return f"{len(shown)} block(s)" + (f" ({text})" if text else "")
