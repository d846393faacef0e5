"""A formula as a tree, each part with its place in the text, and how it is written as text and as LaTeX.

An `op` is one of + - * / ^ neg, `num`, `name` (its operands are indices), `call`, `prime` (f'(x)), `d` (the derivative
of the first operand w.r.t. the others), `sum` and `prod` (bound indices, limit, body), `rel` (1 where a relation
holds), `T`, `odot`, `norm`, `abs`, `at` (an entry of the first operand).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tinygrad_lite.engine.op import TABLE


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
        return written(self, TEXT)

    @property
    def latex(self) -> str:
        """The formula as LaTeX."""
        return written(self, LATEX)


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


LEVEL = {"+": 1, "-": 1, "neg": 2, "sum": 2, "prod": 2, "*": 3, "odot": 3, "/": 3, "^": 5, "T": 5}
TEXT, LATEX = "text", "latex"
_GREEK = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi
psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", _GREEK.split(), strict=True))


def _word(word: str, form: str) -> str:
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
    elif len(base) > 1 and not re.fullmatch(r"[A-Za-z]\d+", base):
        base = rf"\mathrm{{{base}}}"
    return base + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def written(t: Term, form: str = TEXT, level: int = 0) -> str:
    """A formula as it is typed in a text, or as LaTeX."""
    out = _written(t, form)
    if LEVEL.get(t.op, 9) < level and not (form == LATEX and t.op == "/"):
        return f"({out})" if form == TEXT else rf"\left({out}\right)"
    return out


def _written(t: Term, form: str) -> str:
    tex, a = form == LATEX, t.args
    if t.op == "num":
        return t.word
    if t.op == "name":
        below = "".join(str(i) for i in a) if all(len(str(i)) == 1 for i in a) else ",".join(str(i) for i in a)
        mark = below if len(below) < 2 and not tex else f"{{{below}}}"
        return _word(t.word, form) + (f"_{mark}" if a else "")
    if t.op in ("+", "-"):
        return f"{written(a[0], form, 1)} {t.op} {written(a[1], form, 2 if t.op == '+' else 3)}"
    if t.op == "neg":
        return f"-{written(a[0], form, 3)}"
    if t.op == "*":
        sign = (r" \cdot " if a[1].op == "num" or a[0].op == "d" else " ") if tex else " * "
        return f"{written(a[0], form, 3)}{sign}{written(a[1], form, 4)}"
    if t.op == "odot":
        return written(a[0], form, 3) + (r" \odot " if tex else " ⊙ ") + written(a[1], form, 4)
    if t.op == "/":
        if tex:
            return rf"\frac{{{written(a[0], form)}}}{{{written(a[1], form)}}}"
        return f"{written(a[0], form, 3)}/{written(a[1], form, 4)}"
    if t.op == "^":
        power = written(a[1], form, 0 if tex else 6)
        return f"{written(a[0], form, 6)}^{f'{{{power}}}' if tex else power}"
    if t.op == "T":
        return written(a[0], form, 6) + (r"^\top" if tex else "^T")
    if t.op in ("call", "prime"):
        known = tex and t.word in TABLE and TABLE[t.word].latex.startswith(f"\\{t.word}")
        head = "\\" + t.word if known else _word({"sigmoid": "σ"}.get(t.word, t.word), form)
        inner = ", ".join(written(x, form) for x in a)
        return f"{head}{chr(39) * (t.op == 'prime')}" + (rf"\left({inner}\right)" if tex else f"({inner})")
    if t.op == "d":
        sign = r"\partial " if tex else "∂" if t.word == "∂" else "d"
        if tex and t.word != "∂":
            sign = "d"
        n = "" if len(a) < 3 else f"^{len(a) - 1}"
        top, bottom = written(a[0], form, 9), f"{sign}{written(a[1], form, 9)}{n}"
        return rf"\frac{{{sign}{n} {top}}}{{{bottom}}}" if tex else f"{sign}{n}{top}/{bottom}"
    if t.op in ("sum", "prod"):
        bound = ",".join(str(i) for i in a[:-1])
        sign = f"\\{t.op}" if tex else t.op
        unequal = rf" \ne {t.word[1:]}" if tex else f" ≠ {t.word[1:]}"
        limit = t.word if t.word[:1] != "^" else f"=1}}^{{{t.word[1:]}"
        return (
            f"{sign}_{{{bound}{unequal if t.word[:1] == '≠' else limit}}} {written(a[-1], form, 3)}"
            if a[:-1]
            else (f"{sign}({written(a[-1], form)})")
        )
    if t.op == "rel":
        sign = {"≤": r"\le", "≥": r"\ge", "≠": r"\ne"}.get(t.word, t.word) if tex else t.word
        head = r"\mathbf{1}" if tex else "1"
        return f"{head}[{written(a[0], form)} {sign} {written(a[1], form)}]"
    if t.op in ("norm", "abs"):
        bar = {"norm": r"\|" if tex else "‖", "abs": "|"}[t.op]
        return f"{bar}{written(a[0], form)}{bar}"
    return f"{written(a[0], form, 9)}_{{{','.join(str(i) for i in a[1:])}}}"
