"""What makes a gradient wrong without any change to the chain rule, each verified on every problem.

A backprop that raises, a target that makes a table of all pairs, an argument that was changed in place, NaN,
decimals cut off, gradients clipped: such a cause accounts for all of a parameter's numbers, or it is not
named here. What it accounts for need not be searched for in the chain rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.hints import Tolerance
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.report.language import say

Pairs = list[tuple[float, float]]  # the user's numbers beside the exact ones


def causes(evaluation: Evaluation, wrong: list[str]) -> dict[str, Mistake]:
    """For each wrong parameter the cause that accounts for all its numbers, where there is one."""
    compared = [e for e in evaluation.cases if e.comparison is not None]
    if not wrong or not evaluation.cases:
        return {}
    if not compared:
        error = evaluation.cases[0].answer.error
        return dict.fromkeys(wrong, Mistake("RAISED", "backprop", say("backprop gave no gradients: {0}", error)))
    for cause, problem_of in _elsewhere(evaluation):
        if all(_right_at(evaluation, e, problem_of) for e in compared):
            return dict.fromkeys(wrong, cause)
    found = {name: own for name in wrong if (own := _of_numbers(name, compared))}
    return found or _clipped(wrong, compared)


def _elsewhere(evaluation: Evaluation) -> Iterator[tuple[Mistake, Callable[[CaseResult], Problem]]]:
    """Problems at which the user's gradients may be right, though they are wrong at the one that was given."""
    remarks = dict(evaluation.remarks)
    if "TARGET_SHAPE" in remarks:
        for shape in ((-1, 1), (1, -1)):
            message = say("{0}: for that shape every gradient of yours is right", remarks["TARGET_SHAPE"])

            def reshaped(e: CaseResult, shape: tuple[int, int] = shape) -> Problem:
                x, y, *more = e.problem.data
                return Problem(e.problem.name, e.problem.params, (x, np.reshape(y, shape), *more))

            yield Mistake("TARGET_SHAPE", "loss", message), reshaped
    if "MUTATED" in remarks:
        message = say("{0}: at the numbers it left there every gradient of yours is right", remarks["MUTATED"])
        yield Mistake("MUTATED", "backprop", message), lambda e: Problem(e.problem.name, *e.answer.left)


def _right_at(evaluation: Evaluation, e: CaseResult, problem_of: Callable[[CaseResult], Problem]) -> bool:
    """Whether the answer to one problem is the exact gradient of another."""
    try:
        exact = evaluation.submission.exact(problem_of(e))
    except (RuntimeError, ValueError, TypeError):
        return False
    return Comparison(e.answer.gradients, exact, evaluation.rtol).ok


def _of_numbers(name: str, compared: list[CaseResult]) -> Mistake | None:
    """NaN, or decimals cut off, in every place where this gradient is wrong."""
    found: list[tuple[Verdict, Pairs]] = []  # without numbers where the shape is wrong
    for verdict in [e.comparison[name] for e in compared if e.comparison is not None]:
        if not verdict.ok:
            hand, exact = verdict.hand, verdict.exact
            fits = hand and exact and hand.shape == exact.shape
            found.append((verdict, list(zip(hand.numbers, exact.numbers, strict=True)) if fits else []))  # type: ignore[union-attr]
    bad = [sum(not math.isfinite(h) for h, _ in pairs) for _, pairs in found]
    if bad and all(bad):
        message = "{0} of {1} entries of d{2} are NaN or infinite; look for log(0), 0/0 or an overflow"
        return Mistake("NAN", f"d{name}", say(message, bad[0], len(found[0][1]), name))
    whole = found and all(any(hint.code == "INT_TRUNCATION" for hint in verdict.hints) for verdict, _ in found)
    if whole and all(h in (math.trunc(e), math.floor(e)) for _, pairs in found for h, e in pairs):
        message = say("d{0} is an array of whole numbers, which cut off the decimals of the right one", name)
        return Mistake("INT_TRUNCATION", f"d{name}", message, "float64")
    return None


def _clipped(wrong: list[str], compared: list[CaseResult]) -> dict[str, Mistake]:
    """Gradients that are the exact ones with a limit: at +-c entry by entry, or c for the length of all of them."""
    problems: list[Pairs] = []
    for e in compared:
        assert e.comparison is not None
        problems.append([])
        for v in e.comparison.verdicts:
            if v.hand is None or v.exact is None or v.hand.shape != v.exact.shape:
                return {}
            problems[-1] += zip(v.hand.numbers, v.exact.numbers, strict=True)
    limit = max(abs(h) for pairs in problems for h, _ in pairs)
    near = Tolerance(1e-9, limit, limit)
    cut = [abs(e) > limit and not near(abs(e), limit) for pairs in problems for _, e in pairs]
    held = all(near(h, min(max(e, -limit), limit)) for pairs in problems for h, e in pairs)
    if held and sum(cut) > 1 and not all(cut) and limit > 0.0:
        message = "your gradients are the exact ones clipped at {0:.6g} and -{0:.6g}: every derivative is right"
        return dict.fromkeys(wrong, Mistake("CLIPPED", "backprop", say(message, limit)))
    lengths = [(math.hypot(*(h for h, _ in pairs)), math.hypot(*(e for _, e in pairs))) for pairs in problems]
    limit = max(mine for mine, _ in lengths)
    scales = [min(1.0, limit / exact) if exact else 1.0 for _, exact in lengths]
    same = all(near(h, s * e) for pairs, s in zip(problems, scales, strict=True) for h, e in pairs)
    if limit > 0.0 and sum(s < 1 for s in scales) > 1 and same:
        message = "your gradients are the exact ones shortened to the length {0:.6g}: every derivative is right"
        return dict.fromkeys(wrong, Mistake("CLIPPED", "backprop", say(message, limit)))
    return {}
