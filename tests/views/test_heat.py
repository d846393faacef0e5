"""Gradient heat: sign by hue, size by strength, and text that stays legible on it."""

import math

import pytest

import tinygrad_lite as tg
from tests.views.contrast import contrast
from tinygrad_lite import Value
from tinygrad_lite.views.drawing.themes import THEMES
from tinygrad_lite.views.picture.heat import colour, share


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_text_has_a_contrast_of_4_5_with_what_it_stands_on(theme):
    grounds = [theme.background, *(getattr(theme, kind)[0] for kind in ("leaf", "inner", "root", "group", "op"))]

    for ground in grounds:
        assert contrast(theme.ink, ground) >= 4.5
        assert contrast(theme.faint, ground) >= 4.5
    assert contrast(theme.beside, theme.background) >= 4.5
    assert contrast(theme.faint, theme.constant[0]) >= 4.5
    for ground in (theme.background, theme.inner[0]):
        assert all(contrast(path, ground) >= 3.0 for path in theme.paths)  # WCAG's bound for lines
    assert contrast(theme.line, theme.background) >= 3.0


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_ink_stays_legible_on_the_strongest_heat(theme):
    for grad in (-1.0, -0.3, 0.3, 1.0):
        assert contrast(theme.ink, colour(grad, 1.0, theme.inner[0], theme)) >= 4.5


def test_sign_chooses_the_hue_and_size_the_strength():
    theme = THEMES["light"]
    tints = {grad: colour(grad, 4.0, theme.inner[0], theme) for grad in (-4.0, -1.0, 0.0, 1.0, 4.0)}

    assert len(set(tints.values())) == 5
    assert tints[0.0] == theme.inner[0]
    assert [share(grad, 4.0) for grad in (0.0, 1.0, 4.0, math.inf, math.nan)] == [0.0, 0.5, 1.0, 1.0, 0.0]


def test_a_heated_picture_tints_boxes_and_arrows_and_has_a_legend():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    y = a * b - b
    y.backward()
    picture = tg.draw(y, heat=True)

    assert all(box.tint for box in picture.boxes)
    assert picture.notes[0].text == "gradient:  -5  -2.222  -0.5556  0  0.5556  2.222  5"
    assert picture.notes[0].parts[1][0] == picture.boxes[1].tint  # b has the largest gradient, -5


def test_without_a_backward_pass_the_legend_says_so():
    quiet = Value(1.0)
    picture = tg.draw(quiet * 2.0, heat=True)

    assert picture.notes[0].text == "Every gradient is 0: has backward() been called?"
