"""The printed NumPy code is right: run on its own, it gives the graph's gradients, for many kinds of network."""

import math
import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.analysis.elementwise import derivative_code, forward_code, simplest
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import NotLayered, OperandError, StaleGraphError

np = pytest.importorskip("numpy")


def rows(n, m, seed=0):
    rng = random.Random(seed)
    return [[rng.gauss(0, 1) for _ in range(m)] for _ in range(n)]


def values(array, label):
    """An object array of Values, labelled as tg.array labels them."""
    made = np.empty(np.shape(array), dtype=object)
    for place, x in np.ndenumerate(array):
        made[place] = Value(float(x), f"{label}{list(place)}")
    return made


def run_alone(form):
    """The printed code in a fresh namespace, as a reader would run it."""
    space = {"np": np, **form.arrays}
    exec(form.code, space)
    return space


def check(loss, expected_loss_name):
    """The code, run from its text alone, against the engine's adjoints of the very leaves."""
    form = tg.matrix_form(loss)
    space, right = run_alone(form), adjoints(loss)
    for name, leaves in form.parameters.items():
        exact = np.vectorize(lambda leaf: right[leaf])(np.array(leaves, dtype=object))
        assert np.allclose(space[f"d{name}"], exact, rtol=1e-10, atol=1e-13), name
    assert form.agree
    assert expected_loss_name in form.loss_name
    if form.loss is not None:
        assert space["loss"] == pytest.approx(loss.data, rel=1e-10)
    assert str(form)
    assert form.html()
    return form


def test_the_lesson_s_network():
    model = nn.MLP(4, [8, 3], activation="tanh", seed=0)
    x = rows(7, 4)
    form = check(
        nn.cross_entropy([model(r) for r in x], [0, 1, 2, 0, 1, 2, 0]), "softmax and cross-entropy, mean over samples"
    )

    code = " ".join(form.code.split())
    assert "dW2 = A1.T @ dZ2 # (8, 7) @ (7, 3) -> (8, 3)" in code
    assert "dZ1 = dA1 * (1 - A1**2) # (7, 8)" in code
    assert np.array_equal(form.arrays["X"], np.array(x))
    assert form.arrays["T"].sum() == 7


FLAT = ("sign", "floor", "ceil", "round")  # their gradient is 0 everywhere
STEEP = ("exp", "exp2", "expm1", "sinh", "cosh")  # tested below by their slopes alone


def is_an_activation(op):
    """One operand, any number, and NumPy has it."""
    if op.arity != 1 or op.name in (*FLAT, *STEEP) or not all(op.domain[0].holds(x) for x in (-2.0, 0.0, 2.0)):
        return False
    try:
        derivative_code(((op, ("z",)),), "Z", "A")
        return bool(forward_code(((op, ("z",)),), "Z"))
    except NotLayered:
        return False


