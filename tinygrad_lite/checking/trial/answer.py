"""What backprop said: gradients in every usual form, read as named numbers.

A dict (`W1`, `dW1`, `grad_W1`, ...), a tuple or list in the order of the parameters, lists of weights and of biases,
a pair of the loss and one of these, an object with such attributes, one long vector, updated parameters, or
parameters changed in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.network import Record
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import Entries, read
from tinygrad_lite.errors import OperandError, ShapeError
from tinygrad_lite.report.language import say


class Answer:
    """What backprop said on one problem.

    Attributes:
        params: of the problem; their names and shapes say how a result is to be read.
        gradients: by parameter name, as Entries; a name that was not answered is absent.
        extras: other named numbers it gave back, such as dZ2.
        error: "" or why there are no gradients at all.
        remarks: (code, sentence) of everything odd on the way.
        noise: by parameter, how exactly the gradient could be recovered from an update.
        left: the parameters by name and the data, as backprop left them.
        in_place: it returned nothing but changed its parameters, which stand here for gradients.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params
        self.gradients: dict[str, Entries] = {}
        self.extras: dict[str, Entries] = {}
        self.error: str = ""
        self.remarks: list[tuple[str, str]] = []
        self.noise: dict[str, float] = {}
        self.left: tuple[dict[str, Any], tuple[Any, ...]] = ({}, ())
        self.in_place = False

    def say(self, code: str, english: str, *put_in: Any) -> None:
        """Note something odd in the reader's language."""
        self.remarks.append((code, say(english, *put_in)))

    def read(self, result: Any) -> None:
        """Take the gradients out of whatever was returned.

        >>> answer = Answer({"w": 2.0, "b": 0.5})
        >>> answer.read((0.25, {"dw": 3.0, "db": 1.0}))
        >>> {name: entries.numbers for name, entries in answer.gradients.items()}
        {'w': [3.0], 'b': [1.0]}
        """
        if result is None:
            self.error = say("it returned None; return the gradients as a dict or a tuple in the order of params")
            return
        for key, x in self._pairs(self._without_loss(result)):
            own = own_name(key, list(self.params))
            if x is None:
                self.say("NAME", "{0} is None", key)
                continue
            try:
                entries = read(x)
            except (OperandError, ShapeError, TypeError, ValueError) as reason:
                self.say("NAME", "{0} cannot be read as numbers: {1}", key, str(reason).splitlines()[0])
                continue
            (self.gradients if own else self.extras)[own or key] = entries

    def _without_loss(self, result: Any) -> Any:
        """The gradients of a pair (loss, gradients)."""
        if not isinstance(result, tuple) or len(result) != 2 or getattr(result[0], "size", 1) != 1:
            return result
        first, second = result
        many = len(self.params)
        pair = isinstance(second, Mapping) or (
            isinstance(second, (tuple, list)) and len(second) == many and (many != 2 or isinstance(second, tuple))
        )
        return second if pair and not isinstance(first, (Mapping, tuple, list)) else result

    def _pairs(self, result: Any) -> Iterator[tuple[str, Any]]:
        """(name, numbers) of everything in a result."""
        names = list(self.params)
        if hasattr(result, "_asdict"):
            result = result._asdict()
        elif hasattr(result, "__dict__") and not hasattr(result, "dtype") and not isinstance(result, (Mapping, type)):
            result = vars(result) or result
        if isinstance(result, Mapping):
            for key, x in result.items():
                yield from x.items() if isinstance(x, Mapping) else [(str(key), x)]
        elif len(names) == 1:
            wrapped = isinstance(result, (tuple, list)) and len(result) == 1
            whole = not wrapped or shape_of(result) == self._shape(names[0])
            yield names[0], result if whole else result[0]
        elif isinstance(result, (tuple, list)) and any(isinstance(x, (tuple, list)) for x in result):
            yield from self._nested(result)
        elif isinstance(result, (tuple, list)) and (len(result) == len(names) or isinstance(result, tuple)):
            if len(result) != len(names):
                self.say("NAME", "backprop returned {0} results for {1} parameters", len(result), len(names))
            yield from zip(names, result, strict=False)
        elif shape_of(result) == (sum(map(np.size, self.params.values())),):
            at = 0
            for name, x in self.params.items():  # one long vector, as optimizers take it
                yield name, np.reshape(result[at : at + np.size(x)], np.shape(x))
                at += np.size(x)
        else:
            wanted, kind = ", ".join(names), type(result).__name__
            self.error = say("it returned {0}; return a dict of {1}, or a tuple in that order", kind, wanted)

    def _nested(self, result: Any) -> Iterator[tuple[str, Any]]:
        """Lists of lists: rows of numbers by Python's own lists, or all weights and then all biases."""
        names, flat = list(self.params), list(_leaves(result))
        kinds = sorted(names, key=lambda name: re.sub(r"\d+$", "", name) != re.sub(r"\d+$", "", names[0]))
        if len(flat) == len(names) and any(hasattr(x, "dtype") for x in flat):
            for order in (names, kinds):
                if all(shape_of(x) == self._shape(name) for name, x in zip(order, flat, strict=True)):
                    yield from zip(order, flat, strict=True)
                    return
        yield from zip(names, result, strict=False)

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(np.shape(self.params[name]))

    def recover(self, lr: float) -> None:
        """From updated parameters to gradients: (old - new) / lr."""
        for name, new in list(self.gradients.items()):
            old = np.asarray(self.params[name], float)
            fresh = np.asarray(new.numbers).reshape(new.shape)
            if new.shape != old.shape:
                self.say("SHAPE_GREW", "the update turned {0} from shape {1} into {2}", name, old.shape, fresh.shape)
            try:
                change = (old - fresh) / lr
            except ValueError:
                del self.gradients[name]
                continue
            self.gradients[name] = Entries(change.shape, [float(g) for g in change.ravel()], new.dtype)
            self.noise[name] = 8 * float(np.finfo(float).eps * np.abs(old).max(initial=0.0) / abs(lr))


@dataclass(eq=False)
class CaseResult:
    """One problem, what was answered on it, and what is exact.

    Attributes:
        problem, answer: the problem, and the user's gradients on it.
        exact: the exact gradients by name; {} if they are not known.
        source: where these come from: "engine", "model" or "measured".
        noise: by name, how far a measured one may be off.
        comparison: the verdicts; None if there were no gradients to compare.
        record: the recognised network's forward pass, or None.
        kinks: names whose gradient was accepted within the interval that a kink allows.
    """

    problem: Problem
    answer: Answer
    record: Record | None
    exact: dict[str, Entries] = field(default_factory=dict)
    source: str = ""
    noise: dict[str, float] = field(default_factory=dict)
    comparison: Comparison | None = None
    kinks: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.comparison is not None and self.comparison.ok


def shape_of(x: Any) -> tuple[int, ...] | None:
    """The shape of numbers in any container; None if its rows differ."""
    try:
        return tuple(np.shape(x))
    except ValueError:
        return None


def _leaves(x: Any) -> Iterator[Any]:
    yield from (leaf for item in x for leaf in _leaves(item)) if isinstance(x, (tuple, list)) else (x,)


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
