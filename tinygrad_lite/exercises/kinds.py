"""The six kinds of exercise: what is asked, what is right, and what is said of an answer."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import islice
from typing import Any

from tinygrad_lite.checking.result.mistakes import CATALOGUE
from tinygrad_lite.errors import OperandError
from tinygrad_lite.exercises.kind import (
    Kind,
    Marked,
    close,
    formula_at,
    name_of,
    number,
    right,
    same,
    same_arrays,
)
from tinygrad_lite.exercises.program import assigned, entry, flat, names_in
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Code, Paragraph, Part, Table

PROBLEMS = 6  # on which a backward or a formula is tried


class Gradient(Kind):
    """Derive one gradient: a number, a fraction, or a formula in the names of the program."""

    name = "gradient"

    def choose(self, chance: random.Random) -> None:
        names = [(v, i) for v, i in self.program.asked() if entry(self.found[f"d{v}"], i) != 0]
        self.ask(*chance.choice(names or self.program.asked()))

    def ask(self, variable: str, index: tuple[int, ...]) -> None:
        self.variable: str = variable
        self.index: tuple[int, ...] = index
        self.key: Any = entry(self.found[f"d{variable}"], index)

    @property
    def wanted(self) -> str:
        return f"dL/d{self.variable}" + (f"[{', '.join(map(str, self.index))}]" if self.index else "")

    def parts(self) -> list[Part]:
        formula = "" if self.program.arrays else " " + say("A formula in these names is an answer too.")
        return [*self.given(), Paragraph(say("What is {0}?", self.wanted) + formula)]

    def mark(self, answer: Any) -> Marked:
        read = number(answer)
        if read is None:
            return self._formula(answer)
        if same(read, self.key):
            return right()
        return self.named(lambda code: same(read, self._wrong(self.numbers, code)), [str(answer)])

    def _wrong(self, numbers: dict[str, Any], *codes: str) -> Any:
        return entry(self.program.gradients(numbers, *codes)[f"d{self.variable}"], self.index)

    def _formula(self, answer: Any) -> Marked:
        if not isinstance(answer, str) or self.program.arrays:
            raise OperandError(say("an answer is a number such as -3, 0.25 or 2/3, but got {0!r}.", answer))
        problems = [self.numbers, *islice(self.program.draws("formula"), PROBLEMS)]
        mine = [formula_at(self.program, self.variable, answer, numbers) for numbers in problems]
        keys = [self.program.gradients(numbers)[f"d{self.variable}"] for numbers in problems]
        if all(map(close, mine, keys)):
            return right(say("It is right at {0} other points as well.", len(problems) - 1))
        if close(mine[0], keys[0]):
            words = say("{0} gives the right number here, but not at other numbers.", answer)
            return Marked(False, [words, say("Derive it from the lines, not from their values.")])

        def fits(*codes: str) -> bool:
            return all(close(m, self._wrong(numbers, *codes)) for m, numbers in zip(mine, problems, strict=True))

        return self.named(fits, [answer], at_most=2)


class Blanks(Kind):
    """Fill the blanks of a graph: some values and some gradients are left out."""

    name = "blanks"

    def choose(self, chance: random.Random) -> None:
        single = [n for n, x in self.found.items() if n != "L" and not getattr(x, "shape", ())]
        names = [n for n in single if f"d{n}" in self.found]
        blanks = [n for n in names if n not in self.numbers] + [f"d{n}" for n in names]
        if not blanks:
            raise OperandError("this program has no single numbers to leave out.")
        self.blanks: list[str] = sorted(
            chance.sample(blanks, min(len(blanks), 2 + len(blanks) // 3)), key=list(self.found).index
        )
        self.rows = names
        self.key: Any = {name: self.found[name] for name in self.blanks}

    def parts(self) -> list[Part]:
        shown = {name: "?" if name in self.blanks else str(x) for name, x in self.found.items()}
        rows = [[n, shown[n], shown[f"d{n}"]] for n in self.rows]
        names = ", ".join(self.blanks)
        return [
            *self.given(),
            Table([say("name"), say("value"), say("gradient dL/d.")], rows),
            Paragraph(say("Fill the blanks: {0}. Here dz is short for dL/dz.", names)),
        ]

    def mark(self, answer: Any) -> Marked:
        if not isinstance(answer, dict) or set(answer) != set(self.blanks):
            message = "the answer is a number for each of {0}: a dict {{{1!r}: 3, ...}}, in a terminal {1} = 3, ..."
            raise OperandError(say(message, ", ".join(self.blanks), self.blanks[0]))
        read = {name: number(x) for name, x in answer.items()}
        for name in self.blanks:
            mine = read[name]
            if mine is None:
                message = "{0} needs a number such as -3, 0.25 or 2/3, but got {1!r}."
                raise OperandError(say(message, name, answer[name]))
            if not same(mine, self.found[name]):

                def fits(code: str, name: str = name, mine: Any = mine) -> bool:
                    return same(mine, self.program.gradients(self.numbers, code)[name])

                shown, first = f"{name} = {answer[name]}", say("It is the first blank that is wrong.")
                if name in self.rows:  # a value, of which no mistake of the backward can be the cause
                    hint = say("Put the numbers into its line of the program.")
                    return Marked(False, [say("{0} is not right.", shown), hint, first])
                marked = self.named(fits, [shown])
                return Marked(False, [*marked.words, first], marked.codes)
        return right()


class Backward(Kind):
    """Write a backward: a function of the program's names, or its lines, that gives every gradient of a parameter."""

    name = "backward"

    def choose(self, chance: random.Random) -> None:
        self.names: list[str] = [f"d{name}" for name in self.program.params]
        self.key: Any = "\n".join(self.program.backward)

    def parts(self) -> list[Part]:
        names = ", ".join(self.names)
        words = say("Write the lines that compute {0} from L down, or a function that returns them in a dict.", names)
        return [*self.given(), Paragraph(words)]

    def mark(self, answer: Any) -> Marked:
        problems = [self.numbers, *islice(self.program.draws("backward"), PROBLEMS)]
        mine = [self._gradients(answer, numbers) for numbers in problems]
        keys = [self.program.gradients(numbers) for numbers in problems]

        def equal(name: str, theirs: Iterable[dict[str, Any]]) -> bool:
            return all(same_arrays(m[name], t[name]) for m, t in zip(mine, theirs, strict=True))

        off = [name for name in self.names if not equal(name, keys)]
        if not off:
            return right(say("It is right on {0} problems.", len(problems)))

        def fits(*codes: str) -> bool:
            wrong = [self.program.gradients(numbers, *codes) for numbers in problems]
            return all(equal(name, wrong) for name in self.names)

        return self.named(fits, off, at_most=2)

    def _gradients(self, answer: Any, numbers: dict[str, Any]) -> dict[str, Any]:
        found: Any
        try:
            if callable(answer):
                found = answer(**self.program.run([], numbers))
            else:
                found = self.program.run([*self.program.forward, str(answer)], numbers)
        except Exception as error:
            raise OperandError(say("your backward raises {0}: {1}", type(error).__name__, error)) from error
        missing = [n for n in self.names if not isinstance(found, dict) or n not in found]
        if missing:
            message = "the backward must give {0}; what is missing: {1}."
            raise OperandError(say(message, ", ".join(self.names), ", ".join(missing)))
        return dict(found)


