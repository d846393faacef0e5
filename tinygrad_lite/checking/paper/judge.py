"""What each line claims, and whether it holds.

A line claims that each of its sides is what stands first. Both sides are evaluated in several worlds; the
differences of all entries, weighted by random whole numbers, make one Value, which is 0 or not.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.document import DEFINITION, STEP, Document, Statement
from tinygrad_lite.checking.paper.entrywise import combined, each, total
from tinygrad_lite.checking.paper.numbers import half_unit, on_kink
from tinygrad_lite.checking.paper.points import Points, letters_of
from tinygrad_lite.checking.paper.term import Term
from tinygrad_lite.checking.paper.world import TOTAL, Reading, Unknown, World
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NoExactValue, OperandError, ShapeError, TinygradLiteError

FOLLOWS, WRONG, CONDITION, CARRIED, UNCHECKED = "follows", "does not follow", "condition", "carried", "not checked"
WORLDS = 4
EVERYDAY = {x / 2 for x in range(-4, 5)}  # numbers that a formula of symbols may well be


class Late(Exception):
    """The time that was allowed is over."""


class Claim:
    """Two formulas that a line says are equal.

    Attributes:
        status: follows, does not follow, condition, carried (wrong only because of an earlier line), not checked.
        why: the condition, or the reason why it was not checked.
        blame: the line that is to blame where the status is carried.
    """

    def __init__(self, statement: Statement, left: Term, right: Term, which: int) -> None:
        self.statement, self.left, self.right, self.which = statement, left, right, which
        self.status, self.why, self.blame = UNCHECKED, "", 0
        self.mistake: Any = None

    @property
    def line(self) -> int:
        return self.statement.row.line


class Judge:
    """A document, its worlds, and the verdict on every claim."""

    def __init__(self, document: Document, numbers: dict[str, Any] | None = None, seconds: float = 20.0) -> None:
        self.document, self.until = document, time.process_time() + seconds
        self.points = Points(document)
        self.numbers = {**document.numbers, **(numbers or {})}
        self.trouble = ""
        self.worlds = self._worlds()
        self.near: list[World] = []
        self.own = self._own()
        self.claims = [claim for s in document.statements for claim in self._claims(s)]
        self.missing = [x for x in self.points.leaves if x in self.points.known and x not in self.numbers]
        self.numeric = any(self.of_numbers(c) and self._number(c.right) not in EVERYDAY for c in self.claims)
        pairs = [
            (t.args[0].bare(), t.args[1].bare(), t.word)
            for c in self.claims
            for side in (c.left, c.right)
            for t in side.walk()
            if t.op == "d"
        ]
        self.signs = {word for _, _, word in pairs}
        self.both = {(a, b) for a, b, word in pairs if word == "d"} & {(a, b) for a, b, word in pairs if word == "∂"}

    def _worlds(self) -> list[World]:
        found: list[World] = []
        for kind, seed in itertools.product(("mixed", "positive", "unit"), range(24)):
            if len(found) == WORLDS or (found and kind != "mixed" and len(found) > 1):
                break
            try:
                found.append(self.points.world(seed, kind))
            except (TinygradLiteError, Unknown, NoExactValue, OperandError, RecursionError, ValueError) as error:
                self.trouble = (
                    str(error).split("\n")[0] if not isinstance(error, Unknown) else f"{error} is not defined"
                )
            if not found and seed > 8 and kind == "mixed" and not self.document.relations:
                continue
        return found

    def _nodes(self, w: World) -> list[Value]:
        return topological(*[v for x in w.env.values() for v in np.ravel(x)])

    def _kinked(self, w: World) -> bool:
        return any(node.op.kink is not None for node in self._nodes(w))

    def _around(self, own: World) -> list[World]:
        """Points around the user's own numbers; those themselves if they lie on a kink."""
        if any(on_kink(node) for node in self._nodes(own)):
            return [own]
        found = []
        for seed in range(3):
            step = partial(random.Random(f"near {seed}").choice, (-3, -2, -1, 1, 2, 3))
            moved = {x: each(partial(_moved, step), own.env[x]) for x in self.points.leaves}
            try:
                found.append(self.points.world(seed, "mixed", moved))
            except (TinygradLiteError, Unknown, ValueError):
                continue
        return found

    def _own(self) -> World | None:
        if not self.numbers or not set(self.points.leaves) & set(self.numbers):
            return None
        try:
            w = self.points.world(0, "mixed", self.numbers)
        except (TinygradLiteError, Unknown, ValueError):
            return None

        constants = [float(t.word) for _, b in self.document.definitions.values() for t in b.walk() if t.op == "num"]
        given = [v for x in self.points.leaves for v in np.ravel(w.env[x])]
        w.rounded = [(v, half) for v in given if (half := half_unit(repr(v.data))) < 1e-4 * abs(v.data)]
        w.rounded = [(v, half) for v, half in w.rounded if len(repr(v.data).strip("-0.").replace(".", "")) > 5]
        w.exact = {*constants, *[abs(v.data) for v in given]} - {abs(v.data) for v, _ in w.rounded}
        return w

    def _claims(self, s: Statement) -> Iterator[Claim]:
        if s.kind == DEFINITION:
            for k, side in enumerate(s.sides[2:], 2):
                yield Claim(s, s.left, side, k)
        elif s.kind == STEP:
            for k, side in enumerate(s.sides[1:], 1):
                yield Claim(s, s.left, side, k)

    # ------------------------------------------------------------------ the verdicts

    def judge(self, claim: Claim) -> None:
        """Give the claim its status: follows, does not follow, or not checked."""
        try:
            self._judge(claim)
        except Late:
            claim.status, claim.why = UNCHECKED, "the time allowed is over"

    def _judge(self, claim: Claim) -> None:
        if not self.worlds:
            claim.why = f"the definitions cannot be computed: {self.trouble}" if self.trouble else "no point was found"
            return
        unknown = self.unknown(claim)
        try:
            if self.holds(claim, claim.right) or self._here(claim):
                claim.status = FOLLOWS
                return
            if unknown:
                claim.why = f"no definition speaks of {', '.join(unknown)}"
                return
            if (self.own is None or self.missing) and (
                (self.numeric and self.of_numbers(claim)) or (self.own is not None and self._kinked(self.own))
            ):
                claim.why = f"no number is given for {', '.join(self.missing)}"
                return
        except Unknown as word:
            claim.why = f"no definition speaks of {word}"
            return
        except ShapeError as error:
            claim.status, claim.why = WRONG, str(error).split("\n")[0]
        except (TinygradLiteError, ValueError, RecursionError) as error:
            claim.why = str(error).split("\n")[0]
            return
        claim.status = WRONG

    def unknown(self, claim: Claim) -> list[str]:
        """Names of a claim that no definition speaks of."""
        if not self.document.definitions:
            return []
        names = claim.left.names() | claim.right.names()
        letters = set(letters_of([claim.left, claim.right], self.document.known.indices, self.worlds[0].env))
        bound = {
            i.word
            for side in (claim.left, claim.right)
            for t in side.walk()
            if t.op in ("sum", "prod")
            for i in t.args[:-1]
        }
        free = names - letters - bound - self.points.known - set(self.document.definitions) - self.points.tops
        return sorted(w for w in free - self.points.sizes if w in self.points.leaves)

    def _number(self, t: Term) -> float:
        try:
            return float(self.worlds[0].evaluate(t).data)
        except (TinygradLiteError, Unknown, OverflowError, IndexError, AttributeError):
            return 0.0

    def _here(self, claim: Claim) -> bool:
        """Whether a line that does not follow everywhere does at the user's own numbers.

        A line of numbers is about these alone; one of symbols follows there if it does at all points
        around them, which lie on the same side of every kink.
        """
        if self.own is None:
            return False
        if self.of_numbers(claim):
            return self.holds(claim, claim.right, [self.own])
        self.near = self.near or self._around(self.own)
        if not self.near or not self.holds(claim, claim.right, self.near):
            return False
        claim.why = "at the given numbers, on a kink" if self.near == [self.own] else "near the given numbers"
        return True

    def of_numbers(self, claim: Claim) -> bool:
        """Whether a line is about the user's own numbers: it has no names, or rounded numbers."""
        names = claim.right.names()
        return self.rounded(claim) or (not names and claim.right.op != "d")

    def rounded(self, claim: Claim) -> bool:
        """Whether the line has numbers with digits after the point: those of one point, rounded."""
        return self.own is not None and any(
            t.op == "num" and len(t.word.replace(".", "").lstrip("0")) > 3 for t in claim.right.walk()
        )

    def readings(self, claim: Claim) -> list[Reading]:
        """How the ∂ on the right may be meant: along every path, or through one definition only."""

        def split(t: Term) -> bool:
            return (t.args[0].bare(), t.args[1].bare()) in self.both and t.word == "∂"

        local = Reading(lambda t: t.word == "∂", left=True)
        if self.signs == {"d", "∂"} and claim.left.op == "d" and claim.left.word == "∂":
            return [TOTAL, local]
        if not any(t.op == "d" and t.word == "∂" for t in claim.right.walk()):
            return [TOTAL]
        top = claim.left.args[0].bare() if claim.left.op == "d" else None
        direct = Reading(lambda t: t.word == "∂")
        others = Reading(lambda t: t.word == "∂" and (t.args[0].bare() != top or split(t)))
        same = Reading(lambda t: t.word == "∂" and (t.args[0].bare() == top or split(t)))
        return [Reading(split) if self.both else TOTAL, direct, others, same]

    def holds(self, claim: Claim, right: Term, worlds: list[World] | None = None, quick: bool = False) -> bool:
        """Whether the right-hand side, or another one in its place, is the left-hand side in every world.

        Raises:
            ShapeError, Unknown, DomainError: it could not be computed anywhere.
        """
        errors: list[Exception] = []
        for reading in self.readings(Claim(claim.statement, claim.left, right, 0)):
            verdicts = []
            for w in worlds or self.worlds:
                if time.process_time() > self.until:
                    raise Late
                try:
                    gap = self.gap(w, claim, right, reading)
                except (TinygradLiteError, Unknown, OverflowError) as error:
                    errors.append(error)
                    if isinstance(error, (ShapeError, Unknown)):
                        break
                    continue
                if w is self.own:
                    verdicts.append(abs(gap.data) <= 1e-9 * self.scale + w.slack(gap))
                else:
                    verdicts.append(abs(gap.data) <= 1e-7 * self.scale and (quick or w.zero(gap)))
                if not verdicts[-1]:
                    break
            if verdicts and all(verdicts):
                return True
            if not verdicts and errors:
                raise errors[0]
        return False

    def gap(self, w: World, claim: Claim, right: Term, reading: Reading = TOTAL) -> Value:
        """The difference of all entries of both sides, weighted and added."""
        letters = letters_of([claim.left, right], self.document.known.indices, w.env)
        both = Term("+", (claim.left, right))
        ranges = [range(w.size(letter, both)) for letter in letters]
        draw, parts = random.Random(7), []
        self.scale = 1.0
        for places in itertools.product(*ranges):
            at = dict(zip(letters, places, strict=True))
            if any(w.evaluate(r, at).data == 0.0 for r in claim.statement.only):
                continue
            x, y = w.evaluate(claim.left, at, reading if reading.left else TOTAL), w.evaluate(right, at, reading)
            if isinstance(x, np.ndarray) != isinstance(y, np.ndarray) or np.shape(x) != np.shape(y):
                y = _stretched(x, y)
            for v in np.ravel(combined("-", x, y)):
                parts.append(v * float(draw.randint(2, 30)))
            self.scale = max(self.scale, *[abs(v.data) for v in np.ravel(x)])
        found: Value = total(parts)
        return found


def _moved(step: Any, v: Value) -> float:
    return v.data + float(step()) / 1024.0


def _stretched(x: Any, y: Any) -> Any:
    """A number for an array of equal numbers: 0 on the right of a gradient."""
    if not isinstance(y, np.ndarray) and not y.parents:
        return np.full(np.shape(x), y, dtype=object) if isinstance(x, np.ndarray) else y
    a, b = (" x ".join(map(str, np.shape(v))) or "one number" for v in (x, y))
    raise ShapeError(f"the left-hand side is {a}, the right-hand side {b}")
