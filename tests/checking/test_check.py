"""check: a hand-written backprop on trial, from the lesson that many tutorials publish to the odd corners."""

import functools
import json

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.errors import GradientMismatch, OperandError

check = functools.partial(tg.check, mend=False)  # mends are tried in test_lines.py


def relu(z):
    return np.maximum(0, z)


def lesson_loss(W1, b1, W2, b2, X, y):
    return np.mean((y - relu(relu(X @ W1 + b1) @ W2 + b2)) ** 2)


def lesson_update(mended, lr):
    """The published backward pass, with some of its four mistakes mended."""

    def update(W1, b1, W2, b2, X, y):
        z1 = X @ W1 + b1
        h = relu(z1)
        out = relu(h @ W2 + b2)
        e = out - y
        if "factor" in mended:
            e = e * 2 / e.size
        if "output relu" in mended:
            e = e * (out > 0)
        dW2 = (h if "hidden" in mended else X).T @ e
        db2 = e.sum(0)
        dh = (e @ W2.T) * ((z1 if "mask" in mended else X) > 0)
        dW1 = X.T @ dh
        db1 = dh.sum(0)
        W2 -= lr * dW2
        b2 -= lr * db2
        W1 -= lr * dW1
        b1 -= lr * db1

    return update


def lesson_problem(outputs=1, seed=0):
    chance = np.random.default_rng(seed)
    params = {
        "W1": chance.normal(size=(3, 3)),
        "b1": 0.1 * chance.normal(size=3),
        "W2": chance.normal(size=(3, outputs)),
        "b2": 0.5 * np.ones(outputs),
    }
    return params, chance.normal(size=(6, 3)), chance.normal(size=(6, outputs))


ALL_FOUR = {
    ("FACTOR_2", "loss"),
    ("NO_ACT_DERIV", "dZ2"),
    ("INPUT_FOR_HIDDEN", "dW2"),
    ("MASK_FROM_INPUT", "dZ1"),
}


def found(result):
    return {(m.code, m.place) for m in result.mistakes}


@pytest.mark.parametrize(("outputs", "mean"), [(1, "MEAN_N"), (3, "MEAN_NO")])
def test_the_published_lesson_is_named_four_times(outputs, mean):
    params, X, y = lesson_problem(outputs)
    result = tg.check(lesson_loss, lesson_update((), 0.01), params, X, y, updates=True, lr=0.01)

    assert found(result) == ALL_FOUR | {(mean, "loss")}
    assert not result.diagnosis.unknown
    assert not result.diagnosis.tied
    text = result.text()
    assert "dW2 is exactly X.T @ dZ2; it must be A1.T @ dZ2" in text
    assert "the factor 2 / N is missing" in text if outputs == 1 else "the factor 2 / (N * O) is missing" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_lesson_is_mended_in_four_steps_each_verified():
    params, X, y = lesson_problem(3)
    steps = [("factor", {"FACTOR_2", "MEAN_NO"}), ("output relu", {"NO_ACT_DERIV"}),
             ("hidden", {"INPUT_FOR_HIDDEN"}), ("mask", {"MASK_FROM_INPUT"})]  # fmt: skip
    mended, left = [], {code for code, _ in ALL_FOUR} | {"MEAN_NO"}
    for step, codes in steps:
        result = check(lesson_loss, lesson_update(mended, 0.01), params, X, y, updates=True, lr=0.01)
        assert {code for code, _ in found(result)} == left
        mended.append(step)
        left -= codes
    result = check(lesson_loss, lesson_update(mended, 0.01), params, X, y, updates=True, lr=0.01)

    assert result.ok
    assert result.mistakes == []
    assert result.taylor.slope == pytest.approx(2.0, abs=0.1)
    assert "Right: every gradient is exact" in result.text()


