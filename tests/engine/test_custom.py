"""Rows that users make: entered when the rule is right, refused with the numbers when it is not."""

import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.op import TABLE, Domain
from tinygrad_lite.errors import GradientMismatch


@pytest.fixture(autouse=True)
def table_as_before():
    before = dict(TABLE)
    yield
    TABLE.clear()
    TABLE.update(before)


def test_a_row_in_a_few_lines_is_recorded_differentiated_and_differentiated_again():
    @tg.op(partials=lambda x, out: (tg.exp(-x * x),), points=[(-0.5,), (0.0,), (1.2,)], symbol="G", doc="A bell.")
    def area(x):
        return 0.5 * math.sqrt(math.pi) * math.erf(x)

    x = Value(0.7)
    y = area(x)
    y.backward(create_graph=True)
    slope, x.grad = x.grad, 0.0
    slope.backward()

    assert slope.data == pytest.approx(math.exp(-0.49), rel=1e-15)
    assert x.grad == pytest.approx(-1.4 * math.exp(-0.49), rel=1e-14)
    assert (area.symbol, area.doc, area.arity, area.name) == ("G", "A bell.", 1, "area")
    assert y._op == "G"
    assert TABLE["area"] is area
    assert area(0.0) == 0.0


def test_rows_of_two_and_of_many_operands():
    positive = Domain("{x} > 0", lambda x: x > 0, (0.3, 1.0, 4.0))

    @tg.op(partials=lambda x, y, out: (tg.log(y / x) - 1.0, x / y), domain=(positive,))
    def entropy_term(x, y):
        """x log(y/x), a term of a relative entropy."""
        return x * math.log(y / x)

    @tg.op(partials=lambda *xs: tuple(2.0 * x for x in xs[:-1]))
    def squares(*xs):
        return sum(x * x for x in xs)

    assert entropy_term.doc == "x log(y/x), a term of a relative entropy."
    assert entropy_term.latex == r"\operatorname{{entropy\_term}}\left({x}, {y}\right)"
    assert squares.arity is None
    v = [Value(1.0), Value(2.0), Value(3.0)]
    squares(*v).backward()
    assert [x.grad for x in v] == [2.0, 4.0, 6.0]


def test_a_wrong_rule_is_refused_with_the_numbers_and_nothing_is_entered():
    with pytest.raises(GradientMismatch) as refused:

        @tg.op(partials=lambda x, out: (2.0 * x * x,))
        def cubed(x):
            return x * x * x

    text = str(refused.value)
    assert "the rule of cubed disagrees with the measured derivative at 7 of 7 places" in text
    assert "12.5           18.75   at (-2.5,)   <-" in text
    assert "cubed" not in TABLE


def test_a_rule_off_by_a_ten_thousandth_at_one_place_is_seen():
    with pytest.raises(GradientMismatch, match="at 2 of 7 places"):

        @tg.op(partials=lambda x, out: (math.cos(x) * (1.0001 if x < -0.5 else 1.0),))
        def sine(x):
            return math.sin(x)


def test_the_number_of_slopes_must_be_that_of_the_operands():
    with pytest.raises(GradientMismatch, match="gives 1 local derivatives for 2 operands"):

        @tg.op(partials=lambda x, y, out: (1.0,))
        def added(x, y):
            return x + y


def test_a_rule_that_leaves_the_graph_is_refused():
    with pytest.raises(TypeError, match=r"(?s)works on floats but not on Values.*tg\.cos"):

        @tg.op(partials=lambda x, out: (math.cos(x),))
        def sine(x):
            return math.sin(x)

    assert "sine" not in TABLE


def test_a_cell_may_be_run_again_but_our_own_rows_stay():
    for factor in (2.0, 3.0):

        def times(x):
            return factor * x  # noqa: B023

        made = tg.op(partials=lambda x, out: (factor,))(times)  # noqa: B023
        assert TABLE["times"] is made
    with pytest.raises(ValueError, match="an op named 'tanh' already"):

        @tg.op(partials=lambda x, out: (1.0,))
        def tanh(x):
            return x


def test_an_argument_with_a_default_may_be_left_out():
    @tg.op(partials=lambda x, sharpness, out: (sharpness * tg.cos(sharpness * x), x * tg.cos(sharpness * x)))
    def wave(x, sharpness=2):
        return math.sin(sharpness * x)

    x = Value(0.3)
    wave(x).backward()

    assert x.grad == pytest.approx(2.0 * math.cos(0.6), rel=1e-15)
    assert wave(0.3, 1.0) == math.sin(0.3)


@pytest.mark.parametrize("nameless", [math.erf, lambda x: x, abs])
def test_a_function_without_name_or_signature_is_refused(nameless):
    with pytest.raises(TypeError, match=r"(?s)written with def, but got .*Wrap it: def my_erf"):
        tg.op(partials=lambda x, out: (1.0,))(nameless)


def test_the_old_name_of_doc_still_works_and_warns():
    with pytest.warns(UserWarning, match="is called doc now"):

        @tg.op(partials=lambda x, out: (2.0,), because="Twice as much.")
        def doubled(x):
            return 2.0 * x

    assert doubled.doc == "Twice as much."
