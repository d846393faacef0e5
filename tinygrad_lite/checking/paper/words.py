"""Words of a formula: functions with their operands, names with their indices, derivatives in Leibniz's notation."""

from __future__ import annotations

from tinygrad_lite.checking.paper.stream import ALIASES, Stream
from tinygrad_lite.checking.paper.term import Term, name, num
from tinygrad_lite.checking.paper.tokens import COMMANDS, FUNCTIONS, Token, Unreadable


class Words(Stream):
    """The part of the parser that reads words."""

    def word(self) -> Term:
        """A function with its operand, or a name with its indices."""
        token = self.take()
        word = token.text
        if self.sign("'"):
            return self.primed(token)
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
            raise self.refused("an expectation cannot be read", token)
        return self.named(token)

    def primed(self, token: Token) -> Term:
        primes = 0
        while self.sign("'"):
            self.take()
            primes += 1
        if not self.sign("(", "{:", "[") or primes > 2:
            raise self.refused("a derivative with a prime needs its operand in parentheses", token)
        self.known.functions.add(token.text) if not self.known.function(token.text) else None
        word = self.known.function(token.text) or token.text
        return self.made("prime", (self.group(),), word + "'" * (primes - 1), token.start)

    def call(self, word: str, token: Token) -> Term:
        power = None
        if self.sign("^"):
            self.take()
            power = self.exponent()
        if self.sign("_") and word in ("log", "max", "min"):
            raise self.refused(f"{word} with a subscript cannot be read")
        if self.sign("(", "{:", "[", "{"):
            closing = {"(": ")", "{:": ":}", "[": "]", "{": "}"}[self.take().text]
            args = [self.sum()]
            while self.sign(","):
                self.take()
                args.append(self.sum())
            self.take(closing)
        else:
            args = [self.power()]
            while self.kind in ("name", "num") and not self.sign("("):
                args[0] = self.made("*", (args[0], self.power()), "", args[0].span[0])
        if word == "norm":
            return self.made("norm", tuple(args), "", token.start)
        found = self.made("call", tuple(args), word, token.start)
        return self.made("^", (found, power), "", token.start) if power is not None else found

    def named(self, token: Token) -> Term:
        """A name with what belongs to it: W_{ij}, h_{t-1}, W^{(1)}, x^{(i)}."""
        word, indices, ahead = token.text, [], []
        while self.sign("_", "^"):
            if self.take().text == "_":
                found, suffix = self.subscript()
                indices += found
                word += f"_{suffix}" if suffix else ""
                continue
            inside = self.layer()
            if inside is None:
                self.at -= 1
                break
            if inside in self.known.indices:
                ahead.append(name(inside))
            else:
                word += f"^({inside})"
        found = [*ahead, *indices]
        if found and word not in self.known.lettered and all(i.op == "num" for i in found):
            return self.made("name", (), f"{word}_{''.join(i.word for i in found)}", token.start)
        return self.made("name", tuple(found), word, token.start)

    def layer(self) -> str | None:
        """The inside of ^{(l)} or ^{[l]}, which counts layers or samples."""
        inner = self.at + self.sign("{")
        if inner >= len(self.all) or self.all[inner].text not in ("(", "["):
            return None
        closing = {"(": ")", "[": "]"}[self.all[inner].text]
        for end in range(inner + 1, min(inner + 5, len(self.all))):
            if self.all[end].text == closing:
                self.at = end + 1 + (inner > self.at)
                return "".join(t.text for t in self.all[inner + 1 : end])
        return None

    def subscript(self) -> tuple[list[Term], str]:
        """Indices, or the rest of a name: what stands after _."""
        if self.sign("{"):
            self.take()
            inside = []
            while not self.sign("}"):
                if self.kind == "end":
                    raise self.refused("this brace is never closed")
                inside.append(self.take())
            self.take()
        else:
            inside = [self.take()]
            if inside[0].kind not in ("name", "num", "fn"):
                raise self.refused("this subscript cannot be read", inside[0])
        letters = [t for t in inside if t.text != ","]
        word = "".join(t.text for t in inside)
        whole = "".join(t.text for t in letters)
        if letters and all(c in self.known.indices or c.isdigit() for c in whole):
            if whole.isdigit() and len(letters) == 1:
                return [num(whole)], ""
            return [num(c) if c.isdigit() else name(c) for c in whole], ""
        return [], word

    # ------------------------------------------------------------------ derivatives

    def derivative(self) -> Term | None:
        """A derivative in Leibniz's notation; None (and nothing taken) if there is none here."""
        start, before = self.token.start, (self.at, list(self.all), self.depth, self.bars)
        try:
            found = self._leibniz()
        except Unreadable as error:
            if "of order" in error.what:
                raise
            found = None
        if found is None:
            self.at, self.all, self.depth, self.bars = before
            return None
        return self.made(*found, start)

    def _leibniz(self) -> tuple[str, tuple[Term, ...], str] | None:
        framed = self.sign("frac") and bool(self.take())
        braces = framed and self.sign("{") and bool(self.take())
        head = self.token
        kind = self._differential()
        if not kind:
            return None
        n = self._order()
        top = None
        if not self.sign("/", "}"):
            top = self.group() if self.sign("(") else self.product() if framed else self.variable()
            if not framed and not self.sign("/"):
                shorthand = kind == "d" and self.known.root and isinstance(top, Term) and top.op == "name"
                if not shorthand or top.word not in self.known.variables or head.text in self.known.variables:
                    return None
                return "d", (name(self.known.root), top), "∂"
        if framed:
            if braces:
                self.take("}")
            self.take("{")
        else:
            self.take("/")
        wrt: list[Term] = []
        while len(wrt) < n and self._differential():
            variable = self.group() if self.sign("(") else self.variable()
            wrt += [variable] * self._order()
        if len(wrt) != n:
            return None
        if framed:
            self.take("}")
        if top is None:
            if self.sign("*"):
                self.take()
            top = self._operand()
        return "d", (top, *wrt), kind

    def _operand(self) -> Term:
        """What d/dw acts on: one factor in parentheses, or factors side by side."""
        closed = self.sign("(", "[", "{", "{:")
        found = self.power()
        while not closed and self.begins():
            found = self.made("*", (found, self.power()), "", found.span[0])
        return found

    def _differential(self) -> str:
        """Take a d or a ∂; a word that begins with d loses it."""
        token = self.token
        if self.sign("∂"):
            self.take()
            return "∂"
        if token.kind != "name" or token.text[0] != "d":
            return ""
        if token.text == "d":
            self.take()
            return "d"
        if len(token.text) > 1 and not (token.text in self.known.variables and token.text != "d"):
            rest = COMMANDS.get(token.text[1:], token.text[1:])  # dtheta is of θ
            self.all[self.at] = Token("name", rest if rest.isalpha() else token.text[1:], token.start + 1, token.end)
            return "d"
        return ""

    def _order(self) -> int:
        """The 2 of d^2."""
        if not self.sign("^"):
            return 1
        self.take()
        found = self.exponent()
        if found is None or found.op != "num":  # d^T, of a vector that is called d
            raise self.refused("this is no order of a derivative")
        if found.word not in ("1", "2"):
            raise self.refused("derivatives of order 1 and 2 can be read")
        return int(found.word)

    def variable(self) -> Term:
        """A name with its indices, as what is differentiated; or a function with its operand."""
        if self.kind == "fn":
            return self.word()
        token = self.take()
        if token.kind != "name":
            raise self.refused("a name was expected here", token)
        if self.known.function(token.text) and self.sign("("):
            return self.call(self.known.function(token.text), token)
        return self.named(token)
