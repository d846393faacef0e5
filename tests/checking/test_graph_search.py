"""Mistakes in any small graph: every kind of change, planted at every edge, is named or tied with its equals."""

import math
import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking.catalogue.graph_changes import changes_of
from tinygrad_lite.checking.catalogue.graph_search import _adjoints, _sweep, explain_graph, kink_intervals
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.engine.numbered import Graph


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
        other, others = neuron(seed + 10)  # a second point: one wrong number on one problem shows no sign
        h = Graph(other)
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
                there = {(child, i): 0.0 if code == "DROPPED_PATH" else RULES[code](h.nodes[child].local[i])}
                wanted = [zip(leaves, hand, strict=True), zip(others, gradients(other, others, there), strict=True)]
                stories = explain_graph([root, other], list(map(list, wanted)))
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

    assert "the local derivative of tanh((w * x)) w.r.t. (w * x) is left out" in " ".join(result.text().split())


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
    assert result.evaluation.network is None


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


def normalised(w, g, X=(1.0, -2.0, 0.5)):
    """A loss with batch normalisation in it, and the user's dw with the path through the variance missing."""
    import numpy as np

    def loss(w, g):
        z = np.array(X) * w
        c = z - np.mean(z)
        return np.sum((g * c / np.sqrt(np.mean(c * c) + 1e-5) - 1) ** 2 * np.array([1.0, 2.0, 3.0]))

    def without_variance(w, g):
        c = np.array(X) * w - np.mean(np.array(X) * w)
        s = np.sqrt(np.mean(c * c) + 1e-5)
        d = 2 * (g * c / s - 1) * np.array([1.0, 2.0, 3.0])
        dc = d * g / s
        return np.sum((dc - dc.mean()) * X), np.sum(d * c / s)

    leaves = [Value(w, label="w"), Value(g, label="g")]
    return loss, leaves, without_variance


def test_a_group_is_accused_only_where_nothing_smaller_gives_the_numbers():
    loss, leaves, wrong = normalised(0.8, 1.5)
    found = compare(
        dict(zip("wg", wrong(0.8, 1.5), strict=True)), dict(zip("wg", leaves, strict=True)), loss=loss(*leaves)
    )

    assert found["w"].hand.numbers == [pytest.approx(32.184514300463974, rel=1e-12)]
    assert {m.code for story in found.mistakes for m in story} == {"ZERO"}
    assert "every" not in found.text()

    result = tg.check(loss, wrong, {"w": 0.8, "g": 1.5})
    assert result.codes == ["ZERO"]
    assert result.diagnosis.tied == []


def test_what_was_changed_in_a_group_is_what_is_said():
    """The derivative of every division w.r.t. its divisor alone has the wrong sign."""

    def graph(a, b, c):
        a, b, c = (Value(x, label=name) for x, name in ((a, "a"), (b, "b"), (c, "c")))
        return a / b + tg.sin(b / c), [a, b, c]

    roots, wanted = [], []
    for point in ((1.3, 0.7, 2.1), (0.4, 1.9, 0.8)):
        root, leaves = graph(*point)
        g = Graph(root)
        flipped = {(k, 1): -n.local[1] for k, n in enumerate(g.nodes) if n.op.name == "div"}
        roots.append(root)
        wanted.append(list(zip(leaves, gradients(root, leaves, flipped), strict=True)))
    stories = explain_graph(roots, wanted)

    assert [m.message for m in stories[0]] == [
        "the derivative of every div w.r.t. the second operand has the wrong sign"
    ]
    assert len(stories) == 1


def test_the_same_story_is_told_once_and_ties_stand_in_one_sentence():
    a = Value(3.0, label="a")
    y = (a + a) * 5.0
    found = compare({"a": 5.0}, {"a": a}, loss=y)

    assert [[m.code for m in story] for story in found.mistakes] == [["DROPPED_PATH"]]
    assert " ".join(found.text().split()).count("a has 2 paths") == 1

    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    tied = compare({"a": 24.0, "b": 16.0}, {"a": a, "b": b}, loss=(a * b + a) ** 2 * 1.0)
    sentences = [s for s in tied.findings() if "Exactly your numbers" in s]
    assert len(tied.mistakes) == 1 or (len(sentences) == 1 and "cannot be told apart" in sentences[0])


@pytest.mark.parametrize("wrong", [-1.68, 3.0, 7.0])
def test_one_wrong_number_on_one_problem_shows_no_constant_factor(wrong):
    x = Value(1.5, label="x")
    y = tg.exp(x * 0.3) * 2.0
    exact = 0.6 * math.exp(0.45)
    found = compare({"x": wrong * exact}, {"x": x}, loss=y)

    assert not {"SIGN", "FACTOR_2", "RATIO"} & {m.code for story in found.mistakes for m in story}
    assert found["x"].hints == []


