"""A linear-chain CRF: forward and backward sums, expected counts less observed ones."""

import numpy as np

BACKWARD = ["crf_grad"]


def lse(v, axis):
    top = v.max(axis=axis)
    return np.log(np.exp(v - np.expand_dims(top, axis)).sum(axis=axis)) + top


def crf_loss(emit, trans, tags):
    T = len(tags)
    alpha = emit[0]
    gold = emit[0, tags[0]]
    for t in range(1, T):
        alpha = lse(alpha[:, None] + trans, 0) + emit[t]
        gold = gold + trans[tags[t - 1], tags[t]] + emit[t, tags[t]]
    return lse(alpha, 0) - gold


def crf_grad(emit, trans, tags):
    T, K = emit.shape
    alpha, beta = np.zeros((T, K)), np.zeros((T, K))
    alpha[0] = emit[0]
    for t in range(1, T):
        alpha[t] = lse(alpha[t - 1][:, None] + trans, 0) + emit[t]
    for t in range(T - 2, -1, -1):
        beta[t] = lse(trans + emit[t + 1] + beta[t + 1], 1)
    logZ = lse(alpha[-1], 0)
    node = np.exp(alpha + beta - logZ)
    demit = node.copy()
    dtrans = np.zeros_like(trans)
    for t in range(1, T):
        edge = alpha[t - 1][:, None] + trans + emit[t] + beta[t]
        dtrans += np.exp(edge - logZ)
        dtrans[tags[t - 1], tags[t]] -= 1
    demit[np.arange(T), tags] -= 1
    return {"emit": demit, "trans": dtrans}


loss, backprop = crf_loss, crf_grad


def make(seed):
    r = np.random.default_rng(seed)
    return {"emit": r.normal(size=(5, 3)), "trans": r.normal(size=(3, 3))}, (r.integers(0, 3, size=5),)