class Planted(Kind):
    """Find the planted mistake: which line is wrong?"""

    name = "planted"

    def choose(self, chance: random.Random) -> None:
        single = [code for code, change in self.program.wrong.items() if len(change) == 1]
        seen = [code for code in single if any(self._differs(code, f"d{name}") for name in self.program.params)]
        if not seen:
            raise OperandError("no mistake shows on these numbers.")
        self.code: str = chance.choice(seen)
        changed = self.program.wrong[self.code]
        self.key: Any = 1 + next(i for i, line in enumerate(self.program.backward) if name_of(line) in changed)

    def _differs(self, code: str, name: str) -> bool:
        return not same_arrays(self.program.gradients(self.numbers, code)[name], self.found[name])

    def parts(self) -> list[Part]:
        lines = "\n".join(f"{i}  {line}" for i, line in enumerate(self.program.mistaken(self.code), start=1))
        return [*self.given(), Code(lines), Paragraph(say("One line of this backward is wrong. Which one?"))]

    def mark(self, answer: Any) -> Marked:
        lines = self.program.mistaken(self.code)
        read = number(answer)
        if read is None or read[0] not in range(1, len(lines) + 1):
            raise OperandError(
                say("the answer is the number of a line, from 1 to {0}, but got {1!r}.", len(lines), answer)
            )
        if read[0] == self.key:
            return Marked(True, [say("Right: {0}. [{1}]", say(CATALOGUE[self.code]), self.code)])
        line = int(read[0])
        name = name_of(lines[line - 1])
        words = [say("Line {0} is right.", line)]
        if self._differs(self.code, name):
            words.append(say("Its number is wrong only because a line before it is."))
        else:
            words.append(say("Its number is right as well: compare each line with the forward line it answers."))
        return Marked(False, words)


