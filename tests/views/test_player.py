"""The player as data and files; `test_pages_in_a_browser.py` presses its buttons."""

import base64
import html
import importlib.util
import json
import re
from xml.etree import ElementTree

import pytest

import tinygrad_lite as tg
from tests.views.contrast import contrast
from tinygrad_lite import Value
from tinygrad_lite.errors import GraphTooLarge, OperandError, RenderingError, StaleGraphError
from tinygrad_lite.views.drawing.themes import DARK
from tinygrad_lite.views.live.page import slim
from tinygrad_lite.views.player.player import animate

HOSTILE = [
    '"><script>alert(1)</script>',
    "</script><b>",
    "a'b\"c&d",
    "{|}\\",
    "x\ny",
    "\u202eabc",
    "\U0001f642",
    "$title",
    "y" * 10_000,
]


def small():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    return tg.tanh(a * b * 0.1 + b**3 * 0.05)


def chain(n):
    y = x = Value(1.0, label="x")
    for _ in range(n):
        y = tg.sin(y)
    return y + x


def test_the_page_holds_picture_and_steps_and_asks_for_nothing_outside():
    page = animate(small()).page()

    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    steps = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])["steps"]
    assert [step["kind"] for step in steps].count("forward") == 6


def test_the_fragment_is_a_sandboxed_iframe_with_a_picture_inside_it():
    fragment = animate(small()).html()

    frame = re.fullmatch(
        r"<iframe sandbox=\"allow-scripts\" [^>]*? srcdoc='([^']*)'><img ([^>]*)></iframe>", fragment, re.S
    )
    assert frame, fragment[:200]
    assert html.unescape(frame[1]).startswith("<!DOCTYPE html>")
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", frame[2])[1]).decode()
    assert picture == slim(animate(small()).picture.svg)
    ElementTree.fromstring(picture)


def test_a_frame_shows_what_is_known_by_then():
    player = animate(small())
    first, last = player.frames()[0], player.frames()[-1]

    def shown(svg, kind):
        return [e.text for e in ElementTree.fromstring(svg).iter() if e.get("class") == kind and e.text]

    assert len(player.frames()) == len(player.steps)
    assert (len(shown(first, "grad")), len(shown(last, "grad"))) == (0, 8)
    assert {"-4", "2"} <= set(shown(first, "data"))
    assert 'stroke="#d98200"' in first
    assert 'stroke="#0b63b0"' in last


def test_local_derivatives_appear_with_the_op_that_they_belong_to():
    """As in the page: a frame knows those of the ops that were computed."""
    player = animate(small())
    last = ElementTree.fromstring(player.frames()[-1])
    everyone = [e.text for e in last.iter() if e.get("class") == "local"]
    counts = [f.count('class="local"') for f in player.frames()]
    ops = [step.kind for step in player.steps].count("forward")

    assert counts[0] == 0
    assert counts == sorted(counts)
    assert len(set(counts)) == ops + 1
    assert counts[ops] == counts[-1] == len(everyone) > ops


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_label_is_text_and_nothing_else(label, tmp_path):
    x = Value(2.0, label=label)
    player = animate(x * x)

    page = player.page()
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    inside = html.unescape(re.search(r"srcdoc='([^']*)'", player.html(), re.S)[1])
    assert inside == page
    for frame in player.frames():
        ElementTree.fromstring(frame)
    assert len(player.html()) < 200_000


@pytest.mark.long
def test_a_long_computation_stays_small():
    root = chain(990)
    player = animate(root, limit=None)

    assert 1900 < len(player.steps) <= 2000
    assert len(player.html()) < 2_000_000


def test_too_many_steps_are_refused_before_any_waiting():
    with pytest.raises(GraphTooLarge):
        animate(chain(400))
    with pytest.raises(GraphTooLarge, match="2,000"):
        animate(chain(1100), limit=None)
    with pytest.raises(RenderingError, match=r"player\.html"):
        animate(chain(250), limit=None).save("x.gif")


@pytest.mark.parametrize("ending", ["html", "json"])
def test_saving_writes_the_form_of_the_ending(ending, tmp_path):
    path = animate(small()).save(tmp_path / f"x.{ending}")

    assert path.read_text(encoding="utf-8").lstrip()[0] in "<["


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.gif"):
        animate(small()).save(tmp_path / "x.mp4")


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs Pillow")
def test_a_gif_has_one_picture_a_step_and_they_differ(tmp_path):
    from PIL import Image, ImageChops

    player = animate(small())
    with Image.open(player.save(tmp_path / "x.gif")) as image:
        assert image.n_frames == len(player.steps)
        first = image.convert("RGB")
        image.seek(5)
        assert ImageChops.difference(first, image.convert("RGB")).getbbox()


def test_slim_changes_the_size_and_not_the_words():
    svg = animate(chain(30)).picture.svg
    slimmer = slim(svg)

    def words(text):
        return [e.text for e in ElementTree.fromstring(text).iter() if e.tag.endswith("}text")]

    assert words(slimmer) == words(svg)
    assert len(slimmer) < 0.75 * len(svg)


def test_the_same_program_gives_the_same_bytes():
    assert animate(small()).page() == animate(small()).page()


def test_the_picture_shows_the_final_gradients_also_where_contributions_cancel():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    player = animate(tg.tanh(a * b + b**3))  # b first gathers 12, then 12 - 4 = 8

    assert dict(next(box for box in player.picture.boxes if box.label == "b").rows)["grad"] == "8"


@pytest.mark.parametrize("root", [3.0, None, [], [Value(1.0), Value(2.0)]])
def test_one_value_is_played(root):
    with pytest.raises(OperandError, match=r"one Value.*\n.*animate\(loss\)"):
        animate(root)


@pytest.mark.parametrize("option", [{"depth": 1}, {"expand": "layer 1"}, {"show": "data"}], ids=str)
def test_options_that_would_hide_what_is_played_are_refused(option):
    with pytest.raises(ValueError, match="leave out"):
        animate(small(), **option)


def test_a_dark_player_glows_in_colours_that_are_seen_on_its_ground():
    player = animate(small(), theme="dark")

    assert 'class="dark"' in player.page()
    assert all(contrast(DARK.background, colour) > 6 for colour in DARK.glow)
    for drawn in (player.page(), player.frames()[-1]):
        assert DARK.glow[1] in drawn


def test_numbers_that_do_not_belong_together_are_not_played():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    product = a * b
    a.data = 9.0  # else a step would read a * b = 9 * 2 = -8

    with pytest.raises(StaleGraphError, match="forward pass"):
        animate(product)


def test_a_network_is_played_value_by_value_where_a_picture_would_fold_it():
    from tinygrad_lite import nn

    model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
    loss = nn.mse([model([0.5, -1.0]), model([1.0, 2.0]), model([0.1, 0.2])], [1.0, 0.0, 1.0])
    loss = loss + 1e-3 * tg.sum([p * p for p in model.parameters()])
    player = tg.animate(loss)

    assert len(tg.draw(loss).boxes) < len(player.picture.graph)  # the picture is folded
    assert len(player.picture.boxes) == len(player.picture.graph)
