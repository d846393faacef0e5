"""An LSTM over steps, gates stacked in one matrix, caches in a list; squared error on the last state."""

import numpy as np

BACKWARD = ["bptt"]


def sig(a):
    return 1 / (1 + np.exp(-a))


def unroll(Wx, Wh, bias, seq):
    H = Wh.shape[0]
    hidden, cell = np.zeros(H), np.zeros(H)
    for x in seq:
        pre = x @ Wx + hidden @ Wh + bias
        i, f, o = sig(pre[:H]), sig(pre[H : 2 * H]), sig(pre[2 * H : 3 * H])
        g = np.tanh(pre[3 * H :])
        cell = f * cell + i * g
        hidden = o * np.tanh(cell)
    return hidden


def loss(Wx, Wh, bias, seq, goal):
    return ((unroll(Wx, Wh, bias, seq) - goal) ** 2).sum()


def bptt(Wx, Wh, bias, seq, goal):
    H = Wh.shape[0]
    hidden, cell, tape = np.zeros(H), np.zeros(H), []
    for x in seq:
        pre = x @ Wx + hidden @ Wh + bias
        i, f, o = sig(pre[:H]), sig(pre[H : 2 * H]), sig(pre[2 * H : 3 * H])
        g = np.tanh(pre[3 * H :])
        new = f * cell + i * g
        tape.append((x, hidden, cell, i, f, o, g, new))
        cell = new
        hidden = o * np.tanh(cell)
    gWx, gWh, gbias = 0 * Wx, 0 * Wh, 0 * bias
    gh = 2 * (hidden - goal)
    gc = np.zeros(H)
    for x, before, old, i, f, o, g, new in reversed(tape):
        tc = np.tanh(new)
        gc = gc + gh * o * (1 - tc**2)
        go = gh * tc * o * (1 - o)
        gi = gc * g * i * (1 - i)
        gf = gc * old * f * (1 - f)
        gg = gc * i * (1 - g**2)
        gpre = np.concatenate([gi, gf, go, gg])
        gWx += np.outer(x, gpre)
        gWh += np.outer(before, gpre)
        gbias += gpre
        gh = Wh @ gpre
        gc = gc * f
    return gWx, gWh, gbias


backprop = bptt


def make(seed):
    r = np.random.default_rng(seed)
    p = {"Wx": r.normal(size=(2, 12)), "Wh": 0.7 * r.normal(size=(3, 12)), "bias": r.normal(size=12)}
    return p, (r.normal(size=(4, 2)), r.normal(size=3))
