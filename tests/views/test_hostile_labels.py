"""Labels that try to break out: every form stays valid, and shows them instead of obeying them."""

import html.parser
import json
import re
import xml.etree.ElementTree as ET

import pytest

import tinygrad_lite as tg
from tests.views.random_graphs import HOSTILE, random_graph
from tinygrad_lite import Value
from tinygrad_lite.views.drawing import cards
from tinygrad_lite.views.formats import programs
from tinygrad_lite.views.formats.mermaid import entities

ELEMENTS = {"svg", "g", "rect", "ellipse", "path", "polygon", "text"}
ATTRIBUTES = {
    *re.findall(
        r"\S+",
        "width height viewBox role aria-label font-family class transform data-k x y rx ry fill fill-opacity stroke "
        "stroke-width stroke-dasharray text-anchor font-size font-weight d points",
    )
}


def assert_harmless(svg):
    """Valid XML of the few elements and attributes that we write, none of which can run or fetch anything."""
    for element in ET.fromstring(svg.encode()).iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
        assert not [v for k, v in element.attrib.items() if k != "aria-label" and re.search("url|script:|//", v)]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(0, 1000, 50))
def test_a_thousand_random_graphs_are_valid_and_harmless_svg(seed):
    for each in range(seed, seed + 50):
        picture = tg.draw(
            random_graph(each, size=1 + each % 12, hostile=True),
            theme=("light", "dark", "print")[each % 3],
        )

        assert_harmless(picture.svg)


@pytest.mark.parametrize("seed", range(25))
def test_the_bundled_program_draws_them_too(seed):
    if programs.program("graphviz-pure") is None:
        pytest.skip("graphviz-pure is not installed")
    picture = tg.draw(random_graph(seed, hostile=True))

    assert_harmless(picture.svg)
    assert programs.run("graphviz-pure", picture.dot, "svg").count(b"<g ") >= len(picture.boxes)


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_the_dot_text_gives_graphviz_the_label_and_nothing_more(label):
    if programs.program("graphviz-pure") is None:
        pytest.skip("graphviz-pure is not installed")
    x = Value(1.0, label=label)
    picture = tg.draw(x * 2.0, title=label, paths=x)
    drawn = programs.run("graphviz-pure", picture.dot, "svg").decode()
    root = ET.fromstring(drawn)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    links = [e for e in root.iter() if e.tag.endswith("}a") or any("href" in name for name in e.attrib)]

    assert not links
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    assert len([e for e in root.iter() if e.get("class") == "node"]) == 4  # no label made a box of its own
    assert len([e for e in root.iter() if e.get("class") == "edge"]) == 3
    assert re.sub(r"\s", "", cards.shown_label(label)) in re.sub(r"\s", "", "".join(filter(None, texts)))


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_mermaid_text_has_no_character_that_anything_obeys(label):
    text = tg.draw(Value(1.0, label=label) * 2.0).mermaid

    assert re.fullmatch(r"[^<>&`\"'\\\[\](){}|$%]*", entities(label).replace("(", "").replace(")", ""))
    for line in text.splitlines():
        assert re.fullmatch(
            r"flowchart LR|  v\d+\[\"[^\"]*\"\]:::\w+|  o\d+\(\[\"[^\"]*\"\]\):::op --> v\d+"
            r"|  v\d+ -->(\|\"[^\"]*\"\|)? [ov]\d+|  classDef .*",
            line,
        )
        assert set(re.findall(r"<[^>]*>?", line)) <= {"<br/>"}


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_html_holds_one_image_and_nothing_else(label):
    found = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, sorted(name for name, _ in attributes)))

    picture = tg.draw(Value(1.0, label=label) * 2.0, title=label)
    Reader().feed(picture.html())

    assert found == [("img", ["alt", "src", "style"])]


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_the_tree_is_safe_for_a_terminal_and_json_keeps_the_label_whole(label, tmp_path):
    picture = tg.draw(Value(1.0, label=label) * 2.0)

    assert len(picture.tree.splitlines()) == 3
    assert all(line.isprintable() or not line.isascii() for line in picture.tree.splitlines())
    assert "\x1b" not in picture.tree
    if "\ud800" not in label:
        assert json.loads(picture.save(tmp_path / "p.json").read_text(encoding="utf-8"))["boxes"][0]["label"] == label


def test_every_form_of_every_hostile_label_can_be_saved(tmp_path):
    picture = tg.draw(tg.sum([Value(1.0, label=label) for label in HOSTILE]))

    for ending in ("svg", "dot", "mmd", "json", "txt", "html"):
        assert picture.save(tmp_path / f"hostile.{ending}").stat().st_size > 500
