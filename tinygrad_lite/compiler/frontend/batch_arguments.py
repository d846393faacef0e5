"""The arguments of a call with samples, sorted into parameters and samples.

In: what a user gave to a function compiled with `batch=`. Out: chunks of parameters, a table for each batch argument,
and the key of the program that serves them: what the arguments look like, and the whole numbers that an index may be.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import accumulate, islice, takewhile
from typing import Any

from tinygrad_lite.calculus.pytree import Structure, builder, fill, labels, opened, size
from tinygrad_lite.compiler.frontend.arguments import Call, Reader, chunked, frozen, numbers, reader
from tinygrad_lite.errors import OperandError, ShapeError, user_line

MOST_SPAN = 1 << 16
"""How far apart the smallest and the largest label may be."""

MANY = 200
"""Samples from which on NumPy looks through labels faster than a loop."""

MOST_CHOICES = 64
"""Values that a whole number used as an index may have; each is a path of its own."""


class BatchSignature:
    """The arguments of a function of one sample, and what is known of them by now.

    Attributes:
        parameters: the names of all arguments.
        batch: of those that are given as many samples.
        labels_seen: the whole numbers that occurred in a batch argument, which may be an index.
        only_numbers: for each structure of the arguments, the batch arguments that never are one.
        seen: what the parameters looked like at the last call, and what reads such.
    """

    def __init__(self, f: Callable[..., Any], name: str, batch: Sequence[str], argnums: int | tuple[int, ...]) -> None:
        self.name: str = name
        self.batch: tuple[str, ...] = tuple(batch)
        self.argnums: int | tuple[int, ...] = argnums
        parameters = inspect.signature(f).parameters
        self.parameters: list[str] = list(parameters)
        self._positional = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
        for each in batch:
            if each not in self.parameters:
                raise OperandError(f"batch names {each!r}, but {name} takes {', '.join(self.parameters)}{user_line()}.")
        self.labels_seen: dict[str, tuple[int, ...]] = {}
        self.only_numbers: dict[Structure, set[str]] = {}
        self.seen: tuple[dict[str, Structure], Reader] = {}, reader((tuple, ()))

    def arguments(self, given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments by name as a call gives them: by their places, as long as none is missing, then by name."""
        placed = list(takewhile(given.__contains__, self._positional))
        return [given[name] for name in placed], {name: x for name, x in given.items() if name not in placed}


