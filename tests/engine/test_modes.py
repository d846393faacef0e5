"""The two switches: what they do inside, and that nothing of them is left outside."""

import math
import threading

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import Value, modes, reverse
from tinygrad_lite.errors import AnomalyError


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert Value.__init__ is modes._plain_init
    assert reverse.sweep is modes._plain_sweep


def test_inside_no_grad_results_remember_nothing():
    x = Value(3.0)
    with tg.no_grad():
        y = (x * x + 1.0).tanh()
        given = Value(2.0, label="given")
    z = x * x

    assert y.data == math.tanh(10.0)
    assert (y.parents, y.local, y.op.name) == ((), (), "leaf")
    assert given.label == "given"
    assert z.parents == (x, x)


def test_no_grad_works_as_a_decorator_and_nested_and_ends_with_an_error():
    @tg.no_grad()
    def evaluate(x):
        """Doubles."""
        return x * 2.0

    with tg.no_grad():
        with tg.no_grad():
            pass
        assert evaluate(Value(1.0)).parents == ()
        assert (Value(1.0) * 2.0).parents == ()
    assert evaluate.__doc__ == "Doubles."
    with pytest.raises(ValueError, match="log needs"), tg.no_grad():
        Value(-1.0).log()

    assert (Value(1.0) * 2.0).parents != ()


def test_other_threads_are_not_touched():
    results = []

    def work():
        y = Value(1e200) * Value(1e200)
        y.backward()
        results.append((y.parents, y.data))

    with tg.no_grad(), tg.detect_anomaly():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert len(results[0][0]) == 2
    assert results[0][1] == math.inf


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (lambda x: x * 8.0 * x, r"mul made inf from x = 8e\+199, y = 1e\+199 \(labelled 'x'\) at test_modes\.py:\d+"),
        (lambda x: x + math.inf, r"add made inf .*\n  Something that came in was not finite already"),
        (lambda x: x * x - x * x, r"mul made inf .*\n  Everything that came in was finite"),
        (lambda x: tg.sum([x] * 8) * x, r"mul made inf"),
        (lambda x: tg.sum([x, x, x, x, x, x, x, math.inf]), r"sum made inf .* and 2 more"),
    ],
)
def test_an_anomaly_stops_at_the_first_op_that_makes_one(compute, words):
    x = Value(1e199, label="x")

    with pytest.raises(AnomalyError, match="(?s)" + words), tg.detect_anomaly():
        compute(x)


def test_a_gradient_that_becomes_infinite_is_stopped_and_the_leaves_stay():
    x = Value(0.0, label="x")
    x.grad = 5.0
    with tg.detect_anomaly():
        y = tg.sqrt(x) * 2.0 + x
        with pytest.raises(AnomalyError) as stopped:
            y.backward()

    text = str(stopped.value)
    assert "going back through sqrt, the gradient w.r.t. x became inf" in text
    assert (
        "the upstream gradient is 2.0, and the local derivative inf at x = 0.0 (labelled 'x') at test_modes.py:" in text
    )
    assert "was not finite already" in text
    assert x.grad == 5.0


def test_a_healthy_pass_inside_is_the_same_as_outside():
    def grads():
        a, b = Value(-4.0), Value(2.0)
        loss = (a * b + b**3 + 3.0).tanh() + tg.dot([a, b], [b, a], b)
        loss.backward()
        return loss.data, a.grad, b.grad

    outside = grads()
    with tg.detect_anomaly():
        assert grads() == outside
        y = Value(2.0) * 3.0
        assert y.local == (3.0, None)
        (y * y).backward(create_graph=True)
