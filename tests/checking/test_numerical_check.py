"""Both witnesses agree with right gradients, refuse wrong ones, and can be seen to fail when broken."""

import math
import random
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.checking.gradcheck import gradcheck
from tinygrad_lite.checking.result.taylor_plot import TaylorPlot
from tinygrad_lite.checking.trial import numerical_check as witness
from tinygrad_lite.checking.trial.numerical_check import measured_derivative, taylor
from tinygrad_lite.errors import GradientMismatch, OperandError, ShapeError

KNOWN = [
    (lambda x: math.exp(x[0]) * math.sin(x[0]), 0.7, lambda x: math.exp(x) * (math.sin(x) + math.cos(x))),
    (lambda x: x[0] ** 5, -1.3, lambda x: 5 * x**4),
    (lambda x: math.log(x[0]), 1e-1, lambda x: 1 / x),
    (lambda x: 1e6 + x[0] ** 2, 0.3, lambda x: 2 * x),
    (lambda x: math.tanh(x[0]), 40.0, lambda x: 1 - math.tanh(x) ** 2),
    (lambda x: 1e-8 * math.cos(x[0]), 2.0, lambda x: -1e-8 * math.sin(x)),
    (lambda x: math.sqrt(x[0]), 1e4, lambda x: 0.5 / math.sqrt(x)),
]


@pytest.mark.parametrize(("f", "x", "slope"), KNOWN)
def test_the_error_bar_covers_the_true_slope(f, x, slope):
    found = measured_derivative(f, [x], 0)

    assert abs(found.value - slope(x)) <= 3 * found.bar
    assert found.accepts(slope(x))
    assert not found.kink


@pytest.mark.parametrize(("f", "x", "slope"), [KNOWN[i] for i in (0, 1, 2, 5, 6)])
def test_a_wrong_slope_is_refused(f, x, slope):
    found = measured_derivative(f, [x], 0)

    for wrong in (2 * slope(x), -slope(x), 0.0, slope(x) * 1.001):
        assert not found.accepts(wrong)


def test_on_a_kink_everything_between_the_two_sides_is_accepted():
    found = measured_derivative(lambda x: max(x[0], 0.0), [0.0], 0)

    assert found.kink
    assert all(found.accepts(slope) for slope in (0.0, 0.3, 0.5, 1.0))
    assert not any(found.accepts(slope) for slope in (-0.1, 1.1))


def test_near_a_kink_the_small_steps_decide():
    assert measured_derivative(lambda x: max(x[0], 0.0), [1e-3], 0).accepts(1.0)
    assert not measured_derivative(lambda x: max(x[0], 0.0), [1e-3], 0).accepts(0.5)


@pytest.mark.parametrize("seed", range(10))
def test_the_taylor_slope_is_two_for_right_and_one_for_wrong(seed):
    chance = random.Random(seed)
    x = [chance.uniform(-1, 1) for _ in range(5)]

    def f(v):
        return sum(math.sin(a * b + a) for a, b in zip(v, v[1:] + v[:1], strict=True))

    n = len(x)
    gradient = [
        (x[(i + 1) % n] + 1) * math.cos(x[i] * x[(i + 1) % n] + x[i])
        + x[i - 1] * math.cos(x[i - 1] * x[i] + x[i - 1])
        for i in range(n)
    ]  # fmt: skip

    assert taylor(f, x, gradient, seed).slope == pytest.approx(2.0, abs=0.1)
    for i in range(n):
        for factor in (0.5, -1.0, 2.0, 1.01):
            wrong = list(gradient)
            wrong[i] *= factor
            assert taylor(f, x, wrong, seed).slope == pytest.approx(1.0, abs=0.3)
            assert not taylor(f, x, wrong, seed).ok


def test_a_straight_line_leaves_no_remainder():
    found = taylor(lambda x: 3 * x[0] - x[1], [1.0, 2.0], [3.0, -1.0])

    assert found.ok
    assert "straight line" in found.words()


def test_a_nan_is_never_right():
    assert not taylor(lambda x: x[0] ** 2, [1.0], [math.nan]).ok
    assert not taylor(lambda x: math.nan, [1.0], [2.0]).ok
    assert not measured_derivative(lambda x: x[0] ** 2, [1.0], 0).accepts(math.nan)
    assert not measured_derivative(lambda x: x[0] ** 2, [1.0], 0).accepts(math.inf)
    assert not taylor(lambda x: x[0] ** 2, [1.0], [math.inf]).ok


