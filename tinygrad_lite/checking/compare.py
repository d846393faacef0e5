"""Gradients derived by hand beside the exact ones: which names, which entries, by how much.

`compare` reads both sides (`entries.py`), examines shapes and kinds of number before any number,
then judges every entry on its scale, and asks `clues.py` what the wrong ones have in common. The
result is a `Comparison`: `.ok`, `.wrong`, `.text()`, `.html()`, `.to_dict()`, `.assert_ok()`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tinygrad_lite.checking.clues import Clue, Tolerance, common_ratio, number_clues, ratio_clue, shape_clue, size
from tinygrad_lite.checking.entries import Entries, entry_name, from_graph, indices, named, read, shape_words
from tinygrad_lite.errors import GradientMismatch
from tinygrad_lite.views.text import Report, Table


class Verdict:
    """What was found about one name.

    Attributes:
        name: the parameter.
        ok: the gradient is right, in shape and in every entry.
        hand, exact: both sides as `Entries`; None where a side has no such name.
        wrong: the indices of the wrong entries, largest difference first.
        largest: the largest difference, in units of loss per unit of the parameter.
        scale: the largest exact entry; small differences are judged against it.
        clues: what shape, kind of number and the numbers themselves betray.
        near: the `Tolerance` it was judged with.
    """

    __slots__ = ("name", "ok", "hand", "exact", "wrong", "largest", "scale", "clues", "near")

    def __init__(
        self,
        name: str,
        hand: Entries | None,
        exact: Entries | None,
        rtol: float,
        overall: float,
        noise: float = 0.0,
    ) -> None:
        self.name, self.hand, self.exact = name, hand, exact
        self.wrong: list[tuple[int, ...]] = []
        self.largest = 0.0
        self.scale = size(exact) if exact is not None else 0.0
        self.clues: list[Clue] = []
        self.near = Tolerance(rtol, self.scale, overall)
        self.near.floor += noise  # how exactly hand's numbers are known at all
        self.ok = False
        if exact is None:
            self.clues.append(Clue("NAME", "no such parameter: there is nothing to compare it with"))
        elif hand is None:
            self.clues.append(Clue("NAME", "missing: no gradient was given"))
        else:
            self._judge(hand, exact, rtol, overall)

    def _judge(self, hand: Entries, exact: Entries, rtol: float, overall: float) -> None:
        if hand.dtype in ("float16", "float32", "bfloat16"):  # right as far as such a number can be
            coarse = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}[hand.dtype]
            self.near = Tolerance(max(rtol, coarse), self.scale, overall)
            self.near.floor = 0.1 * coarse * self.scale + 1e-3 * coarse * overall
        odd = shape_clue(hand, exact)
        if odd is not None:
            self.clues.append(odd)
            if odd.code == "SHAPE" and len(hand.numbers) == len(exact.numbers):
                self._entries(hand.numbers, exact)
                self.clues.append(Clue("SHAPE", f"the numbers are {'wrong too' if self.wrong else 'right'}"))
            elif odd.code == "TRANSPOSED":
                self._entries(hand.transposed().numbers, exact)
                self.clues.append(Clue("SHAPE", f"after .T the numbers are {'wrong too' if self.wrong else 'right'}"))
            return
        self._entries(hand.numbers, exact)
        self.ok = not self.wrong
        if self.wrong:
            self.clues += number_clues(hand, exact, self.near)
        elif hand.dtype.startswith(("float16", "float32", "bfloat16")):
            self.clues.append(Clue("FLOAT32", f"right as far as {hand.dtype} can say; use float64 to be sure to 1e-9"))

    def _entries(self, numbers: list[float], exact: Entries) -> None:
        far = {}
        for index, h, e in zip(indices(exact.shape), numbers, exact.numbers, strict=True):
            if not self.near(h, e):
                far[index] = abs(h - e) if math.isfinite(h - e) else math.inf
        self.wrong = sorted(far, key=lambda index: -far[index])
        self.largest = max(far.values(), default=0.0)

    def excuse(self, code: str, sentence: str) -> None:
        """Call the gradient right after all, and say why."""
        self.ok, self.wrong, self.largest = True, [], 0.0
        self.clues = [Clue(code, sentence)]

    def at(self, index: tuple[int, ...]) -> tuple[float, float]:
        """Hand's and the exact number at an index of the parameter."""
        assert self.hand is not None
        assert self.exact is not None
        place = list(indices(self.exact.shape)).index(index)
        hand = self.hand if self.hand.shape == self.exact.shape else self._reshaped(self.hand, self.exact)
        return hand.numbers[place], self.exact.numbers[place]

    @staticmethod
    def _reshaped(hand: Entries, exact: Entries) -> Entries:
        return hand.transposed() if hand.shape[::-1] == exact.shape else Entries(exact.shape, hand.numbers)

    def words(self) -> str:
        """The verdict in a word or two, for a column."""
        if self.ok:
            return "right"
        if self.exact is None or self.hand is None:
            return "missing" if self.hand is None else "unknown"
        if self.hand.shape != self.exact.shape:
            return "shape"
        return f"{len(self.wrong)} of {len(self.exact.numbers)} wrong" if self.exact.shape else "wrong"

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {
            "name": self.name,
            "ok": self.ok,
            "shape": list(self.exact.shape) if self.exact else None,
            "your_shape": list(self.hand.shape) if self.hand else None,
            "wrong": [list(index) for index in self.wrong],
            "largest": self.largest,
            "scale": self.scale,
            "clues": [{"code": clue.code, "sentence": clue.sentence} for clue in self.clues],
        }


