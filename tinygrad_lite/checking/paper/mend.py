"""The mistake in a line, and the mended line.

The edits of the formula are tried in turn: first at one point in floats, then at all, then exactly. What is named
has been verified: with it the line holds.
"""

from __future__ import annotations

import itertools
import time

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.edits import Edit, Vocabulary, edits, places
from tinygrad_lite.checking.paper.example import example
from tinygrad_lite.checking.paper.fit import chain, fitted
from tinygrad_lite.checking.paper.judge import Claim, Judge, Late
from tinygrad_lite.checking.paper.points import letters_of
from tinygrad_lite.checking.paper.term import Term, name, num
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.errors import TinygradLiteError

TRIED = 6000  # edits of one line
PARTS = 16  # of the other lines
FAILURES = (TinygradLiteError, Unknown, OverflowError, ValueError, Late)


class Mend:
    """What is wrong in a line.

    Attributes:
        mistake: its code, its place and the sentence; None if no edit of one place makes the line right.
        right: the right-hand side that makes it right, as a tree.
        mark: where the sub-expression stands in the row.
        example: small whole numbers at which both sides differ, as sentences.
    """

    def __init__(self, claim: Claim, mistake: Mistake | None, right: Term | None, mark: tuple[int, int]) -> None:
        self.claim, self.mistake, self.right, self.mark = claim, mistake, right, mark
        self.example: list[str] = []

    @property
    def text(self) -> str:
        """The mended line."""
        return f"{self.claim.left} = {self.right}" if self.right else ""

    @property
    def latex(self) -> str:
        """The mended line as LaTeX."""
        return f"{self.claim.left.latex} = {self.right.latex}" if self.right else ""


def mend(judge: Judge, claim: Claim) -> Mend:
    """Name the mistake in a claim that does not follow, and mend it."""
    if judge.own is not None and judge.of_numbers(claim):
        return _recomputed(judge, judge.own, claim)
    rule = _rules(judge, claim)
    found = None if rule else _search(judge, claim)
    if rule:
        result = rule
    elif found is None:
        right = chain(judge, claim)
        if right is not None and not _right(judge, claim, right):
            right = None
        result = Mend(claim, None, right, claim.right.span)
    else:
        code, message = _named(judge, claim, found)
        result = Mend(claim, Mistake(code, str(claim.left), message, str(found.new)), _plain(found.right), found.mark)
    result.example = example(judge, claim)
    return result


def _recomputed(judge: Judge, own: World, claim: Claim) -> Mend:
    """A line of numbers with the number that belongs there; a factor 2 or a sign is named."""
    for edit in itertools.islice(edits(claim.right, Vocabulary()), 3):
        if judge.holds(claim, edit.right, [own]):
            mistake = Mistake(edit.code, str(claim.left), edit.message, str(edit.right))
            return Mend(claim, mistake, _plain(edit.right), claim.right.span)
    try:
        x = float(own.evaluate(claim.left).data)
        right = num(f"{abs(x):.6g}")
        return Mend(claim, None, Term("neg", (right,)) if x < 0 else right, claim.right.span)
    except (*FAILURES, AttributeError):  # an array: its numbers are not written out
        return Mend(claim, None, None, claim.right.span)


def _right(judge: Judge, claim: Claim, right: Term) -> bool:
    try:
        return judge.holds(claim, right)
    except FAILURES:
        return False


def vocabulary(judge: Judge, claim: Claim) -> Vocabulary:
    """What may stand in this line, told from the definitions."""
    d, w = judge.document, judge.worlds[0]
    indices = d.known.indices
    free = letters_of([claim.left, claim.right], indices, w.env)
    bound = [i.word for t in claim.right.walk() if t.op in ("sum", "prod") for i in t.args[:-1]]
    letters = list(dict.fromkeys([*free, *bound]))
    words = [*d.definitions, *[x for x in judge.points.leaves if x in judge.points.known or not d.definitions]]
    if claim.left.op == "d" and not d.definitions:
        words = sorted(claim.left.names())
    counted = {
        word: np.ndim(w.env[word]) if isinstance(w.env[word], np.ndarray) else 0 for word in words if word in w.env
    }
    matrices = judge.points.matrices
    names: list[Term] = []
    for word, n in counted.items():
        if matrices or n == 0:
            names.append(name(word))
            names += [Term("T", (name(word),))] if n == 2 else []
        else:
            names += [name(word, *map(name, some)) for some in itertools.product(letters, repeat=n)] if n < 3 else []
    derivatives: list[Term] = []
    bodies = [*d.definitions.values(), *[(c, c) for c in (claim.left.args[:1] if claim.left.op == "d" else [])]]
    for left, body in bodies:
        for t in body.walk():
            if t.op == "call" and len(t.args) == 1 and t.word not in ("softmax", "mean", "tr", "diag", "norm"):
                own = [i.word for i in left.args if i.op == "name" and left.op == "name"]
                for some in itertools.product(letters, repeat=len(own)) if own else [()]:
                    swap = dict(zip(own, some, strict=True))
                    derivatives.append(_lettered(Term("prime", t.args, t.word), swap))
            elif t.op == "call" and t.word == "max" and len(t.args) == 2 and t.args[0].word == "0":
                derivatives.append(Term("rel", (t.args[1], num(0)), ">"))
    shape = {word: np.shape(w.env[word]) if n else () for word, n in counted.items()}
    alike = {a: [b for b in shape if b != a and shape[b] == shape[a]] for a in shape}
    left_letters = letters_of([claim.left], indices, w.env)
    extra = [x for x in free if x not in left_letters]
    sizes = [name(s) for s in sorted(judge.points.sizes)]
    sides = [side for s in d.statements if s is not claim.statement for side in s.sides[1:]]
    parts = [t.bare() for side in sides for t in side.walk() if t.op in ("+", "-") or (t.op == "*" and side is not t)]
    derivatives = list(dict.fromkeys(t.bare() for t in derivatives))
    return Vocabulary(names, derivatives, alike, letters, extra, sizes, list(dict.fromkeys(parts))[:PARTS], matrices)