def test_the_engine_stands_before_both_witnesses():
    def net(w, x):
        return np.mean((np.maximum(0, x @ w) - 0.3) ** 2)

    chance = np.random.default_rng(0)
    found = gradcheck(net, chance.normal(size=(3, 4)), chance.normal(size=(5, 3)))

    assert found.ok
    assert found.taylor.slope == pytest.approx(2.0, abs=0.05)
    assert "x1[0,0]" in found.text()


def test_a_wrong_gradient_is_named_by_entry():
    x = np.array([0.5, -1.0, 2.0])
    right = 2 * x
    wrong = right.copy()
    wrong[1] *= 0.5
    found = gradcheck(lambda v: (v * v).sum(), x, grad=wrong)

    assert gradcheck(lambda v: (v * v).sum(), x, grad=right).ok
    assert found.wrong == ["x[1]"]
    assert found.taylor.slope == pytest.approx(1.0, abs=0.05)
    with pytest.raises(GradientMismatch, match=r"x\[1\]"):
        found.assert_ok()


def test_kinks_are_accepted_and_said():
    found = gradcheck(lambda x: tg.relu(x[0]) * 2 + x[1], [0.0, 1.0])

    assert found.ok
    assert "every derivative from 0 to 2" in found.text()
    assert not gradcheck(lambda x: tg.relu(x[0]) * 2 + x[1], [0.0, 1.0], grad=[2.5, 1.0]).ok


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(OperandError, match="one number as result"):
        gradcheck(lambda x: x, np.ones(3))
    with pytest.raises(ShapeError):
        gradcheck(lambda x: x * x, 1.0, grad=[1.0, 2.0])
    with pytest.raises(OperandError, match="needs the point"):
        gradcheck(lambda x: x * x)


def test_only_some_entries_of_many_are_measured_and_it_is_said():
    found = gradcheck(lambda x: (x * x).sum(), np.linspace(-1, 1, 40), most=7)

    assert len(found.measured) == 7
    assert "33 entries were not measured" in found.text()


BROKEN = [  # a line of witness.py, and the same line made wrong
    ("(4 * fine - coarse) / 3", "(4 * fine - coarse) / 3.001"),
    ("(up - down) / (forth + back)", "(up - down) / (2 * forth + back)"),
    ("abs(refined[k] - refined[k - 1])", "1e-9 * abs(refined[k] - refined[k - 1])"),
    ("e * rise)", "2 * e * rise)"),
    ("used[-5:]", "used[:0]"),
]


@pytest.mark.parametrize(("line", "wrong"), BROKEN)
def test_a_witness_made_wrong_on_purpose_is_caught(line, wrong):
    """Each change of the witnesses' source makes at least one of the statements above false."""
    source = Path(witness.__file__).read_text()
    assert source.count(line) == 1
    broken: dict = {"__name__": "broken_witness"}
    exec(compile(source.replace(line, wrong), "broken_witness", "exec"), broken)

    def stands(measured_derivative, taylor):
        found = [(measured_derivative(f, [x], 0), slope(x)) for f, x, slope in KNOWN]
        return (
            all(abs(m.value - true) <= 3 * m.bar for m, true in found)
            and abs(taylor(lambda x: x[0] ** 2 * x[1], [1.5, 2.0], [6.0, 2.25]).slope - 2) < 0.1
            and abs(taylor(lambda x: x[0] ** 2 * x[1], [1.5, 2.0], [3.0, 2.25]).slope - 1) < 0.1
        )

    assert stands(measured_derivative, taylor)
    assert not stands(broken["measured_derivative"], broken["taylor"])


def test_the_plot_is_drawn_in_the_colour_of_the_text():
    svg = TaylorPlot(taylor(lambda x: x[0] ** 3, [1.0], [3.0])).svg()

    assert svg.startswith("<svg")
    assert "currentColor" in svg
    assert "slope 2" in svg


# ------------------------------------------------------------------ functions that are no plain arithmetic on floats


@pytest.mark.parametrize("f", [
    lambda x: x.tanh(), lambda x: (x * x).exp() + x.relu(), lambda x: x.sigmoid() * 2.0, lambda x: tg.exp(x).log()
])  # fmt: skip
def test_a_function_may_use_methods_as_micrograds_users_write(f):
    assert gradcheck(f, 0.5).ok
    assert not gradcheck(f, 0.5, grad=-3.0).ok


