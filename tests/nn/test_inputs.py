"""Data as people have them: lists, arrays, DataFrames, and the arrays of PyTorch and JAX give the same numbers."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([0.0, 1.0, 1.0, 0.0])


def as_lists(a):
    return a.tolist()


def as_tuples(a):
    return tuple(map(tuple, a.tolist())) if a.ndim == 2 else tuple(a.tolist())


def as_frame(a):
    pandas = pytest.importorskip("pandas")
    if a.ndim == 1:
        return pandas.Series(a, index=range(10, 10 + len(a)))
    return pandas.DataFrame(a, columns=[f"c{i}" for i in range(a.shape[1])], index=range(10, 10 + len(a)))


def as_tensor(a):
    return pytest.importorskip("torch").tensor(a, requires_grad=True)


def as_jax(a):
    return pytest.importorskip("jax.numpy").asarray(a)


KINDS = [np.array, as_lists, as_tuples, as_frame, as_tensor, as_jax]
ARRAYS = [np.array, as_frame, as_tensor, as_jax]


def trained(kind, targets, compiled=False):
    model = nn.MLP(2, [4, 1], seed=1)
    data = kind(X), kind(targets)
    history = nn.fit(
        model, data, nn.mse, nn.Adam(model, lr=0.1), epochs=3, validation=data, metrics=["r2"], compiled=compiled
    )
    return history["loss"], history["val_loss"]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_trained_on_them(kind, compiled):
    expected = trained(as_lists, y)

    for targets in (y, y[:, None]):  # a column of its own too
        for found, wanted in zip(trained(kind, targets, compiled), expected, strict=True):
            assert found == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_may_stand_in_a_column(kind):
    model = nn.MLP(2, [4, 2], seed=1)
    history = nn.fit(model, (kind(X), kind(y[:, None])), nn.cross_entropy, nn.SGD(model), epochs=1)

    assert history["loss"][0] == pytest.approx(
        nn.cross_entropy(nn.MLP(2, [4, 2], seed=1)(as_lists(X)), [0, 1, 1, 0]).data
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "model",
    [
        nn.Neuron(2, seed=0),
        nn.Linear(2, 1, seed=0),
        nn.Layer(2, 3, seed=0),
        nn.MLP(2, [4, 1], seed=0),
        nn.Sequential(nn.Standardize(X), nn.Linear(2, 3, seed=0), "tanh"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_answers_a_batch_of_samples(kind, model):
    answers = tg.data(model(kind(X)))

    assert answers.tolist() == [np.asarray(tg.data(model(sample))).tolist() for sample in X.tolist()]


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_comparisons_checks_and_steps_take_them(kind):
    W = tg.array(kind(X), label="W")
    (W**2).sum().backward()
    model = nn.MLP(2, [3, 1], seed=0)

    assert W.shape == (4, 2)
    assert tg.compare({"W": kind(2 * X)}, {"W": W}).ok
    assert nn.Standardize(kind(X)).state_dict()["mean"] == [0.5, 0.5]
    assert nn.compile_step(model, nn.mse, nn.SGD(model))(kind(X), kind(y)) > 0


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_check_takes_them_for_parameters_and_data(kind):
    found = tg.check(
        lambda W, x: ((x @ W) ** 2).sum(), lambda W, x: 2 * x.T @ (x @ W), {"W": kind(X[1:3])}, kind(X), limit=1.0
    )

    assert found.ok


def test_a_gradient_is_taken_with_respect_to_a_dataframe():
    assert tg.grad(lambda w: (w**2).sum())(as_frame(X)).tolist() == (2 * X).tolist()


def test_a_column_of_words_is_named():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"age": [1.0, 2.0], "town": ["Bern", "Basel"]})

    with pytest.raises(OperandError, match=r"column 'town' of the DataFrame holds 'Bern'(.|\n)*drop"):
        nn.Dataset(table, [0, 1])


def test_the_columns_of_a_dataframe_name_the_inputs():
    assert nn.Dataset(as_frame(X), y).feature_names == ("c0", "c1")


def test_a_history_becomes_a_dataframe():
    pytest.importorskip("pandas")
    table = nn.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]).to_frame()

    assert table.loc[2, "loss"] == 0.25
    assert list(table.columns) == ["loss"]
    assert len(nn.History().to_frame()) == 0


def test_a_safetensors_file_comes_back(tmp_path):
    pytest.importorskip("safetensors")
    there, back = nn.MLP(2, [3, 1], seed=0), nn.MLP(2, [3, 1], seed=1)
    nn.export_safetensors(there, tmp_path / "model.safetensors")

    assert nn.import_safetensors(tmp_path / "model.safetensors", back).state_dict() == there.state_dict()
