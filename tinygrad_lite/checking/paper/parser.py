"""The tokens of a formula as a tree. What cannot be read is shown with a caret, never guessed.

A parser by precedence: sums of products of powers, where two factors side by side are a product. What a word
means depends on the document (`Known`): which names are variables, which letters are indices, which are functions.
Nothing here calls `eval`, and the depth and the length of a formula are bounded.

Why a parser of our own: of 200 formulas in the notations of textbooks (the LaTeX of tests/checking/paper), so many were
read, and so many with their meaning (a derivative as one, X^T as a transpose, a(1 - a) as a product):

    sympy 1.14, antlr           175, 112
    sympy 1.14, lark             55,  50
    latex2sympy2-extended 1.11  112, 109
    this one                    200, 200 (it was written with these at hand)

None of them gives the place of a sub-expression in the text, which the mark under a mistake needs.
"""

from __future__ import annotations

import re

from tinygrad_lite.checking.paper.stream import Known
from tinygrad_lite.checking.paper.term import Term, name
from tinygrad_lite.checking.paper.tokens import Token, tokens
from tinygrad_lite.checking.paper.words import Words

DEPTH = 40  # of what stands inside each other
LEVELS = 120  # of the tree: a sum of so many terms


def parse(text: str, known: Known, latex: bool | None = None) -> Term:
    """The tree of one formula.

    Raises:
        Unreadable: with the place; `.start` and `.end` count characters of `text`.
    """
    blank = re.sub(r"\b(np|numpy|tg|torch|math|jnp)\.(?=[a-z])", lambda m: " " * len(m.group()), text)
    parser = Parser(text, tokens(blank, "\\" in text if latex is None else latex), known)
    found = parser.sum()
    if parser.kind != "end":
        raise parser.refused("this cannot be read")
    if _depth(found) > LEVELS:
        raise parser.refused("a formula of so many parts; write it in several lines", parser.all[0])
    return found


def _depth(t: Term) -> int:
    level, depth = [t], 0
    while level:
        level, depth = [arg for node in level for arg in node.args], depth + 1
    return depth


