"""What the user hands in: a loss function and a backprop function, called the way they are written.

Both may be written `f(W1, b1, W2, b2, X, y)`, with one argument for each parameter in the order of
`params`, or `f(params, X, y)` with one dict. What backprop gives back is read in every usual
form: a dict (`W1`, `dW1`, `grad_W1`, ...), a tuple in order, updated parameters, or nothing but
parameters updated in place.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.entries import Entries, entry_name, indices, read
from tinygrad_lite.checking.trial.numerical_check import one_number
from tinygrad_lite.checking.trial.sandbox import Outcome, run
from tinygrad_lite.engine import Value
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError, ShapeError


class Answer:
    """What backprop said on one problem.

    Attributes:
        gradients: by parameter name, as Entries; a name that was not answered is absent.
        extras: other named numbers it gave back, such as dZ2.
        error: "" or why there are no gradients at all.
        remarks: (code, sentence) of everything odd on the way.
        noise: by parameter, how exactly the gradient could be recovered from an update.
        left: the parameters by name and the data, as backprop left them.
    """

    def __init__(self) -> None:
        self.gradients: dict[str, Entries] = {}
        self.extras: dict[str, Entries] = {}
        self.error = ""
        self.remarks: list[tuple[str, str]] = []
        self.noise: dict[str, float] = {}
        self.left: tuple[dict[str, Any], tuple[Any, ...]] = ({}, ())


class Submission:
    """Both functions, and how to call them.

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
            raise OperandError(
                "check(..., updates=True) needs lr=..., the learning rate, to recover the gradients\n"
                "  from the updated parameters as (old - new) / lr."
            )
        self.loss_fn, self.backprop_fn, self.names = loss_fn, backprop_fn, names
        self.updates, self.lr, self.limit = updates, lr, limit
        self.kinds = kinds or {}  # "list" and "number" parameters are handed over as such, others as arrays
        self.loss_takes_dict = takes_dict(loss_fn, names, data_names)
        self.backprop_takes_dict = takes_dict(backprop_fn, names, data_names)

    def _arguments(self, problem: Problem, as_dict: bool, params: dict[str, Any] | None = None) -> list[Any]:
        given = {
            name: x.tolist() if self.kinds.get(name) in ("list", "number") and hasattr(x, "tolist") else x
            for name, x in (problem.params if params is None else params).items()
        }
        return [given, *problem.data] if as_dict else [*(given[name] for name in self.names), *problem.data]

    # ------------------------------------------------------------------ the loss

    def loss(self, problem: Problem) -> float:
        """The user's loss as a float; NaN if the function cannot be run there."""
        outcome = self._run_loss(problem)
        return outcome.result if not outcome.error else float("nan")

    def loss_error(self, problem: Problem) -> str:
        """Why the loss cannot be run on a problem, or ""."""
        return self._run_loss(problem).error

    def _run_loss(self, problem: Problem) -> Outcome:
        arguments = self._arguments(problem, self.loss_takes_dict)
        return run(lambda *a: number_of(self.loss_fn(*a)), arguments, [""] * len(arguments), self.limit)

    def recorded(self, problem: Problem) -> tuple[Value | None, dict[str, list[Value]]]:
        """The loss run on arrays of Values: its root (None if it is a bare number), and the leaves by name.

        Raises:
            RuntimeError: the loss cannot be run on Values; the message says why.
        """
        leaves = {
            name: [
                Value(n, label=entry_name(name, index)) for index, n in zip(indices(x.shape), x.numbers, strict=True)
            ]
            for name, x in ((name, read(x)) for name, x in problem.params.items())
        }
        arrays: dict[str, Any] = {}
        for name, x in problem.params.items():
            made: Any = np.empty(len(leaves[name]), dtype=object)
            made[:] = leaves[name]
            arrays[name] = made.reshape(np.shape(x)) if np.ndim(x) else leaves[name][0]
        # Values are known by identity, and a deep copy would cut them off: only the data is copied
        arguments = self._arguments(problem, self.loss_takes_dict, arrays)
        fixed = len(arguments) - len(problem.data)
        outcome = run(
            lambda *d: one_number(self.loss_fn(*arguments[:fixed], *d)),
            arguments[fixed:],
            [""] * len(problem.data),
            max(60.0, self.limit),
        )
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
        return {
            name: Entries(tuple(np.shape(problem.params[name])), [float(found.get(v, 0.0)) for v in leaves[name]])
            for name in self.names
        }

    # ------------------------------------------------------------------ backprop

    def answer(self, problem: Problem) -> Answer:
        """Run backprop on copies and read what it gives back."""
        arguments = self._arguments(problem, self.backprop_takes_dict)
        labels = ["params"] if self.backprop_takes_dict else list(self.names)
        labels += ["X", "y", *(f"data[{i}]" for i in range(2, len(problem.data)))][: len(problem.data)]
        outcome = run(self.backprop_fn, arguments, labels, self.limit)
        answer = Answer()
        if outcome.error:
            answer.error = outcome.error
            return answer
        after = outcome.arguments[0] if self.backprop_takes_dict else dict(
            zip(self.names, outcome.arguments, strict=False)
        )  # fmt: skip
        answer.left = after, tuple(outcome.arguments[len(outcome.arguments) - len(problem.data) :])
        for warning in outcome.warnings[:3]:
            answer.remarks.append(("WARNED", f"backprop caused a {warning.rstrip('.')}"))
        own = [label for label in outcome.changed if label == "params" or label in self.names]
        for label in outcome.changed:
            if not (self.updates and label in own):
                answer.remarks.append(
                    ("MUTATED", f"backprop changed its argument {label} in place; work on a copy, or say updates=True")
                )
        result = outcome.result
        if result is None and self.updates:
            result = after
        if result is None:
            answer.error = "it returned None; return the gradients as a dict or a tuple in the order of params" + (
                ", or, since it changed the parameters, call check(..., updates=True, lr=...)" if own else ""
            )
            return answer
        self._read(result, answer)
        if self.updates:
            self._recover(answer, problem)
        return answer

    def _read(self, result: Any, answer: Answer) -> None:
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping):
            result = result[1]  # (loss, gradients)
        if isinstance(result, Mapping):
            pairs = [(own_name(str(key), self.names), str(key), x) for key, x in result.items()]
        elif len(self.names) == 1 and not isinstance(result, (tuple, list)):
            pairs = [(self.names[0], self.names[0], result)]
        elif isinstance(result, (tuple, list)) and (len(result) == len(self.names) or isinstance(result, tuple)):
            if len(result) != len(self.names):
                answer.remarks.append(
                    ("NAME", f"backprop returned {len(result)} results for {len(self.names)} parameters")
                )
            pairs = [(name, name, x) for name, x in zip(self.names, result, strict=False)]
        elif len(self.names) == 1:
            pairs = [(self.names[0], self.names[0], result)]
        else:
            wanted = ", ".join(self.names)
            answer.error = f"it returned {type(result).__name__}; return a dict of {wanted}, or a tuple in that order"
            return
        for own, key, x in pairs:
            if x is None:
                answer.remarks.append(("NAME", f"{key} is None"))
                continue
            try:
                entries = read(x)
            except (OperandError, ShapeError, TypeError, ValueError) as reason:
                answer.remarks.append(("NAME", f"{key} cannot be read as numbers: {str(reason).splitlines()[0]}"))
                continue
            (answer.gradients if own else answer.extras)[own or key] = entries

    def _recover(self, answer: Answer, problem: Problem) -> None:
        """From updated parameters to gradients: (old - new) / lr."""
        assert self.lr is not None
        for name, new in list(answer.gradients.items()):
            old = np.asarray(problem.params[name], float)
            fresh = np.asarray(new.numbers).reshape(new.shape)
            if new.shape != old.shape:
                answer.remarks.append(
                    ("SHAPE_GREW", f"the update turned {name} from shape {old.shape} into {fresh.shape}")
                )
            try:
                change = (old - fresh) / self.lr
            except ValueError:
                del answer.gradients[name]
                continue
            answer.gradients[name] = Entries(change.shape, [float(g) for g in change.ravel()], new.dtype)
            answer.noise[name] = 8 * float(np.finfo(float).eps * np.abs(old).max(initial=0.0) / abs(self.lr))


