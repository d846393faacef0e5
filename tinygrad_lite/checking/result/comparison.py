"""What a comparison is: the verdicts of all names, what the wrong ones have in common, and the report of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.result.entries import entry_name, shape_words
from tinygrad_lite.checking.result.hints import Hint, Tolerance, common_ratio, ratio_hint
from tinygrad_lite.checking.result.judged import Judged
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report, Table


class Comparison(Judged):
    """The verdicts of all names; true if all are right.

    Attributes:
        verdicts: one `Verdict` a name, in order.
        common: a hint that holds for all the wrong names at once, or None.
        rtol: the relative tolerance.
        mistakes: if the loss was handed over: the sets of changes to its chain rule which give just
            these numbers, each as good as the others.
        hint: what may be wrong with the question itself, or "".
        links: likewise, if derivatives of nodes on the way were given too: (name, mark, remark) from the
            loss down; the first one marked "wrong" is the one to mend.
    """

    def __init__(self, verdicts: list[Verdict], rtol: float) -> None:
        self.verdicts = verdicts
        self.rtol = rtol
        self.hint = ""
        self.mistakes: list[list[Mistake]] = []
        self.links: list[tuple[str, str, str]] = []
        self.common: Hint | None = self._common()

    @property
    def ok(self) -> bool:
        """Every gradient is right."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def wrong(self) -> list[str]:
        """The names that are wrong, in order."""
        return [verdict.name for verdict in self.verdicts if not verdict.ok]

    def __getitem__(self, name: str) -> Verdict:
        return next(verdict for verdict in self.verdicts if verdict.name == name)

    def _common(self) -> Hint | None:
        """One exact ratio over all parameters."""
        judged = [v for v in self.verdicts if v.hand and v.exact and v.hand.shape == v.exact.shape]
        if len(judged) < 2 or len(judged) < len(self.verdicts) or any(v.ok and v.scale for v in judged):
            return None
        pairs = [p for v in judged for p in zip(v.hand.numbers, v.exact.numbers, strict=True)]  # type: ignore[union-attr]
        scale = max(v.scale for v in judged)
        ratio = common_ratio(pairs, Tolerance(self.rtol, scale, scale))
        return None if ratio is None else ratio_hint(ratio, say("for every parameter, yours is"))

    def headline(self) -> str:
        """One sentence: how many are right."""
        n = len(self.verdicts)
        if self.ok:
            return say("All {0} gradients are exact.", n) if n > 1 else say("The gradient is exact.")
        if n == 1:
            return say("The gradient is wrong.")
        return say("{0} of {1} gradients are wrong: {2}.", len(self.wrong), n, ", ".join(self.wrong))

    def findings(self) -> Iterator[str]:
        """A sentence for each thing that is known about the wrong numbers."""
        if self.hint:
            yield self.hint
        if self.mistakes:
            told = [
                f"{say('; and ').join(m.message for m in each)} [{', '.join(m.code for m in each)}]"
                for each in self.mistakes
            ]
            more = say(", or {0} further ways", len(told) - 4) if len(told) > 4 else ""
            tie = say(" At this one point these cannot be told apart; compare at another point, or use tg.check.")
            yield say(
                "Exactly your numbers come out if {0}{1}.{2}",
                say(", or if ").join(told[:4]),
                more,
                tie if told[1:] else "",
            )
        elif self.common is not None:
            yield say("{0}. [{1}]", self.common.sentence[0].upper() + self.common.sentence[1:], self.common.code)
        for verdict in self.verdicts:
            for hint in verdict.hints:
                explained = self.mistakes and hint.code in ("FACTOR_2", "RATIO", "SIGN", "ZERO")
                if not explained and (self.common is None or hint.code != self.common.code):
                    yield say("{0}: {1}. [{2}]", verdict.name, hint.sentence, hint.code)

    def report(self, entries: int = 6, names: list[str] | None = None) -> Report:
        """The whole result as a Report; at most so many wrong entries are listed for each name, or these names."""
        rows = [
            [v.name, shape_words(v.exact.shape) if v.exact else "", v.words(), v.largest if v.wrong else None, v.scale]
            for v in self.verdicts
        ]
        report = Report(self.headline()).table(
            Table(
                [say(c) for c in ("name", "shape", "verdict", "largest difference", "largest exact")],
                rows,
                note=say("An entry is right if it agrees to {0:g} of its size.", self.rtol),
                marks=["ok" if verdict.ok else "wrong" for verdict in self.verdicts],
            )
        )
        if self.links:
            report.strip(self.links)
        for sentence in self.findings():
            report.paragraph(sentence)
        listed = [
            (entry_name(verdict.name, index), *verdict.at(index))
            for verdict in self.verdicts
            for index in verdict.wrong[:entries]
            if names is None or verdict.name in names
        ]
        if listed:
            more = sum(max(0, len(verdict.wrong) - entries) for verdict in self.verdicts)
            report.table(
                Table(
                    [say(c) for c in ("entry", "yours", "exact", "difference", "yours / exact")],
                    [[entry, h, e, h - e, h / e if e else None] for entry, h, e in listed],
                    title=say("The largest differences"),
                    note=say("{0} more wrong entries are not listed.", more) if more else "",
                )
            )
        return report

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, ready for JSON."""
        return {
            "ok": self.ok,
            "wrong": self.wrong,
            "rtol": self.rtol,
            "hint": self.hint,
            "links": [{"name": name, "mark": mark} for name, mark, _ in self.links],
            "mistakes": [[mistake.to_dict() for mistake in story] for story in self.mistakes],
            "common": {"code": self.common.code, "sentence": self.common.sentence} if self.common else None,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }
