"""Nested arguments as a list of numbers, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import Value
from tinygrad_lite.calculus.pytree import builder, fill, flatten, flatten_like, labels, opened, strip
from tinygrad_lite.errors import OperandError, ShapeError

np = pytest.importorskip("numpy")


def test_numbers_come_out_in_order_and_go_back_into_their_places():
    x = Value(5.0)
    tree = {"w": [1, (2.0, x)], "W": np.array([[3.0], [4.0]]), "b": np.float64(6.0)}
    numbers, structure = flatten(tree, "p")
    back = fill(structure, range(6))

    assert numbers == [1.0, 2.0, x, 3.0, 4.0, 6.0]
    assert labels(structure, "p") == [
        "p['w'][0]",
        "p['w'][1][0]",
        "p['w'][1][1]",
        "p['W'][0,0]",
        "p['W'][1,0]",
        "p['b']",
    ]
    assert back["w"] == [0, (1, 2)]
    assert back["W"].tolist() == [[3.0], [4.0]]
    assert back["b"] == 5
    assert tree["w"][0] == 1  # what was given is not touched


NUMBERS = st.floats(allow_nan=False) | st.integers(-5, 5)
TREES = st.recursive(
    NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
)


@given(TREES)
def test_whatever_is_taken_out_can_be_put_back(tree):
    numbers, structure = flatten(tree)

    assert fill(structure, numbers) == tree
    assert flatten_like(tree, structure, "it") == numbers
    assert len(labels(structure)) == len(set(labels(structure))) == len(numbers)
    assert strip(fill(structure, [Value(x) for x in numbers])) == tree


def test_the_structure_of_numbers_alone_says_how_many():
    blocks = []

    assert opened([[1.0, 2.0], (3, np.float32(4.0)), [], ["x", True]], blocks) == (
        list,
        ((list, 2), (tuple, 2), (list, ()), (list, (("static", "x"), ("static", True)))),
    )
    assert blocks == [[1.0, 2.0], (3, 4.0)]
    assert opened([Value(1.0), 2.0], []) == (list, 2)
    assert fill((list, ((list, 2), ("static", "x"))), [1.0, 2.0]) == [[1.0, 2.0], "x"]
    assert builder((list, ((list, 2), ("static", "x"))), derivatives=True)([1.0, 2.0]) == [[1.0, 2.0], None]


def test_stripping_leaves_bare_numbers_and_all_else():
    tree = [Value(1.0), {"x": (Value(2.0), None)}, np.array([Value(3.0)]), np.array(["text"])]
    bare = strip(tree)

    assert bare[:2] == [1.0, {"x": (2.0, None)}]
    assert bare[2].dtype == float
    assert bare[3] is tree[3]
    assert strip("text") == "text"
    assert strip(Value(4.0)) == 4.0


def test_what_is_built_differently_does_not_fit():
    _, structure = flatten([1.0, np.ones(2)], "x")

    assert flatten_like([3.0, np.zeros(2)], structure, "v") == [3.0, 0.0, 0.0]
    with pytest.raises(ShapeError, match=r"\(\[0\], \[1\] of shape \(2,\)\) were needed, but it holds 3"):
        flatten_like([3.0, 0.0, 0.0], structure, "v")


def test_entries_of_dicts_are_matched_by_their_keys():
    _, structure = flatten({"a": 1.0, "b": [2.0, 3.0]}, "x")

    assert flatten_like({"b": [20.0, 30.0], "a": 10.0}, structure, "v") == [10.0, 20.0, 30.0]
    with pytest.raises(ShapeError, match=r"\['a'\], \['b'\]\[0\], .* it holds 3 block\(s\) \(\['c'\]"):
        flatten_like({"c": 10.0, "b": [20.0, 30.0]}, structure, "v")


@pytest.mark.parametrize("bad", ["text", None, 1j, b"1", {1, 2}])
def test_what_is_no_number_is_named_by_its_place(bad):
    with pytest.raises(OperandError, match=r"p\[0\]\['w'\] works on real numbers"):
        flatten([{"w": bad}], "p")