def _lettered(t: Term, swap: dict[str, str]) -> Term:
    return t.mapped(
        lambda n: n._replace(word=swap[n.word]) if n.op == "name" and not n.args and n.word in swap else None
    )


def _search(judge: Judge, claim: Claim) -> Edit | None:
    words = vocabulary(judge, claim)
    first, seen = judge.worlds[:1], set()
    for edit in itertools.chain(itertools.islice(edits(claim.right, words), TRIED), fitted(judge, claim, words)):
        key = edit.right.bare()
        if key in seen:
            continue
        seen.add(key)
        if time.process_time() > judge.until:
            return None
        try:
            if judge.holds(claim, edit.right, first, quick=True) and judge.holds(claim, edit.right):
                return edit
        except FAILURES:
            continue
    return None


def _named(judge: Judge, claim: Claim, edit: Edit) -> tuple[str, str]:
    """The code of an edit; an operand inside a derivative of an activation is a derivative at the wrong place."""
    if edit.code != "WRONG_OPERAND":
        return edit.code, edit.message
    w = judge.worlds[0]
    letters = letters_of([claim.left, claim.right], judge.document.known.indices, w.env)
    slopes = []
    for f in vocabulary(judge, claim).derivatives:
        slopes.append((f, _numbers(w, f, letters)))
    for (new, _), (old, _) in zip(places(edit.right), places(claim.right), strict=False):
        if new.bare() == old.bare() or new.op in ("name", "num"):
            continue
        value = _numbers(w, new, letters)
        for f, slope in slopes:
            if (
                value is not None
                and slope is not None
                and len(value) == len(slope)
                and np.allclose(value, slope, rtol=1e-9)
            ):
                return "DERIV_OF_DERIV_ARG", f"the derivative {f} is taken at the wrong place: {edit.message}"
    return edit.code, edit.message


def _numbers(w: World, t: Term, letters: list[str]) -> list[float] | None:
    try:
        return [float(v.data) for v in np.ravel(w.evaluate(t, dict.fromkeys(letters, 0)))]
    except FAILURES:
        return None


def _plain(t: Term) -> Term:
    """Without --x and x/1, as a person would write it."""

    def change(n: Term) -> Term | None:
        if n.op == "neg" and n.args[0].op == "neg":
            return _plain(n.args[0].args[0])
        if n.op in ("+", "-") and n.args[1].op == "neg":
            return _plain(n._replace(op="-" if n.op == "+" else "+", args=(n.args[0], n.args[1].args[0])))
        return None

    return t.mapped(change)


def _rules(judge: Judge, claim: Claim) -> Mend | None:
    """A product rule or a quotient rule misapplied: recognised by what the wrong rule would give."""
    if claim.left.op == "prime" and claim.left.word in judge.document.functions and claim.left.args[0].op == "name":
        operand, body = judge.document.functions[claim.left.word]
        x = claim.left.args[0]
        top = body.mapped(lambda t: x if t.op == "name" and t.word == operand else None)
    elif claim.left.op == "d" and len(claim.left.args) == 2:
        top, x = claim.left.args
    else:
        return None
    body = (
        judge.document.definitions[top.word][1] if top.op == "name" and top.word in judge.document.definitions else top
    )
    if body.op not in ("*", "/"):
        return None
    u, v = body.args
    du, dv = (Term("d", (s, x), "d") for s in (u, v))
    left, right = Term("*", (du, v)), Term("*", (u, dv))
    square = Term("^", (v, num(2)))
    if body.op == "*":
        wrong, correct = [Term("*", (du, dv)), left, right], Term("+", (left, right))
    else:
        correct = Term("/", (Term("-", (left, right)), square))
        wrong = [
            Term("/", (du, dv)),
            Term("/", (Term("+", (left, right)), square)),
            Term("/", (Term("-", (left, right)), v)),
        ]
        wrong += [Term("/", (Term("-", (right, left)), square))]
    for candidate in wrong:
        try:
            asked = Claim(claim.statement, candidate, claim.right, 0)
            if judge.holds(asked, claim.right) and judge.holds(claim, correct):
                rule = "product rule" if body.op == "*" else "quotient rule"
                message = f"the {rule} is misapplied: this is {candidate}"
                return Mend(
                    claim, Mistake("PRODUCT_RULE", str(claim.left), message, str(correct)), correct, claim.right.span
                )
        except FAILURES:
            continue
    return None
