"""Equations as a part of a report: one left side, several right sides, each equal to the one before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.views import escape
from tinygrad_lite.views.formula import Name, Symbol
from tinygrad_lite.views.notation import HTML, Infix, LaTeX, Notation
from tinygrad_lite.views.style import CELL, MONO

_REMARK = "font-family:sans-serif;font-size:88%;opacity:0.8;text-indent:0"


class Equation(NamedTuple):
    """left = formula = its numbers = ...

    `sides` are formulas, each with True if its names are to be replaced by their numbers.
    """

    left: Name
    sides: Sequence[tuple[Symbol, bool]]
    remarks: Sequence[str] = ()

    def written(self, notation: Notation) -> list[str]:
        """The right sides in a notation, without those that only repeat the one before."""
        sides = [notation.of(symbol, numbers=numbers) for symbol, numbers in self.sides]
        return [side for i, side in enumerate(sides) if i == 0 or side != sides[i - 1]]


class Equations:
    """A group of equations with their signs of equality in line.

    Args:
        digits: significant digits of the numbers put in.
        most: longer sums and products show their first and last terms; None for no limit.
    """

    def __init__(self, equations: Iterable[Equation], *, digits: int = 6, most: int | None = 12) -> None:
        self.equations = list(equations)
        self.digits, self.most = digits, most

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        notation = Infix(self.digits, self.most)
        lines: list[str] = []
        for equation in self.equations:
            left, sides = equation.left.text, equation.written(notation)
            whole = f"  {left} = {' = '.join(sides)}"
            if escape.width(whole) <= width:
                lines.append(whole)
            else:
                margin = " " * (2 + escape.width(left))
                for i, side in enumerate(sides):
                    lines += _broken(f"{'  ' + left if i == 0 else margin} = {side}", width, len(margin) + 5)
            for remark in equation.remarks:
                lines += _broken(f"      {remark}", width, 6)
        text = "\n".join(lines)
        return escape.ascii_only(text.replace("∂", "d").replace("…", "...")) if ascii else text

    def html(self) -> str:
        notation = HTML(self.digits, self.most)
        rows = []
        for equation in self.equations:
            sides = equation.written(notation)
            stacked = sum(len(re.sub(r"<[^>]*>", "", side)) + 3 for side in sides) > 72
            joint = "<br>=&nbsp;" if stacked else " = "
            remarks = "".join(f'<div style="{_REMARK}">{escape.html(remark)}</div>' for remark in equation.remarks)
            cell = f"{CELL};{MONO};color:inherit;text-align:left;line-height:1.7"
            wrapping = "padding-left:2em;text-indent:-1.4em;white-space:normal"
            rows.append(
                f'<tr style="background-color:transparent"><td style="{cell};padding-right:0">{equation.left.html}</td>'
                f'<td style="{cell};{wrapping}">= {joint.join(sides)}{remarks}</td></tr>'
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
        notation = LaTeX(self.digits, self.most)
        rows = []
        for equation in self.equations:
            sides = equation.written(notation)
            if sum(map(len, sides)) <= 90:
                rows.append(f"{equation.left.latex} &= {' = '.join(sides)}")
            else:
                rows += [f"{equation.left.latex if i == 0 else ''} &= {side}" for i, side in enumerate(sides)]
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
                    "sides": equation.written(text),
                    "latex": f"{equation.left.latex} = {' = '.join(equation.written(tex))}",
                    "remarks": list(equation.remarks),
                }
                for equation in self.equations
            ],
        }


def aligned(rows: Sequence[str]) -> str:
    """Rows of `left &= right` as one block that MathJax and TeX both know."""
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _broken(line: str, width: int, indent: int) -> list[str]:
    """A long line broken at spaces and after `*`, further lines indented; a piece without either stays whole."""
    lines, margin = [], " " * min(indent, width // 2)
    while escape.width(line) > width:
        start = len(line) - len(line.lstrip())
        breaks = [m.end() for m in re.finditer(r" |(?<!\*)\*(?!\*)", line) if start < m.end() <= width]
        if not breaks or breaks[-1] >= len(line):
            break
        lines.append(line[: breaks[-1]].rstrip())
        line = margin + line[breaks[-1] :].lstrip()
    return [*lines, line]
