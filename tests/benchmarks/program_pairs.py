"""The programs of programs.py: each as loops over scalars, and the same as arrays in JAX (the irregular one: in C).

In: nothing. Out: `PAIRS`, a maker of each by its name. `scalar` takes a list of numbers; `other()` prepares the other
side and gives a call that answers value and gradient at the same point.
"""

from __future__ import annotations

import ctypes
import math
import random
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tinygrad_lite as tg


class Pair(NamedTuple):
    """One program, twice."""

    scalar: Callable[[list[Any]], Any]
    point: list[float]
    other: Callable[[], Callable[[], tuple[Any, Any]]]


def pair(scalar: Callable[[list[Any]], Any], point: list[float], arrays: Callable[[Any], Callable[[Any], Any]]) -> Pair:
    """A program beside JAX: `arrays` is given jax.numpy, and gives the function of one flat array."""

    def other() -> Callable[[], tuple[Any, Any]]:
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy as jnp

        fast = jax.jit(jax.value_and_grad(arrays(jnp)))
        x = jnp.array(point).block_until_ready()

        def call() -> tuple[Any, Any]:
            value, gradient = fast(x)
            return value, gradient.block_until_ready()

        return call

    return Pair(scalar, point, other)


def normal(rng: random.Random, n: int, scale: float = 1.0) -> list[float]:
    return [rng.gauss(0.0, scale) for _ in range(n)]


def table(xs: Any, rows: int, columns: int, at: int = 0) -> list[list[Any]]:
    """So many rows of the numbers of a list, from there on."""
    return [list(xs[at + i * columns : at + (i + 1) * columns]) for i in range(rows)]


def total(terms: Any) -> Any:
    result: Any = 0.0
    for term in terms:
        result = result + term
    return result


def tiny() -> Pair:
    return pair(lambda x: x[0] * x[0] + 1.0, [2.0], lambda jnp: lambda x: x[0] * x[0] + 1.0)


# ------------------------------------------------------------------ sequences


def hmm() -> Pair:
    """The forward algorithm of a hidden Markov model: 120 steps, 6 states, 4 symbols; minus the log-likelihood."""
    rng, steps, s, symbols = random.Random(1), 120, 6, 4
    seen = [rng.randrange(symbols) for _ in range(steps)]

    def normalised(scores: list[Any]) -> list[Any]:
        norm = tg.logsumexp(scores)
        return [score - norm for score in scores]

    def scalar(p: list[Any]) -> Any:
        first = normalised(p[:s])
        move = [normalised(row) for row in table(p, s, s, s)]
        emit = [normalised(row) for row in table(p, s, symbols, s + s * s)]
        alpha = [first[j] + emit[j][seen[0]] for j in range(s)]
        for symbol in seen[1:]:
            alpha = [tg.logsumexp([alpha[i] + move[i][j] for i in range(s)]) + emit[j][symbol] for j in range(s)]
        return -tg.logsumexp(alpha)

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        softmax, lse = jax.nn.log_softmax, jax.nn.logsumexp

        def f(p: Any) -> Any:
            first, move = softmax(p[:s]), softmax(p[s : s + s * s].reshape(s, s), axis=1)
            emit = softmax(p[s + s * s :].reshape(s, symbols), axis=1)
            symbols_seen = jnp.array(seen)

            def step(alpha: Any, symbol: Any) -> tuple[Any, None]:
                return lse(alpha[:, None] + move, axis=0) + emit[:, symbol], None

            alpha, _ = jax.lax.scan(step, first + emit[:, seen[0]], symbols_seen[1:])
            return -lse(alpha)

        return f

    return pair(scalar, normal(rng, s + s * s + s * symbols), arrays)


