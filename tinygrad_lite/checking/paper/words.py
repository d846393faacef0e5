"""Words of a formula: functions with their operands, derivatives in Leibniz's notation and with primes."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lite.checking.paper.names import ALIASES, Names
from tinygrad_lite.checking.paper.term import FUNCTIONS, Term, name
from tinygrad_lite.checking.paper.tokens import Token, Unreadable
from tinygrad_lite.report.language import say

CLOSING = {"(": ")", "[": "]", "{": "}", "{:": ":}", "where(": "where"}
PRODUCT = 2  # the level of products


class Words(Names):
    """The part of the parser that reads words; what it asks for of the rest of the grammar stands in `parser.py`."""

    sum: Callable[..., Term]
    power: Callable[[], Term]
    group: Callable[[], Term]
    exponent: Callable[[], Term | None]
    begins: Callable[[], bool]
    depth: int
    bars: int

    def word(self) -> Term:
        """A function with its operand, or a name with its indices."""
        token = self.take()
        word = token.text
        if self.sign("'"):
            return self.primed(Term("name", (), word, (token.start, token.end)))
        function = self.known.function(word)
        bare = function and word in FUNCTIONS and (self.kind in ("name", "num", "fn") or self.sign("^"))  # ln a
        if token.kind == "fn" or bare or (function and (self.sign("(", "{:") or (self.sign("[") and word != "σ"))):
            return self.call(function or ALIASES.get(word, word), token)
        if word == "e" and self.sign("^") and "e" not in self.known.variables:
            self.take()
            power = self.exponent()
            if power is not None:
                return self.made("call", (power,), "exp", token.start)
        if self.sign("[") and word in ("E", "Var", "Cov", "Pr") and word not in self.known.variables:
            raise self.refused(say("an expectation cannot be read"), token)
        found = self.named(token)
        if self.sign("(") and found.word != word and word in "fgφψσ" and not found.args:  # g^{[1]}(z)
            self.known.functions.add(found.word)
            return self.call(found.word, token)
        return self.primed(found) if self.sign("'") else found

    def primed(self, found: Term) -> Term:
        """A derivative such as f'(x); a name such as y' where neither a definition nor a function y is known."""
        word, primes = found.word, 0
        while self.taken("'"):
            primes += 1
        if self.sign("(", "{:", "[") and primes < 3 and not found.args:
            self.known.functions |= set() if self.known.function(word) else {word}
            word = self.known.function(word) or word
            return self.made("prime", (self.group(),), word + "'" * (primes - 1), found.span[0])
        if found.args or word in self.known.defined or self.known.function(word):
            raise self.refused(say("a derivative with a prime needs its operand in parentheses"))
        return self.made("name", (), word + "'" * primes, found.span[0])

    def call(self, word: str, token: Token) -> Term:
        power = self.exponent() if self.taken("^") else None
        if self.sign("_") and word in ("log", "max", "min"):
            raise self.refused(say("{0} with a subscript cannot be read", word))
        if self.sign("(", "{:", "[", "{"):
            closing = CLOSING[self.take().text]
            args = [self.sum()]
            while self.taken(","):
                args.append(self.sum())
            self.take(closing)
        else:
            args = [self.power()]
            while self.kind in ("name", "num"):
                args[0] = self.made("*", (args[0], self.power()), "", args[0].span[0])
        if word == "norm":
            return self.made("norm", tuple(args), "", token.start)
        found = self.made("call", tuple(args), word, token.start)
        return self.made("^", (found, power), "", token.start) if power is not None else found

    # ------------------------------------------------------------------ derivatives

    def derivative(self) -> Term | None:
        """A derivative in Leibniz's notation; None (and nothing taken) if there is none here."""
        before = self.at, list(self.all), self.depth, self.bars
        try:
            found = self.leibniz()
        except Unreadable:
            found = None
        if found is None:
            self.at, self.all, self.depth, self.bars = before
        elif len(found.args) > 3:
            raise self.refused(say("derivatives of order 1 and 2 can be read"), before[1][before[0]])
        return found

    def leibniz(self) -> Term | None:
        start, top = self.token.start, None
        framed = self.taken("frac")
        braces = framed and self.taken("{")
        head = self.token
        kind = self.differential()
        n = self.order() if kind else 0
        if not n:
            return None
        if not self.sign("/", "}", "{"):
            top = self.group() if self.sign("(") else self.sum(PRODUCT) if framed else self.variable()
            if not framed and not self.sign("/"):  # dz is ∂L/∂z
                new = head.text not in self.known.variables and top.op == "name" and top.word in self.known.variables
                root = self.known.root if kind == "d" and new else ""
                return self.made("d", (name(root), top), "∂", start) if root else None
        for sign in ("}", "{") if braces else ("{",) if framed else ("/",):
            self.take(sign)
        wrt: list[Term] = []
        while len(wrt) < n and self.differential():
            variable = self.group() if self.sign("(") else self.variable()
            wrt += [variable] * self.order()
        if len(wrt) != n:
            return None
        if framed:
            self.take("}")
        if top is None:
            self.taken("*")
            closed = self.sign("(", "[", "{", "{:")
            top = self.power()
            while not closed and self.begins():  # d/dw of one factor in parentheses, or of factors side by side
                top = self.made("*", (top, self.power()), "", top.span[0])
        return self.made("d", (top, *wrt), kind, start)

    def variable(self) -> Term:
        """A name with its indices, as what is differentiated; or a function with its operand."""
        if self.kind == "fn":
            return self.word()
        token = self.take()
        if token.kind != "name":
            raise self.refused(say("a name was expected here"), token)
        if self.known.function(token.text) and self.sign("("):
            return self.call(self.known.function(token.text), token)
        found = self.named(token)
        return self.primed(found) if self.sign("'") else found
