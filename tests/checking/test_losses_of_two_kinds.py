"""Huber's loss, the multi-class hinge and the elu in the layered diagnosis: recognised, named, and never accused."""

import numpy as np
import pytest

from tests.checking.planting import Lesson, plants_for
from tests.checking.study import Prepared, single
from tinygrad_lite.analysis.losses import HUBER, MARGINS, huber
from tinygrad_lite.checking.check import check
from tinygrad_lite.checking.network.kinks import gradients, intervals
from tinygrad_lite.checking.network.network import Record

CHANCE = np.random.default_rng(0)
PARAMS = {"W1": CHANCE.normal(size=(4, 3)) / 2, "b1": CHANCE.normal(size=3) / 3,
          "W2": CHANCE.normal(size=(3, 3)) / 2, "b2": CHANCE.normal(size=3) / 3}  # fmt: skip
X, T, LABELS = CHANCE.normal(size=(6, 4)), 2 * CHANCE.normal(size=(6, 3)), np.array([0, 2, 1, 1, 0, 2])


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("acts", "loss"),
    [(("tanh", "linear"), "huber"), (("elu", "elu"), "mse"), (("elu", "linear"), "multi"), (("linear",), "multi"),
     pytest.param(("relu", "tanh"), "multi", marks=pytest.mark.long),
     pytest.param(("elu", "softplus", "linear"), "huber", marks=pytest.mark.long),
     pytest.param(("tanh", "elu", "softmax"), "ce", marks=pytest.mark.long)],
)  # fmt: skip
def test_every_mistake_at_every_place_is_named(acts, loss):
    lesson = Lesson(acts, loss, l2=0.3 if len(acts) == 3 else 0.0)
    prepared = Prepared(lesson, 3)
    found = [(plant, said, stories[0].mistakes) for plant, said, stories in single(prepared)]

    assert [one for one in found if one[1] not in ("exact", "tied")] == []
    assert len(found) >= 0.85 * len(plants_for(lesson))
    assert sum(said == "exact" for _, said, _ in found) >= 0.9 * len(found)


def forward(params, X):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.where(Z1 > 0, Z1, np.exp(Z1) - 1)
    return Z1, A1, A1 @ params["W2"] + params["b2"]


def backward(params, X, dP, slope=lambda Z, A: np.where(Z > 0, 1.0, np.exp(Z))):
    Z1, A1, _ = forward(params, X)
    dZ1 = dP @ params["W2"].T * slope(Z1, A1)
    return {"W1": X.T @ dZ1, "b1": dZ1.sum(0), "W2": A1.T @ dP, "b2": dP.sum(0)}


def huber_loss(delta):
    def loss(params, X, y):
        e = np.abs(forward(params, X)[2] - y)
        return np.mean(np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)))

    return loss


@pytest.mark.parametrize("delta", [1.0, 0.5, 2.0])
def test_hubers_loss_is_recognised_with_its_delta_and_right_slopes_are_accepted(delta):
    def backprop(params, X, y):
        return backward(params, X, np.clip(forward(params, X)[2] - y, -delta, delta) / y.size)

    result = check(huber_loss(delta), backprop, PARAMS, X, T)

    assert result.ok
    assert result.evaluation.network.kind.delta == delta
    assert result.evaluation.network.activations[0].name == "elu"
    assert "Huber's loss" in result.evaluation.network.words()


def test_a_delta_left_out_in_front_of_the_sign_is_named():
    def backprop(params, X, y):
        e = forward(params, X)[2] - y
        return backward(params, X, np.where(np.abs(e) <= 2, e, np.sign(e)) / y.size)

    result = check(huber_loss(2.0), backprop, PARAMS, X, T)

    assert result.codes == ["WRONG_LOSS"]
    assert "delta is left out in front of the sign" in " ".join(result.text().split())


def test_the_slope_of_the_elu_written_with_its_output_alone_is_named():
    def backprop(params, X, y):
        dP = np.clip(forward(params, X)[2] - y, -1, 1) / y.size
        return backward(params, X, dP, slope=lambda Z, A: np.where(Z > 0, 1.0, A))  # + 1 is forgotten

    result = check(huber_loss(1.0), backprop, PARAMS, X, T)

    assert result.codes == ["WRONG_ACT_DERIV"]
    assert "np.where(Z1 > 0, 1, A1)" in " ".join(result.text().split())


