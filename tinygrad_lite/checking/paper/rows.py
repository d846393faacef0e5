"""A text cut into rows, each a formula or a few words, with its place: plain text, Markdown, TeX, or a notebook."""

from __future__ import annotations

import json
import re
from typing import NamedTuple


class Row(NamedTuple):
    """One formula as it was written; `latex` says that letters side by side are a product."""

    text: str
    line: int
    latex: bool


_MATH = re.compile(
    r"\$\$(?P<a>.+?)\$\$|\\\[(?P<b>.+?)\\\]|\\\((?P<c>.+?)\\\)|(?<![\\$])\$(?P<d>[^$\n]+)\$"
    r"|\\begin\{(?P<env>equation|align|aligned|gather|gathered|eqnarray|multline|split)"
    r"(?P<star>\*?)\}(?P<e>.+?)\\end\{(?P=env)(?P=star)\}",
    re.DOTALL,
)
_CASES = re.compile(r"\\begin\{d?cases\}.*?\\end\{d?cases\}", re.DOTALL)
_CONTINUED = re.compile(
    r"\\\\\s*&?\s*(?:\\q?quad)?\s*([-+]|\\cdot|\\times)"
)  # a row that goes on with + is one with the row before
_INNER = re.compile(r"\\(begin|end)\{(aligned|align|split|gathered|gather|equation|array)\*?\}(\{[lcr]*\})?")
_LEAD = re.compile(
    r"^\s*(?:[-*•]\s+|\(?\d{1,2}[.)]\s+|step\s+\d+\s*[:.]\s*|(?:let|where|with|so|then|hence|thus|and|also|now|"
    r"therefore|given|define|put|set|finally|similarly|by the chain rule|we have|we get|is|that|for|the|loss|at|model|"
    r"forward|backward|gradient|gradients|output|solution|derivation|definitions?|claim|assume|if|suppose|because|since|"
    r"it follows|which gives|chain rule|derivatives?)\b[,:]?\s+(?!\s*:?=)|[A-Za-z][A-Za-z ]{2,40}:(?!=)\s*|"
    r"⇒|=>|∴|\\Rightarrow|\\implies|\\therefore|\\Longrightarrow)\s*",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"\s+\((?=[^()]*\b(?:rule|chain|definition|using|because|since|above)\b)[a-z ,'-]+\)\s*$|\s+#.*$|\s{2,}%.*$"
    r"|\s+(?:by|using|since|because|from)\s+(?:the\s)?[a-z ,]+$"
)
_BETWEEN = re.compile(r"\\(text|mbox|textrm)\{\s*(?:[^{}]*\s[^{}]*|and|where|with|for|so|then|or|if)\s*\}")
_CUT = re.compile(r"\\Rightarrow|\\implies|\\Longrightarrow|⇒|=>|\\qquad|\\quad")


def hidden(text: str) -> str:
    """The text with what stands inside cases taken out of sight, each character for one, so that nothing cuts it."""
    return _CASES.sub(lambda m: "".join(chr(0xE000 + ord(c)) if c.isascii() else c for c in m.group()), text)


def revealed(text: str) -> str:
    """What `hidden` has taken out of sight, as it was."""
    return "".join(chr(ord(c) - 0xE000) if 0xE000 <= ord(c) < 0xE080 else c for c in text)


def rows(text: str) -> list[Row]:
    """The rows of a text in order; words between formulas are left out.

    >>> [row.text for row in rows("Let z = w x + b, a = tanh(z).\\n\\nda/dw = (1 - a^2) x")]
    ['z = w x + b', 'a = tanh(z)', 'da/dw = (1 - a^2) x']
    """
    return [row._replace(text=revealed(row.text)) for row in _rows(hidden(text))]


