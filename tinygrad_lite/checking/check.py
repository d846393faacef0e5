"""Is my backpropagation right? `tg.check(loss, backprop, params, X, y)`.

The user's two functions are tried on the user's data and on problems of our own (`trial/`), every
gradient is compared with the exact one, the mistakes are named (`catalogue/`), and it is said what
the data could not have shown (`trial/coverage.py`). The result is a `Check`, which is a report.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from tinygrad_lite.checking.catalogue.diagnose import diagnose
from tinygrad_lite.checking.catalogue.strip import Diagnosis
from tinygrad_lite.checking.counterexample import Counterexample, counterexample
from tinygrad_lite.checking.lines import Found, Line, Mend, sought
from tinygrad_lite.checking.lines.listing import Listing
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.findings import Findings, report_of
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.coverage import blind_spots
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.checking.trial.measurements import measured_of, taylor_of
from tinygrad_lite.checking.trial.numerical_check import Taylor
from tinygrad_lite.checking.trial.submission import Submission
from tinygrad_lite.engine.foreign import as_numpy
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report

T = TypeVar("T")


class Check(Findings):
    """The result of `tg.check`; true if every gradient is right on every problem.

    Attributes:
        ok: every gradient is right on every problem that was tried.
        wrong: the names of the parameters whose gradient is wrong somewhere.
        mistakes: the mistakes that give the user's numbers exactly, from the loss down; empty if
            all is right, or if nothing in the catalogue fits.
        codes: their codes.
        diagnosis: all that is known about them, the indistinguishable alternatives included.
        evaluation: the evidence: problems, answers, comparisons.
        coverage: what the user's data could not have shown.
        taylor: the Taylor remainder of the user's gradients on the user's data, or None.
        hint: "mend" to show marked lines and mend in the report, "line" for the lines alone.
        bound: for a lesson, what was bound to what.
        measured: (entry, yours, exact, measured derivative) of the entry of each parameter that is furthest
            off, or else largest.
    """

    def __init__(self, evaluation: Evaluation, mend: bool = True) -> None:
        self.evaluation = evaluation
        self._mend = mend
        self.hint: str = "mend"
        self._found: Found | None = None
        self._example: Counterexample | Literal[False] | None = None  # False: looked for in vain
        judged = [e.comparison for e in evaluation.cases if e.comparison is not None]
        names = evaluation.submission.names
        self.wrong: list[str] = [n for n in names if any(n in c.wrong for c in judged)]
        self.raised: list[CaseResult] = [e for e in evaluation.cases if e.answer.error]
        if not judged:
            self.wrong = list(names)
        self.ok: bool = not evaluation.error and not self.wrong and not self.raised and bool(judged)
        self.bound: list[str] = []
        unknown = Diagnosis()
        unknown.unknown = list(self.wrong)
        unknown.links = [(f"d{n}", "wrong" if n in self.wrong else "ok", "") for n in reversed(names)]
        self.diagnosis: Diagnosis = self._safely(say("diagnosis"), lambda: diagnose(evaluation, self.wrong), unknown)
        self.coverage: list[Any] = self._safely(say("coverage of your data"), lambda: blind_spots(evaluation), [])
        self.taylor: Taylor | None = self._safely(say("Taylor remainder"), lambda: taylor_of(evaluation), None)
        self.measured: list[Any] = self._safely(say("measurement"), lambda: measured_of(evaluation), [])
        evaluation.submission.state.restore()

    def _safely(self, what: str, found: Callable[[], T], otherwise: T) -> T:
        """A part of the result; if it fails, which would be a fault of ours, the rest is reported with a line on it."""
        try:
            return found()
        except Exception as reason:
            message = "the {0} failed ({1}: {2}), a fault of tinygrad_lite; the rest stands"
            self.evaluation.say("FAULT", message, what, type(reason).__name__, reason)
            return otherwise

    @property
    def found(self) -> Found:
        """What the search in the source found; it runs when it is first asked for."""
        if self._found is None:
            wrong = self._mend and not self.ok and not self.evaluation.error
            causes = self.diagnosis.causes if wrong else {}
            if {cause.code for cause in causes.values()} == {"TARGET_SHAPE"} and {*self.wrong} <= {*causes}:
                self._found = Found(say("the loss is to be changed, not backprop"))
                return self._found
            found = self._safely(say("search of the source"), lambda: sought(self.evaluation) if wrong else None, None)
            self._found = found or Found()
        return self._found

    @property
    def counterexample(self) -> Counterexample | None:
        """The smallest problem of whole numbers on which a gradient is wrong, if one was found."""
        if self._example is None:
            wrong = bool(self.wrong) and not self.evaluation.error
            what = say("search for a small example")
            self._example = self._safely(what, lambda: wrong and counterexample(self.evaluation), None) or False
        return self._example or None

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
            odd = ("TARGET_SHAPE", "MUTATED", "INT_TRUNCATION")
            found += [code for code, _ in self.evaluation.remarks if code in odd]
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

    # ------------------------------------------------------------------ said

    def report(self) -> Report:
        """Everything in the order in which it is read: verdict, mistakes, where, numbers, coverage."""
        found = Listing(self.lines, self.mends if self.hint == "mend" else [], self.found.reason)
        return report_of(self, found if found.headline() else None)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, ready for JSON."""
        d = self.diagnosis
        return {
            "ok": self.ok,
            "error": self.evaluation.error,
            "bound": self.bound,
            "wrong": self.wrong,
            "codes": self.codes,
            "mistakes": [m.to_dict() for m in d.mistakes],
            "indistinguishable": [[m.to_dict() for m in each] for each in d.tied],
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
            "counterexample": self.counterexample.to_dict() if self.counterexample is not None else None,
            "links": [{"name": n, "mark": m, "remark": r} for n, m, r in d.links],
            "lines": [line.to_dict() for line in self.lines],
            "mends": [mend.to_dict() for mend in self.mends] if self.hint == "mend" else [],
            "remarks": [{"code": c, "sentence": s} for c, s in self.evaluation.remarks],
            "coverage": [hint._asdict() for hint in self.coverage],
            "measured": [
                {"entry": name, "yours": mine, "exact": exact, "measured": derivative.value, "bar": derivative.bar}
                for name, mine, exact, derivative in self.measured
            ],
            "taylor_slope": None if self.taylor is None or abs(self.taylor.slope) > 1e9 else self.taylor.slope,
            "seeds": self.seeds,
        }


