"""What a micrograd user wrote goes on working when the import line changes."""

import math
import random

import pytest

from tinygrad_lite.engine import Value


def as_in_its_short_test(x, relu):
    """A value used many times over, with a number on either side and a relu between."""
    z = x * 2 + 2 + x
    q = relu(z) + z * x
    h = relu(z * z)
    return h + q + q * x


def as_in_its_long_test(a, b, relu):
    """Every operator micrograd has, numbers left and right, and names rebound by +=."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + relu(b + a)
    d += 3 * d + relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def test_the_expressions_of_its_tests_agree_with_torch():
    torch = pytest.importorskip("torch")
    for f, start in [(as_in_its_short_test, [-4.0]), (as_in_its_long_test, [-4.0, 2.0])]:
        ours = [Value(x) for x in start]
        theirs = [torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in start]
        out, expected = f(*ours, Value.relu), f(*theirs, torch.relu)
        out.backward()
        expected.backward()

        assert out.data == pytest.approx(expected.item(), rel=1e-14)
        assert [v.grad for v in ours] == pytest.approx([t.grad.item() for t in theirs], rel=1e-14)


def test_the_same_expressions_agree_with_micrograd_itself():
    micrograd = pytest.importorskip("micrograd.engine")
    for f, start in [(as_in_its_short_test, [-4.0]), (as_in_its_long_test, [-4.0, 2.0])]:
        ours, theirs = [Value(x) for x in start], [micrograd.Value(x) for x in start]
        out, expected = f(*ours, Value.relu), f(*theirs, micrograd.Value.relu)
        out.backward()
        expected.backward()

        assert out.data == expected.data
        assert [v.grad for v in ours] == pytest.approx([v.grad for v in theirs], rel=1e-15)


def test_the_loop_that_collects_nodes_and_edges_for_a_drawing():
    """Its drawing notebook walks over `_prev` and puts `_op` into a second node."""
    x = Value(1.0)
    y = (x * 2 + 1).relu()
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(y)

    assert y in nodes
    assert x in nodes
    assert sorted(v._op for v in nodes if v._op) == ["*", "+", "ReLU"]
    assert {f"{v.data:.4f} {v.grad:.4f}" for v in nodes} >= {"1.0000 0.0000", "3.0000 0.0000"}
    assert all(child in parent._prev or not child._prev for child, parent in edges)


def test_a_neuron_and_a_training_loop_written_by_hand():
    """Its training notebook: a hinge loss with L2, gradients set to 0 by hand, a step on `.data`."""
    rng = random.Random(1337)
    points = [([rng.uniform(-1, 1), rng.uniform(-1, 1)], rng.choice([-1, 1])) for _ in range(12)]
    points = [([x + 0.8 * y, z], y) for (x, z), y in points]
    w, b = [Value(rng.uniform(-1, 1)) for _ in range(2)], Value(0)
    parameters = [*w, b]

    def loss():
        scores = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for x, _ in points]
        losses = [(1 + -y * score).relu() for (_, y), score in zip(points, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)

    history = []
    for k in range(60):
        total = loss()
        for p in parameters:
            p.grad = 0
        total.backward()
        for p in parameters:
            p.data -= (1.0 - 0.9 * k / 60) * p.grad
        history.append(total.data)

    assert history[-1] < 0.5 * history[0]
    assert all(isinstance(p.grad, float) for p in parameters)
    assert math.isfinite(history[-1])