def lstm() -> Pair:
    """An LSTM cell of 12 units on 20 steps of 4 numbers: 816 weights; the squared distance of its last state."""
    rng, h, d, steps = random.Random(2), 12, 4, 20
    data = [normal(rng, d) for _ in range(steps)]
    goal, width = normal(rng, h, 0.5), h + d + 1

    def scalar(p: list[Any]) -> Any:
        weights = table(p, 4 * h, width)
        state, cell = [0.0] * h, [0.0] * h
        for x in data:
            given = [*x, *state, 1.0]
            z = [total(w * g for w, g in zip(row, given, strict=True)) for row in weights]
            for k in range(h):
                cell[k] = tg.sigmoid(z[h + k]) * cell[k] + tg.sigmoid(z[k]) * tg.tanh(z[3 * h + k])
            state = [tg.sigmoid(z[2 * h + k]) * tg.tanh(cell[k]) for k in range(h)]
        return total((a - b) ** 2 for a, b in zip(state, goal, strict=True))

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        def f(p: Any) -> Any:
            weights = p.reshape(4 * h, width)

            def step(carry: Any, x: Any) -> tuple[Any, None]:
                state, cell = carry
                i, f, o, g = jnp.split(weights @ jnp.concatenate([x, state, jnp.ones(1)]), 4)
                cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
                return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

            (state, _), _ = jax.lax.scan(step, (jnp.zeros(h), jnp.zeros(h)), jnp.array(data))
            return jnp.sum((state - jnp.array(goal)) ** 2)

        return f

    return pair(scalar, normal(rng, 4 * h * width, 0.3), arrays)


def rollout() -> Pair:
    """Predator and prey: 1,000 steps of Runge and Kutta's method; four rates and two beginnings."""
    steps, dt = 1000, 0.01

    def change(x: Any, y: Any, p: Any) -> tuple[Any, Any]:
        return p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y

    def step(x: Any, y: Any, p: Any) -> tuple[Any, Any]:
        a, b = change(x, y, p)
        c, d = change(x + 0.5 * dt * a, y + 0.5 * dt * b, p)
        e, f = change(x + 0.5 * dt * c, y + 0.5 * dt * d, p)
        g, h = change(x + dt * e, y + dt * f, p)
        return x + dt / 6.0 * (a + 2.0 * c + 2.0 * e + g), y + dt / 6.0 * (b + 2.0 * d + 2.0 * f + h)

    def scalar(p: list[Any]) -> Any:
        x, y = p[4], p[5]
        for _ in range(steps):
            x, y = step(x, y, p)
        return (x - 1.0) ** 2 + (y - 1.0) ** 2

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        def f(p: Any) -> Any:
            (x, y), _ = jax.lax.scan(lambda at, _: (step(*at, p), None), (p[4], p[5]), None, length=steps)
            return (x - 1.0) ** 2 + (y - 1.0) ** 2

        return f

    return pair(scalar, [1.1, 0.4, 0.1, 0.4, 10.0, 5.0], arrays)


def kalman() -> Pair:
    """A Kalman filter for place and speed, 100 observations: minus the log-likelihood of its four parameters."""
    rng, dt = random.Random(3), 0.1
    seen = [math.sin(0.2 * k) + rng.gauss(0.0, 0.1) for k in range(100)]

    def scalar(p: list[Any]) -> Any:
        q, r = tg.exp(p[0]), tg.exp(p[1])
        x, v = p[2], p[3]
        a, b, c = 1.0, 0.0, 1.0  # the covariance [[a, b], [b, c]]
        loss: Any = 0.0
        for z in seen:
            x = x + dt * v
            a, b, c = a + 2.0 * dt * b + dt * dt * c + q * dt**3 / 3.0, b + dt * c + q * dt**2 / 2.0, c + q * dt
            s, error = a + r, z - x
            k, m = a / s, b / s
            x, v = x + k * error, v + m * error
            a, b, c = (1.0 - k) * a, (1.0 - k) * b, c - m * b
            loss = loss + 0.5 * (tg.log(s) + error * error / s)
        return loss

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        move = jnp.array([[1.0, dt], [0.0, 1.0]])
        noise = jnp.array([[dt**3 / 3.0, dt**2 / 2.0], [dt**2 / 2.0, dt]])

        def f(p: Any) -> Any:
            q, r = jnp.exp(p[0]), jnp.exp(p[1])

            def step(carry: Any, z: Any) -> tuple[Any, Any]:
                x, cov = carry
                x, cov = move @ x, move @ cov @ move.T + q * noise
                s, error = cov[0, 0] + r, z - x[0]
                gain = cov[:, 0] / s
                return (x + gain * error, cov - jnp.outer(gain, cov[0])), 0.5 * (jnp.log(s) + error**2 / s)

            _, losses = jax.lax.scan(step, (p[2:], jnp.eye(2)), jnp.array(seen))
            return jnp.sum(losses)

        return f

    return pair(scalar, [-1.0, -2.0, 0.1, 0.5], arrays)


