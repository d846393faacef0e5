"""The data that come with the package, against the copies that others have."""

import pytest

from tinygrad_lite import nn


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


def test_a_split_keeps_each_sample_once_and_follows_its_seed():
    data = nn.datasets.iris()
    train, held = data.split(1 / 3, seed=4)

    assert (len(train), len(held)) == (100, 50)
    assert sorted([*train, *held]) == sorted(data)
    assert data.split(1 / 3, seed=4)[1].inputs == held.inputs
    assert data.split(1 / 3, seed=5)[1].inputs != held.inputs
    with pytest.raises(ValueError, match="between 0 and 1"):
        data.split(1.5)
