"""Transforms inside a compiled function, compiled functions inside transforms, and both inside each other."""

import random

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.calculus.pytree import leaves
from tinygrad_lite.compiler import CompileWarning
from tinygrad_lite.compiler.backends.choice import available

BACKENDS = available()


def curve(x):
    return x[0] ** 3 * x[1] + tg.exp(x[1]) * tg.relu(x[0]) + tg.maximum(x[0], x[1], 0.3)


def newton(x):
    """Three steps towards a root, each with the slope at that point."""
    for _ in range(3):
        x = x - (x**3 - 2.0) / tg.grad(lambda t: t**3)(x)
    return x


INSIDE = {
    "grad": tg.grad(curve),
    "value_and_grad": tg.value_and_grad(curve),
    "hessian": tg.hessian(curve),
    "jacobian": tg.jacobian(lambda x: [x[0] * x[1], tg.sin(x[0]), x[1] * 2.0]),
    "jacobian forward": tg.jacobian(lambda x: [x[0] * x[1], tg.sin(x[0])], mode="forward"),
    "jvp": lambda x: tg.jvp(curve, x, [1.0, x[0]]),
    "hvp": lambda x: tg.hvp(curve, x, [0.5, -1.0]),
    "vjp": lambda x: tg.vjp(lambda u: [u[0] * u[1], tg.tanh(u[0])], x)[1]([x[1], 2.0]),
    "newton": lambda x: newton(x[0]) * x[1],
    "third": lambda x: tg.grad(tg.grad(tg.grad(lambda t: tg.sin(t) * x[1])))(x[0]),
    "closure": lambda x: tg.grad(lambda t: x[0] * t * t + x[1])(x[0]),
    "twice the same": lambda x: tg.grad(lambda a: a * tg.grad(lambda b: a * b * b)(a))(x[0]),
    "of a number": lambda x: tg.grad(lambda t: x[0] * t)(2.0) + tg.grad(lambda t: 3.0)(x[0]),
    "branch on a slope": lambda x: x[0] if tg.grad(lambda t: t * t * x[1])(x[0]) > 0 else x[1] * x[0],
    "branch inside": tg.grad(lambda x: x[0] ** 2 if x[0] > x[1] else x[1] * x[0]),
    "unused": tg.grad(lambda x: x[1] * 2.0),
    "identity": tg.grad(lambda x: x[0]),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", INSIDE)
def test_a_transform_inside_gives_what_it_gives_outside(name, backend):
    f = INSIDE[name]
    fast = tg.compile(f, backend=backend)

    for point in ([0.7, 1.3], [1.9, 0.4], [-0.8, 0.6], [0.7, -1.2]):
        found, expected = (list(map(float, leaves(g(point)))) for g in (fast, f))
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert "Not compiled" not in fast.report()


@pytest.mark.parametrize("name", ["newton", "closure", "twice the same", "branch on a slope", "third"])
def test_what_has_a_transform_inside_can_be_differentiated(name):
    f = INSIDE[name]
    fast = tg.compile(f)

    for point in ([0.7, 1.3], [1.9, 0.4], [-0.8, 0.6]):
        assert fast.grad(point) == pytest.approx(tg.grad(f)(point), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_loss_of_a_row_may_hold_a_slope(backend):
    """A curve is fitted whose slope, not value, is known: each row asks for a derivative, on the branch it takes."""

    def row(w, x, y):
        slope = tg.grad(lambda t: tg.tanh(w[0] * t) * w[1] if t > 0 else w[0] * t * t)(x)
        return (slope - y) ** 2

    w, X, y = [0.7, 1.2], [-0.5, 0.3, 1.0, -1.1, 0.8] * 5, [0.1, 0.5, 0.2, -0.4, 0.9] * 5
    fast = tg.compile(row, batch=("x", "y"), backend=backend)

    expected = tg.grad(lambda w: tg.mean([row(w, *both) for both in zip(X, y, strict=True)]))(w)
    assert fast.grad(w, X, y) == pytest.approx(expected, rel=1e-12)


def test_values_from_outside_receive_their_share():
    w = Value(1.5)
    fast = tg.compile(lambda x: tg.grad(lambda t: tg.sin(w * t))(x))
    fast.backward(0.4)

    expected = Value(1.5)
    (expected * tg.cos(expected * 0.4)).backward()
    assert w.grad == pytest.approx(expected.grad, rel=1e-13)


def test_a_compiled_function_may_be_differentiated_and_compiled_again():
    inner = tg.compile(curve)
    point = [0.7, 1.3]
    expected = tg.grad(curve)(point)

    assert tg.grad(inner)(point) == pytest.approx(expected, rel=1e-14)
    assert tg.grad(lambda x: inner(x) * x[0])(point) == pytest.approx(tg.grad(lambda x: curve(x) * x[0])(point), 1e-14)
    assert tg.compile(inner).grad(point) == pytest.approx(expected, rel=1e-13)
    assert tg.compile(lambda x: inner.grad(x))(point) == pytest.approx(expected, rel=1e-13)
    assert tg.compile(tg.hessian(inner))(point) == tg.compile(tg.hessian(curve))(point)


def test_a_function_of_rows_may_be_differentiated_and_compiled_again():
    def row(w, x):
        return (w * x - 1.0) ** 2

    fast, X = tg.compile(row, batch="x"), [1.0, 2.0, 4.0]

    assert tg.grad(fast)(2.0, X) == pytest.approx(fast.grad(2.0, X), rel=1e-14)
    assert tg.compile(fast).grad(2.0, X) == pytest.approx(fast.grad(2.0, X), rel=1e-14)
    assert tg.compile(lambda w: fast(w, X) * w).grad(2.0) == pytest.approx(fast(2.0, X) + 2.0 * fast.grad(2.0, X))
    assert fast.jacobian(2.0, X).tolist() == [[fast.grad(2.0, X)]]


@pytest.mark.long
@pytest.mark.parametrize("n", [5, 3001])
def test_a_batch_has_jvp_and_hvp_along_a_direction_of_its_parameters(n):
    def row(w, x, y):
        return tg.softplus(w["a"][0] * x[0] + w["a"][1] * tg.tanh(x[1]) + w["b"]) * y

    rng = random.Random(n)
    X, Y = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(n)], [rng.gauss(0, 1) for _ in range(n)]
    w, v = {"a": [0.3, -0.7], "b": 0.2}, {"a": [1.0, 0.5], "b": -2.0}

    def whole(w):
        return tg.sum([row(w, x, y) for x, y in zip(X, Y, strict=True)]) / n

    fast = tg.compile(row, batch=("x", "y"))
    value, along = fast.jvp((w, X, Y), v)
    assert (value, along) == pytest.approx(tg.jvp(whole, w, v), rel=1e-12)
    for _ in range(3):
        found = fast.hvp((w, X, Y), v)
    expected = tg.hvp(whole, w, v)
    assert found["a"] == pytest.approx(expected["a"], rel=1e-11)
    assert found["b"] == pytest.approx(expected["b"], rel=1e-11)


def test_several_arguments_stand_in_a_tuple_as_for_the_engine():
    def f(x, ys):
        return x**3 * ys[0] + ys[1] ** 2 * x

    fast, point, along = tg.compile(f), (3.0, [2.0, 0.5]), (1.0, [0.5, -1.0])

    assert fast.jvp(point, along) == pytest.approx(tg.jvp(f, point, along), rel=1e-14)
    assert list(leaves(fast.hvp(point, along))) == pytest.approx(list(leaves(tg.hvp(f, point, along))), 1e-14)
    with pytest.raises(tg.errors.ShapeError, match="must be built like"):
        fast.jvp(point, (1.0, [0.5]))
    with pytest.raises(tg.errors.OperandError, match="returns one number"):
        tg.compile(lambda x: [x, x]).hvp(1.0, 1.0)


def test_further_derivatives_fall_back_to_the_engine():
    """Where the result is not finite, and where the function branches without end."""
    with pytest.raises(tg.errors.DomainError):
        tg.compile(tg.log).jvp(-1.0, 1.0)
    assert tg.compile(tg.sqrt).jvp(0.0, 1.0) == (0.0, np.inf)

    wild = tg.compile(lambda x: sum((x * k for k in range(12) if x > k), x * x))
    with pytest.warns(CompileWarning, match="branches on its numbers"):
        slopes = [wild.jacobian(k + 0.5).item() for k in range(12)]
    assert slopes == [2 * (k + 0.5) + sum(range(k + 1)) for k in range(12)]
    assert (wild.jvp(2.5, 2.0)[1], wild.hvp(2.5, 1.0)) == (16.0, 2.0)


def test_a_wrong_jacobian_is_noticed_and_not_used(monkeypatch):
    from tinygrad_lite.compiler.passes import adjoint

    honest = adjoint.sweep
    monkeypatch.setattr(adjoint, "sweep", lambda tape, *how: [tape.constant(7.0) for _ in honest(tape, *how)])
    with pytest.warns(CompileWarning, match="jacobian of .* its first compiled value"):
        found = tg.compile(lambda x: [x[0] * x[1], x[1]]).jacobian([2.0, 3.0])
    assert found.tolist() == [[3.0, 2.0], [0.0, 1.0]]