class BatchCall(Call):
    """The arguments of one call, sorted into parameters and samples."""

    def __init__(self, signature: BatchSignature, args: Any, kwargs: Any) -> None:
        self.signature = signature
        if len(args) > len(signature.parameters):
            raise OperandError(f"{signature.name} takes {len(signature.parameters)} arguments{user_line()}.")
        given = dict(zip(signature.parameters, args, strict=False)) | kwargs
        shared = {name: thing for name, thing in given.items() if name not in signature.batch}
        self.parameters: Any = (*shared.values(),)
        self.chunks: list[Any] = []
        seen, read = signature.seen
        if tuple(shared) != tuple(seen) or not read(self.parameters, self.chunks):
            blocks: list[Any] = []
            seen = {name: opened(thing, blocks, frozen) for name, thing in shared.items()}
            self.chunks = chunked(blocks)
            signature.seen = seen, reader((tuple, (*seen.values(),)))
        self.blocks: dict[str, Block] = {name: Block(name, given[name]) for name in given if name in signature.batch}
        missing = [name for name in signature.batch if name not in given]
        if missing:
            raise OperandError(f"the batch argument {missing[0]!r} was not given{user_line()}.")
        lengths = {len(block.samples) for block in self.blocks.values()}
        if len(lengths) != 1 or 0 in lengths:
            shown = ", ".join(f"{name} has {len(block.samples)}" for name, block in self.blocks.items())
            raise ShapeError(f"batch arguments need the same number of rows, at least one, but {shown}{user_line()}.")
        (self.samples,) = lengths
        starts = accumulate([block.width for block in self.blocks.values()], initial=0)
        self.columns = [(at, block.samples) for at, block in zip(starts, self.blocks.values(), strict=False)]
        self.structure: tuple[tuple[str, Structure], ...] = tuple(
            [(name, seen[name] if name in seen else self.blocks[name].structure) for name in given]
        )
        self._labelled(self._labels())

    @property
    def structures(self) -> dict[str, Structure]:
        """What each argument looks like: a parameter, or one sample of a batch argument."""
        return dict(self.structure)

    def _labels(self) -> dict[str, tuple[int, ...]]:
        """The whole numbers of each batch argument that may be an index."""
        seen, found = self.signature.labels_seen, {}
        only_numbers = self.signature.only_numbers.get(self.structure, ())
        for name, block in self.blocks.items():
            if block.whole and name not in only_numbers:
                known = set(seen.get(name, ())) | set(block.choices())
                found[name] = seen[name] = tuple(sorted(known)) if len(known) <= MOST_CHOICES else ()
        return found

    def _labelled(self, labels: dict[str, tuple[int, ...]]) -> None:
        self.choices: dict[str, tuple[int, ...]] = {name: found for name, found in labels.items() if found}
        self.key: Structure = self.structure, tuple(self.choices.items())

    def without_labels(self, names: Collection[str]) -> None:
        """What was compiled computes with these and takes none of them as an index: their values do not matter."""
        self.signature.only_numbers[self.structure] = set(names)
        self._labelled({name: found for name, found in self.choices.items() if name not in names})

    def arguments(self, parameters: Sequence[Any], sample: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """All arguments of the function, with these in the places of the numbers."""
        given, columns = iter(parameters), iter(sample)
        filled = {
            name: fill(part, list(islice(columns if name in self.blocks else given, size(part))))
            for name, part in self.structures.items()
        }
        return self.signature.arguments(filled)

    def labels(self) -> list[str]:
        """Names of the parameters' numbers."""
        return [
            each for name, part in self.structures.items() if name not in self.blocks for each in labels(part, name)
        ]

    def gradients(self) -> Callable[[Any], Any]:
        """From what a program gives to the gradient w.r.t. the argument (or arguments) of argnums, in its shape."""
        starts, at = {}, 1  # behind the value
        for name, structure in self.structures.items():
            if name not in self.blocks:
                starts[name] = at
                at += size(structure)

        def refused(name: str, out: Any) -> Any:
            raise OperandError(
                f"argnums names {name!r}, which is data; the gradient is w.r.t. parameters: "
                f"{', '.join(starts) or 'there are none, use backward()'}{user_line()}."
            )

        def one(i: int) -> Callable[[Any], Any]:
            name = self.signature.parameters[i]
            if name not in starts:
                return partial(refused, name)  # of no concern to those who want the value, or `backward`
            return builder(self.structures[name], starts[name], derivatives=True)

        argnums = self.signature.argnums
        if isinstance(argnums, int):
            return one(argnums)
        parts = list(map(one, argnums))
        return lambda out: tuple([part(out) for part in parts])


class Block:
    """The data of one batch argument: an array of samples, and what one sample looks like to the function."""

    __slots__ = ("samples", "structure", "width", "whole")

    def __init__(self, name: str, thing: Any) -> None:
        try:
            self.samples, self.structure = _table(thing)
        except (ValueError, TypeError):
            raise ShapeError(
                f"the batch argument {name!r} must be rows of numbers, all of one length{user_line()}."
            ) from None
        first: Any = self.samples[0] if len(self.samples) else ()
        self.width: int = len(first)
        self.whole: bool = len(first) == 1 and float(first[0]).is_integer()

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
            blocks: list[Any] = []
            seen = opened(sample, blocks, frozen)
            if structure is not None and seen != structure:
                raise ValueError
            structure = seen
            samples.append(numbers(chunked(blocks)))
        if importlib.util.find_spec("numpy") is None:
            return samples, structure
        import numpy as np

        return np.array(samples, dtype=float).reshape(len(samples), -1), structure
    import numpy as np

    table = np.asarray(thing, dtype=float).reshape(shape[0], -1)
    return table, float if len(shape) == 1 else ("array", tuple(shape[1:]))
