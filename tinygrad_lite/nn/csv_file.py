"""Reading a table of the user's own: a CSV file with a header line.

Nothing is guessed silently: a column with text is either the target, whose texts become classes,
or an error that says where the text stands.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from tinygrad_lite.errors import TableError
from tinygrad_lite.nn.dataset import Dataset

TASKS = ("auto", "classification", "regression")
MANY = 20


def read_csv(
    path: str | Path,
    target: str,
    *,
    columns: Sequence[str] | None = None,
    task: str = "auto",
    delimiter: str = ",",
) -> Dataset:
    """The rows of a CSV file as a Dataset: the target column, and all others (or those named) as inputs.

    Args:
        path: a UTF-8 file whose first line names the columns.
        target: the column to predict.
        columns: the input columns; all but the target if none are named.
        task: "classification" makes the target's values classes 0, 1, ... in sorted order, "regression" takes them
            as numbers, and "auto" chooses classification if the target holds text, or at most 20 different whole
            numbers of which each occurs twice on average.

    Raises:
        TableError: the file cannot be read, a column is missing or named twice, a row has too few or
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
    rows = [[_number(row[i], line, header[i]) for i in places] for line, row in lines]
    answers = [(line, row[header.index(target)].strip()) for line, row in lines]
    for line, text in answers:
        if not text:
            raise TableError(f"line {line}, column {target!r}: the target is empty; fill it in or leave the row out.")
    if task == "auto":
        task = "classification" if _are_classes([text for _, text in answers]) else "regression"
    if task == "regression":
        return Dataset(rows, [_number(text, line, target) for line, text in answers], inputs, (), str(path))
    names = sorted({text for _, text in answers}, key=_natural)
    return Dataset(rows, [names.index(text) for _, text in answers], inputs, names, str(path))


def _read(path: Path, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each row with the number of its line; blank lines are skipped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as reason:
        raise TableError(f"{path} cannot be read: {reason.strerror}.") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not UTF-8 text; save it as CSV UTF-8 and try again.") from None
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as reason:
        raise TableError(f"{path}, line {reader.line_num}: {reason}.") from None
    if len(lines) < 2:
        raise TableError(f"{path} needs a header line and at least one row, but has {len(lines)} line(s) with content.")
    header = [cell.strip() for cell in lines[0][1]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise TableError(f"{path} names the column {twice[0]!r} twice; give each column a name of its own.")
    if len(header) == 1:
        found = next((other for other in ";\t|" if other in header[0]), None)
        if found is not None:
            raise TableError(
                f"{path} has one column only, {header[0]!r:.60}, if {delimiter!r} is what separates them.\n"
                f"  Perhaps it is {found!r}: read_csv(..., delimiter={found!r})."
            )
    for line, row in lines[1:]:
        if len(row) != len(header):
            raise TableError(
                f"{path}, line {line}: {len(header)} cells are needed, one for each column, but got {len(row)}."
            )
    return header, lines[1:]


def _number(text: str, line: int, column: str) -> float:
    try:
        x = float(text)
    except ValueError:
        x = math.nan
    if math.isfinite(x):
        return x
    said = f"the text {text.strip()!r:.60}" if text.strip() else "an empty cell"
    raise TableError(
        f"line {line}, column {column!r}: a finite number is needed, but got {said}.\n"
        "  Leave the column or the row out, or put numbers in the place of the text."
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
