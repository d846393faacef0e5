"""The energy of a chain of springs between points in the plane, and the forces on them, by differences."""

import numpy as np

BACKWARD = ["forces"]


def loss(points, stiff, rest):
    gap = points[1:] - points[:-1]
    length = np.sqrt((gap**2).sum(axis=1))
    stretch = length - rest
    return 0.5 * (stiff * stretch**2).sum() + 9.8 * points[:, 1].sum()


def forces(points, stiff, rest):
    gap = points[1:] - points[:-1]
    length = np.sqrt((gap**2).sum(axis=1))
    stretch = length - rest
    direction = gap / length[:, None]
    pull = (stiff * stretch)[:, None] * direction
    dpoints = np.zeros_like(points)
    dpoints[1:] += pull
    dpoints[:-1] -= pull
    dpoints[:, 1] += 9.8
    dstiff = 0.5 * stretch**2
    return {"points": dpoints, "stiff": dstiff}


backprop = forces


def make(seed):
    r = np.random.default_rng(seed)
    return {"points": 2 * r.normal(size=(5, 2)), "stiff": r.uniform(1, 3, size=4)}, (r.uniform(0.5, 1.5, size=4),)
