"""Two graphs side by side: what differs is marked and listed, and nothing else."""

import xml.etree.ElementTree as ET

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import OperandError


def line(w=2.0, b=0.5):
    w, x, b = Value(w, label="w"), Value(3.0, label="x"), Value(b, label="b")
    loss = (w * x + b - 1.0) ** 2
    loss.label = "loss"
    loss.backward()
    return w, b, loss


def words(picture):
    return [note.text for note in picture.notes]


def test_a_step_changes_what_it_changes():
    w, b, loss = line()
    before = tg.draw(loss)
    w.data -= 0.1 * w.grad
    after = tg.draw_diff(before, (w * loss.parents[0].parents[0].parents[0].parents[1] + b - 1.0) ** 2)

    assert "w: data 2 and -1.3" in words(after)
    assert [box.label for box in after.boxes if box.label == "w"] == ["w", "w"]
    assert dict(after.boxes[0].rows)["data"] == "≠ 2"


def test_gradients_by_hand_stand_beside_the_exact_ones():
    w, b, loss = line()
    picture = tg.draw_diff({w: 33.0, "b": 22.0}, loss, titles=("by hand", "exact"))

    assert words(picture) == ["1 value differs", "b: grad 22 and 11, a factor of 2"]
    assert words(tg.draw_diff(loss, {w: 33.0, b: 11.0})) == ["No value differs"]


def test_the_svg_holds_both_with_keys_of_their_own_and_their_titles():
    _, _, loss = line()
    for direction in ("LR", "TB"):
        picture = tg.draw_diff(loss, loss, titles=("one <b>", "other"), direction=direction)
        root = ET.fromstring(picture.svg)
        keys = [e.get("data-k") for e in root.iter() if e.get("data-k", "").startswith("v")]
        titles = [e.text for e in root.iter() if e.get("class") == "title"]

        assert len(keys) == len(set(keys)) == 2 * len(tg.draw(loss).boxes)
        assert titles == ["one <b>", "other"]


def test_both_halves_are_apart():
    _, _, loss = line()
    picture = tg.draw_diff(loss, loss)
    place, shift = picture.placement, picture.parts[1].shift
    rightmost = max(x for key, (x, _) in place.centre.items() if int(key[1:]) < shift)

    assert all(x > rightmost for key, (x, _) in place.centre.items() if int(key[1:]) >= shift)


def test_gradients_by_hand_are_called_yours_and_marked_in_a_colour_of_their_own():
    _, _, loss = line()
    picture = tg.draw_diff({"b": 22.0}, loss)
    root = [box for box in picture.boxes if box.kind == "root"]

    assert [part.title for part in picture.parts] == ["yours", "exact"]
    assert [part.title for part in tg.draw_diff(loss, {"b": 22.0}).parts] == ["exact", "yours"]
    assert {box.tint for box in picture.boxes} == {"", picture.theme.differs}
    assert picture.theme.differs not in {picture.theme.root[0], *(box.tint for box in root)}


def test_graphs_that_were_computed_otherwise_are_compared_by_label():
    w, b, loss = line()
    other = (w * 2.0 + b).tanh()
    picture = tg.draw_diff(loss, other)

    assert words(picture)[-1] == "the graphs were not computed alike: 2 values were compared, by their labels"


def test_every_form_of_it_can_be_saved(tmp_path):
    _, _, loss = line()
    picture = tg.draw_diff({"w": 1.0}, loss)

    assert "subgraph cluster0" in picture.dot
    for ending in ("svg", "dot", "mmd", "json", "txt", "html"):
        assert picture.save(tmp_path / f"d.{ending}").stat().st_size > 100
    assert "image/svg+xml;base64" in picture._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("one", "said"),
    [({"q": 1.0}, "'q', which no box is called"), ({"": 1.0}, "several boxes are called"), (3.0, "got the float")],
)
def test_a_side_that_fits_nothing_is_refused(one, said):
    _, _, loss = line()

    with pytest.raises(OperandError, match=said):
        tg.draw_diff(one, loss)
    with pytest.raises(OperandError, match="both are dicts"):
        tg.draw_diff({}, {})


def test_closed_layers_are_compared_by_their_gradients():
    xs = [Value(float(i + 1)) for i in range(3)]
    w, b = [Value(0.5, label=f"layers.0.weight[0][{i}]") for i in range(3)], Value(0.0, label="layers.0.bias[0]")
    loss = tg.dot(w, xs, b).tanh() ** 2
    loss.backward()
    before = tg.draw(loss, depth=1)
    loss.backward()
    picture = tg.draw_diff(before, loss, depth=1)

    layer = next(box for box in picture.boxes if box.label == "layers.0")
    assert dict(layer.rows)["|grad|"].startswith("≠ ")
    assert any(line.startswith("layers.0: grad") and line.endswith("a factor of 0.5") for line in words(picture))


def test_a_long_list_of_differences_is_cut():
    xs = [Value(float(i), label=f"x{i}") for i in range(12)]
    total = tg.sum(xs)
    total.backward()
    picture = tg.draw_diff(dict.fromkeys(xs, 2.0), total)

    assert words(picture)[0] == "12 values differ"
    assert words(picture)[-1] == "and 4 more"
