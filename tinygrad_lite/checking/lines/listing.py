"""The marked lines and the mend as a part of a report: for a terminal, a notebook, a page, and as data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.lines.marks import Line
from tinygrad_lite.checking.lines.mend import Edit, Mend
from tinygrad_lite.report import escape
from tinygrad_lite.report.language import listed, say
from tinygrad_lite.report.style import CELL, MONO, TINT, bdi, printable, wrapped

AROUND = 3  # lines shown before and after what is wrong, where a function is long
LONG = 40
Row = tuple[str, str, str, str, str]  # number, mark, sign, text, remark


class Listing:
    """The functions of a backward that have a line with a mark, and what to change.

    Args:
        lines, mends: as found; without mends only the marks are shown.
        reason: why there are none, or "".
    """

    def __init__(self, lines: list[Line], mends: list[Mend], reason: str = "") -> None:
        self.lines: list[Line] = lines
        self.mends: list[Mend] = mends
        self.reason: str = reason

    # ------------------------------------------------------------------ in words

    def headline(self) -> str:
        """What was found, in one sentence or two."""
        if self.reason:
            return say("No line is named: {0}.", self.reason)
        if not self.mends:
            off = [line for line in self.lines if line.mark == "off"]
            if not off:
                message = self.spoken()
                return f"{message[0].upper()}{message[1:]}." if message else ""
            first = off[0]
            if first.remark:
                return say(
                    "It stops in line {0} ({1}); no small change makes the gradients exact.", first.number, first.remark
                )
            return say(
                "Line {0} is the first whose value is not what its name says; "
                "no small change makes every gradient exact.",
                first.number,
            )
        best = self.mends[0]
        numbers = [e.line for e in best.edits]
        many = say("on {0} problems", best.problems) if best.problems != 1 else say("on 1 problem")
        if len(numbers) == 1:
            message = say("The first wrong line is {0}. With this change every gradient is exact {1}", numbers[0], many)
        else:
            message = say(
                "{0} lines are wrong: {1}. With these changes every gradient is exact {2}",
                len(numbers),
                listed(numbers),
                many,
            )
        own = say(", all of your own sizes: a size that is written in may be wrong for others.")
        message += say(".") if best.sizes else own
        if best.tied:
            lines = say("lines {0}" if len(best.tied) > 1 else "line {0}", listed(best.tied))
            message += say(" A change of {0} would do as well: the numbers cannot tell which was meant.", lines)
        return message

    def why(self) -> list[str]:
        """For each change a sentence why, with its code."""
        if not self.mends:
            return []
        best = self.mends[0]
        message = []
        for edit, (code, sentence) in zip(best.edits, best.reasons, strict=False):
            where = say("Line {0}: ", edit.line) if len(best.edits) > 1 else ""
            message.append(f"{where}{sentence}" + (f" [{code}]" if code != "LINE" else ""))
        return message

    def spoken(self) -> str:
        """The marks in words: which line is wrong, which only follow."""
        words = []
        for mark, one, more in (
            ("wrong", "line {0} is wrong", "lines {0} are wrong"),
            ("off", "line {0} is not what its name says", "lines {0} are not what their names say"),
            ("follows", "line {0} only follows", "lines {0} only follow"),
        ):
            numbers = [line.number for line in self.lines if line.mark == mark]
            if numbers:
                words.append(say(more if len(numbers) > 1 else one, spans(numbers)))
        return say("; ").join(words)

    # ------------------------------------------------------------------ rows

    def rows(self) -> list[Row]:
        """One row for each line, the changed ones twice."""
        edits = self.mends[0].edits if self.mends else []
        found: list[Row] = []
        for function in dict.fromkeys(line.function for line in self.lines):
            mine = [line for line in self.lines if line.function == function]
            if all(line.mark in ("", "ok") for line in mine):
                continue
            for line in _shortened(mine):
                if line is None:
                    found.append(("", "", "", "...", ""))
                    continue
                edit = next((e for e in edits if e.line == line.number and e.function == function), None)
                sign = "-" if edit is not None and edit.old else ""
                found.append((str(line.number), line.mark, sign, line.text, line.remark))
                if edit is not None:
                    found += [("", "mend", "+", text, "") for text in _new(edit)]
        return found

    def text(self, width: int = 80, *, ascii: bool = False) -> str:
        """Number, mark and text of each line; a line to change with `-`, its mend below with `+`."""
        message = [words for words in (self.headline(), *self.why()) if words]
        out = [line for words in message for line in (*wrapped(printable(words, ascii), width), "")]
        for number, mark, sign, text, remark in self.rows():
            code = printable(text, ascii).expandtabs(4) + (f"   ({remark})" if remark else "")
            row = f"{number:>4}  {mark:8}{sign:2}{code}".rstrip()
            if len(row) > width and sign:  # what is to be typed is shown whole
                out += textwrap.wrap(row, width, subsequent_indent=" " * 18, drop_whitespace=True) or [row]
            else:
                out.append(row if len(row) <= width else row[: width - 3] + "...")
        return "\n".join(out)

    def html(self) -> str:
        """A table in the colours of the strip, the mend in green below the line in red."""
        body = []
        for number, mark, sign, text, remark in self.rows():
            tint = {"-": TINT["wrong"], "+": TINT["ok"]}.get(sign, TINT.get("wrong" if mark == "off" else mark, ""))
            style = f"{CELL};{MONO};white-space:pre" + (f";background-color:{tint}" if tint else "")
            tag = {"-": "del", "+": "ins"}.get(sign, "span")
            code = f'<{tag} style="text-decoration:none">{bdi(text) or "&nbsp;"}</{tag}>'
            cells = (number, mark, sign, code, bdi(remark))
            row = "".join(f'<td style="{style}">{cell}</td>' for cell in cells)
            body.append(f'<tr style="background-color:transparent">{row}</tr>')
        caption = f'<caption style="text-align:left;color:inherit">{bdi(self.spoken())}</caption>'
        sentences = [w for w in (self.headline(), *self.why()) if w]
        above = "".join(f'<p style="color:inherit;margin:4px 0">{bdi(w)}</p>' for w in sentences)
        table = f'<table style="border-collapse:collapse;color:inherit">{caption}<tbody>{"".join(body)}</tbody></table>'
        return f'{above}<div style="overflow-x:auto;max-width:100%">{table}</div>{self._others()}'

    def _others(self) -> str:
        others = self.mends[1:4]
        if not others:
            return ""
        diffs = "".join(f'<pre style="{MONO};color:inherit">{escape.html(m.diff)}</pre>' for m in others)
        words = say("{0} other mends" if len(self.mends) > 2 else "{0} other mend", len(self.mends) - 1)
        return f"<details><summary>{words}</summary>{diffs}</details>"

    def markdown(self) -> str:
        return escape.fenced(self.text(100), "")

    def to_dict(self) -> dict[str, Any]:
        lines = [line.to_dict() for line in self.lines]
        return {"kind": "listing", "words": self.headline(), "lines": lines, "mends": [m.to_dict() for m in self.mends]}


def _new(edit: Edit) -> list[str]:
    return edit.new.splitlines() or [say("(left out)")]


def _shortened(lines: list[Line]) -> Iterator[Line | None]:
    """The lines of a function without empty ones; of a long function those near a mark that matters."""
    full = [line for line in lines if line.text.strip()]
    near = [i for i, line in enumerate(full) if line.mark in ("wrong", "off")]
    gap = False
    for i, line in enumerate(full):
        if len(full) <= LONG or i == 0 or any(-AROUND <= k - i <= AROUND for k in near):
            gap = False
            yield line
        elif not gap:
            gap = True
            yield None


def spans(numbers: list[int]) -> str:
    """Numbers with runs drawn together: `33 to 36, 38`.

    >>> spans([33, 34, 35, 38])
    '33 to 35, 38'
    """
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(str(a) if a == b else say("{0} to {1}", a, b) for a, b in runs)
