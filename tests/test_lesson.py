"""The main job: it learns, it checks, it draws, it leaves a page, and it says when a check failed."""

import contextlib
import io
import re
from xml.etree import ElementTree

import pytest

from tinygrad_lite import cli, nn
from tinygrad_lite.commands import lesson


@pytest.fixture(scope="module")
def lesson_run(tmp_path_factory):
    """The folder that the whole lesson leaves, and what it prints."""
    out, said = tmp_path_factory.mktemp("lesson"), io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["--out", str(out), "--quiet"]) == 0
    return out, said.getvalue()


@pytest.fixture
def folder(lesson_run):
    return lesson_run[0]


@pytest.fixture
def brief(monkeypatch):
    """The lesson with less training, for what does not depend on it."""
    monkeypatch.setattr(lesson, "EPOCHS", 3)


@pytest.mark.long
def test_the_flowers_held_back_are_recognised(lesson_run):
    train, held = (float(x) for x in re.findall(r"\d\.\d+", lesson_run[1])[:2])

    assert train >= 0.95
    assert held >= 0.93


def test_the_page_is_whole_and_needs_nothing_from_outside(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")

    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](https?:|//)""", page)
    assert [name for name in ("W1", "b1", "W2", "b2") if name not in page] == []
    assert "2 of 4 gradients are wrong: W1, b1." in page
    assert "4 of 4 gradients wrong; 4 mistakes found" in page
    assert page.count("Right: every gradient is exact") == 2
    assert page.index("4 mistakes found") < page.index("2 of 4 gradients are wrong")
    for name in re.findall(r'href="([^"]+)"', page):
        assert (folder / name).exists()


@pytest.mark.parametrize("name", ["neuron.svg", "network.svg"])
def test_the_pictures_are_svg(folder, name):
    assert ElementTree.parse(folder / name).getroot().tag.endswith("svg")


@pytest.mark.long
def test_another_seed_is_another_split_and_the_same_seed_the_same_run(tmp_path, brief):
    def run(seed):
        cli.main(["lesson", "--quiet", "--out", str(tmp_path / seed), "--seed", seed])
        return (tmp_path / seed / "training.html").read_text()

    assert run("1") == run("1")
    assert run("1") != run("2")


def test_a_planted_mistake_that_is_not_found_is_exit_code_1(tmp_path, monkeypatch, brief):
    from tinygrad_lite.commands import lesson_numpy

    monkeypatch.setattr(lesson_numpy, "backprop_with_a_mistake", lesson_numpy.backprop)

    assert cli.main(["lesson", "--quiet", "--out", str(tmp_path)]) == 1


@pytest.mark.long
def test_a_wrong_backpropagation_is_exit_code_1(tmp_path, monkeypatch, brief):
    from tinygrad_lite.commands import lesson_numpy

    monkeypatch.setattr(lesson_numpy, "backprop", lesson_numpy.backprop_with_a_mistake)

    assert cli.main(["lesson", "--quiet", "--out", str(tmp_path)]) == 1


def test_without_numpy_the_rest_is_done_and_said(tmp_path, monkeypatch, capsys, brief):
    monkeypatch.setattr(lesson.importlib.util, "find_spec", lambda name: None)

    assert cli.main(["lesson", "--out", str(tmp_path)]) == 0
    assert "NumPy is not installed" in capsys.readouterr().out
    assert (tmp_path / "index.html").exists()


def test_an_output_folder_that_cannot_be_made_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")

    assert cli.main(["lesson", "--out", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err


def test_the_lessons_network_is_the_one_that_is_promised():
    model = nn.MLP(4, [8, 3], activation="tanh", seed=0)

    assert len(model.parameters()) == 4 * 8 + 8 + 8 * 3 + 3
