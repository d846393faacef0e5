"""jacobian and hessian: rows, columns, structures, and agreement with sympy and PyTorch."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")
sympy = pytest.importorskip("sympy")


def polar(p):
    return [p[0] * tg.cos(p[1]), p[0] * tg.sin(p[1])]


@pytest.mark.parametrize("mode", ["auto", "reverse", "forward"])
def test_the_jacobian_of_polar_coordinates(mode):
    r, t = 2.0, 0.7
    rows = tg.jacobian(polar, mode=mode)([r, t])

    expected = [[math.cos(t), -r * math.sin(t)], [math.sin(t), r * math.cos(t)]]
    assert rows[0] == pytest.approx(expected[0], rel=1e-15)
    assert rows[1] == pytest.approx(expected[1], rel=1e-15)


@pytest.mark.parametrize("mode", ["auto", "reverse", "forward"])
def test_outputs_that_are_constant_or_inputs_themselves(mode):
    assert tg.jacobian(lambda p: [p[1], 3.0, p[0] * 2], mode=mode)([1.0, 2.0]) == [[0.0, 1.0], [0.0, 0.0], [2.0, 0.0]]
    assert tg.jacobian(lambda x: 5.0, mode=mode)(1.0) == 0.0
    assert tg.jacobian(lambda x: x * x, mode=mode)(3.0) == 6.0


def test_an_unknown_mode_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="mode is one of 'auto', 'reverse', 'forward', but got 'backward'"):
        tg.jacobian(polar, mode="backward")


def test_auto_takes_the_fewer_walks(monkeypatch):
    from tinygrad_lite.calculus import jacobian as room

    walks = []
    monkeypatch.setattr(room, "tangents", lambda *a, **k: walks.append("forward") or {})
    monkeypatch.setattr(room, "derivatives_wrt", lambda *a, **k: walks.append("reverse") or [])

    room.derivatives([Value(1.0)] * 2, [Value(1.0)] * 3, "auto", False)
    assert walks == ["reverse"] * 2
    walks.clear()
    with pytest.raises(KeyError):  # the walk above finds nothing
        room.derivatives([Value(1.0)] * 3, [Value(1.0)] * 2, "auto", False)
    assert walks == ["forward"] * 2


def test_a_jacobian_of_arrays_has_the_output_shape_then_the_input_shape():
    A = np.arange(6.0).reshape(3, 2)
    J = tg.jacobian(lambda x: A @ x)(np.array([1.0, 2.0]))
    JW = tg.jacobian(lambda W: W @ np.array([1.0, 2.0]))(A)

    assert J.dtype == float
    assert J.tolist() == A.tolist()
    assert JW.shape == (3, 3, 2)
    assert JW[1].tolist() == [[0, 0], [1, 2], [0, 0]]


def test_structures_of_output_and_input_are_nested_into_each_other():
    def f(p, scale):
        return {"sum": p["w"][0] + p["w"][1], "both": (p["b"] * scale, p["w"] * p["b"])}

    found = tg.jacobian(f, argnums=(0, 1))({"w": np.array([2.0, 3.0]), "b": 5.0}, 7.0)

    d_sum, d_scale = found["sum"]
    assert d_sum["w"].tolist() == [1.0, 1.0]
    assert (d_sum["b"], d_scale) == (0.0, 0.0)
    assert found["both"][0][0]["b"] == 7.0
    assert found["both"][0][1] == 5.0
    assert found["both"][1][0]["w"].tolist() == [[5.0, 0.0], [0.0, 5.0]]
    assert found["both"][1][0]["b"].tolist() == [2.0, 3.0]


def test_the_hessian_agrees_with_sympy():
    x, y, z = sympy.symbols("x y z")
    formula = sympy.exp(x * y) * sympy.sin(z) + x**3 / z - sympy.tanh(y - z)
    at = {x: 0.3, y: -0.8, z: 1.7}
    expected = sympy.hessian(formula, (x, y, z)).evalf(30, subs=at).tolist()

    def f(p):
        return tg.exp(p[0] * p[1]) * tg.sin(p[2]) + p[0] ** 3 / p[2] - tg.tanh(p[1] - p[2])

    for found_row, expected_row in zip(tg.hessian(f)([0.3, -0.8, 1.7]), expected, strict=True):
        assert found_row == pytest.approx([float(e) for e in expected_row], rel=1e-12, abs=1e-15)


@pytest.mark.long
def test_the_hessian_of_a_small_network_agrees_with_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    X, W = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))

    def loss(W):
        return np.sum(np.tanh(np.tanh(X @ W) ** 2)) / 5

    def torch_loss(W):
        return torch.sum(torch.tanh(torch.tanh(torch.tensor(X) @ W) ** 2)) / 5

    found = tg.hessian(loss)(W)
    expected = torch.autograd.functional.hessian(torch_loss, torch.tensor(W)).numpy()

    assert found.shape == (3, 4, 3, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_hessians_of_numbers_of_several_arguments_and_of_constants():
    assert tg.hessian(lambda x: x**4)(2.0) == 48.0
    assert tg.hessian(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0) == ((0.0, 1.0), (1.0, 0.0))
    assert tg.hessian(lambda p: 1.0)([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert tg.hessian(lambda p: p[0] + 2 * p[1])([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(OperandError, match=r"tg\.jacobian"):
        tg.hessian(polar)([1.0, 2.0])


def test_what_closes_over_a_value_stays_differentiable():
    w = Value(3.0)
    J = tg.jacobian(lambda p: [w * p[0], p[1] ** 2])([1.0, 2.0])
    H = tg.hessian(lambda x: w * x * x)(5.0)

    assert tg.grad(lambda t: tg.jacobian(lambda p: [t * t * p[0]], mode="forward")([1.0])[0][0])(4.0) == 8.0
    assert isinstance(J[1][0], Value)
    J[0][0].backward()
    H.backward()
    assert (J[0][0].data, H.data, w.grad) == (3.0, 6.0, 3.0)


NUMBERS = st.floats(-2.0, 2.0)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_mixed_second_derivatives_commute(x, y, z):
    def f(p):
        x, y, z = p
        return tg.sin(x * y + z) * tg.exp(-x * z) + tg.tanh(y - z) ** 3 + tg.maximum(x, y) * z

    rows = tg.hessian(f)([x, y, z])

    for i in range(3):
        for j in range(i):
            assert rows[i][j] == pytest.approx(rows[j][i], rel=1e-11, abs=1e-11)


@given(NUMBERS, NUMBERS)
def test_forward_and_reverse_jacobians_agree(x, y):
    def f(p):
        x, y = p
        return [tg.sin(x) * y, x / (1 + y * y), tg.relu(x - y), tg.dot([x, y], [y, x], x), tg.softplus(x * y)]

    reverse = tg.jacobian(f, mode="reverse")([x, y])
    forward = tg.jacobian(f, mode="forward")([x, y])

    for r, s in zip(reverse, forward, strict=True):
        assert r == pytest.approx(s, rel=1e-13, abs=1e-300)


def test_where_a_power_has_no_slope_along_its_exponent_no_second_slope_is_finite_by_surprise():
    """(-2)^y is real at whole y only."""
    (xx, xy), (yx, yy) = tg.hessian(lambda p: p[0] ** p[1])([-2.0, 3.0])

    assert xx == -12.0
    assert all(math.isnan(slope) for slope in (xy, yx, yy))
    assert math.isnan(tg.grad(tg.grad(lambda y: (-2.0) ** y))(3.0))


def test_a_slope_at_zero_to_the_power_of_a_value_is_the_same_with_a_graph_and_without():
    """0^1 has the slope 1 along x, also where the exponent is a Value."""
    x, y = Value(0.0), Value(1.0)
    (x**y).backward()
    first, x.grad, y.grad = (x.grad, y.grad), 0.0, 0.0
    (x**y).backward(create_graph=True)

    assert first == (1.0, 0.0)
    assert x.grad.data == 1.0
    x.grad = y.grad = 0.0
