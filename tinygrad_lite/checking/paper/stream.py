"""A place in the tokens of a formula, and what the document says about its words."""

from __future__ import annotations

from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.checking.paper.tokens import Token, Unreadable
from tinygrad_lite.engine.op import TABLE

ALIASES = {"ln": "log", "σ": "sigmoid", "ReLU": "relu", "arctan": "atan", "Softmax": "softmax", "sig": "sigmoid"}
ALIASES |= {"sigm": "sigmoid", "trace": "tr", "sgn": "sign", "maximum": "max", "minimum": "min"}
ON_ARRAYS = {"softmax", "tr", "mean", "diag", "det"}


class Known:
    """What the document says about its words.

    Attributes:
        variables: names that are defined, or that stand for numbers.
        functions: functions that the document defines or uses, beside those of the table.
        indices: letters that count.
        lettered: names with a letter for an index somewhere: their x_1 is an entry, that of others a name of its own.
        root: the last scalar result, of which `dz` is a derivative; "" if there is none.
    """

    def __init__(self) -> None:
        self.variables: set[str] = set()
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


class Stream:
    """A place in a list of tokens; the levels of the grammar are in `words.py` and `parser.py`."""

    def __init__(self, text: str, found: list[Token], known: Known) -> None:
        self.text: str = text
        self.all: list[Token] = found
        self.known: Known = known
        self.at = 0
        self.depth: int = 0
        self.bars = 0
        self.left = 5000 + 20 * len(found)  # tokens that may be taken, twice those that are read again included

    # ------------------------------------------------------------------ the stream

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
            raise self.refused(f"{sign} is missing here")
        self.at += token.kind != "end"
        self.left -= 1
        if self.left < 0:
            raise self.refused("this formula takes too long to read")
        return token

    def refused(self, what: str, token: Token | None = None) -> Unreadable:
        token = token or self.token
        if token.kind == "end":
            what = "something is missing at the end" if what == "this cannot be read" else what
        return Unreadable(what, self.text, token.start, token.end)

    def made(self, op: str, args: tuple[Term, ...], word: str, start: int) -> Term:
        return Term(op, args, word, (start, self.all[max(self.at - 1, 0)].end))

    def sum(self) -> Term:
        """A whole formula."""
        raise NotImplementedError

    def product(self) -> Term:
        """Factors with or without a sign between them."""
        raise NotImplementedError

    def power(self) -> Term:
        """A factor with its powers."""
        raise NotImplementedError

    def group(self) -> Term:
        """What stands in parentheses."""
        raise NotImplementedError

    def exponent(self) -> Term | None:
        """What stands after ^."""
        raise NotImplementedError

    def begins(self) -> bool:
        """Whether a factor begins here."""
        raise NotImplementedError
