"""A question about a program at some numbers, and what a wrong answer to it shows.

A wrong answer is held beside what comes out of the program's mistakes (`Program.wrong`): where one gives that answer,
to the digits it has, it is named with its meaning and the quantity to look at. One number can have several causes, so
it is said what gives it, not what was done.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import chain, combinations
from typing import Any, ClassVar

from tinygrad_lite.checking.result.mistakes import CATALOGUE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError, TinygradLiteError
from tinygrad_lite.exercises.answers import Marked
from tinygrad_lite.exercises.program import Program, assigned, flat, literal
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Code, Paragraph, Part


class Kind:
    """A question about a program at some numbers.

    Attributes:
        name: of the kind.
        key: the right answer, in the form in which it may be given.
    """

    name: ClassVar[str] = ""
    key: Any

    def __init__(self, program: Program, numbers: dict[str, Any], chance: random.Random) -> None:
        self.program, self.numbers = program, numbers
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

    def named(self, fits: Callable[..., bool], shown: str, at_most: int = 1) -> Marked:
        """A wrong answer: the mistakes, as few as may be, that give it, where to look, and nothing of the solution."""
        words, wrong = [say("{0} is not right.", shown)], self.program.wrong
        for several in range(1, at_most + 1):
            found = [codes for codes in combinations(wrong, several) if fits(*codes)]
            for codes in found[:2]:
                told = [f"{say(CATALOGUE[c])} ({say('look at {0}', ', '.join(wrong[c]))}) [{c}]" for c in codes]
                words.append(say("It is what comes out with this mistake: {0}.", joined(told)))
            if found:
                return Marked(False, words, list(dict.fromkeys(chain(*found))))
        none = say("None of the mistakes known for this program gives it.")
        words += [none, say("Write down every gradient, beginning at L, one line each.")]
        return Marked(False, words)


def joined(words: list[str]) -> str:
    return f" {say('and')} ".join(words)


def name_of(line: str) -> str:
    return assigned(line)[0]


def formula_at(program: Program, variable: str, formula: str, numbers: dict[str, Any]) -> float:
    """The number of a learner's formula at some numbers of the program."""
    from tinygrad_lite.checking.compare import compare

    made = program.record(numbers)
    leaf: Value = made[variable]
    try:
        verdict = compare({variable: formula}, {variable: leaf}, loss=made["L"]).verdicts[0]
    except TinygradLiteError as error:
        raise OperandError(f"the answer is no number, and as a formula it has none here: {error}") from None
    return float(verdict.hand.numbers[0]) if verdict.hand else float("nan")


def close(x: Any, key: Any) -> bool:
    return key is not None and abs(float(x) - float(key)) <= 1e-9 * max(1.0, abs(float(key)))


def same_arrays(mine: Any, key: Any) -> bool:
    """The same shape, and the same numbers but for the rounding of floats."""
    if getattr(mine, "shape", ()) != getattr(key, "shape", ()):
        mine = _as_array(mine)
    fits = getattr(mine, "shape", ()) == getattr(key, "shape", ())
    return fits and all(map(_equal, flat(mine), flat(key)))


def _as_array(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        import numpy as np

        return np.array(x, dtype=object)
    return x


def _equal(x: Any, key: Any) -> bool:
    return x == key if isinstance(x, (int, Fraction)) else close(x, key)
