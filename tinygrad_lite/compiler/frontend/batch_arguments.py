"""The arguments of a call with samples, sorted into parameters and samples.

In: what a user gave to a function compiled with `batch=`. Out: chunks of parameters, a table for each batch argument,
and the key of the program that serves them: what the arguments look like, and the whole numbers that an index may be.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any

from tinygrad_lite.compiler.frontend.arguments import MOST_CHOICES, Block, Structure, flatten, names, size
from tinygrad_lite.compiler.frontend.results import shaped, values_in
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, ShapeError, user_line


class BatchSignature:
    """The arguments of a function of one sample, and what is known of them by now.

    Attributes:
        parameters: the names of all arguments.
        batch: of those that are given as many samples.
        labels_seen: the whole numbers that occurred in a batch argument, which may be an index.
        only_numbers: for each structure of the arguments, the batch arguments that never are one.
    """

    def __init__(self, f: Callable[..., Any], name: str, batch: Sequence[str], argnums: int | tuple[int, ...]) -> None:
        self.name: str = name
        self.batch: tuple[str, ...] = tuple(batch)
        self.argnums: int | tuple[int, ...] = argnums
        self.parameters: list[str] = list(inspect.signature(f).parameters)
        for each in batch:
            if each not in self.parameters:
                raise OperandError(f"batch names {each!r}, but {name} takes {', '.join(self.parameters)}{user_line()}.")
        self.labels_seen: dict[str, tuple[int, ...]] = {}
        self.only_numbers: dict[Structure, set[str]] = {}


class BatchCall:
    """The arguments of one call, sorted into parameters and samples."""

    def __init__(self, signature: BatchSignature, args: Any, kwargs: Any) -> None:
        self.signature = signature
        if len(args) > len(signature.parameters):
            raise OperandError(f"{signature.name} takes {len(signature.parameters)} arguments{user_line()}.")
        given = dict(zip(signature.parameters, args, strict=False)) | kwargs
        self.structures: dict[str, Structure] = {}
        self.blocks: dict[str, Block] = {}
        self.chunks: list[Any] = []
        self.parameters: list[Any] = []
        for name in given:
            if name in signature.batch:
                block = self.blocks[name] = Block(name, given[name])
                self.structures[name] = block.structure
            else:
                self.structures[name] = flatten(given[name], self.chunks)
                self.parameters.append(given[name])
        missing = [name for name in signature.batch if name not in given]
        if missing:
            raise OperandError(f"the batch argument {missing[0]!r} was not given{user_line()}.")
        lengths = {name: len(block.samples) for name, block in self.blocks.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            shown = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise ShapeError(f"batch arguments need the same number of rows, at least one, but {shown}{user_line()}.")
        self.samples: int = next(iter(lengths.values()))
        self.structure: tuple[tuple[str, Structure], ...] = tuple(self.structures.items())
        self._labelled(self._labels())

    def _labels(self) -> dict[str, tuple[int, ...]]:
        """The whole numbers of each batch argument that may be an index."""
        seen, labels = self.signature.labels_seen, {}
        only_numbers = self.signature.only_numbers.get(self.structure, ())
        for name, block in self.blocks.items():
            if block.whole and name not in only_numbers:
                known = set(seen.get(name, ())) | set(block.choices())
                labels[name] = seen[name] = tuple(sorted(known)) if len(known) <= MOST_CHOICES else ()
        return labels

    def _labelled(self, labels: dict[str, tuple[int, ...]]) -> None:
        self.choices: dict[str, tuple[int, ...]] = {name: found for name, found in labels.items() if found}
        self.key: tuple[tuple[tuple[str, Structure], ...], tuple[tuple[str, tuple[int, ...]], ...]] = (
            self.structure,
            tuple(self.choices.items()),
        )

    def without_labels(self, names: Collection[str]) -> None:
        """What was compiled computes with these and takes none of them as an index: their values do not matter."""
        self.signature.only_numbers[self.structure] = set(names)
        self._labelled({name: found for name, found in self.choices.items() if name not in names})

    def values(self) -> list[Value | None]:
        """For each number of the parameters the Value it came from, or None."""
        return [value for thing in self.parameters for value in values_in(thing)]

    def columns(self) -> list[tuple[int, Any]]:
        """(first column, table) of each batch argument, as the sample program counts the columns."""
        found, at = [], 0
        for name in self.structures:
            if name in self.blocks:
                found.append((at, self.blocks[name].samples))
                at += size(self.structures[name])
        return found

    def labels(self) -> list[str]:
        """Names of the parameters' numbers."""
        return [
            n for name, structure in self.structures.items() if name not in self.blocks for n in names(structure, name)
        ]

    def shaped(self, gradients: Any) -> Any:
        """The gradient w.r.t. the argument (or arguments) of argnums, each in its shape."""
        starts, at = {}, 0
        for name, structure in self.structures.items():
            if name not in self.blocks:
                starts[name] = at
                at += size(structure)

        def one(i: int) -> Any:
            name = self.signature.parameters[i]
            if name not in starts:
                raise OperandError(
                    f"argnums names {name!r}, which is data; the gradient goes along parameters: "
                    f"{', '.join(starts) or 'there are none, use backward()'}{user_line()}."
                )
            part = self.structures[name]
            return shaped(part, gradients[starts[name] : starts[name] + size(part)])

        argnums = self.signature.argnums
        return one(argnums) if isinstance(argnums, int) else tuple(one(i) for i in argnums)
