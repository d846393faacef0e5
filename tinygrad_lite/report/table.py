"""A table of a report: rows under named columns, as text, HTML, Markdown, CSV and plain data."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.engine.value import Value
from tinygrad_lite.report import escape
from tinygrad_lite.report.language import say
from tinygrad_lite.report.style import CELL, LINE, MARKS, MONO, TINT, bdi, known, printable, sign, wrapped


class Table:
    """Rows under named columns, with numbers aligned at their points.

    Args:
        columns: the headings.
        rows: one sequence of cells a row: numbers, Values, text, or None for an empty cell.
        title, note: a line above, a line below.
        marks: for each row "" or one of "ok", "wrong", "follows", "unsure".

    Raises:
        ValueError: a row has not as many cells as there are columns, or a mark is unknown.

    >>> print(Table(["name", "grad"], [["w", 1.25], ["b", -10.5]]))
    name    grad
    ----  ------
    w       1.25
    b     -10.5
    """

    def __init__(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        title: str = "",
        note: str = "",
        marks: Sequence[str] = (),
    ) -> None:
        self.columns: list[str] = [str(column) for column in columns]
        self.rows: list[list[Any]] = [list(row) for row in rows]
        self.title: str = title
        self.note: str = note
        self.marks: list[str] = list(marks) or [""] * len(self.rows)
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"the table has {len(self.columns)} columns, but row {i} has {len(row)} cells.")
        if len(self.marks) != len(self.rows):
            raise ValueError(f"the table has {len(self.rows)} rows, but {len(self.marks)} marks.")
        for mark in self.marks:
            known(mark, allowed=("", *MARKS))

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """Aligned columns, no wider than `width` where that can be.

        Text that is too long is cut, and the cut is shown; numbers are never cut. If that is not enough, the columns
        follow each other in blocks, each with the first column in front.
        """
        columns = [aligned([row[j] for row in self.rows], ascii) for j in range(len(self.columns))]
        cells = [[printable(name, ascii), *column.texts] for name, column in zip(self.columns, columns, strict=True)]
        if any(self.marks):
            cells.insert(0, ["", *[sign(mark, ascii) for mark in self.marks]])
        right = [False] * (len(cells) - len(columns)) + [column.numeric for column in columns]
        _fit(cells, right, width, "..." if ascii else "…")
        leading = len(cells) - len(columns) + 1  # the mark and the first column stand in front of every block
        blocks = [
            _block([cells[j] for j in block], [right[j] for j in block]) for block in _blocks(cells, leading, width)
        ]
        above = [printable(self.title, ascii), ""] if self.title else []
        below = ["", *wrapped(printable(self.note, ascii), width)] if self.note else []
        return "\n".join([*above, "\n\n".join(blocks), *below])

    def html(self) -> str:
        """A `<table>` that scrolls sideways in its own box when the page is narrow."""
        columns = [aligned([row[j] for row in self.rows], ascii=False) for j in range(len(self.columns))]
        sides = ["right" if column.numeric else "left" for column in columns]
        heads = "".join(
            f'<th scope="col" style="{CELL};text-align:{side};border-bottom:{LINE}">{bdi(name)}</th>'
            for name, side in zip(self.columns, sides, strict=True)
        )
        marked = any(self.marks)
        body = []
        for i, mark in enumerate(self.marks):
            tint = f";background-color:{TINT[mark]}" if mark else ""
            cells = [f'<td style="{CELL}{tint}">{sign(mark, False)} {escape.html(say(mark))}</td>'] if marked else []
            for column, side in zip(columns, sides, strict=True):
                face = f";{MONO};white-space:pre" if column.numeric else ""
                cells.append(f'<td style="{CELL};text-align:{side}{face}{tint}">{bdi(column.texts[i])}</td>')
            body.append(f'<tr style="background-color:transparent">{"".join(cells)}</tr>')
        caption = (
            f'<caption style="caption-side:top;text-align:left;font-weight:bold;padding:4px 10px;'
            f'color:inherit">{bdi(self.title)}</caption>'
        )
        note = f'<div style="padding:2px 10px;opacity:0.8">{bdi(self.note)}</div>'
        first = f'<th style="{CELL};border-bottom:{LINE}"></th>' if marked else ""
        return (
            '<div style="overflow-x:auto;max-width:100%">'
            '<table style="border-collapse:collapse;color:inherit;background-color:transparent;margin:4px 0">'
            f'{caption if self.title else ""}<thead><tr style="background-color:transparent">{first}{heads}</tr>'
            f"</thead><tbody>{''.join(body)}</tbody></table>{note if self.note else ''}</div>"
        )

    def markdown(self) -> str:
        """A table of GitHub's Markdown."""
        columns = [aligned([row[j] for row in self.rows], ascii=False) for j in range(len(self.columns))]
        names = self.columns
        if any(self.marks):
            names, marks = ["", *names], [f"{sign(mark, False)} {mark}" for mark in self.marks]
            columns.insert(0, Column(marks, False))
        rules = ["---:" if column.numeric else ":---" for column in columns]
        lines = [[column.texts[i].strip() for column in columns] for i in range(len(self.rows))]
        table = [f"| {' | '.join(map(escape.markdown, line))} |" for line in (names, *lines)]
        table.insert(1, f"| {' | '.join(rules)} |")
        above = [f"**{escape.markdown(self.title)}**", ""] if self.title else []
        below = ["", escape.markdown(self.note)] if self.note else []
        return "\n".join([*above, *table, *below])

    def csv(self) -> str:
        """Comma-separated lines; numbers in full, so that they read back to the same bits.

        A text that a spreadsheet would run as a formula (`=`, `+`, `-` or `@` first) gets a `'` in front.
        """
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(map(_csv_cell, line) for line in (self.columns, *self.rows))
        return out.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Title, note, columns, rows and marks, ready for JSON."""
        return {"kind": "table", **vars(self), "rows": [list(map(plain_data, row)) for row in self.rows]}

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return self.text()

    def __len__(self) -> int:
        return len(self.rows)


def _pad(text: str, columns: int, right: bool) -> str:
    space = " " * (columns - escape.width(text))
    return space + text if right else text + space


def _blocks(cells: list[list[str]], leading: int, width: int) -> list[list[int]]:
    """Which columns stand side by side."""
    widths = [max(map(escape.width, column)) for column in cells]
    first = list(range(leading))
    blocks = [list(first)]
    for j in range(leading, len(cells)):
        if sum(widths[k] + 2 for k in (*blocks[-1], j)) - 2 > width and blocks[-1] != first:
            blocks.append(list(first))
        blocks[-1].append(j)
    return blocks


def _block(cells: list[list[str]], right: Sequence[bool]) -> str:
    """Columns side by side, with a line under their names."""
    widths = [max(map(escape.width, column)) for column in cells]
    lines = [
        "  ".join(_pad(text, w, r) for text, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in zip(*cells, strict=True)
    ]
    lines.insert(1, "  ".join("-" * w for w in widths).rstrip())
    return "\n".join(lines)


def _fit(cells: list[list[str]], numeric: Sequence[bool], width: int, dots: str) -> None:
    """Cut the widest columns of text, in place, until the table fits or nothing more can be cut fairly."""
    least = 12
    widths = [max(map(escape.width, column)) for column in cells]
    while sum(widths) + 2 * (len(widths) - 1) > width:
        j = max((j for j in range(len(cells)) if not numeric[j]), key=widths.__getitem__, default=None)
        if j is None or widths[j] <= least:
            break
        excess = sum(widths) + 2 * (len(widths) - 1) - width
        others = [w for i, w in enumerate(widths) if not numeric[i] and i != j]
        widths[j] = max(least, widths[j] - excess, min(max([least, *others]), widths[j] - 1))
    for j, column in enumerate(cells):
        cells[j] = [escape.shortened(text, widths[j], dots) for text in column]


class Column(NamedTuple):
    """The texts of one column; a numeric column stands to the right."""

    texts: list[str]
    numeric: bool


def plain_number(cell: Any) -> float | None:
    """The number in a cell, or None for text, an empty cell, or a bool."""
    if isinstance(cell, Value):
        return cell.data
    if isinstance(cell, (str, bytes, bool)) or cell is None or not hasattr(type(cell), "__float__"):
        return None
    return float(cell) if getattr(cell, "ndim", 0) == 0 else None


def cell_text(cell: Any) -> str:
    """A cell as text: a number in six digits without a sign on zero's opposite, an int in full, None as nothing.

    >>> cell_text(0.1 + 0.2), cell_text(-0.0), cell_text(1e-20), cell_text(3.0), cell_text(1234567)
    ('0.3', '0', '1e-20', '3', '1234567')
    """
    x = plain_number(cell)
    if x is None or isinstance(cell, int):
        return "" if cell is None else str(cell)
    return f"{x + 0.0:.6g}"


def aligned(cells: list[Any], ascii: bool) -> Column:
    """The cells of a column as texts; if all are numbers, padded so that their points stand in line."""
    texts = [printable(cell_text(cell), ascii) for cell in cells]
    filled = [cell for cell in cells if cell is not None and not (isinstance(cell, str) and cell == "")]
    if not filled or any(plain_number(cell) is None for cell in filled):
        return Column(texts, False)
    tails = [len(text.partition(".")[2]) + ("." in text) for text in texts]
    padding = [
        max(tails) - tail if math.isfinite(plain_number(cell) or 0.0) else 0
        for cell, tail in zip(cells, tails, strict=True)
    ]
    return Column([text + " " * pad if text else "" for text, pad in zip(texts, padding, strict=True)], True)


def plain_data(cell: Any) -> Any:
    """The cell for JSON: numbers stay numbers, except those that JSON cannot write."""
    if cell is None or isinstance(cell, (str, bool, int)):
        return cell
    x = plain_number(cell)
    if x is None:
        return str(cell)
    return x if math.isfinite(x) else repr(x)


def _csv_cell(cell: Any) -> str:
    x = plain_number(cell)
    if x is not None:
        return str(cell) if isinstance(cell, int) else repr(x)
    text = escape.visible("" if cell is None else str(cell))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
