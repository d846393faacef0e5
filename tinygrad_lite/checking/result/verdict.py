"""The verdict on one gradient: its shape and kind of number first, then every entry on its scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_lite.checking.result.entries import Entries, indices
from tinygrad_lite.checking.result.hints import Hint, Tolerance, hint, number_hints, shape_hint, size
from tinygrad_lite.report.language import say

COARSE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}  # how exactly such a number can be right


class Verdict:
    """What was found about one name.

    Attributes:
        name: the parameter.
        ok: the gradient is right, in shape and in every entry.
        hand, exact: both sides as `Entries`; None where a side has no such name.
        wrong: the indices of the wrong entries, largest difference first.
        largest: the largest difference, in units of loss per unit of the parameter.
        scale: the largest exact entry; small differences are judged against it.
        hints: what shape, kind of number and the numbers themselves show.
        near: the `Tolerance` it was judged with.
    """

    def __init__(
        self, name: str, hand: Entries | None, exact: Entries | None, rtol: float, overall: float, noise: float = 0.0
    ) -> None:
        self.name: str = name
        self.hand: Entries | None = hand
        self.exact = exact
        self.scale: float = size(exact) if exact is not None else 0.0
        self.near: Tolerance = Tolerance(rtol, self.scale, overall)
        self.near.floor += noise  # how exactly hand's numbers are known at all
        if hand is not None and hand.dtype in COARSE:
            coarse = COARSE[hand.dtype]
            self.near = Tolerance(max(rtol, coarse), self.scale, overall)
            self.near.floor = 0.1 * coarse * self.scale + 1e-3 * coarse * overall
        self._judge()

    def _judge(self) -> None:
        self.ok: bool = False
        self.wrong: list[tuple[int, ...]] = []
        self.largest: float = 0.0
        self.hints: list[Hint] = []
        hand, exact = self.hand, self.exact
        if exact is None or hand is None:
            unknown = hint("NAME", "no such parameter: there is nothing to compare it with")
            self.hints.append(hint("NAME", "missing: no gradient was given") if exact else unknown)
            return
        fitted = self._fitted(hand, exact)
        if fitted is not None:
            places = zip(indices(exact.shape), fitted.numbers, exact.numbers, strict=True)
            far = {i: abs(h - e) if math.isfinite(h - e) else math.inf for i, h, e in places if not self.near(h, e)}
            self.wrong = sorted(far, key=lambda index: -far[index])
            self.largest = max(far.values(), default=0.0)
        if hand.shape != exact.shape:
            self.hints.append(shape_hint(hand, exact))
            if fitted is not None and self.hints[0].code == "TRANSPOSED":
                right = hint("SHAPE", "after .T the numbers are right")
                self.hints.append(hint("SHAPE", "after .T the numbers are wrong too") if self.wrong else right)
            elif fitted is not None:
                right = hint("SHAPE", "the numbers are right")
                self.hints.append(hint("SHAPE", "the numbers are wrong too") if self.wrong else right)
            return
        self.ok = not self.wrong
        if self.wrong:
            self.hints = number_hints(hand, exact, self.near)
        elif hand.dtype in COARSE:
            self.hints = [hint("FLOAT32", "right as far as {0} can say; use float64 to be sure to 1e-9", hand.dtype)]

    @staticmethod
    def _fitted(hand: Entries, exact: Entries) -> Entries | None:
        """Hand's numbers in the shape of the parameter; None if there are more or fewer."""
        if len(hand.numbers) != len(exact.numbers):
            return None
        turned = hand.shape != exact.shape == hand.shape[::-1]
        return hand.transposed() if turned else Entries(exact.shape, hand.numbers)

    def excuse(self, code: str, sentence: str) -> None:
        """Call the gradient right after all, and say why."""
        self.ok = True
        self.wrong = []
        self.largest = 0.0
        self.hints = [Hint(code, sentence)]

    def allow(self, intervals: Sequence[tuple[float, float]]) -> bool:
        """Judge again where a kink allows an interval to each entry; whether the gradient is right by that.

        A number inside its interval is as right as the engine's, and takes its place; the others stay wrong.
        """
        if self.ok or self.hand is None or self.exact is None or self.hand.shape != self.exact.shape:
            return False
        triples = zip(self.hand.numbers, self.exact.numbers, intervals, strict=True)
        allowed = [h if self.near(h, min(max(h, low), high)) else e for h, e, (low, high) in triples]
        self.exact = self.exact._replace(numbers=allowed)
        self._judge()
        if self.ok:
            self.excuse("KINK", say("the point is on a kink, where several gradients are right; yours is one of them"))
        return self.ok

    def refute(self, code: str, sentence: str) -> None:
        """Call the gradient wrong after all if there is something to say against it."""
        if sentence:
            self.ok = False
            self.hints = [Hint(code, sentence)]

    def at(self, index: tuple[int, ...]) -> tuple[float, float]:
        """Hand's and the exact number at an index of the parameter."""
        assert self.hand is not None
        assert self.exact is not None
        fitted = self._fitted(self.hand, self.exact)
        assert fitted is not None
        place = list(indices(self.exact.shape)).index(index)
        return fitted.numbers[place], self.exact.numbers[place]

    def words(self) -> str:
        """The verdict in a word or two, for a column."""
        if self.ok:
            return say("right")
        if self.exact is None or self.hand is None:
            return say("missing") if self.hand is None else say("unknown")
        if self.hand.shape != self.exact.shape:
            return say("shape")
        if not self.wrong or not self.exact.shape:
            return say("wrong")
        return say("{0} of {1} wrong", len(self.wrong), len(self.exact.numbers))

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
            "hints": [hint._asdict() for hint in self.hints],
        }
