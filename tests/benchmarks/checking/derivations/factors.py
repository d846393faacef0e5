"""Matrix factorisation with biases and a penalty, over observed triples, one at a time."""

import numpy as np

BACKWARD = ["gradient"]
LAM = 0.05


def loss(P, Q, bu, bi, users, items, stars):
    total = 0.0
    for u, i, y in zip(users, items, stars):
        e = P[u] @ Q[i] + bu[u] + bi[i] - y
        total = total + e * e
    return total / len(stars) + LAM * ((P**2).sum() + (Q**2).sum())


def gradient(P, Q, bu, bi, users, items, stars):
    GP, GQ = 2 * LAM * P, 2 * LAM * Q
    gu, gi = np.zeros_like(bu), np.zeros_like(bi)
    m = len(stars)
    for u, i, y in zip(users, items, stars):
        e = P[u] @ Q[i] + bu[u] + bi[i] - y
        pull = 2 * e / m
        GP[u] += pull * Q[i]
        GQ[i] += pull * P[u]
        gu[u] += pull
        gi[i] += pull
    return GP, GQ, gu, gi


backprop = gradient


def make(seed):
    r = np.random.default_rng(seed)
    p = {"P": r.normal(size=(4, 2)), "Q": r.normal(size=(3, 2)), "bu": r.normal(size=4), "bi": r.normal(size=3)}
    return p, (r.integers(0, 4, size=7), r.integers(0, 3, size=7), r.normal(size=7))
