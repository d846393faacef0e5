"""The smallest counterexample: whole numbers at which a line does not hold, for a pencil to redo."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.judge import Claim, Judge
from tinygrad_lite.checking.paper.numbers import exact_number
from tinygrad_lite.checking.paper.points import letters_of
from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.errors import TinygradLiteError

FAILURES = (TinygradLiteError, Unknown, OverflowError, ValueError)


def example(judge: Judge, claim: Claim) -> list[str]:
    """Small whole numbers at which the two sides differ, and what each side is there."""
    best: tuple[int, World] | None = None
    for size, numbers in _small(judge):
        if best is not None and size >= best[0]:
            continue
        try:
            w = judge.points.world(0, "mixed", numbers, small=True)
            if abs(judge.gap(w, claim, claim.right).data) > 1e-6:
                best = size, w
        except FAILURES:
            continue
    return _told(judge, claim, best[1]) if best else []


def _small(judge: Judge) -> Iterator[tuple[int, dict[str, Any]]]:
    shapes = {}
    try:
        w = judge.points.world(0, "positive", small=True)
    except FAILURES:
        return
    used = judge.points.leaves
    shapes = {word: np.shape(w.env[word]) if isinstance(w.env[word], np.ndarray) else () for word in used}
    free = [word for word in used if word not in judge.document.simplex]
    draw = random.Random(3)
    for choices in ([1], [0, 1], [1, 2], [0, 1, 1, 2], [-1, 0, 1, 2], [1, 2, 3]):
        for _ in range(1 if len(choices) == 1 else 10):
            numbers: dict[str, Any] = {}
            for word in used:
                n = int(np.prod(shapes[word])) if shapes[word] else 1
                flat = [draw.choice(choices) for _ in range(n)] if word in free else [int(i == 0) for i in range(n)]
                numbers[word] = np.array(flat).reshape(shapes[word]) if shapes[word] else flat[0]
            yield sum(3 * abs(int(v)) + (int(v) < 0) + 1 for x in numbers.values() for v in np.ravel(x)), numbers


def _told(judge: Judge, claim: Claim, w: World) -> list[str]:
    names = (claim.left.names() | claim.right.names()) | judge.points.known
    at = ", ".join(f"{x} = {_shown(w.env[x])}" for x in judge.points.leaves if x in names)
    letters = letters_of([claim.left, claim.right], judge.document.known.indices, w.env)
    both = Term("+", (claim.left, claim.right))
    for places_ in itertools.product(*[range(w.size(x, both)) for x in letters]):
        there = dict(zip(letters, places_, strict=True))
        try:
            x, y = w.evaluate(claim.left, there), w.evaluate(claim.right, there)
        except FAILURES:
            continue
        if np.shape(x) != np.shape(y) or any(
            abs(p.data - q.data) > 1e-6 for p, q in zip(np.ravel(x), np.ravel(y), strict=True)
        ):
            entry = f", for {', '.join(f'{k} = {v + 1}' for k, v in there.items())}" if there else ""
            return [f"At {at}{entry}:", f"{claim.left} is {_exact(x)}, but the line gives {_exact(y)}."]
    return []


def _shown(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return "[" + ", ".join(_shown(v) for v in x) + "]" if x.ndim < 2 or x.shape[1] > 1 else _shown(x.ravel())
    return f"{x.data:g}"


def _exact(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return "[" + ", ".join(_exact(v) for v in (x.ravel() if 1 in x.shape else x)) + "]"
    found = exact_number(x)
    return str(found) if isinstance(found, Fraction) and found.denominator < 1000 else f"{x.data:.6g}"
