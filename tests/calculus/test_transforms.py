"""grad and value_and_grad: what they give, in which structure, and what they leave alone."""

import math
import threading
from collections import OrderedDict, namedtuple

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import ops
from tinygrad_lite.errors import DomainError, OperandError

np = pytest.importorskip("numpy")


def test_the_slope_of_a_function_of_one_number_is_a_bare_float():
    slope = tg.grad(lambda x: tg.tanh(x) * x)(0.5)

    assert type(slope) is float
    assert slope == pytest.approx(math.tanh(0.5) + 0.5 * (1 - math.tanh(0.5) ** 2), rel=1e-15)


def test_value_and_grad_gives_both():
    assert tg.value_and_grad(lambda x: x * x + 1)(3.0) == (10.0, 6.0)


Pair = namedtuple("Pair", "w b")


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (3.0, 6.0),
        (3, 6.0),
        (True, 2.0),
        ([1.0, 2.0], [2.0, 4.0]),
        ((1, 2.0), (2.0, 4.0)),
        ({"w": [1.0, (2.0,)], "b": 3.0}, {"w": [2.0, (4.0,)], "b": 6.0}),
        (Pair([1.0], 2.0), Pair([2.0], 4.0)),
        (OrderedDict(b=1.0, a=2.0), OrderedDict(b=2.0, a=4.0)),
        ([], []),
    ],
)
def test_a_gradient_is_built_as_the_argument_is(argument, expected):
    def squares(tree):
        if isinstance(tree, dict):
            tree = list(tree.values())
        return sum(squares(t) for t in tree) if isinstance(tree, list | tuple) else tree * tree

    gradient = tg.grad(squares)(argument)

    assert gradient == expected
    assert type(gradient) is type(expected)


def test_the_gradient_along_an_array_is_an_array_of_floats():
    W = np.array([[1, 2], [3, 4]])
    gradient = tg.grad(lambda p: np.sum(p["W"] ** 2) + p["b"])({"W": W, "b": np.float64(1.0)})

    assert gradient["W"].dtype == float
    assert gradient["W"].tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert gradient["b"] == 1.0


def test_argnums_chooses_arguments_from_either_end():
    def f(x, y, z):
        return x * y + z

    assert tg.grad(f, argnums=1)(2.0, 3.0, 4.0) == 2.0
    assert tg.grad(f, argnums=(0, -1))(2.0, 3.0, 4.0) == (3.0, 1.0)
    assert tg.grad(f, argnums=(0,))(2.0, 3.0, z=4.0) == (3.0,)
    with pytest.raises(TypeError, match="argnums names argument 3, but there are 3"):
        tg.grad(f, argnums=3)(2.0, 3.0, 4.0)


def test_has_aux_hands_the_second_part_on_as_bare_numbers():
    def f(x):
        return x * x, {"seen": [x, "text"], "array": np.array([x + 1]), "plain": np.array([1])}

    gradient, aux = tg.grad(f, has_aux=True)(3.0)
    (value, aux_too), gradient_too = tg.value_and_grad(f, has_aux=True)(3.0)

    assert gradient == gradient_too == 6.0
    assert value == 9.0
    assert aux["seen"] == aux_too["seen"] == [3.0, "text"]
    assert aux["array"].tolist() == [4.0]
    assert aux["array"].dtype == float
    assert tg.grad(lambda x: (x * 1, x), has_aux=True)(3.0) == (1.0, 3.0)
    with pytest.raises(OperandError, match="has_aux=True needs a function that returns a pair"):
        tg.grad(lambda x: x, has_aux=True)(3.0)


def test_nesting_is_free_of_perturbation_confusion():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(2.0) == 1.0
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(x))(2.0) == 1.0
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(x))(2.0) == 4.0
    # d/dx [x * d/dy (x*y^2) at y=2x] = d/dx [4 x^3] = 12 x^2
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y * y)(2 * x))(3.0) == 108.0


def test_the_inputs_of_an_inner_transform_are_constants_of_the_outer_one():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y * y)(2.0))(3.0) == 24.0
    assert type(tg.grad(lambda x: tg.grad(lambda y: x * y * y)(2.0))(3.0)) is float


def test_the_inner_of_two_transforms_sees_only_its_own_input():
    assert tg.grad(lambda x: tg.grad(lambda y: y * y)(x))(5.0) == 2.0
    assert tg.grad(lambda x: tg.grad(lambda y: x * x * x)(1.0) + x)(5.0) == 1.0


def test_an_output_that_does_not_depend_on_an_input_has_slope_zero():
    assert tg.grad(lambda x: 3.0)(1.0) == 0.0
    assert tg.grad(lambda x, y: x * 2, argnums=(0, 1))(1.0, 2.0) == (2.0, 0.0)
    assert tg.grad(lambda x: x)(4.0) == 1.0


def test_no_gradient_of_anybody_is_touched():
    w = Value(2.0, label="w")
    (w * 3).backward()
    seen = []
    found = tg.grad(lambda x: seen.append(x) or x * w * w)(5.0)

    assert found.data == 4.0
    assert w.grad == 3.0
    assert seen[0].grad == 0.0


def test_what_closes_over_a_value_stays_differentiable():
    w = Value(2.0, label="w")
    value, slope = tg.value_and_grad(lambda x: x * w**3)(5.0)
    slope.backward()

    assert (value.data, slope.data, w.grad) == (40.0, 8.0, 12.0)


