"""Nodes are called as the variables of the functions that computed them."""

import sys

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import topological

np = pytest.importorskip("numpy")


def forward(X, y, W1, W2):
    z1 = X @ W1
    a1 = tg.tanh(z1)
    output = a1 @ W2
    hidden = [z1[0, 0] * 2.0, "text"]
    return ((output - y) ** 2).mean() + 0.0 * hidden[0]


X, Y = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0], [0.0]])


def parameters():
    return tg.array([[0.1, 0.2], [0.3, 0.4]], label="W1"), tg.array([[0.5], [0.6]], label="W2")


def test_an_explanation_speaks_of_the_arrays_of_a_function_that_has_returned():
    W1, W2 = parameters()
    with tg.names():
        loss = forward(X, Y, W1, W2)

    text = str(tg.explain(loss, W1[1, 0]))
    assert "z1[0,0]" in text
    assert "a1[0,0]" in text
    assert "output[1,0]" in text
    assert sys.getprofile() is None


def test_without_the_block_nothing_is_labelled():
    W1, W2 = parameters()

    assert "z1[" not in str(tg.explain(forward(X, Y, W1, W2), W1[1, 0]))


def test_a_label_stays_and_what_two_variables_hold_gets_none():
    def made():
        one = tg.Value(1.0, label="mine")
        two = also_two = tg.Value(2.0)
        return one, also_two, [two]

    with tg.names():
        one, two, _ = made()

    assert one.label == "mine"
    assert two.label == ""


def test_a_failure_in_the_block_ends_it():
    with pytest.raises(ZeroDivisionError), tg.names():
        _ = 1 / 0

    assert sys.getprofile() is None


def test_it_serves_as_a_decorator_and_leaves_libraries_out():
    @tg.names()
    def loss(w):
        inner = np.square(w)
        return inner.sum()

    out = loss(tg.array([1.0, 2.0], label="w"))
    labels = {node.label for node in topological(out)}

    assert {"inner[0]", "inner[1]"} <= labels <= {"", "w[0]", "w[1]", "inner[0]", "inner[1]"}
