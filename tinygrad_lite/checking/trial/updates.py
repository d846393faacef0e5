"""Updated weights in the place of gradients, and the learning rate that they were made with.

If yours = p - c * exact with one c for many entries, then yours is the parameter after a step of gradient descent
with the learning rate c. A parameter that is about 0, or whose gradient is a multiple of it, tells nothing: there a
wrong factor or sign would give the same numbers.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.state import names_read
from tinygrad_lite.checking.trial.submission import Submission
from tinygrad_lite.report.language import say

Remark = tuple[str, str]
RATE = re.compile(r"(?i)_*(lr|learn(ing)?_?rate|l_?rate|eta|alpha|step(_?size)?|rate)_*")
ENOUGH, MOST = 3, 0.75  # entries that must agree on one rate, and their share


def as_updates(submission: Submission, cases: list[CaseResult]) -> tuple[float | None, Remark] | None:
    """(learning rate, what to say) if what backprop returns, or leaves in its parameters, are updated weights."""
    rate = None
    for name in submission.names:
        rate = rate if rate is not None else _rate(name, cases)
    in_place = any(case.answer.in_place for case in cases)
    named = named_rate(submission, cases)
    if rate is None and (not in_place or named is None):
        return None
    if any(_is_gradient(name, cases) for name in submission.names):
        return None  # one that is the gradient itself is no weight, so the others are none either
    if rate is not None and rate < 0 and named is None:
        return None  # the parameter added to its gradient, perhaps
    if rate is None or (named is not None and not _close(rate, named)):
        rate = named  # what the code calls its learning rate is one, and the gradients have another factor
        assert rate is not None
    what = say("changes its parameters in place") if in_place else say("returns updated weights")
    sure = named is not None or _in_code(submission, rate)
    message = say("backprop {0}, W - {1:.6g} * gradient, so it was read as updates=True, lr={1:.6g}", what, rate)
    message = message if sure else say("{0}; as gradients they are right if that is the learning rate", message)
    return rate, ("UPDATES", message)


def other_rate(submission: Submission, cases: list[CaseResult]) -> tuple[float | None, Remark] | None:
    """(learning rate or None, what to say) if every gradient recovered from an update has one and the same factor."""
    pairs = [p for case in cases for name in submission.names for p in _pairs(case, name)]
    assert submission.lr is not None
    if any(case.answer.error for case in cases) or len(pairs) < ENOUGH:
        return None
    ratios = np.array([mine / exact for mine, exact, tolerance in pairs])
    tolerances = np.array([1e-9 + tolerance / abs(exact) for mine, exact, tolerance in pairs])
    if np.any(np.abs(ratios - ratios[0]) > tolerances + tolerances[0]) or abs(ratios[0]) < 1e-12:
        return None
    rate = float(ratios[np.argmin(tolerances)]) * submission.lr
    named, lr = named_rate(submission, cases), submission.lr
    in_code = _in_code(submission, rate) and not _in_code(submission, lr)
    if in_code if named is None else _close(named, rate):
        message = say(
            "backprop's learning rate is {0:.6g}, not lr={1:g}; with it the gradients were recovered", rate, lr
        )
        return rate, ("LEARNING_RATE", message)
    message = say(
        "every update is W - {0:.6g} * the exact gradient: with lr={0:.6g} all are right, with "
        "lr={1:g} all have the factor {2:.6g}",
        *(rate, lr, ratios[0]),
    )
    return None if named is not None or rate < 0 else (None, ("LEARNING_RATE", message))


def _rate(name: str, cases: list[CaseResult]) -> float | None:
    """The one c with yours = p - c * exact in every entry on every problem, or None."""
    rows = []
    for case in cases:
        found, exact = case.answer.gradients.get(name), case.exact.get(name)
        p = np.asarray(case.problem.params[name], float).ravel()
        if found is None or exact is None or len(found.numbers) != len(p):
            return None
        rows.append(np.stack([p, np.array(found.numbers), np.array(exact.numbers)]))
    p, mine, exact_ = np.concatenate(rows, axis=1) if rows else np.zeros((3, 0))
    tells = (np.abs(exact_) > 1e-6 * np.abs(exact_).max(initial=0.0)) & np.isfinite(mine) & (p != 0)
    if tells.sum() < ENOUGH:
        return None
    p, mine, exact_ = p[tells], mine[tells], exact_[tells]
    with np.errstate(all="ignore"):
        c = (p - mine) / exact_
        tolerance = 1e-9 * np.abs(c) + 8 * np.finfo(float).eps * np.abs(p / exact_)
        ratio = mine / exact_
    rate = float(c[np.argmin(tolerance)])
    agree = np.abs(c - rate) <= 2 * (
        tolerance + tolerance.min()
    )  # a few may not, where the exact gradients have few digits
    if not np.all(np.isfinite(c)) or agree.sum() < ENOUGH or agree.mean() < MOST or abs(rate) < 1e-12:
        return None
    return None if np.ptp(ratio) <= 1e-6 * np.abs(ratio).max() else rate  # a multiple of the gradient: a wrong factor


def _is_gradient(name: str, cases: list[CaseResult]) -> bool:
    """Whether what was returned under this name is the exact gradient on every problem."""
    pairs = [pair for case in cases for pair in _pairs(case, name)]
    return len(pairs) >= ENOUGH and all(abs(mine - exact) <= 1e-9 * abs(exact) for mine, exact, _ in pairs)


def _pairs(case: CaseResult, name: str) -> Iterator[tuple[float, float, float]]:
    """(yours, exact, how uncertain yours is) of each entry that is not about 0."""
    found, exact = case.answer.gradients.get(name), case.exact.get(name)
    if found is None or exact is None or found.shape != exact.shape:
        return
    scale = max(map(abs, exact.numbers), default=0.0)
    for mine, right in zip(found.numbers, exact.numbers, strict=True):
        if abs(right) > 1e-6 * scale > 0:
            yield mine, right, case.answer.noise.get(name, 0.0)


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-7 * max(abs(a), abs(b))


def named_rate(submission: Submission, cases: list[CaseResult]) -> float | None:
    """What backprop's code calls its learning rate: an argument, a default, a variable, an attribute."""
    for name, x in _names_of(submission.backprop_fn, cases):
        if RATE.fullmatch(name) and isinstance(x, (int, float)) and not isinstance(x, bool) and x:
            return float(x)
    return None


def _in_code(submission: Submission, rate: float) -> bool:
    """Whether the number stands in backprop's code, or is the value of a name in it."""
    function = submission.backprop_fn
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    numbers = [x for x in getattr(code, "co_consts", ()) if isinstance(x, float)]
    numbers += [x for _, x in names_read(function) if isinstance(x, (int, float)) and not isinstance(x, bool)]
    return any(_close(abs(x), abs(rate)) for x in numbers)


def _names_of(function: Callable[..., Any], cases: list[CaseResult]) -> Iterator[tuple[str, Any]]:
    """The arguments, globals, closed-over variables and attributes that a function speaks of, with their values."""
    try:
        arguments = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        arguments = []
    data = cases[0].problem.data
    needed = [a for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD) and a.default is a.empty]
    if len(needed) > len(data) > 0:
        yield from zip([a.name for a in needed[-len(data) :]], data, strict=True)
    yield from ((a.name, a.default) for a in arguments)
    yield from getattr(getattr(function, "__self__", None), "__dict__", {}).items()
    yield from names_read(function)
