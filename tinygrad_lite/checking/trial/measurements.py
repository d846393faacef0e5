"""The user's gradients on the user's data beside measurements that know no derivative rule."""

from __future__ import annotations

import time

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.result.entries import entry_name, indices
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.checking.trial.numerical_check import RIGHT, Derivative, Taylor


def taylor_of(evaluation: Evaluation) -> Taylor | None:
    """The Taylor remainder of the user's own gradients on the user's data."""
    case = evaluation.cases[0] if evaluation.cases else None
    if case is None or case.comparison is None or case.kinks:
        return None
    given = [case.answer.gradients.get(name) for name in evaluation.submission.names]
    shapes = [np.shape(case.problem.params[name]) for name in evaluation.submission.names]
    if any(g is None or g.shape != shape for g, shape in zip(given, shapes, strict=True)):
        return None
    found = evaluation.submission.near(case.problem).taylor([n for g in given if g is not None for n in g.numbers])
    blind = found.slope > RIGHT and not case.ok  # an error so small that the remainder does not show it
    coarser = blind or (case.source == "measured" and found.ok != case.ok)  # it measures too, and sees less
    return None if coarser else found


def measured_of(evaluation: Evaluation, most: int = 6) -> list[tuple[str, float, float, Derivative]]:
    """One entry of each parameter, measured by central differences on the user's data."""
    case = evaluation.cases[0] if evaluation.cases else None
    if case is None or case.comparison is None or case.source == "measured":
        return []
    began = time.process_time()
    near = evaluation.submission.near(case.problem)
    near(near.start)
    affordable = int(3.0 / (20 * (time.process_time() - began)))  # each takes some 20 losses; three seconds for all
    found = []
    for verdict in case.comparison.verdicts[: min(most, affordable)]:
        if verdict.exact and verdict.exact.numbers and verdict.hand and verdict.hand.shape == verdict.exact.shape:
            sizes, places = [abs(n) for n in verdict.exact.numbers], list(indices(verdict.exact.shape))
            index = verdict.wrong[0] if verdict.wrong else places[sizes.index(max(sizes))]
            derivative = near.derivative(verdict.name, places.index(index))
            found.append((entry_name(verdict.name, index), *verdict.at(index), derivative))
    return found
