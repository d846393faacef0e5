"""A gradient before two witnesses: `tg.gradcheck(f, x)`.

The engine's gradient of f, or one of your own (`grad=`), is compared entry by entry with slopes
measured by central differences, each with its error bar, and as a whole with the Taylor remainder.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tinygrad_lite.calculus.pytree import fill, flatten, flatten_like, labels
from tinygrad_lite.checking.result.judged import Judged
from tinygrad_lite.checking.result.taylor_plot import TaylorPlot
from tinygrad_lite.checking.trial.numerical_check import Slope, Taylor, measured_slope, one_number, resolution, taylor
from tinygrad_lite.engine import Value
from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.text import Report, Table


class GradCheck(Judged):
    """What both witnesses say about a gradient; true if neither objects.

    Attributes:
        names: an entry name for each input number.
        claimed: the gradient on trial.
        slopes: the measured `Slope` of each entry that was measured, by its number.
        taylor: the `Taylor` of the whole gradient.
        noise: how coarse f itself is, in units of f; 0 where it computes in ordinary floats.
        wrong: the names of the entries that the measurement refuses.
    """

    def __init__(
        self,
        names: list[str],
        claimed: list[float],
        slopes: dict[int, Slope],
        whole: Taylor,
        rtol: float,
        noise: float = 0.0,
    ) -> None:
        self.names: list[str] = names
        self.claimed: list[float] = claimed
        self.slopes: dict[int, Slope] = slopes
        self.taylor: Taylor = whole
        self.noise: float = noise
        self.wrong: list[str] = [names[i] for i, slope in slopes.items() if not slope.accepts(claimed[i], rtol)]
        self.kinks: list[str] = [names[i] for i, slope in slopes.items() if slope.kink]

    @property
    def ok(self) -> bool:
        """No measured slope objects, nor does the Taylor remainder (which cannot judge on a kink)."""
        return not self.wrong and (self.taylor.ok or bool(self.kinks))

    def report(self) -> Report:
        order = sorted(self.slopes, key=lambda i: (self.names[i] not in self.wrong, i))[:20]
        rows, marks = [], []
        for i in order:
            slope = self.slopes[i]
            rows.append([self.names[i], self.claimed[i], slope.value, f"{slope.bar:.0e}", f"{slope.step:.0e}"])
            marks.append("wrong" if self.names[i] in self.wrong else "unsure" if slope.kink else "ok")
        heading = "The gradient stands before both witnesses." if self.ok else (
            f"The gradient is wrong at {len(self.wrong)} of {len(self.slopes)} measured entries."
            if self.wrong else "The Taylor remainder objects."
        )  # fmt: skip
        report = Report(heading)
        table = Table(["entry", "gradient", "measured", "+-", "step"], rows, marks=marks)
        hidden, unmeasured = len(self.slopes) - len(order), len(self.names) - len(self.slopes)
        table.note = (f"{hidden} more entries were measured. " if hidden else "") + (
            f"{unmeasured} entries were not measured." if unmeasured else ""
        )
        report.table(table).add(TaylorPlot(self.taylor))
        if self.noise:
            report.paragraph(
                f"f is rounded to about {self.noise:.0e}, as by single or half precision inside it: "
                "the error bars are as wide as that makes them."
            )
        for i in self.slopes:
            if self.slopes[i].kink:
                low, high = sorted((self.slopes[i].left, self.slopes[i].right))
                report.paragraph(
                    f"{self.names[i]} stands on a kink: every slope from {low:.6g} to {high:.6g} is right. [KINK]"
                )
        return report

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "wrong": self.wrong, "kinks": self.kinks, "report": self.report().to_dict()}


def float_of(result: Any) -> float:
    """The bare number that a function returned."""
    number = one_number(result)
    return number.data if isinstance(number, Value) else number


def gradcheck(
    f: Callable[..., Any],
    *x: Any,
    grad: Any = None,
    rtol: float = 1e-5,
    seed: int = 0,
    most: int = 200,
) -> GradCheck:
    """A gradient, tried against measured slopes and the Taylor remainder.

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
        raise OperandError("gradcheck needs the point after the function, as in gradcheck(f, [1.0, 2.0]).")
    words = [f"x{i + 1}" for i in range(len(x))] if len(x) > 1 else ["x"]
    opened = [flatten(argument, word) for argument, word in zip(x, words, strict=True)]
    point = [n.data if isinstance(n, Value) else n for numbers, _ in opened for n in numbers]
    structure = tuple, tuple([each for _, each in opened])
    names = [name for (_, each), word in zip(opened, words, strict=True) for name in labels(each, word)]

    def on_floats(numbers: list[float]) -> float:
        return float_of(f(*fill(structure, numbers)))

    def with_values(numbers: list[float]) -> float:
        with no_grad():
            return float_of(f(*fill(structure, [Value(n) for n in numbers])))

    plain = on_floats
    try:
        plain(point)
    except (AttributeError, TypeError):  # it asks for x.tanh() or x.data, which floats have not
        plain = with_values
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
    slopes = {i: measured_slope(plain, point, i, noise=noise) for i in chosen}
    return GradCheck(names, claimed, slopes, taylor(plain, point, claimed, seed, noise), rtol, noise)
