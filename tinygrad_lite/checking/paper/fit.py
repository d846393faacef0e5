"""What is missing in a line, found by its numbers: a term or a factor made of what the document speaks of.

The gap between both sides, and their ratio, are known at many points. A product of up to three parts of the document
that is proportional to one of them at all points is what was left out. Where nothing fits, the chain rule
itself, written with the derivatives of the definitions, is a right line to go on from.
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
from tinygrad_lite.checking.paper.points import letters_of
from tinygrad_lite.checking.paper.term import Term, name, num, times
from tinygrad_lite.checking.paper.world import Unknown
from tinygrad_lite.errors import TinygradLiteError

PARTS = 40


def fitted(judge: Judge, claim: Claim, words: Vocabulary) -> Iterator[Edit]:
    """Edits of the whole formula: a factor or a term that was left out, by its numbers."""
    left, right = _numbers(judge, claim, claim.left), _numbers(judge, claim, claim.right)
    if left is None or right is None or len(left) != len(right):
        return
    atoms = [(t, v) for t in _parts(judge, claim, words) if (v := _numbers(judge, claim, t)) is not None]
    usable = [(t, v) for t, v in atoms if len(v) == len(left) and np.any(v != 0.0)]
    inverse = [(Term("/", (num(1), t)), 1.0 / v) for t, v in usable[:12] if np.all(v != 0.0)]
    t = claim.right
    for wanted, what in ((left / np.where(right == 0.0, np.nan, right), "factor"), (left - right, "term")):
        for n in (1, 2, 3):
            pool = [*usable, *inverse] if n == 1 else [*usable, *inverse[:6]] if n == 2 else usable[:16]
            for some in itertools.combinations_with_replacement(pool, n):
                c = _constant(wanted, math.prod((v for _, v in some[1:]), start=some[0][1]))
                if c is None:
                    continue
                new = times(*([num(abs(c.numerator))] if abs(c) != 1 else []), *[p for p, _ in some])
                new = Term("/", (new, num(c.denominator))) if c.denominator != 1 else new
                if what == "factor":
                    whole = Term("*", (Term("neg", (t,)) if c < 0 else t, new))
                    code = "NO_ACT_DERIV" if some[0][0].op == "prime" and n == 1 else "DROPPED_FACTOR"
                    yield Edit(code, f"the factor {'-' if c < 0 else ''}{new} is left out", whole, t.span, t, whole)
                else:
                    whole = Term("-" if c < 0 else "+", (t, new))
                    message = f"the term {'-' if c < 0 else ''}{new} is left out"
                    yield Edit("DROPPED_PATH", message, whole, t.span, t, whole)


def chain(judge: Judge, claim: Claim) -> Term | None:
    """The chain rule through everything that is computed from the variable: a sum of products of derivatives."""
    if claim.left.op != "d" or len(claim.left.args) != 2:
        return None
    top, wrt = claim.left.args
    used = {i.word for t in claim.left.walk() for i in (t.args if t.op == "name" else ()) if i.op == "name"}
    terms = []
    for word, (left, body) in judge.document.definitions.items():
        if wrt.word not in body.names() or word == top.word:
            continue
        free = [x for x in "ijkmpqrsuv" if x not in used]
        middle = name(word, *map(name, free[: len(left.args)]))
        product: Term = Term("*", (Term("d", (top, middle), "∂"), Term("d", (middle, wrt), "∂")))
        terms.append(Term("sum", (*middle.args, product)) if middle.args else product)
    found: Term | None = None
    for term in terms:
        found = term if found is None else Term("+", (found, term))
    return found


def _parts(judge: Judge, claim: Claim, words: Vocabulary) -> list[Term]:
    """Names, derivatives, and what the document adds, takes functions of, or differentiates."""
    found = dict.fromkeys([t.bare() for t in (*words.derivatives, *words.names)])
    for s in judge.document.statements:
        if s is not claim.statement:
            for t in [t for side in s.sides[1:] for t in side.walk()]:
                if t.op in ("+", "-", "call", "prime", "sum", "rel") and t is not claim.right:
                    found.setdefault(t.bare())
                if t.op == "*" and judge.points.matrices:
                    found.setdefault(t.bare())
    if claim.left.op == "d":
        for t in words.names:
            found.setdefault(Term("d", (claim.left.args[0].bare(), t), "∂"))
    return list(found)[:PARTS]


def _numbers(judge: Judge, claim: Claim, t: Term) -> Any:
    """The numbers of a formula at every point and for every index of the claim; None where it has none."""
    found: list[float] = []
    for w in judge.worlds:
        letters = letters_of([claim.left, claim.right], judge.document.known.indices, w.env)
        both = Term("+", (claim.left, claim.right))
        try:
            for places in itertools.product(*[range(w.size(x, both)) for x in letters]):
                x = w.evaluate(t, dict(zip(letters, places, strict=True)))
                found += [v.data for v in np.ravel(x)]
        except (TinygradLiteError, Unknown, ValueError, OverflowError):
            return None
    return np.array(found)


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
