"""A derivation on paper, checked line by line: `tg.check_derivation(text)`.

The text is read (`paper/document.py`), every line is judged (`paper/judge.py`), and in the first one that does not
follow the mistake is named (`paper/mend.py`). The result is a `Derivation`, which is a report: the paper, with a
mark at each line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_lite.checking.paper.blame import judge_all
from tinygrad_lite.checking.paper.document import ASSUMPTION, DEFINITION, UNREAD, Document, Statement
from tinygrad_lite.checking.paper.judge import CARRIED, CONDITION, FOLLOWS, UNCHECKED, WRONG, Claim, Judge
from tinygrad_lite.checking.paper.mend import Mend, mend
from tinygrad_lite.checking.paper.rows import source
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.result import Result
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report

RANK = (WRONG, CARRIED, UNREAD, CONDITION, UNCHECKED, FOLLOWS, DEFINITION, ASSUMPTION)
SIGNS = {FOLLOWS: "✓", WRONG: "✗", CARRIED: "↳", CONDITION: "~", UNCHECKED: "○", UNREAD: "○"}


class Line:
    """One row of the paper and its verdict.

    Attributes:
        number: its line in the text.
        text: the row.
        status: "follows", "does not follow", "condition", "carried", "definition", "assumption", "not checked",
            "unread".
        why: the condition, the reason, or what could not be read.
    """

    def __init__(self, statement: Statement, claims: list[Claim]) -> None:
        self.number: int = statement.row.line
        self.text: str = statement.row.text
        self.claims = claims
        found = [c.status for c in claims] or [statement.kind if statement.kind != "step" else UNCHECKED]
        self.status: str = min(found, key=RANK.index)
        self.claim: Claim | None = next((c for c in claims if c.status == self.status), None)
        self.why: str = statement.error or (self.claim.why if self.claim else "")

    def words(self) -> str:
        """The verdict in a few words."""
        if self.status == CARRIED and self.claim:
            return say("wrong only because of line {0}", self.claim.blame)
        if self.status == UNCHECKED:
            return say("not checked: {0}", self.why)
        if self.status == FOLLOWS or (self.status == CONDITION and self.why):
            return say("follows {0}", self.why).rstrip(" ，")
        return say("could not be read") if self.status == UNREAD else say(self.status)

    def to_dict(self) -> dict[str, Any]:
        return {"line": self.number, "text": self.text, "status": self.status, "why": self.why}


class Derivation(Result):
    """The result of `tg.check_derivation`; true if every line follows.

    Attributes:
        ok: every claim follows; nothing was unread or unchecked.
        lines: every row with its verdict.
        first: the first line that does not follow, or None.
        mistake: the mistake in it, or None if nothing in the catalogue fits.
        mended: the mended line as text, and `mended_latex` as LaTeX; "" without one.
        example: small whole numbers at which its two sides differ.
    """

    def __init__(self, document: Document, judge: Judge) -> None:
        self.document: Document = document
        self.judge: Judge = judge
        judge_all(judge)
        self.lines: list[Line] = [Line(s, [c for c in judge.claims if c.statement is s]) for s in document.statements]
        self.first: Line | None = next((line for line in self.lines if line.status == WRONG), None)
        self.found: Mend | None = mend(judge, self.first.claim) if self.first and self.first.claim else None
        self.mistake: Mistake | None = self.found.mistake if self.found else None
        self.mended: str = self.found.text if self.found else ""
        self.mended_latex: str = self.found.latex if self.found else ""
        self.example: list[str] = self.found.example if self.found else []
        checked = [line for line in self.lines if line.claims or line.status == UNREAD]
        self.ok: Any = bool(checked) and all(line.status == FOLLOWS for line in checked)

    def report(self) -> Report:
        """The paper with a mark at each line, then the mistake, the mended line and the counterexample."""
        steps = [line for line in self.lines if line.status not in (DEFINITION, ASSUMPTION)]
        good = sum(line.status == FOLLOWS for line in steps)
        title = say("{0} of {1} lines follow", good, len(steps))
        if self.first:
            title += say("; the first that does not is line {0}", self.first.number)
        report = Report(title)
        if not self.lines:
            return report.say("No formula was found: a line needs an = sign.")
        report.code("\n".join(self._paper()))
        for line in self.lines:
            if line.status == UNREAD:
                report.say("Line {0} could not be read:", line.number).code(line.why)
        if self.first:
            self._first(report)
        return report

    def _paper(self) -> list[str]:
        width = min(max(len(line.text) for line in self.lines), 76)
        rows = []
        for line in self.lines:
            sign = SIGNS.get(line.status, " ")
            rows.append(f"{sign} {line.number:>3}  {line.text.ljust(width)}  {line.words()}".rstrip())
            if line is self.first and self.found:
                start, end = self.found.mark
                rows.append(" " * (7 + start) + "^" * max(end - start, 1))
        return rows

    def _first(self, report: Report) -> None:
        assert self.first is not None
        assert self.found is not None
        report.heading(say("Line {0}", self.first.number))
        if self.mistake:
            report.say("Here {0}. [{1}]", self.mistake.message, self.mistake.code)
        else:
            verdict = say("It does not follow: {0}.", self.first.why) if self.first.why else say("It does not follow.")
            report.paragraph(f"{verdict} {say('No single change that the catalogue knows makes it right.')}")
        if self.mended:
            report.say("The line is right like this:").code(f"{self.mended}\n{self.mended_latex}")
        if self.example:
            report.paragraph(" ".join(self.example))

    def to_dict(self) -> dict[str, Any]:
        """The verdicts as plain data."""
        return {
            "ok": self.ok,
            "lines": [line.to_dict() for line in self.lines],
            "first": self.first.number if self.first else None,
            "mistake": self.mistake.to_dict() if self.mistake else None,
            "mended": self.mended,
            "mended_latex": self.mended_latex,
            "example": self.example,
        }


def check_derivation(
    text: str,
    numbers: Mapping[str, Any] | None = None,
    *,
    shapes: Mapping[str, Any] | None = None,
    seconds: float = 20.0,
) -> Derivation:
    """A derivation written as formulas, checked line by line.

    Definitions come first ("let z = w x + b, L = (z - t)^2"), then steps: one equation a line, or a chain of
    equalities. Plain text, LaTeX and Unicode may be mixed, in index notation or with matrices. The text is never
    executed. A line of numbers is checked at the numbers that the text or `numbers` gives; a rounded one is right
    within a unit of its last digit.

    Not read, and shown with a caret: integrals and limits, expectations and probabilities such as E[x] and P(x|y),
    tensors of three indices and more in matrix notation, matrices written out (bmatrix), sums over a part of the
    indices or with dots in them, functions of several arguments other than results, f' without its operand, NumPy's
    axis= and other keywords, assignments to a part of an array, derivatives beyond the second, argmax, convolutions,
    and words in the middle of a formula. A line that rests on a definition that could not be read is not checked. Of
    109 formulas in 20 public texts on backpropagation (tests/checking/paper/public.txt) 91 % are read.

    Args:
        text: the derivation, or the path of a .md, .tex, .txt or .ipynb file that holds it.
        numbers: the user's own numbers by name, at which lines of numbers are checked.
        shapes: shapes of matrices by name, where the definitions leave them open.
        seconds: of computing; what is left then is not checked.

    Raises:
        OperandError: text is no text (a TypeError). What cannot be read in it is a line of the result.
        OSError: there is no such file.

    >>> result = check_derivation('''
    ... z = w x + b,  L = (z - t)^2
    ... dL/dz = 2(z - t)
    ... dL/dw = (z - t) x
    ... ''')
    >>> result.ok, result.first.number, result.mistake.code
    (False, 4, 'FACTOR_2')
    >>> result.mended
    'dL/dw = 2 * (z - t) * x'
    """
    if not isinstance(text, str):
        raise OperandError(f"a derivation is a text or the path of a file, but got {type(text).__name__} {text!r:.60}.")
    if "\n" not in text and Path(text).suffix in (".md", ".tex", ".txt", ".ipynb"):
        text = source(Path(text).read_text(encoding="utf-8"), Path(text).suffix)
    document = Document(text, shapes)
    return Derivation(document, Judge(document, dict(numbers or {}), seconds))
