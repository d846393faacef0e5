"""Every loss with a backpropagation written by hand, on trial before `tg.check`: right ones pass, a slip does not."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn

np = pytest.importorskip("numpy")

RNG = np.random.default_rng(4)
X = RNG.normal(size=(7, 3))
NUMBERS = RNG.normal(size=7)
BITS = np.array([0.0, 1.0, 1.0, 0.0, 0.25, 1.0, 0.0])
SIDES = np.array([1, -1, 1, 1, -1, -1, 1])
CLASSES = np.array([2, 0, 1, 1, 0, 2, 2])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def one_hot(t, Z):
    return np.eye(Z.shape[1])[np.asarray(t, dtype=int)]


def margins(Z, t):
    """For each sample and class the slope of the multi-class hinge along its score, times samples and classes."""
    t = np.asarray(t, dtype=int)
    inside = (1 - Z[np.arange(len(t)), t][:, None] + Z > 0) * (1 - one_hot(t, Z))
    return inside - one_hot(t, Z) * inside.sum(axis=1, keepdims=True)


# the loss, its targets, and its gradient along the outputs z, by hand; classes have one column of z each
BY_HAND = {
    "mse": (nn.mse, NUMBERS, lambda z, t: 2 * (z - t) / len(t)),
    "half_mse": (nn.half_mse, NUMBERS, lambda z, t: (z - t) / len(t)),
    "sse": (nn.sse, NUMBERS, lambda z, t: 2 * (z - t)),
    "mae": (nn.mae, NUMBERS, lambda z, t: np.sign(z - t) / len(t)),
    "huber": (nn.huber, NUMBERS, lambda z, t: np.clip(z - t, -1, 1) / len(t)),
    "binary_cross_entropy_from_logits": (
        nn.binary_cross_entropy_from_logits,
        BITS,
        lambda z, t: (sigmoid(z) - t) / len(t),
    ),
    "binary_cross_entropy": (
        lambda z, t: nn.binary_cross_entropy([tg.sigmoid(x) for x in z], t),
        BITS,
        lambda z, t: (sigmoid(z) - t) / (sigmoid(z) * (1 - sigmoid(z))) / len(t) * sigmoid(z) * (1 - sigmoid(z)),
    ),
    "cross_entropy": (nn.cross_entropy, CLASSES, lambda Z, t: (softmax(Z) - one_hot(t, Z)) / len(t)),
    "hinge": (nn.hinge, SIDES, lambda z, t: np.where(t * z < 1, -t, 0) / len(t)),
    "multi_class_hinge": (nn.multi_class_hinge, CLASSES, lambda Z, t: margins(Z, t) / Z.shape[1] / len(t)),
}


def trial(name, slip=1.0):
    loss, targets, gradient = BY_HAND[name]
    shape = (3, 3) if targets is CLASSES else (3,)
    params = {"W": RNG.normal(size=shape), "b": RNG.normal(size=shape[1:])}

    def loss_fn(W, b, X, t):
        return loss((X @ W + b).tolist(), np.asarray(t).tolist())

    def backprop(W, b, X, t):
        dZ = gradient(X @ W + b, np.asarray(t))
        return {"W": X.T @ dZ, "b": slip * dZ.sum(axis=0)}

    return tg.check(loss_fn, backprop, params, X, targets)


@pytest.mark.parametrize("name", BY_HAND)
def test_the_gradient_by_hand_passes_the_check(name):
    assert trial(name).ok


@pytest.mark.few(3)
@pytest.mark.parametrize("name", BY_HAND)
def test_a_slip_does_not_pass(name):
    assert not trial(name, slip=1.01).ok
