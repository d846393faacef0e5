"""The README's commands are those that the checks run, and its links lead somewhere. Its code is a doctest."""

import re
from pathlib import Path
from xml.etree import ElementTree

import tinygrad_lite as tg

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_are_one_line_each_and_set_everything_up():
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv .venv && ")]

    assert len(commands) == 2
    assert commands[0].endswith("&& .venv/bin/tinygrad-lite")
    assert ".venv/bin/python -m pytest" in commands[1]
    assert 'grep -m1 "^python3 -m venv .venv && .*pytest" README.md' in (ROOT / ".ci/run").read_text()


def test_links_within_the_project_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_is_one_screen_and_says_what_it_is_not():
    assert len(README.splitlines()) <= 80
    assert "Not affiliated with tinygrad" in README
    assert "When you outgrow it" in README


def test_the_picture_is_of_the_code_below_it():
    a, b = tg.Value(-4.0, label="a"), tg.Value(2.0, label="b")
    loss = (a * b + b**3 - 1) ** 2
    loss.label = "loss"
    loss.backward()

    def words(svg):
        return sorted(element.text for element in ElementTree.fromstring(svg).iter() if element.text)

    assert words((ROOT / "notebooks/graph.svg").read_text(encoding="utf-8")) == words(tg.draw(loss).svg)
