"""Models taken to JAX and back: equal outputs and gradients, weights bit-equal."""

import pytest

from tinygrad_lite import Value, nn
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.errors import StateError

np = pytest.importorskip("numpy")
jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


def numbers(out):
    return [x.data if isinstance(x, Value) else float(x) for x in (out if isinstance(out, list) else [out])]


MODELS = {
    "MLP": (lambda seed: nn.MLP(3, [4, 2], activation="tanh", seed=seed), 3),
    "layer": (lambda seed: nn.Layer(3, 2, seed=seed), 3),
    "linear": (lambda seed: nn.Linear(3, 2, bias=False, seed=seed), 3),
    "neuron": (lambda seed: nn.Neuron(3, activation="sigmoid", seed=seed), 3),
    "sequence": (
        lambda seed: nn.Sequential(
            nn.Standardize([[1.0, 2.0], [3.0, 7.0]]),
            nn.Linear(2, 3, seed=seed),
            nn.Elementwise("silu"),
            nn.Dropout(0.2, seed=0),
            nn.Sequential(nn.Linear(3, 1, seed=seed + 1), "leaky_relu"),
        ),
        2,
    ),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("name", MODELS)
def test_equal_outputs_and_gradients_and_the_weights_back(name):
    make, n = MODELS[name]
    model, other = make(0), make(5)
    model.eval()
    X = np.random.default_rng(1).normal(size=(5, n))
    params, apply = nn.to_jax(model)
    outputs = np.asarray(jax.jit(apply)(params, X)).reshape(5, -1)

    assert outputs == pytest.approx(np.array([numbers(model(list(x))) for x in X]), rel=1e-14)
    slopes = jax.jit(jax.grad(lambda p: jax.numpy.sum(apply(p, X) ** 2)))(params)
    found = [model(list(x)) for x in X]
    loss = sum(v * v for out in found for v in (out if isinstance(out, list) else [out]))
    loss.backward()
    for key, value in model.named_parameters():
        path, _, index = key.partition("[")
        place = tuple(int(k) for k in index.rstrip("]").split("][")) if index else ()
        assert float(slopes[path][place]) == pytest.approx(value.grad, rel=1e-12, abs=1e-14), key
    assert nn.from_jax({k: jax.numpy.asarray(v) for k, v in params.items()}, other).state_dict() == model.state_dict()


def test_an_embedding_and_a_cell():
    table, cell = nn.Embedding(4, 3, seed=0), nn.RNNCell(2, 3, seed=1)
    params, apply = nn.to_jax(table)
    assert np.asarray(apply(params, np.array([2, 0]))).tolist() == [numbers(table(2)), numbers(table(0))]
    params, apply = nn.to_jax(cell)
    h = np.zeros((1, 3))
    for x in ([0.5, -1.0], [2.0, 0.1]):
        h = apply(params, np.array([x]), h)
    assert np.asarray(h)[0] == pytest.approx(numbers(cell.read([[0.5, -1.0], [2.0, 0.1]])), rel=1e-14)


@pytest.mark.long
def test_every_activation():
    for op in TABLE.values():
        if op.activation:
            model = nn.MLP(1, [2, 1], activation=op.name, seed=0)
            params, apply = nn.to_jax(model)
            X = np.array([[-2.0], [-0.1], [0.7], [3.0]])
            found = jax.jit(apply)(params, X)[:, 0]
            assert found.tolist() == pytest.approx([model(list(x)).data for x in X], rel=1e-12), op.name


@pytest.mark.long
def test_dropout_draws_with_a_key_alone():
    params, apply = nn.to_jax(nn.Sequential(nn.Dropout(0.5)))
    ones = np.ones((100, 4))

    assert (np.asarray(apply(params, ones)) == 1.0).all()
    drawn = np.asarray(apply(params, ones, jax.random.key(0)))
    assert set(drawn.ravel().tolist()) == {0.0, 2.0}


def test_what_has_no_counterpart_is_named():
    class Own(nn.Module):
        """A module of one's own."""

    with pytest.raises(StateError, match="Own cannot be written for jax"):
        nn.to_jax(nn.Sequential(Own()))
    with pytest.raises(StateError, match="give an op of the table"):
        nn.to_jax(nn.MLP(2, [2, 1], activation=lambda v: v * v, seed=0))
    with pytest.raises(StateError):
        nn.from_jax({"layers.0.weight": np.zeros((1, 1))}, nn.MLP(2, [2, 1], seed=0))
