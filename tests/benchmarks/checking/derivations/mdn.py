"""A mixture density network: a hidden layer, mixture weights, means and widths, negative log-likelihood."""

import numpy as np

BACKWARD = ["mdn_grad"]


def mdn_loss(W, Va, Vm, Vs, X, t):
    H = np.tanh(X @ W)
    logit, mean, logs = H @ Va, H @ Vm, H @ Vs
    zeta = (t[:, None] - mean) / np.exp(logs)
    joint = logit - logs - 0.5 * zeta**2
    return (np.log(np.exp(logit).sum(axis=1)) - np.log(np.exp(joint).sum(axis=1))).mean()


def mdn_grad(W, Va, Vm, Vs, X, t):
    N = len(t)
    H = np.tanh(X @ W)
    logit, mean, logs = H @ Va, H @ Vm, H @ Vs
    zeta = (t[:, None] - mean) / np.exp(logs)
    prior = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    post = np.exp(logit - logs - 0.5 * zeta**2)
    post = post / post.sum(axis=1, keepdims=True)
    da = (prior - post) / N
    dm = -post * zeta / np.exp(logs) / N
    ds = post * (1 - zeta**2) / N
    dH = da @ Va.T + dm @ Vm.T + ds @ Vs.T
    dW = X.T @ (dH * (1 - H**2))
    return dW, H.T @ da, H.T @ dm, H.T @ ds


loss, backprop = mdn_loss, mdn_grad


def make(seed):
    r = np.random.default_rng(seed)
    return {
        "W": r.normal(size=(2, 4)),
        "Va": 0.5 * r.normal(size=(4, 2)),
        "Vm": r.normal(size=(4, 2)),
        "Vs": 0.3 * r.normal(size=(4, 2)),
    }, (r.normal(size=(5, 2)), r.normal(size=5))
