"""The smallest counterexample: whole numbers at which a line does not hold, for a pencil to redo."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.entrywise import exact_number
from tinygrad_lite.checking.paper.judge import FAILURES, Claim, Judge
from tinygrad_lite.checking.paper.world import World
from tinygrad_lite.report.language import say


def example(judge: Judge, claim: Claim) -> list[str]:
    """Small whole numbers at which the two sides differ, and what each side is there."""
    for _, numbers in sorted(_small(judge), key=lambda pair: pair[0]):
        with contextlib.suppress(*FAILURES):
            w = judge.points.world(0, "mixed", numbers, small=True)
            if abs(judge.gap(w, claim, claim.right)[0].data) > 1e-6:
                return _in_words(judge, claim, w)
    return []


def _small(judge: Judge) -> Iterator[tuple[int, dict[str, Any]]]:
    """Small whole numbers for every name, each time with how much work they are for a pencil."""
    try:
        w = judge.points.world(0, "positive", small=True)
    except FAILURES:
        return
    shapes = {word: np.shape(w.env[word]) for word in judge.points.leaves}
    draw = random.Random(3)
    for choices in ([1], [0, 1], [1, 2], [0, 1, 1, 2], [-1, 0, 1, 2], [1, 2, 3]):
        for _ in range(1 if len(choices) == 1 else 10):
            numbers: dict[str, Any] = {}
            for word, shape in shapes.items():
                entries = range(int(np.prod(shape)))
                one_hot = word in judge.document.simplex
                flat = [int(i == 0) if one_hot else draw.choice(choices) for i in entries]
                numbers[word] = np.array(flat).reshape(shape)
            yield sum(3 * abs(int(v)) + (int(v) < 0) + 1 for x in numbers.values() for v in np.ravel(x)), numbers


def _in_words(judge: Judge, claim: Claim, w: World) -> list[str]:
    names = (claim.left.names() | claim.right.names()) | judge.points.known
    given = ", ".join(f"{x} = {_short(w.env[x])}" for x in judge.points.leaves if x in names)
    for at in judge.places(w, claim.left, claim.right):
        try:
            x, y = w.evaluate(claim.left, at), w.evaluate(claim.right, at)
        except FAILURES:
            continue
        same = np.shape(x) == np.shape(y)
        if not same or any(abs(p.data - q.data) > 1e-6 for p, q in zip(np.ravel(x), np.ravel(y), strict=True)):
            entry = ", ".join(f"{k} = {v + 1}" for k, v in at.items())
            where = say("At {0}, for {1}:", given, entry) if at else say("At {0}:", given)
            return [where, say("{0} is {1}, but the line gives {2}.", claim.left, _short(x), _short(y))]
    return []


def _short(x: Any) -> str:
    """A number as a simple fraction where it is one; an array in brackets, a column as one row."""
    if isinstance(x, np.ndarray):
        return "[" + ", ".join(_short(v) for v in (x.ravel() if x.shape[1:] == (1,) else x)) + "]"
    found = exact_number(x)
    return str(found) if isinstance(found, Fraction) and found.denominator < 1000 else f"{x.data:.6g}"
