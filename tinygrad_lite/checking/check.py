"""Is my backpropagation right? `tg.check(loss, backprop, params, X, y)`.

The user's two functions are tried on the user's data and on problems of our own (`trial/`), every
gradient is compared with the exact one, the mistakes are named (`catalogue/`), and it is said what
the data could not have shown (`trial/coverage.py`). The result is a `Check`, which is a report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tinygrad_lite.checking.catalogue.diagnose import Diagnosis, diagnose
from tinygrad_lite.checking.lines import Found, Line, Mend, sought
from tinygrad_lite.checking.lines.listing import Listing
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.entries import entry_name, indices, read
from tinygrad_lite.checking.result.findings import written
from tinygrad_lite.checking.result.judged import Judged
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.trial.coverage import blind_spots
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.checking.trial.numerical_check import Slope, Taylor, measured_slope, taylor
from tinygrad_lite.checking.trial.submission import Submission
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.text import Report

T = TypeVar("T")


class Check(Judged):
    """The result of `tg.check`; true if every gradient is right on every problem.

    Attributes:
        ok: every gradient is right on every problem that was tried.
        wrong: the names of the parameters whose gradient is wrong somewhere.
        mistakes: the mistakes that give the user's numbers exactly, from the loss down; empty if
            all is right, or if nothing in the catalogue fits.
        codes: their codes.
        diagnosis: all that is known about them, the indistinguishable alternatives included.
        trial: the evidence: problems, answers, comparisons.
        coverage: what the user's data could not have shown.
        taylor: the Taylor witness of the user's gradients on the user's data, or None.
        hint: "mend" to show marked lines and mend in the report, "line" for the lines alone.
        measured: (entry, yours, exact, measured slope) of the entry of each parameter that is furthest
            off, or else largest: the second witness.
    """

    def __init__(self, evaluation: Evaluation, mend: bool = True) -> None:
        self.evaluation = evaluation
        self._mend, self.hint = mend, "mend"
        self._found: Found | None = None
        judged = [e.comparison for e in evaluation.cases if e.comparison is not None]
        names = evaluation.submission.names
        self.wrong: list[str] = [n for n in names if any(n in c.wrong for c in judged)]
        self.raised = [e for e in evaluation.cases if e.answer.error]
        if not judged:
            self.wrong = list(names)
        self.ok = not evaluation.error and not self.wrong and not self.raised and bool(judged)
        unknown = Diagnosis()
        unknown.unknown = list(self.wrong)
        unknown.links = [(f"d{n}", "wrong" if n in self.wrong else "ok", "") for n in reversed(names)]
        self.diagnosis: Diagnosis = self._safely("diagnosis", lambda: diagnose(evaluation, self.wrong), unknown)
        nothing: list[Any] = []
        self.coverage: list[Any] = self._safely("coverage of your data", lambda: blind_spots(evaluation), nothing)
        self.taylor: Taylor | None = self._safely("Taylor remainder", self._taylor, None)
        self.measured: list[tuple[str, float, float, Slope]] = self._safely("measurement", self._measured, nothing)
        evaluation.submission.state.restore()

    def _safely(self, what: str, found: Callable[[], T], otherwise: T) -> T:
        """A part of the result; if it fails, which would be a fault of ours, the rest is reported with a line on it."""
        try:
            return found()
        except Exception as reason:
            said = f"the {what} failed ({type(reason).__name__}: {reason}), a fault of tinygrad_lite; the rest stands"
            self.evaluation.remark("FAULT", said)
            return otherwise

    @property
    def found(self) -> Found:
        """What the search in the source found; it runs when it is first asked for."""
        if self._found is None:
            wrong = self._mend and not self.ok and not self.evaluation.error
            found = self._safely("search of the source", lambda: sought(self.evaluation) if wrong else None, None)
            self._found = found or Found()
        return self._found

    @property
    def lines(self) -> list[Line]:
        """Every line of the functions that backprop runs, with its mark."""
        return self.found.lines

    @property
    def mends(self) -> list[Mend]:
        """Changes with which every gradient is exact, best first."""
        return self.found.mends

    @property
    def mistakes(self) -> list[Mistake]:
        return self.diagnosis.mistakes

    @property
    def codes(self) -> list[str]:
        """The codes of all that is wrong: of causes and mistakes, and what shapes and numbers show of the rest."""
        d = self.diagnosis
        found = [cause.code for cause in d.causes.values()]
        if set(self.wrong) - set(d.causes):
            found += [
                code for code, _ in self.evaluation.remarks if code in ("TARGET_SHAPE", "MUTATED", "INT_TRUNCATION")
            ]
            found += [m.code for m in d.mistakes] or [code for hint in d.hints for code in hint.code.split(", ")]
        if not found and self.mends:
            found += [reason.code for reason in self.mends[0].reasons]
        if self.raised and not found:
            found.append("RAISED")
        return list(dict.fromkeys(found))

    @property
    def scores(self) -> dict[str, float]:
        """For each parameter the share of problems on which its gradient is right, from 0 to 1."""
        tried = self.evaluation.cases
        return {
            name: sum(e.comparison is not None and name not in e.comparison.wrong for e in tried) / max(len(tried), 1)
            for name in self.evaluation.submission.names
        }

    @property
    def seeds(self) -> list[int]:
        """The seed from which our problems were made, if there are any."""
        return [self.evaluation.seed] if len(self.evaluation.cases) > 1 else []

    def _taylor(self) -> Taylor | None:
        """The Taylor remainder of the user's own gradients on the user's data."""
        exhibit = self.evaluation.cases[0] if self.evaluation.cases else None
        if exhibit is None or exhibit.comparison is None or exhibit.kinks:
            return None
        names, problem = self.evaluation.submission.names, exhibit.problem
        shapes = [np.shape(problem.params[name]) for name in names]
        given = [exhibit.answer.gradients.get(name) for name in names]
        if any(g is None or g.shape != shape for g, shape in zip(given, shapes, strict=True)):
            return None
        start = [n for name in names for n in read(problem.params[name]).numbers]
        slopes = [n for g in given if g is not None for n in g.numbers]

        def f(numbers: list[float]) -> float:
            parts, at = {}, 0
            for name, shape in zip(names, shapes, strict=True):
                size = int(np.prod(shape))
                parts[name] = np.array(numbers[at : at + size]).reshape(shape)
                at += size
            return self.evaluation.submission.loss(Problem(problem.name, parts, problem.data))

        found = taylor(f, start, slopes)
        coarser = exhibit.source == "measured" and found.ok != exhibit.ok  # it measures too, and sees less
        return None if coarser else found

    def _measured(self, most: int = 6) -> list[tuple[str, float, float, Slope]]:
        """One entry of each parameter, measured by central differences on the user's data."""
        exhibit = self.evaluation.cases[0] if self.evaluation.cases else None
        if exhibit is None or exhibit.comparison is None or exhibit.source == "measured":
            return []
        began = time.perf_counter()
        self.evaluation.submission.loss(exhibit.problem)
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
            numbers = read(exhibit.problem.params[verdict.name]).numbers
            slope = measured_slope(self.evaluation.along(exhibit.problem, verdict.name), numbers, places.index(index))
            found.append((entry_name(verdict.name, index), *verdict.at(index), slope))
        return found

    # ------------------------------------------------------------------ said

    def report(self) -> Report:
        """Everything in the order in which it is read: verdict, mistakes, where, numbers, coverage."""
        found = Listing(self.lines, self.mends if self.hint == "mend" else [], self.found.reason)
        return written(self, found if found.headline() else None)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, ready for JSON."""
        d = self.diagnosis
        return {
            "ok": self.ok,
            "error": self.evaluation.error,
            "wrong": self.wrong,
            "codes": self.codes,
            "mistakes": [m.to_dict() for m in d.mistakes],
            "indistinguishable": [[m.to_dict() for m in story] for story in d.tied],
            "unexplained": d.unknown,
            "scores": self.scores,
            "network": self.evaluation.network.words() if self.evaluation.network else None,
            "problems": [
                {
                    "name": e.problem.name,
                    "sizes": e.problem.sizes,
                    "seed": e.problem.seed,
                    "ok": e.ok,
                    "error": e.answer.error,
                    "exact_from": e.source,
                    "comparison": None if e.comparison is None else e.comparison.to_dict(),
                }
                for e in self.evaluation.cases
            ],
            "links": [{"name": n, "mark": m, "remark": r} for n, m, r in d.links],
            "lines": [line.to_dict() for line in self.lines],
            "mends": [mend.to_dict() for mend in self.mends] if self.hint == "mend" else [],
            "remarks": [{"code": c, "sentence": s} for c, s in self.evaluation.remarks],
            "coverage": [{"code": c, "sentence": s} for c, s in self.coverage],
            "measured": [
                {"entry": name, "yours": mine, "exact": exact, "measured": slope.value, "bar": slope.bar}
                for name, mine, exact, slope in self.measured
            ],
            "taylor_slope": None if self.taylor is None or abs(self.taylor.slope) > 1e9 else self.taylor.slope,
            "seeds": self.seeds,
        }


def _array(x: Any) -> Any:
    """A parameter as an array; None if its rows differ."""
    try:
        return np.asarray(x)
    except ValueError:
        return None


def check(
    loss_fn: Callable[..., Any],
    backprop_fn: Callable[..., Any],
    params: Mapping[str, Any],
    *data: Any,
    updates: bool = False,
    lr: float | None = None,
    rtol: float = 1e-9,
    seed: int = 0,
    limit: float = 10.0,
    mend: bool = True,
) -> Check:
    """A hand-written backprop function on trial: is it right, and if not, what is the mistake?

    Args:
        loss_fn: `loss(W1, b1, ..., X, y)` or `loss(params, X, y)`, written with NumPy or plain Python;
            gives one number. It is run on arrays of Values to get the exact gradients.
        backprop_fn: called the same way; gives the gradients as a dict (`W1` or `dW1`; further
            derivatives such as `dZ1` are welcome and are shown in the chain), or a tuple in the order
            of `params`.
        params: the parameters by name: arrays, nested lists or numbers.
        data: X and y, and whatever else both functions take. For a diagnosis X is a matrix of samples.
        updates: backprop gives updated parameters instead, or updates them in place; needs `lr`.
        lr: the learning rate backprop uses, also to recognise weights that were updated too early.
        rtol: how far an entry may be from the exact one, relative to its size.
        seed: of the problems that we choose ourselves.
        limit: seconds after which a call is given up.
        mend: whether the source of backprop is searched for the wrong line and a mend of it, once `lines`,
            `mends` or the report are asked for.

    Everything is deep-copied; what the functions raise, print or change becomes a line in the report.

    Raises:
        OperandError: `updates` without `lr`, or parameters that are not a dict of numbers.

    >>> import numpy as np
    >>> def loss(W, b, X, y):
    ...     return np.mean((X @ W + b - y) ** 2)
    >>> def backprop(W, b, X, y):
    ...     e = X @ W + b - y
    ...     return {"W": X.T @ e / len(X), "b": e.mean(axis=0)}
    >>> X, y = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]]), np.array([[1.0], [0.0], [3.0]])
    >>> result = check(loss, backprop, {"W": np.array([[0.2], [0.4]]), "b": np.zeros(1)}, X, y)
    >>> result.ok, result.codes
    (False, ['FACTOR_2'])
    """
    if not isinstance(params, Mapping) or not params:
        raise OperandError(
            "check needs the parameters as a dict by name, as in {'W1': W1, 'b1': b1}, but got "
            f"{type(params).__name__}."
        )
    kinds, arrays, remarks = {}, {}, []
    for name, x in params.items():
        kinds[str(name)] = "list" if isinstance(x, (list, tuple)) else "array" if np.ndim(x) else "number"
        given = _array(x)
        if given is None or given.dtype.kind not in "iuf":
            what = "lists of different lengths" if given is None else given.dtype
            raise OperandError(f"the parameter {name} must be made of numbers, but holds {what}.")
        if given.dtype.kind in "iu" and kinds[str(name)] == "array" and updates:
            said = f"{name} is an array of {given.dtype}: an update in place cuts off the decimals; make it float64"
            remarks.append(("INT_TRUNCATION", said))
        arrays[str(name)] = given.astype(float)
    submission = Submission(loss_fn, backprop_fn, list(arrays), len(data), updates, lr, limit, kinds)
    trial = Evaluation(submission, Problem("your data", arrays, data), seed, rtol)
    trial.remarks[:0] = remarks
    return Check(trial, mend)
