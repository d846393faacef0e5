"""Right derivations in every calling style are called right: caches, updated weights, seeds, shapes, results."""

import functools

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine import Value

check = functools.partial(tg.check, mend=False)  # mends are tried in test_lines.py
W = np.array([[1.0], [2.0]])
X = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, 0.5]])
y = np.array([[1.0], [0.0], [2.0]])
RATE = 0.1


def layers(seed=0, samples=6):
    chance = np.random.default_rng(seed)
    params = {"W1": chance.normal(size=(3, 4)), "b1": np.zeros(4), "W2": chance.normal(size=(4, 2)), "b2": np.zeros(2)}
    return params, chance.normal(size=(samples, 3)), chance.normal(size=(samples, 2))


def loss(W1, b1, W2, b2, X, y):
    return np.mean((np.tanh(X @ W1 + b1) @ W2 + b2 - y) ** 2)


def gradients(W1, b1, W2, b2, X, y, factor=2):
    a = np.tanh(X @ W1 + b1)
    d = factor * (a @ W2 + b2 - y) / y.size
    dz = d @ W2.T * (1 - a * a)
    return X.T @ dz, dz.sum(axis=0), a.T @ d, d.sum(axis=0)


# ---------------------------------------------------------------------- memory between forward and backward


def test_a_cache_filled_by_the_forward_pass_is_there_for_the_backward_pass():
    cache = {}

    def loss(W, X, y):
        cache["e"] = X @ W - y
        return np.sum(cache["e"] ** 2)

    result = check(loss, lambda W, X, y: 2 * X.T @ cache["e"], {"W": W}, X, y)

    assert result.ok
    assert cache == {}


def test_no_value_of_a_recorded_pass_stays_in_an_object_of_the_users():
    class Net:
        calls = 0

        def loss(self, W, X, y):
            Net.calls += 1
            self.X, self.a = X, np.tanh(X @ W)
            return ((self.a - y) ** 2).mean()

        def backward(self, W, X, y):
            return self.X.T @ (2 * (self.a - y) / y.size * (1 - self.a**2))

    net = Net()
    net.loss(W, X, y)
    kept = net.a

    assert check(net.loss, net.backward, {"W": W}, X, y).ok
    assert net.a is kept
    assert not isinstance(kept.ravel()[0], Value)
    assert Net.calls == 1


def test_a_cache_that_keeps_its_first_entry_is_emptied_before_each_pass():
    memory = {}

    def forward(W, X):
        if "z" not in memory:
            memory["z"] = X @ W
        return memory["z"]

    def loss(W, X, y):
        return np.sum((forward(W, X) - y) ** 2)

    assert check(loss, lambda W, X, y: 2 * X.T @ (forward(W, X) - y), {"W": W}, X, y).ok


def test_a_cache_handed_over_as_an_argument_is_one_for_both_passes():
    def loss(W, X, y, cache):
        cache["e"] = X @ W - y
        return np.sum(cache["e"] ** 2)

    assert check(loss, lambda W, X, y, cache: 2 * X.T @ cache["e"], {"W": W}, X, y, {}).ok


def test_a_stale_cache_is_still_found_wrong():
    """A backward pass that reads what the forward pass of another problem left is wrong, and is called so."""
    first = []

    def loss(W, X, y):
        return np.sum((X @ W - y) ** 2)

    def backprop(W, X, y, first=first):
        return 2 * X.T @ (X @ W - y) * (1.0 if X.shape == (3, 2) else 0.5)

    assert not check(loss, backprop, {"W": W}, X, y).ok


# ---------------------------------------------------------------------- updated weights


def descend(*arguments, lr=RATE):
    return tuple(p - lr * g for p, g in zip(arguments, gradients(*arguments), strict=False))


def descend_in_place(*arguments):
    for p, g in zip(arguments, gradients(*arguments), strict=False):
        p -= 0.1 * g


@pytest.mark.parametrize("backprop", [descend, descend_in_place])
def test_updated_weights_are_recognised_and_read_as_gradients(backprop):
    params, X, y = layers()
    result = check(loss, backprop, params, X, y)

    assert result.ok
    assert "lr=0.1" in dict(result.evaluation.remarks)["UPDATES"]


