"""What unexplained gradients show by their shapes and numbers, on all problems together.

One number on one problem always has a ratio to the exact one; the same ratio in many numbers, or a ratio that
follows the sizes of the problems, is a fact worth telling. What made it is not concluded from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinygrad_lite.checking.result.factors import law
from tinygrad_lite.checking.result.hints import Hint, Tolerance, common_ratio, hint, ratio_hint
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.report.language import say

SHAPES = ("SHAPE", "SHAPE_GREW", "SILENT_BROADCAST", "TRANSPOSED", "NAME")
RATIOS = ("RATIO", "FACTOR_2", "SIGN")


def hints_of(evaluation: Evaluation, wrong: list[str], unknown: list[str]) -> list[Hint]:
    """What shapes show of all wrong gradients, and numbers of the unexplained ones."""
    if not any(e.comparison is not None for e in evaluation.cases):
        return []
    found = [hint for name in wrong for hint in _of_shape(name, evaluation)]
    together = _ratio(unknown, evaluation, say("of every wrong gradient yours is")) if len(unknown) > 1 else []
    return found + (together or [hint for name in unknown for hint in _of_numbers(name, evaluation)])


def _verdicts(name: str, evaluation: Evaluation) -> list[tuple[CaseResult, Verdict]]:
    """The problems on which a gradient is wrong."""
    compared = [(e, e.comparison[name]) for e in evaluation.cases if e.comparison is not None]
    return [(e, verdict) for e, verdict in compared if not verdict.ok]


def _of_shape(name: str, evaluation: Evaluation) -> Iterator[Hint]:
    for e, verdict in _verdicts(name, evaluation):
        odd = [found for found in verdict.hints if found.code in SHAPES]
        if odd:
            yield from (hint(each.code, "on {0}, d{1}: {2}", e.problem.words(), name, each.sentence) for each in odd)
            return


def _of_numbers(name: str, evaluation: Evaluation) -> list[Hint]:
    """One ratio on all problems, or whatever else is the same on all of them."""
    ratio = _ratio([name], evaluation, say("of d{0} yours is", name))
    if ratio:
        return ratio
    verdicts = _verdicts(name, evaluation)
    first = [hint for hint in verdicts[0][1].hints if not {*hint.code.split(", ")} & {*SHAPES, *RATIOS}]
    return [
        Hint(hint.code, f"d{name}: {hint.sentence}{_on(len(verdicts))}")
        for hint in first
        if all(hint.code in [each.code for each in verdict.hints] for _, verdict in verdicts)
    ]


def _ratio(names: list[str], evaluation: Evaluation, what: str) -> list[Hint]:
    """One ratio on each problem, and one law behind the ratios: a constant, or a power of N and O."""
    ratios, sizes, numbers = [], [], 0
    for e in evaluation.cases:
        verdicts = [e.comparison[name] for name in names] if e.comparison is not None else []
        if not verdicts or any(v.ok or v.hand is None or v.exact is None for v in verdicts):
            continue
        if any(v.hand.shape != v.exact.shape for v in verdicts):  # type: ignore[union-attr]
            return []
        pairs = [p for v in verdicts for p in zip(v.hand.numbers, v.exact.numbers, strict=True)]  # type: ignore[union-attr]
        scale = max(abs(exact) for _, exact in pairs)
        ratio = common_ratio(pairs, Tolerance(evaluation.rtol, scale, scale), least=1)
        if ratio is None:
            return []
        ratios.append(ratio)
        sizes.append(_size(e, evaluation))
        numbers += sum(abs(x) > 1e-9 * scale for _, x in pairs)
    sizes = sizes if len(set(sizes)) > 1 else [(1, 1)] * len(sizes)  # one size says nothing of N and O
    found = law(ratios, sizes) if numbers > 1 else None
    if found is None:
        return []
    samples, outputs = say(", with N samples") if found.n else "", say(", with O outputs") if found.o else ""
    return [ratio_hint(found, what, f"{_on(len(ratios))}{samples}{outputs}")]


def _size(e: CaseResult, evaluation: Evaluation) -> tuple[int, int]:
    """Samples and outputs of a problem, (1, 1) where they are not known."""
    if evaluation.structure is None:
        return 1, 1
    found = re.findall(r"\d+", e.problem.sizes) or [evaluation.structure.n, evaluation.structure.widths[-1]]
    return int(found[0]), int(found[-1])


def _on(problems: int) -> str:
    return say(" on {0} problems", problems) if problems > 1 else say(" on one problem")