def test_the_strip_marks_the_first_wrong_link_and_what_follows():
    params, X, y = lesson_problem(3)
    result = check(lesson_loss, lesson_update(["factor", "output relu", "hidden"], 0.01), params, X, y,
                   updates=True, lr=0.01)  # fmt: skip
    marks = {name: mark for name, mark, _ in result.diagnosis.links}

    assert {name for name, mark in marks.items() if mark == "ok"} == {"dW2", "db2"}
    assert {name for name, mark in marks.items() if mark == "unchecked"} == {"dP", "dZ2", "dA1"}
    assert marks["dZ1"] == "wrong"
    assert marks["dW1"] == marks["db1"] == "follows"


def linear_loss(w, b, X, y):
    return np.mean((X @ w + b - y) ** 2)


def linear_backprop(w, b, X, y):
    e = X @ w + b - y
    return 2 * X.T @ e / e.size, 2 * e.mean(axis=0) * len(e) / e.size


LINEAR = {"w": np.array([[0.5], [-1.0]]), "b": np.array([0.2])}
XY = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]]), np.array([[1.0], [0.0], [3.0]])


def as_dict(w, b, X, y):
    return dict(zip("wb", linear_backprop(w, b, X, y), strict=True))


def test_every_way_to_hand_in_is_read():
    def packed_loss(params, X, y):
        return linear_loss(params["w"], params["b"], X, y)

    def packed(params, X, y):
        dw, db = linear_backprop(params["w"], params["b"], X, y)
        return {"dw": dw, "grad_b": db}

    def updated(w, b, X, y):
        dw, db = linear_backprop(w, b, X, y)
        return w - 0.1 * dw, b - 0.1 * db

    def in_place(params, X, y):
        dw, db = linear_backprop(params["w"], params["b"], X, y)
        params["w"] -= 0.1 * dw
        params["b"] -= 0.1 * db

    assert check(linear_loss, linear_backprop, LINEAR, *XY).ok
    assert check(linear_loss, as_dict, LINEAR, *XY).ok
    assert check(packed_loss, packed, LINEAR, *XY).ok
    assert check(packed_loss, linear_backprop, LINEAR, *XY).ok
    assert check(linear_loss, updated, LINEAR, *XY, updates=True, lr=0.1).ok
    assert check(packed_loss, in_place, LINEAR, *XY, updates=True, lr=0.1).ok


def test_plain_python_is_welcome():
    def loss(w, b, X, y):
        return sum((sum(wi * xi for wi, xi in zip(w, x, strict=True)) + b - t) ** 2 for x, t in zip(X, y, strict=True))

    def backprop(w, b, X, y):
        dw, db = [0.0] * len(w), 0.0
        for x, t in zip(X, y, strict=True):
            e = 2 * (sum(wi * xi for wi, xi in zip(w, x, strict=True)) + b - t)
            dw = [d + e * xi for d, xi in zip(dw, x, strict=True)]
            db += e
        return dw, db

    def halved(w, b, X, y):
        dw, db = backprop(w, b, X, y)
        return [d / 2 for d in dw], db

    X, y = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]], [1.0, 0.0, 3.0]
    assert check(loss, backprop, {"w": [0.5, -1.0], "b": 0.2}, X, y).ok
    result = check(loss, halved, {"w": [0.5, -1.0], "b": 0.2}, X, y)
    assert result.wrong == ["w"]
    assert result.codes == ["FACTOR_2"]


