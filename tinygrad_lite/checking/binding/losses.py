"""The loss of a lesson that writes none down: the usual one of which its gradients are the gradients, said aloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.checking.binding.flow import Flow, Unplaced
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.trial.submission import Submission
from tinygrad_lite.report.language import say

USUAL: dict[str, Callable[[Any, Any], Any]] = {
    "sum((P - y)^2) / 2": lambda p, y: ((p - y) ** 2).sum() / 2,
    "mean((P - y)^2)": lambda p, y: ((p - y) ** 2).mean(),
    "sum((P - y)^2)": lambda p, y: ((p - y) ** 2).sum(),
    "mean((P - y)^2) / 2": lambda p, y: ((p - y) ** 2).mean() / 2,
    "sum((P - y)^2) / (2 N)": lambda p, y: ((p - y) ** 2).sum() / (2 * len(p)),
    "sum((P - y)^2) / N": lambda p, y: ((p - y) ** 2).sum() / len(p),
    "cross-entropy, summed": lambda p, y: -(y * np.log(p)).sum(),
    "cross-entropy, mean over the samples": lambda p, y: -(y * np.log(p)).sum() / len(p),
    "binary cross-entropy, summed": lambda p, y: -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(),
    "binary cross-entropy, mean": lambda p, y: -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(),
}


def assumed_loss(flow: Flow, params: dict[str, Any], data: tuple[Any, ...]) -> str:
    """Give a flow the loss that fits most of its gradients, and say which it is.

    Raises:
        Unplaced: none of them fits a single gradient.
    """
    best, most = "", 0
    if flow.updates and not flow.rate:
        flow.rate = 1.0  # W += gradient
    if len(data) < 2 and flow.backward is not None:
        raise _asked(flow)
    for words, loss in USUAL.items():
        flow.assumed = loss
        right = _right(flow, params, data)
        if right > most:
            best, most = words, right
    if not best:
        raise _asked(flow)
    flow.assumed = USUAL[best]
    return say("assumed to be {0}, as none is written down", say(best))


def _asked(flow: Flow) -> Unplaced:
    return Unplaced(
        say(
            "no loss function was found for {0}, and its gradients are those of no usual one.\n"
            "  Say which it is, as in tg.check(lesson, loss=lambda output, y: ((output - y) ** 2).mean()).",
            flow.backward.name,
        )
    )


def _right(flow: Flow, params: dict[str, Any], data: tuple[Any, ...]) -> int:
    rate = flow.rate if flow.updates else None
    submission = Submission(flow.loss_fn, flow.backprop_fn, list(params), len(data), bool(rate), rate)
    submission.loss_takes_dict = submission.backprop_takes_dict = True
    problem = Problem("your data", {n: np.asarray(x, float) for n, x in params.items()}, data)
    submission.kinds = {n: "number" for n, x in params.items() if not np.ndim(x)}
    with np.errstate(all="ignore"):
        try:
            exact = submission.exact(problem)
        except RuntimeError:
            return 0
        answer = submission.answer(problem)
    right = 0
    for name, entries in exact.items():
        found = answer.gradients.get(name)
        right += (
            found is not None
            and found.shape == entries.shape
            and bool(np.any(entries.numbers))
            and np.allclose(found.numbers, entries.numbers, rtol=1e-7, atol=1e-12 + answer.noise.get(name, 0.0))
        )
    return right