class Parser(Words):
    """A method for each level of precedence."""

    # ------------------------------------------------------------------ levels

    def sum(self) -> Term:
        """Terms with + and - between them."""
        start = self.token.start
        found = self.signed()
        while self.sign("+", "-"):
            sign = self.take().text
            found = self.made(sign, (found, self.signed()), "", start)
        return found

    def signed(self) -> Term:
        start, minus = self.token.start, False
        while self.sign("+", "-"):
            minus ^= self.take().text == "-"
        found = self.product()
        return self.made("neg", (found,), "", start) if minus else found

    def product(self) -> Term:
        start = self.token.start
        found = self.power()
        while True:
            if self.sign("*", "/", "⊙", "@"):
                sign = self.take().text
                minus = self.sign("-") and bool(self.take())
                right = self.power()
                right = self.made("neg", (right,), "", right.span[0]) if minus else right
                found = self.made({"⊙": "odot", "@": "*"}.get(sign, sign), (found, right), "", start)
            elif self.begins():
                right = self.power()
                one = found.op == "num" and found.word == "1" and right.op == "rel"  # 1[z > 0]
                found = (
                    right._replace(span=(start, right.span[1])) if one else self.made("*", (found, right), "", start)
                )
            else:
                return found

    def begins(self) -> bool:
        """Whether a factor begins here, with no sign between it and the one before."""
        if self.kind in ("name", "fn"):
            return True
        if self.kind == "num":
            return self.all[self.at - 1].kind != "num" or self.sign("[", "{:", ahead=1)  # 2 1[z > 0]
        return self.sign("(", "[", "{", "{:", "frac", "sum", "prod", "∂", "∇") or (
            self.sign("‖", "|") and not self.bars
        )

    def power(self) -> Term:
        """A factor with all that is attached to it: powers, transposes, entries."""
        start = self.token.start
        found = self.primary()
        while True:
            if self.sign("⊤", ".T"):
                self.take()
                found = self.made("T", (found,), "", start)
            elif self.sign("_"):
                self.take()
                indices, word = self.subscript()
                if word and found.op != "norm":
                    raise self.refused("this subscript cannot be read")
                found = found if word or found.op == "norm" else self.made("at", (found, *indices), "", start)
            elif self.sign("^"):
                self.take()
                power = self.exponent()
                found = (
                    self.made("T", (found,), "", start) if power is None else self.made("^", (found, power), "", start)
                )
            else:
                return found

    def exponent(self) -> Term | None:
        """What stands after ^; None for the transpose."""
        if self.sign("⊤", "*"):
            raise_star = self.sign("*")
            token = self.take()
            if raise_star:
                raise self.refused("this exponent cannot be read", token)
            return None
        if self.kind == "name" and self.token.text == "T":
            self.take()
            return None
        if self.sign("{"):
            inner = self.all[self.at + 1]
            if inner.text in ("T", "⊤") and self.sign("}", ahead=2):
                self.at += 3
                return None
            self.take()
            found = self.sum()
            self.take("}")
            return found
        if self.sign("-"):
            start = self.take().start
            return self.made("neg", (self.primary(),), "", start)
        found = self.primary()
        if self.sign("^"):
            self.take()
            right = self.exponent()
            if right is not None:
                found = self.made("^", (found, right), "", found.span[0])
        return found

    # ------------------------------------------------------------------ the smallest parts

    def primary(self) -> Term:
        """A number, a word, a group, a fraction, a sum: what has no sign before or after it."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.refused("nested too deeply")
        found = self._primary()
        self.depth -= 1
        return found

    def _primary(self) -> Term:
        token = self.token
        if token.kind == "num":
            if len(token.text) > 30:
                raise self.refused("a number of so many digits")
            self.take()
            if token.text == "1" and self.sign("[", "{:"):  # 1[z > 0]
                before = self.at, self.depth
                inside = self.group()
                if inside.op == "rel":
                    return inside._replace(span=(token.start, inside.span[1]))
                self.at, self.depth = before
            return self.made("num", (), token.text, token.start)
        if token.kind in ("name", "fn"):
            return self.derivative() or self.word()
        if self.sign("(", "[", "{", "{:"):
            return self.group()
        if self.sign("|", "‖"):
            self.take()
            self.bars += 1
            inner = self.sum()
            self.bars -= 1
            self.take(token.text)
            return self.made("abs" if token.text == "|" else "norm", (inner,), "", token.start)
        if self.sign("frac"):
            return self.derivative() or self.fraction()
        if self.sign("sum", "prod"):
            return self.big()
        if self.sign("∂"):
            found = self.derivative()
            if found is not None:
                return found
        if self.sign("∇"):
            self.take()
            self.take("_")
            closing = self.sign("{") and self.take()
            wrt = self.variable()
            if closing:
                self.take("}")
            return self.made("d", (self.power(), wrt), "∂", token.start)
        raise self.refused("this cannot be read")

    def group(self) -> Term:
        """What stands in parentheses; a relation in them is 1 where it holds and 0 elsewhere."""
        start, opening = self.token.start, self.take().text
        bars, self.bars = self.bars, 0
        found = self.sum()
        if self.sign("<", ">", "≤", "≥", "=", "≠"):
            word = self.take().text
            found = self.made("rel", (found, self.sum()), word, start)
        self.take({"(": ")", "[": "]", "{": "}", "{:": ":}"}[opening])
        self.bars = bars
        return found._replace(span=(start, self.all[self.at - 1].end))

    def fraction(self) -> Term:
        start = self.take("frac").start
        return self.made("/", (self.piece(), self.piece()), "", start)

    def piece(self) -> Term:
        """A group in braces, or one sign: the two halves of \\frac."""
        if self.sign("{"):
            return self.group()
        token = self.token
        if token.kind == "num" and len(token.text) > 1:  # \frac12
            self.all[self.at : self.at + 1] = [
                Token("num", c, token.start + i, token.start + i + 1) for i, c in enumerate(token.text)
            ]
        return self.primary()

    def big(self) -> Term:
        """A sum or a product over indices, of the product that follows."""
        token = self.take()
        bound: list[Term] = []
        word = ""
        if self.sign("("):  # sum(x): of all entries
            return self.made("sum", (self.group(),), "", token.start)
        if self.sign("_"):
            self.take()
            closing = self.sign("{") and bool(self.take())
            if self.sign("≠", ahead=1):
                bound = [self.index()]
                self.take()
                word = f"≠{self.index().word}"
            else:
                while self.kind == "name":
                    bound += [name(c) for c in self.take().text]
                    if not closing:
                        break
                    if self.sign(","):
                        self.take()
                if self.sign("="):
                    self.take()
                    self.sum()  # from where: 1, or 0
            if closing:
                self.take("}")
        if self.sign("^"):
            self.take()
            limit = self.exponent()
            word = f"^{limit}" if limit is not None else "^T"
        if not bound:
            raise self.refused("the index of this sum is missing", token)
        return self.made(token.text, (*bound, self.product()), word, token.start)

    def index(self) -> Term:
        token = self.take()
        if token.kind not in ("name", "num"):
            raise self.refused("an index was expected here", token)
        return Term("name" if token.kind == "name" else "num", (), token.text, (token.start, token.end))
