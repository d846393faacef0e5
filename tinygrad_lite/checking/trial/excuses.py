"""What is right though it differs: the loss without the guard of its logarithm, what a kink allows, and rounding."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_lite.analysis.losses import BINARY, CROSS
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import gradients, intervals
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import entries_like, indices, read
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.submission import Submission
from tinygrad_lite.report.language import say

NEARLY = 1e-4  # a difference so small, relative to the gradient, may be rounding, and is looked into
OURS = 0.1  # on problems of ours, which can be left out
BLURRED = 1e-6
MEASURED_AT_MOST = 24  # entries of a gradient that are measured for a kink
STEPS = {2: 1.0, 1: -4.0, 0: 6.0, -1: -4.0, -2: 1.0}  # the fourth difference, which is 0 for what is smooth


def excuse(submission: Submission, network: Network | None, case: CaseResult) -> Iterator[tuple[str, str]]:
    """Call those gradients of a case right after all that are; what is to be said of it as (code, sentence)."""
    if network is not None and case.record is not None and network.kind in (BINARY, CROSS):
        yield from _guard(network, case, case.record)
    if not case.ok:
        _kinks(submission, network, case)


def _guard(network: Network, case: CaseResult, record: Record) -> Iterator[tuple[str, str]]:
    """Accept the gradient of the loss without the small number that guards its logarithm."""
    assert case.comparison is not None
    plain = gradients(network, record)
    exact = {name: entries_like(plain["d" + name], x) for name, x in case.problem.params.items()}
    unguarded = Comparison(case.answer.gradients, exact, case.comparison.rtol)
    epsilon = network.summed.epsilon
    for verdict in case.comparison.verdicts:
        if not verdict.ok and unguarded[verdict.name].ok:
            message = say("right for the loss without the {0:g} that is added inside its logarithm", epsilon or 1e-12)
            verdict.excuse("EPSILON", message)
            if epsilon:
                message = say("the loss adds {0:g} inside the logarithm; gradients without it are accepted", epsilon)
                yield "EPSILON", message


def _kinks(submission: Submission, net: Network | None, case: CaseResult) -> None:
    """Accept what a kink allows: the interval of the recognised network, or the two measured sides."""
    assert case.comparison is not None
    allowed = intervals(net, case.record) if net is not None and case.record is not None else {}
    for verdict in case.comparison.verdicts:
        hand, shape = verdict.hand, case.exact[verdict.name].shape
        if verdict.ok or not verdict.wrong or hand is None or hand.shape != shape:
            continue
        if allowed:
            pairs = list(zip(*(read(x).numbers for x in allowed[verdict.name]), strict=True))
        elif net is None and len(verdict.wrong) <= MEASURED_AT_MOST:
            pairs = _measured(submission, case.problem, verdict)
        else:
            continue
        if verdict.allow(pairs):
            case.kinks.append(verdict.name)


def _measured(submission: Submission, problem: Problem, verdict: Verdict) -> list[tuple[float, float]]:
    """For each entry what may be there: the exact number, or the user's if a kink is measured that allows it."""
    assert verdict.hand is not None
    assert verdict.exact is not None
    loss, found = submission.near(problem), [(e, e) for e in verdict.exact.numbers]
    places = list(indices(verdict.hand.shape))
    for i in map(places.index, verdict.wrong):
        mine, derivative = verdict.hand.numbers[i], loss.derivative(verdict.name, i)
        if derivative.kink and derivative.accepts(mine):
            found[i] = mine, mine
    return found


def rounding(submission: Submission, case: CaseResult, seed: int) -> dict[str, float]:
    """By name, how far the engine's own rounding may have moved the gradients of a case; {} if that cannot be.

    Where a loss cancels, as log(1 - p) with p near 1, the exact gradients have few digits. They are computed again
    at four points near by along a line: of their fourth difference all that is smooth cancels, and rounding stays.
    """
    assert case.comparison is not None
    most = NEARLY if case.problem.seed is None else OURS
    far = [v.largest / v.scale if v.scale else 1.0 for v in case.comparison.verdicts if not v.ok]
    if case.source != "engine" or any(not 0 < x < most for x in far):
        return {}
    chance = np.random.default_rng(seed)
    noise = dict.fromkeys(case.exact, 0.0)
    for _ in range(2):
        step = {n: 1e-4 * chance.normal(size=np.shape(x)) for n, x in case.problem.params.items()}
        total = {n: np.zeros(len(entries.numbers)) for n, entries in case.exact.items()}
        for k, weight in STEPS.items():
            params = {n: x * (1 + k * step[n]) for n, x in case.problem.params.items()}
            try:
                found = submission.exact(Problem(case.problem.name, params, case.problem.data))
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
