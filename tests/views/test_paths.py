"""Paths from a leaf to the root: their number, their products, their sum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError
from tinygrad_lite.views.picture.paths import strongest_paths


def ladder(rungs):
    """Each rung doubles the number of paths."""
    x = Value(1.5, label="x")
    y = x
    for _ in range(rungs):
        y = y + y * 0.5
    return x, y


@given(st.integers(1, 6))
def test_the_products_of_all_paths_add_up_to_the_gradient(rungs):
    x, y = ladder(rungs)
    count, paths = strongest_paths(Graph(y), 0, 10**6)

    assert count == len(paths) == 2**rungs
    assert sum(product for product, _ in paths) == pytest.approx(adjoints(y)[x])


def test_more_paths_than_atoms_are_counted_without_being_walked():
    x, y = ladder(300)
    picture = tg.draw(y, paths=x, limit=None)

    assert picture.notes[-1].text.startswith("shown are the 8 strongest of about 2.0e+90 paths")


def test_the_strongest_paths_come_first():
    x = Value(2.0, label="x")
    _, paths = strongest_paths(Graph(x * 3.0 + x * -7.0 + x), 0, 2)

    assert [product for product, _ in paths] == [-7.0, 3.0]


def test_each_path_has_its_colour_on_each_of_its_arrows():
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    picture = tg.draw(tg.tanh(a * b + b**3), paths=b)
    colours = {edge.key: edge.colours for edge in picture.edges}
    first, second = picture.theme.paths[:2]

    assert colours["e4.0"] == (first,)
    assert colours["e2.1"] == (second,)
    assert colours["e6.0"] == (first, second)  # both run through the last step
    assert colours["e2.0"] == ()
    assert picture.notes[-1].text == "the sum over 2 paths: d/d b = 8"


def test_the_sum_is_exact_whatever_has_been_accumulated_before():
    x = Value(2.0, label="x")
    y = x * x
    y.backward()
    y.backward()

    assert tg.draw(y, paths=x).notes[-1].text == "the sum over 2 paths: d/d x = 4"


def test_a_source_from_elsewhere_is_refused():
    with pytest.raises(OperandError, match="not behind its root"):
        tg.draw(Value(1.0) + 1.0, paths=Value(2.0, label="stranger"))
    with pytest.raises(OperandError, match="got the str"):
        tg.draw(Value(1.0) + 1.0, paths="w1")
