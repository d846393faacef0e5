"""Every way to go wrong at each place of a formula, undone: the formulas that may have been meant.

An `Edit` is a formula with one place changed, the code of the mistake that the change undoes, and what stood there.
`RULES` is the table of all changes, the likeliest first; each rule is given a place and says what may be meant there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tinygrad_lite.checking.paper.term import Term, name, num, times
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.report.language import say

Rebuild = Callable[[Term], Term]
Places = Iterator[tuple[Term, Rebuild]]
Changes = Iterator[tuple[str, str, Term]]  # the code, what is said of it, and what belongs there


class Edit(NamedTuple):
    """A change at one place: its code and sentence, the whole formula after it, the place, what belongs there."""

    code: str
    message: str
    right: Term
    mark: tuple[int, int]
    new: Term


class Vocabulary(NamedTuple):
    """What may stand in a formula of this document.

    Attributes:
        names: names with indices that fit, transposes included where there are matrices.
        derivatives: f'(u) of every function in the definitions.
        alike: which words have the same shape.
        letters: the indices in use.
        extra: indices on the right that are not on the left.
        sizes: names of sizes, and numbers that count.
        parts: sums and products in the other lines.
        matrices: products are of matrices.
    """

    names: list[Term] = []
    derivatives: list[Term] = []
    alike: dict[str, list[str]] = {}
    letters: list[str] = []
    extra: list[str] = []
    sizes: list[Term] = []
    parts: list[Term] = []
    matrices: bool = False


def edits(t: Term, words: Vocabulary) -> Iterator[Edit]:
    """The formulas that may have been meant."""
    for where, rule in RULES:
        for place, put in where(t, words):
            for code, message, new in rule(place, words):
                yield Edit(code, message, put(new), place.span, new)


# ------------------------------------------------------------------ the places


def places(t: Term, words: Vocabulary | None = None, rebuild: Rebuild = lambda new: new) -> Places:
    """Every node with what puts another one in its place; indices are no places."""
    yield t, rebuild
    if t.op not in ("name", "num"):
        for i, arg in enumerate(t.args):
            if not (t.op in ("sum", "prod") and i < len(t.args) - 1) and not (t.op in ("at", "where") and i > 0):
                yield from places(arg, words, _into(rebuild, t, i))


def terms(t: Term, words: Vocabulary) -> Places:
    """The places of whole terms: the formula itself, and what is added inside it; of matrices, factors too."""
    yield t, lambda new: new
    for node, put in places(t):
        if node.op in ("+", "-", "neg") or (words.matrices and node.op in ("*", "odot")):
            for i, arg in enumerate(node.args):
                yield arg, _into(put, node, i)
        elif node.op == "sum" and len(node.args) > 1:
            yield node.args[-1], _into(put, node, len(node.args) - 1)


def _into(put: Rebuild, node: Term, i: int) -> Rebuild:
    return lambda new: put(node.put(i, new))


def whole(t: Term, words: Vocabulary) -> Places:
    yield t, lambda new: new


def _other(op: str, t: Term) -> Term:
    """A formula with its sign flipped, or transposed; what was so already as it was before."""
    return t.args[0] if t.op == op else Term(op, (t,))


def _twice(t: Term) -> Term:
    """2 times a product, written in front of its first factor."""
    return t._replace(args=(_twice(t.args[0]), t.args[1])) if t.op == "*" else times(num(2), t)


def _flipped(place: Term, words: Vocabulary) -> Changes:
    yield "SIGN", say("the sign is flipped"), _other("neg", place)


def _factor_2(place: Term, words: Vocabulary) -> Changes:
    yield "FACTOR_2", say("a factor 2 is missing in {0}", place), _twice(place)
    yield "FACTOR_2", say("a factor 2 is too many in {0}", place), Term("/", (place, num(2)))
    for size in words.sizes:
        yield "MEAN_N", say("the division by {0} is missing", size), Term("/", (place, size))
        yield "MEAN_N", say("divided by {0} once too often", size), times(size, place)


def _signs(place: Term, words: Vocabulary) -> Changes:
    if place.op in ("+", "-"):
        flipped = place._replace(op="-" if place.op == "+" else "+")
        yield "SIGN", say("the sign before {0} is flipped", place.args[1]), flipped
        yield "SIGN", say("the sign of {0} is flipped", place.args[0]), place.put(0, _other("neg", place.args[0]))
    elif place.op == "neg":
        yield "SIGN", say("the sign of {0} is flipped", place.args[0]), place.args[0]
    elif place.op == "call":
        for i, arg in enumerate(place.args):
            yield "SIGN", say("the sign inside {0} is flipped", place), place.put(i, _other("neg", arg))
    elif place.op == "rel" and place.word in "<>≤≥":
        word = "><≥≤"["<>≤≥".index(place.word)]
        yield "SIGN", say("{0} is the wrong side of the kink", place), place._replace(word=word)


def _too_many(place: Term, words: Vocabulary) -> Changes:
    if place.op in ("*", "odot"):
        for kept, gone in (place.args, place.args[::-1]):
            shown = say("the factor {0} is too many", gone)
            yield "FACTOR_2" if gone.bare() == num(2) else "DOUBLED_FACTOR", shown, kept
    elif place.op == "/":
        top, bottom = place.args
        yield "DOUBLED_FACTOR", say("the division by {0} is too many", bottom), top
        square = Term("^", (bottom, num(2)))
        yield "PRODUCT_RULE", say("the denominator {0} is not squared", bottom), Term("/", (top, square))
    elif place.op == "^" and place.args[1].op == "num":
        yield "DOUBLED_FACTOR", say("the power of {0} is too many", place.args[0]), place.args[0]


def renamed(t: Term, old: str, new: str) -> Term:
    """The formula with one name for another."""
    return t.mapped(lambda n: n._replace(word=new) if n.op == "name" and n.word == old else None)


def _operands(place: Term, words: Vocabulary) -> Changes:
    for word in words.alike.get(place.word, []) if place.op == "name" else []:
        new = place._replace(word=word)
        yield "WRONG_OPERAND", say("{0} stands where {1} belongs", place, new), new


def _throughout(place: Term, words: Vocabulary) -> Changes:
    """One name for another throughout a function, a sum or a power; a derivative in the place of its function."""
    if place.op in ("call", "prime", "+", "-", "^"):
        for old in sorted(place.names()):
            for word in words.alike.get(old, []):
                yield "WRONG_OPERAND", say("{0} stands where {1} belongs", old, word), renamed(place, old, word)
    for f in words.derivatives if place.op in ("call", "prime") else []:
        if f.word == place.word and f.op != place.op:
            yield "NO_ACT_DERIV", say("{0} stands where its derivative {1} belongs", place, f), f
        elif f.word == place.word and f.bare() != place.bare():
            shown = say("the derivative is taken at {0} instead of at {1}", place.args[0], f.args[0])
            yield "DERIV_OF_DERIV_ARG", shown, f


def _indices(place: Term, words: Vocabulary) -> Changes:
    if place.op != "name":
        return
    for a, b in itertools.combinations(range(len(place.args)), 2):
        new = place.put(a, place.args[b]).put(b, place.args[a])
        yield "TRANSPOSED", say("the indices of {0} are exchanged: {1} belongs here", place, new), new
    for i, letter in itertools.product(range(len(place.args)), words.letters):
        new = place.put(i, name(letter))
        if new.bare() != place.bare():
            yield "WRONG_INDEX", say("{0} stands where {1} belongs", place, new), new


def _product(place: Term, factor: Term, words: Vocabulary) -> Iterator[Term]:
    if words.matrices:
        yield from (Term("odot", (place, factor)), Term("*", (place, factor)), Term("*", (factor, place)))
    else:
        yield times(place, factor)


def _lost(place: Term, words: Vocabulary) -> Changes:
    for factor in words.derivatives:
        for new in _product(place, factor, words):
            yield "NO_ACT_DERIV", say("the factor {0} is left out of the chain", factor), new
    for factor in words.names:
        for new in _product(place, factor, words):
            yield "DROPPED_FACTOR", say("the factor {0} is left out of the chain", factor), new
        if factor.op == "name":
            yield "DROPPED_FACTOR", say("the division by {0} is left out", factor), Term("/", (place, factor))
        shown = say("the factor -{0} is left out of the chain", factor)
        yield "DROPPED_FACTOR", shown, times(_other("neg", place), factor)


def _no_sum(place: Term, words: Vocabulary) -> Changes:
    for letter in words.extra:
        yield "PATHS_NOT_SUMMED", say("the sum over {0} is forgotten", letter), Term("sum", (name(letter), place))


def _sums(place: Term, words: Vocabulary) -> Changes:
    if place.op == "sum":
        whole = len(place.args) == 1
        shown = say("the sum of all entries is too many" if whole else "the sum over {0} is too many", place.args[0])
        yield "PATHS_NOT_SUMMED", shown, place.args[-1]
        if place.word[:1] == "≠":
            yield "DROPPED_PATH", say("the term {0} is left out of the sum", place.word[1:]), place._replace(word="")


def _transposes(place: Term, words: Vocabulary) -> Changes:
    if not words.matrices or place.op in ("num", "rel"):
        return
    turned = _other("T", place)
    shown = "{0} is transposed, {1} belongs here" if place.op == "T" else "{0} is not transposed: {1} belongs here"
    yield "TRANSPOSED", say(shown, place, turned), turned
    if place.op in ("*", "odot"):
        a, b = place.args
        new = Term("odot" if place.op == "*" else "*", (a, b))
        yield "WRONG_OPERAND", say("one product of matrices for another"), new
        for x, y in itertools.product((a, _other("T", a)), (b, _other("T", b))):
            for p, q in ((x, y), (y, x)):
                new = Term("*", (p, q))
                yield "TRANSPOSED", say("{0} is in the wrong order: {1} belongs here", place, new), new
        if "*" in (a.op, b.op):
            for order in itertools.permutations([*a.args, b] if a.op == "*" else [a, *b.args]):
                yield "TRANSPOSED", say("the factors stand in the wrong order"), times(*order)


def _powers(place: Term, words: Vocabulary) -> Changes:
    if place.op == "^" and place.args[1].op == "num" and place.args[1].word.isdigit():
        base, n = place.args[0], int(place.args[1].word)
        for k in (n - 1, n + 1):
            new = base if k == 1 else Term("^", (base, num(k)))
            yield "WRONG_POWER", say("the exponent of {0} is {1}, not {2}", base, k, n), new
        if base.op in ("+", "-"):
            inner = base.put(1, Term("^", (base.args[1], place.args[1])))
            yield "WRONG_POWER", say("the exponent belongs to the last term alone"), inner
    elif place.op in ("name", "call", "+", "-"):
        yield "WRONG_POWER", say("the square of {0} belongs here", place), Term("^", (place, num(2)))


_ACTIVATIONS = {op.name for op in TABLE.values() if op.activation and op.arity == 1}
_KINDS = ({"sin", "cos"}, {"exp", "log"}, _ACTIVATIONS)


def _functions(place: Term, words: Vocabulary) -> Changes:
    for kind in [kind for kind in _KINDS if place.op == "call" and place.word in kind]:
        for other in sorted(kind - {place.word}):
            yield "WRONG_ACT_DERIV", say("{0} stands where {1} belongs", place.word, other), place._replace(word=other)
    if place.op in ("*", "-", "rel", "call", "prime", "/", "odot"):
        for f in words.derivatives:
            yield "WRONG_ACT_DERIV", say("{0} stands where the derivative {1} belongs", place, f), f


def _no_term(place: Term, words: Vocabulary) -> Changes:
    for term in (*words.names, num(1)) if place.op != "num" else ():
        yield "DROPPED_PATH", say("the term -{0} is left out", term), Term("-", (place, term))
        yield "DROPPED_PATH", say("the term {0} is left out", term), Term("+", (place, term))
        yield "DROPPED_PATH", say("the term {0} is left out before -{1}", term, place), Term("-", (term, place))


def _one_term(place: Term, words: Vocabulary) -> Changes:
    if place.op in ("+", "-"):
        for kept, gone in (place.args, place.args[::-1]):
            yield "DROPPED_PATH", say("the term {0} is too many", gone), kept


def _parts(place: Term, words: Vocabulary) -> Changes:
    for part in words.parts:
        for new in _product(place, part, words):
            yield "DROPPED_FACTOR", say("the factor {0} is left out of the chain", part), new
        yield "DROPPED_PATH", say("the term {0} is left out", part), Term("+", (place, part))
        yield "DROPPED_PATH", say("the term -{0} is left out", part), Term("-", (place, part))


RULES: list[tuple[Callable[[Term, Vocabulary], Places], Callable[[Term, Vocabulary], Changes]]] = [
    (whole, _flipped),
    (terms, _factor_2),
    (places, _signs),
    (places, _too_many),
    (places, _operands),
    (places, _throughout),
    (places, _indices),
    (terms, _lost),
    (terms, _no_sum),
    (places, _sums),
    (places, _transposes),
    (places, _powers),
    (places, _functions),
    (places, _no_term),
    (places, _one_term),
    (terms, _parts),
]
