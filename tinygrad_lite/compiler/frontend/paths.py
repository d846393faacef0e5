"""Every way through the comparisons of a function, joined into one program without branches.

In: a trace without numbers, and what runs the function on it. Out: references of its results.

`explore` runs the function once for every sequence of outcomes that its comparisons can have, and joins what these
paths give by selects; a path on which the function refuses its arguments gives NaN. That turns
`1.0 if x > 0 else 0.0`, in a rule of the table or in a loss of one sample, into code without branches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Ref, Tape
from tinygrad_lite.engine import ops
from tinygrad_lite.errors import TinygradLiteError, user_line


class Traced(Protocol):
    """What follows a path while the function runs: a trace (trace.py)."""

    path: Path | None

    @property
    def tape(self) -> Tape: ...


class TooManyPaths(TinygradLiteError):
    """The comparisons of a function have more outcomes together than can be joined by selects."""


class Path:
    """The outcomes of comparisons on one run: a given beginning, then True at every new one.

    What follows from an earlier outcome is not asked again: x < y makes y < x false.
    """

    def __init__(
        self, script: tuple[int, ...], donor: Sequence[Ref] = (), taken_over: int = 0, most: int = 1 << 30
    ) -> None:
        self.script = script
        self.most = most  # comparisons; each brings a path of its own
        self.donor = donor  # what the path wrote from which this one branches off ...
        self.taken_over = taken_over  # ... and how much of it stands before the branch
        self.written: list[Ref] = []
        self.lengths: list[int] = []  # how much was written when each comparison was met
        self.questions: list[tuple[Ref, list[int] | None]] = []  # a flag, or a whole number and what it may be
        self.outcomes: list[int] = []
        self.known: dict[tuple[Ref, Ref], bool] = {}
        self.chosen: dict[Ref, int] = {}

    def decide(self, tape: Tape, x: Ref, y: Ref) -> bool:
        if (x, y) not in self.known:
            outcome = self.known[x, y] = bool(self._asked(tape.node(LESS, (x, y)), None))
            if outcome:
                self.known[y, x] = False
        return self.known[x, y]

    def choose(self, ref: Ref, choices: list[int]) -> int:
        """Which of the choices a whole number is on this path."""
        if ref not in self.chosen:
            self.chosen[ref] = self._asked(ref, choices) if len(choices) > 1 else 0
        return self.chosen[ref]

    def _asked(self, ref: Ref, choices: list[int] | None) -> int:
        n = len(self.outcomes)
        if n >= self.most:  # as in a loop that goes on while a number is small
            raise TooManyPaths(f"a function makes more than {self.most} comparisons on one path{user_line()}.")
        self.questions.append((ref, choices))
        self.lengths.append(len(self.written))
        self.outcomes.append(self.script[n] if n < len(self.script) else int(choices is None))
        return self.outcomes[-1]


def explore(
    trace: Traced,
    run: Callable[[], Sequence[Ref]],
    known: dict[tuple[Ref, Ref], bool] | None = None,
    cap: int = 64,
) -> list[Ref]:
    """Run once for every path through the comparisons, and join what the paths give by selects.

    Args:
        trace: a trace by paths, on a Builder (which writes the shared beginning of two paths once).
        run: gives the references of its results, as many on every path.
        known: comparisons whose outcome is certain beforehand.
        cap: the largest number of paths.

    Raises:
        TooManyPaths: there are more paths than `cap`.
    """
    done: list[tuple[Path, list[Ref]]] = []
    refused: dict[Path, Exception] = {}
    scripts: list[tuple[tuple[int, ...], Sequence[Ref], int]] = [((), (), 0)]
    while scripts:
        if len(done) + len(scripts) > cap:
            raise TooManyPaths(
                f"a function compiled for rows has more than {cap} paths through its comparisons{user_line()}."
            )
        path = trace.path = Path(*scripts.pop(), cap)
        path.known.update(known or {})
        try:
            done.append((path, list(run())))
        except (ValueError, ArithmeticError, LookupError) as reason:  # no number there: the engine will be asked
            refused[path] = reason
            done.append((path, []))
        for n in range(len(path.script), len(path.outcomes)):
            choices = path.questions[n][1]
            others = range(2 if choices is None else len(choices))
            begun = path.outcomes[:n]
            scripts += [((*begun, o), path.written, path.lengths[n]) for o in reversed(others) if o != path.outcomes[n]]
    if len(refused) == len(done):
        raise refused[done[0][0]]
    nothing = [trace.tape.constant(math.nan)] * max(len(results) for _, results in done)
    return _joined(trace.tape, [(path, nothing if path in refused else results) for path, results in done], 0)


def _joined(tape: Tape, paths: list[tuple[Path, list[Ref]]], step: int) -> list[Ref]:
    path, results = paths[0]
    if len(paths) == 1:
        return results
    ref, choices = path.questions[step]  # the same on all of them: they agree up to here
    ways = range(2 if choices is None else len(choices))
    each = [_joined(tape, [p for p in paths if p[0].outcomes[step] == way], step + 1) for way in ways]
    if choices is None:
        return [tape.node(SELECT, (ref, x, y)) for y, x in zip(*each, strict=True)]
    return [picked(tape, ref, choices, options) for options in zip(*each, strict=True)]


def picked(tape: Tape, label: Ref, choices: Sequence[int], options: Sequence[Ref]) -> Ref:
    """The option whose choice the label is: a sum of selects of which one is not 0, all of the same shape."""
    if len(set(options)) == 1:
        return options[0]
    zero = tape.constant(0.0)
    terms = []
    for choice, option in zip(choices, options, strict=True):
        above = tape.node(LESS, (tape.constant(choice - 0.5), label))
        below = tape.node(LESS, (label, tape.constant(choice + 0.5)))
        terms.append(tape.node(SELECT, (above, tape.node(SELECT, (below, option, zero)), zero)))
    return tape.node(ops.sum, tuple(terms))
