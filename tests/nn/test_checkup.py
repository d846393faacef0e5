"""The health report: each ailment planted on purpose is found and named, and a sound network has none."""

import pytest

from tinygrad_lite import Value, nn


def kinds(report):
    return [finding.kind for finding in report.findings]


def sound():
    return nn.MLP(2, [6, 1], activation="tanh", init="xavier", seed=3)


DATA = nn.datasets.linear(30)


def test_a_sound_network_has_no_finding():
    report = nn.health(sound(), DATA, nn.mse)

    assert report.ok
    assert "Nothing ails this network" in str(report)
    assert [row["layer"] for row in report.rows] == ["layers.0", "layers.1"]


def test_a_dead_relu_is_found_with_its_neuron_and_its_margin():
    model = nn.MLP(2, [4, 1], init="he", seed=0)
    model.layers[0].neurons[2].b.data = -9.0
    report = nn.health(model, DATA, nn.mse)
    dead = next(finding for finding in report.findings if finding.kind == "dead relu")

    assert (dead.where, dead.numbers["neurons"], dead.numbers["of"]) == ("layers.0", [2], 4)
    w = model.layers[0].neurons[2].w
    largest = max(w[0].data * x + w[1].data * y - 9.0 for x, y in DATA.inputs)
    assert dead.numbers["largest_sums"] == pytest.approx([largest])
    assert "1 of 4 relus is dead, off for all 30 samples" in str(report)
    assert "3 of 12 parameters have a gradient of exactly 0" in str(report)


def test_dead_relus_are_found_between_the_modules_of_a_sequence():
    model = nn.Sequential(nn.Linear(2, 3, init="he", seed=0), "relu", nn.Dropout(0.5), nn.Linear(3, 1, seed=0))
    for i in (0, 1):
        model[0].neurons[i].b.data = -9.0
    report = nn.health(model, (DATA.inputs, [[t] for t in DATA.targets]), nn.mse)

    assert report.findings[0].numbers["neurons"] == [0, 1]
    assert "0: 2 of 3 relus are dead" in report.findings[0].sentence
    assert model.training is True


def test_saturated_units_are_found():
    model = sound()
    model.layers[0].neurons[1].b.data = 30.0
    found = nn.health(model, DATA, nn.mse).findings

    assert [(f.kind, f.numbers["neurons"], f.numbers["shares"]) for f in found if f.kind == "saturated"] == [
        ("saturated", [1], [1.0])
    ]


def test_vanishing_and_exploding_gradients_are_told_apart():
    small = nn.MLP(2, [4] * 7 + [1], activation="sigmoid", init="xavier", seed=0)
    large = nn.MLP(2, [4] * 5 + [1], activation="sin", init=lambda rng, n, m: rng.uniform(-30, 30), seed=0)
    vanishing = next(f for f in nn.health(small, DATA, nn.mse).findings if f.kind == "vanishing")
    exploding = next(f for f in nn.health(large, DATA, nn.mse).findings if f.kind == "exploding")

    assert vanishing.numbers["ratio"] < 1e-3 < 1e3 < exploding.numbers["ratio"]
    assert vanishing.numbers["ratio"] == vanishing.numbers["first"] / vanishing.numbers["last"]


def test_parameters_outside_the_loss_are_found():
    class Forgetful(nn.Module):
        def __init__(self):
            self.used, self.forgotten = nn.Layer(2, 1, False, seed=0), nn.Layer(2, 3, seed=1)

        def __call__(self, x):
            return self.used(x)

    found = nn.health(Forgetful(), DATA, nn.mse).findings
    assert [(f.kind, f.where, f.numbers) for f in found] == [("not connected", "forgotten", {"parameters": 9, "of": 9})]


def test_wide_inputs_and_an_oscillating_loss_are_found():
    history = nn.History([{"epoch": i, "loss": 1.0 + i % 2, "lr": 5.0} for i in range(12)])
    report = nn.health(sound(), ([[200.0, 1.0]], [0.0]), nn.mse, history=history)

    assert report.findings[0].kind == "wide inputs"
    assert report.findings[-1].numbers == {"rises": 6, "of": 11, "way": 11.0, "gain": -1.0}
    assert "the learning rate (5 at the end) is too large" in str(report)
    falling = nn.History([{"epoch": i, "loss": 1 / (i + 1), "lr": 0.1} for i in range(12)])
    assert nn.health(sound(), DATA, nn.mse, history=falling).ok


def test_a_loss_that_grows_is_found():
    history = nn.History([{"epoch": i, "loss": 0.5 * 4.0**i, "lr": 1.0} for i in range(12)])
    report = nn.health(sound(), DATA, nn.mse, history=history)

    assert kinds(report) == ["divergence"]
    assert "the learning rate (1 at the end) is too large" in str(report)


def test_the_report_changes_nothing_and_is_plain_data():
    model = sound()
    for p in model.parameters():
        p.grad = 7.0
    before = model.state_dict()
    report = nn.health(model, DATA, nn.mse).to_dict()

    assert {p.grad for p in model.parameters()} == {7.0}
    assert model.state_dict() == before
    assert not any(isinstance(x, Value) for row in report["layers"] for x in row.values())
    assert report["samples"] == 30
