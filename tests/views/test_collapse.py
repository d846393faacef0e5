"""Large graphs as few boxes: what is folded, what is closed, and that nothing is lost."""

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.errors import GraphTooLarge
from tinygrad_lite.views.picture import modules
from tinygrad_lite.views.picture.fold import Fold


def network(sizes, rng, *, labels=False, fused=False):
    """A multilayer perceptron in plain Values, as micrograd writes it; and its parameters."""
    layers = [
        [([Value(rng.uniform(-1, 1)) for _ in range(n)], Value(rng.uniform(-1, 1))) for _ in range(m)]
        for n, m in pairwise(sizes)
    ]
    if labels:
        for i, layer in enumerate(layers):
            for j, (w, b) in enumerate(layer):
                b.label = f"layers.{i}.bias[{j}]"
                for k, weight in enumerate(w):
                    weight.label = f"layers.{i}.weight[{j}][{k}]"

    def call(x):
        for i, layer in enumerate(layers):
            sums = [tg.dot(w, x, b) if fused else sum((u * v for u, v in zip(w, x, strict=True)), b) for w, b in layer]
            x = sums if i == len(layers) - 1 else [s.relu() for s in sums]
        return x

    return call, [p for layer in layers for w, b in layer for p in [*w, b]]


def training_loss(samples, sizes=(2, 16, 16, 1), **how):
    rng = random.Random(0)
    call, parameters = network(sizes, rng, **how)
    losses = []
    for _ in range(samples):
        score = call([Value(rng.uniform(-1, 1)) for _ in range(sizes[0])])[0]
        losses.append((1 + -rng.choice((-1, 1)) * score).relu())
    loss = sum(losses) * (1.0 / samples) + 1e-4 * sum(p * p for p in parameters)
    loss.backward()
    return loss


@pytest.mark.long
@pytest.mark.parametrize("how", [{}, {"labels": True}, {"fused": True}], ids=str)
def test_a_hundred_samples_and_three_layers_are_twenty_boxes(how):
    loss = training_loss(100, **how)
    picture = tg.draw(loss, depth=1)
    names = [box.label for box in picture.boxes if box.kind == "group"]

    assert "<svg" in picture.svg
    assert len(Graph(loss)) > 8_000
    assert len(picture.boxes) <= 20
    assert names == (
        [*(["layers.0", "layers.1", "layers.2"] if how.get("labels") else ["layer 1", "layer 2", "layer 3"]), "penalty"]
    )
    rows = [dict(box.rows) for box in picture.boxes if box.kind == "group"]
    assert [row["parameters"] for row in rows[:3]] == ["48", "272", "17"]
    assert [row.get("neurons") for row in rows[:3]] == ["16", "16", None]
    assert [box.times for box in picture.boxes if box.kind == "group"] == [100, 100, 100, 1]
    assert rows[3]["sum of squares"] == "337 parameters"


def test_it_is_refused_unfolded_and_the_message_says_how_to_fold_it():
    with pytest.raises(GraphTooLarge, match=r"tg\.draw\(root, depth=1\)"):
        tg.draw(training_loss(3), depth=None)


def test_a_graph_too_large_to_be_read_is_folded_by_itself():
    loss = training_loss(3)

    assert tg.draw(loss).svg == tg.draw(loss, depth=1).svg


def test_any_of_the_samples_can_be_shown_in_place_of_the_first():
    x, w = [1.0, 2.0, 3.0, 5.0], Value(0.5, label="w")
    loss = sum((w * a - 1.0) ** 2 for a in x)
    loss.backward()
    first, third = (tg.draw(loss, depth=1, sample=k) for k in (0, 2))
    products = [next(box.data for box in picture.boxes if box.symbol == "*") for picture in (first, third)]

    assert products == [0.5, 1.5]
    assert (len(first.boxes), len(first.edges)) == (len(third.boxes), len(third.edges))
    assert "number 3 of them is shown" in third.notes[0].text


