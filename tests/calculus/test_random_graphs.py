"""Thousands of random programs, first and second derivatives, against an independent oracle.

The oracle carries a number's value, gradient and Hessian through each operation by the textbook
rules for f(u), u+v and u*v, written out here and nowhere else. It runs on floats; where it and
the engine differ by more than 1e-12, it runs again on mpmath's numbers of 50 digits and judges.

A longer study: TINYGRAD_LITE_GRAPHS=100000 python -m pytest tests/calculus/test_random_graphs.py
"""

import math
import os
import random
from dataclasses import dataclass

import mpmath
import pytest

import tinygrad_lite as tg
from tinygrad_lite.engine.op import REAL, Op

INPUTS = 3
GRAPHS = int(os.environ.get("TINYGRAD_LITE_GRAPHS", "2000"))


@dataclass
class Jet:
    """A number with its gradient and its Hessian."""

    v: object
    g: list
    H: list

    def through(self, f, f1, f2):
        """f of this number, given f, f' and f'' here."""
        pairs = range(len(self.g))
        return Jet(
            f,
            [f1 * g for g in self.g],
            [[f1 * self.H[i][j] + f2 * self.g[i] * self.g[j] for j in pairs] for i in pairs],
        )

    def plus(self, other, sign=1):
        pairs = range(len(self.g))
        return Jet(
            self.v + sign * other.v,
            [a + sign * b for a, b in zip(self.g, other.g, strict=True)],
            [[self.H[i][j] + sign * other.H[i][j] for j in pairs] for i in pairs],
        )

    def times(self, other):
        u, v, pairs = self, other, range(len(self.g))
        return Jet(
            u.v * v.v,
            [u.g[i] * v.v + u.v * v.g[i] for i in pairs],
            [[u.H[i][j] * v.v + u.g[i] * v.g[j] + u.g[j] * v.g[i] + u.v * v.H[i][j] for j in pairs] for i in pairs],
        )


def power(u, n):
    return u.through(u.v**n, n * u.v ** (n - 1), n * (n - 1) * u.v ** (n - 2) if n > 1 else 0 * u.v)


UNARY = {  # name: (the engine's, the oracle's with f, f', f'' by hand)
    "sin": (tg.sin, lambda u, m: u.through(m.sin(u.v), m.cos(u.v), -m.sin(u.v))),
    "cos": (tg.cos, lambda u, m: u.through(m.cos(u.v), -m.sin(u.v), -m.cos(u.v))),
    "exp": (tg.exp, lambda u, m: u.through(m.exp(u.v), m.exp(u.v), m.exp(u.v))),
    "tanh": (
        tg.tanh,
        lambda u, m: u.through(m.tanh(u.v), 1 / m.cosh(u.v) ** 2, -2 * m.tanh(u.v) / m.cosh(u.v) ** 2),
    ),
    "log": (tg.log, lambda u, m: u.through(m.log(u.v), 1 / u.v, -1 / u.v**2)),
    "sqrt": (tg.sqrt, lambda u, m: u.through(m.sqrt(u.v), 1 / (2 * m.sqrt(u.v)), -1 / (4 * u.v * m.sqrt(u.v)))),
    "relu": (tg.relu, lambda u, m: u if u.v > 0 else u.through(0 * u.v, 0 * u.v, 0 * u.v)),
    "cube": (lambda x: x**3, lambda u, m: power(u, 3)),
    "square": (lambda x: x**2, lambda u, m: power(u, 2)),
    "neg": (lambda x: -x, lambda u, m: u.through(-u.v, -1, 0)),
    "sigmoid": (
        tg.sigmoid,
        lambda u, m: u.through(
            1 / (1 + m.exp(-u.v)),
            m.exp(-u.v) / (1 + m.exp(-u.v)) ** 2,
            m.exp(-u.v) * (m.exp(-u.v) - 1) / (1 + m.exp(-u.v)) ** 3,
        ),
    ),
}
BINARY = {
    "add": (lambda x, y: x + y, lambda u, v, m: u.plus(v)),
    "sub": (lambda x, y: x - y, lambda u, v, m: u.plus(v, -1)),
    "mul": (lambda x, y: x * y, lambda u, v, m: u.times(v)),
    "div": (lambda x, y: x / y, lambda u, v, m: u.times(v.through(1 / v.v, -1 / v.v**2, 2 / v.v**3))),
    "max": (tg.maximum, lambda u, v, m: u if u.v > v.v else v),
    "dot": (
        lambda x, y: tg.dot([x, y, y], [y, x, 2.0]),
        lambda u, v, m: u.times(v).plus(v.times(u)).plus(v.through(2 * v.v, 2, 0)),
    ),
}


