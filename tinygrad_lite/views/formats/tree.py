"""The picture as an indented tree for a terminal: from the root back to the leaves.

A box that is used again is written out once; later it is only named, with an arrow that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.views.drawing import cards

if TYPE_CHECKING:
    from tinygrad_lite.views.drawing.data import Box, Drawing, Edge


def to_tree(drawing: Drawing) -> str:
    """The tree of every box that is no operand of another, one after the other."""
    boxes = {box.number: box for box in drawing.boxes}
    operands: dict[int, list[Edge]] = {number: [] for number in boxes}
    for arrow in drawing.edges:
        operands[arrow.head].append(arrow)
    used = {arrow.tail for arrow in drawing.edges}
    lines: list[str] = []
    seen: set[int] = set()
    todo: list[tuple[int, str, str, Edge | None]] = [(n, "", "", None) for n in reversed(boxes) if n not in used]
    while todo:
        number, first, rest, edge = todo.pop()
        again = number in seen and bool(operands[number])
        lines.append(first + _line(boxes[number], edge) + (f"  (see {_name(boxes[number])} above)" if again else ""))
        if again:
            continue
        seen.add(number)
        below = operands[number]
        for arrow in reversed(below):
            last = arrow is below[-1]
            todo.append((arrow.tail, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "), arrow))
    return "\n".join(lines)


def _name(box: Box) -> str:
    return cards.shown_label(box.label) or f"v{box.number}"


def _line(box: Box, edge: Edge | None) -> str:
    """One box: its name, the op that made it, its numbers, and what stands beside its arrow."""
    name = " ".join(part for part in (cards.shown_label(box.label), box.symbol and f"{box.symbol}") if part)
    rows = dict(box.rows)
    data = rows.pop("data", rows.pop("", ""))
    words = " = ".join(part for part in (name, data) if part) or f"v{box.number}"
    found = [words + (f"  {cards.many(box)}" if box.times > 1 else "")]
    found += [f"{caption} {text}" for caption, text in rows.items()]
    found += [text if role in ("values", "product") else f"{role} {text}" for role, text in edge.texts] if edge else []
    return "  ".join(found)
