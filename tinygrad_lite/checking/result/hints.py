"""What two sets of numbers show by themselves, before any hypothesis about the network.

Shapes and dtypes are examined first, then NaN, then a transpose, then one exact ratio. Each finding
is a `Hint`: a code from the catalogue of mistakes, and a sentence in the user's words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinygrad_lite.checking.result.entries import Entries, shape_words
from tinygrad_lite.checking.result.factors import Factor
from tinygrad_lite.report.language import say


class Hint(NamedTuple):
    """One finding: its code in the catalogue, and the sentence the user reads."""

    code: str
    sentence: str


def hint(code: str, english: str, *put_in: Any) -> Hint:
    """A hint in the reader's language."""
    return Hint(code, say(english, *put_in))


class Tolerance:
    """How far two numbers may be apart: relative to the entry, with a floor relative to its surroundings.

    |hand - exact| <= rtol * max(|hand|, |exact|) + floor. The floor is rtol/1000 of the largest
    exact entry, and a hundredth of that of the largest gradient anywhere, so that sums which cancel to almost
    zero may differ by rounding, and a tiny gradient is never passed by an absolute tolerance alone.
    """

    __slots__ = ("rtol", "floor", "scale")

    def __init__(self, rtol: float, scale: float, overall: float) -> None:
        self.rtol: float = rtol
        self.scale: float = scale
        self.floor: float = 1e-3 * rtol * scale + 1e-5 * rtol * overall

    def __call__(self, hand: float, exact: float) -> bool:
        if hand == exact:
            return True  # equal infinities too
        if math.isinf(hand) or math.isinf(exact):
            return False  # no tolerance is relative to infinity
        return abs(hand - exact) <= self.rtol * max(abs(hand), abs(exact)) + self.floor


def size(entries: Entries) -> float:
    """The largest finite magnitude."""
    return max((abs(n) for n in entries.numbers if math.isfinite(n)), default=0.0)


def shape_hint(hand: Entries, exact: Entries) -> Hint:
    """What is odd about a shape of hand's numbers that is not the parameter's."""
    mine, theirs = hand.shape, exact.shape
    message = say("its shape is {0}, but the parameter's is {1}", shape_words(mine), shape_words(theirs))
    if mine == theirs[::-1] and len(mine) > 1:
        return hint("TRANSPOSED", "{0}: transposed", message)
    if len(hand.numbers) == len(exact.numbers):
        return hint("SHAPE", "{0}; the number of entries fits, so a reshape or keepdims is the difference", message)
    if _stretches(mine, theirs):
        return hint("SILENT_BROADCAST", "{0}; in an update NumPy would stretch it silently over the parameter", message)
    if _stretches(theirs, mine):
        grown = shape_words(mine)
        return hint("SHAPE_GREW", "{0}; `w = w - lr * dw` would silently make the parameter {1}", message, grown)
    return Hint("SHAPE", message)


def _stretches(shape: tuple[int, ...], over: tuple[int, ...]) -> bool:
    """Whether NumPy broadcasts one shape to the other."""
    pairs = zip(shape[::-1], over[::-1], strict=False)
    return len(shape) <= len(over) and all(mine in (1, theirs) for mine, theirs in pairs)


def common_ratio(pairs: Sequence[tuple[float, float]], near: Tolerance, least: int = 2) -> float | None:
    """The one number c with hand = c * exact in every entry, or None.

    A single number always has a ratio, so two at least must show it, each of them more than nothing.

    >>> common_ratio([(1.0, 2.0), (-3.0, -6.0), (0.0, 0.0)], Tolerance(1e-9, 6.0, 6.0))
    0.5
    >>> common_ratio([(1.0, 2.0)], Tolerance(1e-9, 2.0, 2.0)) is None
    True
    """
    hand, exact = max(pairs, key=lambda pair: abs(pair[1]), default=(0.0, 0.0))
    if not math.isfinite(hand) or hand == 0.0 or sum(abs(e) > near.floor for _, e in pairs) < least:
        return None
    ratio = hand / exact
    scaled = Tolerance(near.rtol, near.scale * abs(ratio), 0.0)
    return ratio if all(scaled(h, ratio * e) for h, e in pairs) else None


def ratio_hint(factor: Factor, what: str, where: str) -> Hint:
    """One exact ratio as a sentence. What made it cannot be told from a ratio, so no cause is named."""
    flipped = say(": every sign is flipped") if factor.constant < 0 else ""
    message = say("{0} exactly {1} x the exact one{2}{3}", what, factor.words(), where, flipped)
    return Hint(", ".join(factor.codes()), message)


def number_hints(hand: Entries, exact: Entries, near: Tolerance) -> list[Hint]:
    """What wrong numbers of the right shape have in common with the exact ones."""
    pairs = list(zip(hand.numbers, exact.numbers, strict=True))
    bad = sum(not math.isfinite(h) for h, _ in pairs)
    if bad:
        message = "{0} of {1} entries are NaN or infinite; look for log(0), 0/0 or an overflow"
        return [hint("NAN", message, bad, len(pairs))]
    if len(exact.shape) > 1:
        back = exact.transposed()
        if back.shape == hand.shape and all(near(h, e) for h, e in zip(hand.numbers, back.numbers, strict=True)):
            return [hint("TRANSPOSED", "yours is exactly the transpose of the gradient")]
    if hand.dtype.startswith(("int", "uint")):
        cut = all(h == math.trunc(e) or h == math.floor(e) for h, e in pairs)
        did = say("cut off the decimals") if cut else say("holds whole numbers only, and these are wrong")
        return [hint("INT_TRUNCATION", "an array of {0} {1}; make it float64", hand.dtype, did)]
    if all(h == 0.0 for h, _ in pairs):
        return [hint("ZERO", "yours is zero everywhere, and the exact one is not")]
    ratio = common_ratio(pairs, near)
    if ratio is not None:
        return [ratio_hint(Factor(ratio), say("yours is"), say(" in every entry"))]
    wrong = [pair for pair in pairs if not near(*pair)]
    part = common_ratio(wrong, near)
    what = say("in the {0} wrong entries yours is", len(wrong))
    return [] if part is None else [ratio_hint(Factor(part), what, say("; the others are right"))]
