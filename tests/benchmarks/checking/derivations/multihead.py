"""Two-head attention, heads in a loop, one projection out; a helper for softmax and its backward."""

import numpy as np

BACKWARD = ["mha_backward", "softmax_backward"]
HEADS = 2


def softmax(s):
    e = np.exp(s - np.max(s, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def softmax_backward(p, dp):
    return p * (dp - np.sum(p * dp, axis=1, keepdims=True))


def mha_loss(Wqkv, Wo, x, y):
    d = Wo.shape[0]
    w = d // HEADS
    qkv = x @ Wqkv
    heads = []
    for h in range(HEADS):
        cut = slice(h * w, h * w + w)
        q, k, v = qkv[:, :d][:, cut], qkv[:, d : 2 * d][:, cut], qkv[:, 2 * d :][:, cut]
        heads.append(softmax(q @ k.T / w**0.5) @ v)
    out = np.concatenate(heads, axis=1) @ Wo
    return 0.5 * np.sum((out - y) ** 2)


def mha_backward(Wqkv, Wo, x, y):
    d = Wo.shape[0]
    w = d // HEADS
    qkv = x @ Wqkv
    probs, heads = [], []
    for h in range(HEADS):
        cut = slice(h * w, h * w + w)
        q, k, v = qkv[:, :d][:, cut], qkv[:, d : 2 * d][:, cut], qkv[:, 2 * d :][:, cut]
        probs.append(softmax(q @ k.T / w**0.5))
        heads.append(probs[h] @ v)
    joined = np.concatenate(heads, axis=1)
    dout = joined @ Wo - y
    dWo = joined.T @ dout
    djoined = dout @ Wo.T
    dqkv = np.zeros_like(qkv)
    for h in range(HEADS):
        cut = slice(h * w, h * w + w)
        q, k, v = qkv[:, :d][:, cut], qkv[:, d : 2 * d][:, cut], qkv[:, 2 * d :][:, cut]
        dhead = djoined[:, cut]
        dv = probs[h].T @ dhead
        dp = dhead @ v.T
        ds = softmax_backward(probs[h], dp) / w**0.5
        dqkv[:, :d][:, cut] = ds @ k
        dqkv[:, d : 2 * d][:, cut] = ds.T @ q
        dqkv[:, 2 * d :][:, cut] = dv
    return {"dWqkv": x.T @ dqkv, "dWo": dWo}


loss, backprop = mha_loss, mha_backward


def make(seed):
    r = np.random.default_rng(seed)
    return {"Wqkv": r.normal(size=(3, 12)), "Wo": r.normal(size=(4, 2))}, (r.normal(size=(4, 3)), r.normal(size=(4, 2)))