def test_a_rule_of_ones_own_closes_boxes():
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    y = (w * x).tanh() + 1.0
    picture = tg.draw(y, collapse=lambda v: "cell" if v.op.name in ("mul", "tanh") else None)

    assert [box.label for box in picture.boxes if box.kind == "group"] == ["cell"]
    assert len(picture.boxes) == 5


def test_numpy_layers_with_biases_and_maximum_are_closed_as_those_of_nn_are():
    rng = np.random.default_rng(0)
    X, W1, b1 = (
        rng.normal(size=(4, 3)),
        tg.array(rng.normal(size=(3, 4)), label="W1"),
        tg.array(np.zeros(4), label="b1"),
    )
    W2 = tg.array(rng.normal(size=(4, 1)), label="W2")
    picture = tg.draw(np.mean((np.maximum(0, X @ W1 + b1) @ W2 - 1.0) ** 2))
    rows = {box.label: dict(box.rows) for box in picture.boxes if box.kind == "group"}

    assert list(rows) == ["layer 1", "layer 2"]
    assert rows["layer 1"] | {"|grad|": ""} == {
        "inputs": "3 numbers", "neurons": "4", "activation": "max(0, z)", "parameters": "16", "|grad|": ""
    }  # fmt: skip
    assert picture.placement.width <= 1600
    assert picture.placement.height <= 900


def test_the_rows_of_an_array_are_boxes_with_their_names():
    X, W = tg.array(np.ones((2, 3)), label="X"), tg.array(np.ones((3, 2)), label="W1")
    picture = tg.draw(np.sum(np.tanh(X @ W)), depth=1)

    assert {box.label for box in picture.boxes if box.kind == "group"} >= {"X[0,:]", "X[1,:]"}


def test_a_sum_of_squares_that_is_no_penalty_is_not_called_one():
    x = [Value(float(i), label=f"x{i}") for i in range(3)]

    assert "penalty" not in [box.label for box in tg.draw(sum(a * a for a in x), depth=1).boxes]


def test_folding_keeps_every_value_and_every_arrow():
    graph = Graph(training_loss(5, (2, 4, 1)))
    fold = Fold(graph, modules.sums_of(graph))
    drawn = {number for number in range(len(graph)) if fold.home[number] == number}

    assert {fold.home[number] for number in range(len(graph))} == drawn
    assert set(graph.roots) <= drawn
    for number, home in enumerate(fold.home):  # what is folded together was computed by the same op
        assert graph.nodes[number].op is graph.nodes[home].op
    for child, parents in enumerate(graph.parents):  # and what it was computed from is folded the same way
        for parent in parents:
            home = fold.home[child]
            assert fold.home[parent] == home or fold.home[parent] in {
                fold.home[p] for inner in range(len(graph)) if fold.home[inner] == home for p in graph.parents[inner]
            }


@pytest.mark.parametrize("samples", [2, 5, 9])
def test_a_box_says_for_how_many_it_stands(samples):
    graph = Graph(training_loss(samples, (2, 4, 1)))
    fold = Fold(graph, modules.sums_of(graph))
    stands_for = Counter(fold.home)

    for number in set(fold.home) - set(fold.sums):  # a sum also stands for its partial sums
        assert stands_for[number] == fold.times.get(number, 1)
    assert set(fold.times.values()) == {samples, 17}  # 17 weights are penalised


def test_terms_that_were_computed_otherwise_are_kept_apart():
    xs = [Value(float(i), label=f"x{i}") for i in range(12)]
    total = tg.sum([x.tanh() if i % 2 else x.exp() for i, x in enumerate(xs)])
    picture = tg.draw(total, depth=1)

    assert sorted((box.symbol, box.times) for box in picture.boxes if box.symbol) == [
        ("exp", 6),
        ("sum", 1),
        ("tanh", 6),
    ]


def test_a_shared_operand_is_not_folded_with_one_that_is_not_shared():
    shared, xs = Value(2.0, label="w"), [Value(float(i)) for i in range(5)]
    picture = tg.draw(tg.sum([(shared + x).tanh() for x in xs]), depth=1)
    leaves = [(box.label, box.times) for box in picture.boxes if box.kind == "leaf"]

    assert leaves == [("w", 1), ("", 5)]