class Order(Kind):
    """Order the sweep: a node is taken when every node that uses it has been."""

    name = "order"

    def choose(self, chance: random.Random) -> None:
        self.uses: dict[str, set[str]] = {name: names_in(line) for name, line in map(assigned, self.program.forward)}
        self.nodes: list[str] = [*self.program.params, *self.uses]
        self.key: Any = [*reversed(self.uses), *self.program.params]
        self.shown: list[str] = chance.sample(self.nodes, len(self.nodes))

    def parts(self) -> list[Part]:
        lines = Code("\n".join(self.program.forward))
        names = ", ".join(self.shown)
        return [lines, Paragraph(say("In which order does the backward pass take {0}, beginning at L?", names))]

    def mark(self, answer: Any) -> Marked:
        taken = answer.replace(",", " ").split() if isinstance(answer, str) else list(answer)
        if sorted(taken) != sorted(self.nodes):
            message = "the answer has each of {0} once, but got {1}."
            raise OperandError(say(message, ", ".join(self.nodes), ", ".join(taken)))
        for i, node in enumerate(taken):
            late = [user for user in taken[i + 1 :] if node in self.uses.get(user, ())]
            if late:
                words = say("{0} is taken before {1}, through which a part of its gradient comes.", node, late[0])
                return Marked(False, [words])
        return right()


class Zero(Kind):
    """Why is it zero: which gradient, going back from the loss, is the first that is 0?"""

    name = "zero"

    def choose(self, chance: random.Random) -> None:
        zeros = [n for n in map(name_of, self.program.backward) if all(x == 0 for x in flat(self.found[n]))]
        lost = [name for name in self.program.params if f"d{name}" in zeros]
        if not lost:
            raise OperandError("no gradient is zero on these numbers.")
        self.variable: str = chance.choice(lost)
        behind = {f"d{self.variable}"}  # the gradients that this one is computed from
        for name, expression in reversed([*map(assigned, self.program.backward)]):
            behind |= names_in(expression) if name in behind else set()
        self.zeros: list[str] = [name for name in zeros if name in behind]
        self.key: Any = self.zeros[0]

    def parts(self) -> list[Part]:
        words = say("dL/d{0} is 0. Going back from L to {0}, which gradient is the first that is 0?", self.variable)
        return [*self.given(), Paragraph(words)]

    def mark(self, answer: Any) -> Marked:
        if answer == self.key:
            return right()
        names = [*map(name_of, self.program.backward)]
        if answer not in names:
            raise OperandError(say("the answer is one of {0}, but got {1!r}.", ", ".join(names), answer))
        if answer in self.zeros:
            return Marked(False, [say("{0} is 0, but not the first that is.", answer)])
        if all(x == 0 for x in flat(self.found[answer])):
            return Marked(False, [say("{0} is 0, but dL/d{1} is not computed from it.", answer, self.variable)])
        return Marked(False, [say("{0} is not 0.", answer), say("Put the numbers in, one line after the other.")])


KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (Blanks, Gradient, Backward, Planted, Order, Zero)}
"""All kinds of exercise by name."""
