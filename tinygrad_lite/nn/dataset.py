"""Samples: lists of numbers with the targets that belong to them, split, shuffled and cut into batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.engine.foreign import as_lists
from tinygrad_lite.errors import ShapeError
from tinygrad_lite.nn.sequential import Standardize


class Dataset:
    """Samples: `inputs`, a list of n numbers for each, and `targets`, one for each.

    It has a length, is indexed and iterated as pairs (x, t), and a slice is a Dataset again.

    Args:
        inputs: m samples of n numbers: nested lists, an array (of PyTorch and JAX too) or a DataFrame.
        targets: m class numbers, numbers, or lists of numbers; a Series or an array as well.
        feature_names: what the n numbers are called; those of a DataFrame are its columns.
        target_names: what the classes are called.
        source: where the data come from, and their licence.

    >>> data = Dataset([[0.0, 0.0], [0.0, 1.0]], [0, 1])
    >>> len(data), data[1]
    (2, ([0.0, 1.0], 1))
    """

    def __init__(
        self,
        inputs: Sequence[Any],
        targets: Sequence[Any],
        feature_names: Sequence[str] = (),
        target_names: Sequence[str] = (),
        source: str = "",
    ) -> None:
        names = feature_names or map(str, getattr(inputs, "columns", ()))
        inputs, targets = as_lists(inputs), as_lists(targets)
        if len(inputs) != len(targets):
            raise ShapeError(f"as many targets as inputs are needed, but got {len(inputs)} inputs and {len(targets)}.")
        self.inputs: list[Any] = list(inputs)
        self.targets: list[Any] = list(targets)
        self.feature_names: tuple[str, ...] = tuple(names)
        self.target_names: tuple[str, ...] = tuple(target_names)
        self.source = source

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(zip(self.inputs, self.targets, strict=True))

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.with_samples(self.inputs[place], self.targets[place])
        return self.inputs[place], self.targets[place]

    def __repr__(self) -> str:
        return f"Dataset({len(self)} samples of {len(self.inputs[0]) if self.inputs else 0} numbers)"

    def with_samples(self, inputs: Sequence[Any], targets: Sequence[Any]) -> Dataset:
        """Other samples under the same names."""
        return Dataset(inputs, targets, self.feature_names, self.target_names, self.source)

    def take(self, places: Sequence[int]) -> Dataset:
        """The samples at these places, in this order."""
        return self.with_samples([self.inputs[i] for i in places], [self.targets[i] for i in places])

    def split(self, held_back: float = 1 / 3, *, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Shuffle, and give (training samples, held-back samples), the same for the same seed.

        Args:
            held_back: the fraction of samples that is held back, between 0 and 1.

        >>> from tinygrad_lite import nn
        >>> train, held = nn.datasets.iris().split(1 / 3, seed=0)
        >>> len(train), len(held)
        (100, 50)
        """
        if not 0 < held_back < 1:
            raise ValueError(f"the held-back fraction lies between 0 and 1, but got {held_back!r}.")
        places = list(range(len(self)))
        random.Random(seed).shuffle(places)
        held = round(len(self) * held_back)
        return self.take(places[held:]), self.take(places[:held])

    def batches(self, size: int | None = None, *, seed: object = None) -> Iterator[Dataset]:
        """The samples in pieces of `size` (the last may be smaller), shuffled if a seed is given.

        >>> [len(batch) for batch in Dataset([[0.0]] * 5, [0] * 5).batches(2)]
        [2, 2, 1]
        """
        return (self.take(places) for places in self.places(size, seed=seed))

    def places(self, size: int | None = None, *, seed: object = None) -> Iterator[list[int]]:
        """Which samples the batches hold; see `batches`."""
        if size is not None and size < 1:
            raise ValueError(f"a batch holds at least one sample, but got size {size!r}.")
        order = list(range(len(self)))
        if seed is not None:
            random.Random(str(seed)).shuffle(order)
        size = size or max(len(order), 1)
        return (order[start : start + size] for start in range(0, len(order), size))

    def standardized(self, *others: Dataset) -> tuple[Dataset, ...]:
        """This set and others with each input shifted and scaled to mean 0 and deviation 1, as measured on this one.

        Call it on the training set and give the held-back one along, which must not be measured.

        >>> train, held = Dataset([[1.0], [3.0]], [0, 1]).standardized(Dataset([[2.0]], [1]))
        >>> train.inputs, held.inputs
        ([[-1.0], [1.0]], [[0.0]])
        """
        scale = Standardize(self.inputs)
        return tuple(data.with_samples([scale(x) for x in data.inputs], data.targets) for data in (self, *others))
