"""A formula as a tree, each part with its place in the text, and how it is written as text and as LaTeX.

An `op` is one of + - * / ^ neg, `num`, `name` (its operands are indices), `call`, `prime` (f'(x)), `d` (the derivative
of the first operand w.r.t. the others), `sum` and `prod` (bound indices, limit, body), `rel` (1 where a relation
holds), `cases` (values and relations by turns), `T`, `odot`, `outer`, `norm`, `abs`, `at` (an entry of the first
operand), `where` (the first operand with the second set to the third).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.formulas.naming import GREEK


class Term(NamedTuple):
    """One node of a formula: what it is, its operands, its word, and where it stands in the text."""

    op: str
    args: tuple[Term, ...] = ()
    word: str = ""
    span: tuple[int, int] = (0, 0)

    def walk(self) -> Iterator[Term]:
        """The node and all below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    def names(self) -> set[str]:
        """The words of all names in the formula."""
        return {t.word for t in self.walk() if t.op == "name"}

    def bare(self) -> Term:
        """The same formula without places, so that equal formulas are equal."""
        return Term(self.op, tuple([a.bare() for a in self.args]), self.word)

    def mapped(self, change: Callable[[Term], Term | None]) -> Term:
        """The formula with every node replaced for which `change` gives another, from the top."""
        new = change(self)
        return new if new is not None else self._replace(args=tuple([a.mapped(change) for a in self.args]))

    def put(self, i: int, new: Term) -> Term:
        """The node with another operand in place i."""
        return self._replace(args=(*self.args[:i], new, *self.args[i + 1 :]))

    def __str__(self) -> str:
        return rendered(self, TEXT)

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        return rendered(self, LATEX)


def num(x: int | str) -> Term:
    return Term("num", (), str(x))


def name(word: str, *indices: Term) -> Term:
    return Term("name", indices, word)


def times(*factors: Term) -> Term:
    """A product, without ones."""
    kept = [f for f in factors if f.bare() != num(1)]
    if not kept:
        return num(1)
    product = kept[0]
    for factor in kept[1:]:
        product = Term("*", (product, factor))
    return product


TEXT, LATEX = 0, 1
FUNCTIONS = {word for op in TABLE.values() for word in re.findall(r"^\\([a-z]+)\\left\(", op.latex)} - {"sigma"}
FUNCTIONS |= {"exp", "ln", "det"}
"""Functions that LaTeX has a command for."""

_SUM, _SIGN, _PRODUCT, _FACTOR, _POWER, _BASE, _ATOM = 1, 2, 3, 4, 5, 6, 9
_FORMS: dict[str, tuple[tuple[str, int, tuple[int, ...]], ...]] = {
    "+": (("{} + {}", _SUM, (_SUM, _SIGN)),),
    "-": (("{} - {}", _SUM, (_SUM, _PRODUCT)),),
    "neg": (("-{}", _SIGN, (_PRODUCT,)),),
    "*": (("{} * {}", _PRODUCT, (_PRODUCT, _FACTOR)), ("{} {}", _PRODUCT, (_PRODUCT, _FACTOR))),
    "odot": (("{} ⊙ {}", _PRODUCT, (_PRODUCT, _FACTOR)), (r"{} \odot {}", _PRODUCT, (_PRODUCT, _FACTOR))),
    "outer": (("{} ⊗ {}", _PRODUCT, (_PRODUCT, _FACTOR)), (r"{} \otimes {}", _PRODUCT, (_PRODUCT, _FACTOR))),
    "/": (("{}/{}", _PRODUCT, (_PRODUCT, _FACTOR)), (r"\frac{{{}}}{{{}}}", _POWER, (0, 0))),
    "^": (("{}^{}", _POWER, (_BASE, _BASE)), ("{}^{{{}}}", _POWER, (_BASE, 0))),
    "T": (("{}^T", _POWER, (_BASE,)), (r"{}^\top", _POWER, (_BASE,))),
    "norm": (("‖{}‖", _ATOM, (0,)), (r"\|{}\|", _ATOM, (0,))),
    "abs": (("|{}|", _ATOM, (0,)),),
}
"""For each op how it is written in a text and in LaTeX (one for both if there is one): the template, its level, and
the level that each operand needs to stand without parentheses."""


def rendered(t: Term, form: int = TEXT, level: int = 0) -> str:
    """A formula as it is typed in a text, or as LaTeX; in parentheses if its level is below `level`."""
    if t.op in _FORMS:
        template, own, needs = _FORMS[t.op][min(form, len(_FORMS[t.op]) - 1)]
        if form == LATEX and t.op == "*" and (t.args[1].op == "num" or t.args[0].op == "d"):
            template = r"{} \cdot {}"
        out = template.format(*[rendered(a, form, need) for a, need in zip(t.args, needs, strict=True)])
    else:
        out, own = _others[t.op](t, form), _SIGN if t.op in ("sum", "prod") else _ATOM
    return out if own >= level else f"({out})" if form == TEXT else rf"\left({out}\right)"


def _word(word: str, form: int) -> str:
    if form == TEXT:
        return re.sub(r"_([^^]*[-+,][^^]*)", r"_{\1}", word)  # h_{t-1}
    base, _, above = word.partition("^")
    base, _, below = base.partition("_")
    if below in ("hat", "bar", "tilde"):
        base, below = rf"\{below}{{{_word(base, form)}}}", ""
    elif base in GREEK:
        base = f"\\{GREEK[base]}"
    elif base == "ℓ":
        base = r"\ell"
    elif len(base) > 1 and not re.fullmatch(r"[A-Za-z]\d+|\w'+", base):
        base = rf"\mathrm{{{base}}}"
    return base + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _name(t: Term, form: int) -> str:
    marks = [str(i) for i in t.args]
    below = ("" if all(len(m) == 1 for m in marks) else ",").join(marks)
    return _word(t.word, form) + (f"_{below}" if len(below) == 1 and form == TEXT else f"_{{{below}}}" if marks else "")


def _call(t: Term, form: int) -> str:
    head = f"\\{t.word}" if form == LATEX and t.word in FUNCTIONS else _word({"sigmoid": "σ"}.get(t.word, t.word), form)
    inner = ", ".join(rendered(x, form) for x in t.args)
    return f"{head}{chr(39) * (t.op == 'prime')}" + (f"({inner})" if form == TEXT else rf"\left({inner}\right)")


def _derivative(t: Term, form: int) -> str:
    sign, n = "∂" if t.word == "∂" else "d", "" if len(t.args) < 3 else f"^{len(t.args) - 1}"
    top, bottom = rendered(t.args[0], form, _ATOM), f"{rendered(t.args[1], form, _ATOM)}{n}"
    if form == TEXT:
        return f"{sign}{n}{top}/{sign}{bottom}"
    d = r"\partial " if sign == "∂" else "d"
    return rf"\frac{{{d.strip() + n} {top}}}{{{d}{bottom}}}"


def _big(t: Term, form: int) -> str:
    *bound, body = t.args
    sign = t.op if form == TEXT else f"\\{t.op}"
    if not bound:
        return f"{sign}({rendered(body, form)})"
    letters, mark, limit = ",".join(map(str, bound)), t.word[:1], t.word[1:]
    unequal = " ≠ " if form == TEXT else r" \ne "
    below = {"": letters, "≠": f"{letters}{unequal}{limit}", "^": f"{letters}=1"}[mark]
    return f"{sign}_{{{below}}}{f'^{{{limit}}}' if mark == '^' else ''} {rendered(body, form, _PRODUCT)}"


def _relation(t: Term, form: int) -> str:
    sign = {"≤": r"\le", "≥": r"\ge", "≠": r"\ne"}.get(t.word, t.word) if form == LATEX else t.word
    return f"{rendered(t.args[0], form)} {sign} {rendered(t.args[1], form)}"


def _indicator(t: Term, form: int) -> str:
    return f"1[{_relation(t, form)}]" if form == TEXT else rf"\mathbf{{1}}[{_relation(t, form)}]"


def _cases(t: Term, form: int) -> str:
    sides = [f"{rendered(x, form)} & {_relation(r, form)}" for x, r in zip(t.args[::2], t.args[1::2], strict=False)]
    sides += [rf"{rendered(t.args[-1], form)} & \text{{otherwise}}"] if len(t.args) % 2 else []
    inside = r" \\ ".join(sides)
    return rf"\begin{{cases}} {inside} \end{{cases}}"


_others: dict[str, Callable[[Term, int], str]] = {
    "num": lambda t, form: t.word,
    "name": _name,
    "call": _call,
    "prime": _call,
    "d": _derivative,
    "sum": _big,
    "prod": _big,
    "rel": _indicator,
    "cases": _cases,
    "at": lambda t, form: f"{rendered(t.args[0], form, _ATOM)}_{{{','.join(str(i) for i in t.args[1:])}}}",
    "where": lambda t, form: (
        rf"\left. {rendered(t.args[0], form)} \right|_{{{t.args[1]} = {rendered(t.args[2], form)}}}"
    ),
}
