"""Saving and loading: exact floats, and every wrong file refused without a change."""

import json
import struct

import pytest

from tinygrad_lite import nn
from tinygrad_lite.errors import StateError

MODELS = {
    "mlp": lambda seed: nn.MLP(2, [3, 2], activation="tanh", seed=seed),
    "linear": lambda seed: nn.Linear(2, 3, bias=False, seed=seed),
    "layer": lambda seed: nn.Layer(2, 3, activation="sigmoid", seed=seed),
    "neuron": lambda seed: nn.Neuron(2, seed=seed),
    "sequence": lambda seed: nn.Sequential(
        nn.Standardize([[0.0, 1.0], [2.0, 5.0]]), nn.Linear(2, 3, seed=seed), "relu", nn.Dropout(0.25), nn.MLP(3, [1])
    ),
    "cell": lambda seed: nn.RNNCell(2, 3, seed=seed),
}


def numbers(y):
    return [numbers(v) for v in y] if isinstance(y, list) else y.data


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_network_comes_back_with_the_same_bits(tmp_path, name):
    model, path = MODELS[name](1), tmp_path / "model.json"
    nn.save(model, path, notes={"classes": ["a", "b"]})
    built, filled = nn.load(path), MODELS[name](2)
    nn.load(path, filled)
    for each in (model, built, filled):
        each.eval()

    assert repr(built) == repr(model)
    assert built.state_dict() == filled.state_dict() == model.state_dict()
    assert numbers(built([0.3, -0.7])) == numbers(model([0.3, -0.7]))
    assert nn.notes(path) == {"classes": ["a", "b"]}
    assert json.loads(path.read_text())["schema"] == "tinygrad_lite.model/1"


def test_a_network_of_ones_own_is_loaded_into_one_that_was_made(tmp_path):
    class Own(nn.Module):
        def __init__(self, seed):
            self.layer = nn.Linear(2, 1, seed=seed)

    nn.save(Own(1), tmp_path / "own.json")
    with pytest.raises(StateError, match="Make that network first"):
        nn.load(tmp_path / "own.json")
    assert nn.load(tmp_path / "own.json", Own(2)).state_dict() == Own(1).state_dict()


def test_a_table_of_vectors_is_built_from_its_file(tmp_path):
    table = nn.Embedding(5, 3, seed=0)
    nn.save(table, tmp_path / "table.json")

    assert nn.load(tmp_path / "table.json").state_dict() == table.state_dict()


BIAS = '"layers.0.bias": [0.0,'
STATE = '"state": {"layers.0.weight": [['
WRONG = {
    "nothing": lambda text: "",
    "half of it": lambda text: text[: len(text) // 2],
    "no JSON": lambda text: "cos\nsystem\n(S'true'\ntR.",
    "another file": lambda text: '{"schema": "tinygrad_lite.checkpoint/1"}',
    "a list": lambda text: "[1, 2, 3]",
    "a newer schema": lambda text: text.replace("model/1", "model/9"),
    "deep nesting": lambda text: "[" * 200_000,
    "text for a number": lambda text: text.replace(
        '"state": {"layers.0.weight": [[', '"state": {"layers.0.weight": [["1", '
    ),
    "a number too many": lambda text: text.replace(BIAS, BIAS + " 0.0,"),
    "NaN": lambda text: text.replace(BIAS, BIAS.replace("0.0", "NaN")),
    "a huge number": lambda text: text.replace(BIAS, BIAS.replace("0.0", "1" + "0" * 400)),
    "more digits than Python reads": lambda text: text.replace(BIAS, f'"layers.0.bias": [1{"0" * 5000},'),
    "null": lambda text: text.replace(BIAS, BIAS.replace("0.0", "null")),
    "true": lambda text: text.replace('"state": {', '"state": {"__class__": true, '),
    "no state": lambda text: text.replace('"state"', '"stale"'),
    "another network": lambda text: text.replace("layers.1", "layers.7"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_and_changes_nothing(tmp_path, name):
    path, model = tmp_path / "model.json", MODELS["mlp"](5)
    nn.save(MODELS["mlp"](1), path)
    right, before = path.read_text(), model.state_dict()
    path.write_text(WRONG[name](right))

    assert path.read_text() != right
    with pytest.raises(StateError):
        nn.load(path, model)
    with pytest.raises(StateError):
        nn.load(path)
    assert model.state_dict() == before


@pytest.mark.parametrize(
    "described",
    [
        {"kind": "os.system", "nin": "true"},
        {"kind": "MLP", "nin": 2, "nouts": [10**9, 10**9], "activation": ["relu", "linear"]},
        {"kind": "MLP", "nin": 2, "nouts": [-3], "activation": ["linear"]},
        {"kind": "MLP", "nin": 2, "nouts": [3], "activation": ["__import__"]},
        {"kind": "MLP", "nin": 2, "nouts": [True], "activation": ["linear"]},
        {"kind": "MLP", "nin": 2, "nouts": [3], "rng": "os"},
        {"kind": "Linear", "nin": 2},
        {"kind": "RNNCell", "nin": 1, "nhidden": 10**5},
        {"kind": "Standardize", "samples": [[1.0], []]},
        {"kind": "Sequential", "steps": [{"kind": "Sequence"}]},
        "MLP",
        7,
    ],
)
def test_a_hostile_description_builds_nothing(tmp_path, described):
    path = tmp_path / "model.json"
    nn.save(MODELS["mlp"](1), path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "architecture": described}))

    with pytest.raises(StateError):
        nn.load(path)


def test_every_cut_of_a_file_is_refused(tmp_path):
    path = tmp_path / "model.json"
    nn.save(nn.Neuron(1, seed=0), path)
    whole = path.read_text().rstrip()
    for length in range(len(whole)):
        path.write_text(whole[:length])
        with pytest.raises(StateError):
            nn.load(path)


def test_a_network_with_a_nan_is_not_saved(tmp_path):
    model, path = nn.Neuron(1, seed=0), tmp_path / "model.json"
    nn.save(model, path)
    text = path.read_text()
    model.b.data = float("nan")

    with pytest.raises(StateError, match="b is nan"):
        nn.save(model, path)
    assert path.read_text() == text
    with pytest.raises(StateError, match=r"none.json cannot be read: No such file"):
        nn.load(tmp_path / "none.json")


def test_weights_go_to_a_torch_network_and_back_with_equal_outputs():
    torch = pytest.importorskip("torch")
    model = nn.MLP(3, [5, 4, 2], activation=["tanh", "relu", "linear"], seed=3)
    there = nn.to_torch(model)
    back = nn.from_torch(there)
    x = [0.3, -1.2, 0.8]
    other = nn.from_torch(there, nn.MLP(3, [5, 4, 2], activation=["tanh", "relu", "linear"], seed=8))

    assert there(torch.tensor(x, dtype=torch.float64)).tolist() == pytest.approx(numbers(model(x)), rel=1e-14)
    assert numbers(back(x)) == numbers(other(x)) == numbers(model(x))
    assert list(there.state_dict()) == list(back.state_dict())
    assert other.state_dict() == model.state_dict()


def test_every_activation_that_has_a_torch_counterpart_agrees_with_it():
    torch = pytest.importorskip("torch")
    names = "relu tanh sigmoid softplus elu leaky_relu selu gelu silu softsign logsigmoid hardtanh"

    for name in names.split():
        model = nn.MLP(1, [3, 1], activation=name, seed=0)
        for x in (-2.0, -0.1, 0.7, 3.0):
            there = nn.to_torch(model)(torch.tensor([x], dtype=torch.float64)).item()
            assert there == pytest.approx(model([x]).data, rel=1e-9), name


def test_a_torch_network_that_does_not_fit_is_refused():
    torch = pytest.importorskip("torch")
    model = nn.MLP(3, [5, 2], seed=0)
    before = model.state_dict()

    with pytest.raises(StateError, match="2 layers are to be filled, but there are 1"):
        nn.from_torch(torch.nn.Sequential(torch.nn.Linear(3, 2)), model)
    with pytest.raises(StateError, match=r"layers.0.weight: 5 x 3 here, 5 x 4 in the state"):
        nn.from_torch(torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Linear(5, 2)), model)
    with pytest.raises(StateError, match=r"torch.nn.Conv2d has no counterpart"):
        nn.from_torch(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1)))
    with pytest.raises(StateError, match="no counterpart"):
        nn.to_torch(nn.MLP(2, [2, 1], activation=lambda v: v * v, seed=0))
    assert model.state_dict() == before


