"""A contrastive loss of two views: cosine similarities over a temperature, cross-entropy along both axes."""

import numpy as np

BACKWARD = ["Head.back", "unit_back"]


def unit(v):
    return v / np.sqrt((v * v).sum(-1, keepdims=True))


def unit_back(v, g):
    norm = np.sqrt((v * v).sum(-1, keepdims=True))
    u = v / norm
    return (g - u * (u * g).sum(-1, keepdims=True)) / norm


class Head:
    def __init__(self, W, tau):
        self.W, self.tau = W, tau

    def forward(self, one, two):
        self.one, self.two = one, two
        self.a, self.b = one @ self.W, two @ self.W
        self.u, self.v = unit(self.a), unit(self.b)
        self.sim = self.u @ self.v.T / self.tau
        e = np.exp(self.sim)
        self.rows = e / e.sum(1, keepdims=True)
        self.cols = e / e.sum(0, keepdims=True)
        n = len(one)
        k = np.arange(n)
        return -(np.log(self.rows[k, k]) + np.log(self.cols[k, k])).sum() / (2 * n)

    def back(self):
        n = len(self.one)
        dsim = (self.rows + self.cols - 2 * np.eye(n)) / (2 * n)
        dtau = -(dsim * self.sim).sum() / self.tau
        du = dsim @ self.v / self.tau
        dv = dsim.T @ self.u / self.tau
        da = unit_back(self.a, du)
        db = unit_back(self.b, dv)
        return {"W": self.one.T @ da + self.two.T @ db, "tau": dtau}


def loss(W, tau, one, two):
    return Head(W, tau).forward(one, two)


def backprop(W, tau, one, two):
    head = Head(W, tau)
    head.forward(one, two)
    return head.back()


def make(seed):
    r = np.random.default_rng(seed)
    return {"W": r.normal(size=(3, 4)), "tau": 0.7}, (r.normal(size=(4, 3)), r.normal(size=(4, 3)))