def _rows(text: str) -> list[Row]:
    found: list[Row] = []
    if _MATH.search(text):
        for match in _MATH.finditer(text):
            inner = next(match.group(g) for g in "abcde" if match.group(g) is not None)
            line = text.count("\n", 0, match.start()) + 1
            inner = _CONTINUED.sub(r"   \1", _INNER.sub(lambda m: " " * len(m.group()), inner).replace("{}", "  "))
            for part in re.split(r"\\\\(?:\[[^\]]*\])?", inner):
                found += _pieces(part.replace("\n", " "), line, True)
                line += part.count("\n")
        return found
    lines: list[tuple[int, str]] = []
    for number, line_text in enumerate(text.splitlines(), 1):
        last = lines[-1][1] if lines else ""
        goes_on = re.match(r"\s+[-+*/] ?\S", line_text) or re.search(r"([-+*/(,]|[^=]=)\s*$", last)
        begins = re.match(r"\s*=[^=]", line_text) and re.search(r"(^|, )\s*[^\s=]+$", last)
        item = re.match(r"\s*[-*] \S+ *[=:]", line_text)
        if line_text.strip() and not item and ((goes_on and "=" in last) or begins):
            lines[-1] = (lines[-1][0], f"{last} {line_text.strip()}")
        else:
            lines.append((number, line_text))
    for number, line_text in lines:
        latex = "\\" in line_text
        for part in re.split(r"\\\\", line_text):
            for sentence in re.split(r"(?<=[\w)\]}])[.;](?=\s+[A-Z]|\s*$)|;\s", part):
                found += _pieces(sentence, number, latex)
    return found


def _pieces(part: str, line: int, latex: bool) -> list[Row]:
    """The formulas in a piece of text: cut at commas, arrows and words between them."""
    found = []
    part = _BETWEEN.sub(r" \\quad ", part)
    for piece in _CUT.split(part):
        for formula in _split(piece):
            formula = formula.replace("&", " ")
            while (lead := _LEAD.match(formula)) and lead.end() < len(formula):
                formula = formula[lead.end() :]
            while tail := _TAIL.search(formula):
                formula = formula[: tail.start()]
            formula = formula.strip().rstrip(",.;: ").strip()
            relation = r"[=<>≤≥≠∈]|\\(le|ge|ne|in|lt|gt|leq|geq|neq)\b|one-hot"
            if re.search(r"\w", formula) and re.search(relation, formula):
                found.append(Row(formula, line, latex))
    return found


def _split(text: str) -> list[str]:
    """Cut at commas and at `and` outside parentheses, before each part that is a formula."""
    parts, depth, start = [""], 0, 0
    for piece in re.finditer(r"[([{]|[)\]}]|,|\s(?=(?:and|where|with|for|if)\s)|$", text):
        depth += (piece.group() in "([{") - (piece.group() in ")]}") if piece.group() else 0
        if depth and piece.group():
            continue
        if piece.group() in ("", ",") or piece.group().isspace():
            part, start = text[start : piece.start()], piece.start()
            if re.search(r"[=<>≤≥≠∈]|\\(in|ne|le|ge)", part):
                parts.append(re.sub(r"^,|^\s(and|where|with|for|if)\s", "", part))
            else:
                parts[-1] += part
    return parts


def sides(formula: str) -> list[tuple[str, int]]:
    """The sides of a chain of equalities with their places.

    >>> sides("dL/da = 2(a - t) = 2 sum_{i=1} e")
    [('dL/da ', 0), (' 2(a - t) ', 7), (' 2 sum_{i=1} e', 18)]
    """
    found, depth, start = [], 0, 0
    for i, c in enumerate(hidden(formula)):
        depth += (c in "([{") - (c in ")]}")
        neighbour = formula[i - 1 : i] in ("<", ">", "!", "=") or formula[i + 1 : i + 2] == "="
        if depth <= 0 and c == "=" and not neighbour:
            end = i - (formula[i - 1 : i] == ":")
            found.append((formula[start:end], start))
            start = i + 1
    return [*found, (formula[start:], start)]


def source(text: str, suffix: str) -> str:
    """The text of a file: of a notebook, its Markdown cells."""
    if suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
