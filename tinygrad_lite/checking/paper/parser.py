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
from collections.abc import Callable

from tinygrad_lite.checking.paper.names import Known
from tinygrad_lite.checking.paper.term import Term, name
from tinygrad_lite.checking.paper.tokens import Token, tokens
from tinygrad_lite.checking.paper.words import CLOSING, PRODUCT, Words
from tinygrad_lite.report.language import say

DEPTH = 40  # of what stands inside each other
LEVELS = 120  # of the tree: a sum of so many terms
SUM, FACTOR = 1, 3
INFIX = {"+": (SUM, "+"), "-": (SUM, "-"), "*": (PRODUCT, "*"), "/": (PRODUCT, "/"), "@": (PRODUCT, "*")}
INFIX |= {"⊙": (PRODUCT, "odot"), "⊗": (PRODUCT, "outer")}
"""The level of each sign between two operands, and its op; both operands of a level are read from left to right."""


def parse(text: str, known: Known, latex: bool | None = None) -> Term:
    """The tree of one formula.

    Raises:
        Unreadable: with the place; `.start` and `.end` count characters of `text`.
    """
    blank = re.sub(r"\b(np|numpy|tg|torch|math|jnp)\.(?=[a-z])", lambda m: " " * len(m.group()), text)
    parser = Parser(text, tokens(blank, "\\" in text if latex is None else latex), known)
    found = parser.sum()
    if parser.kind != "end":
        raise parser.refused(say("this cannot be read"))
    level, depth = [found], 0
    while level:
        level, depth = [arg for node in level for arg in node.args], depth + 1
    if depth > LEVELS:
        raise parser.refused(say("a formula of so many parts; write it in several lines"), parser.all[0])
    return found


