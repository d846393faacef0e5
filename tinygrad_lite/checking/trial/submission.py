"""What the user hands in: a loss function and a backprop function, called the way they are written.

Both may be written `f(W1, b1, W2, b2, X, y)`, with one argument for each parameter in the order of
`params`, or `f(params, X, y)` with one dict. They are run as a learner runs them: forward, then backward, on
the same problem, so that a cache filled by the one is there for the other. What backprop gives back is read
by `answer.py`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.entries import Entries, entry_name, indices, read
from tinygrad_lite.checking.trial.answer import Answer
from tinygrad_lite.checking.trial.numerical_check import (
    Derivative,
    Taylor,
    measured_derivative,
    number_of,
    one_number,
    resolution,
    taylor,
)
from tinygrad_lite.checking.trial.sandbox import Outcome, Watch, copied, run, same
from tinygrad_lite.checking.trial.state import State
from tinygrad_lite.engine import Value
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say

QUICK = 0.5  # seconds


class LossNear:
    """A loss of a list of numbers: those of the first parameter, then those of the second, and so on.

    Attributes:
        start: the numbers of the problem itself.
        begins: by parameter, where its numbers begin.
    """

    def __init__(self, loss: Callable[[Problem], float], problem: Problem) -> None:
        self._loss, self._problem = loss, problem
        self.start: list[float] = []
        self.begins: dict[str, int] = {}
        for name, x in problem.params.items():
            self.begins[name] = len(self.start)
            self.start += read(x).numbers

    def __call__(self, numbers: Sequence[float]) -> float:
        params = {}
        for name, x in self._problem.params.items():
            begin = self.begins[name]
            params[name] = np.array(numbers[begin : begin + np.size(x)]).reshape(np.shape(x))
        return self._loss(Problem(self._problem.name, params, self._problem.data))

    @functools.cached_property
    def noise(self) -> float:
        """How coarse the loss itself is: 0 where it computes in ordinary floats, more with single precision inside."""
        return resolution(self, self.start)

    def derivative(self, name: str, place: int) -> Derivative:
        """The measured derivative w.r.t. one entry of a parameter, in reading order."""
        return measured_derivative(self, self.start, self.begins[name] + place, noise=self.noise)

    def taylor(self, gradient: Sequence[float]) -> Taylor:
        """The Taylor remainder of a gradient in the order of the numbers."""
        return taylor(self, self.start, gradient, noise=self.noise)


class Submission:
    """Both functions, and how to call them.

    Attributes:
        state: what both functions can remember, as it was at the start; every call starts from it.
        remembers: the loss left something behind, such as a cache, which backprop may read.
        draws: the loss drew random numbers.
        nodes: how many nodes all recorded graphs of the loss had.

    Raises:
        OperandError: `updates` without a learning rate; a parameter that is not made of numbers.
    """

    def __init__(
        self,
        loss_fn: Callable[..., Any],
        backprop_fn: Callable[..., Any],
        names: list[str],
        data_names: int,
        updates: bool = False,
        lr: float | None = None,
        limit: float = 10.0,
        kinds: dict[str, str] | None = None,
    ) -> None:
        if updates and not lr:
            message = (
                "check(..., updates=True) needs lr=..., the learning rate, to recover the gradients\n"
                "  from the updated parameters as (old - new) / lr."
            )
            raise OperandError(say(message))
        self.loss_fn: Callable[..., Any] = loss_fn
        self.backprop_fn: Callable[..., Any] = backprop_fn
        self.names: list[str] = names
        self.updates: bool = updates
        self.lr: float | None = lr
        self.limit: float = limit
        self.kinds: dict[str, str] = (
            kinds or {}
        )  # "list" and "number" parameters are handed over as such, others as arrays
        self.loss_takes_dict: bool = takes_dict(loss_fn, names, data_names)
        self.backprop_takes_dict: bool = takes_dict(backprop_fn, names, data_names)
        self.state: State = State(loss_fn, backprop_fn)
        self.remembers: bool = False
        self.draws: bool = False
        self.nodes: int = 0
        self.quick: set[str] = set()
        self._near: dict[Problem, LossNear] = {}
        self._watch = Watch()

    def arguments(self, problem: Problem, as_dict: bool, params: dict[str, Any] | None = None) -> list[Any]:
        given = {
            name: x.tolist() if self.kinds.get(name) in ("list", "number") and hasattr(x, "tolist") else x
            for name, x in (problem.params if params is None else params).items()
        }
        return [given, *problem.data] if as_dict else [*(given[name] for name in self.names), *problem.data]

    def _run(self, which: str, function: Callable[..., Any], arguments: list[Any], labels: list[str]) -> Outcome:
        """Run one of the functions: the first time in a thread of its own, and in this one once it was quick."""
        outcome = run(function, arguments, labels, self.limit, watch=self._watch if which in self.quick else None)
        if outcome.seconds < QUICK and not outcome.error:
            self.quick.add(which)
        return outcome

    # ------------------------------------------------------------------ the loss

    def loss(self, problem: Problem) -> float:
        """The user's loss as a float; NaN if the function cannot be run there."""
        outcome = self._run_loss(problem)
        return outcome.result if not outcome.error else float("nan")

    def loss_error(self, problem: Problem) -> str:
        """Why the loss cannot be used on a problem, or ""; one that is not the same twice cannot."""
        self.state.restore()
        first = self._run_loss(problem, restore=False)
        self.draws = self.state.drew()
        self.remembers |= self.state.restore()
        again = self._run_loss(problem)
        if first.error or again.error:
            return say("the loss function failed on your data: {0}", first.error or again.error)
        if first.result != again.result and first.result == first.result:
            return say(
                "your loss gives two different numbers for the same arguments, {0:g} and {1:g}: fix the "
                "seed of what it draws at random, or keep what it remembers out of it",
                *(first.result, again.result),
            )
        return ""

    def _run_loss(self, problem: Problem, restore: bool = True) -> Outcome:
        arguments = self.arguments(problem, self.loss_takes_dict)
        outcome = self._run("loss", lambda *a: number_of(self.loss_fn(*a)), arguments, [""] * len(arguments))
        if restore:
            self.state.restore()
        return outcome

    def recorded(self, problem: Problem) -> tuple[Value | None, dict[str, list[Value]]]:
        """The loss run on arrays of Values: its root (None if it is a bare number), and the leaves by name.

        Raises:
            RuntimeError: the loss cannot be run on Values; the message says why.
        """
        leaves, arrays = dict[str, list[Value]](), dict[str, Any]()
        for name, x in problem.params.items():
            shape, numbers, _ = read(x)
            own = [Value(n, label=entry_name(name, i)) for i, n in zip(indices(shape), numbers, strict=True)]
            made: Any = np.empty(len(own), dtype=object)
            made[:] = leaves[name] = own
            arrays[name] = made.reshape(shape) if shape else own[0]
        # Values are known by identity, and a deep copy would cut them off: only the data is copied
        arguments = self.arguments(problem, self.loss_takes_dict, arrays)
        fixed = len(arguments) - len(problem.data)
        self.state.restore()
        outcome = run(
            lambda *d: one_number(self.loss_fn(*arguments[:fixed], *d)),
            arguments[fixed:],
            [""] * len(problem.data),
            max(60.0, self.limit),
        )
        self.state.restore()  # no Value stays in a cache of the user's
        if outcome.error:
            raise RuntimeError(outcome.error)
        return outcome.result if isinstance(outcome.result, Value) else None, leaves

    def exact(self, problem: Problem) -> dict[str, Entries]:
        """The engine's gradients on a problem.

        Raises:
            RuntimeError: the loss cannot be run on Values; the message says why.
        """
        root, leaves = self.recorded(problem)
        found = {} if root is None else adjoints(root)
        self.nodes += len(found)
        return {
            name: Entries(tuple(np.shape(problem.params[name])), [float(found.get(v, 0.0)) for v in leaves[name]])
            for name in self.names
        }

    def near(self, problem: Problem) -> LossNear:
        """The loss near a problem, to be measured."""
        if problem not in self._near:
            self._near[problem] = LossNear(self.loss, problem)
        return self._near[problem]

    # ------------------------------------------------------------------ backprop

    def both(self, problem: Problem, backprop: Callable[..., Any], arguments: list[Any]) -> Any:
        """Forward, then backward: the loss on a copy of the arguments, and what a backprop then returns."""
        shared = [x if _may_be_a_cache(x) else copied(x) for x in arguments[len(arguments) - len(problem.data) :]]
        ahead = self.arguments(problem, self.loss_takes_dict)
        ahead = [*copied(ahead[: len(ahead) - len(shared)]), *shared]
        with contextlib.suppress(Exception):  # what is wrong with the loss is known by now
            self.loss_fn(*ahead)
        self.state.replay()
        return backprop(*arguments)

    def answer(self, problem: Problem) -> Answer:
        """Run both on copies and read what backprop gives back."""
        arguments = self.arguments(problem, self.backprop_takes_dict)
        labels = ["params"] if self.backprop_takes_dict else list(self.names)
        labels += ["X", "y", *(f"data[{i}]" for i in range(2, len(problem.data)))][: len(problem.data)]
        self.state.restore()
        outcome = self._run("backprop", lambda *a: self.both(problem, self.backprop_fn, list(a)), arguments, labels)
        self.state.restore()
        if outcome.error:
            answer = Answer(problem.params)
            answer.error = outcome.error
            return answer
        answer = self.understood(outcome.result, outcome.arguments, problem)
        for warning in outcome.warnings[:3]:
            answer.say("WARNED", "backprop caused a {0}", warning.rstrip("."))
        for label, argument in zip(labels, arguments, strict=True):
            own = label == "params" or label in self.names
            if label in outcome.changed and not (own and self.updates) and not _may_be_a_cache(argument):
                answer.say(
                    "MUTATED", "backprop changed its argument {0} in place; work on a copy, or say updates=True", label
                )
        return answer

    def understood(self, result: Any, arguments: list[Any], problem: Problem) -> Answer:
        """A result of backprop as an answer; where there is none, the parameters that it changed in place."""
        answer = Answer(problem.params)
        after = arguments[0] if self.backprop_takes_dict else dict(zip(self.names, arguments, strict=False))
        answer.left = after, tuple(arguments[len(arguments) - len(problem.data) :])
        if result is None and any(not same(_plain(x), _plain(after.get(n))) for n, x in problem.params.items()):
            result, answer.in_place = after, not self.updates
        answer.read(result)
        if self.updates:
            assert self.lr is not None
            answer.recover(self.lr)
        return answer


def _plain(x: Any) -> Any:
    return np.asarray(x, float).tolist() if hasattr(x, "dtype") or isinstance(x, (int, float, list)) else x


def _may_be_a_cache(x: Any) -> bool:
    """Whether a forward pass may fill an argument for the backward pass: a dict or an object, not numbers."""
    return isinstance(x, dict) or (hasattr(x, "__dict__") and not hasattr(x, "dtype") and not callable(x))


def takes_dict(function: Callable[..., Any], names: list[str], data: int) -> bool:
    """Whether a function wants the parameters as one dict; told from the number and names of its arguments."""
    try:
        arguments = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    positional = [a for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    if not positional:
        return False
    called = re.fullmatch(r"(?i)p|params?|parameters|weights|theta", positional[0].name) is not None
    if any(a.kind == a.VAR_POSITIONAL for a in arguments):
        return called
    needed = sum(a.default is a.empty for a in positional)
    unpacked, packed = len(names) + data, 1 + data
    fits = needed <= packed <= len(positional)
    if called or unpacked == packed:
        return called and positional[0].name not in names and fits
    return needed == packed or (fits and not needed <= unpacked <= len(positional))
