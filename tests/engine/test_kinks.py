"""Choosing the derivative at a corner: for the block, for the thread, and within what is right."""

import threading

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import ops


def at(f, *xs):
    inputs = [Value(x) for x in xs]
    f(*inputs).backward()
    return [x.grad for x in inputs]


@pytest.mark.parametrize(
    ("choices", "f", "xs", "expected"),
    [
        ({"relu": 0.5}, tg.relu, [0.0], [0.5]),
        ({"relu": 1.0}, lambda x: tg.relu(x) * 3.0, [0.0], [3.0]),
        ({"abs": -1.0}, abs, [0.0], [-1.0]),
        ({"leaky_relu": 0.5}, lambda x: tg.leaky_relu(x, 0.1), [0.0], [0.5]),
        ({"clip": 0.25}, lambda x, low: tg.clip(x, low, 9.0), [1.0, 1.0], [0.25, 0.75]),
        ({"max": 1.0}, tg.maximum, [2.0, 2.0, 1.0], [1.0, 0.0, 0.0]),
        ({"min": 0.5}, tg.minimum, [2.0, 2.0, 2.0], [0.5, 0.25, 0.25]),
    ],
)
def test_inside_the_block_the_choice_holds_and_outside_the_tables(choices, f, xs, expected):
    before = at(f, *xs)
    with tg.kinks(**choices):
        inside = at(f, *xs)

    assert inside == expected
    assert at(f, *xs) == before


def test_off_the_corner_nothing_changes():
    with tg.kinks(relu=0.5, abs=1.0):
        assert at(tg.relu, 2.0) == [1.0]
        assert at(abs, -2.0) == [-1.0]


def test_blocks_nest_and_end_with_an_error():
    rule = ops.relu.partials
    with tg.kinks(relu=0.5):
        with tg.kinks(relu=0.25):
            assert at(tg.relu, 0.0) == [0.25]
        assert at(tg.relu, 0.0) == [0.5]
    with pytest.raises(ZeroDivisionError), tg.kinks(relu=0.5):
        1.0 / 0.0

    assert ops.relu.partials is rule


def test_other_threads_keep_the_tables_choice():
    seen = []
    with tg.kinks(relu=0.5):
        thread = threading.Thread(target=lambda: seen.append(at(tg.relu, 0.0)))
        thread.start()
        thread.join()

    assert seen == [[0.0]]


def test_the_choice_is_recorded_and_holds_for_second_derivatives_too():
    x = Value(0.0)
    with tg.kinks(relu=0.5):
        y = x.relu() * x * 4.0 + x * x
    y.backward(create_graph=True)
    first, x.grad = x.grad, 0.0
    first.backward()

    assert first.data == 0.0
    assert x.grad == pytest.approx(2.0 + 2 * 4.0 * 0.5)


def test_what_is_no_derivative_there_is_refused():
    with pytest.raises(ValueError, match="Choose from 0 to 1"), tg.kinks(relu=2.0):
        pass
    with pytest.raises(ValueError, match="tanh has no corner"), tg.kinks(tanh=0.5):
        pass
    with pytest.raises(ValueError, match="floor has no corner"), tg.kinks(floor=0.5):
        pass
    with pytest.raises(KeyError, match="did you mean relu"), tg.kinks(rellu=0.5):
        pass
