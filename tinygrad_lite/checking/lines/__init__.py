"""Which line of a hand-written backward is wrong, and what must stand there: lines with marks, and verified mends.

`functions` finds the user's functions and copies them; `slots` are the places in them; `loss` tells what its forward
pass knows; `goals` (by name) and `reach` (by linear algebra) say what a place must compute; `edits`, `grafts` and
`statements` offer changes, written as `forms`; `place` and `search` try them on the `bench`; `text`, `mend` and
`marks` write them down. Read `search` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.checking.lines.bench import Bench
from tinygrad_lite.checking.lines.loss import Loss
from tinygrad_lite.checking.lines.marks import Line, marked
from tinygrad_lite.checking.lines.mend import Edit, Mend
from tinygrad_lite.checking.lines.program import Program
from tinygrad_lite.checking.lines.safety import refused
from tinygrad_lite.checking.lines.search import Search
from tinygrad_lite.report.language import say

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import Evaluation

BUDGET = 8000.0

__all__ = ["Edit", "Found", "Line", "Mend", "sought"]


class Found:
    """What the search found.

    Attributes:
        lines: of every function that the backward runs, with marks.
        mends: best first; empty if none was found.
        runs: of the backward that it took.
        reason: why nothing was sought, or "".
    """

    def __init__(self, reason: str = "") -> None:
        self.lines: list[Line] = []
        self.mends: list[Mend] = []
        self.runs: int = 0
        self.reason: str = reason


def sought(evaluation: Evaluation, budget: float = BUDGET) -> Found:
    """The first wrong line of a backward that is wrong, and mends of it.

    Args:
        evaluation: what was tried, with something wrong.
        budget: how much may be tried, counted in runs of the backward.
    """
    bench = Bench(evaluation, budget)
    written = getattr(bench.original.backprop_fn, "__wrapped__", None)
    if str(getattr(written, "__module__", "")).startswith("tinygrad_lite."):
        return Found(say("rules for a library are run, not searched"))
    if not bench.functions:
        return Found(say("the source of backprop cannot be had"))
    unsafe = next((message for f in bench.functions if (message := refused(f))), "")
    if unsafe:
        return Found(say("{0}, which is not to be repeated, so no changes were tried", unsafe))
    if not bench.problems:
        return Found(say("the loss cannot be run on Values"))
    found = Found()
    with bench.quiet():
        loss = Loss(bench)
        search = Search(bench, loss, Program({f: f.tree for f in bench.functions}))
        steps = search.mends()
        for step in steps:
            made = Mend(bench, step.program, step.stands, loss.passes[0])
            if made.edits and all(made.sources != other.sources for other in found.mends):
                found.mends.append(made)
        places = [sorted(e.line for e in m.edits) for m in found.mends]
        for m, mine in zip(found.mends, places, strict=True):
            m.tied = sorted({line for other in places for line in other if other != mine} - set(mine))
        found.lines = marked(bench, search.goals, steps[0].program if steps else None)
    found.runs = bench.runs
    return found