NAMES = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "b1", "b2"]
NUMBERS = dict(zip(NAMES, [0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55, 0.35, 0.6], strict=True))


def by_hand(w1, w2, w3, w4, w5, w6, w7, w8, b1, b2):
    """Two inputs, two hidden units, two outputs, one number each, as such networks are derived by hand."""

    def sigmoid(z):
        return 1 / (1 + tg.exp(-z))

    h1, h2 = sigmoid(w1 * 0.05 + w2 * 0.1 + b1), sigmoid(w3 * 0.05 + w4 * 0.1 + b1)
    o1, o2 = sigmoid(w5 * h1 + w6 * h2 + b2), sigmoid(w7 * h1 + w8 * h2 + b2)
    return 0.5 * (o1 - 0.01) ** 2 + 0.5 * (o2 - 0.99) ** 2


def by_hand_back(hidden=lambda h: h * (1 - h), out=lambda o: o * (1 - o), swapped=False, rate=0.0):
    def backprop(w1, w2, w3, w4, w5, w6, w7, w8, b1, b2):
        def s(z):
            return 1 / (1 + math.exp(-z))

        h1, h2 = s(w1 * 0.05 + w2 * 0.1 + b1), s(w3 * 0.05 + w4 * 0.1 + b1)
        o1, o2 = s(w5 * h1 + w6 * h2 + b2), s(w7 * h1 + w8 * h2 + b2)
        d1, d2 = (o1 - 0.01) * out(o1), (o2 - 0.99) * out(o2)
        g5, g6, g7, g8 = d1 * h1, d1 * h2, d2 * h1, d2 * h2
        w5, w6, w7, w8 = w5 - rate * g5, w6 - rate * g6, w7 - rate * g7, w8 - rate * g8
        if swapped:
            w6, w7 = w7, w6
        e1, e2 = (d1 * w5 + d2 * w7) * hidden(h1), (d1 * w6 + d2 * w8) * hidden(h2)
        return [e1 * 0.05, e1 * 0.1, e2 * 0.05, e2 * 0.1, g5, g6, g7, g8, e1 + e2, d1 + d2]

    return backprop


def sigmoid_of(h):
    s = 1 / (1 + math.exp(-h))
    return s * (1 - s)


@pytest.mark.few(3)
@pytest.mark.parametrize(("slip", "codes", "message"), [
    ({}, [], ""),
    ({"hidden": lambda h: 1.0}, ["DROPPED_FACTOR"], "2 in this layer, is left out"),
    ({"hidden": lambda h: h}, ["MASK_IS_VALUE"], "2 in this layer, itself instead of by its derivative"),
    ({"hidden": lambda h: (h * (1 - h)) ** 2}, ["DOUBLED_FACTOR"], "2 in this layer, is multiplied in twice"),
    ({"hidden": sigmoid_of}, ["STALE_VALUE"], "is taken at its result instead of at its input"),
    ({"out": lambda o: 1.0}, ["DROPPED_FACTOR"], "+ b2)), 2 in this layer, is left out"),
    ({"hidden": lambda h: 1.0, "out": lambda o: 1.0}, ["DROPPED_FACTOR"], "of every sigmoid is left out"),
    ({"swapped": True}, ["WRONG_OPERAND"], "with w7 instead of w6"),
    ({"rate": 0.5}, ["UPDATED_TOO_EARLY"], "w5, w6, w7, w8 had already been updated (with lr = 0.5)"),
])  # fmt: skip
def test_slips_in_a_network_of_single_numbers_are_named(slip, codes, message):
    result = tg.check(by_hand, by_hand_back(**slip), NUMBERS)

    assert result.codes == codes
    assert message in " ".join(m.message for m in result.mistakes)
    assert result.diagnosis.unknown == []


def test_the_sweep_without_numpy_gives_the_same_numbers():
    w, b = Value(3.0, label="w"), Value(-1.0, label="b")
    g = Graph(tg.tanh(w * b + b) * w)
    sets = [[], *([change] for change in changes_of(g))]

    for changes, numbers in zip(sets, _sweep(g, sets, [w, b]), strict=True):
        changed = {edge: change.derivative(g, edge) for change in changes for edge in change.edges}
        assert _adjoints(g, changed, 1.0, [w, b]) == pytest.approx(numbers, rel=1e-12)