ACTIVATIONS = [op.name for op in TABLE.values() if is_an_activation(op)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_any_activation_of_the_table(name):
    model = nn.MLP(3, [4, 2], activation=name, seed=3)
    check(nn.mse([model(r) for r in rows(5, 3, 1)], rows(5, 2, 2)), "squared error, mean over all entries")


def test_the_usual_activations_are_among_those_tested():
    assert {"relu", "tanh", "sigmoid", "softplus", "selu", "silu", "sin", "abs", "square"} <= set(ACTIVATIONS)


@pytest.mark.parametrize("slope", [0.01, 0.2])
def test_an_activation_with_a_parameter(slope):
    model = nn.MLP(3, [4, 2], activation=lambda z: TABLE["leaky_relu"](z, slope), seed=3)
    form = check(nn.mse([model(r) for r in rows(5, 3, 1)], rows(5, 2, 2)), "squared error")

    assert f"np.where(Z1 > 0, 1, {slope})" in form.code


@pytest.mark.parametrize(
    "activation",
    [
        lambda z: tg.clip(z, -0.5, 0.7),
        lambda z: tg.minimum(tg.relu(z), 6.0),
        lambda z: tg.maximum(z * 0.1, z),
        lambda z: abs(z) - 0.5,
        lambda z: tg.relu(z) ** 2,
        lambda z: z / (1 + abs(z)),
        lambda z: z,
        lambda z: (tg.exp(z) - tg.exp(-z)) / (tg.exp(z) + tg.exp(-z)),
    ],
    ids=["clip", "relu6", "leaky", "abs", "relu squared", "softsign", "none", "tanh written out"],
)
def test_activations_with_corners_and_of_several_steps(activation):
    model = nn.MLP(3, [6, 2], activation=activation, seed=3)
    check(nn.mse([model([4 * x for x in r]) for r in rows(9, 3, 1)], rows(9, 2, 2)), "squared error")


def test_a_corner_at_an_odd_place_is_refused_and_not_guessed():
    model = nn.MLP(3, [6, 2], activation=lambda z: tg.maximum(z - 1.0, -z), seed=3)

    not_layered(nn.mse([model(r) for r in rows(9, 3, 1)], rows(9, 2, 2)), "changes its formula at odd places")


BITS = [[0, 1]] * 5 + [[1, 1]]
LOSSES = {
    "squared error, mean over all entries": (nn.mse, rows(6, 2, 5)),
    "squared error, half the mean": (nn.half_mse, rows(6, 2, 5)),
    "squared error, sum": (nn.sse, rows(6, 2, 5)),
    "absolute error, mean over all entries": (nn.mae, rows(6, 2, 5)),
    "Huber's loss, mean over all entries": (nn.huber, rows(6, 2, 5)),
    "Huber's loss (delta = 0.5), mean over all entries": (lambda y, t: nn.huber(y, t, 0.5), rows(6, 2, 5)),
    "sigmoid and binary cross-entropy, mean over all entries": (nn.binary_cross_entropy_from_logits, BITS),
    "softmax and cross-entropy, mean over samples": (nn.cross_entropy, [0, 1, 1, 0, 1, 1]),
    "hinge, mean over all entries": (nn.hinge, [[-1, 1]] * 6),
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_recognised(name):
    loss, target = LOSSES[name]
    model = nn.MLP(3, [5, 2], activation="relu", seed=1)
    form = check(loss([model(r) for r in rows(6, 3, 1)], target), name)

    assert form.loss_name == name


@pytest.mark.parametrize("name", ["squared error, sum", "sigmoid and binary cross-entropy"])
def test_an_activation_at_the_output(name):
    model = nn.MLP(3, [4, 2], activation=["tanh", "sigmoid"], seed=1)
    outputs, target = [model(r) for r in rows(6, 3, 1)], BITS
    loss = nn.sse(outputs, target) if "squared" in name else nn.binary_cross_entropy(outputs, target)

    check(loss, name)


@pytest.mark.parametrize("name", ["softmax and cross-entropy, mean over samples", "hinge, mean over all entries"])
def test_a_loss_of_activated_outputs(name):
    loss, target = LOSSES[name]
    model = nn.MLP(3, [4, 2], activation=["relu", "tanh"], seed=1)
    form = check(loss([model(r) for r in rows(6, 3, 1)], target), name)

    assert "dZ2 = dA2 * (1 - A2**2)" in form.code


def test_soft_targets():
    model = nn.MLP(3, [4, 3], activation="tanh", seed=1)
    target = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.9, 0.0]]
    form = check(nn.cross_entropy([model(r) for r in rows(3, 3, 1)], target), "softmax and cross-entropy")

    assert np.allclose(form.arrays["T"], target, atol=1e-12)


def test_an_unknown_loss_is_called_unknown_and_the_rest_still_holds():
    model = nn.MLP(3, [4, 2], activation="tanh", seed=1)
    outputs = [model(r) for r in rows(6, 3, 1)]
    loss = tg.sum([tg.sin(a * b) for a, b in outputs])
    form = check(loss, "not recognised")

    assert "# dZ2 is given" in form.code
    assert form.loss is None