@pytest.mark.parametrize("backprop", [descend, descend_in_place])
def test_a_wrong_learning_rate_is_named_and_no_factor(backprop):
    params, X, y = layers()
    result = check(loss, backprop, params, X, y, updates=True, lr=0.05)

    assert result.ok
    assert "0.1, not lr=0.05" in dict(result.evaluation.remarks)["LEARNING_RATE"]


def test_a_factor_beside_a_named_learning_rate_is_a_factor():
    def backprop(*arguments, lr=0.1):
        return tuple(p - lr * g for p, g in zip(arguments, gradients(*arguments, factor=1), strict=False))

    params, X, y = layers()

    assert check(loss, backprop, params, X, y).codes == ["FACTOR_2"]
    assert check(loss, backprop, params, X, y, updates=True, lr=0.1).codes == ["FACTOR_2"]


def test_a_flipped_sign_at_weights_of_zero_is_no_update():
    """There yours = -exact is p - 1 * exact too; a sign is what it is."""
    params = {name: np.zeros_like(p) for name, p in layers()[0].items()}
    _, X, y = layers()
    result = check(loss, lambda *a: tuple(-g for g in gradients(*a)), params, X, y)

    assert not result.ok
    assert "UPDATES" not in dict(result.evaluation.remarks)


@pytest.mark.parametrize("factor", [0.5, -1.0, 3.0])
def test_a_multiple_of_a_gradient_that_is_a_multiple_of_its_parameter_is_no_update(factor):
    def loss(w, s):
        return s * (w * w).sum() / 2

    result = check(loss, lambda w, s: factor * s * w, {"w": np.array([1.0, -2.0, 3.0])}, 1.0)

    assert not result.ok
    assert "UPDATES" not in dict(result.evaluation.remarks)


# ---------------------------------------------------------------------- random numbers


def test_numbers_drawn_from_the_global_generator_are_drawn_again():
    def mask(X):
        return np.random.rand(*X.shape) > 0.5

    def loss(W, X, y):
        return np.sum((X * mask(X) @ W - y) ** 2)

    def backprop(W, X, y):
        kept = X * mask(X)
        return 2 * kept.T @ (kept @ W - y)

    np.random.seed(3)
    before = np.random.get_state()[1].tolist()
    result = check(loss, backprop, {"W": W}, X, y)

    assert result.ok
    assert "RANDOM" in dict(result.evaluation.remarks)
    assert np.random.get_state()[1].tolist() == before


def test_a_generator_in_a_closure_is_put_back():
    chance = np.random.default_rng(0)
    kept = {}

    def loss(W, X, y):
        kept["m"] = chance.random(X.shape) > 0.5
        return np.sum((X * kept["m"] @ W - y) ** 2)

    def backprop(W, X, y):
        m = X * kept["m"]
        return 2 * m.T @ (m @ W - y)

    assert check(loss, backprop, {"W": W}, X, y).ok


def test_a_loss_that_is_not_the_same_twice_gets_no_verdict():
    def loss(W, X, y):
        return np.sum((X * np.random.default_rng().random(X.shape) @ W - y) ** 2)

    result = check(loss, lambda W, X, y: W, {"W": W}, X, y)

    assert not result.ok
    assert result.wrong == ["W"] or "two different numbers" in result.evaluation.error
    assert "fix the seed" in result.text()


# ---------------------------------------------------------------------- what cannot be tried crashes nothing


def test_a_target_as_long_as_the_output_is_wide():
    def loss(W, X, y):
        return np.sum((X.mean(axis=0) @ W - y) ** 2)

    def backprop(W, X, y):
        return np.outer(X.mean(axis=0), 2 * (X.mean(axis=0) @ W - y))

    X = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, 0.0]])

    assert check(loss, backprop, {"W": np.eye(2)}, X, np.array([0.0, 1.0])).ok
    assert check(
        lambda W, X, y: loss(W, X.T, y),
        lambda W, X, y: backprop(W, X.T, y),
        {"W": np.eye(2)},
        X.T,
        np.array([0.0, 1.0]),
    ).ok


ODD = [
    [[1.0], [1.0, 2.0]],
    "words",
    None,
    {"k": [1]},
    (i for i in "ab"),
    np.array([np.nan, 1.0]),
    np.zeros((0, 2)),
    3,
    print,
]


