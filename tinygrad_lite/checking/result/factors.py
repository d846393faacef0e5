"""Factors that change with the problem: is it 1/2, N, 2/(N*O), or one and the same constant?

A hypothesis need not guess a scale. Its prediction is divided into the user's numbers, which gives one
ratio a problem; a `Factor` is the law behind these ratios, found only if it holds on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

PLAIN = (1.0, 2.0, 0.5, 4.0, 0.25)
SAME = 1e-9


class Factor(NamedTuple):
    """constant * N**n * O**o, with N samples and O outputs.

    >>> Factor(-0.5, 1, 0).words(), Factor(0.5, 1, 1).codes()
    ('-N / 2', ['FACTOR_2', 'MEAN_NO'])
    """

    constant: float = 1.0
    n: int = 0
    o: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Factor) and self[1:] == other[1:] and _same(self.constant, other.constant)

    def __hash__(self) -> int:
        return hash(self[1:])

    def __truediv__(self, other: Factor) -> Factor:
        return Factor(self.constant / other.constant, self.n - other.n, self.o - other.o)

    def at(self, n: int, o: int) -> float:
        """Its value on a problem of n samples and o outputs."""
        return self.constant * float(n) ** self.n * float(o) ** self.o

    @property
    def one(self) -> bool:
        return self == Factor()

    @property
    def plain(self) -> bool:
        """Made of signs, twos, N and O only."""
        return any(_same(abs(self.constant), c) for c in PLAIN)

    def codes(self) -> list[str]:
        """The catalogue's codes for this factor, one for each of its parts."""
        found = [] if _same(abs(self.constant), 1.0) else ["FACTOR_2" if self.plain else "RATIO"]
        if self.n > 0:
            found.append("MEAN_NO" if self.o > 0 else "MEAN_N")
        elif self.n < 0:
            found.append("DOUBLE_MEAN")
        if self.o and not self.n > 0 < self.o:
            found.append("MEAN_O")
        if self.constant < 0:
            found.append("SIGN")
        return found

    def cost(self) -> float:
        """How much has to be believed: 0 for none, 1 for one slip, a little more for each further part."""
        if self.one:
            return 0.0
        strange = 0.5 * (abs(self.n) > 1) + 0.5 * (abs(self.o) > 1) + 0.75 * (not self.plain)
        return 1.0 + 0.2 * (len(self.codes()) - 1) + strange

    def words(self) -> str:
        """As a formula: `N / 2`, `-1`, `2 / (N * O)`, `7/10`."""
        found = fraction(abs(self.constant))
        top = ["N"] * max(self.n, 0) + ["O"] * max(self.o, 0)
        bottom = ["N"] * max(-self.n, 0) + ["O"] * max(-self.o, 0)
        if found is None:
            top.insert(0, f"{abs(self.constant):.10g}")
        elif not top and not bottom:
            top = [str(found)]
        else:
            top[:0] = [str(found.numerator)] * (found.numerator > 1)
            bottom[:0] = [str(found.denominator)] * (found.denominator > 1)
        text = " * ".join(top) or "1"
        if bottom:
            text += f" / {bottom[0]}" if len(bottom) == 1 else f" / ({' * '.join(bottom)})"
        return f"-{text}" if self.constant < 0 else text


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=SAME)


def fraction(size: float) -> Fraction | None:
    """The simple fraction a positive number is, to ten digits: p/q with q or p up to 10,000, or None."""
    large = Fraction(max(size, 1 / size))
    found = large.limit_denominator(64)
    if found.numerator > 10_000 or abs(found - large) > 1e-10 * found:
        return None
    return 1 / found if size < 1 else found


def law(ratios: Sequence[float], sizes: Sequence[tuple[int, int]], same: float = SAME) -> Factor | None:
    """The simplest factor that gives these ratios on problems of these sizes (samples, outputs), or None.

    >>> law([3.5, 2.5], [(7, 3), (5, 2)]).words()
    'N / 2'
    """
    if not ratios or not all(math.isfinite(r) and r != 0 for r in ratios):
        return None
    found: list[Factor] = []
    for n in (0, 1, -1, 2, -2):
        for o in (0, 1, -1):
            constants = [r / Factor(1.0, n, o).at(*size) for r, size in zip(ratios, sizes, strict=True)]
            first = constants[0]
            if all(abs(c - first) <= same * abs(first) for c in constants):
                plain = next((c for c in PLAIN if abs(abs(first) - c) <= same * c), None)
                constant = math.copysign(plain, first) if plain is not None else first
                if plain is not None or (n, o) == (0, 0):
                    found.append(Factor(constant, n, o))
    return min(found, key=Factor.cost, default=None)