def test_a_partial_sum_with_a_label_stays_to_be_seen():
    xs = [Value(float(i)).tanh() for i in range(6)]
    half = tg.sum(xs[:3])
    half.label = "half"

    assert "half" in [box.label for box in tg.draw(half + xs[3] + xs[4] + xs[5], depth=1).boxes]


def test_depth_opens_level_after_level():
    loss = training_loss(3, (2, 3, 2, 1))
    names = [[box.label for box in tg.draw(loss, depth=d).boxes if box.kind == "group"] for d in range(4)]

    assert names[0] == ["network", "penalty"]
    assert names[1] == ["layer 1", "layer 2", "layer 3", "penalty"]
    assert names[2] == [
        *(f"layer 1.neuron {i}" for i in (1, 2, 3)),
        "layer 2.neuron 1",
        "layer 2.neuron 2",
        "layer 3.neuron 1",
        "penalty",
    ]
    assert names[3] == []


def test_a_closed_box_is_opened_by_its_name():
    loss = training_loss(3, (2, 3, 1))
    opened = tg.draw(loss, depth=1, expand=["layer 1", "layer 1.neuron 2"])
    groups = [box.label for box in opened.boxes if box.kind == "group"]

    assert groups == ["layer 1.neuron 1", "layer 1.neuron 3", "layer 2", "penalty"]
    assert len([box for box in opened.boxes if box.symbol == "ReLU"]) == 2  # the neuron's and the loss's


def test_an_unknown_box_is_refused_with_the_nearest_names():
    with pytest.raises(ValueError, match="there is none named 'layer1'; there are layer 1"):
        tg.draw(training_loss(3, (2, 3, 1)), expand="layer1")
    with pytest.raises(ValueError, match="depth is a whole number"):
        tg.draw(training_loss(3, (2, 3, 1)), depth=-1)


def test_a_box_that_would_be_before_and_after_another_is_opened():
    x = Value(1.0, label="x")
    first = (Value(2.0, label="m.w[0]") * x + Value(0.5, label="m.b[0]")).tanh()
    between = first.exp() * 2.0
    second = (Value(3.0, label="m.w[1]") * between + Value(0.5, label="m.b[1]")).tanh()
    picture = tg.draw(second, depth=1)

    assert [box.kind for box in picture.boxes].count("group") == 0
    assert "<svg" in picture.svg


def test_three_networks_with_the_same_labels_are_layers_of_their_own():
    first, second, third = nn.MLP(2, [3], seed=1), nn.MLP(3, [3], seed=2), nn.MLP(5, [1], seed=3)
    x = [0.5, -1.0]
    h = first(x)
    h = [a + b for a, b in zip(second(h), h, strict=True)]
    picture = tg.draw(third([*h, *x]), depth=1)

    assert [box.label for box in picture.boxes if box.kind == "group"] == ["layers.0", "layers.0 (2)", "layers.0 (3)"]


def test_weights_are_told_from_inputs():
    call, parameters = network((2, 3, 1), random.Random(1))
    x = [Value(1.0), Value(-1.0)]
    graph = Graph(call(x)[0])
    found = modules.neurons(Fold(graph, modules.sums_of(graph)), modules.sums_of(graph))
    weights = {graph.nodes[number] for neuron in found for number in (*neuron.weights, *neuron.biases)}

    assert weights == set(parameters)


def test_a_graph_without_neurons_is_drawn_as_it_is():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    loss = tg.tanh(a * b + b**3)

    assert tg.draw(loss, depth=1).svg == tg.draw(loss).svg


