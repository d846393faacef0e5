"""Plain text, LaTeX and Unicode as one stream of tokens, each with its place in the text."""

from __future__ import annotations

import re
from typing import NamedTuple

from tinygrad_lite.checking.paper.term import FUNCTIONS
from tinygrad_lite.errors import ExpressionError
from tinygrad_lite.formulas.naming import GREEK
from tinygrad_lite.report.language import say

LIMIT = 3000  # characters of one formula


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


_SPELLINGS = r"""
-     − –
*     · × ⋅ \cdot \times \ast
/     \div
⊙     ∘ .* \odot \circ
⊗     \otimes
^     **
'     ’ ′ \prime
=     == := ≔ ≡ \equiv \coloneqq \triangleq \doteq
<     \lt
>     \gt
≤     <= \le \leq \leqslant
≥     >= \ge \geq \geqslant
≠     != \ne \neq
∈     \in
|     \mid \vert \lvert \rvert
‖     ║ ∥ \| \lVert \rVert \Vert
(     \lparen
)     \rparen
[     \lbrack
]     \rbrack
{:    \{ \lbrace
:}    \} \rbrace
⊤     ᵗ .T \top \intercal
∂     \partial
∇     \nabla
sum   ∑ \sum
prod  ∏ \prod
frac  \frac \dfrac \tfrac \cfrac
cases \begin{cases} \begin{dcases}
cut   \end{cases} \end{dcases}
"""
SIGNS = {sign: sign for sign in "+-*/⊙⊗@^_'=<>≤≥≠∈|‖()[]{},;⊤∂∇"}
SIGNS |= {spelling: line.split()[0] for line in _SPELLINGS.strip().splitlines() for spelling in line.split()[1:]}
"""The sign that each spelling stands for."""

LETTERS = {f"\\{word}": letter for letter, word in GREEK.items()}
LETTERS |= {"\\varepsilon": "ε", "\\vartheta": "θ", "\\varphi": "φ", "\\varsigma": "σ", "\\ell": "ℓ"}


def _words(text: str) -> set[str]:
    return set(text.split())


IGNORED = {" ", "\n", "\\"} | _words(
    ", ; : ! quad qquad left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle limits "
    "nolimits notag nonumber thinspace medspace hfill mathop middle mleft mright cal rm bf it"
)
WITH_A_GROUP = _words("phantom label tag hspace vspace color")  # ignored with what follows
FONTS = _words("mathbf boldsymbol bm vec mathcal mathscr mathsf mathfrak mathbb underline symbf pmb")
WORDS = _words("text mathrm operatorname mathit textrm textit mathtt textbf")
WHOLE = _words("net out target loss cost error output input pred ln exp log tanh max min softmax relu ReLU sigmoid")
"""Words that are no product of letters in LaTeX either."""
ACCENTS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde"}
SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₘₙₚᵣₛₜ₊₋", "0123456789ijklmnprst+-")
SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ⁻ⁿˡ⁽⁾", "0123456789⊤-nl()")
_PIECE = re.compile(
    r"(?P<env>\\(?:begin|end)\{d?cases\})|(?P<nothing>\\left\s*\.)|\\right\s*\."
    r"|(?P<bar>(?:\\(?:right|[bB]igg?r?)\s*)(?:\||\\[rl]?vert)(?=\s*_))|\\(?P<cmd>[A-Za-z]+|.)\*?"
    r"|(?P<sub>[₀-₉ᵢⱼₖₗₘₙₚᵣₛₜ₊₋]+)|(?P<sup>[⁰¹²³⁴-⁹ᵀ⁻ⁿˡ⁽⁾]+)|(?P<space>\s+|~)"
    r"|(?P<num>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)|(?P<id>[A-Za-zͰ-Ͽℓ]+[0-9]*)"
    r"(?P<entry>(?:\.(?!T\b)\w+|\[\d+(?:, ?\d+)*\])+(?!\w*\())?"
    r"|(?P<op>\*\*|:=|<=|>=|!=|==|\.T\b|\.\*|.)",
    re.DOTALL,
)