def check(
    loss_fn: Any,
    backprop_fn: Any = None,
    params: Any = None,
    *data: Any,
    updates: bool = False,
    lr: float | None = None,
    rtol: float = 1e-9,
    seed: int = 0,
    limit: float = 10.0,
    mend: bool = True,
    **roles: Any,
) -> Check:
    """A hand-written backprop function on trial: is it right, and if not, what is the mistake?

    Or a whole lesson as it is: `check(module)`, `check(forward, mse, backpropagation)`, `check(Network)`. Its functions
    are found by their names and by what flows into what, parameters and data are made to fit where it has none, and the
    report says what was bound to what. Say it where it is otherwise: `check(lesson, loss="mse", backprop="step")`.
    `check(loss, backprop, W=W, b=b, X=X, y=y)` takes every argument by its name.

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
        roles: for a lesson: `forward`, `loss`, `backprop` as functions or their names, `params` as a dict, `data` as
            a tuple, and any argument of its functions by name.

    Everything is deep-copied; what the functions raise, print or change becomes a line in the report.

    Raises:
        OperandError: `updates` without `lr`, parameters that are not a dict of numbers, or something in a lesson
            that could not be placed.

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
    if params is None or callable(params):
        from tinygrad_lite.checking.binding.lesson import checked, lesson_of

        things = [x for x in (loss_fn, backprop_fn, params, *data) if x is not None]
        if len(things) == 2 and all(isinstance(x, types.FunctionType) for x in things) and roles:
            roles = {"loss": loss_fn, "backprop": backprop_fn, **roles}
        lesson = lesson_of(things, roles)
        found: Check = checked(check, lesson, roles, rtol=rtol, seed=seed, limit=limit, mend=mend)
        return found
    if not data and "data" in roles:
        data = tuple(roles.pop("data"))
    if roles:
        message = ", ".join(roles)
        raise OperandError(
            say("check has no option {0}; roles are for lessons, as in check(module, loss=...).", message)
        )
    if not isinstance(params, Mapping) or not params:
        message = "check needs the parameters as a dict by name, as in {{'W1': W1, 'b1': b1}}, but got {0}."
        raise OperandError(say(message, type(params).__name__))
    params, data = {name: as_numpy(x) for name, x in params.items()}, tuple(as_numpy(x) for x in data)
    kinds, arrays, remarks = {}, {}, []
    for name, x in params.items():
        kinds[str(name)] = "list" if isinstance(x, (list, tuple)) else "array" if np.ndim(x) else "number"
        try:
            given = np.asarray(x)
        except ValueError:
            given = None
        if given is None or given.dtype.kind not in "iuf":
            what = say("lists of different lengths") if given is None else given.dtype
            raise OperandError(say("the parameter {0} must be made of numbers, but holds {1}.", name, what))
        if given.dtype.kind in "iu" and kinds[str(name)] == "array" and updates:
            message = "{0} is an array of {1}: an update in place cuts off the decimals; make it float64"
            remarks.append(("INT_TRUNCATION", say(message, name, given.dtype)))
        arrays[str(name)] = given.astype(float)
    submission = Submission(loss_fn, backprop_fn, list(arrays), len(data), updates, lr, limit, kinds)
    evaluation = Evaluation(submission, Problem("your data", arrays, data), seed, rtol)
    evaluation.remarks[:0] = remarks
    return Check(evaluation, mend)
