"""Poisson regression with an offset and a ridge, lists and loops, no arrays at all."""

from math import exp

BACKWARD = ["gradient"]


def loss(w, b, rows, counts, offset, ridge):
    total = 0.0
    for row, k, o in zip(rows, counts, offset):
        eta = b + o
        for wi, xi in zip(w, row):
            eta = eta + wi * xi
        total = total + 2.718281828459045**eta - k * eta
    return total / len(rows) + ridge * sum(wi * wi for wi in w)


def gradient(w, b, rows, counts, offset, ridge):
    n = len(rows)
    dw = [0.0 for _ in w]
    db = 0.0
    for row, k, o in zip(rows, counts, offset):
        eta = b + o
        for j in range(len(w)):
            eta += w[j] * row[j]
        err = (exp(eta) - k) / n
        for j in range(len(w)):
            dw[j] += err * row[j]
        db += err
    for j in range(len(w)):
        dw[j] += 2 * ridge * w[j]
    return {"dw": dw, "db": db}


backprop = gradient


def make(seed):
    import random

    g = random.Random(seed)
    rows = [[g.gauss(0, 1) for _ in range(3)] for _ in range(6)]
    return {"w": [g.gauss(0, 0.5) for _ in range(3)], "b": g.gauss(0, 0.5)}, (
        rows,
        [float(g.randint(0, 4)) for _ in range(6)],
        [g.gauss(0, 0.3) for _ in range(6)],
        0.1,
    )