class Parser(Words):
    """Each method reads what it is named after, from the token at hand."""

    def __init__(self, text: str, found: list[Token], known: Known) -> None:
        super().__init__(text, found, known)
        self.depth: int = 0
        self.bars: int = 0
        self.whole: bool = False  # whether a bar belongs to all that began with \\left.
        self.parts: dict[str, Callable[[], Term]] = dict.fromkeys(CLOSING, self.group)
        self.parts |= {"|": self.between_bars, "‖": self.between_bars, "sum": self.big, "prod": self.big}
        self.parts |= {"frac": self.fraction, "∂": self.fraction, "∇": self.gradient, "cases": self.cases}

    # ------------------------------------------------------------------ levels

    def sum(self, level: int = SUM) -> Term:
        """Operands with signs of this level and of those above between them."""
        start, minus = self.token.start, False
        while self.sign("+", "-"):
            minus ^= self.take().text == "-"
        found = self.power() if level == FACTOR or not minus else self.sum(PRODUCT)
        found = self.made("neg", (found,), "", start) if minus else found
        while True:
            own, op = INFIX.get(self.token.text, (0, "")) if self.kind == "op" else (0, "")
            if op and own >= level:
                self.take()
                found = self.made(op, (found, self.sum(own + 1)), "", start)
            elif level <= PRODUCT and self.begins():  # side by side
                found = self.made("*", (found, self.power()), "", start)
            else:
                return found

    def begins(self) -> bool:
        """Whether a factor begins here, with no sign between it and the one before."""
        if self.kind == "num":
            return self.all[self.at - 1].kind != "num" or self.sign("[", "{:", ahead=1)  # 2 1[z > 0]
        return self.kind in ("name", "fn") or (
            self.kind == "op" and self.token.text in self.parts and not (self.sign("|", "‖") and self.bars)
        )

    def power(self) -> Term:
        """A factor with all that is attached to it: powers, transposes, entries."""
        start = self.token.start
        found = self.primary()
        while True:
            if self.taken("⊤"):
                found = self.made("T", (found,), "", start)
            elif self.taken("_"):
                indices, word = self.subscript()
                if (word and found.op != "norm") or found.op == "num":
                    raise self.refused(say("this subscript cannot be read"))
                found = found if found.op == "norm" else self.made("at", (found, *indices), "", start)
            elif self.taken("^"):
                power = self.exponent()
                parts = (found,) if power is None else (found, power)
                found = self.made("T" if power is None else "^", parts, "", start)
            elif self.sign("where") and not self.whole:
                found = self.put_in(found, start)
            else:
                return found

    def exponent(self) -> Term | None:
        """What stands after ^; None for the transpose."""
        closing = self.taken("{")
        if (self.sign("⊤") or self.token.text == "T") and (not closing or self.sign("}", ahead=1)):
            self.at += 2 if closing else 1
            return None
        if closing:
            found = self.sum()
            self.take("}")
            return found
        if self.sign("-"):
            start = self.take().start
            return self.made("neg", (self.primary(),), "", start)
        found = self.primary()
        if self.taken("^") and (right := self.exponent()) is not None:
            found = self.made("^", (found, right), "", found.span[0])
        return found

    # ------------------------------------------------------------------ the smallest parts

    def primary(self) -> Term:
        """A number, a word, a group, a fraction, a sum: what has no sign before or after it."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.refused(say("nested too deeply"))
        token = self.token
        if token.kind == "num":
            found = self.number()
        elif token.kind in ("name", "fn"):
            found = self.derivative() or self.word()
        elif token.kind == "op" and token.text in self.parts:
            found = self.parts[token.text]()
        else:
            raise self.refused(say("this cannot be read"))
        self.depth -= 1
        return found

    def number(self) -> Term:
        """Digits; or 1[z > 0], which is 1 where the relation holds."""
        token = self.take()
        if len(token.text) > 30:
            raise self.refused(say("a number of so many digits"), token)
        before = self.at, self.depth, list(self.all)
        if token.text == "1" and self.sign("[", "{:", "(", "_"):
            lower = self.taken("_")
            if self.sign("[", "{:", "(", "{"):
                inside = self.group()
                if inside.op == "rel":
                    return inside._replace(span=(token.start, inside.span[1]))
            if lower:
                raise self.refused(say("this subscript cannot be read"))
            self.at, self.depth, self.all = before
        return self.made("num", (), token.text, token.start)

    def group(self) -> Term:
        """What stands in parentheses; a relation in them is 1 where it holds and 0 elsewhere."""
        start, opening = self.token.start, self.take().text
        before, self.bars, self.whole = (self.bars, self.whole), 0, opening == "where("
        found = self.relation()
        if opening == "where(":
            found = self.put_in(found, start)
        else:
            self.take(CLOSING[opening])
        self.bars, self.whole = before
        return found._replace(span=(start, self.all[self.at - 1].end))

    def relation(self) -> Term:
        start = self.token.start
        found = self.sum()
        if self.sign("<", ">", "≤", "≥", "=", "≠"):
            word = self.take().text
            found = self.made("rel", (found, self.sum()), word, start)
        return found

    def put_in(self, found: Term, start: int) -> Term:
        r"""The rest of \left. f \right|_{x = 1}: f with 1 in the place of x."""
        self.take("where")
        self.take("_")
        variable, _, value = self.braced(lambda: (self.variable(), self.take("="), self.sum()))
        return self.made("where", (found, variable, value), "", start)

    def between_bars(self) -> Term:
        token = self.take()
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        self.take(token.text)
        return self.made("abs" if token.text == "|" else "norm", (inner,), "", token.start)

    def fraction(self) -> Term:
        found = self.derivative()
        if found is not None:
            return found
        start = self.take("frac").start
        return self.made("/", (self.piece(), self.piece()), "", start)

    def piece(self) -> Term:
        r"""A group in braces, or one sign: the two halves of \frac12."""
        token = self.token
        if token.kind == "num" and len(token.text) > 1:
            self.all[self.at : self.at + 1] = [Token("num", c, i, i + 1) for i, c in enumerate(token.text, token.start)]
        return self.primary()

    def gradient(self) -> Term:
        r"""\nabla_w L."""
        start = self.take().start
        self.take("_")
        wrt = self.braced(self.variable)
        return self.made("d", (self.power(), wrt), "∂", start)

    def cases(self) -> Term:
        """Values, each with the relation for which it holds; the last may be without one."""
        start, args = self.take().start, []
        while not self.sign("cut"):
            args.append(self.sum())
            self.taken(",")
            self.take("&")
            while self.token.text in ("if", "for", "when", "where"):
                self.take()
            if self.token.text in ("otherwise", "else", "elsewhere"):
                self.take()
            else:
                args.append(self.relation())
                if args[-1].op != "rel":
                    raise self.refused(say("a relation was expected here"))
            if not self.taken("row"):
                break
        self.take("cut")
        return self.made("cases", tuple(args), "", start)

    def big(self) -> Term:
        """A sum or a product over indices, of the product that follows."""
        token = self.take()
        bound: list[Term] = []
        first, word = "1", ""
        if self.sign("("):  # sum(x): of all entries
            return self.made("sum", (self.group(),), "", token.start)
        while self.sign("_", "^"):
            if self.take().text == "^":
                if self.sign("{") and self.sign("}", ahead=1):
                    self.at += 2
                    continue
                limit = str(self.exponent() or "T")
                word = f"^{limit.removesuffix(' - 1') if first == '0' else limit}"
                continue
            closing = self.taken("{")
            while self.kind == "name" and (closing or not bound):
                bound += [name(c) for c in self.take().text]
                self.taken(",")
            if closing and self.taken("≠"):
                word = f"≠{self.take().text}"
            elif closing and self.taken("="):
                first = str(self.sum())
            if closing:
                self.take("}")
        if not bound:
            raise self.refused(say("the index of this sum is missing"), token)
        if first not in ("0", "1") or " " in word:
            raise self.refused(say("a sum over a part of the indices"), token)
        return self.made(token.text, (*bound, self.sum(PRODUCT)), word, token.start)