@pytest.mark.parametrize("which", ["weights", "everything"])
def test_an_l2_penalty_shows_in_the_gradients(which):
    model = nn.MLP(3, [4, 2], activation="tanh", seed=1)
    for i, p in enumerate(model.parameters()):
        p.data += 0.01 * i  # biases too
    parameters = [p for p in model.parameters() if which == "everything" or "weight" in p.label]
    loss = nn.mse([model(r) for r in rows(6, 3, 1)], rows(6, 2, 2)) + 0.05 * nn.l2(parameters)
    form = check(loss, "squared error")

    assert form.penalty == dict.fromkeys(["W1", "b1", "W2", "b2"] if which == "everything" else ["W1", "W2"], 0.1)


def test_micrograd_s_demo_with_its_elementary_sums():
    model = nn.MLP(2, [6, 6, 1], seed=1337)
    x, y = rows(20, 2), [(-1) ** i for i in range(20)]
    losses = [(1 + -yi * model(xi)).relu() for xi, yi in zip(x, y, strict=True)]
    loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
    form = check(loss, "hinge, mean")

    assert set(form.penalty) == set(form.parameters)


class TestNumPyObjectArrays:
    W1, b1 = rows(3, 4, 7), rows(1, 4, 8)[0]
    W2, b2 = rows(4, 2, 9), rows(1, 2, 10)[0]
    X, Y = rows(7, 3, 11), rows(7, 2, 12)

    def forward(self, act, X=None):
        W1, b1, W2, b2 = values(self.W1, "Wh"), values(self.b1, "bh"), values(self.W2, "Wo"), values(self.b2, "bo")
        return act((np.array(self.X) if X is None else X) @ W1 + b1) @ W2 + b2

    def test_arrays_keep_the_user_s_names(self):
        form = check(np.mean((self.forward(np.tanh) - np.array(self.Y)) ** 2), "squared error, mean over all entries")

        assert list(form.parameters) == ["Wh", "bh", "Wo", "bo"]
        assert "dWo = A1.T @ dZ2" in form.code

    def test_a_relu_by_np_maximum_although_it_drops_what_it_does_not_choose(self):
        form = check(np.mean((self.forward(lambda z: np.maximum(0, z)) - np.array(self.Y)) ** 2), "squared error")

        assert "A1 = np.maximum(Z1, 0)" in form.code
        assert "dZ1 = dA1 * (Z1 > 0)" in form.code

    def test_a_sigmoid_written_out_is_recognised(self):
        form = check(np.sum((self.forward(lambda z: 1 / (1 + np.exp(-z))) - np.array(self.Y)) ** 2) / 2, "half the sum")

        assert "A1*(1 - A1)" in form.code

    def test_inputs_that_are_values_too(self):
        form = check(np.mean((self.forward(np.tanh, values(self.X, "X")) - np.array(self.Y)) ** 2), "squared error")

        assert list(form.parameters) == ["Wh", "bh", "Wo", "bo"]
        assert np.array_equal(form.arrays["X"], np.array(self.X))

    def test_a_softmax_written_out(self):
        scores = self.forward(np.tanh)
        e = np.exp(scores)
        p = e / e.sum(axis=1, keepdims=True)

        check(-np.sum(np.log(p[range(7), [0, 1, 0, 1, 1, 1, 0]])) / 7, "softmax and cross-entropy, mean over samples")

    def test_targets_that_are_values_belong_to_the_loss_although_they_look_like_weights(self):
        scores = self.forward(np.tanh)
        e = np.exp(scores)
        p = e / e.sum(axis=1, keepdims=True)
        targets = values(np.eye(2)[[0, 1, 0, 1, 1, 1, 0]], "T")

        check(-np.sum(targets * np.log(p)) / 7, "softmax and cross-entropy, mean over samples")

    def test_a_unit_that_is_off_throughout_left_no_trace(self):
        self_b1 = [-100.0, *self.b1[1:]]
        W1, b1, W2 = values(self.W1, "W1"), values(self_b1, "b1"), values(self.W2, "W2")
        with pytest.raises(NotLayered, match="unit 0 is 0 throughout"):
            tg.matrix_form(np.sum((np.maximum(0, np.array(self.X) @ W1 + b1) @ W2) ** 2))


