"""Mistakes in any small graph: every kind of change, planted at every edge, is named or tied with its equals."""

import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking.catalogue.graph_search import explain_graph, kink_intervals
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.engine.graph import Graph


def neuron(seed):
    chance = random.Random(seed)
    w, x, b = (Value(chance.uniform(0.3, 1.7), label=name) for name in "wxb")
    hidden = tg.tanh(w * x + b)
    out = (hidden * w - x / b) ** 3 + tg.exp(hidden * 0.5)
    return out, [w, x, b]


def gradients(root, leaves, wrong):
    """An oracle of its own: the sum over all paths, with some local derivatives replaced."""
    g = Graph(root)

    def down(number):
        if number == g.roots[0]:
            return 1.0
        total = 0.0
        for child, operands in enumerate(g.parents):
            for i, parent in enumerate(operands):
                if parent == number and g.nodes[child].local[i] is not None:
                    total += wrong.get((child, i), g.nodes[child].local[i]) * down(child)
        return total

    return [down(g.number[leaf]) for leaf in leaves]


RULES = {
    "SIGN": lambda slope: -slope,
    "DOUBLED_FACTOR": lambda slope: slope * slope,
    "DROPPED_FACTOR": lambda slope: 1.0,
}


@pytest.mark.parametrize("code", [*RULES, "DROPPED_PATH"])
def test_every_change_of_one_edge_is_named(code):
    named = planted = 0
    for seed in range(3):
        root, leaves = neuron(seed)
        g = Graph(root)
        right = gradients(root, leaves, {})
        for child, operands in enumerate(g.parents):
            for i, parent in enumerate(operands):
                slope = g.nodes[child].local[i]
                if slope is None or (code == "DROPPED_FACTOR" and g.nodes[child].op.name in ("add", "sub")):
                    continue
                uses = sum(parent in p for p in g.parents)
                if code == "DROPPED_PATH" and uses < 2:
                    continue
                wrong = {(child, i): 0.0 if code == "DROPPED_PATH" else RULES[code](slope)}
                hand = gradients(root, leaves, wrong)
                if hand == pytest.approx(right, rel=1e-9):
                    continue
                stories = explain_graph([root], [list(zip(leaves, hand, strict=True))])
                planted += 1
                named += any([m.code for m in story] == [code] for story in stories)
    assert planted > 10
    assert named == planted


def test_a_second_graph_separates_what_one_cannot():
    def graph(a, b):
        a, b = Value(a, label="a"), Value(b, label="b")
        return (a * b + a) ** 2, [a, b]

    def dropped(a, b):
        return [2 * (a * b + a) * b, 2 * (a * b + a) * a]

    one, two = graph(2.0, 3.0), graph(1.5, 0.7)
    at_one = explain_graph([one[0]], [list(zip(one[1], dropped(2.0, 3.0), strict=True))])
    at_both = explain_graph(
        [one[0], two[0]],
        [list(zip(one[1], dropped(2.0, 3.0), strict=True)), list(zip(two[1], dropped(1.5, 0.7), strict=True))],
    )

    assert len(at_one) > 1
    assert [[m.code for m in story] for story in at_both] == [["DROPPED_PATH"]]


def test_two_changes_are_found_together():
    root, leaves = neuron(1)
    g = Graph(root)
    tanh = next(i for i, n in enumerate(g.nodes) if n.op.name == "tanh")
    power = next(i for i, n in enumerate(g.nodes) if n.op.name == "pow")
    hand = gradients(root, leaves, {(tanh, 0): 1.0, (power, 0): -g.nodes[power].local[0]})
    stories = explain_graph([root], [list(zip(leaves, hand, strict=True))])

    assert any({m.code for m in story} == {"DROPPED_FACTOR", "SIGN"} for story in stories)


def test_right_numbers_are_explained_by_nothing():
    root, leaves = neuron(2)
    result = compare(gradients(root, leaves, {}), [*leaves], loss=root)

    assert result.ok
    assert result.mistakes == []


def test_unknown_numbers_are_not_explained():
    root, leaves = neuron(2)
    result = compare({"w": 0.1234, "x": 5.0, "b": -2.0}, dict(zip("wxb", leaves, strict=True)), loss=root)

    assert not result.ok
    assert result.mistakes == []


def test_swapped_variables_and_stale_values_are_named():
    a, b = Value(2.0, label="a"), Value(5.0, label="b")
    y = a * a * b
    swapped = compare({"a": 4.0, "b": 20.0}, {"a": a, "b": b}, loss=y)

    assert next([m.code for m in story] for story in swapped.mistakes) == ["SWAPPED"]
    b.data = 4.0
    stale = compare({"a": 16.0, "b": 4.0}, {"a": a, "b": b}, loss=y)
    assert any(m.code == "STALE_VALUE" for story in stale.mistakes for m in story)
    assert "numbers of now" in stale.text()


def test_the_sentence_says_what_was_left_out():
    x, w = Value(0.5, label="x"), Value(2.0, label="w")
    y = tg.tanh(w * x)
    result = compare({"w": 0.5}, {"w": w}, loss=y)

    assert "the local derivative of tanh((w * x)) along (w * x) is left out" in " ".join(result.text().split())


def test_on_a_kink_every_slope_between_is_accepted():
    x, y = Value(0.0, label="x"), Value(1.0, label="y")
    root = tg.relu(x) * 2.0 + tg.maximum(y, 1.0) + abs(x)

    assert kink_intervals(root, [x, y]) == [(-1.0, 3.0), (0.0, 1.0)]
    assert compare({"x": 3.0, "y": 0.2}, {"x": x, "y": y}, loss=root).ok
    assert "KINK" in compare({"x": 3.0, "y": 0.2}, {"x": x, "y": y}, loss=root).text()
    assert compare({"x": 3.5, "y": 0.2}, {"x": x, "y": y}, loss=root).wrong == ["x"]


def test_a_backprop_of_no_network_is_diagnosed_by_its_graph():
    def loss(w, X, y):
        return sum((tg.sin(w[0] * x) * w[1] + w[1] * w[0] - t) ** 2 for x, t in zip(X, y, strict=True))

    def backprop(w, X, y):
        import math

        g = [0.0, 0.0]
        for x, t in zip(X, y, strict=True):
            e = 2 * (math.sin(w[0] * x) * w[1] + w[1] * w[0] - t)
            g[0] += e * (w[1] * math.cos(w[0] * x) * x)  # the path through w1 * w0 is left out
            g[1] += e * (math.sin(w[0] * x) + w[0])
        return [g]

    result = tg.check(loss, backprop, {"w": [0.7, -1.2]}, [0.3, 1.1, -0.4], [1.0, 0.5, 0.2])

    assert result.wrong == ["w"]
    assert result.trial.network is None


def test_nodes_on_the_way_show_the_first_wrong_link():
    w, x = Value(0.8, label="w"), Value(1.5, label="x")
    z = w * x
    a = tg.tanh(z)
    loss = (a - 0.2) ** 2
    da = 2 * (a.data - 0.2)
    result = compare({"a": da, "z": da, "w": da * 1.5}, {"a": a, "z": z, "w": w}, loss=loss)

    assert result.links == [("a", "ok", ""), ("z", "wrong", ""), ("w", "follows", "")]
    assert "w ↳ (follows)" in result.text()
    assert [m.code for m in result.mistakes[0]] == ["DROPPED_FACTOR"]
