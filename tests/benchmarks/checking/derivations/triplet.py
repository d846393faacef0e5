"""A triplet loss of a linear embedding, with a margin and a hinge."""

import numpy as np

BACKWARD = ["triplet_backward"]
MARGIN = 1.0


def triplet_loss(M, anchor, positive, negative):
    ea, ep, en = anchor @ M, positive @ M, negative @ M
    near = ((ea - ep) ** 2).sum(axis=1)
    far = ((ea - en) ** 2).sum(axis=1)
    return np.maximum(near - far + MARGIN, 0).mean()


def triplet_backward(M, anchor, positive, negative):
    ea, ep, en = anchor @ M, positive @ M, negative @ M
    near = ((ea - ep) ** 2).sum(axis=1)
    far = ((ea - en) ** 2).sum(axis=1)
    active = (near - far + MARGIN > 0).astype(float)
    w = active / len(anchor)
    dnear, dfar = w, -w
    dea = 2 * dnear[:, None] * (ea - ep) + 2 * dfar[:, None] * (ea - en)
    dep = -2 * dnear[:, None] * (ea - ep)
    den = -2 * dfar[:, None] * (ea - en)
    dM = anchor.T @ dea + positive.T @ dep
    dM = dM + negative.T @ den
    return {"dM": dM}


loss, backprop = triplet_loss, triplet_backward


def make(seed):
    r = np.random.default_rng(seed)
    return {"M": r.normal(size=(3, 2))}, tuple(r.normal(size=(7, 3)) for _ in range(3))
