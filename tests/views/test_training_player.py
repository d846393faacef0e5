"""The training player: what it shows is what the model answered, and bad records are refused."""

import base64
import importlib.util
import json
import math
import re
from xml.etree import ElementTree

import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.errors import StateError
from tinygrad_lite.views.drawing.themes import DARK, LIGHT, PRINT, contrast, mixed
from tinygrad_lite.views.player import training, training_picture


def trained(model, data, loss=None, epochs=5, **options):
    loss = loss or nn.binary_cross_entropy_from_logits
    return nn.fit(
        model, data, loss, nn.SGD(model.parameters(), lr=0.3), epochs=epochs, record=True, progress=False, **options
    )


def moons(epochs=5):
    model = nn.MLP(2, [5, 1], activation="tanh", seed=1)
    return model, trained(model, nn.datasets.moons(30, seed=0), epochs=epochs)


@pytest.mark.parametrize(
    "model",
    [
        nn.MLP(2, [5, 3, 2], activation="relu", seed=1),
        nn.Sequential(nn.Linear(2, 4, seed=2), "tanh", nn.Dropout(0.5), nn.Linear(4, 2, seed=3)),
        nn.Layer(2, 3, activation="sigmoid", seed=4),
    ],
    ids=["mlp", "sequential", "layer"],
)
def test_the_network_of_the_record_answers_as_the_model_does(model):
    from tinygrad_lite.nn.saving import describe

    model.eval()
    network = training._network(describe(model), [p.data for _, p in model.named_parameters()])

    for x in ([0.3, -1.2], [2.0, 0.5]):
        assert network(x) == pytest.approx([y.data for y in model(x)], rel=1e-14)


def test_the_field_is_the_score_at_each_point_of_the_plane():
    _, history = moons()
    player = tg.animate_training(history)
    record = history.record

    field = base64.b64decode(player.steps[2]["view"])
    network = training._network(record["architecture"], record["steps"][2]["parameters"])
    (left, right), (low, high) = (training._span([x[k] for x in record["inputs"]]) for k in (0, 1))
    x, y = left + (right - left) * 0.5 / training.GRID, high - (high - low) * 0.5 / training.GRID

    assert len(field) == training.GRID**2
    answer = network([x, y])[0]
    assert field[0] == round(127.5 * (1 + answer / math.hypot(1.0, answer)))


@pytest.mark.parametrize(
    ("activation", "loss"), [("sigmoid", nn.binary_cross_entropy), ("linear", nn.mse)], ids=["probability", "number"]
)
def test_an_answer_half_way_between_the_targets_is_the_boundary(activation, loss):
    model = nn.MLP(2, [6, 1], activation=["tanh", activation], seed=1)
    history = nn.fit(
        model, nn.datasets.moons(40, seed=0), loss, nn.Adam(model, lr=0.1), epochs=60, record=True, progress=False
    )
    player = tg.animate_training(history)
    field = base64.b64decode(player.steps[-1]["view"])

    cells = [(int(x * training.GRID), int((1 - y) * training.GRID), kind) for x, y, kind in player.view["points"]]
    right = [(field[row * training.GRID + column] > 127) == (kind == 1) for column, row, kind in cells]
    assert sum(right) / len(right) > 0.8


@pytest.mark.parametrize("one_hot", [False, True])
def test_points_have_the_colour_of_their_class_also_where_a_class_is_missing(one_hot):
    inputs, labels = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.2]], [1, 2, 1]
    targets = [[float(k == label) for k in range(3)] for label in labels] if one_hot else labels
    player = tg.animate_training(trained(nn.MLP(2, [3], seed=1), nn.Dataset(inputs, targets), nn.cross_entropy))

    assert [kind for _, _, kind in player.view["points"]] == labels


@pytest.mark.long
def test_a_long_run_is_shown_at_evenly_spaced_steps_and_stays_small():
    _, history = moons(epochs=300)
    player = tg.animate_training(history)

    assert (len(player.steps), player.places[0], player.places[-1]) == (training.FRAMES, 0, 299)
    assert len(player.losses) == 300
    assert len(player.html()) < 1_000_000


def test_with_one_input_it_is_a_curve_and_with_many_the_loss_alone():
    line = nn.MLP(1, [3, 1], activation="tanh", seed=0)
    curve = tg.animate_training(trained(line, nn.datasets.sine(20, seed=0), nn.mse))
    wide = nn.MLP(4, [3], seed=0)
    flowers = tg.animate_training(trained(wide, nn.datasets.iris()[:20], nn.cross_entropy, epochs=1))

    assert len(curve.steps[0]["view"]) == training.CURVE
    assert flowers.view is None


