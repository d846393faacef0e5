"""What a comparison is: the verdicts of all names, what the wrong ones have in common, and the report of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinygrad_lite.checking.result.entries import Entries, entry_name, shape_words
from tinygrad_lite.checking.result.factors import Factor
from tinygrad_lite.checking.result.hints import Hint, Tolerance, common_ratio, ratio_hint, size
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.result import Result
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report, Table


class Comparison(Result):
    """Gradients beside the exact ones, by name; true if all are right.

    Args:
        hands, exacts: both sides.
        rtol: the relative tolerance.
        noise: by name, how exactly a side is known at all.

    Attributes:
        verdicts: one `Verdict` a name, in order.
        mistakes: if the loss was handed over: the sets of changes to its chain rule which give just
            these numbers, each as good as the others.
        mended: the names of formulas of which the mistake was found, at other numbers too.
        hint: what may be wrong with the question itself, or "".
        links: likewise, if derivatives of nodes on the way were given too: (name, mark, remark) from the
            loss down; the first one marked "wrong" is the one to mend.
    """

    def __init__(
        self, hands: Mapping[str, Entries], exacts: Mapping[str, Entries], rtol: float, noise: Mapping[str, float] = {}
    ) -> None:
        overall = max(map(size, exacts.values()), default=0.0)
        self.verdicts: list[Verdict] = [
            Verdict(name, hands.get(name), exacts.get(name), rtol, overall, noise.get(name, 0.0))
            for name in dict.fromkeys([*exacts, *hands])
        ]
        self.rtol = rtol
        self.hint = ""
        self.mistakes: list[list[Mistake]] = []
        self.mended: list[str] = []
        self.links: list[tuple[str, str, str]] = []

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

    @property
    def common(self) -> Hint | None:
        """One exact ratio over all parameters."""
        judged = [v for v in self.verdicts if v.hand and v.exact and v.hand.shape == v.exact.shape]
        if len(judged) < 2 or len(judged) < len(self.verdicts) or any(v.ok and v.scale for v in judged):
            return None
        pairs = [p for v in judged for p in zip(v.hand.numbers, v.exact.numbers, strict=True)]  # type: ignore[union-attr]
        scale = max(v.scale for v in judged)
        ratio = common_ratio(pairs, Tolerance(self.rtol, scale, scale))
        what, where = say("for every parameter, yours is"), say(" in every entry")
        return None if ratio is None else ratio_hint(Factor(ratio), what, where)

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
        common = self.common
        # a mend that was found at many points says more than what gives the numbers of this one
        here = self.mistakes if self.mended != self.wrong else []
        if here:
            sets = [([m.message for m in each], [m.code for m in each]) for each in here]
            reported = [f"{say('; and ').join(messages)} [{', '.join(codes)}]" for messages, codes in sets]
            more = say(", or {0} further ways", len(reported) - 4) if len(reported) > 4 else ""
            tie = say(" At this one point these cannot be told apart; compare at another point, or use tg.check.")
            tie = tie if reported[1:] else ""
            yield say("Exactly your numbers come out if {0}{1}.{2}", say(", or if ").join(reported[:4]), more, tie)
        elif common is not None:
            yield say("{0}. [{1}]", common.sentence[0].upper() + common.sentence[1:], common.code)
        for verdict in self.verdicts:
            for hint in verdict.hints:
                explained = here and set(hint.code.split(", ")) <= {"FACTOR_2", "RATIO", "SIGN", "ZERO"}
                if not explained and (common is None or hint.code != common.code):
                    yield say("{0}: {1}. [{2}]", verdict.name, hint.sentence, hint.code)

    def report(self, entries: int = 6, names: list[str] | None = None) -> Report:
        """The whole result as a Report; at most so many wrong entries are listed for each name, or these names."""
        rows = [
            [v.name, shape_words(v.exact.shape) if v.exact else "", v.words(), v.largest if v.wrong else None, v.scale]
            for v in self.verdicts
        ]
        heads = [say(c) for c in ("name", "shape", "verdict", "largest difference", "largest exact")]
        note = say("An entry is right if it agrees to {0:g} of its size.", self.rtol)
        marks = ["ok" if verdict.ok else "wrong" for verdict in self.verdicts]
        report = Report(self.headline()).table(Table(heads, rows, note=note, marks=marks))
        if self.links:
            report.strip(self.links)
        for sentence in self.findings():
            report.paragraph(sentence)
        differences = self.differences(entries, names)
        return report.table(differences) if differences is not None else report

    def differences(self, entries: int = 6, names: list[str] | None = None) -> Table | None:
        """The largest differences of each name, or of these names; None if there are none."""
        shown = [v for v in self.verdicts if names is None or v.name in names]
        rows = [
            [entry_name(v.name, index), h, e, h - e, h / e if e else None]
            for v in shown
            for index in v.wrong[:entries]
            for h, e in [v.at(index)]
        ]
        more = sum(max(0, len(v.wrong) - entries) for v in self.verdicts)
        note = say("{0} more wrong entries are not listed.", more) if more else ""
        heads = [say(c) for c in ("entry", "yours", "exact", "difference", "yours / exact")]
        return Table(heads, rows, say("The largest differences"), note) if rows else None

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, ready for JSON."""
        return {
            "ok": self.ok,
            "wrong": self.wrong,
            "rtol": self.rtol,
            "hint": self.hint,
            "links": [{"name": name, "mark": mark} for name, mark, _ in self.links],
            "mistakes": [[mistake.to_dict() for mistake in each] for each in self.mistakes],
            "common": self.common._asdict() if self.common else None,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }
