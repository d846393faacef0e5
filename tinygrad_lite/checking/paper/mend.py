"""The mistake in a line, the mended line, and the smallest counterexample.

The edits of the formula are tried in turn: first at one point in floats, then at all, then exactly. What is named
has been verified: with it the line holds.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.edits import edits
from tinygrad_lite.checking.paper.fit import chain, fitted
from tinygrad_lite.checking.paper.judge import Claim, Judge, Late
from tinygrad_lite.checking.paper.places import Edit, Vocabulary, places
from tinygrad_lite.checking.paper.points import letters_of
from tinygrad_lite.checking.paper.term import Term, name, num
from tinygrad_lite.checking.paper.world import Unknown, World
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.errors import TinygradLiteError

TRIED = 6000  # edits of one line
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
    return Vocabulary(
        names, [t.bare() for t in dict.fromkeys(t.bare() for t in derivatives)], alike, letters, extra, sizes, matrices
    )


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


# ---------------------------------------------------------------------- a counterexample for a pencil


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
            return [f"At {at}{entry}:", f"{claim.left} is {_exact(w, x)}, but the line gives {_exact(w, y)}."]
    return []


def _shown(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return "[" + ", ".join(_shown(v) for v in x) + "]" if x.ndim < 2 or x.shape[1] > 1 else _shown(x.ravel())
    return f"{x.data:g}"


def _exact(w: World, x: Any) -> str:
    if isinstance(x, np.ndarray):
        return "[" + ", ".join(_exact(w, v) for v in (x.ravel() if 1 in x.shape else x)) + "]"
    found = w.number(x)
    return str(found) if isinstance(found, Fraction) and found.denominator < 1000 else f"{x.data:.6g}"