# ------------------------------------------------------------------ grids, pictures and pairs


def heat() -> Pair:
    """Twenty steps of the heat equation on 24 x 24 points, the rim held; how far it is from a picture."""
    rng, n, steps, rate = random.Random(4), 24, 20, 0.2
    goal = [normal(rng, n) for _ in range(n)]

    def scalar(p: list[Any]) -> Any:
        u = table(p, n, n)
        for _ in range(steps):
            v = [list(row) for row in u]
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    around = u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1]
                    v[i][j] = u[i][j] + rate * (around - 4.0 * u[i][j])
            u = v
        return total((u[i][j] - goal[i][j]) ** 2 for i in range(n) for j in range(n)) / float(n * n)

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        def step(u: Any, _: Any) -> tuple[Any, None]:
            around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
            return u.at[1:-1, 1:-1].add(rate * (around - 4.0 * u[1:-1, 1:-1])), None

        def f(p: Any) -> Any:
            u, _ = jax.lax.scan(step, p.reshape(n, n), None, length=steps)
            return jnp.mean((u - jnp.array(goal)) ** 2)

        return f

    return pair(scalar, normal(rng, n * n), arrays)


def convolution() -> Pair:
    """Two 3 x 3 filters over 32 pictures of 10 x 10, relu, the mean of each, a logistic loss: 23 parameters."""
    rng, pictures, n, filters = random.Random(5), 32, 10, 2
    data = [[normal(rng, n) for _ in range(n)] for _ in range(pictures)]
    signs = [rng.choice((-1.0, 1.0)) for _ in range(pictures)]
    m = n - 2

    def scalar(p: list[Any]) -> Any:
        loss: Any = 0.0
        for picture, sign in zip(data, signs, strict=True):
            score = p[11 * filters]
            for k in range(filters):
                w = p[10 * k : 10 * k + 10]
                found: Any = 0.0
                for i in range(m):
                    for j in range(m):
                        z = w[9]
                        for a in range(3):
                            for b in range(3):
                                z = z + w[3 * a + b] * picture[i + a][j + b]
                        found = found + tg.relu(z)
                score = score + p[10 * filters + k] * found / float(m * m)
            loss = loss + tg.softplus(-sign * score)
        return loss / float(pictures)

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        x, y = jnp.array(data)[:, None], jnp.array(signs)

        def f(p: Any) -> Any:
            w = p[: 10 * filters].reshape(filters, 10)
            z = jax.lax.conv(x, w[:, :9].reshape(filters, 1, 3, 3), (1, 1), "VALID") + w[:, 9][None, :, None, None]
            means = jnp.mean(jax.nn.relu(z), axis=(2, 3))
            return jnp.mean(jax.nn.softplus(-y * (means @ p[10 * filters : 11 * filters] + p[11 * filters])))

        return f

    return pair(scalar, normal(rng, 11 * filters + 1, 0.5), arrays)


def attention() -> Pair:
    """One head of attention over 16 places of 8 numbers: 192 weights; the squared distance from a picture."""
    rng, places, d = random.Random(6), 16, 8
    data, goal = [normal(rng, d) for _ in range(places)], [normal(rng, d) for _ in range(places)]

    def times(x: list[list[Any]], w: list[list[Any]]) -> list[list[Any]]:
        return [[total(a * row[j] for a, row in zip(line, w, strict=True)) for j in range(d)] for line in x]

    def scalar(p: list[Any]) -> Any:
        q, k, v = (times(data, table(p, d, d, at)) for at in (0, d * d, 2 * d * d))
        loss: Any = 0.0
        for i in range(places):
            scores = [total(a * b for a, b in zip(q[i], k[j], strict=True)) / math.sqrt(d) for j in range(places)]
            norm = tg.logsumexp(scores)
            share = [tg.exp(score - norm) for score in scores]
            for c in range(d):
                out = total(share[j] * v[j][c] for j in range(places))
                loss = loss + (out - goal[i][c]) ** 2
        return loss

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        x, y = jnp.array(data), jnp.array(goal)

        def f(p: Any) -> Any:
            q, k, v = (x @ w for w in p.reshape(3, d, d))
            return jnp.sum((jax.nn.softmax(q @ k.T / math.sqrt(d), axis=1) @ v - y) ** 2)

        return f

    return pair(scalar, normal(rng, 3 * d * d, 0.4), arrays)


