"""Skip-gram with negative samples: two tables of vectors, logistic losses, repeated words."""

import numpy as np

BACKWARD = ["sgns"]


def loss(inner, outer, centre, context, negatives):
    v = inner[centre]
    pos = (v * outer[context]).sum(axis=1)
    neg = (v[:, None, :] * outer[negatives]).sum(axis=2)
    return np.log(1 + np.exp(-pos)).sum() + np.log(1 + np.exp(neg)).sum()


def sgns(inner, outer, centre, context, negatives):
    v = inner[centre]
    u, w = outer[context], outer[negatives]
    gpos = -1 / (1 + np.exp((v * u).sum(axis=1)))
    gneg = 1 / (1 + np.exp(-(v[:, None, :] * w).sum(axis=2)))
    gv = gpos[:, None] * u + (gneg[:, :, None] * w).sum(axis=1)
    gu = gpos[:, None] * v
    gw = gneg[:, :, None] * v[:, None, :]
    ginner, gouter = np.zeros_like(inner), np.zeros_like(outer)
    np.add.at(ginner, centre, gv)
    np.add.at(gouter, context, gu)
    np.add.at(gouter, negatives, gw)
    return ginner, gouter


backprop = sgns


def make(seed):
    r = np.random.default_rng(seed)
    return {"inner": r.normal(size=(5, 3)), "outer": r.normal(size=(5, 3))}, (
        r.integers(0, 5, size=4),
        r.integers(0, 5, size=4),
        r.integers(0, 5, size=(4, 2)),
    )
