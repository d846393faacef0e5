"""Names with their indices and marks, and what a document says about its words: what is read token by token."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from tinygrad_lite.checking.paper.term import Term, name, num
from tinygrad_lite.checking.paper.tokens import LETTERS, Token, Unreadable
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.report.language import say

ALIASES = {"ln": "log", "σ": "sigmoid", "ReLU": "relu", "arctan": "atan", "Softmax": "softmax", "sig": "sigmoid"}
ALIASES |= {"sigm": "sigmoid", "trace": "tr", "sgn": "sign", "maximum": "max", "minimum": "min"}
ON_ARRAYS = {"softmax", "tr", "mean", "diag", "det"}
T = TypeVar("T")
_MARK = re.compile(r"(?P<word>\(\w+(?:[-+]\w+)?\)|\[\w+(?:[-+]\w+)?\]|(?P<layer>[lL](?:[-+]1)?)|)(?P<rest>⊤|T|'*)")


class Known:
    """What the document says about its words.

    Attributes:
        variables: names that are defined, or that stand for numbers.
        defined: names with a definition, of which a prime makes a derivative.
        functions: functions that the document defines or uses, beside those of the table.
        indices: letters that count.
        lettered: names with a letter for an index somewhere: their x_1 is an entry, that of others a name of its own.
        root: the last scalar result, of which `dz` is a derivative; "" if there is none.
    """

    def __init__(self) -> None:
        self.variables: set[str] = set()
        self.defined: set[str] = set()
        self.functions: set[str] = set()
        self.indices: set[str] = {*"ijkpqrs"}
        self.root = ""
        self.lettered: set[str] = set()

    def function(self, word: str) -> str:
        """The function that a word followed by a parenthesis names; "" for none."""
        if word in self.functions:
            return word
        if word in self.variables:
            return ""
        word = ALIASES.get(word, word)
        op = TABLE.get(word)
        return word if word in ON_ARRAYS or (op is not None and not op.infix and op.arity != 0) else ""


class Names:
    """A place in the tokens of a formula, and the names that are read there."""

    def __init__(self, text: str, found: list[Token], known: Known) -> None:
        self.text: str = text
        self.all: list[Token] = found
        self.known: Known = known
        self.at: int = 0
        self.left: int = 5000 + 20 * len(found)  # tokens that may be taken, twice those that are read again included

    @property
    def token(self) -> Token:
        return self.all[self.at]

    @property
    def kind(self) -> str:
        return self.token.kind

    def sign(self, *signs: str, ahead: int = 0) -> bool:
        """Whether the token is one of these signs."""
        i = min(self.at + ahead, len(self.all) - 1)
        return self.all[i].kind == "op" and self.all[i].text in signs

    def take(self, sign: str = "") -> Token:
        token = self.token
        if sign and not self.sign(sign):
            raise self.refused(say("{0} is missing here", sign))
        self.at += token.kind != "end"
        self.left -= 1
        if self.left < 0:
            raise self.refused(say("this formula takes too long to read"))
        return token

    def taken(self, sign: str) -> bool:
        """Take this sign if it is here."""
        return self.sign(sign) and bool(self.take())

    def braced(self, read: Callable[[], T]) -> T:
        """What stands here, in braces or without."""
        closing = self.taken("{")
        found = read()
        if closing:
            self.take("}")
        return found

    def refused(self, what: str, token: Token | None = None) -> Unreadable:
        token = token or self.token
        if token.kind == "end" and what == say("this cannot be read"):
            what = say("something is missing at the end")
        return Unreadable(what, self.text, token.start, token.end)

    def made(self, op: str, args: tuple[Term, ...], word: str, start: int) -> Term:
        return Term(op, args, word, (start, self.all[max(self.at - 1, 0)].end))

    # ------------------------------------------------------------------ names

    def named(self, token: Token) -> Term:
        """A name with what belongs to it: W_{ij}, h_{t-1}, W^{(1)}, x^{(i)}, w^l_{jk}."""
        word, indices, ahead = token.text, [], []
        while True:
            if self.taken("_"):
                found, suffix = self.subscript()
                indices += found
                word += f"_{suffix}" if suffix else ""
            elif self.sign("^") and (mark := self.mark()):
                if mark[1:-1] in self.known.indices:
                    ahead.append(name(mark[1:-1]))
                else:
                    word += f"^{mark}"
            else:
                break
        found = [*ahead, *indices]
        if found and word not in self.known.lettered and all(i.op == "num" for i in found):
            return self.made("name", (), f"{word}_{''.join(i.word for i in found)}", token.start)
        return self.made("name", tuple(found), word, token.start)

    def mark(self) -> str:
        """A raised (l), [l] or l that counts layers or samples; "", and nothing taken, for a power.

        A transpose or primes after it, as in W^{[1]T}, are left to be read next.
        """
        first = self.at + 1
        opening = self.all[min(first, len(self.all) - 1)].text
        closing = {"{": "}", "(": ")", "[": "]"}.get(opening, opening)
        end = next((k for k in range(first, min(first + 12, len(self.all))) if self.all[k].text == closing), 0)
        inside = "".join(t.text for t in self.all[first : end + 1])
        match = _MARK.fullmatch(inside[1:-1] if opening == "{" else inside)
        if not match or match[0] in ("T", "⊤", ""):
            return ""
        word = match["word"]
        if (match["layer"] or "")[:1] == "l" and "l" in self.known.variables:
            return ""
        if opening == "(" and not (word[1:-1].isdigit() or word[1:-1] in self.known.indices or word[1] in "lL"):
            return ""  # x^(n - 1), typed as a power
        rest = [Token("op", c.replace("T", "⊤"), self.all[end].start, self.all[end].end) for c in match["rest"]]
        self.take()
        self.all[self.at : end + 1] = [Token("op", "'", t.start, t.end) if t.text == "'" else t for t in rest]
        return word if match["layer"] is None else f"({word})"

    def subscript(self) -> tuple[list[Term], str]:
        """Indices, or the rest of a name: what stands after _."""
        if self.taken("{"):
            inside = []
            while not self.sign("}"):
                if self.kind == "end":
                    raise self.refused(say("this brace is never closed"))
                inside.append(self.take())
            self.take()
        else:
            inside = [self.take()]
            if inside[0].kind not in ("name", "num", "fn"):
                raise self.refused(say("this subscript cannot be read"), inside[0])
        whole = "".join(t.text for t in inside if t.text != ",")
        if whole.isdigit() and len(inside) == 1:
            return [num(whole)], ""
        if whole and all(c in self.known.indices or c.isdigit() for c in whole):
            return [num(c) if c.isdigit() else name(c) for c in whole], ""
        return [], "".join(t.text for t in inside)

    # ------------------------------------------------------------------ derivatives

    def differential(self) -> str:
        """Take a d or a ∂; a word that begins with d loses it."""
        token = self.token
        if self.taken("∂"):
            return "∂"
        if token.kind != "name" or token.text[0] != "d" or (len(token.text) > 1 and token.text in self.known.variables):
            return ""
        if token.text == "d":
            self.take()
        else:
            rest = LETTERS.get(f"\\{token.text[1:]}", token.text[1:])  # dtheta is of θ
            self.all[self.at] = Token("name", rest, token.start + 1, token.end)
        return "d"

    def order(self) -> int:
        """The 2 of d^2; 0 if what is raised is no number."""
        if not self.taken("^"):
            return 1
        token = self.braced(self.take)
        return int(token.text) if token.text in ("1", "2", "3", "4") else 0
