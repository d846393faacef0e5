"""Data to train on: real measurements that come with the package, and shapes drawn by a seeded generator.

A `Dataset` is a list of samples (x, t): a list of numbers, and the target that belongs to it.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from tinygrad_lite.errors import ShapeError


class Dataset:
    """Samples: `inputs`, a list of rows of numbers, and `targets`, one for each row.

    It has a length, is indexed and iterated as pairs (x, t), and a slice is a Dataset again.

    Args:
        inputs: m rows of n numbers.
        targets: m class numbers, numbers, or lists of numbers.
        feature_names: what the n columns are called.
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
        if len(inputs) != len(targets):
            raise ShapeError(f"as many targets as inputs are needed, but got {len(inputs)} inputs and {len(targets)}.")
        self.inputs = list(inputs)
        self.targets = list(targets)
        self.feature_names = tuple(feature_names)
        self.target_names = tuple(target_names)
        self.source = source

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(zip(self.inputs, self.targets, strict=True))

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return self.with_rows(self.inputs[place], self.targets[place])
        return self.inputs[place], self.targets[place]

    def __repr__(self) -> str:
        return f"Dataset({len(self)} samples of {len(self.inputs[0]) if self.inputs else 0} numbers)"

    def with_rows(self, inputs: Sequence[Any], targets: Sequence[Any]) -> Dataset:
        """Other rows under the same names."""
        return Dataset(inputs, targets, self.feature_names, self.target_names, self.source)

    def take(self, places: Sequence[int]) -> Dataset:
        """The samples at these places, in this order."""
        return self.with_rows([self.inputs[i] for i in places], [self.targets[i] for i in places])

    def split(self, held_back: float = 1 / 3, *, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Shuffle, and give (training samples, held-back samples), the same for the same seed.

        Args:
            held_back: the fraction of samples that is held back, between 0 and 1.

        >>> train, held = iris().split(1 / 3, seed=0)
        >>> len(train), len(held)
        (100, 50)
        """
        if not 0 < held_back < 1:
            raise ValueError(f"the held-back fraction lies between 0 and 1, but got {held_back!r}.")
        places = list(range(len(self)))
        random.Random(seed).shuffle(places)
        held = round(len(self) * held_back)
        return self.take(places[held:]), self.take(places[:held])


def iris() -> Dataset:
    """Fisher's irises: 150 flowers, four lengths in cm, three species of 50 flowers each.

    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7 (1936) 179-188; see `tinygrad_lite/data/README.md` for the version and the licence.

    >>> data = iris()
    >>> data, data[0]
    (Dataset(150 samples of 4 numbers), ([5.1, 3.5, 1.4, 0.2], 0))
    >>> data.target_names
    ('setosa', 'versicolor', 'virginica')
    """
    text = files("tinygrad_lite.data").joinpath("iris.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    names = list(dict.fromkeys(row[4] for row in rows))
    return Dataset(
        [[float(x) for x in row[:4]] for row in rows],
        [names.index(row[4]) for row in rows],
        header[:4],
        names,
        "R. A. Fisher 1936, as corrected to the article; CC BY 4.0 (UCI Machine Learning Repository)",
    )
