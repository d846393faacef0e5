"""Plain text, LaTeX and Unicode as one stream of tokens, each with its place in the text."""

from __future__ import annotations

import re
from typing import NamedTuple

from tinygrad_lite.checking.paper.term import GREEK
from tinygrad_lite.errors import ExpressionError

LIMIT = 3000  # characters of one formula
SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₘₙₚᵣₛₜ₊₋", "0123456789ijklmnprst+-")
SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ⁻ⁿ⁽⁾", "0123456789T-n()")


class Token(NamedTuple):
    """A piece of a formula; kind is num, name, fn (a LaTeX function), op, or end."""

    kind: str
    text: str
    start: int
    end: int


class Unreadable(ExpressionError):
    """A part of a formula that could not be read; `start` and `end` are its place."""

    def __init__(self, what: str, text: str, start: int, end: int) -> None:
        self.what: str = what
        self.start: int = start
        self.end: int = max(end, start + 1)
        first = max(0, start - 50)
        shown = "".join(c if c.isprintable() else " " for c in text[first : self.end + 30])
        super().__init__(f"{what}\n  {shown}\n  {' ' * (start - first)}{'^' * min(self.end - start, 60)}")


COMMANDS = {word: letter for letter, word in GREEK.items()}
COMMANDS |= {"varepsilon": "ε", "vartheta": "θ", "varphi": "φ", "ell": "ℓ", "partial": "∂", "nabla": "∇", "prime": "'"}
COMMANDS |= {"cdot": "*", "times": "*", "ast": "*", "odot": "⊙", "circ": "⊙", "div": "/", "mid": "|", "vert": "|"}
COMMANDS |= {"le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "lt": "<", "gt": ">", "in": "∈"}
COMMANDS |= {"lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "lvert": "|", "rvert": "|", "{": "{:", "}": ":}"}
COMMANDS |= {"lbrace": "{:", "rbrace": ":}", "lbrack": "[", "rbrack": "]", "top": "⊤", "intercal": "⊤", "equiv": "="}
COMMANDS |= {"sum": "sum", "prod": "prod", "coloneqq": "=", "triangleq": "=", "lparen": "(", "rparen": ")"}


def _words(text: str) -> set[str]:
    return set(text.split())


IGNORED = _words(
    ", ; : ! quad qquad left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle limits "
    "nolimits notag nonumber thinspace medspace hfill mathop middle mleft mright"
) | {" "}
WRAPPERS = _words("mathbf boldsymbol bm vec mathcal mathscr mathsf mathfrak mathbb underline symbf pmb")
WORDS = _words("text mathrm operatorname mathit textrm textit mathtt textbf")
ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde"}
FUNCTIONS = _words("exp log ln tanh sin cos tan sinh cosh arctan max min sqrt det tr")
FRACTIONS = _words("frac dfrac tfrac cfrac")
_PIECE = re.compile(
    r"\\(?P<cmd>[A-Za-z]+\*?|.)|(?P<sub>[₀-₉ᵢⱼₖₗₘₙₚᵣₛₜ₊₋]+)|(?P<sup>[⁰¹²³⁴-⁹ᵀ⁻ⁿ⁽⁾]+)|(?P<space>\s+|&|~)"
    r"|(?P<num>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)|(?P<id>[A-Za-zͰ-Ͽℓ]+[0-9]*)"
    r"(?P<entry>(?:\.(?!T\b)\w+|\[\d+(?:, ?\d+)*\])+(?!\w*\())?"
    r"|(?P<op>\*\*|:=|<=|>=|!=|==|\.T\b|\.\*|.)",
    re.DOTALL,
)
_SAME = {"**": "^", "·": "*", "×": "*", "−": "-", "–": "-", "∘": "⊙", ".*": "⊙", "<=": "≤", ">=": "≥", "!=": "≠"}
_SAME |= {"==": "=", ":=": "=", "∑": "sum", "∏": "prod", "’": "'", "′": "'", "𝟙": "1", "𝟏": "1", "√": "sqrt", "⋅": "*"}
_SAME |= {"≔": "=", "≡": "=", "║": "‖", "∥": "‖", "ᵗ": "⊤", "⊤": "⊤"}


def tokens(text: str, latex: bool) -> list[Token]:
    """The tokens of a formula; in LaTeX every letter is a name of its own.

    Raises:
        Unreadable: a sign or a command that is not known.
    """
    if len(text) > LIMIT:
        raise Unreadable(f"a formula of {len(text)} characters is too long; the limit is {LIMIT}", text, 0, 1)
    found: list[Token] = []
    at = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        assert piece is not None
        start, at = at, piece.end()
        kind, word = str(piece.lastgroup), piece.group(str(piece.lastgroup))
        if kind == "space":
            continue
        if kind == "cmd":
            at = _command(found, word, text, start, at)
        elif kind == "num":
            found.append(Token("num", word, start, at))
        elif kind in ("sub", "sup"):
            table, sign = (SUB, "_") if kind == "sub" else (SUPER, "^")
            inner = word.translate(table)
            found.append(Token("op", sign, start, start))
            if kind == "sup" and inner != "T":
                found += [Token("op", "{", start, start), *tokens(inner, True)[:-1], Token("op", "}", at, at)]
            elif kind == "sup":
                found.append(Token("op", "⊤", start, at))
            else:
                found.append(Token("name" if inner.isalpha() else "num", inner, start, at))
        elif kind == "id" and latex:
            at = piece.end("id")
            _letters(found, word, start)
        elif kind in ("id", "entry"):  # W[0, 1] and layers.0.bias are names
            kind = "op" if piece["id"] in ("sum", "prod") else "name"
            found.append(Token(kind, COMMANDS.get(word, word) if word in GREEK.values() else piece.group(), start, at))
        else:
            word = _SAME.get(word, word)
            if word == "√":
                word = "sqrt"
            known = word in "+-*/^_=()[]{}<>≤≥≠|'‖,⊙⊤@;∈∂∇" or word in (".T", "sum", "prod", "sqrt", "1")
            if not known:
                raise Unreadable(f"the sign {word!r} is not known here", text, start, at)
            kind = "fn" if word == "sqrt" else "num" if word == "1" else "op"
            found.append(Token(kind, word, start, at))
    return [*found, Token("end", "", len(text), len(text))]


def _letters(found: list[Token], word: str, start: int) -> None:
    """A word in LaTeX: one name a letter, and its digits a number."""
    for i, c in enumerate(word):
        if c.isdigit():
            found.append(Token("num", word[i:], start + i, start + len(word)))
            return
        found.append(Token("name", c, start + i, start + i + 1))


def _group(text: str, at: int) -> tuple[str, int, int]:
    """The inside of the group that follows, in braces or one sign long: its text, start and the end of the group."""
    while at < len(text) and text[at].isspace():
        at += 1
    if at < len(text) and text[at] == "{":
        depth = 0
        for end in range(at, len(text)):
            depth += (text[end] == "{") - (text[end] == "}")
            if depth == 0:
                return text[at + 1 : end], at + 1, end + 1
        raise Unreadable("this brace is never closed", text, at, at + 1)
    one = re.compile(r"\\[A-Za-z]+|.", re.DOTALL).match(text, at)
    if one is None:
        raise Unreadable("something is missing here", text, max(at - 1, 0), at)
    return one.group(), at, one.end()


def _command(found: list[Token], word: str, text: str, start: int, at: int) -> int:
    """Read a LaTeX command and what belongs to it; gives where to go on."""
    if word in IGNORED or word in ("\\", "\n"):
        if word in ("left", "right") and text[at : at + 1] == ".":
            return at + 1
        return at
    if word in ("phantom", "label", "tag", "hspace", "vspace", "color"):
        return _group(text, at)[2]
    if word in FRACTIONS or word in ("sqrt", "text") or word in FUNCTIONS:
        if word in FRACTIONS:
            found.append(Token("op", "frac", start, at))
            return at
        if word != "text":
            found.append(Token("fn", word, start, at))
            return at
    if word in WRAPPERS:
        inner, begin, end = _group(text, at)
        if inner.strip() in ("1", "I") and word in ("mathbf", "mathbb", "bm", "boldsymbol"):
            kind = "num" if re.match(r"\s*(\\left|\\big+)?\s*(\\?\{|\[|\(|_)", text[end:]) else "name"
            found.append(Token(kind, "1" if kind == "num" else "ones" if inner.strip() == "1" else "I", start, end))
            return end
        found += [t._replace(start=t.start + begin, end=t.end + begin) for t in tokens(inner, True)[:-1]]
        return end
    if word in WORDS:
        inner, _, end = _group(text, at)
        inner = inner.strip()
        if word.startswith("text") and not re.fullmatch(r"\w{1,20}", inner):
            raise Unreadable("words in the middle of a formula", text, start, end)
        if inner == "d":
            found.append(Token("name", "d", start, end))
        else:
            found.append(Token("fn" if inner in FUNCTIONS else "name", inner.replace("-", ""), start, end))
        return end
    if word in ACCENTS:
        inner, _, end = _group(text, at)
        letters = [t.text for t in tokens(inner, True)[:-1]]
        found.append(Token("name", f"{''.join(letters)}_{ACCENTS[word]}", start, end))
        return end
    if word in COMMANDS:
        sign = COMMANDS[word]
        kind = "name" if sign.isalpha() and sign not in ("sum", "prod") and sign != "∂" else "op"
        found.append(Token(kind, sign, start, at))
        return at
    raise Unreadable(f"the command \\{word} is not known here", text, start, at)
