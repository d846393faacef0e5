"""Samples: lists of numbers with the targets that belong to them, from memory or from a table of the user's own.

Nothing in a file is guessed silently: a column with text is either the target, whose texts become classes, or an
error that says where the text stands.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tinygrad_lite.engine.foreign import as_lists
from tinygrad_lite.errors import ShapeError, TableError
from tinygrad_lite.nn.sequential import Standardize

TASKS = ("auto", "classification", "regression")
MANY = 20
"""Whole numbers of more different values than this are no classes."""


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


def dataset(data: Dataset | tuple[Any, Any]) -> Dataset:
    """The samples, given as a Dataset or as a pair of inputs and targets."""
    return data if isinstance(data, Dataset) else Dataset(*data)


def dataset_for(model: Any, data: Dataset | tuple[Any, Any]) -> Dataset:
    """The samples; targets in a column of their own, of shape (m, 1), become numbers if the model gives numbers."""
    found = dataset(data)
    if not len(found):
        raise ValueError("there is no sample to train on: the data are empty.")
    if all(isinstance(t, (list, tuple)) and len(t) == 1 for t in found.targets):
        answer = model(found.inputs[0])
        if not hasattr(answer, "__len__") or len(answer) > 1:
            return found.with_samples(found.inputs, [t[0] for t in found.targets])
    return found


def read_csv(
    path: str | Path,
    target: str,
    *,
    columns: Sequence[str] | None = None,
    task: str = "auto",
    delimiter: str = ",",
) -> Dataset:
    """The lines of a CSV file as samples: the target column, and all others (or those named) as inputs.

    Args:
        path: a UTF-8 file whose first line names the columns.
        target: the column to predict.
        columns: the input columns; all but the target if none are named.
        task: "classification" makes the target's values classes 0, 1, ... in sorted order, "regression" takes them
            as numbers, and "auto" chooses classification if the target holds text, or at most 20 different whole
            numbers of which each occurs twice on average.

    Raises:
        TableError: the file cannot be read, a column is missing or named twice, a line has too few or
            too many cells, or a cell that should hold a number does not; with the line and the column.
    """
    if task not in TASKS:
        raise ValueError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}.")
    header, lines = _read(Path(path), delimiter)
    for name in [target, *(columns or ())]:
        if name not in header:
            raise TableError(f"{path} has no column {name!r}; its columns are {', '.join(header)}.")
    inputs = list(columns) if columns is not None else [name for name in header if name != target]
    if not inputs or target in inputs:
        raise TableError(f"at least one input column other than the target {target!r} is needed, but got {inputs}.")
    places = [header.index(name) for name in inputs]
    samples = [[_number(cells[i], line, header[i]) for i in places] for line, cells in lines.items()]
    answers = {line: cells[header.index(target)].strip() for line, cells in lines.items()}
    for line, text in answers.items():
        if not text:
            raise TableError(f"line {line}, column {target!r}: the target is empty; fill it in or leave the line out.")
    if task == "auto":
        task = "classification" if _are_classes(list(answers.values())) else "regression"
    if task == "regression":
        return Dataset(samples, [_number(text, line, target) for line, text in answers.items()], inputs, (), str(path))
    names = sorted(set(answers.values()), key=_natural)
    return Dataset(samples, [names.index(text) for text in answers.values()], inputs, names, str(path))


def _read(path: Path, delimiter: str) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the cells of each line by its number; blank lines are skipped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as reason:
        raise TableError(f"{path} cannot be read: {reason.strerror}.") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not UTF-8 text; save it as CSV UTF-8 and try again.") from None
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as reason:
        raise TableError(f"{path}, line {reader.line_num}: {reason}.") from None
    if len(lines) < 2:
        raise TableError(f"{path} needs a header line and at least one more, but has {len(lines)} with content.")
    header = [cell.strip() for cell in lines[0][1]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise TableError(f"{path} names the column {twice[0]!r} twice; give each column a name of its own.")
    found = next((other for other in ";\t|" if other in header[0]), None)
    if len(header) == 1 and found is not None:
        raise TableError(
            f"{path} has one column only, {header[0]!r:.60}, if {delimiter!r} is what separates them.\n"
            f"  Perhaps it is {found!r}: read_csv(..., delimiter={found!r})."
        )
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise TableError(
                f"{path}, line {line}: {len(header)} cells are needed, one for each column, but got {len(cells)}."
            )
    return header, dict(lines[1:])


def _number(text: str, line: int, column: str) -> float:
    try:
        x = float(text)
    except ValueError:
        x = math.nan
    if math.isfinite(x):
        return x
    shown = f"the text {text.strip()!r:.60}" if text.strip() else "an empty cell"
    raise TableError(
        f"line {line}, column {column!r}: a finite number is needed, but got {shown}.\n"
        "  Leave the column or the line out, or put numbers in the place of the text."
    )


def _are_classes(answers: Sequence[str]) -> bool:
    try:
        numbers = {float(text) for text in answers}
    except ValueError:
        return True
    return all(x == int(x) for x in numbers if math.isfinite(x)) and len(numbers) <= min(MANY, len(answers) / 2)


def _natural(text: str) -> tuple[int, float, str]:
    """Numbers in their order, then texts in theirs."""
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)