def test_three_layers_one_output_and_samples_that_repeat():
    model = nn.MLP(2, [3, 3, 1], activation="tanh", seed=4)
    x = [[1.0, 2.0], [0.5, -1.0], [1.0, 2.0]]

    check(nn.mse([model(r) for r in x], [1.0, 0.0, 0.5]), "squared error, mean")


def test_a_single_layer_with_repeated_samples():
    model = nn.Linear(2, 2, seed=4)
    x = [[1.0, 2.0], [0.5, -1.0], [1.0, 2.0], [1.0, 2.0]]

    check(nn.mse([model(r) for r in x], [[1.0, 0.0], [0.5, 0.1], [0.2, 0.3], [0.9, 0.8]]), "squared error")


def test_a_network_without_biases_and_with_a_linear_middle():
    model = nn.Sequential(nn.Linear(3, 4, bias=False, seed=1), nn.Linear(4, 2, bias=False, seed=2), "sin")

    form = check(nn.mse([model(r) for r in rows(5, 3)], rows(5, 2, 4)), "squared error")
    assert list(form.parameters) == ["W1", "W2"]


def test_one_weight_is_a_network_too():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    form = check((w * x - 1.0) ** 2, "squared error, sum")

    assert form.parameters == {"W1": [[w]]}


# ---------------------------------------------------------------------- what is no layered network


def not_layered(loss, why):
    with pytest.raises(NotLayered, match=why):
        tg.matrix_form(loss)


def test_graphs_that_are_no_layered_network_are_said_to_be_none():
    a, b = Value(0.5, "a"), Value(2.0, "b")
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    other = nn.MLP(2, [3, 1], activation="tanh", seed=1)
    x = [1.0, 2.0]

    not_layered(tg.sin(a) / tg.exp(b), "no weighted sum of the form")
    not_layered(tg.sin(a) * b, "inputs of the first layer are computed")
    not_layered(nn.mse([model(x), other([0.5, 1.0])], [1.0, 0.0]), "do not form a grid|share their weights")


def test_a_skip_connection_is_found_out():
    first, second = nn.Linear(2, 2, seed=0), nn.Linear(2, 1, seed=1)

    def network(x):
        h = [tg.tanh(z) for z in first(x)]
        return second([h[0] + x[0] * Value(1.0, "s"), h[1]])[0]

    not_layered(nn.mse([network(r) for r in rows(4, 2)], [0.0] * 4), "layer")


def test_units_of_one_layer_with_different_activations():
    first, second = nn.Linear(2, 2, seed=0), nn.Linear(2, 1, seed=1)

    def network(x):
        z = first(x)
        return second([tg.tanh(z[0]), tg.sin(z[1])])[0]

    not_layered(nn.mse([network(r) for r in rows(4, 2)], [0.0] * 4), "different activations")


@pytest.mark.parametrize(
    ("between", "why"),
    [
        (lambda z, x: [tg.tanh(z[0] + z[1]), z[1]], "mixes several weighted sums"),
        (lambda z, x: [z[0] / Value(2.0, "gain"), z[1]], "a leaf .gain. enters between layer 1 and layer 2"),
        (lambda z, x: [tg.tanh(z[0]), 1.0], "the constant 1, not an output"),
        (lambda z, x: [tg.tanh(z[0]), 0.0], "the constant 0, beside an activation"),
        (lambda z, x: [tg.relu(z[0] * 3.0 - 1.0), tg.relu(z[1] * 3.0 - 1.0)], "changes its formula at odd places"),
        (lambda z, x: [tg.erf(z[0]), tg.erf(z[1])], "erf has no NumPy function"),
    ],
)
def test_what_may_not_stand_between_two_layers(between, why):
    first, second = nn.Linear(2, 2, seed=0), nn.Linear(2, 1, seed=1)
    outputs = [second(between(first(x), x))[0] for x in rows(4, 2)]

    not_layered(nn.mse(outputs, [0.5] * 4), why)