def test_safetensors_files_hold_the_same_numbers(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    model = nn.MLP(2, [3, 1], seed=0)
    nn.export_safetensors(model, tmp_path / "model.safetensors")

    held = numpy.load_file(tmp_path / "model.safetensors")
    assert {name: array.tolist() for name, array in held.items()} == model.state_dict()
    raw = (tmp_path / "model.safetensors").read_bytes()
    assert struct.unpack("<Q", raw[:8])[0] < 1000


def test_dropout_and_separate_activations_go_to_torch_and_back():
    torch = pytest.importorskip("torch")
    model = nn.Sequential(
        nn.Linear(2, 3, bias=False, seed=0), nn.Dropout(0.25), "tanh", nn.Sequential(nn.Linear(3, 1, seed=1))
    )
    there = nn.to_torch(model).eval()
    back = nn.from_torch(torch.nn.Sequential(*there, torch.nn.Identity()))
    model.eval()
    back.eval()

    assert [type(m).__name__ for m in there] == ["Linear", "Dropout", "Tanh", "Linear"]
    assert there(torch.tensor([0.4, -0.9], dtype=torch.float64)).tolist() == pytest.approx(numbers(model([0.4, -0.9])))
    assert numbers(back([0.4, -0.9])) == numbers(model([0.4, -0.9]))
    nested = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(2, 1)), torch.nn.ReLU())
    assert repr(nn.from_torch(nested)) == "Sequential(Linear of [LinearNeuron(2)], relu)"
    with pytest.raises(StateError, match="Standardize has no counterpart"):
        nn.to_torch(nn.Sequential(nn.Standardize([[1.0]]), nn.Linear(1, 1, seed=0)))


def test_a_missing_library_is_named_with_its_cure(tmp_path, monkeypatch):
    import sys

    for name in ("torch", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install torch"):
        nn.to_torch(nn.Neuron(1, seed=0))
    with pytest.raises(ImportError, match="safetensors"):
        nn.export_safetensors(nn.Neuron(1, seed=0), tmp_path / "x")


def test_a_network_with_a_function_of_ones_own_has_no_description(tmp_path):
    def square(v):
        return v * v

    nn.save(nn.MLP(2, [2, 1], activation=square, seed=0), tmp_path / "own.json")

    assert json.loads((tmp_path / "own.json").read_text())["architecture"] is None
    other = nn.MLP(2, [2, 1], activation=square, seed=1)
    assert nn.load(tmp_path / "own.json", other).state_dict() == nn.MLP(2, [2, 1], seed=0).state_dict()