@pytest.mark.long
@pytest.mark.few(1)
@pytest.mark.parametrize("columns", [False, True])
def test_weights_may_lie_either_way(columns):
    """Samples as columns and W @ X, or samples as rows and X @ W.T."""
    chance = np.random.default_rng(3)

    def forward(W1, b1, W2, b2, X):
        if columns:
            A = np.tanh(W1 @ X + b1)
            return A, W2 @ A + b2
        A = np.tanh(X @ W1.T + b1)
        return A, A @ W2.T + b2

    def loss(W1, b1, W2, b2, X, y):
        return np.mean((forward(W1, b1, W2, b2, X)[1] - y) ** 2)

    def backprop(wrong):
        def function(W1, b1, W2, b2, X, y):
            A, P = forward(W1, b1, W2, b2, X)
            D = 2 * (P - y) / y.size
            if columns:
                back = (W2.T @ D) * (1 if wrong else 1 - A**2)
                return back @ X.T, back.sum(1, keepdims=True), D @ A.T, D.sum(1, keepdims=True)
            back = (D @ W2) * (1 if wrong else 1 - A**2)
            return back.T @ X, back.sum(0), D.T @ A, D.sum(0)

        return function

    shape = (lambda n: (n, 1)) if columns else (lambda n: (n,))
    params = {
        "W1": chance.normal(size=(5, 4)), "b1": chance.normal(size=shape(5)),
        "W2": chance.normal(size=(2, 5)), "b2": chance.normal(size=shape(2)),
    }  # fmt: skip
    X, y = chance.normal(size=(7, 4)), chance.normal(size=(7, 2))
    X, y = (X.T, y.T) if columns else (X, y)

    assert check(loss, backprop(False), params, X, y).ok
    wrong = check(loss, backprop(True), params, X, y)
    assert ("Z1 = W1 @ X + b1" if columns else "Z1 = X @ W1.T + b1") in wrong.text()
    assert found(wrong) == {("NO_ACT_DERIV", "dZ1")}
    assert wrong.evaluation.network is not None


@pytest.mark.long
def test_mishaps_are_lines_in_the_report():
    def raises(w, b, X, y):
        raise RuntimeError("no time\nfor this")

    def hangs(w, b, X, y):
        while True:
            pass

    def leaves(w, b, X, y):
        raise SystemExit(3)

    def mutates(w, b, X, y):
        X *= 2
        return linear_backprop(w, b, X / 2, y)

    def not_a_number(w, b, X, y):
        dw, db = linear_backprop(w, b, X, y)
        return dw * np.nan, db

    def wrong_names(w, b, X, y):
        return {"v": 1.0, "b": linear_backprop(w, b, X, y)[1]}

    def odd(w, b, X, y):
        return {"w": "heavy", "b": None}

    def says(function, **more):
        result = check(linear_loss, function, LINEAR, *XY, **more)
        assert json.dumps(result.to_dict())
        assert result.html()
        return result

    assert "RuntimeError: no time for this" in says(raises).text()
    assert "one call was still running after 0.1 s" in says(hangs, limit=0.1).text()
    assert "SystemExit" in says(leaves).text()
    assert "changed its argument X" in says(mutates).text()
    assert "NAN" in says(not_a_number).codes
    warned = says(lambda w, b, X, y: (linear_backprop(w, b, X, y)[0] / np.zeros(1), linear_backprop(w, b, X, y)[1]))
    assert "divide by zero" in warned.text()
    assert says(wrong_names).wrong == ["w"]
    assert says(odd).wrong == ["w", "b"]
    assert "returned None" in says(lambda w, b, X, y: None).text()
    assert not says(lambda w, b, X, y: 3.0).ok
    for function in (raises, hangs, leaves, not_a_number, wrong_names, odd):
        assert not says(function, limit=0.1).ok


def test_the_users_own_arrays_are_never_touched():
    params = {name: x.copy() for name, x in LINEAR.items()}
    X, y = XY[0].copy(), XY[1].copy()

    def vandal(w, b, X, y):
        for x in (w, b, X, y):
            x += 1.0
        return w, b

    check(linear_loss, vandal, params, X, y)

    assert all(np.array_equal(params[name], LINEAR[name]) for name in params)
    assert np.array_equal(X, XY[0])
    assert np.array_equal(y, XY[1])


def test_a_loss_that_fails_gives_no_verdict():
    result = check(lambda w, b, X, y: 1 / 0, linear_backprop, LINEAR, *XY)

    assert not result.ok
    assert "ZeroDivisionError" in result.text()
    assert not check(lambda w, b, X, y: float("nan"), linear_backprop, LINEAR, *XY).ok
    assert not check(lambda w, b, X, y: X, linear_backprop, LINEAR, *XY).ok


