"""What two sets of numbers betray by themselves, before any hypothesis about the network.

Shapes and dtypes are examined first, then NaN, then one exact ratio, then a transpose. Each finding
is a `Clue`: a code from the catalogue of mistakes, and a sentence in the user's words.
"""

from __future__ import annotations

import math
from fractions import Fraction

from tinygrad_lite.checking.result.entries import Entries, shape_words


class Clue:
    """One finding: its code in the catalogue, and the sentence the user reads."""

    __slots__ = ("code", "sentence")

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence

    def __repr__(self) -> str:
        return f"Clue({self.code!r}, {self.sentence!r})"


class Tolerance:
    """How far two numbers may be apart: relative to the entry, with a floor relative to its surroundings.

    |hand - exact| <= rtol * max(|hand|, |exact|) + floor. The floor is rtol/1000 of the largest
    exact entry, and a breath of the largest gradient anywhere, so that sums which cancel to almost
    zero may differ by rounding, and a tiny gradient is never passed by an absolute tolerance alone.
    """

    __slots__ = ("rtol", "floor", "scale")

    def __init__(self, rtol: float, scale: float, overall: float) -> None:
        self.rtol = rtol
        self.scale = scale
        self.floor = 1e-3 * rtol * scale + 1e-5 * rtol * overall

    def __call__(self, hand: float, exact: float) -> bool:
        if hand == exact:
            return True  # equal infinities too
        if math.isinf(hand) or math.isinf(exact):
            return False  # no tolerance is relative to infinity
        return abs(hand - exact) <= self.rtol * max(abs(hand), abs(exact)) + self.floor


def size(entries: Entries) -> float:
    """The largest finite magnitude."""
    return max((abs(n) for n in entries.numbers if math.isfinite(n)), default=0.0)


def shape_clue(hand: Entries, exact: Entries) -> Clue | None:
    """What is odd about the shape of hand's numbers."""
    mine, theirs = hand.shape, exact.shape
    if mine == theirs:
        return None
    said = f"its shape is {shape_words(mine)}, but the parameter's is {shape_words(theirs)}"
    if mine == theirs[::-1] and len(mine) > 1:
        return Clue("TRANSPOSED", f"{said}: transposed")
    if len(hand.numbers) == len(exact.numbers):
        return Clue("SHAPE", f"{said}; the number of entries fits, so a reshape or keepdims is the difference")
    if hand.broadcast(theirs) is not None:
        return Clue("SILENT_BROADCAST", f"{said}; in an update NumPy would stretch it silently over the parameter")
    if exact.broadcast(mine) is not None:
        return Clue("SHAPE_GREW", f"{said}; `w = w - lr * dw` would silently make the parameter {shape_words(mine)}")
    return Clue("SHAPE", said)


def common_ratio(pairs: list[tuple[float, float]], near: Tolerance) -> float | None:
    """The one number c with hand = c * exact in every entry, or None.

    >>> common_ratio([(1.0, 2.0), (-3.0, -6.0), (0.0, 0.0)], Tolerance(1e-9, 6.0, 6.0))
    0.5
    """
    hand, exact = max(pairs, key=lambda pair: abs(pair[1]), default=(0.0, 0.0))
    if exact == 0.0 or not math.isfinite(hand) or hand == 0.0:
        return None
    ratio = hand / exact
    scaled = Tolerance(near.rtol, near.scale * abs(ratio), 0.0)
    return ratio if all(scaled(h, ratio * e) for h, e in pairs) else None


def as_fraction(ratio: float) -> Fraction | None:
    """The simple fraction a ratio is, to ten digits: p/q with q or p up to 10,000, or None."""
    small = abs(ratio) < 1
    found = Fraction(1 / ratio if small else ratio).limit_denominator(64)
    if found == 0 or abs(found.numerator) > 10_000:
        return None
    found = 1 / found if small else found
    return found if abs(float(found) - ratio) <= 1e-10 * abs(ratio) else None


def ratio_clue(ratio: float, what: str = "yours is") -> Clue:
    """A sentence for one exact ratio: which factor is missing, and which usual slip leaves it out."""
    fraction = as_fraction(ratio)
    if ratio < 0:
        minus = "the sign is flipped"
        rest = "" if fraction == -1 else f", and {ratio_clue(-ratio, 'the rest is').sentence}"
        return Clue("SIGN", f"{what} exactly {_times(ratio, fraction)} the exact gradient: {minus}{rest}")
    said = f"{what} exactly {_times(ratio, fraction)} the exact gradient"
    if fraction is None:
        return Clue("RATIO", f"{said} in every entry, so one constant factor is wrong")
    if fraction == Fraction(1, 2):
        return Clue("FACTOR_2", f"{said}: the 2 of a square is missing, or the loss you differentiated had a 1/2")
    if fraction == 2:
        return Clue("FACTOR_2", f"{said}: a 2 too many, or the loss computed here has a 1/2")
    if fraction.denominator == 1:
        half = f", or with the 2 of a square missing too, {2 * fraction} is" if fraction > 2 else ""
        return Clue(
            "MEAN_N",
            f"{said}: a sum where a mean belongs, if {fraction} is the number of samples (or entries) averaged{half}",
        )
    if fraction.numerator == 1:
        return Clue(
            "DOUBLE_MEAN",
            f"{said}: divided by {fraction.denominator} once too often: averaged twice, or a mean where a sum belongs",
        )
    return Clue("RATIO", f"{said} in every entry: one constant factor is wrong (2/N of a mean square over N entries?)")


def _times(ratio: float, fraction: Fraction | None) -> str:
    if fraction is None:
        return f"{ratio:.10g} x"
    return f"{fraction if fraction.denominator != 1 else fraction.numerator} x"


def number_clues(hand: Entries, exact: Entries, near: Tolerance) -> list[Clue]:
    """What wrong numbers of the right shape have in common with the exact ones."""
    pairs = list(zip(hand.numbers, exact.numbers, strict=True))
    bad = sum(not math.isfinite(h) for h, _ in pairs)
    if bad:
        return [Clue("NAN", f"{bad} of {len(pairs)} entries are NaN or infinite; look for log(0), 0/0 or an overflow")]
    if len(exact.shape) > 1:
        back = exact.transposed()
        if back.shape == hand.shape and all(near(h, e) for h, e in zip(hand.numbers, back.numbers, strict=True)):
            return [Clue("TRANSPOSED", "yours is exactly the transpose of the gradient")]
    if hand.dtype.startswith(("int", "uint")):
        cut = all(h == math.trunc(e) or h == math.floor(e) for h, e in pairs)
        did = "cut off the decimals" if cut else "holds whole numbers only, and these are wrong"
        return [Clue("INT_TRUNCATION", f"an array of {hand.dtype} {did}; make it float64")]
    if all(h == 0.0 for h, _ in pairs):
        return [Clue("ZERO", "yours is zero everywhere: the path from the loss to here was left out")]
    ratio = common_ratio(pairs, near)
    if ratio is not None:
        return [ratio_clue(ratio)]
    bare = [i for i, (h, e) in enumerate(pairs) if not near(h, e)]
    if len(bare) < len(pairs) and len(bare) > 1:
        part = common_ratio([pairs[i] for i in bare], near)
        if part is not None:
            said = ratio_clue(part).sentence
            return [Clue(ratio_clue(part).code, f"in the {len(bare)} wrong entries {said}; the others are right")]
    return []