def bundle() -> Pair:
    """Bundle adjustment: 5 cameras of 9 numbers see 100 points, 300 observations, with two terms of distortion."""
    rng, cameras, points = random.Random(7), 5, 100
    seen = [(i % cameras, i % points, rng.gauss(0.0, 0.3), rng.gauss(0.0, 0.3)) for i in range(300)]
    camera = [x for _ in range(cameras) for x in (*normal(rng, 3, 0.2), *normal(rng, 2, 0.1), 5.0, 1.0, 0.01, 0.001)]

    def scalar(p: list[Any]) -> Any:
        loss: Any = 0.0
        for c, k, u, v in seen:
            rx, ry, rz, tx, ty, tz, focal, k1, k2 = p[9 * c : 9 * c + 9]
            x, y, z = p[9 * cameras + 3 * k : 9 * cameras + 3 * k + 3]
            angle = tg.sqrt(rx * rx + ry * ry + rz * rz)
            ax, ay, az = rx / angle, ry / angle, rz / angle
            cos, sin = tg.cos(angle), tg.sin(angle)
            along = (ax * x + ay * y + az * z) * (1.0 - cos)
            px = x * cos + (ay * z - az * y) * sin + ax * along + tx
            py = y * cos + (az * x - ax * z) * sin + ay * along + ty
            pz = z * cos + (ax * y - ay * x) * sin + az * along + tz
            a, b = px / pz, py / pz
            square = a * a + b * b
            scale = focal * (1.0 + square * (k1 + k2 * square))
            loss = loss + (scale * a - u) ** 2 + (scale * b - v) ** 2
        return loss

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        which, point = jnp.array([s[0] for s in seen]), jnp.array([s[1] for s in seen])
        target = jnp.array([s[2:] for s in seen])

        def f(p: Any) -> Any:
            c, x = p[: 9 * cameras].reshape(cameras, 9)[which], p[9 * cameras :].reshape(points, 3)[point]
            angle = jnp.sqrt(jnp.sum(c[:, :3] ** 2, axis=1, keepdims=True))
            axis, cos, sin = c[:, :3] / angle, jnp.cos(angle), jnp.sin(angle)
            along = jnp.sum(axis * x, axis=1, keepdims=True) * (1.0 - cos)
            moved = x * cos + jnp.cross(axis, x) * sin + axis * along + c[:, 3:6]
            flat = moved[:, :2] / moved[:, 2:]
            square = jnp.sum(flat**2, axis=1)
            scale = c[:, 6] * (1.0 + square * (c[:, 7] + c[:, 8] * square))
            return jnp.sum((scale[:, None] * flat - target) ** 2)

        return f

    return pair(scalar, [*camera, *normal(rng, 3 * points)], arrays)


