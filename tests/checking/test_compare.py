"""compare: which names, which entries, by how much, and what the numbers show by themselves."""

import json

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.checking.compare import compare
from tinygrad_lite.errors import GradientMismatch, OperandError

G = np.array([[0.3, -1.25, 2.0], [4.0, 0.01, -0.5]])


def codes(result):
    return [hint.code for verdict in result.verdicts for hint in verdict.hints]


def test_equal_numbers_are_right_however_they_are_kept():
    for hand in (G, G.tolist(), [list(map(float, row)) for row in G], tuple(map(tuple, G.tolist()))):
        assert compare({"W": hand}, {"W": G}).ok
    assert compare(0.5, 0.5).ok
    assert compare(1.0, np.float64(1.0)).ok


def test_the_gradients_of_values_are_read_after_backward():
    weights = [[Value(0.5), Value(-1.0)], [Value(2.0), Value(3.0)]]
    b = Value(0.1, label="b")
    loss = sum((w * w for row in weights for w in row), b * 3.0)
    loss.backward()

    assert compare({"W": [[1.0, -2.0], [4.0, 6.0]], "b": 3}, {"W": weights, "b": b}).ok
    assert compare({"W": [[1.0, -2.0], [4.0, 6.5]], "b": 3}, {"W": weights, "b": b}).wrong == ["W"]
    assert compare({"W": np.array([[1.0, -2.0], [4.0, 6.0]])}, {"W": np.array(weights, dtype=object)}).ok


def test_gradients_that_are_values_themselves_count_by_their_number():
    x = Value(3.0)
    (x * x).backward(create_graph=True)

    assert compare(6.0, x).ok


def test_a_tuple_is_taken_in_the_order_of_the_names():
    exact = {"W": G, "b": [1.0, 2.0]}

    assert compare((G, [1.0, 2.0]), exact).ok
    assert compare((G, [1.0, 2.5]), exact).wrong == ["b"]
    assert compare((G,), exact).wrong == ["b"]
    assert len(compare((G, [1.0, 2.0], 3.0), exact).wrong) == 1


def test_a_slip_of_a_millionth_is_seen_and_rounding_is_not():
    for index in np.ndindex(G.shape):
        slip, rounding = G.copy(), G.copy()
        slip[index] *= 1 + 1e-6
        rounding[index] *= 1 + 1e-13
        found = compare({"W": slip}, {"W": G})

        assert found["W"].wrong == [index]
        assert compare({"W": rounding}, {"W": G}).ok


def test_a_sum_that_cancels_may_be_rounding_instead_of_zero():
    assert compare({"b": [1e-17, 0.4]}, {"b": [0.0, 0.4]}).ok
    assert not compare({"b": [1e-9, 0.4]}, {"b": [0.0, 0.4]}).ok


@pytest.mark.parametrize(("ratio", "code"), [
    (0.5, "FACTOR_2"), (2, "FACTOR_2"), (7, "RATIO"), (1 / 7, "RATIO"), (-1, "SIGN"), (-0.5, "FACTOR_2, SIGN"),
    (1.2345678, "RATIO"), (3.5, "RATIO"), (0.7, "RATIO"),
])  # fmt: skip
def test_one_exact_ratio_is_said_and_no_cause_is_named(ratio, code):
    alone = compare({"W": ratio * G}, {"W": G})
    both = compare({"W": ratio * G, "b": [ratio]}, {"W": G, "b": [1.0]})

    assert codes(alone) == [code]
    assert both.common.code == code
    for cause in ("square", "mean", "average", "missing", "too many", "2/N", "1/2-"):
        assert cause not in alone.text()


def test_one_number_has_always_a_ratio_and_a_sign_so_none_is_said():
    for hand in (-1.68, -1.0, 0.5, 2.0):
        found = compare({"a": hand}, {"a": 1.0})

        assert codes(found) == []
        assert found.common is None
    assert codes(compare({"W": [[0.0, 0.5], [0.0, 0.0]]}, {"W": [[0.0, 1.0], [0.0, 0.0]]})) == []
    assert codes(compare({"W": [1.0, 0.5, 3.0]}, {"W": [1.0, 1.0, 3.0]})) == []  # one wrong number of three


def test_a_ratio_that_is_nearly_the_same_is_not_called_exact():
    bent = 0.5 * G
    bent[0, 0] *= 1 + 1e-6

    assert codes(compare({"W": bent}, {"W": G})) == []