class Comparison:
    """The verdicts of all names; true if all are right.

    Attributes:
        verdicts: one `Verdict` a name, in order.
        common: a clue that holds for all the wrong names at once, or None.
        rtol: the relative tolerance.
    """

    def __init__(self, verdicts: list[Verdict], rtol: float) -> None:
        self.verdicts = verdicts
        self.rtol = rtol
        self.common = self._common()

    @property
    def ok(self) -> bool:
        """Every gradient is right."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def wrong(self) -> list[str]:
        """The names that are wrong, in order."""
        return [verdict.name for verdict in self.verdicts if not verdict.ok]

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Verdict:
        return next(verdict for verdict in self.verdicts if verdict.name == name)

    def _common(self) -> Clue | None:
        """One exact ratio over all parameters points to one slip near the loss."""
        judged = [v for v in self.verdicts if v.hand and v.exact and v.hand.shape == v.exact.shape]
        if len(judged) < 2 or len(judged) < len(self.verdicts) or any(v.ok and v.scale for v in judged):
            return None
        pairs = [p for v in judged for p in zip(v.hand.numbers, v.exact.numbers, strict=True)]  # type: ignore[union-attr]
        scale = max(v.scale for v in judged)
        ratio = common_ratio(pairs, Tolerance(self.rtol, scale, scale))
        return None if ratio is None else ratio_clue(ratio, "for every parameter, yours is")

    def headline(self) -> str:
        """One sentence: how many are right."""
        n = len(self.verdicts)
        if self.ok:
            return f"All {n} gradients are exact." if n > 1 else "The gradient is exact."
        if n == 1:
            return "The gradient is wrong."
        return f"{len(self.wrong)} of {n} gradients are wrong: {', '.join(self.wrong)}."

    def findings(self) -> Iterator[str]:
        """A sentence for each clue."""
        if self.common is not None:
            yield f"{self.common.sentence[0].upper()}{self.common.sentence[1:]}. [{self.common.code}]"
        for verdict in self.verdicts:
            for clue in verdict.clues:
                if self.common is None or clue.code != self.common.code:
                    yield f"{verdict.name}: {clue.sentence}. [{clue.code}]"

    def report(self, entries: int = 6, names: list[str] | None = None) -> Report:
        """The whole result as a Report; at most so many wrong entries are listed for each name, or these names."""
        rows = [
            [v.name, shape_words(v.exact.shape) if v.exact else "", v.words(), v.largest if v.wrong else None, v.scale]
            for v in self.verdicts
        ]
        report = Report(self.headline()).table(
            Table(
                ["name", "shape", "verdict", "largest difference", "largest exact"],
                rows,
                note=f"An entry is right if it agrees to {self.rtol:g} of its size.",
                marks=["ok" if verdict.ok else "wrong" for verdict in self.verdicts],
            )
        )
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
                    ["entry", "yours", "exact", "difference", "yours / exact"],
                    [[entry, h, e, h - e, h / e if e else None] for entry, h, e in listed],
                    title="The largest differences",
                    note=f"{more} more wrong entries are not listed." if more else "",
                )
            )
        return report

    def text(self, width: int = 80) -> str:
        """The report for a terminal."""
        return self.report().text(width)

    def html(self) -> str:
        """The report for a page or a notebook, in light and dark."""
        return self.report().html()

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, ready for JSON."""
        return {
            "ok": self.ok,
            "wrong": self.wrong,
            "rtol": self.rtol,
            "common": {"code": self.common.code, "sentence": self.common.sentence} if self.common else None,
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
        }

    def assert_ok(self) -> None:
        """Raise GradientMismatch, whose text is the report, unless every gradient is right."""
        if not self.ok:
            raise GradientMismatch(self.text())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


def compare(hand: Any, exact: Any, *, rtol: float = 1e-9) -> Comparison:
    """Gradients derived by hand, held against the exact ones, entry by entry.

    Args:
        hand: your numbers: a float, a nested list or a NumPy array, or a dict of these by name (a
            tuple is taken in the order of `exact`).
        exact: the same names; each entry a number, or a Value of which `.grad` is read after
            `loss.backward()`.
        rtol: how far an entry may be from the exact one, relative to the larger of the two; sums that
            cancel may differ by a thousandth of this times the parameter's largest gradient.

    Raises:
        OperandError: something that is neither number, list, array nor Value; names on one side only.

    >>> from tinygrad_lite import Value
    >>> w, b = Value(3.0, label="w"), Value(1.0, label="b")
    >>> loss = (w * 2.0 + b - 5.0) ** 2
    >>> loss.backward()
    >>> result = compare({"w": 4.0, "b": 4.0}, {"w": w, "b": b})
    >>> result.ok, result.wrong
    (False, ['w'])
    >>> print(result["w"].clues[0].sentence)
    yours is exactly 1/2 x the exact gradient: the 2 of a square is missing, or the loss you differentiated had a 1/2
    """
    hands, exacts = named(hand, exact)
    mine = {name: read(x) for name, x in hands.items() if x is not None}
    theirs = {name: read(x, from_graph) for name, x in exacts.items()}
    overall = max(map(size, theirs.values()), default=0.0)
    names = [*theirs, *(name for name in mine if name not in theirs)]
    return Comparison([Verdict(name, mine.get(name), theirs.get(name), rtol, overall) for name in names], rtol)
