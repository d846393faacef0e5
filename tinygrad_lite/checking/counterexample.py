"""The smallest counterexample: a problem of small whole numbers on which a wrong gradient is seen with a pencil.

The user's own two functions are run on ever larger problems of whole numbers from -5 to 5, one sample and width one
first, until a gradient is wrong and every number on the way to it is a simple fraction. Where no such problem is found,
as the tanh of a whole number is no fraction, numbers are rounded to six digits, and it is said. What is shown was
compared on that problem: the exact gradient by the engine, the other by the user's function.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from textwrap import wrap
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import gradients, kinks_of
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.paper.entrywise import on_kink
from tinygrad_lite.checking.result.comparison import Comparison
from tinygrad_lite.checking.result.entries import Entries, entry_name, indices
from tinygrad_lite.checking.result.verdict import Verdict
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.report.language import say
from tinygrad_lite.report.text import Code

LARGEST = (1, 2, 3, 5)  # the whole numbers are drawn from -k to k, the smallest k first
DRAWS = 12  # for each size and each k
TRIES = (260, 500)  # problems at most: once a wrong gradient is known but no fractions, and before
NUMBERS_AT_MOST = 16  # in a problem of the user's own sizes, where none of other sizes can be made
SIMPLE = 500  # the largest denominator of a simple fraction


class Counterexample:
    """One small problem and one wrong gradient on it.

    Attributes:
        name: the parameter.
        entry: the entry that is furthest off, as `W1[0, 1]`.
        yours, exact: both sides there, as fractions where `rational`, else floats; `yours` is None for a wrong shape.
        problem: parameters and data.
        lines: the example redone by pencil, in at most five lines.
        rational: every number of it is a simple fraction.
    """

    def __init__(self, evaluation: Evaluation, problem: Problem, verdict: Verdict, record: Record | None) -> None:
        self.problem: Problem = problem
        self.name: str = verdict.name
        self.rational: bool = True
        assert verdict.exact is not None
        assert verdict.hand is not None
        index = verdict.wrong[0] if verdict.wrong else next(indices(verdict.exact.shape))
        self.entry: str = entry_name(verdict.name, index)
        fits = verdict.hand.shape == verdict.exact.shape
        place = list(indices(verdict.exact.shape)).index(index)
        self.exact: Fraction | float = self._number(verdict.exact.numbers[place])
        self.yours: Fraction | float | None = self._number(verdict.hand.numbers[place]) if fits else None
        self.lines: list[str] = [self._given()]
        net = evaluation.network
        if net is not None and record is not None:
            self.lines += self._network(net, record)
        self.lines.append(self._verdict(verdict, fits))

    @property
    def fair(self) -> bool:
        """Two fractions stand side by side."""
        return self.rational and self.yours is not None

    def cost(self) -> tuple[bool, int]:
        """What makes one example easier to redo than another: fractions first, then fewer characters to write."""
        return not self.fair, sum(map(len, self.lines))

    def part(self) -> Code:
        """The lines as a part of a report."""
        return Code("\n".join(wrapped for line in self.lines for wrapped in wrap(line, 74, subsequent_indent="    ")))

    def to_dict(self) -> dict[str, Any]:
        """The example as plain data, ready for JSON."""
        numbers = {name: np.asarray(x).tolist() for name, x in self.problem.params.items()}
        data = [np.asarray(x).tolist() for x in self.problem.data[:2]]
        sides = {"yours": None if self.yours is None else str(self.yours), "exact": str(self.exact)}
        return {"entry": self.entry, **sides, "params": numbers, "data": data, "lines": self.lines}

    # ------------------------------------------------------------------ the lines

    def _given(self) -> str:
        pairs = [*zip(("X", "y"), self.problem.data[:2], strict=False), *self.problem.params.items()]
        return ", ".join(f"{name} = {self._array(x)}" for name, x in pairs)

    def _network(self, net: Network, r: Record) -> Iterator[str]:
        """The forward pass, the errors going back as far as this gradient, and the gradient: three lines."""
        depth, layout = net.depth, net.layout
        names, ahead = ["X", *(f"A{k}" for k in range(1, depth)), "P"], []
        for k, act in enumerate(net.activations, start=1):
            bias = f" + {net.biases[k - 1]}" if net.biases[k - 1] else ""
            same = act.name == "linear"
            product = f"{layout.forward(names[k - 1], net.weights[k - 1])}{bias} = {self._array(layout.data(r.Z[k]))}"
            ahead.append(f"{names[k]} = {product}" if same else f"Z{k} = {product}")
            if not same:
                ahead.append(f"{names[k]} = {act.of(f'Z{k}')} = {self._array(layout.data(r.A[k]))}")
        yield ", ".join(ahead)
        exact = gradients(net, r)
        scale = self._number(r.scale)
        top = net.kind.written if scale == 1 else f"{scale} * ({net.kind.written})"
        back = [f"dP = {top} = {self._array(layout.data(exact['dP']))}"]
        own = (net.weights if self.name in net.weights else net.biases).index(self.name) + 1
        for k in range(depth, own - 1, -1):
            if k < depth:
                back.append(f"dA{k} = {layout.back(f'dZ{k + 1}', net.weights[k])} = {self._array(exact[f'dA{k}'])}")
            act = net.activations[k - 1]
            if act.name == "softmax":
                times = f"{names[k]} * (d{names[k]} - {say('sum of {0}', f'd{names[k]} * {names[k]}')})"
            else:
                times = f"d{names[k]}" + f" * ({act.derivative_text(f'Z{k}', names[k])})" * (act.name != "linear")
            back.append(f"dZ{k} = {times} = {self._array(exact[f'dZ{k}'])}")
        yield ", ".join(back)
        product = layout.product(names[own - 1], f"dZ{own}")
        formula = product if self.name in net.weights else f"dZ{own}.sum(axis={layout.sample_axis})"
        penalty = say(" plus the penalty's part") if r.pull and (self.name in net.weights or net.penalty[2]) else ""
        yield f"d{self.name} = {formula}{penalty} = {self._array(exact['d' + self.name])}"

    def _verdict(self, verdict: Verdict, fits: bool) -> str:
        if not fits:
            return say("d{0} of yours has the shape {1}", self.name, verdict.hand.shape if verdict.hand else ())
        word, mine = "" if self.rational else say(" (to six digits)"), self._short(self.yours)
        return say("d{0} is {1}, but yours is {2}{3}", self.entry, self._short(self.exact), mine, word)

    def _array(self, x: Any) -> str:
        """Nested brackets of fractions; a single number without brackets."""
        x = np.asarray(x, float)
        return self._nested(x.ravel()[0] if x.size == 1 else x)

    def _nested(self, x: Any) -> str:
        return f"[{', '.join(map(self._nested, x))}]" if x.ndim else self._short(self._number(float(x)))

    def _number(self, x: float) -> Fraction | float:
        """A float as the simple fraction it is; otherwise as it is, and the example is not rational."""
        if math.isfinite(x):
            found = Fraction(x).limit_denominator(SIMPLE)
            if abs(float(found) - x) <= 1e-11 * max(1e-3, abs(x)):
                return found
        self.rational = False
        return x

    @staticmethod
    def _short(x: Any) -> str:
        return str(x) if isinstance(x, Fraction) else f"{x:.6g}"


def counterexample(evaluation: Evaluation) -> Counterexample | None:
    """The smallest problem on which some gradient is wrong, or None where none was found."""
    best: Counterexample | None = None
    if "backprop" not in evaluation.submission.quick:
        return None
    tries = itertools.count(1)
    for problems in _problems(evaluation):
        for problem in problems:
            if next(tries) > TRIES[best is None]:
                return best
            found = _wrong(evaluation, problem)
            if found is not None and (best is None or found.cost() < best.cost()):
                best = found
            if found is not None and found.yours is None:
                break  # at this size the shape is always wrong
        if best is not None and best.fair:
            return best
    return best


def _problems(evaluation: Evaluation) -> Iterator[Iterator[Problem]]:
    """For each size from the smallest up, problems of whole numbers; in each the smallest numbers first."""
    structure, given = evaluation.structure, evaluation.cases[0].problem
    if evaluation.network is None or structure is None:
        if sum(np.size(x) for x in (*given.params.values(), *given.data)) <= NUMBERS_AT_MOST:
            yield (_whole(given, k, seed) for k in LARGEST for seed in range(2 * DRAWS))
        return
    inner = len(structure.widths) - 2
    most_in = 1 if np.ndim(structure.like.data[0]) == 1 else 2
    every = itertools.product((1, 2), range(1, most_in + 1), (1, 2) if inner else (1,), (1, 2))
    sizes = [(n, [inputs, *[middle] * inner, outputs]) for n, inputs, middle, outputs in every]
    for n, widths in sorted(sizes, key=lambda size: size[0] * sum(size[1])):
        if (widths[-1] == 1 or structure.widths[-1] > 1) and (widths[-1] > 1 or not structure.classes):
            made = functools.partial(structure.of_sizes, "whole numbers", n, widths)
            yield (_whole(made(seed), k, seed) for k in LARGEST for seed in range(DRAWS))


def _whole(like: Problem, k: int, seed: int) -> Problem:
    """The problem with whole numbers from -k to k in the place of its own; classes, signs and bits stay as they are."""
    chance = np.random.default_rng([seed, k])

    def drawn(x: Any) -> Any:
        made = chance.integers(-k, k + 1, np.shape(x)).astype(float)
        return made.tolist() if isinstance(x, list) else made

    first, rest = [drawn(x) for x in like.data[:1]], like.data[1:]
    y = [] if not rest else [rest[0] if _is_whole(rest[0]) else drawn(rest[0])]
    if y and not _is_whole(rest[0]) and np.min(rest[0]) >= 0 and np.max(rest[0]) <= 1:
        y = [np.abs(np.clip(y[0], -1, 1))]  # probabilities
    params = {name: drawn(p) for name, p in like.params.items()}
    return Problem(like.name, params, (*first, *y, *rest[1:]), like.sizes, seed)


def _is_whole(x: Any) -> bool:
    x = np.asarray(x)
    return x.dtype.kind in "iub" or bool(x.size and np.all(x == np.round(x)))


def _wrong(evaluation: Evaluation, problem: Problem) -> Counterexample | None:
    """The easiest wrong gradient on one problem; None if all are right there or the problem shows nothing fairly."""
    submission, net = evaluation.submission, evaluation.network
    record = None
    with np.errstate(all="ignore"):
        if net is not None:
            try:
                record = Record(net, problem.params, *problem.data[:2])
            except ValueError:
                return None
            if problem.seed is not None and problem.seed % 2:
                record = _at_zero(net, problem, record)
            if record is None or not math.isfinite(record.loss) or kinks_of(net, record):
                return None
        answer = submission.answer(problem)
        if answer.error:
            return None
        exact = _exact(evaluation, problem, record)
    hands = {n: g for n, g in answer.gradients.items() if all(map(math.isfinite, (*g.numbers, *exact[n].numbers)))}
    found = []
    for verdict in Comparison(hands, exact, max(evaluation.rtol, 1e-7), answer.noise).verdicts:
        if verdict.hand is not None and not verdict.ok:
            example = Counterexample(evaluation, problem, verdict, record)
            if example.yours != example.exact:
                found.append(example)
    return min(found, key=Counterexample.cost, default=None)


def _at_zero(net: Network, problem: Problem, record: Record) -> Record | None:
    """Biases with which every sigmoid and its like gets 0 for the first sample, where all of it is a fraction."""
    for layer, b in enumerate(net.biases, start=1):
        if b and net.activations[layer - 1].saturates:
            old = problem.params[b]
            problem.params[b] = old - record.Z[layer][0].reshape(np.shape(old))
            if np.abs(problem.params[b]).max() > LARGEST[-1]:
                return None
            record = Record(net, problem.params, *problem.data[:2])
    return record


def _exact(evaluation: Evaluation, problem: Problem, record: Record | None) -> dict[str, Entries]:
    """The engine's gradients; {} where the loss does not run on Values, or stands on a kink."""
    try:
        if record is None:
            root, _ = evaluation.submission.recorded(problem)
            if root is None or not math.isfinite(root.data) or any(map(on_kink, topological(root))):
                return {}
        return evaluation.submission.exact(problem)
    except RuntimeError:
        return {}
