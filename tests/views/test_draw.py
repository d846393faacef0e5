"""What a picture shows, as data and in a notebook."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import GraphTooLarge, OperandError

SVG = "{http://www.w3.org/2000/svg}"


def lesson():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    loss = tg.tanh(a * b + b**3)
    loss.backward()
    return loss


def test_each_value_is_a_box_with_its_label_number_and_gradient():
    picture = tg.draw(lesson())
    a, b = picture.boxes[0], picture.boxes[1]

    assert (a.label, a.kind, a.rows) == ("a", "leaf", (("data", "-4"), ("grad", "2")))
    assert (b.label, b.kind, b.rows) == ("b", "leaf", (("data", "2"), ("grad", "-4 + 12 = 8")))
    assert [box.symbol for box in picture.boxes] == ["", "", "*", "", "**", "+", "tanh"]
    assert [box.kind for box in picture.boxes] == ["leaf", "leaf", "inner", "constant", "inner", "inner", "root"]


def test_each_operand_is_an_arrow_with_its_local_derivative_and_its_contribution():
    picture = tg.draw(lesson(), show=("local", "contribution"))
    texts = {edge.key: edge.texts for edge in picture.edges}

    assert texts["e2.0"] == (("product", "1 × 2 = 2"),)
    assert texts["e2.1"] == (("product", "1 × -4 = -4"),)
    assert texts["e4.1"] == ()  # along a constant there is none


def test_numbers_of_an_earlier_pass_are_marked_as_stale():
    x = Value(2.0, label="x")
    y = x * x + 1.0
    y.backward()
    x.data = 5.0
    picture = tg.draw(y)

    assert [dict(box.rows).get("data") for box in picture.boxes] == ["5", "4 (stale)", None, "5 (stale)"]
    assert "stale: computed before `.data` was assigned; run the forward pass again" in [n.text for n in picture.notes]
    assert all("(stale)" in text for text in (picture.tree, picture.dot, picture.mermaid, picture.svg))
    assert "(stale)" not in tg.draw(x * x + 1.0).tree
    assert "(stale)" not in tg.draw(tg.dot([x, x], [x, 0.1]), elementary=True).tree


def test_gradients_of_other_passes_are_said_to_be_so():
    x = Value(2.0, label="x")
    y = x * 3.0
    y.backward()
    y.backward()

    assert tg.draw(y).notes[-1].text.startswith("some gradients are not the sum of the contributions")


def test_operands_stand_in_the_order_of_the_program():
    w, x = ([Value(float(i + 1), label=f"{name}{i}") for i in range(3)] for name in "wx")
    picture = tg.draw(w[0] * x[0] + w[1] * x[1] - w[2] * x[2])
    down = {key: y for key, (_, y) in picture.placement.centre.items()}
    tails: dict[int, list[float]] = {}
    for edge in picture.edges:
        tails.setdefault(edge.head, []).append(down[f"v{edge.tail}"])

    assert [box.label for box in picture.boxes if box.kind == "leaf"] == ["w0", "x0", "w1", "x1", "w2", "x2"]
    assert all(heights == sorted(heights) for heights in tails.values())


def test_the_contributions_that_arrive_at_a_box_add_up_to_its_gradient():
    picture = tg.draw(lesson())

    for box in picture.boxes:
        arriving = [edge.contribution for edge in picture.edges if edge.tail == box.number]
        if arriving and None not in arriving:
            assert sum(arriving) == pytest.approx(box.grad)


def test_both_arrows_of_a_square_are_drawn():
    x = Value(3.0, label="x")

    assert [edge.key for edge in tg.draw(x * x).edges] == ["e1.0", "e1.1"]


def test_every_key_is_in_the_svg():
    picture = tg.draw(lesson())
    root = ET.fromstring(picture.svg)
    keys = {element.get("data-k") for element in root.iter() if element.get("data-k")}

    assert keys == {
        *(box.key for box in picture.boxes),
        *(f"o{box.number}" for box in picture.boxes if box.symbol),
        *(f"r{box.number}" for box in picture.boxes if box.symbol),
        *(edge.key for edge in picture.edges),
    }
    assert not [element for element in root.iter() if element.get("id")]
    numbers = {e.get("data-k"): [t.text for t in e.iter(f"{SVG}text")] for e in root.iter(f"{SVG}g")}
    assert numbers["v0"] == ["a", "data", "-4", "grad", "2"]
    assert numbers["o6"] == ["tanh"]


def test_a_notebook_gets_an_image_with_words_for_it_and_a_tree():
    bundle = tg.draw(lesson())._repr_mimebundle_()

    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/html"].startswith('<img alt="Computation graph of 7 values')
    assert 'src="data:image/svg+xml;base64,' in bundle["text/html"]
    assert "a = -4  grad 2" in bundle["text/plain"]
    assert set(tg.draw(lesson())._repr_mimebundle_(include=["image/svg+xml"])) == {"image/svg+xml"}


def test_the_same_program_gives_the_same_bytes():
    assert tg.draw(lesson()).svg == tg.draw(lesson()).svg
    assert tg.draw(lesson()).svg == tg.draw(lesson()).svg
    assert tg.draw(lesson()).dot == tg.draw(lesson()).dot


PROGRAM = """
import tinygrad_lite as tg
from tests.views.test_collapse import training_loss
from tests.views.random_graphs import random_graph
for picture in (
    tg.draw(random_graph(4), heat=True), tg.draw(random_graph(4)),
    tg.draw(training_loss(4, (2, 8, 1)), depth=1), tg.draw(training_loss(4, (2, 8, 1)), depth=2),
):
    print(picture.svg, picture.dot, picture.mermaid, picture.to_dict())
