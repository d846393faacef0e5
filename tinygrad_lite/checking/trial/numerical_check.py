"""Two measurements that know no derivative rule: derivatives measured with an error bar, and the Taylor remainder.

Both only call the function. `measured_derivative` steps to both sides and shrinks the step until
rounding would take over, so it can say how sure it is. `taylor` needs no step size at all: if the
gradient g is right, what is left of f(x + e d) - f(x) - e g.d shrinks like e^2, a slope of 2 in a
log-log plot; if g is wrong, like e, a slope of 1.

Here f takes a list of floats and gives a float.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.engine import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report.language import say

Function = Callable[[list[float]], float]
ROUNDING = 2.0**-52
COARSE = 1e-10
"""A function that is rounded to more than this part of its size does not compute in ordinary floats."""


RIGHT = 1.94
"""A Taylor remainder with a larger slope is said to speak for the gradient."""


class Derivative(NamedTuple):
    """A derivative that was measured.

    Attributes:
        value: in units of f per unit of the input.
        bar: how far the true derivative may be from it.
        step: the smallest step used.
        left, right: the one-sided derivatives; they differ on a kink.
        kink: the one-sided derivatives stay apart however small the step.
    """

    value: float
    bar: float
    step: float
    left: float
    right: float
    kink: bool

    def accepts(self, claimed: float, rtol: float = 1e-5) -> bool:
        """Whether a claimed derivative may be true: within the bar, or anywhere between the two sides of a kink."""
        if not math.isfinite(claimed):
            return False
        tolerance = 3 * self.bar + rtol * max(abs(self.value), abs(claimed))
        if self.kink:
            return min(self.left, self.right) - tolerance <= claimed <= max(self.left, self.right) + tolerance
        return abs(claimed - self.value) <= tolerance


def resolution(f: Function, x: Sequence[float], seed: int = 0) -> float:
    """How coarse f is near x, in units of f: for single precision inside f about 1e-7 |f|; 0 for ordinary floats.

    Fourth differences of eight neighbours in a row take what is smooth away and leave what is rounded, whatever the
    spacing. The smallest of two spacings on two sides counts: a strong curve fades with the spacing, and a kink
    lies on one side. Where f does not change from one neighbour to the next, they are taken further apart.

    Source: difference tables for the noise of a computed function, Hamming (1962); More and Wild (2011).

    >>> resolution(lambda x: x[0] ** 2, [2.3])
    0.0
    """
    direction = _direction(x, seed)
    for widest in (1e-5, 3e-4, 1e-2):
        rows = [
            [f([entry + k * h * d for entry, d in zip(x, direction, strict=True)]) for k in range(8)]
            for h in (widest, -widest, widest / 4, -widest / 4)
        ]
        if min(len(set(row)) for row in rows) >= 4:
            break
    size, found = max(abs(y) for row in rows for y in row), []
    for row in rows:
        for _ in range(4):
            row = [b - a for a, b in itertools.pairwise(row)]
        found.append(max(map(abs, row)) / 4)  # where errors are of one unit, about four units are left
    noise = min(found)
    return noise if COARSE * size < noise < math.inf else 0.0


def measured_derivative(f: Function, x: Sequence[float], i: int, steps: int = 9, noise: float = 0.0) -> Derivative:
    """The derivative of f w.r.t. input i by central differences, with an error bar from a sweep of steps.

    The step starts at a hundredth of max(1, |x|), at more where f is coarse, and is divided by four
    each time; two neighbouring steps are combined so that the h^2 error cancels (Richardson), and the
    combination that agrees best with the one before it is the answer. Its bar is that disagreement
    plus the rounding of f.

    Args:
        noise: what `resolution` says of f.

    Source: Taylor's theorem; Ridders (1982) for choosing among the steps by their agreement.

    Raises:
        IndexError: i does not name an input.

    >>> found = measured_derivative(lambda x: x[0] ** 3, [2.0], 0)
    >>> abs(found.value - 12.0) <= 3 * found.bar, found.bar < 1e-8
    (True, True)
    """
    here = f(list(x))
    size = abs(here)
    h = min(max(1e-2, (noise / (size or 1.0)) ** (1 / 3)), 0.3) * max(1.0, abs(x[i]))
    central: list[tuple[float, float]] = []
    sides: list[tuple[float, float, float]] = []
    for _ in range(steps):
        above, below = list(x), list(x)
        above[i] += h
        below[i] -= h
        up, down = f(above), f(below)
        forth, back = above[i] - x[i], x[i] - below[i]  # the real steps, after rounding
        size = max(size, abs(up), abs(down))
        central.append(((up - down) / (forth + back), h))
        sides.append(((here - down) / back, (up - here) / forth, h))
        h /= 4
    rounding = max(ROUNDING * size, noise)
    best, bar, step = math.nan, math.inf, h
    refined = [(4 * fine - coarse) / 3 for (coarse, _), (fine, _) in itertools.pairwise(central)]
    for k in range(1, len(refined)):
        h = central[k + 1][1]
        doubt = abs(refined[k] - refined[k - 1]) + 2 * rounding / h
        if doubt < bar:
            best, bar, step = refined[k], doubt, h
    return Derivative(best, bar, step, *_one_sided(sides, rounding))


def _one_sided(sides: list[tuple[float, float, float]], rounding: float) -> tuple[float, float, bool]:
    """The derivatives to the left and right at a small step, and whether a kink keeps them apart.

    Where f is smooth the gap between the two sides is h f'': it shrinks with the step. On a kink it stays.
    """
    chosen = [s for s in sides if rounding / s[2] < 1e-7 * max(abs(s[0]), abs(s[1]), 1e-30)]
    if len(chosen) < 3:
        chosen = sides[:5]
    gaps = [abs(right - left) for left, right, _ in chosen]
    left, right, h = chosen[-1]
    noise = 8 * rounding / h
    kink = gaps[-1] > 0.7 * gaps[-2] > 0.5 * gaps[-3] and gaps[-1] > 100 * noise
    return left, right, kink and gaps[-1] > 1e-4 * max(abs(left), abs(right))


class Taylor(NamedTuple):
    """The remainders of a first-order Taylor step, and their slope.

    Attributes:
        points: pairs (step, remainder), the largest step first.
        slope: of log remainder against log step, where the remainder is clear of rounding; about 2 if
            the gradient is right, about 1 if it is wrong; infinite if nothing remains but rounding.
        used: the points from which the slope was told.
    """

    points: list[tuple[float, float]]
    slope: float
    used: list[tuple[float, float]]

    @property
    def ok(self) -> bool:
        """The slope speaks for the gradient."""
        return self.slope > 1.7

    def words(self) -> str:
        """The verdict as a sentence."""
        if math.isinf(self.slope):
            return say("Taylor remainder: nothing but rounding is left, as for a straight line. The gradient is right.")
        if not math.isfinite(self.slope):
            verdict = say("it cannot be tried, as there is a NaN or an infinity")
        elif self.slope > RIGHT:
            verdict = say("right: the remainder shrinks like the square of the step")
        elif self.slope < 1.3:
            verdict = say("wrong: the remainder shrinks no faster than the step")
        else:
            verdict = say("in between, as near a kink or with a tiny error")
        return say("Taylor remainder slope {0:.2f} (2 is right, 1 is wrong): {1}.", self.slope, verdict)


def taylor(f: Function, x: Sequence[float], gradient: Sequence[float], seed: int = 0, noise: float = 0.0) -> Taylor:
    """Try a gradient along a random direction, without choosing a step.

    Args:
        gradient: the claimed derivatives, as many as inputs.
        seed: of the direction; each entry of it is between 0.5 and 1 of max(1, |x|), with either sign.
        noise: what `resolution` says of f.

    >>> f = lambda x: x[0] ** 2 * x[1]
    >>> round(taylor(f, [1.5, 2.0], [6.0, 2.25]).slope, 1), round(taylor(f, [1.5, 2.0], [3.0, 2.25]).slope, 1)
    (2.0, 1.0)
    """
    direction, here = _direction(x, seed), f(list(x))
    finite = all(map(math.isfinite, gradient))
    rise = math.fsum(g * d for g, d in zip(gradient, direction, strict=True)) if finite else math.nan
    points, used = [], []
    for k in range(2, 15):
        e = 10.0 ** (-k / 2)
        there = f([entry + e * d for entry, d in zip(x, direction, strict=True)])
        left = abs(there - here - e * rise)
        points.append((e, left))
        size = max(abs(there), abs(here), 1e-300)
        if left > 300 * max(ROUNDING * size, noise) and math.isfinite(left):
            used.append((e, left))
    used = used[-5:]  # the smallest steps that are clear of rounding: there a wrong first-order term shows
    if not all(math.isfinite(left) for _, left in points[-5:]) or not math.isfinite(rise):
        return Taylor(points, math.nan, used)
    return Taylor(points, _log_slope(used), used)


def _direction(x: Sequence[float], seed: int) -> list[float]:
    """A random direction of length 1, in units of max(1, |x|), in which no entry is much smaller than another."""
    chance = random.Random(seed)
    direction = [chance.uniform(0.5, 1.0) * chance.choice((-1, 1)) for _ in x]
    length = math.hypot(*direction) or 1.0
    return [d / length * max(1.0, abs(entry)) for d, entry in zip(direction, x, strict=True)]


def _log_slope(points: Sequence[tuple[float, float]]) -> float:
    """The least-squares slope through the logarithms; infinite if fewer than two points are left."""
    if len(points) < 2:
        return math.inf
    xs, ys = [math.log(e) for e, _ in points], [math.log(r) for _, r in points]
    x0, y0 = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - x0) * (y - y0) for x, y in zip(xs, ys, strict=True)) / sum((x - x0) ** 2 for x in xs)


def one_number(result: Any) -> Any:
    """The float or Value a loss function returned, out of an array of one entry if need be."""
    if getattr(result, "size", 2) == 1 and hasattr(result, "item"):
        result = result.item()
    if isinstance(result, Value):
        return result
    if hasattr(result, "__float__") and getattr(result, "ndim", 0) == 0:
        return float(result)
    message = say(
        "a gradient needs a function with one number as result, but got {0} of shape {1}.\n"
        "  Sum or average the entries to one loss first.",
        *(type(result).__name__, getattr(result, "shape", "?")),
    )
    raise OperandError(message)


def number_of(result: Any) -> float:
    """A loss as a float."""
    found = one_number(result)
    return found.data if isinstance(found, Value) else float(found)
