"""The verdict on one gradient: its shape and kind of number first, then every entry on its scale."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.checking.result.entries import Entries, indices
from tinygrad_lite.checking.result.hints import Hint, Tolerance, number_hints, shape_hint, size
from tinygrad_lite.report.language import say


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

    __slots__ = ("name", "ok", "hand", "exact", "wrong", "largest", "scale", "hints", "near")

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
        self.hints: list[Hint] = []
        self.near = Tolerance(rtol, self.scale, overall)
        self.near.floor += noise  # how exactly hand's numbers are known at all
        self.ok = False
        if exact is None:
            self.hints.append(Hint("NAME", say("no such parameter: there is nothing to compare it with")))
        elif hand is None:
            self.hints.append(Hint("NAME", say("missing: no gradient was given")))
        else:
            self._judge(hand, exact, rtol, overall)

    def _judge(self, hand: Entries, exact: Entries, rtol: float, overall: float) -> None:
        if hand.dtype in ("float16", "float32", "bfloat16"):  # right as far as such a number can be
            coarse = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}[hand.dtype]
            self.near = Tolerance(max(rtol, coarse), self.scale, overall)
            self.near.floor = 0.1 * coarse * self.scale + 1e-3 * coarse * overall
        odd = shape_hint(hand, exact)
        if odd is not None:
            self.hints.append(odd)
            if odd.code == "SHAPE" and len(hand.numbers) == len(exact.numbers):
                self._entries(hand.numbers, exact)
                self.hints.append(
                    Hint("SHAPE", say("the numbers are wrong too") if self.wrong else say("the numbers are right"))
                )
            elif odd.code == "TRANSPOSED":
                self._entries(hand.transposed().numbers, exact)
                self.hints.append(
                    Hint(
                        "SHAPE",
                        say("after .T the numbers are wrong too")
                        if self.wrong
                        else say("after .T the numbers are right"),
                    )
                )
            return
        self._entries(hand.numbers, exact)
        self.ok = not self.wrong
        if self.wrong:
            self.hints += number_hints(hand, exact, self.near)
        elif hand.dtype.startswith(("float16", "float32", "bfloat16")):
            self.hints.append(
                Hint("FLOAT32", say("right as far as {0} can say; use float64 to be sure to 1e-9", hand.dtype))
            )

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
        self.hints = [Hint(code, sentence)]

    def refute(self, code: str, sentence: str) -> None:
        """Call the gradient wrong after all if there is something to say against it."""
        if sentence:
            self.ok, self.hints = False, [Hint(code, sentence)]

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
            return say("right")
        if self.exact is None or self.hand is None:
            return say("missing") if self.hand is None else say("unknown")
        if self.hand.shape != self.exact.shape:
            return say("shape")
        if not self.wrong:
            return say("wrong")
        return say("{0} of {1} wrong", len(self.wrong), len(self.exact.numbers)) if self.exact.shape else say("wrong")

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
            "hints": [{"code": hint.code, "sentence": hint.sentence} for hint in self.hints],
        }
