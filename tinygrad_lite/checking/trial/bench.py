"""The problems of an evaluation as a test bench: run any backprop on them, fast, and see which gradients are exact.

`checking/lines` tries thousands of changed backprops here. Each run is made on copies, after the forward pass where
the functions remember something, with the random generators put back, silently, and with a time limit.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.hints import Tolerance
from tinygrad_lite.checking.trial.answer import Answer
from tinygrad_lite.checking.trial.sandbox import Watch, copied

COARSE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}

if TYPE_CHECKING:
    from tinygrad_lite.checking.trial.evaluation import Evaluation


class Bench:
    """Problems with their exact gradients.

    Attributes:
        problems: the user's data first, then ours, those alone whose exact gradients are known.
        exact: for each problem the exact gradients by name, as arrays of the parameters' shapes.
        answers: for each problem the user's own gradients by name; {} where it raised.
        runs: how often a backprop was run.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.submission, self.rtol, self.runs = evaluation.submission, evaluation.rtol, 0
        cases = [case for case in evaluation.cases if case.exact and case.source != "measured"]
        self.problems: list[Problem] = [case.problem for case in cases]
        self.exact: list[dict[str, Array]] = [_arrays(case.exact) for case in cases]
        self.answers: list[dict[str, Array]] = [_arrays(case.answer.gradients) for case in cases]
        self._overall = [max((float(np.abs(x).max(initial=0.0)) for x in e.values()), default=0.0) for e in self.exact]
        self._watch = Watch()

    def run(self, k: int, backprop: Callable[..., Any] | None = None, seconds: float = 1.0) -> Answer:
        """What a backprop, or else the user's own, answers on problem k.

        Raises:
            Exception: whatever the function raises.
            TimeIsOver: it took too long.
        """
        submission, problem = self.submission, self.problems[k]
        backprop = backprop or submission.backprop_fn
        arguments = [_copied(x) for x in submission.arguments(problem, submission.backprop_takes_dict)]
        self.runs += 1
        submission.state.restore()
        if submission.remembers:
            result = self._watch.call(lambda: submission.both(problem, backprop, arguments), seconds)
        else:
            result = self._watch.call(lambda: backprop(*arguments), seconds)
        return submission.understood(result, arguments, problem)

    def right(self, k: int, answer: Answer) -> set[str]:
        """The names whose gradient an answer has right on problem k."""
        return {name for name in self.exact[k] if self._agrees(k, name, answer)}

    def _agrees(self, k: int, name: str, answer: Answer) -> bool:
        found, exact = answer.gradients.get(name), self.exact[k][name]
        if found is None or found.shape != exact.shape:
            return False
        coarse = COARSE.get(found.dtype, 0.0)
        near = Tolerance(max(self.rtol, coarse), float(np.abs(exact).max(initial=0.0)), self._overall[k])
        room = near.floor + answer.noise.get(name, 0.0) + 0.1 * coarse * near.scale
        mine = np.reshape(found.numbers, exact.shape)
        with np.errstate(invalid="ignore"):
            close = np.abs(mine - exact) <= near.rtol * np.maximum(np.abs(mine), np.abs(exact)) + room
        return bool(np.all(close & np.isfinite(mine)))

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Runs inside print nothing, warn of nothing, and leave nothing of the user's changed."""
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            try:
                yield
            finally:
                self.submission.state.restore()


def _arrays(found: dict[str, Any]) -> dict[str, Array]:
    return {name: np.array(entries.numbers, float).reshape(entries.shape) for name, entries in found.items()}


def _copied(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _copied(value) for key, value in x.items()}
    return x.copy() if isinstance(x, np.ndarray) else x if isinstance(x, (int, float, str)) else copied(x)
