"""How modules find, name, save and freeze their parameters."""

import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.errors import StateError


class Pair(nn.Module):
    """A module made by a user: a shared leaf, a matrix, a child, a private attribute and a result that is none."""

    def __init__(self):
        self.scale = Value(2.0)
        self.table = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
        self.inner = nn.Linear(2, 1, init="zeros")
        self.again = self.scale
        self.remembered = self.scale * 2.0
        self._hidden = Value(9.0)


NAMES = ["scale", "table[0][0]", "table[0][1]", "table[1][0]", "table[1][1]"]
INNER = ["inner.weight[0][0]", "inner.weight[0][1]", "inner.bias[0]"]


def test_parameters_are_found_by_their_attributes_each_once():
    assert [name for name, _ in Pair().named_parameters()] == NAMES + INNER
    assert len(Pair().parameters()) == 8
    assert [name for name, _ in Pair().children()] == ["inner"]
    assert [name for name, _ in nn.MLP(2, [2, 1], seed=0).modules()] == ["", "layers.0", "layers.1"]


def test_the_state_has_torchs_names_and_comes_back():
    model = Pair()
    state = model.state_dict()
    for p in model.parameters():
        p.data = 0.0
    model.load_state_dict(state)

    assert state["inner.weight"] == [[0.0, 0.0]]
    assert state["table"] == [[1.0, 2.0], [3.0, 4.0]]
    assert model.state_dict() == state


def test_arrays_are_a_state_too():
    np = pytest.importorskip("numpy")
    model = nn.Linear(2, 3, seed=0)
    model.load_state_dict({"weight": np.arange(6.0).reshape(3, 2), "bias": np.zeros(3)})

    assert model.state_dict() == {"weight": [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], "bias": [0.0] * 3}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.pop("layers.1.bias"), "layers.1.bias: 1 here, not there in the state"),
        (lambda s: s.update(extra=[1.0]), "extra: not there here, 1 in the state"),
        (lambda s: s.update({"layers.0.weight": [[1.0, 2.0]]}), "layers.0.weight: 3 x 2 here, 1 x 2 in the state"),
        (lambda s: s["layers.0.weight"][2].append(1.0), "differ in length"),
        (lambda s: s["layers.0.weight"][1].__setitem__(1, "one"), r"layers.0.weight\[1\]\[1\] should be a number"),
        (lambda s: s["layers.0.bias"].__setitem__(0, None), "should be a number"),
        (lambda s: s.update({"layers.1.bias[0]": 5.0}), "another network"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, said):
    model, other = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=1)
    before, state = model.state_dict(), other.state_dict()
    spoil(state)

    with pytest.raises(StateError, match=said):
        model.load_state_dict(state)
    assert model.state_dict() == before


def test_frozen_parameters_are_left_out_and_can_return():
    model = nn.MLP(2, [3, 1], seed=0)
    model.layers[0].freeze()

    assert len(model.parameters()) == 4
    assert len(list(model.named_parameters())) == 13
    assert "Layer (relu), frozen" in model.summary()
    model.unfreeze()
    assert len(model.parameters()) == 13


def test_zero_grad_reaches_every_parameter():
    model = Pair()
    for _, p in model.named_parameters():
        p.grad = 3.0
    model.zero_grad()

    assert {p.grad for _, p in model.named_parameters()} == {0.0}


def test_training_mode_is_switched_for_all_modules():
    model = nn.MLP(2, [3, 1], seed=0)
    model.eval()
    assert [module.training for _, module in model.modules()] == [False] * 3
    model.train()
    assert [module.training for _, module in model.modules()] == [True] * 3


def test_a_summary_counts_what_is_there():
    lines = Pair().summary().splitlines()

    assert lines[2].split() == ["(itself)", "Pair", "number", "2", "x", "2", "number", "5"]
    assert lines[-1].split() == ["total", "8"]
