"""Random programs with structure: vectors of any length that go through layers, maps, shifts, triangles and choices.

What the loops of the compiler are made for, and what it must not get wrong: weights in any order, constants that
differ from entry to entry, parameters used twice, entries left out, triangular sums, neighbours on a line and on a
grid, recurrences; and graphs without any structure, for which the tape in machine code is made.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

import tinygrad_lite as tg

ACTS = ("tanh", "sigmoid", "sin", "relu", "softplus", "leaky_relu", "gauss", "root", "none")


def act(name, z):
    if name == "gauss":
        return tg.exp(-(z * z))
    if name == "root":
        return tg.sqrt(1.0 + z * z)
    if name == "none":
        return z
    return getattr(tg, name)(z)


def program(rng, columns=None, most=14):
    """(loss, parameters, columns): a random `loss(p, x)` of so many parameters and columns of a row."""
    columns = columns or rng.randrange(1, most)
    n = rng.randrange(4, 12 * most)
    steps = [_step(rng, n, most) for _ in range(rng.randrange(1, 5))]
    end = rng.choice(["sum", "squares", "logsumexp", "last", "pairs"])
    picks = [rng.randrange(10**6) for _ in steps]
    tail = rng.randrange(3)

    def loss(p, x):
        vectors = [list(x)]
        for step, pick in zip(steps, picks, strict=True):
            vectors.append(step(p, vectors[pick % len(vectors)] if pick % 3 else vectors[-1], vectors[0]))
        v = vectors[-1]
        if end == "squares":
            found = tg.dot(v, v) * 0.1
        elif end == "logsumexp":
            found = tg.logsumexp(v)
        elif end == "pairs":
            found = tg.sum([a * b for a, b in zip(v, v[::-1], strict=True)])
        elif end == "last":
            found = v[-1] + v[0]
        else:
            found = tg.sum(v)
        if tail == 1:
            found = tg.tanh(found * 0.1)
        return found * 0.3 + (0.01 * tg.dot(p, p) if tail == 2 else 0.0)

    return loss, n, columns


def _step(rng, n, most):
    """One step: a function of (p, v, x) that gives a vector with entries of moderate size."""
    kind = rng.choice(
        ["layer", "layer", "layer", "map", "scale", "zip", "offset", "shift", "slice", "triangle", "gather", "softmax",
         "where", "running", "power"]
    )  # fmt: skip
    name = rng.choice(ACTS)
    first, stride = rng.randrange(n), rng.choice([1, 1, 1, 1, 2, 3, -1])
    width = rng.choice([1, 2, 3, rng.randrange(1, most), rng.randrange(1, 2 * most)])
    c = [rng.uniform(-1.0, 1.0) for _ in range(64)]
    order = [rng.randrange(10**6) for _ in range(64)]
    turned, biased, by_dot = (rng.random() < chance for chance in (0.3, 0.6, 0.5))

    def at(p, k):
        return p[(first + stride * k) % n]

    def layer(p, v, x):
        made = []
        for j in range(width):
            ws = [at(p, k * width + j if turned else j * len(v) + k) for k in range(len(v))]
            bias = [at(p, width * len(v) + j)] if biased else []
            if by_dot:
                z = tg.dot(ws, v, *bias)
            else:
                z = tg.sum([w * a for w, a in zip(ws, v, strict=True)] + bias)
            made.append(act(name, z * (1.0 / math.sqrt(len(v)))))
        return made

    def running(p, v, x):
        total = at(p, 0)
        for k, a in enumerate(v):
            total = total + at(p, k + 1) * a if k % 2 else total - at(p, k + 1) * a
        return [tg.tanh(total), total * 0.1]

    def triangle(p, v, x):
        rows = []
        for i in range(len(v)):
            z = tg.sum([at(p, i * (i + 1) // 2 + j) * v[j] for j in range(i + 1)])
            rows.append(act(name, z * (1.0 / math.sqrt(i + 1.0))))
        return rows

    steps = {
        "layer": layer,
        "running": running,
        "triangle": triangle,
        "map": lambda p, v, x: [act(name, a * c[k % 64] + c[0]) for k, a in enumerate(v)],
        "scale": lambda p, v, x: [act(name, a * at(p, 0)) for a in v],
        "zip": lambda p, v, x: [tg.tanh(a * x[k % len(x)]) + c[1] for k, a in enumerate(v)],
        "offset": lambda p, v, x: [act(name, a + at(p, k)) * 0.7 for k, a in enumerate(v)],
        "shift": lambda p, v, x: [act(name, b - c[2] * a) for a, b in pairwise([*v, v[0]])],
        "slice": lambda p, v, x: v[:: _not_one(stride)] or v,
        "gather": lambda p, v, x: [v[order[k % 64] % len(v)] * at(p, k) for k in range(width)],
        "softmax": lambda p, v, x: [a * b for a, b in zip(tg.softmax(v), v, strict=True)],
        "where": lambda p, v, x: [tg.where(a > c[k % 64], tg.sin(a), at(p, k) * a) for k, a in enumerate(v)],
        "power": lambda p, v, x: [tg.tanh(a) ** (2 + k % 2) + at(p, k) * 0.1 for k, a in enumerate(v)],
    }
    return steps[kind]


def _not_one(stride):
    return stride if abs(stride) > 1 else -1


def neighbours(rng):
    """(loss, smallest length): a random sum over neighbouring entries of one vector, with constants or without."""
    reach = rng.randrange(1, 4)
    name, power = rng.choice(ACTS), rng.choice([2, 2, 3])
    c = [rng.uniform(-1.0, 1.0) for _ in range(6)]
    scale, each, start = rng.choice([1.0, 0.25]), rng.random() < 0.3, rng.choice([0, 0, 1, 3])
    twice = rng.random() < 0.4

    def loss(x):
        total = 0.0
        for i in range(start, len(x) - reach):
            here, there = x[i], x[i + reach]
            term = c[0] * (there - c[1] * here * here) ** power + act(name, here * c[2])
            if reach > 1:
                term = term + c[3] * x[i + 1] * here
            if each:
                term = term * (0.1 * (i % 7) + 0.5)
            total = total + term
            if twice:
                total = total + c[4] * tg.sin(there)
        return total * scale

    return loss, start + reach + 12


def recurrence(rng):
    """(loss, its length): a random state that is stepped on, with a cost on the way or at the end."""
    m, steps = rng.randrange(1, 5), rng.randrange(5, 90)
    c = [rng.uniform(-1.0, 1.0) for _ in range(16)]
    names = [rng.choice(ACTS) for _ in range(m)]
    slow, driven, lagging, uneven = (rng.random() < chance for chance in (0.3, 0.4, 0.3, 0.2))
    every = rng.choice([0, 1, 1, 2, 3])

    def loss(p):
        state, cost = list(p[:m]), 0.0
        before = state
        for k in range(steps):
            after = []
            for j in range(m):
                z = state[j] * c[j] + 0.3 * p[m + j] * state[(j + 1) % m]
                if driven:
                    z = z + c[10 + j] * p[2 * m + k]
                if lagging:
                    z = z + 0.1 * before[j]
                if uneven:
                    z = z * (0.5 + 0.01 * (k % 3))
                after.append(state[j] + 0.05 * tg.sin(z) if slow else act(names[j], z))
            before, state = state, after
            if every and k % every == 0:
                cost = cost + (state[0] - c[k % 16]) ** 2
        return cost + tg.sum(state)

    return loss, 2 * m + (steps if driven else 0)


def grid(rng):
    """(loss, its length): points in two dimensions that are stepped on by their neighbours, the rim held or closed."""
    n, m, steps = rng.randrange(3, 14), rng.randrange(3, 14), rng.randrange(1, 11)
    c = [rng.uniform(-1.0, 1.0) for _ in range(8)]
    closed, corners, own, bent = (rng.random() < chance for chance in (0.25, 0.3, 0.3, 0.4))
    near = [(-1, 0), (1, 0), (0, -1), (0, 1)] + [(-1, -1), (1, 1)] * corners
    name = rng.choice(ACTS)

    def loss(p):
        u = [list(p[m * i : m * i + m]) for i in range(n)]
        for _ in range(steps):
            v = [list(line) for line in u]
            for i in range(n) if closed else range(1, n - 1):
                for j in range(m) if closed else range(1, m - 1):
                    around = tg.sum([c[k] * u[(i + a) % n][(j + b) % m] for k, (a, b) in enumerate(near)])
                    around = act(name, around) if bent else around
                    v[i][j] = 0.5 * u[i][j] + 0.2 * around + (c[6] * p[m * i + j] if own else 0.0)
            u = v
        return tg.sum([c[(i + j) % 8] * x * x for i, line in enumerate(u) for j, x in enumerate(line)])

    return loss, n * m


def irregular(rng):
    """(loss, its length): a graph in which every node reads any two before it."""
    n, nodes = rng.randrange(3, 30), rng.randrange(20, 200)
    kinds = [rng.choice(["+", "-", "*", "tanh", "sin", "exp", "max", "/"]) for _ in range(nodes)]
    reads = [(rng.randrange(10**6), rng.randrange(10**6), rng.uniform(-1.0, 1.0)) for _ in range(nodes)]
    ends = [rng.randrange(10**6) for _ in range(5)]
    ops = {
        "+": lambda a, b, c: 0.5 * (a + b),
        "-": lambda a, b, c: a - c * b,
        "*": lambda a, b, c: tg.tanh(a * b + c),
        "tanh": lambda a, b, c: tg.tanh(a),
        "sin": lambda a, b, c: tg.sin(a + c),
        "exp": lambda a, b, c: tg.exp(-(a * a)) + 0.1 * b,
        "max": lambda a, b, c: tg.maximum(a, b) * 0.9,
        "/": lambda a, b, c: a / (1.5 + b * b),
    }

    def loss(p):
        v = list(p)
        for kind, (i, j, c) in zip(kinds, reads, strict=True):
            v.append(ops[kind](v[i % len(v)], v[max(len(v) - 1 - j % 40, 0)], c))
        return v[-1] + tg.sum([v[k % len(v)] for k in ends])

    return loss, n


def engine(f, numbers):
    """The value of f and its slopes, by the engine."""
    leaves = [tg.Value(x) for x in numbers]
    root = f(leaves) + 0.0 * leaves[0]  # a program may leave all parameters out
    root.backward()
    return [root.data, *(leaf.grad for leaf in leaves)]


def farthest(seed, backend):
    """How far a random program is from the engine, relative to its value and its largest slope.

    In turn: rows that are declared, a loop over samples, a single sample, a sum over neighbours, a recurrence, a grid,
    a graph without structure.
    """
    rng = random.Random(seed)
    kind = seed % 7
    if kind > 2:
        f, n = {3: neighbours, 4: recurrence, 5: grid, 6: irregular}[kind](rng)
        x = [rng.uniform(-1.0, 1.0) for _ in range(n + (rng.randrange(60) if kind == 3 else 0))]
        value, slopes = tg.compile(f, backend=backend).value_and_grad(x)
        return _apart([value, *slopes], engine(f, x))
    loss, n, columns = program(rng)
    rows = 1 if kind == 2 else rng.choice([1, 5, 9, 16, 33, rng.randrange(1, 70)])
    X = [[rng.uniform(-1.0, 1.0) for _ in range(columns)] for _ in range(rows)]
    p = [rng.uniform(-1.0, 1.0) for _ in range(n)]

    def loop(p):
        total = 0.0
        for x in X:
            total = total + loss(p, x)
        return total / rows

    if kind == 0:
        value, slopes = tg.compile(loss, batch="x", backend=backend).value_and_grad(p, X)
    else:
        value, slopes = tg.compile(loop, backend=backend).value_and_grad(p)
    return _apart([value, *slopes], engine(loop, p))


def _apart(found, expected):
    scale = max(map(abs, expected[1:])) or 1.0
    apart = [abs(found[0] - expected[0]) / (abs(expected[0]) or 1.0)]
    return max(apart + [abs(x - y) / scale for x, y in zip(found[1:], expected[1:], strict=True)])