def random_program(rng):
    """Steps (name, operand numbers); numbers stay away from kinks, poles and the edges of domains."""
    point = [rng.uniform(-2.0, 2.0) for _ in range(INPUTS)]
    values, steps = list(point), []
    while len(steps) < rng.randint(4, 14):
        name = rng.choice([*UNARY, *BINARY])
        where = [rng.randrange(max(0, len(values) - 6), len(values)) for _ in range(1 if name in UNARY else 2)]
        operands = [values[i] for i in where]
        if name in ("log", "sqrt", "relu", "cube", "square") and abs(operands[0]) < 0.05:
            continue
        if (name in ("log", "sqrt") and operands[0] <= 0) or (name == "div" and abs(operands[1]) < 0.05):
            continue
        if name in ("tanh", "sigmoid") and abs(operands[0]) > 2.0:  # the tails have a test of their own, by row
            continue
        if name == "max" and abs(operands[0] - operands[1]) < 1e-6:
            continue
        out = (UNARY | BINARY)[name][0](*operands)
        if abs(out) < 20:
            steps.append((name, where))
            values.append(float(out))
    return point, steps


def run_engine(point, steps):
    def program(p):
        values = list(p)
        for name, where in steps:
            values.append((UNARY | BINARY)[name][0](*[values[i] for i in where]))
        return values[-1]

    value, gradient = tg.value_and_grad(program)(point)
    return [value, *gradient, *[entry for row in tg.hessian(program)(point) for entry in row]]


def run_oracle(point, steps, m, number):
    one, zero = number(1), number(0)
    eye = [[one if i == j else zero for j in range(INPUTS)] for i in range(INPUTS)]
    values = [Jet(number(x), eye[i], [[zero] * INPUTS] * INPUTS) for i, x in enumerate(point)]
    for name, where in steps:
        rule = (UNARY | BINARY)[name][1]
        values.append(rule(*[values[i] for i in where], m))
    last = values[-1]
    return [last.v, *last.g, *[entry for row in last.H for entry in row]]


def agree(a, b, tolerance=1e-12):
    return abs(a - b) <= tolerance * max(abs(a), abs(b)) or max(abs(a), abs(b)) < 1e-290


def judged(point, steps):
    """None if every entry of the engine's is right to 1e-12 relative; else the first that is not.

    Terms that cancel exactly (truth below 1e-30) leave rounding errors, which are held to 1e-12 absolute;
    where terms nearly cancel, about once in 10,000 graphs, the engine may lose as much as the textbook does in floats.
    """
    found, in_floats = run_engine(point, steps), run_oracle(point, steps, math, float)
    if all(map(agree, found, in_floats)):
        return None
    with mpmath.workdps(50):
        exact = run_oracle(point, steps, mpmath, mpmath.mpf)
        lost = max(abs(textbook - truth) for textbook, truth in zip(in_floats, exact, strict=True))
        for k, (ours, truth) in enumerate(zip(found, exact, strict=True)):
            allowed = mpmath.mpf("1e-12") * (abs(truth) if abs(truth) > 1e-30 else 1)
            if abs(ours - truth) > max(allowed, 2 * lost):
                return k, ours, float(truth)
    return None


def test_random_graphs_agree_with_the_oracle_in_first_and_second_order():
    rng = random.Random(20)
    for number in range(GRAPHS):
        point, steps = random_program(rng)

        assert judged(point, steps) is None, (number, point, steps)


@pytest.mark.parametrize(
    "rule",
    [
        lambda x, out: (1.0 - out * out * 1.0000001,),  # a slope that is a little wrong
        lambda x, out: (1.0 - (out.data if isinstance(out, tg.Value) else out) ** 2,),  # no curvature
    ],
)
def test_the_judge_notices_a_rule_made_wrong(monkeypatch, rule):
    wrong = Op(
        name="wrong_tanh",
        symbol="tanh",
        forward=math.tanh,
        partials=rule,
        latex="",
        source="",
        domain=(REAL,),
        doc="A rule made wrong on purpose.",
    )
    steps = [("mul", [0, 1]), ("tanh", [3]), ("add", [4, 2])]
    point = [0.5, 0.7, 1.0]
    assert judged(point, steps) is None

    monkeypatch.setitem(UNARY, "tanh", (wrong, UNARY["tanh"][1]))
    assert judged(point, steps) is not None
