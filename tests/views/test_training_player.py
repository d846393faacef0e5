"""The training player: what it shows is what the model answered, and bad records are refused."""

import importlib.util
import json
import math
import re
import shutil

import pytest

import tinygrad_lite as tg
from tests.views.contrast import contrast
from tests.views.test_live import in_node
from tinygrad_lite import nn
from tinygrad_lite.errors import StateError
from tinygrad_lite.views.drawing.themes import DARK, LIGHT, PRINT
from tinygrad_lite.views.player import training


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
    network = training.network_of(describe(model), [p.data for _, p in model.named_parameters()])

    for x in ([0.3, -1.2], [2.0, 0.5]):
        assert network(x) == pytest.approx([y.data for y in model(x)], rel=1e-14)


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_the_page_answers_at_each_step_what_the_network_answered_then(tmp_path):
    _, history = moons()
    player = tg.animate_training(history)
    code = (
        f"{player._code[0]}\n{player._code[1]}\nconst P = {json.dumps(player._data)}, B = new Graph(P.model, RULES);\n"
        "P.steps[2].parameters.forEach((x, k) => { B.data[P.parameters[k]] = x; });\n"
        "[0.3, -1.2].forEach((x, k) => { B.data[P.model.inputs[k]] = x; }); B.forward();\n"
        "console.log(JSON.stringify(B.data[P.model.outputs[0]]));"
    )
    record = history.record

    network = training.network_of(record["architecture"], record["steps"][2]["parameters"])
    assert in_node(code, tmp_path) == pytest.approx(network([0.3, -1.2])[0], rel=1e-4)


@pytest.mark.parametrize(
    ("activation", "loss", "middle"),
    [
        ("sigmoid", nn.binary_cross_entropy, 0.5),
        ("linear", nn.mse, 0.5),
        ("linear", nn.binary_cross_entropy_from_logits, 0.0),
    ],
    ids=["probability", "number", "logit"],
)
def test_an_answer_half_way_between_the_targets_is_the_boundary_and_of_logits_0(activation, loss, middle):
    model = nn.MLP(2, [6, 1], activation=["tanh", activation], seed=1)
    player = tg.animate_training(trained(model, nn.datasets.moons(40, seed=0), loss))

    assert player._data["points"]["middle"] == middle


@pytest.mark.parametrize("one_hot", [False, True])
def test_points_have_the_colour_of_their_class_also_where_a_class_is_missing(one_hot):
    inputs, labels = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.2]], [1, 2, 1]
    targets = [[float(k == label) for k in range(3)] for label in labels] if one_hot else labels
    player = tg.animate_training(trained(nn.MLP(2, [3], seed=1), nn.Dataset(inputs, targets), nn.cross_entropy))

    assert player._data["points"]["y"] == labels


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

    assert len(curve._data["model"]["inputs"]) == 1
    assert "model" not in flowers._data


def test_the_page_asks_for_nothing_outside(tmp_path):
    page = tg.animate_training(moons()[1]).save(tmp_path / "run.html").read_text(encoding="utf-8")

    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert len(json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["steps"]) == 5


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


def test_sizes_and_losses_that_are_no_numbers_are_said_to_be_none():
    record = json.loads(json.dumps(moons()[1].record))
    record["steps"][1]["loss"], record["steps"][2]["gradients"][0] = math.inf, math.nan
    page = tg.animate_training(record).page()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])

    assert data["losses"][1] == "Infinity"
    assert data["steps"][2]["sizes"][0] == "NaN"
    assert "the loss is inf" in data["steps"][1]["caption"]


def test_names_of_a_record_from_elsewhere_are_text_and_nothing_else():
    record = dict(moons()[1].record)
    record["names"] = ["<script>alert(1)</script>" if name == "layers.0.bias[0]" else name for name in record["names"]]
    player = tg.animate_training(record)

    assert "<script>alert(1)</script>" in player.tensors
    assert "<script>alert" not in player.page()


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_gif_plays_every_step(tmp_path):
    from PIL import Image, ImageChops

    player = tg.animate_training(moons()[1], theme="dark")
    with Image.open(player.save(tmp_path / "run.gif")) as image:
        assert image.n_frames == 5
        first = image.convert("RGB")
        assert first.getpixel((1, 1)) == (21, 24, 28)
        image.seek(4)
        assert ImageChops.difference(first, image.convert("RGB")).getbbox()


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_the_axes_of_a_gif_are_drawn_once(monkeypatch, tmp_path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn, draw = [], FigureCanvasAgg.draw
    monkeypatch.setattr(FigureCanvasAgg, "draw", lambda self: drawn.append(self) or draw(self))
    tg.animate_training(moons()[1]).save(tmp_path / "run.gif")

    assert len(drawn) == 1


@pytest.mark.parametrize("theme", [LIGHT, DARK, PRINT], ids=lambda theme: theme.name)
def test_the_colours_of_a_training_player_are_seen_on_its_ground(theme):
    player = tg.animate_training(moons()[1], theme=theme)

    assert contrast(theme.background, theme.faint) > 4.5
    assert all(contrast(theme.background, colour) > 3 for colour in theme.classes)
    page = player.page()
    assert ('class="dark"' in page) == (theme is DARK)
    assert f"background: {theme.background}" in page
    assert json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["colours"]["classes"][0] == theme.paths[1]
