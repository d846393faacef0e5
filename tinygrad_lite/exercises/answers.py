"""An answer as a learner gives it: read as a number, and what is said of it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from tinygrad_lite.checking.result.result import Result
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report


class Marked(Result):
    """What is said of an answer; true if it is right.

    Attributes:
        ok: the answer is right.
        codes: the mistakes of the catalogue after which exactly this answer comes out; empty where none was found.
        words: the sentences: what is wrong, and a hint. The solution is not among them.
    """

    __slots__ = ("codes", "ok", "words")

    def __init__(self, ok: bool, words: list[str], codes: list[str] | None = None) -> None:
        self.ok, self.words, self.codes = ok, words, codes or []

    def report(self) -> Report:
        return Report().paragraph(" ".join(["✓" if self.ok else "✗", *self.words]))

    def to_dict(self) -> dict[str, Any]:
        """The marking as plain data, ready for JSON."""
        return {"ok": self.ok, "codes": self.codes, "words": self.words}


def right(*words: str) -> Marked:
    return Marked(True, [say("Right."), *words])


def number(answer: Any) -> tuple[Fraction, Fraction] | None:
    """The number that was answered and how far it may be off, as half of its last digit; None if it is no number.

    >>> number("-2/3")
    (Fraction(-2, 3), Fraction(0, 1))
    >>> number("0.667")[1] == Fraction(1, 2000)
    True
    """
    if isinstance(answer, bool) or answer is None:
        return None
    if isinstance(answer, (int, Fraction)):
        return Fraction(answer), Fraction(0)
    text = str(answer).strip().replace("−", "-")
    try:
        digits = Decimal(text)
        if not digits.is_finite() or abs(digits.adjusted()) > 400:
            return None
    except InvalidOperation:
        try:
            return Fraction(text.replace(" ", "")), Fraction(0)
        except (ValueError, ZeroDivisionError):
            return None
    exponent = digits.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    return Fraction(digits), Fraction(1, 2 * 10**places) if places >= 2 else Fraction(0)


def same(answer: tuple[Fraction, Fraction], key: Any) -> bool:
    """The answer is the key, or the key rounded to the digits of the answer."""
    return isinstance(key, (int, Fraction)) and abs(answer[0] - key) <= answer[1]
