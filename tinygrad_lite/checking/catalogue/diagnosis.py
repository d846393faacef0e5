"""What a diagnosis is: causes, mistakes, other explanations, and what stays unknown."""

from __future__ import annotations

from tinygrad_lite.checking.result.hints import Hint
from tinygrad_lite.checking.result.mistakes import Mistake


class Diagnosis:
    """What was done.

    Attributes:
        causes: by parameter, what accounts for its wrong gradient outside the chain rule.
        mistakes: the changes to the chain rule that give the other numbers on every problem; empty if right or unknown.
        tied: other sets of changes that give the same numbers on every problem, as easy to believe.
        near: likewise, a little harder to believe.
        unknown: the parameters for which nothing in the catalogue gives the numbers.
        why: what was tried on them in vain.
        hints: what the numbers and shapes show by themselves.
        links: (name, mark, remark) from the loss down, for the strip.
        problems: on how many problems the numbers were reproduced.
    """

    def __init__(self) -> None:
        self.causes: dict[str, Mistake] = {}
        self.mistakes: list[Mistake] = []
        self.tied: list[list[Mistake]] = []
        self.near: list[list[Mistake]] = []
        self.unknown: list[str] = []
        self.why = ""
        self.hints: list[Hint] = []
        self.links: list[tuple[str, str, str]] = []
        self.problems = 0
