"""The picture as plain data, ready for JSON: what a program reads that wants to draw or to check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_lite.views.drawing.data import Drawing


def to_dict(drawing: Drawing) -> dict[str, Any]:
    """The data of the picture; numbers in full, and NaN and infinities as text, which JSON has not."""
    return {
        "format": "tinygrad_lite picture 1",
        "title": drawing.title,
        "alt": drawing.alt,
        "direction": drawing.direction,
        "theme": drawing.theme.name,
        "boxes": [{"key": box.key, **_plain(box)} for box in drawing.boxes],
        "edges": [{"key": edge.key, **_plain(edge)} for edge in drawing.edges],
        "notes": [note.text for note in drawing.notes],
    }


def _plain(item: Any) -> dict[str, Any]:
    """The fields of a named tuple as plain data."""
    return {name: _number(field) for name, field in item._asdict().items()}


def _number(field: Any) -> Any:
    if isinstance(field, float) and field - field != 0.0:
        return str(field)
    return [list(part) if isinstance(part, tuple) else part for part in field] if isinstance(field, tuple) else field
