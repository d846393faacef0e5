"""What stands at the end of a notebook's cell shows itself: a Value, a module, a History, an array."""

import re

import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn


def forms(thing):
    return thing._repr_mimebundle_(include=None, exclude=None)


def test_a_small_computation_shows_its_number_its_formula_and_its_picture():
    a, b = tg.Value(2.0, label="a"), tg.Value(3.0, label="<b>")
    shown = forms((a * b + 1) ** 2)

    assert shown["text/plain"] == "Value(data=49.0, grad=0.0)"
    assert shown["text/latex"] == r"$y = \left(a \cdot v_{2} + 1\right)^{2} = 49$"
    assert "Value(data=49.0, grad=0.0)" in shown["text/html"]
    assert "data:image/svg+xml;base64," in shown["text/html"]


def test_a_leaf_and_a_large_graph_show_their_number_alone():
    x = tg.Value(1.0, label="<x>")
    deep = x
    for _ in range(100_000):
        deep = deep + 1

    assert forms(x) == {"text/plain": "Value(data=1.0, grad=0.0, label='<x>')"}
    assert forms(deep) == {"text/plain": "Value(data=100001.0, grad=0.0)"}


def test_a_name_cannot_write_into_the_page():
    shown = forms(tg.tanh(tg.Value(1.0, label="<script>")))

    assert "<script>" not in shown["text/html"]


def test_a_module_shows_its_summary_as_a_table():
    model = nn.MLP(2, [3, 1], seed=0)
    shown = forms(model)

    assert shown["text/plain"] == model.summary()
    assert re.findall(r"<td[^>]*>([^<]*)</td>", shown["text/html"])[:5] == [
        "layers.0",
        "Layer (relu)",
        "3 x 2",
        "3",
        "9",
    ]


def test_a_history_shows_its_plot_the_same_in_every_run():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = pyplot.get_fignums()  # other tests may have left some
    history = nn.History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])

    assert forms(history)["text/plain"] == "History(2 epochs, last: epoch 2, loss 0.25)"
    assert "data:image/svg+xml;base64," in forms(history)["text/html"]
    assert forms(history) == forms(history)
    assert list(forms(nn.History())) == ["text/plain"]
    assert pyplot.get_fignums() == figures


def test_an_array_shows_its_numbers():
    pytest.importorskip("numpy")

    assert repr(tg.array([[1.0, 2.0]], label="W")) == "Array([[1., 2.]])"