def factors() -> Pair:
    """Matrix factorisation: 400 entries of a 40 x 30 matrix seen, 4 factors a line and a column, with a penalty."""
    rng, lines, columns, rank = random.Random(8), 40, 30, 4
    seen = [(k // columns, k % columns, rng.gauss(0.0, 1.0)) for k in rng.sample(range(lines * columns), 400)]

    def scalar(p: list[Any]) -> Any:
        u, v = table(p, lines, rank), table(p, columns, rank, lines * rank)
        misfit = total((total(a * b for a, b in zip(u[i], v[j], strict=True)) - r) ** 2 for i, j, r in seen)
        return misfit + 0.1 * total(x * x for x in p)

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        i, j, r = (jnp.array(each) for each in zip(*seen, strict=True))

        def f(p: Any) -> Any:
            u, v = p[: lines * rank].reshape(lines, rank), p[lines * rank :].reshape(columns, rank)
            return jnp.sum((jnp.sum(u[i] * v[j], axis=1) - r) ** 2) + 0.1 * jnp.sum(p * p)

        return f

    return pair(scalar, normal(rng, (lines + columns) * rank, 0.5), arrays)


# ------------------------------------------------------------------ without order


def tour() -> Pair:
    """A round trip through 24 towns, untangled by exchanging two roads while that shortens it; its length."""
    rng, n = random.Random(8), 24
    point = [rng.random() for _ in range(2 * n)]

    def scalar(p: list[Any]) -> Any:
        def road(i: int, j: int) -> Any:
            return tg.sqrt((p[2 * i] - p[2 * j]) ** 2 + (p[2 * i + 1] - p[2 * j + 1]) ** 2)

        order = list(range(n))
        for i in range(n - 1):
            for j in range(i + 2, n):
                a, b, c, d = order[i], order[i + 1], order[j], order[(j + 1) % n]
                if a != d and road(a, c) + road(b, d) < road(a, b) + road(c, d):
                    order[i + 1 : j + 1] = order[i + 1 : j + 1][::-1]
        return total(road(order[i], order[(i + 1) % n]) for i in range(n))

    def arrays(jnp: Any) -> Callable[[Any], Any]:
        import jax

        pairs = jnp.array([(i, j) for i in range(n - 1) for j in range(i + 2, n) if (i, j) != (0, n - 1)])

        def f(p: Any) -> Any:
            at = p.reshape(n, 2)
            fixed = jax.lax.stop_gradient(at)

            def road(where: Any, i: Any, j: Any) -> Any:
                return jnp.sqrt(jnp.sum((where[i] - where[j]) ** 2, axis=-1))

            def step(order: Any, ij: Any) -> tuple[Any, None]:
                i, j = ij
                a, b, c, d = order[i], order[i + 1], order[j], order[(j + 1) % n]
                shorter = road(fixed, a, c) + road(fixed, b, d) < road(fixed, a, b) + road(fixed, c, d)
                k = jnp.arange(n)
                turned = order[jnp.where((k > i) & (k <= j), i + 1 + j - k, k)]
                return jnp.where(shorter, turned, order), None

            order, _ = jax.lax.scan(step, jnp.arange(n), pairs)
            return jnp.sum(road(at, order, jnp.roll(order, -1)))

        return f

    return pair(scalar, point, arrays)


def irregular() -> Pair:
    """Twenty thousand ops of five kinds on operands anywhere before them, 50 inputs, the sum of
    all results that nobody reads; the other side is a tape in C."""
    rng, inputs, n = random.Random(9), 50, 20_000
    graph = [(rng.randrange(5), rng.randrange(inputs + k), rng.randrange(inputs + k)) for k in range(n)]
    point = [rng.uniform(-1.0, 1.0) for _ in range(inputs)]
    read = {a for _, a, _ in graph} | {b for kind, _, b in graph if kind < 2}
    ends = [k for k in range(inputs, inputs + n) if k not in read]

    def scalar(p: list[Any]) -> Any:
        v = list(p)
        for kind, a, b in graph:
            x = v[a]
            if kind == 0:
                v.append(x - v[b])
            elif kind == 1:
                v.append(x * v[b])
            else:
                v.append(tg.tanh(x) if kind == 2 else tg.relu(x) if kind == 3 else tg.cos(x))
        return total(v[k] for k in ends)

    def other() -> Callable[[], tuple[Any, Any]]:
        folder = tempfile.mkdtemp()
        library = Path(folder) / "tape.so"
        source = Path(__file__).resolve().parent / "c" / "tape.c"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
        tape = ctypes.CDLL(str(library)).tape
        tape.restype = ctypes.c_double
        columns = [(ctypes.c_int * n)(*column) for column in zip(*graph, strict=True)]
        x, gradient = (ctypes.c_double * inputs)(*point), (ctypes.c_double * inputs)()
        last = (ctypes.c_int * len(ends))(*ends)
        return lambda: (tape(inputs, n, x, *columns, len(ends), last, gradient), gradient)

    return Pair(scalar, point, other)


PAIRS: dict[str, Callable[[], Pair]] = {
    "irregular": irregular,
    "hmm": hmm,
    "heat": heat,
    "lstm": lstm,
    "bundle": bundle,
    "factors": factors,
    "rollout": rollout,
    "attention": attention,
    "convolution": convolution,
    "kalman": kalman,
    "tour": tour,
    "tiny": tiny,
}
