"""The mistake in a line, and the mended line.

The edits of the formula are tried in turn: first at one point in floats, then at all, then exactly. What is named
has been verified: with it the line holds. Where no edit helps, the chain rule itself, written with the derivatives of
the definitions, is a right line to go on from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.edits import Edit, Vocabulary, edits, places
from tinygrad_lite.checking.paper.example import example
from tinygrad_lite.checking.paper.judge import FAILURES, Claim, Judge, Late
from tinygrad_lite.checking.paper.term import Term, name, num, times
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.report.language import say

TRIED = 6000  # edits of one line
PARTS = 16  # of the other lines
ATOMS = 40  # of what may be left out, found by its numbers


class Mend:
    """What is wrong in a line.

    Attributes:
        mistake: its code, its place and the sentence; None if no edit of one place makes the line right.
        right: the right-hand side that makes it right, as a tree; None if none was found.
        mark: where the sub-expression stands in the row.
        text, latex: the mended line; "" without one.
        example: small whole numbers at which both sides differ, as sentences.
    """

    def __init__(self, claim: Claim, edit: Edit | None, right: Term | None = None) -> None:
        left, right = claim.left, plain(edit.right) if edit else right
        self.mistake: Mistake | None = Mistake(edit.code, str(left), edit.message, str(edit.new)) if edit else None
        self.mark: tuple[int, int] = edit.mark if edit else claim.right.span
        self.right = right
        self.text: str = f"{left} = {right}" if right else ""
        self.latex: str = f"{left.latex} = {right.latex}" if right else ""
        self.example: list[str] = []


def mend(judge: Judge, claim: Claim) -> Mend:
    """Name the mistake in a claim that does not follow, and mend it."""
    if judge.own is not None and judge.of_numbers(claim):
        return _recomputed(judge, claim)
    edit = right = None
    try:
        edit = found(judge, claim)
        right = None if edit else chain(judge, claim)
        right = right if right and judge.safely(claim, right) else None
    except Late:
        pass  # what was not found in time is not named
    result = Mend(claim, edit, right)
    result.example = example(judge, claim)
    return result


def found(judge: Judge, claim: Claim) -> Edit | None:
    """The first edit that makes the line right."""
    words, seen = vocabulary(judge, claim), set()
    tried = itertools.islice(edits(claim.right, words), TRIED)
    for edit in itertools.chain(_rules(judge, claim), tried, fitted(judge, claim, words)):
        key = edit.right.bare()
        if key in seen:
            continue
        seen.add(key)
        if judge.safely(claim, edit.right, judge.worlds[:1], quick=True) and judge.safely(claim, edit.right):
            return _named(judge, claim, edit, words)
    return None


def _recomputed(judge: Judge, claim: Claim) -> Mend:
    """A line of numbers with the number that belongs there; a factor 2 or a sign is named."""
    own = judge.own
    assert own is not None
    for edit in itertools.islice(edits(claim.right, Vocabulary()), 3):
        if judge.safely(claim, edit.right, [own]):
            return Mend(claim, edit)
    try:
        x = float(own.evaluate(claim.left).data)
    except (*FAILURES, AttributeError):  # an array: its numbers are not written out
        return Mend(claim, None)
    right = num(f"{abs(x):.6g}")
    return Mend(claim, None, Term("neg", (right,)) if x < 0 else right)


def _named(judge: Judge, claim: Claim, edit: Edit, words: Vocabulary) -> Edit:
    """The edit; an operand inside the derivative of an activation is a derivative at the wrong place."""
    if edit.code != "WRONG_OPERAND":
        return edit
    derivatives = [(f, judge.numbers(claim, f)) for f in words.derivatives]
    for (new, _), (old, _) in zip(places(edit.right), places(claim.right), strict=False):
        if new.bare() != old.bare() and new.op not in ("name", "num"):
            value = judge.numbers(claim, new)
            for f, of_f in derivatives:
                if value is not None and of_f is not None and value.shape == of_f.shape and np.allclose(value, of_f):
                    message = say("the derivative {0} is taken at the wrong place: {1}", f, edit.message)
                    return edit._replace(code="DERIV_OF_DERIV_ARG", message=message)
    return edit


def plain(t: Term) -> Term:
    """Without --x and x/1, as a person would write it."""

    def change(n: Term) -> Term | None:
        if n.op == "neg" and n.args[0].op == "neg":
            return plain(n.args[0].args[0])
        if n.op in ("+", "-") and n.args[1].op == "neg":
            return plain(n._replace(op="-" if n.op == "+" else "+", args=(n.args[0], n.args[1].args[0])))
        return None

    return t.mapped(change)


# ------------------------------------------------------------------ what may have been meant


def vocabulary(judge: Judge, claim: Claim) -> Vocabulary:
    """What may stand in this line, told from the definitions."""
    d, env = judge.document, judge.worlds[0].env
    free, on_the_left = judge.letters(claim.left, claim.right), judge.letters(claim.left)
    bound = [i.word for t in claim.right.walk() if t.op in ("sum", "prod") for i in t.args[:-1]]
    letters = list(dict.fromkeys([*free, *bound]))
    words = [*d.definitions, *[x for x in judge.points.leaves if x in judge.points.known or not d.definitions]]
    if claim.left.op == "d" and not d.definitions and not judge.points.known:
        words = sorted(claim.left.names())
    shape = {word: np.shape(env[word]) for word in words if word in env}
    names: list[Term] = []
    for word, sizes in shape.items():
        if judge.points.matrices or not sizes:
            names += [name(word), Term("T", (name(word),))][: 2 if len(sizes) == 2 else 1]
        elif len(sizes) < 3:
            names += [name(word, *map(name, some)) for some in itertools.product(letters, repeat=len(sizes))]
    sides = [side for s in d.statements if s is not claim.statement for side in s.sides[1:]]
    parts = [t.bare() for side in sides for t in side.walk() if t.op in ("+", "-") or (t.op == "*" and side is not t)]
    return Vocabulary(
        names,
        list(dict.fromkeys(t.bare() for t in _derivatives(judge, claim, letters))),
        alike={a: [b for b in shape if b != a and shape[b] == shape[a]] for a in shape},
        letters=letters,
        extra=[x for x in free if x not in on_the_left],
        sizes=[name(s) for s in sorted(judge.points.sizes)],
        parts=list(dict.fromkeys(parts))[:PARTS],
        matrices=judge.points.matrices,
    )


def _derivatives(judge: Judge, claim: Claim, letters: list[str]) -> Iterator[Term]:
    """f'(u) of every function in the definitions, with every index."""
    yield from judge.points.derivatives
    top = claim.left.args[0] if claim.left.op == "d" else claim.left
    for left, body in [*judge.document.definitions.values(), (top, top)]:
        for t in body.walk():
            if t.op == "call" and len(t.args) == 1 and t.word not in ("softmax", "mean", "tr", "diag", "norm"):
                own = [i.word for i in left.args if i.op == "name" and left.op == "name"]
                for some in itertools.product(letters, repeat=len(own)):
                    yield _lettered(Term("prime", t.args, t.word), dict(zip(own, map(name, some), strict=True)))
            elif t.op == "call" and t.word == "max" and len(t.args) == 2 and t.args[0].word == "0":
                yield Term("rel", (t.args[1], num(0)), ">")


