"""Reports on mistakes of no catalogue say nothing that is not so: a sample of the full study.

The whole of it is `python tests/benchmarks/checking/uncatalogued_mistakes.py`.
"""

import numpy as np
import pytest

from tests.checking.planting import Lesson
from tests.checking.uncatalogued import Program, Reading, false_claims, on_one_problem, random_case
from tests.checking.witnesses import made_wrong
from tinygrad_lite.checking.check import check


@pytest.mark.few(1)
@pytest.mark.parametrize("first", range(0, 24, 4))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_claim_of_a_report_is_true(first):
    """24 of the 400 mistakes of the study, at random links of random networks."""
    for seed in range(first, first + 4):
        lesson, params, (X, y), program, words = random_case(seed)
        result = check(lesson.loss, program, params, X, y, seed=seed, mend=False)

        assert false_claims(lesson, program, result) == [], (seed, lesson, words)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_remainder_that_does_not_show_a_small_error_is_not_called_right():
    lesson, params, (X, y), program, _ = random_case(354)  # db1 is the tanh of small numbers
    result = check(lesson.loss, program, params, X, y, seed=354, mend=False)

    assert not result.ok
    assert false_claims(lesson, program, result) == []


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_claim_is_true_on_whole_numbers_and_one_problem_too():
    tried = 0
    for seed in range(30, 42):  # among them some that were told falsely once
        lesson, params, (X, y), program, words, alone = on_one_problem(random_case(seed))
        result = check(lesson.loss, alone, params, X, y, seed=seed, mend=False)
        if not result.evaluation.error:
            tried += 1
            assert false_claims(lesson, program, result) == [], (seed, lesson, words)

    assert tried >= 8


def test_the_links_of_a_right_program_are_the_exact_derivatives():
    """The oracle itself: each link against central differences of the loss, taken at that link."""
    lesson = Lesson(("tanh", "sigmoid"), "mse", 0.2)
    params, (X, y) = lesson.params([3, 4, 2], 0), lesson.data(5, [3, 4, 2], 0)
    n = Program(lesson).run(params, X, y)

    def tail(name, value):
        A1 = np.tanh(value) if name == "Z1" else value if name == "A1" else n["A1"]
        Z2 = value if name == "Z2" else A1 @ params["W2"] + params["b2"]
        P = value if name == "P" else 1 / (1 + np.exp(-Z2))
        return np.mean((P - y) ** 2)

    for name in ("P", "Z2", "A1", "Z1"):
        measured = np.zeros_like(n[name])
        for i in np.ndindex(measured.shape):
            step = np.zeros_like(measured)
            step[i] = 1e-6
            measured[i] = (tail(name, n[name] + step) - tail(name, n[name] - step)) / 2e-6
        assert n[f"d{name}"] == pytest.approx(measured, abs=1e-9)


@pytest.mark.long
def test_a_false_claim_is_seen():
    """The reader finds a tick, a sentence and a circle that are made wrong on purpose."""
    lesson = Lesson(("tanh", "linear"), "mse")
    params, (X, y) = lesson.params([3, 4, 2], 0), lesson.data(5, [3, 4, 2], 0)
    program = Program(lesson, {"dW2": lambda v, n: 2 * v})
    result = check(lesson.loss, program, params, X, y, mend=False)
    assert false_claims(lesson, program, result) == []

    links = result.diagnosis.links
    result.diagnosis.links = [(name, "ok", "") for name, _, _ in links]
    assert {"tick at dP", "tick at dW2"} <= set(false_claims(lesson, program, result))
    result.diagnosis.links = [(name, "unchecked", "") for name, _, _ in links]
    assert "circle at dW2" in false_claims(lesson, program, result)
    result.diagnosis.links = links
    mistakes = result.diagnosis.mistakes
    result.diagnosis.mistakes = [mistakes[0]._replace(message="dZ2 lacks the derivative of tanh"), *mistakes[1:]]
    assert any("gives exactly these numbers" in each for each in false_claims(lesson, program, result))
    result.diagnosis.mistakes = mistakes
    for what in made_wrong(result):
        assert [each.split(":")[0] for each in false_claims(lesson, program, result)] == [what]
    other = Program(lesson, {"dW1": lambda v, n: 2 * v})
    assert Reading(lesson, other, result).right("dW2")
    assert len(false_claims(lesson, other, result)) >= 3
