"""`tinygrad-lite draw`: the picture in every form, and good manners when it cannot."""

import xml.etree.ElementTree as ET

import pytest

from tinygrad_lite import cli

KARPATHY = ["draw", "tanh(a*b + b**3)", "a=-4", "b=2"]


def test_without_a_file_it_prints_a_tree(capsys):
    assert cli.main(KARPATHY) == 0

    out = capsys.readouterr().out
    assert out.startswith("tanh = 0  grad 1\n└─ + = 0")
    assert "a = -4  grad 2  local 2" in out


def test_it_saves_each_file_and_names_it(capsys, tmp_path):
    files = [tmp_path / name for name in ("g.svg", "g.dot", "g.json")]
    words = [*KARPATHY, "--theme", "dark", "--direction", "TB", "--heat", "--title", "A <title>"]
    assert cli.main([*words, *(word for file in files for word in ("-o", str(file)))]) == 0

    assert capsys.readouterr().out.split() == [str(file) for file in files]
    assert ET.parse(files[0]).getroot().tag.endswith("svg")
    assert "rankdir=TB" in files[1].read_text()


def test_paths_are_listed_below(capsys):
    assert cli.main([*KARPATHY, "--paths", "b", "--contributions"]) == 0

    out = capsys.readouterr().out
    assert "the sum over 2 paths: d/d b = 8" in out
    assert "contribution" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "graph.gif"], "saved as .svg"),
        (["--paths", "c"], "--paths c: the expression has the names a, b"),
        (["--theme", "neon"], "invalid choice"),
    ],
    ids=str,
)
def test_bad_usage_is_exit_code_2_and_leaves_no_file(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)

    assert cli.main([*KARPATHY, *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
