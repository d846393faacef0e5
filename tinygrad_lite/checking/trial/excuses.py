"""What is right though it differs: the loss without the guard of its logarithm, and whatever a kink allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.checking.network.kinks import gradients, intervals
from tinygrad_lite.checking.network.layers import BINARY, CROSS
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.entries import entries_like, indices, read
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.checking.trial.numerical_check import measured_slope
from tinygrad_lite.report.language import say

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import CaseResult, Evaluation


def excuse(evaluation: Evaluation, case: CaseResult) -> None:
    """Call those gradients of a case right after all that are."""
    network = evaluation.network
    if network is not None and case.record is not None and network.kind in (BINARY, CROSS):
        _guard(evaluation, case)
    if not case.ok:
        _kinks(evaluation, case)


def _guard(evaluation: Evaluation, case: CaseResult) -> None:
    """Accept the gradient of the loss without the small number that guards its logarithm."""
    network = evaluation.network
    assert case.comparison is not None
    assert case.record is not None
    assert network is not None
    plain = gradients(network, case.record)
    epsilon = network.summed.epsilon
    for verdict in case.comparison.verdicts:
        mine = case.answer.gradients.get(verdict.name)
        like = entries_like(plain["d" + verdict.name], case.problem.params[verdict.name])
        if not verdict.ok and Verdict(verdict.name, mine, like, evaluation.rtol, case.overall).ok:
            said = say("right for the loss without the {0:g} that is added inside its logarithm", epsilon or 1e-12)
            verdict.excuse("EPSILON", said)
            if epsilon:
                said = say("the loss adds {0:g} inside the logarithm; gradients without it are accepted", epsilon)
                evaluation.remark("EPSILON", said)


def _kinks(evaluation: Evaluation, case: CaseResult) -> None:
    """Accept what a kink allows: the interval of the recognised network, or the two measured sides."""
    assert case.comparison is not None
    record, net = case.record, evaluation.network
    allowed = intervals(net, record) if net is not None and record is not None else {}
    for verdict in case.comparison.verdicts:
        if verdict.ok or not verdict.wrong or verdict.hand is None or verdict.exact is None:
            continue
        if verdict.hand.shape != verdict.exact.shape:
            continue
        if allowed:
            low, high = (read(x).numbers for x in allowed[verdict.name])
            accepted = all(
                verdict.near(h, min(max(h, lo), hi)) for h, lo, hi in zip(verdict.hand.numbers, low, high, strict=True)
            )
        else:
            accepted = net is None and len(verdict.wrong) <= 24 and _measured(evaluation, case.problem, verdict)
        if accepted:
            verdict.excuse(
                "KINK", say("the point is on a kink, where several gradients are right; yours is one of them")
            )
            case.kinks.append(verdict.name)


def _measured(evaluation: Evaluation, problem: Problem, verdict: Verdict) -> bool:
    assert verdict.hand is not None
    f = evaluation.along(problem, verdict.name)
    flat = read(problem.params[verdict.name]).numbers
    places = list(indices(verdict.hand.shape))
    for index in verdict.wrong:
        i = places.index(index)
        slope = measured_slope(f, flat, i)
        if not slope.kink or not slope.accepts(verdict.hand.numbers[i]):
            return False
    return True