@pytest.mark.few(3)
@pytest.mark.parametrize("first", ODD, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("second", [None, 2.0, np.array(["a", "b"]), np.zeros((3, 0))], ids=str)
def test_odd_data_is_a_line_of_the_report(first, second):
    def loss(w, first, second):
        return (w * w).sum()

    assert check(loss, lambda w, first, second: 2 * w, {"w": np.array([1.0, -2.0, 0.5])}, first, second).ok


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "result",
    [None, 3.0, "dW", [], {}, {"dW": None}, (1, 2, 3), [[1.0], [2.0, 3.0]], np.zeros((2, 2)), object, Value(1.0)],
)
def test_an_odd_result_is_a_line_of_the_report(result):
    found = check(lambda W, X, y: np.sum((X @ W - y) ** 2), lambda W, X, y: result, {"W": W}, X, y)

    assert not found.ok
    assert len(found.text()) > 40


@pytest.mark.few(3)
@pytest.mark.parametrize("function", [3, print, dict, lambda: 0.0, lambda *a, **k: [], np.sum, lambda W, X, y: 1 / 0])
def test_an_odd_function_is_a_line_of_the_report(function):
    right = lambda W, X, y: 2 * X.T @ (X @ W - y)  # noqa: E731

    assert not check(function, right, {"W": W}, X, y).ok
    assert not check(lambda W, X, y: np.sum((X @ W - y) ** 2), function, {"W": W}, X, y).ok


def test_parameters_without_entries_are_judged():
    loss = lambda w, v, X: (w * w).sum() + v.sum()  # noqa: E731
    result = check(loss, lambda w, v, X: (2 * w, np.ones_like(v)), {"w": np.ones(2), "v": np.zeros((0, 3))}, X)

    assert result.ok


# ---------------------------------------------------------------------- results in every form


FORMS = {
    "a pair of loss and dict": lambda *a: (0.5, dict(zip(("dW1", "db1", "dW2", "db2"), gradients(*a), strict=True))),
    "a pair of loss and tuple": lambda *a: (0.5, gradients(*a)),
    "weights and biases": lambda *a: ([gradients(*a)[0], gradients(*a)[2]], [gradients(*a)[1], gradients(*a)[3]]),
    "layer by layer": lambda *a: [gradients(*a)[:2], gradients(*a)[2:]],
    "one long vector": lambda *a: np.concatenate([g.ravel() for g in gradients(*a)]),
    "nested dicts": lambda *a: {"grads": dict(zip(("W1", "b1", "W2", "b2"), gradients(*a), strict=True)), "loss": 0.5},
}


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_read_in_every_form(form):
    params, X, y = layers()

    assert check(loss, FORMS[form], params, X, y).ok


# ---------------------------------------------------------------------- a measured reference


def test_a_measured_reference_is_never_called_exact():
    import math

    def loss(w, X):
        return math.exp(sum(a * b for a, b in zip(w, X, strict=True)))

    def backprop(w, X):
        return [loss(w, X) * x for x in X]

    def near(w, X):
        return [loss(w, X) * x * (1 + 4e-7) for x in X]

    right = check(loss, backprop, {"w": [0.5, -0.2]}, [1.0, 2.0])
    wrong = check(loss, near, {"w": [0.5, -0.2]}, [1.0, 2.0])

    assert right.ok
    assert not wrong.ok
    assert "exact" not in right.text().replace("Exact gradients: measured", "").lower()
    assert "agrees with the measured" in right.text()
    assert wrong.taylor is None or not wrong.taylor.ok


def test_a_fault_of_ours_is_a_line_of_the_report(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("tinygrad_lite.checking.check.diagnose", lambda *a: 1 / 0)
    result = check(lambda W, X, y: np.sum((X @ W - y) ** 2), lambda W, X, y: W, {"W": W}, X, y)

    assert not result.ok
    assert "a fault of tinygrad_lite" in " ".join(result.text().split())


def test_a_number_among_the_data_is_not_taken_for_the_learning_rate():
    def loss(*arguments):
        a, b, x, y = arguments
        return (np.tanh(a * x) * b - y) ** 2

    def step(*arguments, lr=0.1):
        a, b, x, y = arguments
        d = 2 * (np.tanh(a * x) * b - y)
        return a - lr * d * b * x * (1 - np.tanh(a * x) ** 2), b - lr * d * np.tanh(a * x)

    result = check(loss, step, {"a": 0.3, "b": -0.7}, 1.5, 2.0)

    assert result.ok
    assert "lr=0.1" in dict(result.evaluation.remarks)["UPDATES"]
