"""Neurons, layers and networks: micrograd's calls, draws and results, and our errors."""

import random

import pytest

from tinygrad_lite import Value
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.arithmetic import Arithmetic
from tinygrad_lite.errors import DomainError, ShapeError
from tinygrad_lite.nn import MLP, Layer, Linear, Neuron


def forward_and_backward(nn, value):
    """Outputs and gradients of a small network of micrograd's calls, from the global generator."""
    random.seed(1337)
    model = nn.MLP(3, [4, 4, 1])
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [model([value(x) for x in row]) for row in xs]
    loss = sum(((y - t) ** 2 for y, t in zip(ys, [1.0, -1.0, -1.0, 1.0], strict=True)), value(0.0))
    model.zero_grad()
    loss.backward()
    return [p.data for p in model.parameters()], [y.data for y in ys], [p.grad for p in model.parameters()]


def test_the_same_seed_gives_micrograds_weights_outputs_and_gradients():
    """Draw for draw, from the global generator, in the same order of parameters."""
    engine, nn = pytest.importorskip("micrograd.engine"), pytest.importorskip("micrograd.nn")
    import tinygrad_lite.nn as ours

    theirs_weights, theirs_outputs, theirs_grads = forward_and_backward(nn, engine.Value)
    weights, outputs, grads = forward_and_backward(ours, Value)

    assert weights == theirs_weights
    assert outputs == pytest.approx(theirs_outputs, rel=1e-13)
    assert grads == pytest.approx(theirs_grads, rel=1e-12, abs=1e-15)


def test_the_same_seed_gives_these_numbers_in_every_version():
    """micrograd's numbers, written down, for machines where it is not installed."""
    import tinygrad_lite.nn as ours

    weights, outputs, grads = forward_and_backward(ours, Value)

    assert weights[:4] == [0.23550571390294128, 0.06653114721000164, -0.26830328150124894, 0]
    assert outputs == pytest.approx(FROZEN_OUTPUTS, rel=1e-13)
    assert grads[-5:] == pytest.approx(FROZEN_GRADS, rel=1e-12, abs=1e-15)


FROZEN_OUTPUTS = [4.000271647734554, 1.6539934680939266, 0.268518064900208, 1.8818997132161885]
FROZEN_GRADS = [19.51528285383823, 1.0194223077435276, 12.971239675658277, 24.907549786674153, 15.609365787889754]


def test_micrograds_spellings_answer():
    assert repr(Neuron(2, seed=0)) == "ReLUNeuron(2)"
    assert repr(Neuron(2, nonlin=False, seed=0)) == "LinearNeuron(2)"
    assert repr(Layer(2, 2, seed=0)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(2, [1], seed=0)) == "MLP of [Layer of [LinearNeuron(2)]]"
    assert len(MLP(2, [16, 16, 1], seed=0).parameters()) == 337
    assert isinstance(MLP(2, [2, 1], seed=0)([1, 2]), Value)
    assert isinstance(MLP(2, [2, 2], seed=0)([1, 2]), list)


def test_a_seed_or_a_generator_leaves_the_global_one_alone():
    random.seed(3)
    expected = random.random()
    random.seed(3)

    one, two = MLP(2, [3, 1], seed=5), MLP(2, [3, 1], rng=random.Random(5))

    assert random.random() == expected
    assert one.state_dict() == two.state_dict()
    with pytest.raises(ValueError, match="not both"):
        MLP(2, [1], seed=1, rng=random.Random(1))


@pytest.mark.parametrize("make", [lambda: Neuron(3), lambda: Layer(3, 2), lambda: Linear(3, 2), lambda: MLP(3, [2, 1])])
@pytest.mark.parametrize("x", [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0], []])
def test_a_wrong_input_length_raises_with_both_lengths(make, x):
    with pytest.raises(ShapeError, match=rf"takes 3 inputs, but got {len(x)} at test_layers.py:\d+"):
        make()(x)


def test_numbers_and_values_as_inputs_give_the_same_gradients():
    """A mixture too; only Values receive a gradient."""
    model = MLP(3, [4, 1], seed=2)
    x = Value(-1.0)
    results = []
    for row in ([0.5, -1.0, 2.0], [Value(0.5), Value(-1.0), Value(2.0)], [0.5, x, 2]):
        model.zero_grad()
        model(row).backward()
        results.append([p.grad for p in model.parameters()])

    assert results[0] == results[1] == results[2]
    assert any(results[0])
    assert x.grad != 0.0