def test_what_a_function_cuts_off_by_reading_data_is_found():
    assert gradcheck(lambda x: x * x.data, 0.5).wrong == ["x"]
    assert gradcheck(lambda xs: xs[0].tanh() * xs[1].data, [0.5, 2.0]).wrong == ["x[1]"]


def test_a_method_that_nobody_has_is_the_functions_own_error():
    with pytest.raises(AttributeError, match="no_such"):
        gradcheck(lambda x: x.no_such(), 0.5)


SINGLE = [  # computed in single precision, or from numbers that were rounded to it
    (lambda x: float(np.float32(x[0]) ** 2), 2.3, 4.6),
    (lambda x: float(np.float32(x[0])) ** 2, 2.3, 4.6),
    (lambda x: float(np.tanh(np.float32(x[0]))), 0.4, 1 - math.tanh(0.4) ** 2),
    (lambda x: float(np.exp(np.float32(x[0]))), 3.1, math.exp(3.1)),
    (lambda x: float(np.log(np.float32(x[0]))), 0.1, 10.0),
    (lambda x: float(np.sum(np.float32(x[0]) * np.arange(100, dtype=np.float32))), 0.7, 4950.0),
]


@pytest.mark.parametrize(("f", "x", "slope"), SINGLE)
def test_in_single_precision_right_is_right_and_a_tenth_off_is_wrong(f, x, slope):
    right = gradcheck(f, [x], grad=[slope])

    assert right.ok
    assert right.kinks == []
    assert 0 < right.noise < 1e-6 * max(1.0, abs(f([x])))
    assert f"f is rounded to about {right.noise:.0e}" in " ".join(right.report().text().split())
    assert not any(gradcheck(f, [x], grad=[slope * wrong]).ok for wrong in (0.9, 1.1, 5.0 / 4.6, -1.0))


def test_half_precision_is_no_kink():
    def f(x):
        return float(np.float16(x[0]) ** 2)

    assert gradcheck(f, [2.3], grad=[4.6]).ok
    assert gradcheck(f, [2.3], grad=[4.6]).kinks == []
    assert not gradcheck(f, [2.3], grad=[-4.6]).ok


@pytest.mark.parametrize(("f", "x"), [
    *[(f, x) for f, x, _ in KNOWN],
    (lambda x: math.exp(50 * x[0]), 1.0), (lambda x: math.sin(1000 * x[0]), 1.3), (lambda x: abs(x[0]), 0.0),
    (lambda x: abs(x[0]), 2e-5), (lambda x: max(x[0], 3.0), 3 - 1e-5), (lambda x: 0.0, 1.0), (lambda x: 1 / x[0], 0.01),
    (lambda x: float(math.floor(x[0])), 2.3),
])  # fmt: skip
def test_curves_and_kinks_are_not_taken_for_rounding(f, x):
    assert witness.resolution(f, [x]) == 0.0


def test_a_loss_in_single_precision_is_checked_as_far_as_it_can_be_measured():
    """Its own resolution is found and said, as by gradcheck; a right backprop is not accused, a wrong one is."""

    def loss(W, X, y):
        e = (np.asarray(X, np.float32) @ np.asarray(W, float).astype(np.float32) - y.astype(np.float32)) ** 2
        return float(np.mean(e, dtype=np.float32))

    def backprop(W, X, y):
        return {"W": 2 * X.T @ (X @ W - y) / y.size}

    chance = np.random.default_rng(0)
    W, X, y = chance.normal(size=(3, 1)), chance.normal(size=(6, 3)), chance.normal(size=(6, 1))
    right = tg.check(loss, backprop, {"W": W}, X, y)
    wrong = tg.check(loss, lambda W, X, y: {"W": backprop(W, X, y)["W"] / 2}, {"W": W}, X, y)

    assert right.ok
    assert {case.source for case in right.evaluation.cases} == {"measured"}
    assert "the loss is rounded to about" in " ".join(right.text().lower().split())
    assert wrong.wrong == ["W"]


def test_the_old_name_of_measured_still_works_and_warns():
    found = tg.gradcheck(lambda x: x * x, 3.0)

    with pytest.warns(UserWarning, match="is called measured now"):
        assert found.slopes is found.measured
