"""Each reason for a gradient of zero, as a sentence."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value


def w(x=-0.5):
    return Value(x, label="w")


CASES = [
    (
        w(),
        lambda p: (p * 2.0).relu() + 1.0,
        "is 0 because the relu of -1 is off: its input must rise by 1 to turn it on.",
    ),
    (w(0.0), lambda p: p.relu(), "the relu stands exactly on its corner, 0"),
    (w(2.0), lambda p: tg.sum([(p - 3.0).relu(), (p - 4.0).relu(), (-p).relu()]), "the 3 places where it ends"),
    (w(2.0), lambda p: (p - 3.0).relu() + (-p).relu(), "the largest must rise by 1 to turn its relu on."),
    (w(800.0), lambda p: p.sigmoid() * 3.0, "because sigmoid is saturated: at an input of 800 its derivative is 0"),
    (w(40.0), lambda p: p.sigmoid(), "is 4.25e-18, next to nothing, because sigmoid is saturated: at an input of 40"),
    (w(3.0), lambda p: p.clip(-1.0, 1.0), "clip is saturated: at an input of 3"),
    (w(), lambda p: p * Value(0.0, label="mask"), "w is multiplied by 0 in the mul node of value -0"),
    (w(), lambda p: (p + 1.0) * 0.0, "the add node of value 0.5 is multiplied by 0"),
    (w(), lambda p: tg.maximum(p, 2.0), "max chose 2 and not -0.5, which misses it by 2.5"),
    (w(), lambda p: round(p), "round is a staircase, flat between its steps"),
    (w(), lambda p: p - p, "the shares that reach w along its paths, 1 and -1, cancel"),
    (w(0.0), lambda p: p**2, "the derivative of pow is 0 at 0, 2"),
    (w(), lambda p: Value(3.0, label="other") * 2.0, "nothing connects it to the mul node of value 6: the root was"),
    (w(), lambda p: Value(p.data, label="w") * 2.0, "computed from another Value that is labelled 'w' too"),
    (
        w(1e-5),
        lambda p: p * 1e-5 * 1e-5,
        "is 1e-10, next to nothing, because many small local derivatives were multiplied",
    ),
    (w(), lambda p: p * 2.0, "is 2, which is not zero."),
    (w(), lambda p: p, "is 1: it is the root itself."),
    (3.0, lambda p: Value(1.0), "3.0 is a bare number, a constant of the program"),
    (Value(-7.0), lambda p: p.relu(), "The gradient of a leaf of value -7 is 0 because the relu of -7 is off"),
]


@pytest.mark.parametrize(("param", "f", "words"), CASES, ids=[words for _, _, words in CASES])
def test_the_reason_is_named(param, f, words):
    sentence = tg.why_zero(param, f(param))

    assert words in sentence
    assert sentence.endswith((".", "?"))


def test_no_gradient_is_touched():
    p = w()
    y = p.relu()
    tg.why_zero(p, y)

    assert (p.grad, y.grad) == (0.0, 0.0)


def test_a_root_that_is_a_bare_number_remembers_nothing():
    x = Value(1.0, label="x")

    assert (
        tg.why_zero(x, 2.0) == "The gradient of x is 0 because the root 2.0 is a bare number: it remembers no operands."
    )
    assert "is a bare number" in tg.why_zero(2.0, x)


def test_two_arguments_the_other_way_round_are_said_to_be_so():
    w = Value(2.0, label="w")
    loss = w * 3.0
    loss.label = "loss"

    for why in (tg.why_zero, tg.why_large):
        assert why(loss, w) == "loss was computed from w, not the other way round: the Value asked about comes first."
