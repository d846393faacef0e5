"""Rows called on arrays and lists, and the remainders, which are made of other rows."""

import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import ShapeError

numpy = pytest.importorskip("numpy")


def test_a_row_goes_through_an_array_entry_by_entry():
    W = tg.array([[0.5, -1.0], [2.0, 0.0]], label="W")

    tg.sum(tg.tanh(W).ravel()).backward()

    assert W.grad == pytest.approx(1 - numpy.tanh(tg.data(W)) ** 2)
    assert tg.tanh(numpy.array([0.5, 1.0])).dtype == float


@pytest.mark.parametrize("make", [tg.array, lambda x: numpy.array([Value(v) for v in x], dtype=object)])
def test_numbers_and_arrays_broadcast(make):
    z = make([-1.0, 3.0])

    assert tg.data(tg.maximum(0.0, z)).tolist() == [0.0, 3.0]
    assert tg.data(tg.atan2(z, numpy.array([[1.0], [2.0]]))).shape == (2, 2)
    assert tg.data(tg.atan2(Value(1.0), numpy.array([1.0, 2.0]))) == pytest.approx([math.pi / 4, math.atan2(1, 2)])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        tg.maximum(numpy.zeros(2), numpy.zeros(3))


def test_an_op_of_many_operands_takes_them_in_a_list_too():
    a, b = Value(1.0), Value(5.0)

    tg.max([a, b, 3.0]).backward()

    assert (a.grad, b.grad) == (0.0, 1.0)
    assert tg.min((2.0, -1.0)) == -1.0


@pytest.mark.parametrize(("x", "y"), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-0.25, 1.0)])
def test_remainders_are_pythons(x, y):
    assert (Value(x) // Value(y)).data == x // y
    assert (Value(x) % Value(y)).data == pytest.approx(x % y)
    assert (x // Value(y)).data == x // y
    assert (x % Value(y)).data == pytest.approx(x % y)
    assert [part.data for part in divmod(Value(x), y)] == pytest.approx(list(divmod(x, y)))
    assert [part.data for part in divmod(x, Value(y))] == pytest.approx(list(divmod(x, y)))


def test_the_slopes_of_a_remainder_are_1_and_minus_the_whole_quotient():
    x, y = Value(7.5), Value(2.0)

    (x % y).backward()

    assert (x.grad, y.grad) == (1.0, -3.0)


@pytest.mark.parametrize("work", [lambda x: x // "a", lambda x: x % None, lambda x: [] % x, lambda x: x // object()])
def test_a_remainder_of_no_number_is_a_type_error(work):
    with pytest.raises(TypeError):
        work(Value(1.0))


def test_an_operand_with_a_default_may_be_named():
    x = Value(-2.0)

    tg.leaky_relu(x, slope=0.25).backward()

    assert x.grad == 0.25
    assert x.leaky_relu(slope=0.5).data == -1.0
    assert tg.elu(-1.0, alpha=2.0) == 2.0 * math.expm1(-1.0)
    assert (tg.hardtanh(5.0, high=3.0), tg.hardtanh(-5.0, low=-3.0)) == (3.0, -3.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tg.elu(1.0, 2.0, alpha=2.0),
        lambda: tg.elu(1.0, a=2.0),
        lambda: tg.exp(x=1.0),
        lambda: Value(1.0).elu(a=2.0),
    ],
)
def test_an_unknown_name_or_one_given_twice_is_refused(call):
    with pytest.raises(TypeError, match="by name"):
        call()


@pytest.mark.parametrize("name", ["max", "min", "mean", "logsumexp", "softmax", "log_softmax"])
def test_what_no_numbers_have_is_said_in_words(name):
    with pytest.raises(
        ShapeError, match=rf"{name} of no numbers has no value at test_calls\.py:\d+; give at least one"
    ):
        getattr(tg, name)([])