def test_a_network_under_different_losses_is_counted_once():
    rng = random.Random(0)
    call, _ = network((2, 3, 1), rng, labels=True)
    scores = [call([Value(rng.uniform(-1, 1)) for _ in range(2)])[0] for _ in range(10)]
    picture = tg.draw(tg.sum([s.tanh() if i < 6 else s.exp() for i, s in enumerate(scores)]), depth=1)
    groups = {box.label: (dict(box.rows), box.times) for box in picture.boxes if box.kind == "group"}

    assert groups["layers.0"][0]["neurons"] == "3"
    assert groups["layers.0"][1] == groups["layers.1"][1] == 10
    assert ("values", "3 values") in [text for edge in picture.edges for text in edge.texts]


def test_a_fused_sum_over_samples_has_one_arrow_for_each_kind():
    xs = [Value(float(i)) for i in range(40)]
    picture = tg.draw(tg.sum([x.tanh() if i % 2 else x.exp() for i, x in enumerate(xs)]), depth=1)

    assert len(picture.edges) == 4


def test_many_inputs_of_a_layer_are_one_box():
    loss = training_loss(3, (64, 4, 1))
    picture = tg.draw(loss, depth=1)
    inputs = next(box for box in picture.boxes if box.label == "inputs")

    assert dict(inputs.rows)["values"] == "64"
    assert len(picture.boxes) < 25
    opened = tg.draw(loss, depth=1, expand=["inputs"])
    assert len(opened.boxes) == len(picture.boxes) + 63


def test_bare_numbers_that_go_into_a_closed_layer_are_counted():
    call, _ = network((3, 2, 1), random.Random(0))
    picture = tg.draw(call([1.0, 2.0, 3.0])[0] * 2.0, depth=1)
    rows = [dict(box.rows) for box in picture.boxes if box.kind == "group"]

    assert [row.get("inputs") for row in rows] == ["3 numbers", None]


def test_an_arrow_of_one_value_out_of_a_closed_box_keeps_its_local_derivative():
    call, _ = network((3, 2, 1), random.Random(0))
    picture = tg.draw(call([Value(1.0)] * 3)[0] * 2.0, depth=1)

    assert [edge.texts for edge in picture.edges if edge.local is not None] == [(("local", "2"),)]


def lesson_arrays(outputs):
    """A network of layers 4-8-outputs in NumPy object arrays, as lessons write it, on 40 rows."""
    rng = np.random.default_rng(0)

    def leaves(*shape):
        return np.array([Value(float(x)) for x in rng.normal(size=math.prod(shape))], dtype=object).reshape(shape)

    hidden = np.tanh(rng.normal(size=(40, 4)) @ leaves(4, 8) + leaves(8))
    return rng, hidden @ leaves(8, outputs) + leaves(outputs)


def summary(loss):
    picture = tg.draw(loss, depth=1)
    rows = {box.label: dict(box.rows) for box in picture.boxes if box.kind == "group"}
    assert {box.times for box in picture.boxes if box.kind == "group"} == {40}
    return len(picture.boxes), {name: (row["neurons"], row["parameters"]) for name, row in rows.items()}


@pytest.mark.parametrize("loss", [nn.mse, nn.half_mse, nn.sse, nn.mae, nn.huber])
def test_the_samples_of_a_loss_from_nn_are_one(loss):
    model, data = nn.MLP(2, [4, 1], seed=1), nn.datasets.moons(30, seed=1)
    picture = tg.draw(loss([model(x) for x in data.inputs], data.targets), depth=1)

    assert len(picture.boxes) < 20
    assert {box.times for box in picture.boxes if box.symbol == "-"} == {30}


def test_numpy_arrays_with_softmax_and_cross_entropy_are_found_too():
    rng, scores = lesson_arrays(3)
    e = np.exp(scores)
    chances = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(chances[np.arange(40), rng.integers(0, 3, 40)]))

    assert summary(loss) == (15, {"layer 1": ("8", "40"), "layer 2": ("3", "27")})


def test_outputs_with_weights_of_their_own_are_not_folded_onto_each_other():
    rng, scores = lesson_arrays(3)
    loss = np.mean((scores - rng.normal(size=(40, 3))) ** 2)

    assert summary(loss) == (17, {"layer 1": ("8", "40"), "layer 2": ("3", "27")})