def test_bad_calls_are_refused_at_once():
    with pytest.raises(OperandError, match="lr"):
        check(linear_loss, linear_backprop, LINEAR, *XY, updates=True)
    with pytest.raises(OperandError, match="dict by name"):
        check(linear_loss, linear_backprop, [1.0], *XY)
    with pytest.raises(OperandError, match="made of numbers"):
        check(linear_loss, linear_backprop, {"w": ["a"]}, *XY)


def test_a_target_of_the_wrong_shape_is_named():
    def loss(w, b, X, y):
        return np.mean((X @ w + b - y) ** 2)

    result = check(loss, linear_backprop, LINEAR, XY[0], XY[1].ravel())

    assert "TARGET_SHAPE" in result.text()


def test_blind_spots_of_the_data_are_said():
    X, y = XY[0][:1], XY[1][:1]

    def summed(w, b, X, y):
        e = 2 * (X @ w + b - y)
        return X.T @ e, e.sum(axis=0)

    result = check(linear_loss, summed, LINEAR, X, y)

    assert "N = 1" in result.text()
    assert "O = 1" in result.text()
    assert result.evaluation.cases[0].ok
    assert found(result) == {("MEAN_N", "loss")}


def test_dead_units_and_kinks_are_said():
    params, X, y = lesson_problem(3)
    params["b1"] = np.array([-50.0, 0.1, 0.2])
    X[2] = 0.0
    params["b1"][1] = 0.0

    def backprop(W1, b1, W2, b2, X, y, at_kink=1.0):
        z1 = X @ W1 + b1
        h = relu(z1)
        z2 = h @ W2 + b2
        d2 = 2 * (relu(z2) - y) / y.size * (z2 > 0)
        d1 = d2 @ W2.T * np.where(z1 == 0, at_kink, z1 > 0)
        return X.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)

    result = check(lesson_loss, backprop, params, X, y)
    too_far = check(lesson_loss, lambda *a: backprop(*a, at_kink=3.0), params, X, y)

    assert result.ok
    assert result.evaluation.cases[0].kinks == ["b1"]
    assert "KINK" in result.text()
    assert "DEAD_UNIT" in result.text()
    assert "unit 0 is off for all 6 samples" in result.text()
    assert not too_far.ok


def test_intermediate_derivatives_are_shown_in_the_chain():
    params, X, y = lesson_problem(3)

    def backprop(W1, b1, W2, b2, X, y):
        z1 = X @ W1 + b1
        h = relu(z1)
        z2 = h @ W2 + b2
        dP = 2 * (relu(z2) - y) / y.size
        dZ2 = dP * np.cos(z2)  # nothing of the catalogue
        dA1 = dZ2 @ W2.T
        dZ1 = dA1 * (z1 > 0)
        return {"W1": X.T @ dZ1, "b1": dZ1.sum(0), "W2": h.T @ dZ2, "b2": dZ2.sum(0),
                "dP": dP, "dZ2": dZ2, "dA1": dA1, "dZ1": dZ1}  # fmt: skip

    result = check(lesson_loss, backprop, params, X, y)
    marks = {name: mark for name, mark, _ in result.diagnosis.links}

    assert marks["dP"] == "ok"
    assert marks["dZ2"] == "wrong"
    assert marks["dA1"] == marks["dZ1"] == "follows"


@pytest.mark.long
def test_what_nothing_explains_is_called_so():
    params, X, y = lesson_problem(3)

    def backprop(W1, b1, W2, b2, X, y):
        z1 = X @ W1 + b1
        h = relu(z1)
        z2 = h @ W2 + b2
        d2 = 2 * (relu(z2) - y) / y.size * (z2 > 0)
        d1 = d2 @ W2.T * (z1 > 0)
        dW1 = X.T @ d1
        dW1[0, 1] *= 1 + 1e-6
        return dW1, d1.sum(0), h.T @ d2, d2.sum(0)

    result = check(lesson_loss, backprop, params, X, y)

    assert result.wrong == ["W1"]
    assert result.mistakes == []
    assert result.diagnosis.unknown == ["W1"]
    assert "W1[0, 1]" in result.text()


