"""Modules one after the other, and dropout."""

import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.errors import DomainError, ShapeError


def test_a_sequence_computes_what_its_parts_do():
    first, second = nn.Linear(2, 3, seed=0), nn.Linear(3, 1, seed=1)
    model = nn.Sequential(first, "tanh", nn.Dropout(0.5), second)
    model.eval()
    x = [0.5, -1.0]

    assert model(x)[0].data == second([y.tanh() for y in first(x)])[0].data
    assert [p.label for p in model.parameters()][:3] == ["0.weight[0][0]", "0.weight[0][1]", "0.bias[0]"]
    assert repr(model[1]) == "tanh"
    assert len(model) == 4
    assert "1       tanh" in model.summary()


def test_dropout_keeps_the_mean_and_passes_all_in_use():
    layer = nn.Dropout(0.25, seed=3)
    out = layer([Value(2.0)] * 4000)

    assert {round(v.data, 12) for v in out} == {0.0, round(2.0 / 0.75, 12)}
    assert sum(v.data for v in out) / 4000 == pytest.approx(2.0, rel=0.05)
    layer.train(False)
    assert layer([1.0, 2.0]) == [1.0, 2.0]
    with pytest.raises(DomainError, match="0 <= p < 1"):
        nn.Dropout(1.0)


def test_dropout_follows_its_seed():
    layer = nn.Dropout(0.5, seed=1)
    first = [layer([1.0] * 20) for _ in range(2)]
    layer.reseed("again")
    second = layer([1.0] * 20)
    layer.reseed("again")

    assert first[0] != first[1]
    assert layer([1.0] * 20) == second
    assert nn.Dropout(0.5, seed=1)([1.0] * 20) == first[0]


def test_what_standardize_measured_is_state_and_no_parameter():
    """Loading a network into one that measured other rows brings the saved network's scale along."""
    model = nn.Sequential(nn.Standardize([[0.0, 1.0], [2.0, 5.0]]), nn.Linear(2, 1, seed=0))
    other = nn.Sequential(nn.Standardize([[7.0, 7.0], [9.0, 8.0]]), nn.Linear(2, 1, seed=1))
    other.load_state_dict(model.state_dict())

    assert model.state_dict()["0.mean"] == [1.0, 3.0]
    assert [name for name, _ in model.named_parameters()] == ["1.weight[0][0]", "1.weight[0][1]", "1.bias[0]"]
    assert len(model.parameters()) == 3
    assert other([0.5, 0.5])[0].data == model([0.5, 0.5])[0].data
    model.unfreeze()
    assert len(model.parameters()) == 3
    history = nn.fit(model, ([[1.0, 2.0]], [[1.0]]), nn.mse, nn.SGD(model), epochs=1)
    assert history.layers == ["1"]


def test_standardize_refuses_samples_of_another_length():
    with pytest.raises(ShapeError, match="samples of 2 numbers, but got 1"):
        nn.Standardize([[1.0, 2.0]])([1.0])
    with pytest.raises(ShapeError, match="at least one sample"):
        nn.Standardize([])


def test_initialisations_have_the_variances_they_promise():
    for init, variance in [
        ("xavier", 2 / 60),
        ("xavier_normal", 2 / 60),
        ("he", 2 / 40),
        ("he_normal", 2 / 40),
        ("uniform", 1 / 3),
    ]:
        weights = [w for row in nn.Linear(40, 20, init=init, seed=5).state_dict()["weight"] for w in row]
        assert sum(w * w for w in weights) / len(weights) == pytest.approx(variance, rel=0.1)
        assert sum(weights) / len(weights) == pytest.approx(0.0, abs=4 * (variance / 800) ** 0.5)
    assert set(nn.Linear(3, 2, init=lambda rng, n, m: n + m, seed=0).state_dict()["weight"][0]) == {5.0}
    with pytest.raises(ValueError, match="no initialisation 'hee'; choose one of he"):
        nn.Linear(2, 2, init="hee")
