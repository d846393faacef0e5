"""Equations as a part of a report: one left side, several right sides, each equal to the one before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.formulas.formula import Name, Symbol
from tinygrad_lite.formulas.notation import HTML, Infix, LaTeX, Notation
from tinygrad_lite.report import escape
from tinygrad_lite.report.language import say
from tinygrad_lite.report.style import CELL, MONO, bdi
from tinygrad_lite.report.text import Paragraph

_REMARK = "font-family:sans-serif;font-size:88%;opacity:0.8;padding-left:1.2em"
_HANGING = "padding-left:1.2em;text-indent:-1.2em"


class Equation(NamedTuple):
    """left = formula = its numbers = ...

    `sides` are formulas, each with True if its names are to be replaced by their numbers.
    """

    left: Name
    sides: Sequence[tuple[Symbol, bool]]
    remarks: Sequence[str] = ()

    def rendered(self, notation: Notation) -> list[str]:
        """The right sides in a notation, without those that only repeat the one before."""
        sides = [notation.of(symbol, numbers=numbers) for symbol, numbers in self.sides]
        return [side for i, side in enumerate(sides) if i == 0 or side != sides[i - 1]]


class Equations:
    """A group of equations with their signs of equality in line.

    Args:
        digits: significant digits of the numbers put in, and of the program's constants.
        most: longer sums and products show their first and last terms; None for no limit.
    """

    def __init__(self, equations: Iterable[Equation], *, digits: int = 6, most: int | None = 12) -> None:
        self.equations: list[Equation] = list(equations)
        self.digits: int = digits
        self.most: int | None = most

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        notation = Infix(self.digits, self.most, self.digits)
        lines: list[str] = []
        for equation in self.equations:
            left, sides = equation.left.text, equation.rendered(notation)
            whole = f"  {left} = {' = '.join(sides)}"
            if escape.width(whole) <= width:
                lines.append(whole)
            else:
                margin = " " * (2 + escape.width(left))
                for i, side in enumerate(sides):
                    if i == len(sides) - 1 > 0 and escape.width(f"{lines[-1]} = {side}") <= width:
                        lines[-1] += f" = {side}"  # the result, where there is room for it
                    else:
                        lines += _broken(f"{'  ' + left if i == 0 else margin} = {side}", width, len(margin) + 5)
            for remark in equation.remarks:
                lines += _broken(f"      {remark}", width, 6)
        text = "\n".join(lines)
        return escape.ascii_only(text.replace("∂", "d").replace("…", "...")) if ascii else text

    def html(self) -> str:
        notation = HTML(self.digits, self.most, self.digits)
        rows = []
        for equation in self.equations:
            sides = equation.rendered(notation)
            stacked = sum(len(re.sub(r"<[^>]*>", "", side)) + 3 for side in sides) > 72
            lines = [f"= {_unbroken(side)}" for side in sides] if stacked else [f"= {' = '.join(sides)}"]
            shown = [f'<div style="{_HANGING}">{line}</div>' for line in lines]
            shown += [f'<div style="{_REMARK}">{bdi(remark)}</div>' for remark in equation.remarks]
            cell = f"{CELL};{MONO};color:inherit;text-align:left;line-height:1.7"
            rows.append(
                f'<tr style="background-color:transparent"><td style="{cell};padding-right:0">{equation.left.html}</td>'
                f'<td style="{cell};white-space:normal">{"".join(shown)}</td></tr>'
            )
        return (
            '<div style="overflow-x:auto;max-width:100%"><table style="border-collapse:collapse;color:inherit;'
            f'background-color:transparent;margin:4px 0">{"".join(rows)}</table></div>'
        )

    def latex(self) -> str:
        """One `aligned` block; the remarks are left to the other forms."""
        return aligned(self.rows())

    def rows(self) -> list[str]:
        """The lines of the `aligned` block."""
        notation = LaTeX(self.digits, self.most, self.digits)
        rows = []
        for equation in self.equations:
            sides = equation.rendered(notation)
            if sum(map(len, sides)) <= 90:
                rows.append(f"{equation.left.latex} &= {' = '.join(sides)}")
                continue
            left = equation.left.latex
            for side in sides:
                first, *others = _filled(terms_of(side), 160)
                rows += [f"{left} &= {first}", *[rf" &\quad {{}} {term}" for term in others]]
                left = ""
        return rows

    def markdown(self) -> str:
        if not any(equation.remarks for equation in self.equations):
            return f"$$\n{self.latex()}\n$$"
        pieces = []
        for equation in self.equations:
            block = Equations([equation], digits=self.digits, most=self.most).latex()
            pieces += [f"$$\n{block}\n$$", *[escape.markdown(remark) for remark in equation.remarks]]
        return "\n\n".join(pieces)

    def to_dict(self) -> dict[str, Any]:
        text, tex = Infix(self.digits, None), LaTeX(self.digits, None)
        return {
            "kind": "equations",
            "equations": [
                {
                    "left": equation.left.text,
                    "sides": equation.rendered(text),
                    "latex": f"{equation.left.latex} = {' = '.join(equation.rendered(tex))}",
                    "remarks": list(equation.remarks),
                }
                for equation in self.equations
            ],
        }


class Numbers(Equations):
    """Numbers in one sentence, `Given: x = 2, y = -3.`; in LaTeX they are formulas too, so that they are found there.

    Args:
        words: what stands before the colon.
        equations: each a name and its number.
        more: how many are left out.
    """

    def __init__(self, words: str, equations: Iterable[Equation], *, more: int = 0, digits: int = 6) -> None:
        super().__init__(equations, digits=digits)
        self.words: str = words
        self.more: str = say(", and {0:,} more", more) if more else ""

    def _paragraph(self) -> Paragraph:
        numbers = ", ".join(f"{e.left.text} = {e.rendered(Infix(self.digits))[0]}" for e in self.equations)
        return Paragraph(f"{self.words}: {numbers}{self.more}.")

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        return self._paragraph().text(width, ascii=ascii)

    def html(self) -> str:
        return self._paragraph().html()

    def rows(self) -> list[str]:
        first, *others = super().rows()
        return [r", \quad ".join([first, *[row.replace(" &=", " =") for row in others]])]

    def markdown(self) -> str:
        return f"{escape.markdown(self.words)}{self.more}:\n\n$$\n{self.rows()[0].replace(' &=', ' =')}\n$$"

    def to_dict(self) -> dict[str, Any]:
        return self._paragraph().to_dict()


def aligned(rows: Sequence[str]) -> str:
    """Rows of `left &= right` as one block that MathJax and TeX both know."""
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def terms_of(written: str) -> list[str]:
    r"""A sum cut before each + that stands outside all brackets.

    >>> terms_of("a*(b + c) + d"), terms_of(r"\frac{a + b}{c} + d")
    (['a*(b + c)', '+ d'], ['\\frac{a + b}{c}', '+ d'])
    """
    depth, start, found = 0, 0, []
    for i, c in enumerate(written):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and written.startswith(" + ", i):
            found.append(written[start:i])
            start = i + 1
    return [*found, written[start:]]


def _unbroken(side: str) -> str:
    """A sum whose lines a browser breaks between its terms first."""
    terms = terms_of(side)
    if len(terms) == 1:
        return side
    return " ".join(f'<span style="display:inline-block;text-indent:0">{term}</span>' for term in terms)


def _filled(terms: Sequence[str], room: int) -> list[str]:
    """Short terms joined again, as many as fit in a line."""
    lines = [terms[0]]
    for term in terms[1:]:
        if len(lines[-1]) + 1 + len(term) <= room:
            lines[-1] += f" {term}"
        else:
            lines.append(term)
    return lines


def _broken(line: str, width: int, indent: int) -> list[str]:
    """A long line broken before terms of its sum; a term that is still too long, at spaces and after `*`."""
    if escape.width(line) <= width:
        return [line]
    margin = " " * min(indent, width // 2)
    first, *others = _filled(terms_of(line), width - len(margin))
    lines = []
    for piece in (first, *(margin[:-2] + term for term in others)):
        while escape.width(piece) > width:
            start = len(piece) - len(piece.lstrip())
            breaks = [m.end() for m in re.finditer(r" |(?<!\*)\*(?!\*)", piece) if start + 2 < m.end() <= width]
            if not breaks or breaks[-1] >= len(piece):
                break
            lines.append(piece[: breaks[-1]].rstrip())
            piece = margin + piece[breaks[-1] :].lstrip()
        lines.append(piece)
    return lines
