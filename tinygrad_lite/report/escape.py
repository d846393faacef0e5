"""User text made safe for each kind of output.

Labels are whatever a user typed: quotes, markup, line ends, text that runs from right to left,
ten thousand characters. Each function here takes such a text and returns one that *shows* it
and does nothing else. All of them begin with `visible`.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata

_KEPT = " \u200d"  # the space, and what joins emoji; every other invisible character is written as its code


def visible(text: str) -> str:
    r"""One line, with every control character written as its code, so that no terminal obeys it.

    >>> print(visible("a\nb\x1b[31m"), visible("\u202eabc"))
    a\nb\x1b[31m \u202eabc
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_code(c) if _unseen(c) else c for c in text)


def _unseen(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Cn", "Co") and c not in _KEPT


def _code(c: str) -> str:
    return c.encode("unicode_escape", "surrogatepass").decode("ascii")


def ascii_only(text: str) -> str:
    r"""The text with every other character written as its code.

    >>> print(ascii_only("∂y"))
    \u2202y
    """
    return text.encode("ascii", "backslashreplace").decode("ascii")


def html(text: str) -> str:
    """The text for use between tags and inside quoted attributes.

    >>> html('<script>"')
    '&lt;script&gt;&quot;'
    """
    return _html.escape(visible(text), quote=True)


_MARKDOWN = {c: f"&#{ord(c)};" for c in "`*{}[]()<>&#!|~^"}
_MARKDOWN |= {
    c: f"<span>&#{ord(c)};</span>" for c in "$\\"
}  # in tags of their own, for MathJax joins no text across tags

_BLOCK = re.compile(r"^(\d*)([-+=_.)])(?=[-+=_ ]|$)")  # what makes a list, a rule or a heading of a line


def markdown(text: str) -> str:
    """The text for a paragraph or a table cell of Markdown, as plain characters and entities.

    An entity can open neither emphasis, nor a link, nor a formula, nor a tag, in any dialect.

    >>> markdown("w_1 *b* <i>")
    'w_1 &#42;b&#42; &#60;i&#62;'
    """
    safe = "".join(_MARKDOWN.get(c, c) for c in visible(text))
    safe = _BLOCK.sub(lambda m: f"{m[1]}&#{ord(m[2])};", safe)
    words = [w.replace("_", "&#95;") if w.startswith("_") or w.endswith("_") else w for w in safe.split(" ")]
    return " ".join(words).replace("://", "&#58;//")


def fenced(code: str, language: str = "") -> str:
    """Lines of code as a fenced block of Markdown, with a fence longer than any in the code."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language}\n{code}\n{fence}"


def width(text: str) -> int:
    """How many columns of a terminal the text takes: wide letters and emoji two, combining marks none.

    >>> width("abc"), width("漢"), width("e\u0301")
    (3, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) or c in "\u200d\ufe0f" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def shortened(text: str, limit: int, dots: str = "…") -> str:
    """The text in at most `limit` columns; what is cut is replaced by dots, never dropped silently.

    >>> shortened("abcdefgh", 5)
    'abcd…'
    """
    if width(text) <= limit:
        return text
    kept, room = "", limit - len(dots)
    for c in text:
        room -= width(c)
        if room < 0:
            break
        kept += c
    return kept + dots
