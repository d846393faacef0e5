"""`tinygrad-lite train`: what is said, what is saved, and that the saved network answers in the file's own units."""

import random
from pathlib import Path

import pytest

import tinygrad_lite
from tinygrad_lite import cli, nn

IRIS = Path(tinygrad_lite.__file__).parent / "data" / "iris.csv"


def train(*words):
    return cli.main(["train", *map(str, words)])


@pytest.mark.long
def test_species_of_iris_are_learned_and_the_network_is_saved(tmp_path, capsys):
    code = train(IRIS, "--target", "species", "--epochs", 25, "--hidden", "8", "--out", tmp_path)
    said = capsys.readouterr().out
    accuracy = float(said.split("held-back accuracy ")[1].split()[0])
    model, notes = nn.load(tmp_path / "model.json"), nn.notes(tmp_path / "model.json")
    data = nn.datasets.iris()

    assert code == 0
    assert "150 samples of 4 numbers; the target species is 3 classes: setosa, versicolor, virginica" in said
    assert accuracy >= 0.9
    assert nn.accuracy([model(x) for x in data.inputs], data.targets) >= 0.9
    assert (notes["classes"], notes["target"]) == (["setosa", "versicolor", "virginica"], "species")
    assert notes["figures"]["held_back_accuracy"] == pytest.approx(accuracy, abs=5e-4)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 26


@pytest.mark.long
def test_a_number_is_predicted_in_its_own_unit(tmp_path, capsys):
    rng = random.Random(0)
    rows = [(rng.uniform(0, 10), rng.uniform(-1, 1)) for _ in range(80)]
    lines = [f"{x},{y},{1000 + 50 * x - 200 * y}" for x, y in rows]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["x,y,price", *lines]))

    assert train(table, "--target", "price", "--hidden", "6", "--epochs", 40) == 0
    said = capsys.readouterr().out
    assert float(said.split("held-back R2 ")[1].split()[0]) > 0.95
    model = nn.load(tmp_path / "table-model" / "model.json")
    assert model([5.0, 0.0]).data == pytest.approx(1250.0, abs=60.0)


def test_two_inputs_are_plotted_with_their_boundary(tmp_path):
    pytest.importorskip("matplotlib")
    words = ["--columns", "petal_length_cm,petal_width_cm", "--hidden", "4", "--epochs", "3", "--quiet"]

    assert train(IRIS, "--target", "species", *words, "--out", tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "boundary.png",
        "history.csv",
        "history.png",
        "model.json",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv", "--target", "y"], "cannot be read"),
        ([IRIS, "--target", "colour"], "no column 'colour'"),
        ([IRIS, "--target", "petal_width_cm"], "line 2, column 'species'"),
        ([IRIS, "--target", "species", "--hidden", "8,zero"], "whole number of at least 1"),
        ([IRIS], "--target"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert train(*words) == 2
    assert said in capsys.readouterr().err


def test_choices_that_do_not_exist_are_exit_code_2_too(capsys, tmp_path):
    assert train(IRIS, "--target", "species", "--activation", "tahn", "--out", tmp_path) == 2
    assert "no activation 'tahn'; choose one of tan" in " ".join(capsys.readouterr().err.split())
    assert train(IRIS, "--target", "species", "--held-back", "1.5", "--out", tmp_path) == 2


def test_tables_that_teach_nothing_are_refused(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("x,kind\n1,a\n2,a\n3,a\n4,a\n5,a\n6,a\n")
    assert train(table, "--target", "kind") == 2
    assert "nothing to tell apart" in capsys.readouterr().err
    table.write_text("x,y\n1,2\n")
    assert train(table, "--target", "y") == 2
    assert "too few" in capsys.readouterr().err
    assert not (tmp_path / "table-model").exists()
