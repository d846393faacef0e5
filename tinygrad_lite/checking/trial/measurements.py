"""The user's gradients on the user's data beside measurements that know no derivative rule."""

from __future__ import annotations

import time

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.result.entries import entry_name, indices
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.checking.trial.numerical_check import RIGHT, Slope, Taylor


def taylor_of(evaluation: Evaluation) -> Taylor | None:
    """The Taylor remainder of the user's own gradients on the user's data."""
    exhibit = evaluation.cases[0] if evaluation.cases else None
    if exhibit is None or exhibit.comparison is None or exhibit.kinks:
        return None
    names, problem = evaluation.submission.names, exhibit.problem
    shapes = [np.shape(problem.params[name]) for name in names]
    given = [exhibit.answer.gradients.get(name) for name in names]
    if any(g is None or g.shape != shape for g, shape in zip(given, shapes, strict=True)):
        return None
    found = evaluation.submission.near(problem).taylor([n for g in given if g is not None for n in g.numbers])
    blind = found.slope > RIGHT and not exhibit.ok  # an error so small that the remainder does not show it
    coarser = blind or (exhibit.source == "measured" and found.ok != exhibit.ok)  # it measures too, and sees less
    return None if coarser else found


def measured_of(evaluation: Evaluation, most: int = 6) -> list[tuple[str, float, float, Slope]]:
    """One entry of each parameter, measured by central differences on the user's data."""
    exhibit = evaluation.cases[0] if evaluation.cases else None
    if exhibit is None or exhibit.comparison is None or exhibit.source == "measured":
        return []
    began = time.perf_counter()
    evaluation.submission.loss(exhibit.problem)
    affordable = int(3.0 / (20 * (time.perf_counter() - began)))  # a slope is some 20 losses; three seconds for all
    found = []
    for verdict in exhibit.comparison.verdicts[: min(most, affordable)]:
        if verdict.exact is None or verdict.hand is None or verdict.hand.shape != verdict.exact.shape:
            continue
        if not verdict.exact.numbers:
            continue
        places = list(indices(verdict.exact.shape))
        sizes = [abs(n) for n in verdict.exact.numbers]
        index = verdict.wrong[0] if verdict.wrong else places[sizes.index(max(sizes))]
        slope = evaluation.submission.near(exhibit.problem).slope(verdict.name, places.index(index))
        found.append((entry_name(verdict.name, index), *verdict.at(index), slope))
    return found
