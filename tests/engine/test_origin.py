"""The error of an op says at which step before it the number became what the op refuses."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import Value
from tinygrad_lite.errors import DomainError


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda: tg.log(tg.softmax([Value(800.0), Value(0.0)])[1]), "The 0 is exp(-800), which is above 0"),
        (lambda: 3 / (Value(-3.0, label="z").relu() * 2), "The 0 is relu(z = -3), which is off."),
        (lambda: 1 / (Value(2.0, label="a") - 2), "The 0 is sub(a = 2, 2), a difference of equal numbers."),
        (lambda: (Value(1e-200) * 1e-200).log(), "The 0 is mul(1e-200, 1e-200), which is not 0"),
        (lambda: (Value(0.3) - 0.1 - 0.2).log(), "The -2.78e-17 is sub(0.2, 0.2), which nearly cancel"),
    ],
)
def test_the_step_that_made_the_number_is_named(program, words):
    with pytest.raises(DomainError) as error:
        program()

    assert words in str(error.value)


@pytest.mark.parametrize(
    "program", [lambda: Value(0.0).log(), lambda: (Value(1.0) - 3.0).log(), lambda: 1 / Value(0.0)]
)
def test_nothing_is_said_of_a_number_that_was_given_or_is_far_from_rounding(program):
    with pytest.raises(DomainError) as error:
        program()

    assert "The 0 is" not in str(error.value)
    assert "rounding" not in str(error.value)