"""


@pytest.mark.long
def test_another_run_of_the_same_program_gives_the_same_bytes():
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    ]

    assert len(runs[0]) > 50_000
    assert runs[0] == runs[1]


def test_numbers_are_written_as_asked():
    x = Value(0.000123456, label="x")

    assert tg.draw(x * 2.0).boxes[0].rows[0] == ("data", "0.0001235")
    assert tg.draw(x * 2.0, format=".2e").boxes[0].rows[0] == ("data", "1.23e-04")
    assert tg.draw(x * 2.0, format=lambda v: f"<{v:.1f}>").boxes[0].rows[0] == ("data", "<0.0>")


def test_a_graph_too_large_to_be_read_is_refused_with_what_to_do():
    chain = Value(1.0)
    for _ in range(400):
        chain = chain + 1.0

    with pytest.raises(GraphTooLarge, match=r"801 values .*limit is 300"):
        tg.draw(chain, depth=None)


@pytest.mark.parametrize(
    "options",
    [{"direction": "RL"}, {"show": "data, grad"}, {"theme": "neon"}, {"format": "four digits"}],
    ids=str,
)
def test_an_unknown_choice_is_refused_at_once(options):
    with pytest.raises(ValueError, match=r"direction is|show is any of|a theme is|Invalid format|Unknown format"):
        tg.draw(lesson(), **options)


def test_something_else_than_a_value_is_refused():
    with pytest.raises(OperandError, match="got the float"):
        tg.draw(3.0)


def test_gradients_that_are_values_are_drawn_as_numbers():
    x = Value(2.0, label="x")
    y = x**3
    y.backward(create_graph=True)

    assert tg.draw(y).boxes[0].grad == 12.0


def test_micrograds_draw_dot_is_a_digraph_that_renders_without_a_system_program(tmp_path):
    graphviz = pytest.importorskip("graphviz")
    graph = tg.draw_dot(lesson())

    assert isinstance(graph, graphviz.Digraph)
    assert "rankdir=LR" in graph.source
    assert "text/html" in graph._repr_mimebundle_()


def test_paths_and_folding_exclude_each_other():
    b = Value(2.0)

    with pytest.raises(ValueError, match="paths= needs every value drawn"):
        tg.draw(b * b, paths=b, depth=1)


def test_a_graph_that_stays_large_when_folded_is_refused_too():
    chain = Value(1.0)
    for _ in range(400):
        chain = chain.tanh()

    with pytest.raises(GraphTooLarge, match="a picture of 401 values"):
        tg.draw(chain, depth=1)
    assert len(tg.draw(chain, depth=1, limit=None).boxes) == 401


def test_an_empty_collection_and_an_odd_rankdir_are_refused():
    with pytest.raises(OperandError, match="empty collection"):
        tg.draw([])
    with pytest.raises(ValueError, match="rankdir is"):
        tg.draw_dot(lesson(), rankdir="RL")


def test_several_roots_are_drawn_together():
    x = Value(2.0, label="x")
    picture = tg.draw([x * 2.0, x.tanh()])

    assert [box.kind for box in picture.boxes] == ["leaf", "constant", "root", "root"]
    assert picture.tree.splitlines()[3] == "tanh = 0.964  grad 0"


def test_a_shared_step_is_written_once_in_the_tree_and_named_after():
    x = Value(2.0)
    y = x * x
    lines = tg.draw(y + y.tanh()).tree.splitlines()

    assert lines.count("├─ * = 4  grad 0  local 1") == 1
    assert lines[-1].endswith("(see v1 above)")


def test_json_has_no_nan(tmp_path):
    x = Value(float("nan"), label="x")
    text = tg.draw(x * float("inf")).save(tmp_path / "g.json").read_text()

    data = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert data["boxes"][0]["data"] == "nan"
    assert data["edges"][0]["local"] == "inf"


def test_an_unknown_ending_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"saved as \.svg, \.png, .* but got 'g\.bmp'"):
        tg.draw(lesson()).save(tmp_path / "g.bmp")
    assert not list(tmp_path.iterdir())


def test_folded_pictures_and_paths_have_every_form():
    xs = [Value(float(i), label="x" * (i == 0)) for i in range(6)]
    folded = tg.draw(tg.sum([x.tanh() for x in xs]), depth=1)
    paths = tg.draw(xs[0] * xs[0], paths=xs[0])

    assert "x 6</FONT>" in folded.dot
    assert "x 6" in folded.mermaid
    assert "penwidth=2" in paths.dot