def tokens(text: str, latex: bool) -> list[Token]:
    """The tokens of a formula; in LaTeX every letter is a name of its own.

    Raises:
        Unreadable: a sign or a command that is not known.
    """
    if len(text) > LIMIT:
        raise Unreadable(say("a formula of {0} characters is too long; the limit is {1}", len(text), LIMIT), text, 0, 1)
    found: list[Token] = []
    at = cases = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        assert piece is not None
        start, at = at, piece.end()
        kind = piece.lastgroup or "space"
        word = piece[kind] or ""
        if cases and word in ("&", "\\"):
            found.append(Token("op", "&" if word == "&" else "row", start, at))
        elif kind == "env":
            cases += 1 if SIGNS[word] == "cases" else -1
            found.append(Token("op", SIGNS[word], start, at))
        elif kind in ("nothing", "bar"):  # \left. ... \right|_{x = 1}
            found.append(Token("op", {"nothing": "where(", "bar": "where"}[kind], start, at))
        elif kind == "cmd":
            at = _command(found, word, text, start, at)
        elif kind == "num":
            found.append(Token("num", word, start, at))
        elif kind == "sub":
            inner = word.translate(SUB)
            found += [Token("op", "_", start, start), Token("name" if inner.isalpha() else "num", inner, start, at)]
        elif kind == "sup":
            raised = tokens(word.translate(SUPER), True)[:-1]
            found.append(Token("op", "^", start, start))
            found += [Token("op", "{", start, start), *[t._replace(start=start, end=at) for t in raised]]
            found.append(Token("op", "}", at, at))
        elif kind == "id" and latex and word not in WHOLE | {"sum", "prod"}:
            found += _letters(word, start)
        elif kind in ("id", "entry"):  # W[0, 1] and layers.0.bias are names
            sign = piece["id"] in ("sum", "prod")
            word = piece["id"] if sign else LETTERS.get(f"\\{piece[0]}", piece[0])  # theta is θ
            found.append(Token("op" if sign else "name", word, start, at))
        elif kind == "op" and word != "&":
            kind, word = {"√": ("fn", "sqrt"), "𝟙": ("num", "1"), "𝟏": ("num", "1")}.get(word, ("op", word))
            if kind == "op" and word not in SIGNS:
                raise Unreadable(say("the sign {0!r} is not known here", word), text, start, at)
            found.append(Token(kind, SIGNS.get(word, word), start, at))
    return [*found, Token("end", "", len(text), len(text))]


def _letters(word: str, start: int) -> list[Token]:
    """A word in LaTeX: one name a letter, and its digits a number."""
    letters = word.rstrip("0123456789")
    found = [Token("name", c, start + i, start + i + 1) for i, c in enumerate(letters)]
    digits = word[len(letters) :]
    return [*found, Token("num", digits, start + len(letters), start + len(word))] if digits else found


def _group(text: str, at: int) -> tuple[str, int, int]:
    """The inside of the group that follows, in braces or one sign long: its text, start and the end of the group."""
    while at < len(text) and text[at].isspace():
        at += 1
    if text.startswith("{", at):
        depth = 0
        for end in range(at, len(text)):
            depth += (text[end] == "{") - (text[end] == "}")
            if depth == 0:
                return text[at + 1 : end], at + 1, end + 1
        raise Unreadable(say("this brace is never closed"), text, at, at + 1)
    one = re.compile(r"\\[A-Za-z]+|.", re.DOTALL).match(text, at)
    if one is None:
        raise Unreadable(say("something is missing here"), text, max(at - 1, 0), at)
    return one.group(), at, one.end()


def _command(found: list[Token], word: str, text: str, start: int, at: int) -> int:
    """Read a LaTeX command and what belongs to it; gives where to go on."""
    command = f"\\{word}"
    if word in IGNORED:
        return at
    if command in SIGNS or command in LETTERS:
        kind = "op" if command in SIGNS else "name"
        found.append(Token(kind, SIGNS.get(command) or LETTERS[command], start, at))
        return at
    if word in FUNCTIONS or word == "sqrt":
        found.append(Token("fn", word, start, at))
        return at
    if word not in WITH_A_GROUP | FONTS | WORDS | set(ACCENTS):
        raise Unreadable(say("the command {0} is not known here", command), text, start, at)
    inner, begin, end = _group(text, at)
    if word in WORDS:
        inner = inner.strip()
        if word.startswith("text") and not re.fullmatch(r"\w{1,20}", inner):
            raise Unreadable(say("words in the middle of a formula"), text, start, end)
        found.append(Token("fn" if inner in FUNCTIONS else "name", inner.replace("-", ""), start, end))
    elif word in ACCENTS:
        letters = "".join(t.text for t in tokens(inner, True)[:-1])
        found.append(Token("name", f"{letters}_{ACCENTS[word]}", start, end))
    elif word in FONTS and inner.strip() in ("1", "I"):  # of ones, or the indicator of a relation
        indicator = re.match(r"\s*(\\left|\\big+)?\s*(\\?\{|\[|\(|_\s*\\?[{[(][^}]*([<>=]|\\[gln]e))", text[end:])
        found.append(Token(*(("num", "1") if indicator else ("name", "ones" if "1" in inner else "I")), start, end))
    elif word in FONTS:
        found += [t._replace(start=t.start + begin, end=t.end + begin) for t in tokens(inner, True)[:-1]]
    return end
