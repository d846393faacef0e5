"""How few digits the engine's own gradients may have, where a loss cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import CaseResult, Evaluation

NEARLY = 1e-4  # a difference so small, relative to the gradient, may be rounding, and is looked into
OURS = 0.1  # on problems of ours, which can be left out
BLURRED = 1e-6


STEPS = {2: 1.0, 1: -4.0, 0: 6.0, -1: -4.0, -2: 1.0}  # the fourth difference, which is 0 for what is smooth


def rounding(evaluation: Evaluation, case: CaseResult) -> dict[str, float]:
    """By name, how far the engine's own rounding may have moved the gradients of a case; {} if that cannot be.

    Where a loss cancels, as log(1 - p) with p near 1, the exact gradients have few digits. They are computed again
    at four points near by along a line: of their fourth difference all that is smooth cancels, and rounding stays.
    """
    assert case.comparison is not None
    most = NEARLY if case.problem.seed is None else OURS
    far = [v.largest / v.scale if v.scale else 1.0 for v in case.comparison.verdicts if not v.ok]
    if case.source != "engine" or any(not 0 < x < most for x in far):
        return {}
    chance = np.random.default_rng(evaluation.seed)
    noise = dict.fromkeys(case.exact, 0.0)
    for _ in range(2):
        step = {n: 1e-4 * chance.normal(size=np.shape(x)) for n, x in case.problem.params.items()}
        total = {n: np.zeros(len(entries.numbers)) for n, entries in case.exact.items()}
        for k, weight in STEPS.items():
            params = {n: x * (1 + k * step[n]) for n, x in case.problem.params.items()}
            try:
                found = evaluation.submission.exact(Problem(case.problem.name, params, case.problem.data))
            except RuntimeError:
                return {}
            total = {n: total[n] + weight * np.array(entries.numbers) for n, entries in found.items()}
        noise = {n: max(noise[n], 8 * float(np.abs(x).max(initial=0.0))) for n, x in total.items()}
    return {n: x for n, x in noise.items() if x <= 10 * most * max(map(abs, case.exact[n].numbers), default=0.0)}


def blurred(case: CaseResult) -> bool:
    """Whether a problem of ours has too few digits to tell anything."""
    scales = {n: max(map(abs, entries.numbers), default=0.0) for n, entries in case.exact.items()}
    measured = case.source != "engine" or case.problem.seed is None
    return not measured and any(x > BLURRED * scales[n] for n, x in case.noise.items())
