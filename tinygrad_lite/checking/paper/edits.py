"""Every way to go wrong at each place of a formula, undone: the formulas that may have been meant.

An `Edit` is a formula with one place changed, the code of the mistake that the change undoes, and what stood there.
They come in the order in which they should be believed: one factor or sign first, a term that is missing last.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_lite.checking.paper.places import Edit, Vocabulary, additive, edit, places, renamed
from tinygrad_lite.checking.paper.term import Term, name, num, times
from tinygrad_lite.engine.op import TABLE


def edits(t: Term, words: Vocabulary) -> Iterator[Edit]:
    """The formulas that may have been meant."""
    steps = (_scales, _signs, _doubled, _operands, _indices, _lost, _sums, _transposes, _powers, _functions, _missing)
    for step in (*steps, _parts):
        yield from step(t, words)


def _negative(t: Term) -> Term:
    return t.args[0] if t.op == "neg" else Term("neg", (t,))


def _scales(t: Term, words: Vocabulary) -> Iterator[Edit]:
    yield edit("SIGN", "the sign is flipped", lambda n: n, t, _negative(t))
    for place, put in additive(t):
        where = "" if place is t else f" in {place}"
        yield edit("FACTOR_2", f"a factor 2 is missing{where}", put, place, _twice(place))
        yield edit("FACTOR_2", f"a factor 2 is too many{where}", put, place, Term("/", (place, num(2))))
    for size in words.sizes:
        for place, put in additive(t):
            yield edit("MEAN_N", f"the division by {size} is missing", put, place, Term("/", (place, size)))
            yield edit("MEAN_N", f"divided by {size} once too often", put, place, times(size, place))


def _parts(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in additive(t, words.matrices):
        for part in words.parts:
            for new in _product(place, part, words):
                yield edit("DROPPED_FACTOR", f"the factor {part} is left out of the chain", put, place, new)
            for op, sign in (("+", ""), ("-", "-")):
                yield edit("DROPPED_PATH", f"the term {sign}{part} is left out", put, place, Term(op, (place, part)))


def _twice(t: Term) -> Term:
    """2 times a product, written in front of its first factor."""
    return t._replace(args=(_twice(t.args[0]), t.args[1])) if t.op == "*" else times(num(2), t)


def _signs(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op in ("+", "-"):
            flipped = place._replace(op="-" if place.op == "+" else "+")
            yield edit("SIGN", f"the sign before {place.args[1]} is flipped", put, place, flipped)
            first = Term(place.op, (_negative(place.args[0]), place.args[1]))
            yield edit("SIGN", f"the sign of {place.args[0]} is flipped", put, place, first)
        elif place.op == "neg" and place is not t:
            yield edit("SIGN", f"the sign of {place.args[0]} is flipped", put, place, place.args[0])
        elif place.op == "call":
            for i, arg in enumerate(place.args):
                new = place.put(i, _negative(arg))
                yield edit("SIGN", f"the sign inside {place} is flipped", put, place, new)


def _product(place: Term, factor: Term, words: Vocabulary) -> Iterator[Term]:
    if not words.matrices:
        yield times(place, factor)
        return
    for op, a, b in itertools.product(("odot", "*"), (place, factor), (place, factor)):
        if a is not b and (op == "*" or a is place):
            yield Term(op, (a, b))


def _lost(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for factors, code in ((words.derivatives, "NO_ACT_DERIV"), (words.names, "DROPPED_FACTOR")):
        for place, put in additive(t, words.matrices):
            for factor in factors:
                for new in _product(place, factor, words):
                    yield edit(code, f"the factor {factor} is left out of the chain", put, place, new)
                if code == "DROPPED_FACTOR" and factor.op == "name":
                    yield edit(code, f"the division by {factor} is left out", put, place, Term("/", (place, factor)))
    for place, put in additive(t, words.matrices):
        for factor in words.names:
            minus = times(_negative(place), factor)
            yield edit("DROPPED_FACTOR", f"the factor -{factor} is left out of the chain", put, place, minus)


def _doubled(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op in ("*", "odot"):
            for kept, gone in (place.args, place.args[::-1]):
                code = "FACTOR_2" if gone.op == "num" and gone.word == "2" else "DOUBLED_FACTOR"
                yield edit(code, f"the factor {gone} is too many", put, place, kept)
        elif place.op == "/":
            yield edit("DOUBLED_FACTOR", f"the division by {place.args[1]} is too many", put, place, place.args[0])
            power = Term("^", (place.args[1], num(2)))
            message = f"the denominator {place.args[1]} is not squared"
            yield edit("PRODUCT_RULE", message, put, place, Term("/", (place.args[0], power)))
        elif place.op == "^" and place.args[1].op == "num":
            yield edit("DOUBLED_FACTOR", f"the power of {place.args[0]} is too many", put, place, place.args[0])


def _operands(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op == "name":
            for word in words.alike.get(place.word, []):
                new = place._replace(word=word)
                yield edit("WRONG_OPERAND", f"{place} stands where {new} belongs", put, place, new)
    for old in sorted(t.names()):
        for word in words.alike.get(old, []):
            changed = renamed(t, old, word)
            yield Edit("WRONG_OPERAND", f"{old} stands where {word} belongs", changed, t.span, t, changed)
    for place, put in places(t):
        if place.op in ("call", "prime") or place.op in ("+", "-", "^"):
            inside = sorted(place.names())
            for old in inside:
                for word in words.alike.get(old, []):
                    new = renamed(place, old, word)
                    yield edit("WRONG_OPERAND", f"{old} stands where {word} belongs", put, place, new)
        if place.op == "call" and place.args and words.derivatives:
            for f in words.derivatives:
                if f.word == place.word:
                    yield edit("NO_ACT_DERIV", f"{place} stands where its derivative {f} belongs", put, place, f)
        if place.op == "prime":
            for f in words.derivatives:
                if f.word == place.word and f.bare() != place.bare():
                    yield edit(
                        "DERIV_OF_DERIV_ARG",
                        f"the derivative is taken at {place.args[0]} instead of at {f.args[0]}",
                        put,
                        place,
                        f,
                    )


def _indices(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op != "name" or not place.args:
            continue
        for a, b in itertools.combinations(range(len(place.args)), 2):
            args = list(place.args)
            args[a], args[b] = args[b], args[a]
            new = place._replace(args=tuple(args))
            yield edit("TRANSPOSED", f"the indices of {place} are exchanged: {new} belongs here", put, place, new)
        for i, letter in itertools.product(range(len(place.args)), words.letters):
            new = place.put(i, name(letter))
            if new.bare() != place.bare():
                yield edit("WRONG_INDEX", f"{place} stands where {new} belongs", put, place, new)


def _sums(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for letter in words.extra:
        for place, put in additive(t):
            new = Term("sum", (name(letter), place))
            yield edit("PATHS_NOT_SUMMED", f"the sum over {letter} is forgotten", put, place, new)
    for place, put in places(t):
        if place.op == "sum" and len(place.args) > 1:
            yield edit("PATHS_NOT_SUMMED", f"the sum over {place.args[0]} is too many", put, place, place.args[-1])
            if place.word[:1] == "≠":
                yield edit(
                    "DROPPED_PATH",
                    f"the term {place.word[1:]} is left out of the sum",
                    put,
                    place,
                    place._replace(word=""),
                )
        elif place.op == "sum":
            yield edit("PATHS_NOT_SUMMED", "the sum of all entries is too many", put, place, place.args[0])


def _transposes(t: Term, words: Vocabulary) -> Iterator[Edit]:
    if not words.matrices:
        return
    for place, put in places(t):
        if place.op == "T":
            yield edit("TRANSPOSED", f"{place} is transposed, {place.args[0]} belongs here", put, place, place.args[0])
        elif place.op not in ("num", "rel"):
            new = Term("T", (place,))
            yield edit("TRANSPOSED", f"{place} is not transposed: {new} belongs here", put, place, new)
        if place.op in ("*", "odot"):
            a, b = place.args
            other = "odot" if place.op == "*" else "*"
            yield edit("WRONG_OPERAND", "one product of matrices for another", put, place, Term(other, (a, b)))
            for x, y in itertools.product((a, _turned(a)), (b, _turned(b))):
                for p, q in ((x, y), (y, x)):
                    message = f"{place} is in the wrong order: {Term('*', (p, q))} belongs here"
                    yield edit("TRANSPOSED", message, put, place, Term("*", (p, q)))
            if b.op == "*" or a.op == "*":
                flat = [*a.args, b] if a.op == "*" else [a, *b.args]
                for order in itertools.permutations(flat):
                    yield edit("TRANSPOSED", "the factors stand in the wrong order", put, place, times(*order))


def _turned(t: Term) -> Term:
    return t.args[0] if t.op == "T" else Term("T", (t,))


def _powers(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op == "^" and place.args[1].op == "num" and place.args[1].word.isdigit():
            n = int(place.args[1].word)
            for k in (n - 1, n + 1):
                new = place.args[0] if k == 1 else Term("^", (place.args[0], num(k)))
                yield edit("WRONG_POWER", f"the exponent of {place.args[0]} is {k}, not {n}", put, place, new)
        elif place.op in ("name", "call") or (place.op in ("+", "-") and place is not t):
            new = Term("^", (place, num(2)))
            yield edit("WRONG_POWER", f"the square of {place} belongs here", put, place, new)
        if place.op == "^" and place.args[0].op in ("+", "-") and place.args[1].op == "num":
            inner = place.args[0].put(1, Term("^", (place.args[0].args[1], place.args[1])))
            yield edit("WRONG_POWER", "the exponent belongs to the last term alone", put, place, inner)


_PAIRS = {"sin": ["cos"], "cos": ["sin"], "exp": ["log"], "log": ["exp"]}
_ACTIVATIONS = [op.name for op in TABLE.values() if op.activation and op.arity == 1]


def _functions(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op == "call":
            for other in _PAIRS.get(place.word, _ACTIVATIONS if place.word in _ACTIVATIONS else []):
                message = f"{place.word} stands where {other} belongs"
                yield edit("WRONG_ACT_DERIV", message, put, place, place._replace(word=other))
        if place.op in ("*", "-", "rel", "call", "prime", "/", "odot"):
            for f in words.derivatives:
                yield edit("WRONG_ACT_DERIV", f"{place} stands where the derivative {f} belongs", put, place, f)
        if place.op == "rel":
            flip = {">": "<", "<": ">", "≥": "≤", "≤": "≥"}.get(place.word)
            if flip:
                yield edit("SIGN", f"{place} is the wrong side of the kink", put, place, place._replace(word=flip))


def _missing(t: Term, words: Vocabulary) -> Iterator[Edit]:
    for place, put in places(t):
        if place.op == "num" and place is not t:
            continue
        for term in (*words.names, num(1), *(words.derivatives if place is t else [])):
            for c in (1, 2) if place is t else (1,):
                new = times(num(c), term)
                for op, sign in (("-", "-"), ("+", "")):
                    message = f"the term {sign}{new} is left out"
                    yield edit("DROPPED_PATH", message, put, place, Term(op, (place, new)))
                reverse = Term("-", (new, place))
                yield edit("DROPPED_PATH", f"the term {new} is left out before -{place}", put, place, reverse)
    for place, put in places(t):
        if place.op in ("+", "-"):
            for kept, gone in ((0, 1), (1, 0)):
                yield edit("DROPPED_PATH", f"the term {place.args[gone]} is too many", put, place, place.args[kept])
