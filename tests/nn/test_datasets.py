"""The data that come with the package, against the copies that others have, and the shapes that are drawn."""

import math
import statistics
from pathlib import Path

import pytest

import tinygrad_lite
from tinygrad_lite import nn
from tinygrad_lite.errors import ShapeError

DATA = Path(tinygrad_lite.__file__).parent / "data"


def test_iris_is_fishers_with_the_two_corrected_rows():
    sklearn = pytest.importorskip("sklearn.datasets")
    ours, theirs = nn.datasets.iris(), sklearn.load_iris()

    assert ours.inputs == theirs.data.tolist()
    assert ours.targets == theirs.target.tolist()
    assert ours.target_names == tuple(theirs.target_names)


def test_iris_has_150_rows_and_the_corrections():
    data = nn.datasets.iris()

    assert [data.targets.count(k) for k in range(3)] == [50, 50, 50]
    assert data.inputs[34] == [4.9, 3.1, 1.5, 0.2]
    assert data.inputs[37] == [4.9, 3.6, 1.4, 0.1]
    assert data.feature_names == ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
    assert "CC BY 4.0" in data.source


def test_digits_are_those_that_scikit_learn_distributes():
    sklearn = pytest.importorskip("sklearn.datasets")
    ours, theirs = nn.datasets.digits(), sklearn.load_digits()

    assert ours.inputs == theirs.data.tolist()
    assert ours.targets == theirs.target.tolist()


def test_digits_are_small_and_complete():
    data = nn.datasets.digits()

    assert [data.targets.count(k) for k in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert {x for row in data.inputs for x in row} == set(range(17))
    assert (DATA / "digits.csv.gz").stat().st_size <= 150_000


def test_every_shipped_file_has_its_source_and_licence_written_down():
    readme = (DATA / "README.md").read_text()
    for path in DATA.iterdir():
        if path.suffix in (".csv", ".gz"):
            section = readme.split(f"## {path.name}")[1].split("\n## ")[0]
            assert "Source:" in section
            assert "Licence:" in section


def test_a_split_keeps_each_sample_once_and_follows_its_seed():
    data = nn.datasets.iris()
    train, held = data.split(1 / 3, seed=4)

    assert (len(train), len(held)) == (100, 50)
    assert sorted([*train, *held]) == sorted(data)
    assert data.split(1 / 3, seed=4)[1].inputs == held.inputs
    assert data.split(1 / 3, seed=5)[1].inputs != held.inputs
    with pytest.raises(ValueError, match="between 0 and 1"):
        data.split(1.5)


def test_batches_hold_each_sample_once_and_follow_their_seed():
    data = nn.datasets.xor(10)
    shuffled = [sample for batch in data.batches(4, seed=1) for sample in batch]

    assert [len(batch) for batch in data.batches(4)] == [4, 4, 2]
    assert sorted(shuffled) == sorted(data)
    assert shuffled != list(data)
    assert shuffled == [sample for batch in data.batches(4, seed=1) for sample in batch]
    assert [len(batch) for batch in data.batches()] == [10]
    assert data[2:5].inputs == data.inputs[2:5]
    with pytest.raises(ValueError, match="at least one sample"):
        list(data.batches(0))


def test_standardized_columns_are_measured_on_the_first_set_only():
    train, held = nn.datasets.iris().split()
    scaled, scaled_held = train.standardized(held)

    for column in zip(*scaled.inputs, strict=True):
        assert statistics.fmean(column) == pytest.approx(0.0, abs=1e-12)
        assert statistics.pstdev(column) == pytest.approx(1.0, rel=1e-12)
    mean, width = statistics.fmean(r[0] for r in train.inputs), statistics.pstdev([r[0] for r in train.inputs])
    assert scaled_held.inputs[0][0] == pytest.approx((held.inputs[0][0] - mean) / width)


@pytest.mark.parametrize("name", ["moons", "circles", "spirals", "xor", "linear", "sine"])
def test_drawn_data_follow_their_seed_and_their_number(name):
    make = getattr(nn.datasets, name)

    assert len(make(37)) == 37
    assert make(37, seed=2).inputs == make(37, seed=2).inputs
    assert make(37, seed=2).inputs != make(37, seed=3).inputs


def test_without_noise_the_shapes_are_exact():
    for (x, y), k in nn.datasets.moons(20, noise=0.0):
        assert math.hypot(x - k, y - 0.5 * k) == pytest.approx(1.0)
    for (x, y), k in nn.datasets.circles(20, noise=0.0):
        assert math.hypot(x, y) == pytest.approx([1.0, 0.5][k])
    for (x, y), k in nn.datasets.xor(20, noise=0.0):
        assert k == (x * y < 0)
    for row, t in nn.datasets.linear(20, noise=0.0):
        assert t == pytest.approx(2.0 * row[0] - 3.0 * row[1] + 0.5)
    for (x,), t in nn.datasets.sine(20, noise=0.0):
        assert t == math.sin(x)
    assert set(nn.datasets.spirals(30, classes=3).targets) == {0, 1, 2}


def test_moons_without_noise_are_scikit_learns():
    sklearn = pytest.importorskip("sklearn.datasets")
    rows, classes = sklearn.make_moons(100, shuffle=False)
    theirs = sorted((round(x, 9), round(y, 9), int(k)) for (x, y), k in zip(rows.tolist(), classes, strict=True))

    assert sorted((round(x, 9), round(y, 9), k) for (x, y), k in nn.datasets.moons(100, noise=0.0)) == theirs


def test_a_dataset_needs_a_target_for_each_row():
    with pytest.raises(ShapeError, match="got 2 inputs and 1"):
        nn.Dataset([[1.0], [2.0]], [0])
