"""Names from the user's own variables: right, or not given."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import Value

module_level = Value(7.0)


def labels(picture):
    return [box.label for box in picture.boxes if box.kind != "constant"]


def test_variables_name_the_boxes():
    w, x, b = Value(2.0), Value(3.0), Value(1.0)
    y = w * x + b

    assert labels(tg.draw(y, names=True)) == ["w", "x", "w*x", "b", "y"]
    assert labels(tg.draw(y)) == [""] * 5
    assert w.label == ""  # the graph is left as it was


def test_a_label_wins_over_a_variable():
    w = Value(2.0, label="weight")

    assert labels(tg.draw(w * 3.0, names=True)) == ["weight", "weight*3"]


def test_an_ambiguous_name_is_left_out():
    first = second = Value(2.0)
    y = first * 3.0

    assert second is first
    assert labels(tg.draw(y, names=True)) == ["", "y"]


def test_a_name_that_was_bound_again_goes_to_the_new_value_only():
    y = Value(2.0)
    y = y * 3.0
    y = y + 1.0

    assert labels(tg.draw(y, names=True)) == ["", "", "y"]


def test_entries_of_lists_dicts_and_arrays_are_named_by_their_places():
    w = [[Value(1.0), Value(2.0)]]
    given = {"left": Value(3.0)}
    W = np.array([[Value(4.0)]], dtype=object)
    parameters = [alone := Value(5.0)]
    y = tg.sum([w[0][1], given["left"], W[0, 0], parameters[0], alone])

    assert labels(tg.draw(y, names=True)) == ["w[0][1]", "given['left']", "W[0,0]", "alone", "y"]


def test_underscored_and_foreign_names_are_left_alone():
    _hidden = Value(1.0)
    y = _hidden + module_level

    assert labels(tg.draw(y, names=True)) == ["", "module_level", "y"]


def test_names_can_be_given():
    x = Value(1.0)

    assert labels(tg.draw(x + 1.0, names={x: "speed"})) == ["speed", "speed + 1"]


def test_names_survive_the_writing_out_of_fused_nodes():
    w, x = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    y = tg.tanh(tg.dot(w, x))

    assert labels(tg.draw(y, names=True, elementary=True)) == [
        *("w[0]", "x[0]", "w[0]*x[0]", "w[1]", "x[1]", "w[1]*x[1]", "", "y"),
    ]


def test_a_step_between_is_called_by_its_formula_only_if_every_name_in_it_is_sure():
    w, x, odd, twin, other = Value(1.0), Value(2.0), Value(3.0, "not a name!"), Value(4.0, "t"), Value(5.0, "t")
    y = ((w - x) * x) ** 2 + odd * x + twin * x + other

    assert labels(tg.draw(y, names=True)) == [
        *("w", "x", "w - x", "(w - x)*x", "((w - x)*x)**2", "not a name!", "", "", "t", "", "", "t", "y"),
    ]


def test_long_formulas_are_left_out():
    a_rather_long_name = Value(1.0)
    y = (a_rather_long_name * 2.5).tanh()

    assert labels(tg.draw(y, names=True)) == ["a_rather_long_name", "", "y"]


def test_every_way_to_draw_looks_at_the_callers_variables():
    speed = Value(1.0)
    y = speed * 2.0

    assert "speed*2" not in tg.draw(y).dot
    assert "<B>speed</B>" in tg.draw_dot(y, names=True).source
    assert labels(tg.draw_diff(y, y, names=True)) == ["speed", "y"] * 2
