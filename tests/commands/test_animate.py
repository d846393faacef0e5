"""`tinygrad-lite animate`: a file that plays, or a sentence that says why not."""

import pytest

from tinygrad_lite.cli import main


@pytest.mark.parametrize("ending", ["html", "json"])
def test_the_file_is_written_and_named(ending, tmp_path, capsys):
    path = tmp_path / f"x.{ending}"

    assert main(["animate", "tanh(a*b)", "a=1", "b=2", "-o", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert path.stat().st_size > 500


def test_another_ending_is_refused_in_words(tmp_path, capsys):
    assert main(["animate", "a*b", "a=1", "b=2", "-o", str(tmp_path / "x.png")]) == 2
    assert ".html, .gif, .json, but got 'x.png'" in capsys.readouterr().err
