"""Random programs for every back end: the tests try a few, and tests/benchmarks/random_programs.py thousands.

A program is a list of steps over a growing list of numbers: rows of the table, constants, branches, `tg.where`.
Operands are first brought into the row's domain, by the samples that the table gives. Six kinds use such a program:

    plain    a function of three inputs, tried on both sides of its branches
    rows     the loss of one row, compiled with batch=
    labels   the same with a label that picks an entry
    loop     a whole-batch loss written as a loop over samples
    ragged   a loop over samples of different lengths
    classes  a loop over samples that take different branches by their data
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.op import TABLE, Op

KINDS = ("plain", "rows", "labels", "loop", "ragged", "classes")
ROWS = [op for op in TABLE.values() if op.arity != 0 and op.display_derivatives.__module__.startswith("tinygrad_lite.")]
GROWING = {"exp", "exp2", "expm1", "sinh", "cosh", "pow", "prod", "square", "tan", "mul", "dot"}
JUMPS = {"floor", "ceil", "round", "sign"}


def inside(op: Op, i: int, u: Any) -> Any:
    """A number brought to where the i-th operand of the row may be."""
    domain = op.domain[min(i, len(op.domain) - 1)]
    if all(map(domain.holds, (-100.0, 0.0, 100.0))) and len(domain.samples) > 2:
        return 1.5 * tg.sin(u) if op.name in GROWING else u
    low, high = min(domain.samples), max(domain.samples)
    low = low if domain.holds(0.0) else max(low, 0.1)
    return low + (high - low) * (0.02 + 0.96 * tg.sigmoid(u))


class Program:
    """Some steps, drawn once; one of them is the row `must`. Called on a list of numbers it gives one number."""

    def __init__(self, rng: random.Random, must: Op, allowed: list[Op], branches: int) -> None:
        n = rng.randrange(2, 10)
        kinds = ["row"] * n + ["where"] * rng.randrange(2) + ["if"] * branches
        rng.shuffle(kinds)
        at = kinds.index("row")
        self.steps: list[tuple[str, Op, list[int], float]] = []
        for k, kind in enumerate(kinds):
            op = must if k == at else rng.choice(allowed)
            arity = op.arity if op.arity is not None else 2 * rng.randrange(1, 4)
            picks = [rng.randrange(10**6) for _ in range(max(arity, 4))]
            self.steps.append((kind, op, picks[: arity if kind == "row" else 4], rng.uniform(-2.0, 2.0)))
        self.weights = [rng.uniform(-1.0, 1.0) for _ in range(64)]

    def __call__(self, given: list[Any]) -> Any:
        v = list(given)
        for kind, op, picks, c in self.steps:
            xs = [v[k % len(v)] for k in picks]
            if kind == "row":
                out = op(*[inside(op, i, x) for i, x in enumerate(xs)])
                v.append(out + 0.3 * tg.tanh(xs[0]) if op.name in JUMPS else c * tg.tanh(0.3 * out) + 0.1 * xs[0])
            elif kind == "where":
                v.append(tg.where(xs[0] < c, xs[1] * 0.5, xs[2] + c))
            else:
                v.append(xs[2] * c if xs[0] > xs[1] else xs[3] - xs[1])
        terms = [w * tg.tanh(x) for w, x in zip(self.weights, v, strict=False)]
        return 1.0 + tg.sum([t * t for t in terms]) + 0.1 * terms[-1]


Case = tuple[Any, list[tuple[Any, ...]], Callable[..., Any]]
"""A compiled function, the arguments to try it on, and the same loss for the engine."""


def case(seed: int, backend: str | None, allowed: list[Op] = ROWS) -> Case:
    """The random program of that number on that back end."""
    rng = random.Random(seed)
    kind, must = KINDS[seed % len(KINDS)], allowed[seed // len(KINDS) % len(allowed)]
    branches = rng.choice([0, 1, 2]) if kind in ("plain", "rows") else 0
    program = Program(rng, must, allowed, branches)
    if kind == "plain":
        points = [([rng.uniform(-1.5, 1.5) for _ in range(3)],) for _ in range(4)]
        return tg.compile(program, backend=backend), points, program

    rows = rng.choice([1, 2, 3, 5, 7, 8, 9, 12, 16, 17, 23, 31, 40])
    width = [rng.randrange(1, 5) if kind == "ragged" else 2 for _ in range(rows)]
    data = [[rng.uniform(-1.5, 1.5) for _ in range(n)] for n in width]
    labels = [rng.randrange(3) for _ in range(rows)]
    points = [([rng.uniform(-1.5, 1.5) for _ in range(4)],) for _ in range(2)]

    def row(p: list[Any], x: list[Any]) -> Any:
        return program([*p, *x])

    def labelled(p: list[Any], x: list[Any], y: Any) -> Any:
        z = [program([*p, *x]), p[0] * x[0], tg.exp(0.1 * p[1])]
        return tg.logsumexp(z) - z[y]

    def folded(p: list[Any], x: list[Any]) -> Any:
        h = p[3]
        for t in x:
            h = tg.tanh(p[0] * h + t * p[1])
        return program([*p[:3], h, x[0]])

    def by_class(p: list[Any], x: list[Any]) -> Any:
        return program([*p, *x]) if x[0] > 0.0 else program([*p[::-1], x[1], 0.5]) * p[0]

    per_row = {"rows": row, "loop": row, "ragged": folded, "classes": by_class}
    if kind == "labels":
        fast = tg.compile(labelled, batch=("x", "y"), backend=backend)
        return (
            fast,
            [(*p, data, labels) for p in points],
            lambda p, X, ys: tg.sum([labelled(p, x, y) for x, y in zip(X, ys, strict=True)]) / rows,
        )
    one = per_row[kind]
    if kind == "rows":
        fast = tg.compile(row, batch="x", backend=backend)
        return fast, [(*p, data) for p in points], lambda p, X: tg.sum([row(p, x) for x in X]) / rows
    way = rng.randrange(3)

    def loop(p: list[Any]) -> Any:
        if way == 0:
            return sum(one(p, x) for x in data) / rows
        if way == 1:
            return tg.mean([one(p, x) for x in data])
        total = p[0] * 0.0
        for x in data:
            total = total + one(p, x) - 0.5
        return total / rows

    return tg.compile(loop, backend=backend), points, loop


def worst(seed: int, backend: str | None, allowed: list[Op] = ROWS) -> float:
    """The largest disagreement with the engine over value and slopes, relative to the largest of them."""
    fast, calls, loss = case(seed, backend, allowed)
    found = 0.0
    for args in calls:
        leaves = [Value(x) for x in args[0]]
        root = loss(leaves, *args[1:])
        root.backward()
        value, slopes = fast.value_and_grad(*args)
        expected = [root.data, *(leaf.grad for leaf in leaves)]
        apart = [abs(x - y) for x, y in zip([value, *slopes], expected, strict=True)]
        found = max(found, max(apart) / max(map(abs, expected)))
    return found


def rows_on(backend: str) -> list[Op]:
    """The rows that a back end can run, with their slopes."""
    from tinygrad_lite.compiler.passes.lowering import NoLowering

    found = []
    for op in ROWS:
        try:
            tg.compile(lambda xs, op=op: op(*xs), backend=backend).value_and_grad(list(op.points()[0]))
        except NoLowering:
            continue
        found.append(op)
    return found
