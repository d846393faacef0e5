"""Nested arguments as one list of numbers, and back again.

A function may be given floats, lists, tuples, dicts and NumPy arrays, one inside another. A
derivative has an entry for each number in them, and comes back in the same structure:

    {"w": [1.0, 2.0], "b": 3.0}   holds the numbers  [1.0, 2.0, 3.0]

A `Structure` is what is left when the numbers are taken out. Lists, tuples and dicts are opened;
an array stays together as one block with a shape, so that derivatives come back as arrays too.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_lite.engine.foreign import as_numpy
from tinygrad_lite.engine.op import number
from tinygrad_lite.engine.tracing import TracedNumber
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError

Rebuild = Callable[[list[Any]], Any]
Shape = tuple[int, ...] | None
Path = tuple[Any, ...]


class Structure:
    """The shape of a nested argument, without its numbers.

    Attributes:
        shapes: for each block in order its array shape, or None for a single number.
        paths: for each block in order the keys and places that lead to it.
        names: the same as a program would write it, such as `w[1]`.
        container: the kind of the outermost list, tuple or dict; empty for a number or an array alone.

    >>> numbers, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> numbers
    [1.0, 2.0, 3.0]
    >>> structure.fill([10.0, 20.0, 30.0])
    {'w': [10.0, 20.0], 'b': 30.0}
    """

    __slots__ = ("shapes", "paths", "names", "container", "rebuild")

    def __init__(
        self, shapes: list[Shape], paths: list[Path], names: list[str], container: str, rebuild: Rebuild
    ) -> None:
        self.shapes: list[Shape] = shapes
        self.paths: list[Path] = paths
        self.names: list[str] = names
        self.container: str = container
        self.rebuild: Rebuild = rebuild  # blocks in, nested argument out

    def fill(self, numbers: Iterable[Any]) -> Any:
        """The nested argument again, with other numbers (or Values) in the places of the old ones."""
        coming = iter(numbers)
        return self.rebuild(
            [next(coming) if s is None else as_array([next(coming) for _ in range(size(s))], s) for s in self.shapes]
        )

    def labels(self) -> list[str]:
        """A name for each number: `w[1]` in a list, `W[0,1]` in an array."""
        return [
            name if shape is None else f"{name}[{','.join(map(str, index))}]"
            for name, shape in zip(self.names, self.shapes, strict=True)
            for index in ([()] if shape is None else _indices(shape))
        ]


def flatten(tree: Any, name: str = "argument") -> tuple[list[Any], Structure]:
    """The numbers of a nested argument as floats and Values in order, and the structure they came from.

    Raises:
        OperandError: something in it is not a number; the message says where it is.
    """
    blocks: dict[Path, Any] = {}
    rebuild = _open(tree, (), blocks)
    shapes = [tuple(block.shape) if is_array(block) else None for block in blocks.values()]
    names = [name + "".join(f"[{key!r}]" for key in path) for path in blocks]
    numbers = [
        entry if isinstance(entry, Value | TracedNumber) else number(entry, where)
        for block, where in zip(blocks.values(), names, strict=True)
        for entry in (block.ravel().tolist() if is_array(block) else [block])
    ]
    container = type(tree).__name__ if isinstance(tree, dict | list | tuple) else ""
    return numbers, Structure(shapes, list(blocks), names, container, rebuild)


def join(structures: Sequence[Structure]) -> Structure:
    """The structure of a tuple whose entries have the structures given."""

    def rebuild(blocks: list[Any]) -> Any:
        coming = iter(blocks)
        return tuple(s.rebuild([next(coming) for _ in s.shapes]) for s in structures)

    shapes = [shape for s in structures for shape in s.shapes]
    paths = [(i, *path) for i, s in enumerate(structures) for path in s.paths]
    return Structure(shapes, paths, [name for s in structures for name in s.names], "tuple", rebuild)


def flatten_like(tree: Any, structure: Structure, name: str) -> list[Any]:
    """The numbers of `tree`, which must be built as `structure` is.

    Raises:
        ShapeError: it is built differently.
    """
    numbers, found = flatten(tree, name)
    if dict(zip(found.paths, found.shapes, strict=True)) != dict(zip(structure.paths, structure.shapes, strict=True)):
        raise ShapeError(
            f"{name} must be built like what it belongs to: {_described(structure)} were needed, "
            f"but it holds {_described(found)}."
        )
    coming = iter(numbers)
    parts = {path: [next(coming) for _ in range(size(s))] for path, s in zip(found.paths, found.shapes, strict=True)}
    return [x for path in structure.paths for x in parts[path]]  # the keys of a dict may stand in another order


def strip(tree: Any) -> Any:
    """The same lists, tuples, dicts and arrays, with each Value replaced by its bare number."""
    blocks: dict[Path, Any] = {}
    rebuild = _open(tree, (), blocks)
    return rebuild([_numeric(b) if is_array(b) else b.data if isinstance(b, Value) else b for b in blocks.values()])


def _open(tree: Any, path: Path, blocks: dict[Path, Any]) -> Rebuild:
    """Add the blocks of `tree` and return the function that puts blocks into its places."""
    if not getattr(tree, "requires_grad", False):  # a tensor in a graph of PyTorch's own is refused in words
        tree = as_numpy(tree)
    if isinstance(tree, dict):
        entries = {key: _open(entry, (*path, key), blocks) for key, entry in tree.items()}

        def rebuild_dict(new: list[Any]) -> Any:
            made = copy.copy(tree)  # keeps the kind of dict and the order of its keys
            made.update({key: entry(new) for key, entry in entries.items()})
            return made

        return rebuild_dict
    if isinstance(tree, list | tuple):
        parts = [_open(entry, (*path, i), blocks) for i, entry in enumerate(tree)]
        if hasattr(tree, "_fields"):  # a named tuple
            return lambda new: type(tree)(*[part(new) for part in parts])
        kind = list if isinstance(tree, list) else tuple
        return lambda new: kind(part(new) for part in parts)
    position = len(blocks)
    blocks[path] = tree
    return lambda new: new[position]


def is_array(x: Any) -> bool:
    """True of a NumPy array; NumPy itself is not imported to find out."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(x, numpy.ndarray)


def size(shape: Shape) -> int:
    """How many numbers a block of that shape holds."""
    product = 1
    for length in shape or ():
        product *= length
    return product


def as_array(entries: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """An array of that shape: of floats if all entries are bare numbers, else of Values."""
    if any(isinstance(entry, Value) for entry in entries):
        from tinygrad_lite.arrays.array import from_entries

        return from_entries(entries, shape)
    import numpy

    return numpy.array(entries, dtype=float).reshape(shape)


def _numeric(block: Any) -> Any:
    """An array of Values as an array of floats; any other array as it is."""
    if block.dtype != object:
        return block
    return as_array([e.data if isinstance(e, Value) else e for e in block.ravel().tolist()], block.shape)


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    places: list[tuple[int, ...]] = [()]
    for length in shape:
        places = [(*place, i) for place in places for i in range(length)]
    return places


def _described(structure: Structure) -> str:
    """What it holds, for an error: each block by its place and its shape."""
    shown = [
        "".join(f"[{key!r}]" for key in path) + ("" if shape is None else f" of shape {shape}")
        for path, shape in zip(structure.paths, structure.shapes, strict=True)
    ]
    places = ", ".join(entry.strip() for entry in shown[:6] if entry) + (", ..." if len(shown) > 6 else "")
    return f"{len(shown)} block(s)" + (f" ({places})" if places else "")
