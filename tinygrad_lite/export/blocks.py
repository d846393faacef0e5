"""Arguments as arrays: which stretch of their numbers is which array, and how it is reached.

In: the structure of arguments, or leaves with labels. Out: a `Block` for each array: `W1[0, 2]` and `W1[1, 0]` are
entries of W1, a list of lists of one length is one array, a dict stays what it was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from tinygrad_lite.calculus.pytree import Structure, size
from tinygrad_lite.engine.value import Value
from tinygrad_lite.export.expression import word


class Block(NamedTuple):
    """One array among the arguments or results.

    Attributes:
        path: how to reach it from the arguments, such as params["W1"].
        base: the place of its first number.
        listed: it was nested lists, so it may come as such.
        samples: it has an entry for each sample, along its first axis.
    """

    path: str
    base: int
    shape: tuple[int, ...]
    listed: bool = False
    samples: bool = False

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def shape_of(structure: Structure) -> tuple[int, ...] | None:
    """The shape of a thing that is one array of numbers; None if it is not."""
    if structure is float:
        return ()
    if structure[0] == "array":
        return tuple(structure[1])
    if structure[0] in (list, tuple):
        if structure[1].__class__ is int:
            return (structure[1],)
        inner = {shape_of(part) for part in structure[1]}
        if len(inner) == 1 and (one := inner.pop()) is not None:
            return (len(structure[1]), *one)
    return None


def blocks_of(structure: Structure, path: str, base: int) -> list[Block]:
    """The arrays of one argument."""
    shape = shape_of(structure)
    if shape is not None:
        return [Block(path, base, shape, structure is not float and structure[0] != "array")]
    if structure[0] == "static":
        return []
    keys = [repr(k).replace("'", '"') for k in structure[1]] if structure[0] is dict else range(len(structure[1]))
    found: list[Block] = []
    for key, part in zip(keys, structure[-1], strict=True):
        found += blocks_of(part, f"{path}[{key}]", base)
        base += size(part)
    return found


def grouped(leaves: Sequence[Value], base: int = 0) -> tuple[list[Block], list[Value | None]]:
    """Leaves by their labels as arrays: W1[0, 2] and W1[1, 0] are entries of W1; and the leaf at each place."""
    groups: dict[str, dict[tuple[int, ...], Value]] = {}
    order: list[str] = []
    unnamed = sum(1 for leaf in leaves if not leaf.label)
    for i, leaf in enumerate(leaves, start=1):
        name, index = _label(leaf.label)
        if not name:
            name, index = ("x", (sum(1 for _ in groups.get("x[]", ())),)) if unnamed > 3 else (f"x{i}", ())
            key = "x[]" if unnamed > 3 else name
        else:
            key = name
        while key in groups and (index in groups[key] or any(len(k) != len(index) for k in groups[key])):
            key = key + "_"
        if key not in groups:
            groups[key] = {}
            order.append(key)
        groups[key][index] = leaf
    blocks: list[Block] = []
    held: list[Value | None] = []
    used: set[str] = set()
    for key in order:
        entries = groups[key]
        shape = tuple(max(index[d] for index in entries) + 1 for d in range(len(next(iter(entries)))))
        n = math.prod(shape)
        if n > 2 * len(entries) + 8:  # labels that are no index of an array
            for index, leaf in entries.items():
                blocks.append(Block(word("_".join([key, *map(str, index)]), used), base + len(held), ()))
                held.append(leaf)
            continue
        blocks.append(Block(word(key.replace("[]", ""), used), base + len(held), shape))
        held += [entries.get(index) for index in product(*map(range, shape))]
    return blocks, held


def _label(label: str) -> tuple[str, tuple[int, ...]]:
    """The name and the index in a label such as W1[0, 2] or layers.0.weight[0][2]."""
    found = re.fullmatch(r"([A-Za-z_][\w.]{0,60}?)((?:\[\d+(?:, ?\d+)*\])*)", label, re.ASCII)
    if not found:
        return "", ()
    return found[1], tuple(int(d) for d in re.findall(r"\d+", found[2]))


def array(xs: Any) -> Any:
    import numpy as np

    return np.array(xs, dtype=float)


def entries(block: Block, flat: Sequence[float]) -> Any:
    numbers = flat[block.base : block.base + block.size]
    return float(numbers[0]) if not block.shape else array(numbers).reshape(block.shape)


def arrays_of(structure: Structure, given: Iterator[float]) -> Any:
    """A thing of this structure with an array for each list of numbers."""
    shape = shape_of(structure)
    if shape is not None:
        found = array([next(given) for _ in range(size(structure))]).reshape(shape)
        return found if shape else float(found)
    if structure[0] == "static":
        return structure[1]
    parts = [arrays_of(part, given) for part in structure[-1]]
    return dict(zip(structure[1], parts, strict=True)) if structure[0] is dict else structure[0](parts)


def point_of(structure: Structure, given: Iterator[float]) -> tuple[Any, ...]:
    (_, ((_, positional), (_, _, keyed))) = structure
    return tuple([arrays_of(part, given) for part in [*positional, *keyed]])
