"""One problem on which a backprop was tried: what was answered, and what is exact."""

from __future__ import annotations

from tinygrad_lite.checking.network.network import Record
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import Entries
from tinygrad_lite.checking.trial.answer import Answer


class CaseResult:
    """One problem, what was answered on it, and what is exact.

    Attributes:
        problem, answer: the problem, and the user's gradients on it.
        exact: the exact gradients by name; {} if they are not known.
        source: where these come from: "engine", "model" or "measured".
        noise: by name, how far a measured one may be off.
        comparison: the verdicts; None if there were no gradients to compare.
        record: the recognised network's forward pass, or None.
        kinks: names whose gradient was accepted within the interval that a kink allows.
    """

    def __init__(self, problem: Problem, answer: Answer) -> None:
        self.problem: Problem = problem
        self.answer: Answer = answer
        self.exact: dict[str, Entries] = {}
        self.source = ""
        self.noise: dict[str, float] = {}
        self.comparison: Comparison | None = None
        self.record: Record | None = None
        self.kinks: list[str] = []

    @property
    def ok(self) -> bool:
        return self.comparison is not None and self.comparison.ok
