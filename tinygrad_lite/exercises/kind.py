"""A question about a program at some numbers, and what a wrong answer to it shows.

A wrong answer is held beside what comes out of the program's mistakes (`Program.wrong`): where one gives that answer,
to the digits it has, it is named with its meaning and the quantity to look at. One number can have several causes, so
it is said what gives it, not what was done.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import chain, combinations
from typing import Any, ClassVar

from tinygrad_lite.checking.result.mistakes import CATALOGUE
from tinygrad_lite.checking.result.result import Result
from tinygrad_lite.errors import OperandError, TinygradLiteError
from tinygrad_lite.exercises.program import Program, assigned, flat, literal
from tinygrad_lite.report.language import listed, say
from tinygrad_lite.report.text import Code, Paragraph, Part, Report


class Marked(Result):
    """What is said of an answer; true if it is right.

    Attributes:
        ok: the answer is right.
        codes: the mistakes of the catalogue after which exactly this answer comes out; empty where none was found.
        words: the sentences: what is wrong, and a hint. The solution is not among them.
    """

    __slots__ = ("codes", "ok", "words")

    def __init__(self, ok: bool, words: list[str], codes: list[str] | None = None) -> None:
        self.ok: bool = ok
        self.words: list[str] = words
        self.codes: list[str] = codes or []

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


class Kind:
    """A question about a program at some numbers.

    Attributes:
        name: of the kind.
        key: the right answer, in the form in which it may be given.
    """

    name: ClassVar[str] = ""
    key: Any

    def __init__(self, program: Program, numbers: dict[str, Any], chance: random.Random) -> None:
        self.program: Program = program
        self.numbers: dict[str, Any] = numbers
        self.found: dict[str, Any] = program.gradients(numbers)
        self.choose(chance)

    def choose(self, chance: random.Random) -> None:
        """Decide what is asked, and its key."""
        raise NotImplementedError

    def parts(self) -> list[Part]:
        """The question."""
        raise NotImplementedError

    def mark(self, answer: Any) -> Marked:
        """Say whether an answer is right, and if not, what gives it."""
        raise NotImplementedError

    def given(self) -> list[Part]:
        """The program's forward lines and its numbers."""
        names = ", ".join(f"{name} = {literal(x)}" for name, x in self.numbers.items())
        return [Code("\n".join(self.program.forward)), Paragraph(say("with {0}", names))]

    def named(self, fits: Callable[..., bool], shown: list[str], at_most: int = 1) -> Marked:
        """A wrong answer: the mistakes, as few as may be, that give it, where to look, and nothing of the solution."""
        wrong = self.program.wrong
        words = [say("{0} is not right." if len(shown) == 1 else "{0} are not right.", listed(shown))]
        for several in range(1, at_most + 1):
            found = [codes for codes in combinations(wrong, several) if fits(*codes)]
            for codes in found[:2]:
                reported = [f"{say(CATALOGUE[c])} ({say('look at {0}', ', '.join(wrong[c]))}) [{c}]" for c in codes]
                one = "It is what comes out with this mistake: {0}."
                words.append(
                    say(one if several == 1 else "It is what comes out with these mistakes: {0}.", listed(reported))
                )
            if found:
                return Marked(False, words, list(dict.fromkeys(chain(*found))))
        none = say("None of the mistakes known for this program gives it.")
        words += [none, say("Write down every gradient, beginning at L, one line each.")]
        return Marked(False, words)


def name_of(line: str) -> str:
    return assigned(line)[0]


def formula_at(program: Program, variable: str, formula: str, numbers: dict[str, Any]) -> float:
    """The number of a learner's formula at some numbers of the program."""
    from tinygrad_lite.checking.compare import compare

    made = program.record(numbers)
    try:
        verdict = compare({variable: formula}, {variable: made[variable]}, loss=made["L"]).verdicts[0]
    except TinygradLiteError as error:
        raise OperandError(say("the answer is no number, and as a formula it has none here: {0}", error)) from None
    return float(verdict.hand.numbers[0]) if verdict.hand else float("nan")


def close(x: Any, key: Any) -> bool:
    return key is not None and abs(float(x) - float(key)) <= 1e-9 * max(1.0, abs(float(key)))


def same_arrays(mine: Any, key: Any) -> bool:
    """The same shape, and the same numbers but for the rounding of floats."""
    if isinstance(mine, (list, tuple)) and not isinstance(key, (list, tuple)):
        import numpy as np

        mine = np.array(mine, dtype=object)
    fits = getattr(mine, "shape", ()) == getattr(key, "shape", ())
    return fits and all(
        x == k if isinstance(x, (int, Fraction)) else close(x, k) for x, k in zip(flat(mine), flat(key), strict=False)
    )
