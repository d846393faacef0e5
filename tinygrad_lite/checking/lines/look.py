"""A program looked at: what it does, what is right, which lines miss their goal, and the places that can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.checking.lines.bench import Program, Recording
from tinygrad_lite.checking.lines.functions import Function
from tinygrad_lite.checking.lines.goals import Goals
from tinygrad_lite.checking.lines.place import Place
from tinygrad_lite.checking.lines.slots import Slot
from tinygrad_lite.checking.network.arrays import Array

if TYPE_CHECKING:
    from tinygrad_lite.checking.lines.seek import Seeker


class Step:
    """A program that was reached.

    Attributes:
        price: cost of the last edit and what speaks against its place.
        names: the gradients that are exact everywhere; all of them if this is a mend.
        met: whether it was kept because a line now meets its goal.
    """

    def __init__(self, price: float, names: frozenset[str], program: Program, met: bool = False) -> None:
        self.price, self.names, self.program, self.met = price, names, program, met

    @property
    def place(self) -> tuple[Function, int]:
        return self.program.edits[-1]


class Look:
    """A program as it was found: its recordings, what is right, and its places."""

    def __init__(self, seeker: Seeker, program: Program) -> None:
        bench = seeker.bench
        self.program = program
        self.runs = [bench.record(program, k) for k in range(len(seeker.forwards))]
        self.goals = Goals(bench, self.runs, seeker.forwards, seeker.shared)
        first: Recording = self.runs[0]
        self.first, self.slots = first, first.slots
        self.base: dict[str, Array] = first.got or {}
        self.right, _ = bench.right_everywhere(program.codes)
        self.wrong = bench.names - self.right
        self.primes = self.goals.primes(program)
        self.measured = False
        self.places = [Place(bench, program, s, self.runs, seeker.constants) for s in self.slots if self._open(s)]
        self.of = {id(p.slot): p for p in self.places}

    def _open(self, slot: Slot) -> bool:
        """Whether a slot can be searched: it ran, or it is where the program stopped."""
        if self.first.error is not None and slot.line == self.first.line:
            slot.evidence = -0.8
            return slot.editable
        return slot.editable and bool(slot.visits)
