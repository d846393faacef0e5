"""Problems of our own: the user's network with sizes that show mistakes, filled with seeded numbers.

One sample cannot show a missing 1/N, one output cannot show a missing 1/O, and equal sizes let X pass
for A1. So the function under trial is also run with all sizes different (shapes tell) and with all
widths equal (what is legal in shape shows in the numbers); the numbers of samples and outputs are
prime, every unit is on for some samples and off for others, and nothing stands on a kink.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tinygrad_lite.analysis.losses import HINGE, MARGINS, margins
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Layout, Network, Record
from tinygrad_lite.report.language import say

SIZES = {  # samples, inputs, hidden widths (repeated as needed), outputs
    "all widths equal": (5, 3, (3,), 3),
    "larger, all widths equal": (7, 5, (5,), 5),
    "inner widths equal": (11, 4, (4,), 2),
    "all sizes different": (7, 5, (4, 6, 8, 10, 12), 3),
}


@dataclass(eq=False)
class Problem:
    """Parameters and data in the user's own layout, with the words for the report.

    Attributes:
        name: "your data", or which of our sizes.
        params, data: what both functions are called with; never changed.
        sizes: samples and widths, as `7x5->4->3`; "" where they are not known.
        seed: of the numbers; None for the user's data.
    """

    name: str
    params: dict[str, Array]
    data: tuple[Array, ...]
    sizes: str = ""
    seed: int | None = None

    def words(self) -> str:
        return f"{self.spoken()} ({self.sizes})" if self.sizes else self.spoken()

    def short(self) -> str:
        """For a column: the sizes if they are known."""
        return self.sizes or self.spoken()

    def spoken(self) -> str:
        """The name in the reader's language; one like another has a number behind it."""
        name, at, number = self.name.partition(" (")
        new, wider, old = name.partition(" in the place of ")
        return (say("{0} in the place of {1}", new, old) if wider else say(name)) + at + number


class Structure(NamedTuple):
    """Which parameters are weights and which biases, how everything lies, and the user's own sizes."""

    weights: list[str]
    biases: list[str]
    layout: Layout
    n: int
    widths: list[int]
    like: Problem

    @property
    def classes(self) -> bool:
        """The target is the number of a class for each sample, or its one-hot row; one class alone is always right."""
        y = np.asarray(self.like.data[1])
        return self.widths[-1] > 1 and (y.size == self.n or _one_hot(self.layout.data(y)))

    def sized(self, name: str, outputs: int | None) -> tuple[int, list[int]]:
        """Samples and widths for one of our problems; one output stays one output."""
        n, inputs, hidden, out = SIZES[name]
        inputs = inputs if np.ndim(self.like.data[0]) == 2 else 1
        middle = list(itertools.islice(itertools.cycle(hidden), len(self.widths) - 2))
        return n, [inputs, *middle, outputs or out]

    def problem(self, name: str, seed: int, outputs: int | None = None) -> Problem:
        """One of our problems, filled with numbers from the seed."""
        return self.of_sizes(name, *self.sized(name, outputs), seed)

    def of_sizes(self, name: str, n: int, widths: list[int], seed: int) -> Problem:
        """A problem of n samples and these widths, filled with numbers from the seed."""
        chance = np.random.default_rng(seed)
        params: dict[str, Array] = {}
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows, columns = widths[layer], widths[layer + 1]
            made = self.layout.weight(chance.normal(size=(rows, columns)) * np.sqrt(2.0 / rows))
            like = self.like.params[w]
            params[w] = made if np.ndim(like) == 2 else made.reshape(np.shape(like) and (-1,))
            if b:
                own: tuple[int, ...] = np.shape(self.like.params[b])
                shape: tuple[int, ...] = (columns,) if own or columns > 1 else ()
                if len(own) == 2:  # of one unit, (1, 1), the layout decides
                    upright = self.layout.columns if own == (1, 1) else own[1] == 1
                    shape = (columns, 1) if upright else (1, columns)
                params[b] = (0.3 * chance.normal(size=columns)).reshape(shape)
        x = chance.normal(size=(n, widths[0]))
        x = x.ravel() if np.ndim(self.like.data[0]) == 1 else np.ascontiguousarray(self.layout.data(x))
        y = _target_like(self.like.data[1], n, self.widths[-1], widths[-1], self.n, self.layout, chance)
        params = {key: np.array(params[key], order="C") for key in self.like.params}
        sizes = f"{n}x{'->'.join(map(str, widths))}"
        pairs = zip((x, y), self.like.data, strict=False)
        data = [new.tolist() if isinstance(old, list) else new for new, old in pairs]
        return Problem(name, params, (*data, *self.like.data[2:]), sizes, seed)


def _target_like(y: Array, n: int, had: int, outputs: int, samples: int, layout: Layout, chance: Any) -> Array:
    """A target of the same kind as the user's: class numbers, one-hot rows, 0/1, -1/+1, or real numbers."""
    y = np.asarray(y)
    values = set(np.unique(y).tolist()) if y.size < 10**6 else {0.5}
    labels = y.size == samples and had > 1
    if labels:
        new = np.concatenate([np.arange(outputs), chance.integers(0, outputs, size=n)])[:n]
        return new.reshape([n if k == samples else 1 for k in y.shape]).astype(y.dtype)
    rows = layout.data(y)
    if had > 1 and _one_hot(rows):
        new = np.eye(outputs)[np.concatenate([np.arange(outputs), chance.integers(0, outputs, size=n)])[:n]]
    elif values <= {0.0, 1.0} and len(values) == 2:
        new = chance.integers(0, 2, size=(n, outputs)).astype(float)
    elif values <= {-1.0, 1.0}:
        new = chance.choice([-1.0, 1.0], size=(n, outputs))
    elif min(values) >= 0 and max(values) <= 1:
        new = chance.uniform(0.05, 0.95, size=(n, outputs))
    else:
        new = chance.normal(size=(n, outputs)) + 0.5
    return new.reshape(n) if y.ndim == 1 else np.ascontiguousarray(layout.data(new))


