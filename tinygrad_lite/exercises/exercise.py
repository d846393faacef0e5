"""One exercise: `tg.exercise("gradient", level=2, seed=7)`.

The same arguments always give the same exercise. Its key was computed in fractions by the program's own backward and
agrees with the engine, or the exercise is not handed out.
"""

from __future__ import annotations

import random
from typing import Any

from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError
from tinygrad_lite.exercises.kind import Kind, Marked, same_arrays
from tinygrad_lite.exercises.kinds import KINDS, Backward, Gradient
from tinygrad_lite.exercises.program import Program, entry, flat
from tinygrad_lite.exercises.programs import PROGRAMS
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report, Reported

TITLES = {
    "blanks": "Fill the blanks",
    "gradient": "Derive one gradient",
    "backward": "Write a backward",
    "planted": "Find the planted mistake",
    "order": "Order the sweep",
    "zero": "Why is it zero?",
}


class Exercise(Reported):
    """A question, its marking, and the next one.

    Attributes:
        kind: "blanks", "gradient", "backward", "planted", "order" or "zero".
        level: 1 to 4.
        seed: which one of its kind and level.
    """

    def __init__(self, kind: Kind, level: int, seed: int) -> None:
        self.kind: str = kind.name
        self.level: int = level
        self.seed: int = seed
        self._asked = kind

    @property
    def key(self) -> Any:
        """The right answer; nothing else shows it."""
        return self._asked.key

    def mark(self, answer: Any) -> Marked:
        """Say whether an answer is right, and if not, by which known mistake it comes about, and where to look.

        Args:
            answer: a number, as -3, 0.25, "2/3", or a formula in the names of the program ("gradient"); a dict of
                numbers ("blanks"); lines of code or a function of the program's names ("backward"); a line's number
                ("planted"); the names in order ("order"); a name ("zero").

        Raises:
            OperandError: the answer is not of that form.
        """
        return self._asked.mark(answer)

    def next(self, code: str) -> Exercise:
        """The next one: the smallest whole numbers found on which a mistake gives another answer than all others do.

        Args:
            code: the mistake, as in `Marked.codes`.

        Raises:
            OperandError: the program of this exercise knows no such mistake, or it shows on no small numbers.
        """
        found = separating(self._asked.program, code)
        if found is None:
            known = ", ".join(self._asked.program.wrong)
            raise OperandError(say("no exercise on this program tells {0} from the others; it knows {1}.", code, known))
        return Exercise(found, self.level, self.seed + 1)

    def report(self) -> Report:
        """The question, without its answer."""
        title = f"{say(TITLES[self.kind])} ({say('level {0}, number {1}', self.level, self.seed)})"
        return Report(title, self._asked.parts())

    def __repr__(self) -> str:
        return self.text()


def exercise(kind: str = "gradient", *, level: int = 1, seed: int = 0) -> Exercise:
    """An exercise on the chain rule with small whole numbers, marked at once: the same arguments, the same exercise.

    Args:
        kind: "blanks" (fill the blanks of a graph), "gradient" (derive one), "backward" (write the code), "planted"
            (find the wrong line), "order" (order the sweep) or "zero" (why is it zero).
        level: 1 one or two steps; 2 an activation, a penalty, quotients; 3 two layers; 4 matrices (needs NumPy).
        seed: which one.

    Returns:
        The Exercise: it shows its question, `mark(answer)` marks, `next(code)` asks again.

    Raises:
        OperandError: another kind or level, or none of that kind at that level.

    >>> question = exercise("gradient", level=1, seed=0)
    >>> print(question)
    Derive one gradient (level 1, number 0)
    =======================================
    <BLANKLINE>
        z = w * x + b
        L = (z - y) ** 2
    <BLANKLINE>
    with w = 2, b = 1, x = 3, y = 2
    <BLANKLINE>
    What is dL/db? A formula in these names is an answer too.
    >>> question.mark("2 * (z - y)").ok
    True
    >>> question.mark("z - y").codes
    ['FACTOR_2']
    >>> question.next("FACTOR_2").mark(2).codes
    []
    """
    if kind not in KINDS:
        raise OperandError(f"kind is one of {', '.join(KINDS)}, but got {kind!r}.")
    programs = [p for p in PROGRAMS if p.level == level]
    if not programs:
        raise OperandError(f"level is 1, 2, 3 or 4, but got {level!r}.")
    chance = random.Random(f"{kind} {level} {seed}")
    for program in chance.sample(programs, len(programs)):
        for numbers in program.draws(f"{kind} {seed}"):
            if _dull(program, numbers, kind):
                continue
            try:
                asked = KINDS[kind](program, numbers, chance)
            except OperandError:
                continue
            if agrees(program, numbers):
                return Exercise(asked, level, seed)
    raise OperandError(f"there is no exercise of the kind {kind!r} at level {level}; try another level.")


def separating(program: Program, code: str) -> Kind | None:
    """The question with the smallest numbers on which a mistake gives an answer that neither the right derivation nor
    any other known mistake gives."""
    if code not in program.wrong:
        return None
    for numbers in program.draws("next", smallest=1):
        if _dull(program, numbers, "next"):
            continue
        answers = {"": program.gradients(numbers)} | {c: program.gradients(numbers, c) for c in program.wrong}
        for variable, index in program.asked():
            mine = entry(answers[code][f"d{variable}"], index)
            others = [entry(found[f"d{variable}"], index) for c, found in answers.items() if c != code]
            if mine is None and agrees(program, numbers):  # the shape is wrong, which a whole backward shows
                return Backward(program, numbers, random.Random(0))
            if mine not in others and agrees(program, numbers):
                question = Gradient(program, numbers, random.Random(0))
                question.ask(variable, index)
                return question
    return None


def agrees(program: Program, numbers: dict[str, Any]) -> bool:
    """The engine gives the program's own gradients on these numbers."""
    made = program.record(numbers)
    exact, key = adjoints(made["L"]), program.gradients(numbers)
    return all(
        same_arrays([float(exact.get(v, 0.0)) for v in flat(made[name])], [*map(float, flat(key[f"d{name}"]))])
        for name in program.params
    )


def _dull(program: Program, numbers: dict[str, Any], kind: str) -> bool:
    """Nothing can be learned from these numbers: a number is 0, or every gradient is, unless that is asked for."""
    if kind == "zero":
        return False
    if not program.arrays and any(x == 0 for x in numbers.values()):
        return True
    found = program.gradients(numbers)
    return all(x == 0 for name in program.params for x in flat(found[f"d{name}"]))
