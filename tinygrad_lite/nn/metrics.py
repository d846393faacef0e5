"""How good the outputs are, in numbers for people: not differentiated, only reported.

A metric is a function of (outputs, targets), lists with one entry for each sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError

Metric = Callable[[Sequence[Any], Sequence[Any]], float]


def accuracy(outputs: Sequence[Any], targets: Sequence[Any], threshold: float = 0.0) -> float:
    """The fraction of samples that are put into the right class.

    An output of several numbers stands for the class of the largest. A single number is a score,
    whose sign decides: class 1 if it is positive, else 0 (or -1, if the targets are -1 and +1).
    Probabilities need `threshold=0.5`, which `fit` chooses by itself for `binary_cross_entropy`.
    A target of several numbers, one-hot or a distribution, stands for the class of its largest.

    >>> accuracy([[0.1, 2.0], [3.0, 0.0]], [1, 1])
    0.5
    >>> accuracy([0.3, -0.2], [1, -1])
    1.0
    >>> accuracy([[0.1, 2.0], [3.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]])
    1.0
    """
    hits = 0
    for y, t in zip(outputs, targets, strict=True):
        right = int(t > threshold) if _number(y) is not None else predicted(t) if hasattr(t, "__len__") else t
        hits += int(predicted(y, threshold) == right)
    return hits / max(len(targets), 1)


def predicted(output: Any, threshold: float = 0.0) -> int:
    """The class an output stands for; see `accuracy`."""
    score = _number(output)
    if score is not None:
        return int(score > threshold)
    scores = numbers(output)
    return scores.index(max(scores))  # type: ignore[no-any-return]


def r2(outputs: Sequence[Any], targets: Sequence[float]) -> float:
    """The coefficient of determination: 1 is perfect, 0 is no better than always answering the mean.

    Formula: 1 - sum (t - y)^2 / sum (t - mean(t))^2.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    """
    mean = sum(targets) / len(targets)
    missed = spread = 0.0
    for y, t in zip(outputs, targets, strict=True):
        answer = _number(y)
        if answer is None:
            raise ShapeError(f"r2 needs one number for each sample, but got {y!r:.60}.")
        missed += (t - answer) ** 2
        spread += (t - mean) ** 2
    return 1 - missed / spread if spread else float("nan")


METRICS: dict[str, Metric] = {"accuracy": accuracy, "r2": r2}


def numbers(outputs: Any) -> Any:
    """The numbers of Values in nested lists."""
    if hasattr(outputs, "__len__"):
        return [numbers(y) for y in outputs]
    return outputs.data if isinstance(outputs, Value) else float(outputs)


def _number(output: Any) -> float | None:
    """The number that an output is, or None if it is several."""
    found = numbers(output)
    if isinstance(found, list):
        return _number(found[0]) if len(found) == 1 else None
    return found  # type: ignore[no-any-return]