def test_the_result_is_data_text_and_html():
    params, X, y = lesson_problem()
    result = check(lesson_loss, lesson_update((), 0.01), params, X, y, updates=True, lr=0.01)
    data = json.loads(json.dumps(result.to_dict()))

    assert data["ok"] is False
    assert data["codes"] == ["FACTOR_2", "MEAN_N", "NO_ACT_DERIV", "INPUT_FOR_HIDDEN", "MASK_FROM_INPUT"]
    assert data["seeds"]
    assert "<svg" in result.html()
    with pytest.raises(GradientMismatch, match="INPUT_FOR_HIDDEN"):
        result.assert_ok()


@pytest.mark.few(2)
@pytest.mark.parametrize(("guard", "samples"), [(0.0, 8), (1e-12, 8), (1e-8, 8), (1e-8, 800)])
def test_a_number_that_guards_the_logarithm_may_be_derived_or_left_out(guard, samples):
    chance = np.random.default_rng(0)
    params = {"W": chance.normal(size=(30, 20)), "b": np.zeros(20)}
    X, y = chance.normal(size=(samples, 30)) / 6, chance.integers(0, 20, samples)

    def softmax(W, b, X):
        e = np.exp(X @ W + b)
        return e / e.sum(axis=1, keepdims=True)

    def loss(W, b, X, y):
        return -np.mean(np.log(softmax(W, b, X)[np.arange(len(y)), y] + guard))

    def without(W, b, X, y):
        D = softmax(W, b, X)
        D[np.arange(len(y)), y] -= 1
        return X.T @ D / len(y), D.mean(axis=0)

    def derived(W, b, X, y):
        P = softmax(W, b, X)
        G = np.zeros_like(P)
        rows = np.arange(len(y))
        G[rows, y] = -1 / (P[rows, y] + guard) / len(y)
        D = P * (G - (G * P).sum(axis=1, keepdims=True))
        return X.T @ D, D.sum(axis=0)

    plain, exact = (check(loss, f, params, X, y) for f in (without, derived))

    assert plain.ok
    assert exact.ok
    assert ("EPSILON" in plain.text()) == (guard > 1e-10)
    assert plain.evaluation.cases[0].source == ("engine" if samples == 8 else "model")
    assert check(loss, lambda *a: (2 * without(*a)[0], without(*a)[1]), params, X, y).codes == ["FACTOR_2"]


@pytest.mark.long
def test_data_too_large_for_the_engine_is_cut_and_it_is_said():
    chance = np.random.default_rng(0)

    def odd_loss(W, X, y):
        return np.mean(np.sin(X @ W - y))

    def backprop(W, X, y):
        return X.T @ (np.cos(X @ W - y) / y.size)

    params = {"W": chance.normal(size=(50, 10))}
    result = check(odd_loss, backprop, params, chance.normal(size=(800, 50)), chance.normal(size=(800, 10)))

    assert result.ok
    assert result.evaluation.network is None
    assert "of your 800 samples" in result.text()


def test_a_loss_the_engine_cannot_run_is_measured():
    """math.exp cannot see a Value; the gradients are then measured, and the report says so."""
    import math

    def loss(w, X, y):
        return math.exp(sum(a * b for a, b in zip(w, X, strict=True)) - y)

    def backprop(w, X, y):
        return [[loss(w, X, y) * x for x in X]]

    def wrong(w, X, y):
        return [[loss(w, X, y) * x * 1.01 for x in X]]

    args = {"w": [0.5, -0.2]}, [1.0, 2.0], 0.3
    right = check(loss, backprop, *args)

    assert right.ok
    assert {e.source for e in right.evaluation.cases} == {"measured"}
    assert "measured by central differences" in " ".join(right.text().split())
    assert not check(loss, wrong, *args).ok


