"""A pendulum-like system by Euler's method, and the discrete adjoint of its parameters and its start."""

import numpy as np

BACKWARD = ["adjoint"]
STEP = 0.1


def field(theta, u):
    return np.array([u[1], -theta[0] * np.sin(u[0]) - theta[1] * u[1]])


def loss(theta, start, seen):
    u = start
    total = 0.0
    for target in seen:
        u = u + STEP * field(theta, u)
        total = total + ((u - target) ** 2).sum()
    return total


def adjoint(theta, start, seen):
    path = [start]
    for _ in seen:
        path.append(path[-1] + STEP * field(theta, path[-1]))
    lam = np.zeros(2)
    gtheta = np.zeros(2)
    for k in range(len(seen), 0, -1):
        lam = lam + 2 * (path[k] - seen[k - 1])
        u = path[k - 1]
        gtheta[0] += -STEP * lam[1] * np.sin(u[0])
        gtheta[1] += -STEP * lam[1] * u[1]
        jac = np.array([[0.0, 1.0], [-theta[0] * np.cos(u[0]), -theta[1]]])
        lam = lam + STEP * (jac.T @ lam)
    return {"theta": gtheta, "start": lam}


backprop = adjoint


def make(seed):
    r = np.random.default_rng(seed)
    return {"theta": r.uniform(0.5, 2, size=2), "start": r.normal(size=2)}, (r.normal(size=(5, 2)),)
