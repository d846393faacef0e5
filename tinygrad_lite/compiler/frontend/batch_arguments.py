"""The arguments of a call with samples, sorted into parameters and samples.

In: what a user gave to a function compiled with `batch=`. Out: chunks of parameters, a table for each batch argument,
and the key of the program that serves them: what the arguments look like, and the whole numbers that an index may be.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_lite.compiler.frontend.arguments import MOST_CHOICES, Block, Structure, flatten, names, size
from tinygrad_lite.compiler.frontend.results import shaped, values_in
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, ShapeError, user_line

if TYPE_CHECKING:
    from tinygrad_lite.compiler.batched import BatchedFunction


class BatchCall:
    """The arguments of one call, sorted into parameters and samples."""

    def __init__(self, owner: BatchedFunction, args: Any, kwargs: Any) -> None:
        self.owner = owner
        if len(args) > len(owner.parameters):
            raise OperandError(f"{owner.__name__} takes {len(owner.parameters)} arguments{user_line()}.")
        given = dict(zip(owner.parameters, args, strict=False)) | kwargs
        self.structures: dict[str, Structure] = {}
        self.blocks: dict[str, Block] = {}
        self.chunks: list[Any] = []
        self.parameters: list[Any] = []
        for name in given:
            if name in owner.batch:
                block = self.blocks[name] = Block(name, given[name])
                self.structures[name] = block.structure
            else:
                self.structures[name] = flatten(given[name], self.chunks)
                self.parameters.append(given[name])
        missing = [name for name in owner.batch if name not in given]
        if missing:
            raise OperandError(f"the batch argument {missing[0]!r} was not given{user_line()}.")
        lengths = {name: len(block.samples) for name, block in self.blocks.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            shown = ", ".join(f"{name} has {n}" for name, n in lengths.items())
            raise ShapeError(f"batch arguments need the same number of rows, at least one, but {shown}{user_line()}.")
        self.samples = next(iter(lengths.values()))
        labels = []
        self.structure = tuple(self.structures.items())
        only_numbers = owner.only_numbers.get(self.structure, ())
        for name, block in self.blocks.items():
            if block.whole and name not in only_numbers:
                seen = set(owner.labels_seen.get(name, ())) | set(block.choices())
                owner.labels_seen[name] = tuple(sorted(seen)) if len(seen) <= MOST_CHOICES else ()
                labels.append((name, owner.labels_seen[name]))
        self._labelled(labels)

    def _labelled(self, labels: Sequence[tuple[str, tuple[int, ...]]]) -> None:
        self.choices = {name: found for name, found in labels if found}
        self.key = self.structure, tuple(self.choices.items())

    def without_labels(self, names: Collection[str]) -> None:
        """What was compiled computes with these and takes none of them as an index: their values do not matter."""
        self._labelled([pair for pair in self.choices.items() if pair[0] not in names])

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
        starts, at = {}, 0
        for name, structure in self.structures.items():
            if name not in self.blocks:
                starts[name] = at
                at += size(structure)

        def one(i: int) -> Any:
            name = self.owner.parameters[i]
            if name not in starts:
                raise OperandError(
                    f"argnums names {name!r}, which is data; the gradient goes along parameters: "
                    f"{', '.join(starts) or 'there are none, use backward()'}{user_line()}."
                )
            part = self.structures[name]
            return shaped(part, gradients[starts[name] : starts[name] + size(part)])

        argnums = self.owner.argnums
        return one(argnums) if isinstance(argnums, int) else tuple(one(i) for i in argnums)
