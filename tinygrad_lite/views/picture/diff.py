"""Two graphs side by side, with the numbers that differ marked: before and after a step, by hand and exact."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.formulas.names import names_in
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.drawing.data import Box, Edge, Note, Part
from tinygrad_lite.views.picture.draw import draw
from tinygrad_lite.views.picture.labels import writer
from tinygrad_lite.views.picture.picture import Picture

LINES = 8  # differences that are listed below the picture

Side = Value | Iterable[Value] | Picture | Mapping[Any, float]


def draw_diff(
    one: Side,
    other: Side,
    *,
    titles: tuple[str, str] | None = None,
    tolerance: float = 1e-9,
    format: Any = "",
    **options: Any,
) -> Picture:
    """Two pictures in one; numbers that differ are marked with ≠, and listed below.

    Args:
        one, other: a Value; or a picture made by `draw`, which keeps the numbers of its time; or
            gradients derived by hand, as a dict from Values or labels to numbers, which are
            written into the picture of the other side.
        titles: what stands above each; "yours" and "exact" where one side was derived by hand, else
            "before" and "after".
        tolerance: how far two numbers may differ, relative to the larger.
        format: how numbers are written, as for `draw`.
        options: as for `draw`.

    Raises:
        OperandError: both sides are dicts, or a dict names a value that is not in the picture.

    >>> import tinygrad_lite as tg
    >>> w, x = tg.Value(2.0, label="w"), tg.Value(3.0, label="x")
    >>> loss = (w * x - 1.0) ** 2
    >>> loss.backward()
    >>> both = tg.draw_diff({"w": 15.0}, loss)
    >>> print(*[note.text for note in both.notes], sep="\\n")
    1 value differs
    w: grad 15 and 30, a factor of 0.5
    """
    options["format"] = format
    if options.get("names") is True:
        options["names"] = names_in(sys._getframe(1))
    if titles is None:
        hand = isinstance(one, Mapping), isinstance(other, Mapping)
        titles = {(True, False): ("yours", "exact"), (False, True): ("exact", "yours")}.get(hand, ("before", "after"))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        raise OperandError("one side of draw_diff must be a Value or a picture; both are dicts of gradients.")
    if isinstance(one, Mapping):
        right = _drawn(other, options)
        left = _by_hand(right, one, writer(format))
    elif isinstance(other, Mapping):
        left = _drawn(one, options)
        right = _by_hand(left, other, writer(format))
    else:
        left, right = _drawn(one, options), _drawn(other, options)
    pairs = _pairs(left, right)
    differing = [(a, b, what) for a, b in pairs if (what := _differences(a, b, tolerance))]
    marks = {box.number: what for box, _, what in differing}, {box.number: what for _, box, what in differing}
    return _joined(
        [_marked(side, mark) for side, mark in zip((left, right), marks, strict=True)],
        titles,
        [*_lines(differing, writer(format)), *_odd(left, right, len(pairs))],
    )


def _drawn(side: Any, options: Mapping[str, Any]) -> Picture:
    return side if isinstance(side, Picture) else draw(side, **options)


def _by_hand(picture: Picture, grads: Mapping[Any, float], write: Any) -> Picture:
    """The picture with these gradients in the place of its own."""
    numbers = picture.graph.number if picture.graph is not None else {}
    labels: dict[str, list[int]] = {}
    for box in picture.boxes:
        labels.setdefault(box.label, []).append(box.number)
    given: dict[int, float] = {}
    for name, grad in grads.items():
        found = [numbers[name]] if isinstance(name, Value) and name in numbers else labels.get(name, [])
        if len(found) != 1 or name == "":
            raise OperandError(
                f"the gradients name {name!r}, which {'several boxes are' if found else 'no box is'} called.\n"
                f"  The boxes are called {', '.join(label for label in labels if label) or '(nothing)'}."
            )
        given[found[0]] = float(grad)
    boxes = [
        box._replace(
            grad=given[box.number],
            rows=tuple((c, write(given[box.number]) if c == "grad" else text) for c, text in box.rows),
        )
        if box.number in given
        else box
        for box in picture.boxes
    ]
    edges = [edge._replace(texts=()) if edge.tail in given else edge for edge in picture.edges]  # of the exact ones
    return picture.changed(boxes=boxes, edges=edges)


def _pairs(left: Picture, right: Picture) -> list[tuple[Box, Box]]:
    """Which box answers to which: by place if both graphs were computed alike, otherwise by label."""
    if [(box.kind, box.symbol) for box in left.boxes] == [(box.kind, box.symbol) for box in right.boxes]:
        return list(zip(left.boxes, right.boxes, strict=True))
    named: dict[str, list[Box]] = {}
    for box in right.boxes:
        named.setdefault(box.label, []).append(box)
    counts: dict[str, int] = {}
    for box in left.boxes:
        counts[box.label] = counts.get(box.label, 0) + 1
    return [
        (box, named[box.label][0])
        for box in left.boxes
        if box.label and counts[box.label] == 1 and len(named.get(box.label, ())) == 1
    ]


def _differences(one: Box, other: Box, tolerance: float) -> tuple[str, ...]:
    """Which of the shown numbers differ."""
    shown = {_field(one, caption) for caption, _ in one.rows}
    return tuple(
        name
        for name, a, b in (("data", one.data, other.data), ("grad", one.grad, other.grad))
        if name in shown and not (math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-300) or (a != a and b != b))
    )


def _field(box: Box, caption: str) -> str:
    """Which number of a box stands behind a caption; a closed module is compared by its parameters' gradients."""
    grad = "|grad|" if box.kind == "group" else "grad"
    return {"": "data", "data": "data", grad: "grad"}.get(caption, "")


