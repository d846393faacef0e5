"""Which line of a hand-written backward is wrong, and what must stand there: lines with marks, and verified mends.

`functions` finds the user's functions and copies them; `slots` are the places in them; `goals` (by name) and `reach`
(by linear algebra) say what a place must compute; `edits`, `grafts` and `sentences` offer changes; `place` and `seek`
try them; `text` and `mend` write them down. Read `seek` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.checking.lines.bench import Bench, Program
from tinygrad_lite.checking.lines.mend import Edit, Line, Mend, marked
from tinygrad_lite.checking.lines.safety import refused
from tinygrad_lite.checking.lines.seek import Seeker

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import Evaluation

__all__ = ["Edit", "Found", "Line", "Mend", "sought"]


class Found:
    """What the search found.

    Attributes:
        lines: of every function that the backward runs, with marks.
        mends: best first; empty if none was found.
        seconds, runs: what it took.
        reason: why nothing was sought, or "".
    """

    def __init__(self, reason: str = "") -> None:
        self.lines: list[Line] = []
        self.mends: list[Mend] = []
        self.seconds, self.runs, self.reason = 0.0, 0, reason


def sought(evaluation: Evaluation, budget: float = 6.0) -> Found:
    """The first wrong line of a backward that is wrong, and mends of it.

    Args:
        evaluation: what was tried, with something wrong.
        budget: seconds of processor time.
    """
    bench = Bench(evaluation, budget)
    if not bench.functions:
        return Found("the source of backprop cannot be had")
    unsafe = next((said for f in bench.functions if (said := refused(f))), "")
    if unsafe:
        return Found(f"{unsafe}, which is not to be repeated, so no changes were tried")
    if not bench.problems:
        return Found("the loss cannot be run on Values")
    found = Found()
    with bench.quiet():
        seeker = Seeker(bench)
        steps = seeker.seek(Program({f: f.tree for f in bench.functions}))
        assert seeker.first is not None
        for step in steps:
            made = Mend(bench, step.program, seeker.forwards[0])
            if all(made.sources != other.sources for other in found.mends):
                found.mends.append(made)
        places = [sorted(e.line for e in m.edits) for m in found.mends]
        for m, mine in zip(found.mends, places, strict=True):
            m.tied = sorted({line for other in places for line in other if other != mine} - set(mine))
        found.lines = marked(bench, seeker.first.goals, steps[0].program if steps else None)
    found.seconds, found.runs = bench.spent(), bench.runs
    return found
