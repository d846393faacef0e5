"""Other numbers, samples and sizes show what the user's own data hides, and a right derivation passes them all."""

import numpy as np
import pytest

from tinygrad_lite.checking.check import check
from tinygrad_lite.checking.lines.bench import Bench
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.trial.variations import variations

chance = np.random.default_rng(0)


def centred(W, X):
    z = X @ W
    return ((z - z.mean(0)) ** 4).sum()


def centred_back(axis):
    def backprop(W, X):
        z = X @ W
        d = 4 * (z - z.mean(0)) ** 3
        return X.T @ (d - d.sum(0) / z.shape[axis])

    return backprop


def looked_up(E, ids, w):
    return (E[ids] * w).sum() ** 2


def looked_up_back(add):
    def backprop(E, ids, w):
        d = np.zeros_like(E)
        add(d, ids, 2 * (E[ids] * w).sum() * w)
        return d

    return backprop


def assign(d, ids, g):
    d[ids] += g


def test_a_size_in_the_place_of_another_is_found_though_both_are_equal():
    problem = {"W": chance.normal(size=(3, 3))}, chance.normal(size=(3, 3))
    wrong = check(centred, centred_back(1), *problem)

    assert wrong.evaluation.cases[0].ok
    assert not wrong.ok
    assert "a sample more" in wrong.text()
    assert check(centred, centred_back(0), *problem).ok


def test_indices_that_happen_not_to_repeat_hide_nothing():
    problem = {"E": chance.normal(size=(5, 3))}, np.array([0, 2, 4]), chance.normal(size=(3, 3))
    wrong = check(looked_up, looked_up_back(assign), *problem)

    assert wrong.evaluation.cases[0].ok
    assert not wrong.ok
    assert check(looked_up, looked_up_back(np.add.at), *problem).ok


def test_a_mask_that_fits_the_users_data_alone_is_found():
    X = np.abs(chance.normal(size=(4, 3)))

    def loss(w, X):
        return (np.maximum(X, 0) * w).sum() ** 2

    wrong = check(loss, lambda w, X: 2 * (X * w).sum() * X.sum(0), {"w": np.array([1.0, 2.0, -0.5])}, X - X.min() / 2)
    one = check(loss, lambda w, X: 2 * (X * w).sum() * X.sum(0), {"w": np.array([1.0, 2.0, -0.5])}, X - 0.5)

    assert wrong.ok  # all are positive, and stay so: what was not tried is not claimed
    assert not one.ok


def test_a_pass_says_what_was_tried_and_what_was_not():
    text = " ".join(check(lambda w: (w**3).sum(), lambda w: 3 * w**2, {"w": np.array([1.0, 2.0])}).text().split())

    assert "no two sizes hide" not in text
    assert "parameters moved" in text
    assert "other data" in text.partition("Not tried")[2]


ROWS = np.eye(3)[[0, 2, 1, 1]]
SYMMETRIC = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, 0.1], [0.5, 0.1, 1.0]])
KEPT = {
    "one in each row": (ROWS, lambda x: set(np.unique(x)) <= {0.0, 1.0} and np.all(x.sum(-1) == 1)),
    "probabilities": (
        np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]),
        lambda x: np.allclose(x.sum(-1), 1) and x.min() >= 0,
    ),
    "signs": (np.array([1.0, -1.0, -1.0, 1.0]), lambda x: set(np.unique(x)) <= {-1.0, 1.0}),
    "whole numbers": (np.array([4, 0, 2, 7]), lambda x: x.dtype.kind == "i" and set(x.tolist()) <= {4, 0, 2, 7}),
    "symmetric": (SYMMETRIC, lambda x: np.allclose(x, x.T) and np.linalg.eigvalsh(x).min() > 0),
    "ascending": (np.array([0.1, 0.4, 0.5, 2.0]), lambda x: np.all(np.diff(x) >= 0)),
    "positive": (np.array([[0.1, 3.0], [2.0, 5.0]]), lambda x: x.min() >= 0.1 and x.max() <= 5.0),
}


@pytest.mark.parametrize("kind", KEPT)
@pytest.mark.parametrize("seed", range(5))
def test_what_holds_of_the_users_data_holds_of_other_data(kind, seed):
    x, holds = KEPT[kind]
    made = [
        p for p in variations(Problem("your data", {"w": np.ones(2)}, (x,)), seed, lambda p: True) if "other" in p.name
    ]

    assert made
    assert all(holds(p.data[0]) for p in made)


def test_lists_stay_lists_and_single_numbers_are_left():
    given = Problem("your data", {"w": np.ones(2)}, ([1.0, 2.0, 4.0], 0.1, "words", None, [[1.0], [2.0, 3.0]]))

    for problem in variations(given, 0, lambda p: True):
        assert isinstance(problem.data[0], list)
        assert problem.data[1:] == given.data[1:]


# ---------------------------------------------------------------------- the bench


def test_a_bench_says_where_a_backprop_is_right():
    problem = {"E": chance.normal(size=(5, 3))}, np.array([0, 2, 4]), chance.normal(size=(3, 3))
    wrong, right = (Bench(check(looked_up, looked_up_back(f), *problem).evaluation, 100.0) for f in (assign, np.add.at))
    everywhere = range(len(wrong.problems))

    assert len(everywhere) >= 6
    assert {k for k in everywhere if not wrong.gradients(k, {})[1]} >= {0}
    assert all(right.gradients(k, {})[1] == {"E"} for k in everywhere)


def test_what_never_ends_is_stopped_on_the_bench_and_the_next_one_runs(monkeypatch):
    def endless():
        while True:
            pass

    problem = {"E": chance.normal(size=(5, 3))}, np.array([0, 2, 4]), chance.normal(size=(3, 3))
    bench = Bench(check(looked_up, looked_up_back(np.add.at), *problem).evaluation, 100.0)
    monkeypatch.setattr("tinygrad_lite.checking.lines.bench.EACH", 0.05)

    for _ in range(3):
        with pytest.raises(TimeoutError):
            bench.guard(endless)
        assert bench.gradients(0, {})[1] == {"E"}
    assert bench.late(0.14)


def test_a_loss_that_cancels_accuses_nobody_and_hides_no_mistake():
    """log(1 - p) with p near 1 leaves the exact gradients five digits; what is wrong by more than that is wrong."""

    def loss(w, X, y):
        p = 1 / (1 + np.exp(-(X @ w)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    def backprop(w, X, y, factor=1.0):
        return factor * X.T @ (1 / (1 + np.exp(-(X @ w))) - y) / len(y)

    X, y = np.array([[1.0, 0.2], [2.0, -0.3], [2.4, 0.7]]), np.array([1.0, 0.0, 0.0])
    problem = {"w": np.array([9.5, 1.5])}, X, y

    assert check(loss, backprop, *problem, mend=False).ok
    assert not check(loss, lambda *a: backprop(*a, factor=1.001), *problem, mend=False).ok