def _marked(picture: Picture, marks: Mapping[int, tuple[str, ...]]) -> Picture:
    """The picture with the differing numbers marked, by a sign and by a tint."""
    tint = picture.theme.differs
    boxes = [
        box._replace(
            tint=tint,
            rows=tuple((c, f"≠ {text}" if _field(box, c) in marks[box.number] else text) for c, text in box.rows),
        )
        if box.number in marks
        else box
        for box in picture.boxes
    ]
    return picture.changed(boxes=boxes)


def _joined(sides: list[Picture], titles: tuple[str, str], notes: list[Note]) -> Picture:
    """Both pictures in one; the numbers of the second go on where those of the first end."""
    left, right = sides
    shift = 1 + max((box.number for box in left.boxes), default=-1)
    boxes: list[Box] = [*left.boxes, *(box._replace(number=box.number + shift) for box in right.boxes)]
    edges: list[Edge] = [
        *left.edges,
        *(edge._replace(tail=edge.tail + shift, head=edge.head + shift) for edge in right.edges),
    ]
    alt = f"Two pictures: {titles[0]}, {left.alt} {titles[1]}, {right.alt} {' '.join(note.text for note in notes[:1])}."
    parts = (Part(titles[0], left, 0), Part(titles[1], right, shift))
    return left.changed(boxes=boxes, edges=edges, graph=None, alt=alt, notes=tuple(notes), parts=parts)


def _lines(differing: list[tuple[Box, Box, tuple[str, ...]]], write: Any) -> list[Note]:
    """What differs, in words."""
    if not differing:
        return [Note((("", "No value differs"),))]
    count = len(differing)
    lines = [f"{count} value{'' if count == 1 else 's'} differ{'s' if count == 1 else ''}"]
    for one, other, what in differing[:LINES]:
        name = cards.shown_label(one.label) or f"{one.symbol} (value {one.number})"
        parts = []
        for field in what:
            a, b = getattr(one, field), getattr(other, field)
            factor = f", a factor of {a / b:.4g}" if field == "grad" and b and a and math.isfinite(a / b) else ""
            parts.append(f"{field} {write(a)} and {write(b)}{factor}")
        lines.append(f"{name}: {'; '.join(parts)}")
    if count > LINES:
        lines.append(f"and {count - LINES} more")
    return [Note((("", line),)) for line in lines]


def _odd(left: Picture, right: Picture, pairs: int) -> list[Note]:
    """A line that says so if the graphs were not computed alike."""
    if pairs == len(left.boxes) == len(right.boxes):
        return []
    return [Note((("", f"the graphs were not computed alike: {pairs} values were compared, by their labels"),))]