def _lettered(t: Term, swap: dict[str, Term]) -> Term:
    return t.mapped(lambda n: swap.get(n.word) if n.op == "name" and not n.args else None)


def _rules(judge: Judge, claim: Claim) -> Iterator[Edit]:
    """A product rule or a quotient rule misapplied: recognised by what the wrong rule would give."""
    left, d = claim.left, judge.document
    if left.op == "prime" and left.word in d.functions and left.args[0].op == "name":
        operand, body = d.functions[left.word]
        x = left.args[0]
        body = body.mapped(lambda t: x if t.op == "name" and t.word == operand else None)
    elif left.op == "d" and len(left.args) == 2:
        body, x = left.args
        body = d.definitions[body.word][1] if body.op == "name" and body.word in d.definitions else body
    else:
        return
    if body.op not in ("*", "/"):
        return
    u, v = body.args
    du, dv = (Term("d", (s, x), "d") for s in (u, v))
    first, second, square = Term("*", (du, v)), Term("*", (u, dv)), Term("^", (v, num(2)))
    plus, minus, back = Term("+", (first, second)), Term("-", (first, second)), Term("-", (second, first))
    rule, right = ("product", plus) if body.op == "*" else ("quotient", Term("/", (minus, square)))
    quotients = [Term("/", pair) for pair in ((du, dv), (plus, square), (minus, v), (back, square))]
    wrong = [Term("*", (du, dv)), first, second] if body.op == "*" else quotients
    for candidate in wrong:
        if judge.safely(Claim(claim.statement, candidate, claim.right), claim.right):
            message = say("the {0} rule is misapplied: this is {1}", say(rule), candidate)
            yield Edit("PRODUCT_RULE", message, right, claim.right.span, right)


def chain(judge: Judge, claim: Claim) -> Term | None:
    """The chain rule through everything that is computed from the variable: a sum of products of derivatives."""
    if claim.left.op != "d" or len(claim.left.args) != 2:
        return None
    top, wrt = claim.left.args
    used = {i.word for t in claim.left.walk() if t.op == "name" for i in t.args}
    total: Term | None = None
    for word, (left, body) in judge.document.definitions.items():
        if wrt.word in body.names() and word != top.word:
            middle = name(word, *map(name, [x for x in "ijkmpqrsuv" if x not in used][: len(left.args)]))
            term = Term("*", (Term("d", (top, middle), "∂"), Term("d", (middle, wrt), "∂")))
            term = Term("sum", (*middle.args, term)) if middle.args else term
            total = Term("+", (total, term)) if total else term
    return total


# ------------------------------------------------------------------ found by its numbers
# The gap between both sides, and their ratio, are known at many points. A product of up to three parts of the document
# that is proportional to one of them at all points is what was left out.


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
                signed = f"{'-' if c < 0 else ''}{new}"
                message = (
                    say("the factor {0} is left out", signed) if op == "*" else say("the term {0} is left out", signed)
                )
                yield Edit(code, message, whole, t.span, whole)


def _parts(judge: Judge, claim: Claim, words: Vocabulary) -> list[Term]:
    """Names, derivatives, and what the document adds, takes functions of, or differentiates."""
    ops = {"+", "-", "call", "prime", "sum", "rel"} | ({"*"} if judge.points.matrices else set())
    found = [*words.derivatives, *words.names]
    for s in judge.document.statements:
        if s is not claim.statement:
            found += [t for side in s.sides[1:] for t in side.walk() if t.op in ops]
    if claim.left.op == "d":
        found += [Term("d", (claim.left.args[0], t), "∂") for t in words.names]
    return list(dict.fromkeys(t.bare() for t in found))[:ATOMS]


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