def test_a_ratio_in_one_column_alone_is_named_as_such():
    bent = G.copy()
    bent[:, 1] *= 2
    found = compare({"W": bent}, {"W": G})

    assert found["W"].hints[0].code == "FACTOR_2"
    assert "the others are right" in found["W"].hints[0].sentence


@pytest.mark.parametrize(("hand", "code"), [
    (G.T, "TRANSPOSED"),
    (G[:1], "SILENT_BROADCAST"),
    (np.array([[1.0]]), "SILENT_BROADCAST"),
    (np.stack([G, G]), "SHAPE_GREW"),
    (G.reshape(6), "SHAPE"),
    (np.zeros((5, 5)), "SHAPE"),
    (np.trunc(G).astype(int), "INT_TRUNCATION"),
    (np.where(G > 3, np.nan, G), "NAN"),
    (np.where(G > 3, np.inf, G), "NAN"),
    (np.zeros((2, 3)), "ZERO"),
])  # fmt: skip
def test_shapes_and_kinds_of_number_are_named(hand, code):
    found = compare({"W": hand}, {"W": G})

    assert not found.ok
    assert code in codes(found)


def test_a_square_matrix_can_be_its_own_transpose_in_shape():
    square = np.array([[1.0, 2.0], [3.0, 4.5]])

    assert codes(compare({"W": square.T}, {"W": square})) == ["TRANSPOSED"]


def test_float32_is_right_as_far_as_it_can_say():
    single = G.astype(np.float32)
    slip = single.copy()
    slip[1, 0] *= 1.001

    assert compare({"W": single}, {"W": G}).ok
    assert codes(compare({"W": single}, {"W": G})) == ["FLOAT32"]
    assert not compare({"W": slip}, {"W": G}).ok


def test_names_that_are_missing_or_unknown_are_said():
    found = compare({"W": G, "v": 1.0}, {"W": G, "b": 2.0})

    assert found.wrong == ["b", "v"]
    assert codes(found) == ["NAME", "NAME"]


def test_the_report_says_which_entry_and_by_how_much():
    bent = G.copy()
    bent[1, 2] = -0.75
    found = compare({"W": bent}, {"W": G})
    text = found.text()

    assert "W[1, 2]" in text
    assert "-0.75" in text
    assert "-0.5" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "<table" in found.html()
    assert "W[1, 2]" in found.html()
    assert json.loads(json.dumps(found.to_dict()))["wrong"] == ["W"]
    with pytest.raises(GradientMismatch, match=r"W\[1, 2\]"):
        found.assert_ok()
    assert compare({"W": G}, {"W": G}).assert_ok() is None


def test_what_cannot_be_compared_is_refused_at_once():
    with pytest.raises(OperandError, match="names on both sides"):
        compare({"W": G, "b": 1.0}, G[0])
    with pytest.raises(OperandError, match="rows of one shape"):
        compare([[1.0], [2.0, 3.0]], G)
    with pytest.raises(OperandError):
        compare("0.5", 0.5)


def test_gradients_that_nobody_has_computed_yet_are_asked_for():
    x, y = Value(2.0), Value(3.0)
    loss = x * y
    found = compare({"x": 3.0, "y": 0.0}, {"x": x, "y": y})

    assert "call loss.backward() first" in " ".join(found.text().split())
    assert "tg.compare(yours, values, loss=loss)" in found.hint
    assert "NO_BACKWARD" in found.to_dict()["hint"]
    assert "NO_BACKWARD" in compare({"x": 0.0}, {"x": x}).text()
    assert compare({"x": 3.0, "y": 2.0}, {"x": x, "y": y}, loss=loss).hint == ""
    assert compare({"x": 1.0}, {"x": 0.0}).hint == ""
    loss.backward()
    assert compare({"x": 3.0, "y": 0.0}, {"x": x, "y": y}).hint == ""


def test_an_entry_on_a_kink_is_not_listed_among_the_differences_of_others():
    w = [Value(0.0), Value(2.0)]
    loss = tg.relu(w[0]) * 3 + w[1] ** 2
    found = compare({"w": [1.5, 5.0]}, {"w": w}, loss=loss)

    assert found["w"].wrong == [(1,)]
    assert "w[0]" not in found.text()
    assert not compare({"w": [3.5, 4.0]}, {"w": w}, loss=loss).ok
    assert compare({"w": [1.5, 4.0]}, {"w": w}, loss=loss).ok


def test_the_front_door_has_it():
    assert tg.compare is compare