def test_an_argument_that_is_a_value_stays_differentiable():
    x = Value(2.0, label="x")
    slope = tg.grad(lambda t: t**4)(x)
    slope.backward()

    assert (slope.data, x.grad) == (32.0, 48.0)
    assert isinstance(tg.grad(lambda t: t + 1)(x), Value)
    array = tg.grad(lambda W: np.sum(W**3))(np.array([Value(1.0), Value(2.0)]))
    assert [entry.data for entry in array] == [3.0, 12.0]


@pytest.mark.parametrize("output", [lambda x: [x, x], lambda x: {"a": x}, lambda x: np.array([x, x]), lambda x: (x,)])
def test_a_vector_output_is_sent_to_the_jacobian(output):
    with pytest.raises(OperandError, match=r"(?s)needs a function that returns one number.*tg\.jacobian"):
        tg.grad(output)(1.0)


def test_an_output_that_is_no_number_is_refused_by_name():
    with pytest.raises(OperandError, match="the output works on real numbers"):
        tg.grad(lambda x: "text")(1.0)


def test_an_array_without_axes_is_one_number():
    assert tg.grad(lambda x: np.array(x * x))(3.0) == 6.0


def test_bad_arguments_are_named_by_their_place():
    with pytest.raises(OperandError, match=r"params\['w'\]\[1\] works on real numbers"):
        tg.grad(lambda params: params["w"][0])({"w": [1.0, "2"]})


def test_errors_inside_the_function_name_the_argument_and_leave_the_engine_usable():
    with pytest.raises(DomainError, match=r"labelled 'p\[1\]'"):
        tg.grad(lambda p: p[0] * tg.log(p[1]))([1.0, -2.0])
    with pytest.raises(ZeroDivisionError):
        tg.grad(lambda x: x * tg.grad(lambda y: y / (x - x))(1.0))(2.0)

    assert tg.grad(lambda x: x * x)(2.0) == 4.0


class Model:
    def loss(self, w):
        return tg.log(w)

    def __call__(self, w):
        return w * 2


def test_methods_and_callables_can_be_differentiated():
    assert tg.grad(Model().loss)(4.0) == 0.25
    assert tg.grad(Model())(4.0) == 2.0
    with pytest.raises(DomainError, match="labelled 'w'"):
        tg.grad(tg.grad(Model().loss))(-4.0)


def test_a_transform_is_named_after_its_function():
    def cost(x):
        """What it costs."""

    assert tg.grad(cost).__name__ == "grad_of_cost"
    assert "What it costs." in tg.grad(cost).__doc__


def test_a_labelled_array_names_its_entries():
    seen = []
    tg.grad(lambda W: seen.extend(W.ravel()) or 0.0)(np.zeros((2, 2)))

    assert [v.label for v in seen] == ["W[0,0]", "W[0,1]", "W[1,0]", "W[1,1]"]


def test_threads_differentiate_at_the_same_time():
    def f(x):
        y = x
        for _ in range(50):
            y = tg.sin(y) + x * tg.grad(lambda t, y=y: t * t * y)(x)
        return y

    alone = [tg.grad(f)(0.1 * i) for i in range(4)]
    found = [0.0] * 4

    def work(i):
        found[i] = tg.grad(f)(0.1 * i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == alone


def test_inner_transforms_do_not_walk_through_the_outer_graph(monkeypatch):
    """However long the outer graph has grown, an inner gradient visits its own few nodes."""
    visited, rule = [], ops.mul.partials
    monkeypatch.setattr(ops.mul, "partials", lambda *operands: visited.append(1) or rule(*operands))

    def outer(x):
        y = x
        for _ in range(300):
            y = y * x
        visited.clear()
        return y + tg.grad(lambda t: t * t * y)(x)

    tg.grad(outer)(1.0)

    assert 0 < len(visited) < 20


@pytest.mark.parametrize(
    ("f", "x", "slopes"),
    [
        (tg.sqrt, 0.0, (math.inf, -math.inf, math.inf)),
        (lambda x: x**0.5, 0.0, (math.inf, -math.inf, math.inf)),
        (tg.asin, 1.0, (math.inf, math.inf, math.inf)),
        (tg.asin, -1.0, (math.inf, -math.inf, math.inf)),
        (tg.acos, 1.0, (-math.inf, -math.inf, -math.inf)),
        (tg.acosh, 1.0, (math.inf, -math.inf, math.inf)),
    ],
)
def test_at_an_infinitely_steep_end_every_further_slope_is_infinite_too(f, x, slopes):
    """And never 0 by surprise."""
    first = tg.grad(f)
    second = tg.grad(first)

    assert (first(x), second(x), tg.grad(second)(x)) == slopes


def test_a_third_root_has_no_second_slope_at_0():
    """From the left it is inf, from the right -inf."""
    assert tg.grad(tg.cbrt)(0.0) == math.inf
    assert math.isnan(tg.grad(tg.grad(tg.cbrt))(0.0))


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.derivative])
def test_a_number_in_the_place_of_a_function_is_refused_with_the_way_to_its_gradient(transform):
    with pytest.raises(OperandError, match=r"of a function, but got the Value .* at test_transforms\.py") as refused:
        transform(Value(2.0) * 3.0)

    assert "loss.backward(), then x.grad" in str(refused.value)