def _one_hot(rows: Array) -> bool:
    return bool(np.all((rows == 0) | (rows == 1)) and np.all(rows.sum(axis=-1) == 1))


def structures(like: Problem) -> Iterator[Structure]:
    """Every way in which the parameters and X can be read as a layered network; none if they cannot."""
    if len(like.data) < 2 or np.ndim(like.data[0]) not in (1, 2) or np.ndim(like.data[1]) == 0:
        return
    x, params = np.asarray(like.data[0]), {k: np.asarray(v) for k, v in like.params.items()}
    weights = [k for k, v in params.items() if v.ndim == 2 and not _named_bias(k, v)]
    last = [k for k, v in params.items() if v.ndim < 2 and re.match(r"(?i)_*(w|theta|coef|derivative|m$|a$)", k)]
    weights += last if len(last) == 1 else []  # a vector of weights: one output, one number a sample
    others = [k for k in params if k not in weights]
    biases = _paired(weights, others)
    if not weights or biases is None:
        return
    if x.ndim == 1 and (len(weights) != 1 or params[weights[0]].size != 1):
        return
    for columns, turned in ((False, False), (True, True), (False, True), (True, False)):
        layout = Layout(columns, turned)
        n, inputs = layout.data(x).shape
        widths = [inputs]
        for w in weights:
            rows, out = layout.weight(params[w]).shape
            if rows != widths[-1]:
                break
            widths.append(out)
        fits = len(widths) == len(weights) + 1 and all(
            not b or params[b].size == out for b, out in zip(biases, widths[1:], strict=True)
        )
        y = np.asarray(like.data[1])
        if fits and (y.size == n or layout.data(y).shape[:1] == (n,)):
            yield Structure(weights, biases, layout, n, widths, like)


def _named_bias(name: str, value: Array) -> bool:
    """A matrix of one row or column is a bias if its name says so."""
    return 1 in value.shape and bool(re.match(r"(?i)_*b(?!e)|.*bias", name))


def _paired(weights: list[str], others: list[str]) -> list[str] | None:
    """For each weight the name of its bias or ""; None if some parameter is neither."""
    if len(others) == len(weights):
        return others
    by_digits = {re.sub(r"\D", "", name): name for name in others}
    paired = [by_digits.pop(re.sub(r"\D", "", w), "") for w in weights]
    return paired if not by_digits and len(set(paired) - {""}) == len(others) else None


def chosen(structure: Structure, net: Network, name: str, seed: int, outputs: int | None) -> Problem | None:
    """One of our problems on which the network shows all it can: no dead unit, no kink, both sides of each relu."""
    best = None
    for attempt in range(400):
        problem = structure.problem(name, seed + 1000 * attempt, outputs)
        _centre(structure, net, problem)
        found = _shows(Record(net, problem.params, *problem.data[:2]), net)
        if found == 2:
            return problem
        if found == 1 and best is None:
            best = problem
    return best


def _centre(structure: Structure, net: Network, problem: Problem) -> None:
    """Shift the biases, layer by layer, so that each unit is on for some samples and off for others."""
    for layer, b in enumerate(net.biases, start=1):
        if b and net.activations[layer - 1].two_sided:
            z = Record(net, problem.params, *problem.data[:2]).Z[layer]
            ordered = np.sort(z, axis=0)
            half = z.shape[0] // 2
            shift = 0.5 * (ordered[half - 1] + ordered[half])
            problem.params[b] = problem.params[b] - shift.reshape(np.shape(problem.params[b]))


def _shows(record: Record, net: Network) -> int:
    """2 if every unit shows both sides and nothing is near a kink; 1 if only some unit is one-sided; 0 if unusable."""
    full = 2
    for z, act in zip(record.Z[1:], net.activations, strict=True):
        if not np.all(np.isfinite(z)) or np.abs(z).min() < 1e-3:
            return 0
        if act.two_sided:
            on = z > 0
            if not (on.any(axis=0).all() and (~on).any(axis=0).all()):
                full = 1
            if act.off and not (on[0].any() and on[-1].any()):
                full = min(full, 1)
            if act.off and not on.any():
                return 0
        if act.saturates and np.abs(act.derivative(z)).min() < 1e-6:
            full = 1
    p, y = record.A[-1], record.Y
    if net.kind.name == "absolute error" and np.abs(p - y).min() < 1e-3:
        return 0
    if net.kind in (HINGE, MARGINS):
        margin = 1 - y * p if net.kind is HINGE else margins(p, y)[y == 0]
        if np.abs(margin).min() < 1e-3 or not (margin > 0).any():
            return 0
        full = min(full, 2 if (margin <= 0).any() else 1)
    if net.kind.delta and not 0 < (np.abs(p - y) > net.kind.delta).mean() < 1:
        full = 1  # on the parabola and on its arms
    with np.errstate(all="ignore"):
        delta = net.kind.derivative(p, y) * net.activations[-1].derivative(record.Z[-1])
    if not (delta[0].any() and delta[-1].any()):
        full = min(full, 1)  # the first and the last sample must count, as loops keep one of them by mistake
    return full if np.isfinite(record.loss) else 0