def test_units_with_and_without_bias_or_with_different_inputs():
    w, b = values(rows(2, 2), "W"), Value(0.1, "b")

    def loss_of(rows_of_sums):
        return nn.mse(rows_of_sums, rows(2, 2, 3))

    not_layered(loss_of([[tg.dot(w[0], x, b), tg.dot(w[1], x)] for x in rows(2, 2, 1)]), "some units have a bias")
    x = rows(4, 2, 1)
    not_layered(loss_of([[tg.dot(w[0], x[2 * i]), tg.dot(w[1], x[2 * i + 1])] for i in range(2)]), "grid")


def test_graphs_whose_leaves_do_more_than_a_layer_knows_are_refused():
    a, b, w, x = Value(-4.0, "a"), Value(2.0, "b"), Value(0.5, "w"), Value(3.0, "x")

    not_layered((a * b + b**3 - 1) ** 2, r"b is used outside of the weighted sum of its layer too, by \*\*")
    not_layered(x * w + x, "x stands both for a weight or bias and for an input")
    not_layered(2.0 * w + w, "w stands at two places among the weights and biases")
    product = w * x
    not_layered(tg.tanh(product + b) * product, r"a part of a weighted sum \(\*\) is used by \* outside of it")


def test_random_graphs_are_refused_or_agree():
    """Small graphs of any shape: never a program that is wrong."""
    agreed = refused = 0
    for seed in range(600):
        rng = random.Random(seed)
        nodes = [Value(rng.uniform(-2, 2), label=rng.choice("wxba") + str(i)) for i in range(rng.randint(1, 5))]
        for _ in range(rng.randint(1, 8)):
            a, b = rng.choice(nodes), rng.choice(nodes[-6:])
            sums = [a * b, a + b, a - b, a * a, a**2, tg.tanh(a), tg.relu(b), tg.sum([a, b]), 2.0 * a, a + 1.0]
            nodes.append(rng.choice([*sums, tg.dot([a, b], [b, 3.0], a), tg.maximum(a, b)]))
        try:
            assert tg.matrix_form(nodes[-1]).agree, seed
            agreed += 1
        except NotLayered:
            refused += 1
    assert min(agreed, refused) > 50


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_gradients_that_are_not_finite_are_said_to_be_such():
    form = tg.matrix_form(tg.tanh(tg.dot([Value(2.0, "w")], [math.inf])))

    assert not form.agree
    assert "Not all are finite: nothing to compare." in str(form)


def test_changed_data_and_wrong_arguments_are_refused():
    model = nn.MLP(2, [3, 1], seed=0)
    loss = nn.mse([model([1.0, 2.0])], [1.0])
    model.parameters()[0].data += 1.0
    with pytest.raises(StaleGraphError):
        tg.matrix_form(loss)
    with pytest.raises(OperandError, match="matrix_form needs the Value of a loss"):
        tg.matrix_form([1.0])


def test_a_wrong_program_is_noticed(monkeypatch):
    """The comparison can fail: with the slope of the activation left out, it does."""
    monkeypatch.setattr("tinygrad_lite.views.matrix_form.program.derivative_code", lambda steps, z, a: "1")
    model = nn.MLP(3, [4, 2], activation="tanh", seed=1)
    form = tg.matrix_form(nn.mse([model(r) for r in rows(5, 3)], rows(5, 2)))

    assert not form.agree
    assert "They do not agree" in str(form)
    assert form.differences["W2"] < 1e-12 < form.differences["W1"]


