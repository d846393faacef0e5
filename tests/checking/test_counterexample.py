"""The smallest counterexample of a wrong verdict: whole numbers, fractions, five lines, and true."""

from fractions import Fraction

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.checking.planting import Lesson, plants_for

LESSONS = [
    (
        Lesson(("relu", "linear"), "mse"),
        ("SIGN", "MEAN_NO", "INPUT_FOR_HIDDEN", "TRANSPOSED"),
    ),
    (Lesson(("relu", "sigmoid"), "bce"), ("EXTRA_ACT_DERIV", "NO_W2")),
    (Lesson(("tanh", "softmax"), "ce"), ("SOFTMAX_DIAG_ONLY",)),
    (Lesson(("linear",), "mse", l2=0.5), ("REG_MISSING", "LAST_SAMPLE_ONLY")),
]
CASES = [
    pytest.param(lesson, next(p for p in plants_for(lesson) if p[0] == code), id=f"{lesson} {code}")
    for lesson, codes in LESSONS
    for code in codes
]


@pytest.mark.few(2)
@pytest.mark.parametrize(("lesson", "plant"), CASES)
def test_a_planted_mistake_is_shown_on_whole_numbers_in_five_lines(lesson, plant):
    widths = [3] * (lesson.depth + 1)
    backprop = lesson.backprop(plant)
    result = tg.check(lesson.loss, backprop, lesson.params(widths, 0), *lesson.data(5, widths, 0), mend=False)

    example = result.counterexample
    params, data = example.problem.params, example.problem.data
    numbers = np.concatenate([np.ravel(x) for x in (*params.values(), *data)])
    index = tuple(map(int, example.entry.partition("[")[2].rstrip("]").split(","))) if "[" in example.entry else ()
    values = {name: tg.array(p, label=name) for name, p in params.items()}
    loss = lesson.loss(values, *data)
    loss.backward()
    engine = values[example.name][index].grad

    assert example.rational
    assert len(example.lines) <= 5
    assert np.all(numbers == np.round(numbers))
    assert np.abs(numbers).max() <= 5
    assert max(np.shape(data[0])) <= 2
    assert float(example.exact) == pytest.approx(engine, rel=1e-12, abs=1e-12)
    assert float(example.yours) == pytest.approx(backprop(params, *data)[example.name][index], rel=1e-12)
    assert example.yours != example.exact
    assert example.lines[-1] in result.text()


def test_the_exact_side_is_the_fraction_that_the_engine_finds_in_fractions():
    lesson = Lesson(("relu", "linear"), "mse")
    result = tg.check(
        lesson.loss, lesson.backprop(("MEAN_NO", "loss", None)), lesson.params([3, 3, 3], 0),
        *lesson.data(5, [3, 3, 3], 0), mend=False,
    )  # fmt: skip
    example = result.counterexample
    values = {name: tg.array(p, label=name) for name, p in example.problem.params.items()}
    answer = tg.exact(lesson.loss(values, *example.problem.data))
    index = tuple(map(int, example.entry.partition("[")[2].rstrip("]").split(",")))

    assert answer.grad(values[example.name][index]) == example.exact
    assert isinstance(example.yours, Fraction)


def test_a_loss_without_layers_is_tried_on_whole_numbers_of_its_own_shape():
    result = tg.check(lambda a, b: a * b + b**3, lambda a, b: (b, a + 3 * b), {"a": 1.5, "b": 0.7})

    assert result.counterexample.lines[-1].startswith("db is ")
    assert len(result.counterexample.lines) == 2


def test_what_is_right_has_no_counterexample():
    assert tg.check(lambda a, b: a * b, lambda a, b: (b, a), {"a": 1.5, "b": 0.7}).counterexample is None


def test_classes_are_shown_with_two_of_them():
    """The softmax of a single class is always 1, and its loss 0: there `dP = -y / P = 0` was said, which is -1."""
    X, y = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]]), np.array([0, 1, 0])
    params = {"W": np.array([[0.3, -0.2], [0.1, 0.4]]), "b": np.array([0.1, -0.3])}

    def loss(W, b, X, y):
        e = np.exp(X @ W + b)
        return -np.log((e / e.sum(axis=1, keepdims=True))[np.arange(len(y)), y]).mean()

    def backprop(W, b, X, y):
        dZ = np.zeros((len(y), W.shape[1]))
        dZ[np.arange(len(y)), y] = -1 / len(y)  # the path through the sum in the denominator forgotten
        return X.T @ dZ, dZ.sum(axis=0)

    result = tg.check(loss, backprop, params, X, y, mend=False)

    assert result.evaluation.network is not None
    assert result.counterexample.problem.params["W"].shape[1] == 2
    assert "dP = -y / P = 0," not in "\n".join(result.counterexample.lines)