def test_first_lessons_with_one_weight_or_a_vector_of_weights_are_recognised():
    chance = np.random.default_rng(2)

    def line(w, b, x, y):
        return np.mean((w * x + b - y) ** 2)

    def line_back(w, b, x, y):
        e = w * x + b - y
        return np.sum(e * x) / len(x), 2 * np.mean(e)

    def logistic(w, b, X, y):
        p = 1 / (1 + np.exp(-(X @ w + b)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def logistic_back(w, b, X, y):
        p = 1 / (1 + np.exp(-(X @ w + b)))
        return X.T @ (p - y), np.sum(p - y) / len(y)

    one = check(line, line_back, {"w": 0.5, "b": 0.1}, chance.normal(size=8), chance.normal(size=8))
    many = check(logistic, logistic_back, {"w": chance.normal(size=3), "b": 0.0}, chance.normal(size=(8, 3)),
                 np.array([0.0, 1, 1, 0, 1, 0, 0, 1]))  # fmt: skip

    assert found(one) == {("FACTOR_2", "dw")}
    assert found(many) == {("MEAN_N", "dw")}
    assert len(one.evaluation.cases) == len(many.evaluation.cases) == 5
    assert "TARGET_SHAPE" not in one.text() + many.text()


ODD_ANSWERS = {
    "keepdims": (lambda dw, db: (dw, db[None]), ["b"], "SHAPE"),
    "not summed over the outputs alone": (lambda dw, db: (dw, db.sum()), ["b"], "SUM_AXIS"),
    "transposed": (lambda dw, db: (dw.T, db), ["w"], "TRANSPOSED"),
    "whole numbers": (lambda dw, db: (dw.astype(int), db), ["w"], "INT_TRUNCATION"),
    "float32": (lambda dw, db: (dw.astype(np.float32), db.astype(np.float32)), [], None),
    "infinite": (lambda dw, db: (dw * np.inf, db), ["w"], "NAN"),
    "zero": (lambda dw, db: (0 * dw, 0 * db), ["w", "b"], "ZERO"),
    "a list": (lambda dw, db: [dw, db], [], None),
    "nested lists": (lambda dw, db: (dw.tolist(), db.tolist()), [], None),
    "loss and gradients": (lambda dw, db: (0.5, {"dw": dw, "db": db}), [], None),
    "with a cache": (lambda dw, db: {"dw": dw, "db": db, "cache": object()}, [], None),
    "Values": (lambda dw, db: (np.vectorize(tg.Value)(dw), db), [], None),
    "text": (lambda dw, db: "gradients", ["w", "b"], "RAISED"),
    "objects": (lambda dw, db: (np.full(dw.shape, None), db), ["w"], "NAME"),
    "ragged": (lambda dw, db: ([[1.0], [2.0, 3.0]], db), ["w"], "NAME"),
    "nothing": (lambda dw, db: (), ["w", "b"], "NAME"),
    "complex": (lambda dw, db: (dw + 0j, db), ["w"], "NAME"),
}


@pytest.mark.few(4)
@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_whatever_comes_back_is_judged(name):
    answer, wrong, code = ODD_ANSWERS[name]
    chance = np.random.default_rng(0)
    params = {"w": chance.normal(size=(4, 3)), "b": chance.normal(size=3)}

    def backprop(w, b, X, y):
        e = 2 * (X @ w + b - y) / y.size
        return answer(X.T @ e, e.sum(axis=0))

    result = check(linear_loss, backprop, params, chance.normal(size=(8, 4)), chance.normal(size=(8, 3)))

    assert result.wrong == wrong
    assert result.ok == (not wrong)
    assert code is None or code in result.codes
    assert json.dumps(result.to_dict())
    assert result.html()


def test_a_kink_in_the_data_does_not_hide_a_mistake_elsewhere():
    """The user's slope at z = 0 is 1, ours is 0; the mistake in db1 is named all the same."""
    params, X, y = lesson_problem(3)
    params["b1"][:] = 0.0
    X[2] = 0.0

    def backprop(W1, b1, W2, b2, X, y):
        z1 = X @ W1 + b1
        h = relu(z1)
        z2 = h @ W2 + b2
        d2 = 2 * (relu(z2) - y) / y.size * (z2 > 0) * 1.5
        d1 = d2 @ W2.T * (z1 >= 0)
        return {"W1": X.T @ d1, "b1": d1.mean(0), "W2": h.T @ d2, "b2": d2.sum(0), "dZ2": d2, "dZ1": d1}

    result = check(lesson_loss, backprop, params, X, y)
    marks = {name: mark for name, mark, _ in result.diagnosis.links}

    assert found(result) == {("RATIO", "loss"), ("BIAS_MEAN", "db1")}
    assert marks["dZ1"] == "follows"
    assert marks["db1"] == "wrong"


@pytest.mark.few(1)
@pytest.mark.parametrize(("slip", "codes", "said"), [
    (lambda a: (1 - a) ** 2, ["WRONG_ACT_DERIV"], "dZ1 uses (1 - A1)**2 for the derivative of tanh"),
    (lambda a: 1 - a, ["WRONG_ACT_DERIV"], "dZ1 uses 1 - A1 for the derivative of tanh"),
    (lambda a: 1 - a**4, [], "dW2, db2 are right, so look first at dA1, dZ1"),
])  # fmt: skip
def test_a_derivative_written_wrongly_is_read_back_or_at_least_located(slip, codes, said):
    params, X, y = lesson_problem(3)

    def loss(W1, b1, W2, b2, X, y):
        return np.mean((np.tanh(X @ W1 + b1) @ W2 + b2 - y) ** 2)

    def backprop(W1, b1, W2, b2, X, y):
        a = np.tanh(X @ W1 + b1)
        d2 = 2 * (a @ W2 + b2 - y) / y.size
        d1 = d2 @ W2.T * slip(a)
        return X.T @ d1, d1.sum(0), a.T @ d2, d2.sum(0)

    result = check(loss, backprop, params, X, y)  # a mend would be told in its place

    assert [m.code for m in result.mistakes] == codes
    assert said in " ".join(result.text().split())


def test_both_witnesses_speak_in_the_report():
    params, X, y = lesson_problem(3)
    wrong = check(lesson_loss, lesson_update((), 0.01), params, X, y, updates=True, lr=0.01)
    right = check(linear_loss, linear_backprop, LINEAR, *XY)

    assert len(wrong.measured) == 4
    assert all(slope.accepts(exact) and not slope.accepts(mine) for _, mine, exact, slope in wrong.measured)
    assert "the exact one" in wrong.text()
    assert all(slope.accepts(mine) for _, mine, _, slope in right.measured)
    assert "sides with" in right.text()
    assert wrong.to_dict()["measured"][0]["bar"] < 1e-6


def test_arguments_are_given_by_name_in_any_order():
    def energy(K, W, X, y):
        return np.sum((np.tanh(X @ K) @ W - y) ** 2)

    def slopes(K, W, X, y):
        h = np.tanh(X @ K)
        d = 2 * (h @ W - y)
        return {"K": X.T @ (d @ W.T * (1 - h)), "W": h.T @ d}

    rng = np.random.default_rng(0)
    X, y, K, W = (rng.normal(size=s) for s in ((5, 3), (5, 2), (3, 4), (4, 2)))
    found = tg.check(energy, slopes, y=y, X=X, W=W, K=K)
    placed = tg.check(energy, slopes, {"K": K, "W": W}, data=(X, y))

    assert found.wrong == ["K"]
    assert "Given: K 3x4, W 4x2, X 5x3, y 5x2." in str(found)
    assert placed.wrong == ["K"]


def test_no_line_of_a_right_backprop_is_named_where_the_loss_is_wrong():
    def loss(W, X, y):
        return np.sum((X @ W - y) ** 2)  # (3, 1) minus (3,): a table of all pairs

    def back(W, X, y):
        return {"W": 2 * X.T @ (X @ W - y.reshape(-1, 1))}

    X, y = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]]), np.array([1.0, 0.0, 3.0])
    found = tg.check(loss, back, {"W": np.array([[0.2], [0.4]])}, X, y)

    assert found.codes == ["TARGET_SHAPE"]
    assert found.lines == []
    assert "no small change" not in str(found)