def test_a_layer_records_what_tg_dot_records():
    """The layer reads its inputs once for all neurons; the nodes are those of `tg.dot`."""
    import tinygrad_lite as tg

    layer = Layer(2, 3, nonlin=False, seed=1)
    for x in ([1.5, -2.0], [Value(1.5), Value(-2.0)], [Value(1.5), -2.0]):
        for neuron, y in zip(layer.neurons, layer(x), strict=True):
            same = tg.dot(neuron.w, x, neuron.b)
            assert (y.data, y.op, y.local, y.parents) == (same.data, ops.dot, same.local, same.parents)


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "softplus", "gelu", "leaky_relu", "abs"])
def test_an_activation_is_recorded_as_the_row_records_it(name):
    """The layer takes a shorter way to the same node."""
    for x in (-2.0, 0.0, 0.5):
        y = Neuron(1, activation=name, init=lambda *_: 1.0)([x])
        same = ops.TABLE[name](y.parents[0])
        assert (y.data, y.op, y.local, y.parents) == (same.data, same.op, same.local, same.parents)


def test_a_layer_can_be_traced_with_foreign_numbers():
    """Whatever follows the arithmetic may stand for an input or for the weights."""

    class Words(Arithmetic):
        def __init__(self, word):
            self.word = word

        def _apply(self, op, operands):
            return Words(f"{op.name}({', '.join(getattr(x, 'word', str(getattr(x, 'data', x))) for x in operands)})")

    neuron = Neuron(1, activation="tanh", init=lambda *_: 2.0)
    assert neuron([Words("x")]).word == "tanh(dot(2.0, x, 0.0))"
    neuron.w = [Words("w")]
    assert neuron([3.0]).word == "tanh(dot(w, 3.0, 0.0))"


def test_an_activation_outside_its_domain_says_so():
    with pytest.raises(DomainError, match=r"log needs x > 0, but got x = -1.0"):
        Neuron(1, activation="log", init=lambda *_: 1.0)([-1.0])


def test_numpy_rows_are_inputs_too():
    np = pytest.importorskip("numpy")
    model = MLP(2, [3, 1], seed=1)

    assert model(np.array([1.0, 2.0])).data == model([1.0, 2.0]).data
    assert model([np.float64(1.0), np.float32(2.0)]).data == model([1.0, 2.0]).data


def test_an_activation_is_chosen_by_name_or_callable_for_each_layer():
    model = MLP(2, [2, 2, 1], activation=["tanh", lambda v: v * v, "sigmoid"], seed=0)

    assert [neuron.activation for neuron in model.layers[0].neurons] == [ops.tanh] * 2
    assert model([0.3, 0.4]).op is ops.sigmoid
    assert MLP(1, [1, 1], activation="tanh", seed=0)([1.0]).op is ops.dot
    with pytest.raises(ValueError, match="no activation 'rleu'; choose one of relu"):
        MLP(2, [2, 1], activation="rleu")
    with pytest.raises(ShapeError, match="2 layers needs as many activations, but got 1"):
        MLP(2, [2, 1], activation=["relu"])


def test_parameters_are_labelled_by_where_they_stand():
    model = MLP(2, [3, 1], seed=0)

    assert [p.label for p in model.layers[0].neurons[2].parameters()] == [
        "layers.0.weight[2][0]",
        "layers.0.weight[2][1]",
        "layers.0.bias[2]",
    ]
    assert [p.label for p in Neuron(2, seed=0).parameters()] == ["w[0]", "w[1]", "b"]


def test_linear_gives_a_list_and_may_have_no_bias():
    layer = Linear(2, 1, bias=False, init="he", seed=0)

    assert [type(y) for y in layer([1.0, 2.0])] == [Value]
    assert list(layer.state_dict()) == ["weight"]
    layer([1.0, 2.0])[0].backward()
    assert [p.grad for p in layer.parameters()] == [1.0, 2.0]


@pytest.mark.parametrize("sizes", [(0, [1]), (2, [0, 1]), (2, [3, -1])], ids=str)
def test_a_layer_without_inputs_or_neurons_is_refused(sizes):
    with pytest.raises(ShapeError, match="at least one"):
        MLP(*sizes)
