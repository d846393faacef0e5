"""Forty pictures as they were approved: what stands where, in text, so that a change can be read.

After a change that is meant:  TINYGRAD_LITE_APPROVE=1 python -m pytest tests/views/test_approved.py
"""

import os
from pathlib import Path

import pytest

from tests.views.gallery import PICTURES, picture
from tinygrad_lite.views.drawing import cards

FOLDER = Path(__file__).parent / "approved"


def described(shown):
    """The picture in lines: its size, each box with its place and texts, each arrow with its texts, the notes."""
    place = shown.placement
    lines = [
        f"{place.width:.0f} x {place.height:.0f}, {shown.direction}, {shown.theme.name}, {shown.title}".rstrip(", ")
    ]
    for box in shown.boxes:
        x, y = place.centre[box.key]
        words = [cards.shown_label(box.label), f"x {box.times}" if box.times > 1 else "", box.symbol]
        words += [f"{caption} {text}".strip() for caption, text in box.rows] + ([box.tint] if box.tint else [])
        lines.append(f"{box.key} {box.kind} at {x:.0f} {y:.0f}: {' | '.join(word for word in words if word)}")
    for edge in shown.edges:
        looks = [*(text for _, text in edge.texts), *edge.colours, edge.tint]
        lines.append(f"v{edge.tail} -> {edge.key}: {' | '.join(look for look in looks if look)}".rstrip(": "))
    return "\n".join([*lines, *(note.text for note in shown.notes)]) + "\n"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_as_it_was_approved(name):
    now, path = described(picture(name)), FOLDER / f"{name}.txt"
    if os.environ.get("TINYGRAD_LITE_APPROVE"):
        path.write_text(now, encoding="utf-8")

    assert now == path.read_text(encoding="utf-8")


def test_there_are_forty_and_nothing_else_is_kept():
    assert len(PICTURES) >= 40
    assert {path.stem for path in FOLDER.iterdir()} == set(PICTURES)
