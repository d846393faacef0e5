"""Max pooling by pairs, then mean over the length, then a linear score with a logistic loss."""

import numpy as np

BACKWARD = ["grad"]


def loss(filt, head, series, label):
    n, length = series.shape
    width = len(filt)
    conv = np.stack([series[:, k : k + width] @ filt for k in range(length - width + 1)], axis=1)
    pairs = conv.reshape(n, -1, 2)
    top = pairs.max(axis=2)
    score = top @ head
    return np.log(1 + np.exp(-label * score)).mean()


def grad(filt, head, series, label):
    n, length = series.shape
    width = len(filt)
    places = length - width + 1
    conv = np.zeros((n, places))
    for k in range(places):
        conv[:, k] = series[:, k : k + width] @ filt
    pairs = conv.reshape(n, -1, 2)
    top = pairs.max(axis=2)
    score = top @ head
    dscore = -label / (1 + np.exp(label * score)) / n
    dhead = top.T @ dscore
    dtop = np.outer(dscore, head)
    chosen = pairs == top[:, :, None]
    dpairs = chosen * dtop[:, :, None]
    dconv = dpairs.reshape(n, places)
    dfilt = np.zeros(width)
    for k in range(places):
        dfilt += series[:, k : k + width].T @ dconv[:, k]
    return [dfilt, dhead]


backprop = grad


def make(seed):
    r = np.random.default_rng(seed)
    return {"filt": r.normal(size=3), "head": r.normal(size=3)}, (r.normal(size=(5, 8)), r.choice([-1.0, 1.0], size=5))
