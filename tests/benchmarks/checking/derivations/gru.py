"""A GRU over steps with three pairs of matrices in a dict, an error at each step."""

import numpy as np

BACKWARD = ["gradients"]


def squash(v):
    return 1.0 / (1.0 + np.exp(-v))


def loss(params, inputs, targets):
    s = np.zeros(params["Uz"].shape[0])
    total = 0.0
    for x, t in zip(inputs, targets):
        z = squash(params["Wz"] @ x + params["Uz"] @ s)
        r = squash(params["Wr"] @ x + params["Ur"] @ s)
        c = np.tanh(params["Wc"] @ x + params["Uc"] @ (r * s))
        s = (1 - z) * s + z * c
        total = total + 0.5 * ((s - t) ** 2).sum()
    return total


def gradients(params, inputs, targets):
    steps = len(inputs)
    width = params["Uz"].shape[0]
    states = np.zeros((steps + 1, width))
    zs, rs, cs = np.zeros((steps, width)), np.zeros((steps, width)), np.zeros((steps, width))
    for k in range(steps):
        zs[k] = squash(params["Wz"] @ inputs[k] + params["Uz"] @ states[k])
        rs[k] = squash(params["Wr"] @ inputs[k] + params["Ur"] @ states[k])
        cs[k] = np.tanh(params["Wc"] @ inputs[k] + params["Uc"] @ (rs[k] * states[k]))
        states[k + 1] = (1 - zs[k]) * states[k] + zs[k] * cs[k]
    out = {name: np.zeros_like(value) for name, value in params.items()}
    carry = np.zeros(width)
    for k in range(steps - 1, -1, -1):
        ds = carry + states[k + 1] - targets[k]
        dzpre = ds * (cs[k] - states[k]) * zs[k] * (1 - zs[k])
        dcpre = ds * zs[k] * (1 - cs[k] ** 2)
        drs = params["Uc"].T @ dcpre
        drpre = drs * states[k] * rs[k] * (1 - rs[k])
        out["Wz"] += np.outer(dzpre, inputs[k])
        out["Uz"] += np.outer(dzpre, states[k])
        out["Wr"] += np.outer(drpre, inputs[k])
        out["Ur"] += np.outer(drpre, states[k])
        out["Wc"] += np.outer(dcpre, inputs[k])
        out["Uc"] += np.outer(dcpre, rs[k] * states[k])
        carry = ds * (1 - zs[k]) + drs * rs[k]
        carry += params["Uz"].T @ dzpre + params["Ur"].T @ drpre
    return out


backprop = gradients


def make(seed):
    r = np.random.default_rng(seed)
    p = {k: r.normal(size=(3, 2)) for k in ("Wz", "Wr", "Wc")} | {
        k: 0.8 * r.normal(size=(3, 3)) for k in ("Uz", "Ur", "Uc")
    }
    return p, (r.normal(size=(4, 2)), r.normal(size=(4, 3)))
