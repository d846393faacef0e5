"""A gradient compared with two measurements: `tg.gradcheck(f, x)`.

The engine's gradient of f, or one of your own (`grad=`), is compared entry by entry with derivatives
measured by central differences, each with its error bar, and as a whole with the Taylor remainder.
"""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Callable
from typing import Any

from tinygrad_lite.calculus.pytree import fill, flatten, flatten_like, labels
from tinygrad_lite.checking.result.result import Result
from tinygrad_lite.checking.result.taylor_plot import TaylorPlot
from tinygrad_lite.checking.trial.numerical_check import (
    Derivative,
    Taylor,
    measured_derivative,
    number_of,
    one_number,
    resolution,
    taylor,
)
from tinygrad_lite.engine import Value
from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Report, Table


class GradCheck(Result):
    """What both measurements say about a gradient; true if neither contradicts it.

    Attributes:
        names: an entry name for each input number.
        claimed: the gradient on trial.
        measured: the `Derivative` of each entry that was measured, by its number.
        taylor: the `Taylor` of the whole gradient.
        noise: how coarse f itself is, in units of f; 0 where it computes in ordinary floats.
        wrong: the names of the entries that the measurement refuses.
        kinks: the names of the entries that stand on a kink.
    """

    def __init__(
        self,
        names: list[str],
        claimed: list[float],
        measured: dict[int, Derivative],
        whole: Taylor,
        rtol: float,
        noise: float = 0.0,
    ) -> None:
        self.names: list[str] = names
        self.claimed: list[float] = claimed
        self.measured: dict[int, Derivative] = measured
        self.taylor: Taylor = whole
        self.noise: float = noise
        self.wrong: list[str] = [names[i] for i, found in measured.items() if not found.accepts(claimed[i], rtol)]
        self.kinks: list[str] = [names[i] for i, found in measured.items() if found.kink]

    @property
    def slopes(self) -> dict[int, Derivative]:
        """The old name of `measured`, which goes with the next release."""
        warnings.warn("GradCheck.slopes is called measured now; the old name goes with the next release.", stacklevel=2)
        return self.measured

    @property
    def ok(self) -> bool:
        """No measured derivative contradicts it, nor does the Taylor remainder (which cannot judge on a kink)."""
        return not self.wrong and (self.taylor.ok or bool(self.kinks))

    def report(self) -> Report:
        order = sorted(self.measured, key=lambda i: (self.names[i] not in self.wrong, i))[:20]
        rows, marks = [], []
        for i in order:
            found = self.measured[i]
            rows.append([self.names[i], self.claimed[i], found.value, f"{found.bar:.0e}", f"{found.step:.0e}"])
            marks.append("wrong" if self.names[i] in self.wrong else "unsure" if found.kink else "ok")
        heading = say("The gradient agrees with the measured derivatives and with the Taylor remainder.")
        if not self.taylor.ok:
            heading = say("The gradient agrees with the measured derivatives.")
            heading = heading if self.ok else say("The Taylor remainder contradicts the gradient.")
        if self.wrong:
            n = len(self.measured)
            heading = say("The gradient is wrong at {0} of {1} measured entries.", len(self.wrong), n)
        hidden, unmeasured = len(self.measured) - len(order), len(self.names) - len(self.measured)
        notes = [say("{0} more entries were measured.", hidden)] if hidden else []
        notes += [say("{0} entries were not measured.", unmeasured)] if unmeasured else []
        heads = [say(word) for word in ("entry", "gradient", "measured", "+-", "step")]
        report = Report(heading).table(Table(heads, rows, note=" ".join(notes), marks=marks))
        report.add(TaylorPlot(self.taylor))
        if self.noise:
            report.say(
                "f is rounded to about {0:.0e}, as by single or half precision inside it: "
                "the error bars are as wide as that makes them.",
                self.noise,
            )
        for i, found in self.measured.items():
            if found.kink:
                low, high = sorted((found.left, found.right))
                message = "{0} stands on a kink: every derivative from {1:.6g} to {2:.6g} is right. [KINK]"
                report.say(message, self.names[i], low, high)
        return report

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "wrong": self.wrong, "kinks": self.kinks, "report": self.report().to_dict()}


def gradcheck(
    f: Callable[..., Any], *x: Any, grad: Any = None, rtol: float = 1e-5, seed: int = 0, most: int = 200
) -> GradCheck:
    """A gradient, tried against measured derivatives and the Taylor remainder.

    Args:
        f: a function of one or several numbers, nested lists or arrays that gives one number. It is called with
            bare floats, or with Values if it needs their methods, as in `lambda x: x.tanh()`.
        x: its arguments, as for `f(*x)`; never changed.
        grad: your own gradient, in the shape of x (a tuple of them for several arguments); without
            it, the engine's is tried.
        rtol: relative difference allowed beyond three error bars.
        seed: of the Taylor direction, and of the choice of entries where there are too many.
        most: how many entries are measured at the most.

    Raises:
        OperandError: f gives more than one number, or an argument is not made of numbers.
        ShapeError: `grad` is not built like x.

    >>> import tinygrad_lite as tg
    >>> found = gradcheck(lambda x: tg.exp(x[0]) * x[1] ** 2, [0.5, 3.0])
    >>> found.ok, round(found.taylor.slope, 1)
    (True, 2.0)
    >>> gradcheck(lambda x: x * x, 3.0, grad=3.0).wrong
    ['x']
    """
    if not x:
        raise OperandError(say("gradcheck needs the point after the function, as in gradcheck(f, [1.0, 2.0])."))
    words = [f"x{i + 1}" for i in range(len(x))] if len(x) > 1 else ["x"]
    opened = [flatten(argument, word) for argument, word in zip(x, words, strict=True)]
    point = [n.data if isinstance(n, Value) else n for numbers, _ in opened for n in numbers]
    structure = tuple, tuple([each for _, each in opened])
    names = [name for (_, each), word in zip(opened, words, strict=True) for name in labels(each, word)]

    needs_values = False

    def plain(numbers: list[float]) -> float:
        with no_grad() if needs_values else contextlib.nullcontext():
            return number_of(f(*fill(structure, map(Value, numbers) if needs_values else numbers)))

    try:
        plain(point)
    except (AttributeError, TypeError):  # it asks for x.tanh() or x.data, which floats have not
        needs_values = True
    if grad is None:
        leaves = [Value(n, label=name) for n, name in zip(point, names, strict=True)]
        root = one_number(f(*fill(structure, leaves)))
        found = adjoints(root) if isinstance(root, Value) else {}
        claimed = [float(found.get(leaf, 0.0)) for leaf in leaves]
    else:
        claimed = flatten_like(grad if len(x) > 1 else (grad,), structure, "grad")
        claimed = [n.data if isinstance(n, Value) else n for n in claimed]
    chosen = list(range(len(point)))
    if len(chosen) > most:
        chosen = sorted(random.Random(seed).sample(chosen, most))
    noise = resolution(plain, point, seed)
    measured = {i: measured_derivative(plain, point, i, noise=noise) for i in chosen}
    return GradCheck(names, claimed, measured, taylor(plain, point, claimed, seed, noise), rtol, noise)