def number_of(result: Any) -> float:
    """A loss as a float."""
    found = one_number(result)
    return found.data if isinstance(found, Value) else float(found)


def takes_dict(function: Callable[..., Any], names: list[str], data: int) -> bool:
    """Whether a function wants the parameters as one dict; told from the number and names of its arguments."""
    try:
        arguments = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    positional = [a for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)]
    if not positional:
        return False
    needed = [a for a in positional if a.default is a.empty]
    if any(a.kind == a.VAR_POSITIONAL for a in arguments):
        return re.fullmatch(r"(?i)p|params?|parameters|weights|theta", positional[0].name) is not None
    unpacked, packed = len(names) + data, 1 + data
    called = re.fullmatch(r"(?i)p|params?|parameters|weights|theta", positional[0].name) is not None
    if called or unpacked == packed:
        return called and positional[0].name not in names and len(needed) <= packed <= len(positional)
    if len(needed) in (unpacked, packed):
        return len(needed) == packed
    if len(needed) <= unpacked <= len(positional):
        return False
    return len(needed) <= packed <= len(positional)


def own_name(key: str, names: list[str]) -> str:
    """The parameter that a key of the user's dict speaks of, or "".

    >>> own_name("dW1", ["W1", "b1"]), own_name("grad_b1", ["W1", "b1"]), own_name("dZ1", ["W1", "b1"])
    ('W1', 'b1', '')
    """
    if key in names:
        return key
    bare = re.sub(r"^(gradient_?|grad_?|d[Ll]_?/?d_?|d_?|g_?|∂)", "", key)
    bare = re.sub(r"(_grad|_gradient|\.grad)$", "", bare)
    lowered = {name.lower(): name for name in names}
    return bare if bare in names else lowered.get(bare.lower(), "") if key[:1] in "dgDG∂" else ""
