"""What is missing in a line, found by its numbers: a term or a factor made of what the document speaks of.

The gap between both sides, and their ratio, are known at many points. A product of up to three parts of the document
that is proportional to one of them at all points is what was left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.edits import Edit, Vocabulary
from tinygrad_lite.checking.paper.judge import Claim, Judge
from tinygrad_lite.checking.paper.term import Term, num, times

PARTS = 40


def fitted(judge: Judge, claim: Claim, words: Vocabulary) -> Iterator[Edit]:
    """Edits of the whole formula: a factor or a term that was left out, by its numbers."""
    t, left, right = claim.right, judge.numbers(claim, claim.left), judge.numbers(claim, claim.right)
    if left is None or right is None or len(left) != len(right):
        return
    atoms = [(part, judge.numbers(claim, part)) for part in _parts(judge, claim, words)]
    usable = [(part, v) for part, v in atoms if v is not None and len(v) == len(left) and np.any(v != 0.0)]
    inverse = [(Term("/", (num(1), part)), 1.0 / v) for part, v in usable[:12] if np.all(v != 0.0)]
    pools = ([*usable, *inverse], [*usable, *inverse[:6]], usable[:16])
    for wanted, what in ((left / np.where(right == 0.0, np.nan, right), "factor"), (left - right, "term")):
        for n, pool in enumerate(pools, 1):
            for some in itertools.combinations_with_replacement(pool, n):
                c = _constant(wanted, math.prod((v for _, v in some[1:]), start=some[0][1]))
                if c is None:
                    continue
                new = times(num(abs(c.numerator)), *[part for part, _ in some])
                new = Term("/", (new, num(c.denominator))) if c.denominator != 1 else new
                code, op, first = "DROPPED_PATH", "-" if c < 0 else "+", t
                if what == "factor":
                    code = "NO_ACT_DERIV" if some[0][0].op == "prime" and n == 1 else "DROPPED_FACTOR"
                    op, first = "*", Term("neg", (t,)) if c < 0 else t
                whole = Term(op, (first, new))
                yield Edit(code, f"the {what} {'-' if c < 0 else ''}{new} is left out", whole, t.span, whole)


def _parts(judge: Judge, claim: Claim, words: Vocabulary) -> list[Term]:
    """Names, derivatives, and what the document adds, takes functions of, or differentiates."""
    ops = {"+", "-", "call", "prime", "sum", "rel"} | ({"*"} if judge.points.matrices else set())
    found = [*words.derivatives, *words.names]
    for s in judge.document.statements:
        if s is not claim.statement:
            found += [t for side in s.sides[1:] for t in side.walk() if t.op in ops]
    if claim.left.op == "d":
        found += [Term("d", (claim.left.args[0], t), "∂") for t in words.names]
    return list(dict.fromkeys(t.bare() for t in found))[:PARTS]


def _constant(wanted: Any, made: Any) -> Fraction | None:
    """The simple fraction that one is of the other at every point, if there is one."""
    known = ~np.isnan(wanted)  # nothing is known of a factor where there is 0 to be multiplied
    ratio = wanted[known & (made != 0.0)] / made[known & (made != 0.0)]
    if not len(ratio) or np.any(wanted[known & (made == 0.0)] != 0.0) or not 1e-3 < abs(ratio[0]) < 100:
        return None
    if not np.allclose(ratio, ratio[0], rtol=1e-8, atol=1e-10):
        return None
    found = Fraction(float(ratio[0])).limit_denominator(12)
    return found if abs(float(found) - ratio[0]) < 1e-8 else None