def test_slopes_choose_at_a_kink_as_the_table_does():
    z = np.array([-2.0, 0.0, 3.0])
    for name in ("relu", "abs", "selu", *STEEP):
        op = TABLE[name]
        space = {"np": np, "Z": z, "A": np.array([op(float(x)) for x in z])}
        slope = eval(derivative_code(((op, ("z",)),), "Z", "A"), space)
        assert np.allclose(slope * 1.0, [op.partials(float(x), op(float(x)))[0] for x in z], rtol=1e-13)


def test_functions_written_out_are_recognised_by_their_values():
    assert simplest(((ops.neg, ("z",)), (ops.exp, (0,)), (ops.add, (1.0, 1)), (ops.div, (1.0, 2))))[0][0] is ops.sigmoid
    assert simplest(((ops.mul, ("z", 2.0)),))[0][0] is ops.mul


def test_hostile_labels_stay_out_of_the_code():
    w = [Value(0.5, "__import__('os')[0, 0]"), Value(0.25, "W[0];print(1)")]
    form = check((tg.dot(w, [1.0, 2.0]) - 2.0) ** 2, "squared error")

    assert "import" not in form.code
    assert list(form.parameters) == ["W1"]


def test_the_code_is_saved_alone(tmp_path):
    model = nn.MLP(2, [3, 1], seed=0)
    path = tg.matrix_form(nn.mse([model([1.0, 2.0])], [1.0])).save(tmp_path / "network.py")

    assert path.read_text(encoding="utf-8").startswith("import numpy as np\n\n# forward")


def test_the_report_has_every_form(tmp_path):
    model = nn.MLP(2, [3, 1], seed=0)
    form = tg.matrix_form(nn.mse([model([1.0, 2.0])], [1.0]))

    assert form.to_dict()["parts"]
    assert "```python" in form.markdown()
    assert form._repr_html_() == form.html()
    assert repr(form).endswith("agrees with the graph)")
    for ending in (".html", ".md", ".txt", ".json"):
        assert form.save(tmp_path / f"form{ending}").exists()


@pytest.mark.parametrize("seed", range(40))
def test_random_networks_with_random_losses(seed):
    """Any depth, any mixture of activations, repeated samples, with and without a penalty."""
    rng = random.Random(seed)
    depth, d, n = rng.randint(1, 4), rng.randint(1, 5), rng.randint(1, 9)
    sizes = [rng.randint(1, 5) for _ in range(depth - 1)] + [rng.randint(2, 5)]
    inner = ["relu", "tanh", "sigmoid", "softplus", "linear", "silu", "selu", "softsign", "sin"]
    activations = [rng.choice(inner) for _ in range(depth - 1)] + [rng.choice(["linear", "sigmoid", "tanh"])]
    model = nn.MLP(d, sizes, activation=activations, seed=seed, init="xavier")
    for p in model.parameters():
        p.data += rng.gauss(0, 0.3)
    x = rows(n, d, seed)
    outputs = [model(r) for r in (x if rng.random() < 0.7 else [x[0]] * n)]
    kind = rng.choice(["mse", "half_mse", "sse", "mae", "cross_entropy", "binary_cross_entropy_from_logits", "hinge"])
    target = {
        "cross_entropy": [rng.randrange(sizes[-1]) for _ in x],
        "binary_cross_entropy_from_logits": [[rng.randrange(2) for _ in range(sizes[-1])] for _ in x],
        "hinge": [[rng.choice([-1, 1]) for _ in range(sizes[-1])] for _ in x],
    }.get(kind, rows(n, sizes[-1], seed + 1))
    loss = getattr(nn, kind)(outputs, target)
    if rng.random() < 0.4:
        loss = loss + 0.01 * nn.l2(model.parameters())

    form = check(loss, "")
    assert form.loss_name != "not recognised"
    assert len(form.network.layers) == depth


def test_another_use_of_a_single_weight_is_no_penalty():
    w, x = Value(2.0, label="w"), Value(-4.0, label="x")

    not_layered(tg.tanh(w * x * 0.1 + w**3 * 0.05), r"w is used outside .* by \*\*, and not as an L2 penalty would")