def multi(params, X, labels):
    P, rows = forward(params, X)[2], np.arange(len(X))
    too_near = np.maximum(0, 1 + P - P[rows, labels].reshape(-1, 1))
    return (np.sum(too_near) - len(X)) / P.size  # less the right class, which is 1 too near itself


def over(params, X, labels):
    P, rows = forward(params, X)[2], np.arange(len(X))
    M = (1 + P - P[rows, labels][:, None] > 0) * 1.0
    M[rows, labels] = 0
    return M, rows


def test_scores_with_class_numbers_are_recognised_and_a_right_class_without_gradient_is_named():
    def backprop(params, X, labels):
        M, rows = over(params, X, labels)
        M[rows, labels] = -M.sum(axis=1)
        return backward(params, X, M / M.size)

    def forgetful(params, X, labels):
        M, _ = over(params, X, labels)
        return backward(params, X, M / M.size)

    assert check(multi, backprop, PARAMS, X, LABELS).ok
    result = check(multi, forgetful, PARAMS, X, LABELS)
    assert result.evaluation.network.kind is MARGINS
    assert result.codes == ["DROPPED_PATH"]
    assert "the score of the right class gets no gradient" in " ".join(result.text().split())


def test_on_a_margin_every_slope_is_accepted_that_moves_both_scores_alike():
    lesson = Lesson(("linear",), "multi")
    net = Prepared(lesson, 1).net
    params = {"W1": np.array([[1.0, 0.0, -0.5]]), "b1": np.zeros(3)}
    x, y = np.array([[1.0], [0.5]]), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # sample 0: 1 - 1 + 0 is exactly 0
    record = Record(net, params, x, y)
    without = gradients(net, record)["db1"]
    low, high = intervals(net, record)["b1"]

    assert np.allclose(without, [1 / 6, -2 / 6, 1 / 6])
    assert np.allclose(low, [0, -2 / 6, 1 / 6])
    assert np.allclose(high, [1 / 6, -1 / 6, 1 / 6])
    for share in (0.0, 0.3, 1.0):

        def backprop(params, X, y, share=share):
            P = X @ params["W1"] + params["b1"]
            m = 1 - (P * y).sum(1, keepdims=True) + P
            M = np.where(m > 0, 1.0, np.where(m == 0, share, 0.0)) * (1 - y)
            G = (M - y * M.sum(1, keepdims=True)) / y.size
            return {"W1": X.T @ G, "b1": G.sum(0)}

        assert check(lesson.loss, backprop, params, x, y).ok


def test_the_derivatives_are_those_measured_on_the_losses():
    p, y = CHANCE.normal(size=(5, 4)), np.eye(4)[[0, 1, 2, 3, 1]]
    t, h = 2 * CHANCE.normal(size=(5, 4)), 1e-6
    for kind, target in ((HUBER, t), (huber(0.5), t), (MARGINS, y)):
        for index in np.ndindex(p.shape):
            up, down = p.copy(), p.copy()
            up[index] += h
            down[index] -= h
            measured = (kind.terms(up, target).sum() - kind.terms(down, target).sum()) / (2 * h)

            assert kind.derivative(p, target)[index] == pytest.approx(measured, abs=1e-8)


def test_an_entry_on_a_kink_is_not_listed_beside_a_wrong_one():
    params, X, y = {"W": np.array([[0.0], [1.0]])}, np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[1.0], [3.0]])

    def loss(W, X, y):
        return np.sum((np.where(X @ W > 0, X @ W, 0.0 * (X @ W)) - y) ** 2)

    def backprop(W, X, y):
        Z = X @ W
        dZ = 2 * (np.maximum(Z, 0) - y) * np.where(Z > 0, 1.0, np.where(Z == 0, 0.25, 0.0))
        return {"W": X.T @ dZ + [[0.0], [7.0]]}

    given = check(loss, backprop, params, X, y, mend=False).evaluation.cases[0]
    assert given.comparison["W"].wrong == [(1, 0)]