def test_the_page_asks_for_nothing_outside(tmp_path):
    page = tg.animate_training(moons()[1]).save(tmp_path / "run.html").read_text(encoding="utf-8")

    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert len(json.loads(re.search(r'id="script">(.*?)</script>', page, re.S)[1])) == 5


@pytest.mark.parametrize("record", [None, {}, {"steps": []}, 3, nn.History([])])
def test_no_record_is_refused_in_words(record):
    with pytest.raises(StateError, match="record=True"):
        tg.animate_training(record)


def test_a_foreign_record_and_a_foreign_ending_are_refused(tmp_path):
    _, history = moons()

    with pytest.raises(StateError, match="other/9"):
        tg.animate_training({**history.record, "schema": "other/9"})
    with pytest.raises(ValueError, match=r"saved as \.html, \.gif, but got 'x\.mp4'"):
        tg.animate_training(history).save(tmp_path / "x.mp4")
    with pytest.raises(ValueError, match="a theme is one of light, dark, print"):
        tg.animate_training(history, theme="night")


def texts(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("}text")]


def test_a_still_shows_the_loss_the_gradients_and_the_plane_of_its_step():
    player = tg.animate_training(moons()[1])
    stills = player.frames()

    assert len(stills) == len(player.steps) == 5
    for still, step in zip(stills, player.steps, strict=True):
        words = texts(still)
        assert words[0] == step["caption"]
        assert all(name in words for name in player.tensors)
        assert all(f"{size:.1e}" in words for size in step["sizes"])
    squares = [e for e in ElementTree.fromstring(stills[0]).iter() if e.tag.endswith("}rect")]
    area = sum(float(e.get("width")) for e in squares if e.get("height") == f"{320 / 36 + 0.5:.2f}")
    assert area == pytest.approx(36 * 320, rel=1e-3)  # every row of the plane is covered
    field = base64.b64decode(player.steps[0]["view"])
    still = training_picture.Still([1.0], [], player.view, [], training.GRID, training_picture.palette(LIGHT))
    sides = [still._grounds[value] for value in (0, 127, 128, 255)]
    assert sides == [
        mixed("#ffffff", LIGHT.paths[1], 0.62),
        "#ffffff",
        "#ffffff",
        mixed("#ffffff", LIGHT.paths[0], 0.62),
    ]
    assert still._grounds[field[0]] in stills[0]


def test_a_still_without_a_plane_is_narrow_and_many_tensors_are_counted():
    wide = nn.MLP(4, [2] * 8 + [3], seed=0)
    player = tg.animate_training(trained(wide, nn.datasets.iris()[:9], nn.cross_entropy, epochs=1))
    (still,) = player.frames()

    assert float(ElementTree.fromstring(still).get("width")) < 450
    assert "... and 8 more" in texts(still)


def test_sizes_and_losses_that_are_no_numbers_do_not_stop_the_pictures():
    player = tg.animate_training(moons()[1])
    player.losses[1], player.steps[2]["sizes"][0] = math.inf, math.nan
    player.steps[3]["sizes"][1] = 0.0

    assert all("nan" not in re.sub(r"<text.*?</text>", "", still) for still in player.frames())
    assert "nan" in texts(player.frames()[2])


def test_names_of_a_record_from_elsewhere_are_text_and_nothing_else():
    record = dict(moons()[1].record)
    record["names"] = ["<script>alert(1)</script>" if name == "layers.0.bias[0]" else name for name in record["names"]]
    still = tg.animate_training(record).frames()[0]

    assert "<script" not in still
    assert any("script" in words for words in texts(still))


@pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs Pillow")
def test_a_gif_plays_every_step(tmp_path):
    from PIL import Image, ImageChops

    player = tg.animate_training(moons()[1], theme="dark")
    with Image.open(player.save(tmp_path / "run.gif")) as image:
        assert image.n_frames == 5
        first = image.convert("RGB")
        assert first.getpixel((1, 1)) == (21, 24, 28)
        image.seek(4)
        assert ImageChops.difference(first, image.convert("RGB")).getbbox()


@pytest.mark.parametrize("theme", [LIGHT, DARK, PRINT], ids=lambda theme: theme.name)
def test_the_colours_of_a_training_player_are_seen_on_its_ground(theme):
    player = tg.animate_training(moons()[1], theme=theme)
    colours = training_picture.palette(theme)

    assert all(contrast(theme.background, colour) > 4.5 for colour in (colours.ink, colours.faint))
    assert all(contrast(theme.background, colour) > 3 for colour in colours.classes)
    page = player.page()
    assert ('class="dark"' in page) == (theme is DARK)
    assert f"background: {theme.background}; color: {theme.ink}" in page
    assert json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["colours"]["classes"][0] == theme.paths[1]
