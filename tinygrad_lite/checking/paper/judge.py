"""What each line claims, and whether it holds.

A line claims that each of its sides is what stands first. Both sides are evaluated in several worlds; the
differences of all entries, weighted by random whole numbers, make one Value, which is 0 or not.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.paper.document import Document, Statement
from tinygrad_lite.checking.paper.entrywise import combined, each, exact_number, half_unit, on_kink, stretched, total
from tinygrad_lite.checking.paper.points import Points, letters_of
from tinygrad_lite.checking.paper.term import Term, num
from tinygrad_lite.checking.paper.world import TOTAL, Reading, Unknown, World
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError, TinygradLiteError
from tinygrad_lite.report.language import say

FOLLOWS, WRONG, CONDITION, CARRIED, UNCHECKED = "follows", "does not follow", "condition", "carried", "not checked"
WORLDS = 4
EVERYDAY = {x / 2 for x in range(-4, 5)}  # numbers that a formula of symbols may well be


class Late(Exception):
    """The time that was allowed is over."""


FAILURES = (TinygradLiteError, Unknown, OverflowError, ValueError, RecursionError)


class Claim:
    """Two formulas that a line says are equal.

    Attributes:
        status: follows, does not follow, condition, carried (wrong only because of an earlier line), not checked.
        why: the condition, or the reason why it was not checked.
        blame: the line that is to blame where the status is carried.
    """

    def __init__(self, statement: Statement, left: Term, right: Term) -> None:
        self.statement: Statement = statement
        self.left: Term = left
        self.right: Term = right
        self.status: str = UNCHECKED
        self.why: str = ""
        self.blame: int = 0


class Judge:
    """A document, its worlds, and the verdict on every claim."""

    def __init__(self, document: Document, numbers: dict[str, Any] | None = None, seconds: float = 20.0) -> None:
        self.document: Document = document
        self.until: float = time.process_time() + seconds
        self.points: Points = Points(document)
        self.given: dict[str, Any] = {**document.numbers, **(numbers or {})}
        self.trouble: str = ""
        self.worlds: list[World] = self._worlds()
        self.near: list[World] = []
        self.own: World | None = self._own()
        self.claims: list[Claim] = [Claim(s, s.left, side) for s in document.statements for side in s.claimed]
        self.missing: list[str] = [x for x in self.points.leaves if x in self.points.known and x not in self.given]
        self.numeric: bool = any(self.of_numbers(c) and self._number(c.right) not in EVERYDAY for c in self.claims)
        ds = [t for c in self.claims for side in (c.left, c.right) for t in side.walk() if t.op == "d"]
        self.signs: set[str] = {t.word for t in ds}
        of = {word: {_pair(t) for t in ds if t.word == word} for word in "d∂"}
        self.both: set[tuple[Term, Term]] = (
            of["d"] & of["∂"]
        )  # pairs of which the text has both derivatives, dy/dx and ∂y/∂x

    def _worlds(self) -> list[World]:
        found: list[World] = []
        for kind, seed in itertools.product(("mixed", "positive", "unit"), range(24)):
            if len(found) == WORLDS or (found and kind != "mixed" and len(found) > 1):
                break
            found += self.world(seed, kind)
        return found

    def world(self, seed: int, kind: str, numbers: dict[str, Any] | None = None) -> list[World]:
        """The world of that seed, if the definitions can be computed there."""
        try:
            return [self.points.world(seed, kind, numbers)]
        except FAILURES as error:
            self.trouble = say("{0} is not defined", error) if isinstance(error, Unknown) else str(error).split("\n")[0]
            return []

    def _around(self, own: World) -> list[World]:
        """Points around the user's own numbers; those themselves if they lie on a kink."""
        if any(on_kink(node) for node in _nodes(own)):
            return [own]
        found: list[World] = []
        for seed in range(3):
            move = partial(random.Random(f"near {seed}").choice, (-3, -2, -1, 1, 2, 3))
            moved = {x: each(lambda v, move=move: v.data + move() / 1024.0, own.env[x]) for x in self.points.leaves}
            found += self.world(seed, "mixed", moved)
        return found

    def _own(self) -> World | None:
        if not set(self.points.leaves) & set(self.given):
            return None
        for w in self.world(0, "mixed", self.given):
            bodies = self.document.definitions.values()
            constants = {float(t.word) for _, b in bodies for t in b.walk() if t.op == "num"}
            given = [v for x in self.points.leaves for v in np.ravel(w.env[x])]
            w.rounded = [(v, half) for v in given if (half := half_unit(repr(v.data))) < 1e-4 * abs(v.data)]
            w.rounded = [(v, half) for v, half in w.rounded if len(repr(v.data).strip("-0.").replace(".", "")) > 5]
            w.exact = constants | ({abs(v.data) for v in given} - {abs(v.data) for v, _ in w.rounded})
            return w
        return None

    # ------------------------------------------------------------------ the verdicts

    def judge(self, claim: Claim) -> None:
        """Give the claim its status: follows, does not follow, or not checked."""
        if missed := self._missed(claim):
            claim.why = say("{0} is defined in line {1}, which could not be read", missed, self.document.unread[missed])
            return
        if not self.worlds:
            message = "the definitions cannot be computed: {0}" if self.trouble else "no point was found"
            claim.why = say(message, self.trouble)
            return
        try:
            if self.holds(claim, claim.right) or self._here(claim):
                claim.status = FOLLOWS
                return
        except Late:
            claim.why = say("the time allowed is over")
        except Unknown as word:
            claim.why = say("no definition speaks of {0}", word)
        except ShapeError as error:
            apart = self._apart(claim)
            claim.status, claim.why = (UNCHECKED, apart) if apart else (WRONG, str(error).split("\n")[0])
            return
        except FAILURES as error:
            claim.why = str(error).split("\n")[0]
        if claim.why:
            return
        kinked = self.own is not None and any(node.op.kink is not None for node in _nodes(self.own))
        if unknown := self.unknown(claim):
            claim.why = say("no definition speaks of {0}", ", ".join(unknown))
        elif (self.own is None or self.missing) and ((self.numeric and self.of_numbers(claim)) or kinked):
            claim.why = say("no number is given for {0}", ", ".join(self.missing))
        elif apart := self._apart(claim):
            claim.why = apart
        else:
            claim.status = WRONG

    def _apart(self, claim: Claim) -> str:
        """What the definitions do not connect: of a derivative that is no 0, so that a definition must be missing."""
        for t in claim.left.walk():
            if t.op == "d" and claim.right.bare() != num(0):
                behind = self.document.behind(t.args[0])
                if not behind & (self.points.tops | t.args[1].names()):
                    return say("no definition connects {0} with {1}", t.args[0], t.args[1])
        return ""

    def _missed(self, claim: Claim) -> str:
        """A name behind a claim whose definition could not be read; "" if the claim holds whatever that name is."""
        d, unread = self.document, set(self.document.unread)
        missed = d.behind(claim.left, claim.right) & unread
        ds = [t for side in (claim.left, claim.right) for t in side.walk() if t.op == "d"]
        free = all(t.args[1].names() <= unread or not d.behind(t.args[0]) & unread for t in ds)
        return "" if not missed or (free and self.safely(claim, claim.right)) else min(missed)

    def unknown(self, claim: Claim) -> list[str]:
        """Names of a claim that no definition speaks of."""
        if not self.document.definitions:
            return []
        names = claim.left.names() | claim.right.names()
        spoken_of = self.points.known | set(self.document.definitions) | set(self.letters(claim.left, claim.right))
        return sorted(w for w in names - spoken_of if w in self.points.leaves)

    def _number(self, t: Term) -> float:
        try:
            return float(self.worlds[0].evaluate(t).data)
        except (*FAILURES, IndexError, AttributeError):
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
        claim.why = say("at the given numbers, on a kink") if self.near == [self.own] else say("near the given numbers")
        return True

    def of_numbers(self, claim: Claim) -> bool:
        """Whether a line is about the user's own numbers: it has no names, or digits after the point, rounded."""
        digits = [t.word.replace(".", "").lstrip("0") for t in claim.right.walk() if t.op == "num"]
        rounded = self.own is not None and any(len(word) > 3 for word in digits)
        return rounded or (not claim.right.names() and claim.right.op != "d")

    # ------------------------------------------------------------------ both sides evaluated

    def letters(self, *terms: Term) -> list[str]:
        """The indices that are free in some formulas."""
        return letters_of(terms, self.document.known.indices, self.worlds[0].env)

    def places(self, w: World, *terms: Term) -> Iterator[dict[str, int]]:
        """Every number that the free indices of some formulas can have in a world."""
        letters, both = letters_of(terms, self.document.known.indices, w.env), Term("+", terms)
        for numbers in itertools.product(*[range(w.size(x, both)) for x in letters]):
            yield dict(zip(letters, numbers, strict=True))

    def numbers(self, claim: Claim, t: Term) -> Any:
        """The numbers of a formula in every world and for every index of the claim; None where it has none."""
        try:
            found = [w.evaluate(t, at) for w in self.worlds for at in self.places(w, claim.left, claim.right)]
        except FAILURES:
            return None
        return np.array([v.data for x in found for v in np.ravel(x)])

    def readings(self, left: Term, right: Term) -> list[Reading]:
        """How the ∂ on the right may be meant: along every path, or through one definition only."""
        if self.signs == {"d", "∂"} and left.op == "d" and left.word == "∂":
            return [TOTAL, Reading(lambda t: t.word == "∂", left=True)]
        if not any(t.op == "d" and t.word == "∂" for t in right.walk()):
            return [TOTAL]
        top, both = left.args[0].bare() if left.op == "d" else None, self.both

        def reading(direct: Callable[[Term], bool]) -> Reading:
            return Reading(lambda t: t.word == "∂" and (direct(t.args[0].bare()) or _pair(t) in both))

        tests = (lambda t: False, lambda t: True, lambda t: t != top, lambda t: t == top)
        return [reading(direct) for direct in tests]

    def safely(self, claim: Claim, right: Term, worlds: Sequence[World] | None = None, quick: bool = False) -> bool:
        """`holds`, and False where that could not be computed."""
        try:
            return self.holds(claim, right, worlds, quick)
        except FAILURES:
            return False

    def holds(self, claim: Claim, right: Term, worlds: Sequence[World] | None = None, quick: bool = False) -> bool:
        """Whether the right-hand side, or another one in its place, is the left-hand side in every world.

        Raises:
            ShapeError, Unknown, DomainError: it could not be computed anywhere.
            Late: the time that was allowed is over.
        """
        if time.process_time() > self.until:
            raise Late
        errors: list[Exception] = []
        for reading in self.readings(claim.left, right):
            verdicts: list[bool] = []
            for w in worlds or self.worlds:
                try:
                    gap, scale = self.gap(w, claim, right, reading)
                except (TinygradLiteError, Unknown, OverflowError) as error:
                    errors.append(error)
                    if isinstance(error, (ShapeError, Unknown)):
                        break
                    continue
                near = 1e-9 * scale + w.slack(gap) if w is self.own else 1e-7 * scale
                verdicts.append(abs(gap.data) <= near and (w is self.own or quick or exact_number(gap) == 0))
                if not verdicts[-1]:
                    break
            if verdicts and all(verdicts):
                return True
            if not verdicts and errors:
                raise errors[0]
        return False

    def gap(self, w: World, claim: Claim, right: Term, reading: Reading = TOTAL) -> tuple[Value, float]:
        """The difference of all entries of both sides, weighted and added; and how large the left-hand side is."""
        draw, parts, scale = random.Random(7), [], 1.0
        for at in self.places(w, claim.left, right):
            if any(w.evaluate(r, at).data == 0.0 for r in claim.statement.only):
                continue
            x, y = w.evaluate(claim.left, at, reading if reading.left else TOTAL), w.evaluate(right, at, reading)
            if np.shape(x) != np.shape(y):
                y = stretched(x, y)
            parts += [v * float(draw.randint(2, 30)) for v in np.ravel(combined("-", x, y))]
            scale = max(scale, *[abs(v.data) for v in np.ravel(x)])
        return total(parts), scale


def _pair(t: Term) -> tuple[Term, Term]:
    return t.args[0].bare(), t.args[1].bare()


def _nodes(w: World) -> list[Value]:
    return topological(*[v for x in w.env.values() for v in np.ravel(x)])
