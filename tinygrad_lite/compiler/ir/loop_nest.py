"""The plan: a computation as a few loops over arrays, which every fast back end can run.

In: nothing. Out: the data structure between `reroll`, which finds the loops, and the back ends.

A plan is a list of loop nests, in the order in which they must run. All iterations of a loop nest are computed by
one expression and differ only in what they read:

    loop nest 3: 16 iterations, each  sum over 65 terms  of  P[...] * sample[...]

An iteration is a sum of runs; a run is one expression, repeated for one term or many. The leaves of an expression
are accesses: an array and an index that is affine in the loop counters,

    index = base + stride_1 * i_1 + ... + stride_t * t

or, where that fails, a table of indices. Short letters: m iterations, t terms, R samples of a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinygrad_lite.compiler.ir.spelling import INFIX, spelled

Expression = Any
"""A nested tuple: ("leaf", k) for the k-th access of the run, or (name of an op, expression, ...)."""

UNIFORM = frozenset(("P", "K"))
"""The arrays of a plan for samples whose numbers are the same for every sample: parameters and constants."""


@dataclass(slots=True, eq=False)
class Access:
    """Where a leaf finds its number: `array[index]`, with the index affine in the counters, or from a table."""

    array: str  # "P" parameters, "X" samples of data, "K" constants, "A3" the results of loop nest 3, ...
    base: int = 0
    strides: tuple[int, ...] = ()  # one for each dimension of the loop nest
    term_stride: int = 0  # the stride from term to term
    table: Any = None  # an array of indices, by iteration and term, if they are not affine
    literal: float | None = None  # the number itself, if it is the same constant everywhere
    pattern: tuple[list[int], list[int]] | None = None  # see periodic.py: strides between periods, indices in the first

    def entry(self, dims: Sequence[int], m: int) -> int:
        """The index read for iteration m of a nest with these dimensions, at its first term."""
        if self.table is not None:
            return int(self.table[m])
        index = self.base
        for n, stride in zip(reversed(dims), reversed(self.strides), strict=True):
            index += m % n * stride
            m //= n
        return index

    def __str__(self) -> str:
        if self.literal is not None:
            return f"{self.literal:g}"
        if self.table is not None:
            return f"{self.array}[table]"
        parts = [
            f"{s}*{c}" if s != 1 else c
            for s, c in zip((*self.strides, self.term_stride), _counters(self), strict=True)
            if s
        ]
        parts += [str(self.base)] if self.base or not parts else []
        return f"{self.array}[{' + '.join(parts)}]"


def _counters(access: Access) -> list[str]:
    return [*(f"i{d}" for d in range(len(access.strides))), "t"]


@dataclass(slots=True, eq=False)
class Reduction:
    """One expression summed over its terms: `sign * sum over t of expression`."""

    sign: int
    expression: Expression
    terms: int  # how many, if every iteration has as many
    accesses: list[Access]
    starts: Any = None  # else iteration m has the terms starts[m] ... starts[m + 1]

    def moved(self, move: Callable[[Access], Access]) -> Reduction:
        """The same run reading elsewhere; a number stays what it is."""
        return replace(self, accesses=[a if a.literal is not None else move(a) for a in self.accesses])

    def __str__(self) -> str:
        text = rendered(self.expression, [str(access) for access in self.accesses])
        if self.starts is not None:
            text = f"sum over t of ({text})"
        elif self.terms > 1:
            text = f"sum over t < {self.terms} of ({text})"
        return ("-" if self.sign < 0 else "+") + " " + text


@dataclass(slots=True, eq=False)
class LoopNest:
    """Iterations computed alike: `dims` are the lengths of the loops over them, outermost first."""

    name: str
    dims: tuple[int, ...]
    reductions: list[Reduction]
    target: Access  # an array of its own, or places in an output
    period: int = 0  # after so many iterations the tables repeat, shifted; 0 if there are none or they do not

    @property
    def iterations(self) -> int:
        return math.prod(self.dims)

    @property
    def terms(self) -> int:
        """Terms of all iterations together."""
        return sum(int(r.starts[-1]) if r.starts is not None else r.terms * self.iterations for r in self.reductions)

    def moved(self, move: Callable[[Access], Access], dims: tuple[int, ...] | None = None) -> LoopNest:
        """The loop nest reading and writing elsewhere, with other dimensions if so said."""
        target, runs = move(self.target), [run.moved(move) for run in self.reductions]
        return replace(self, dims=self.dims if dims is None else dims, reductions=runs, target=target)

    def reads(self) -> Iterator[Access]:
        """What it reads through an index."""
        return (access for run in self.reductions for access in run.accesses if access.literal is None)

    def own(self, access: Access) -> bool:
        """Whether each iteration reads there the entry that it writes, array apart."""
        to = self.target
        if access.literal is not None or access.table is not None or to.table is not None:
            return False
        strides = zip(self.dims, access.strides, to.strides, strict=True)
        return access.base == to.base and all(n == 1 or mine == its for n, mine, its in strides)

    def counts(self, run: Reduction | None = None) -> Any:
        """The number of terms of each iteration; 1 for the target."""
        import numpy as np

        if run is not None and run.starts is not None:
            return np.diff(run.starts)
        return np.full(self.iterations, run.terms if run is not None else 1)

    def indices(self, access: Access, counts: Any) -> Any:
        """The indices an access reads, iteration by iteration and term by term; `counts` is how many terms each has."""
        import numpy as np

        if access.table is not None:
            return np.asarray(access.table)
        corner = np.indices(self.dims).reshape(len(self.dims), -1)
        first = access.base + np.asarray(access.strides, dtype=int) @ corner
        term = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(first, counts) + term * access.term_stride

    def __str__(self) -> str:
        loops = "".join(f"for i{d} < {n}: " for d, n in enumerate(self.dims) if n > 1)
        text = " ".join(map(str, self.reductions)).removeprefix("+ ")
        return f"{loops}{self.target} = {text}"


@dataclass(eq=False)
class Plan:
    """Loop nests in the order of computation.

    Attributes:
        nests: see `LoopNest`.
        sizes: for each array that the plan makes, how many numbers (for each sample, in a plan for samples).
        constants: the numbers of the array K.
        samples: the names of the arrays that have an entry for each sample.
        nodes: how many nodes of the tape it stands for.
        steps: stretches of loop nests that go through their first dimension together, one step after the other.
    """

    nests: list[LoopNest]
    sizes: dict[str, int]
    constants: list[float]
    samples: set[str]
    nodes: int
    steps: Sequence[range] = ()

    def parts(self) -> Iterator[tuple[bool, list[LoopNest]]]:
        """All loop nests in order, as (whether these go step by step, loop nests)."""
        at = 0
        for step in self.steps:
            yield False, self.nests[at : step.start]
            yield True, self.nests[step.start : step.stop]
            at = step.stop
        yield False, self.nests[at:]

    def __str__(self) -> str:
        lines: list[str] = []
        for together, nests in self.parts():
            lines += ["step by step:", *(f"  {nest}" for nest in nests)] if together else map(str, nests)
        return "\n".join(lines)

    def ops(self) -> set[str]:
        """The names of all ops used."""
        return {name for nest in self.nests for run in nest.reductions for name in names(run.expression)}

    def flops(self, weight: Callable[[str], int] = lambda _: 1) -> int:
        """Operations on one sample: each addition of a term counts once, each op by its weight."""
        total = 0
        for nest in self.nests:
            for run in nest.reductions:
                terms = int(run.starts[-1]) if run.starts is not None else run.terms * nest.iterations
                total += terms * (sum(map(weight, names(run.expression))) + 1)
        return total


@dataclass(eq=False)
class Plans:
    """The plans of a program: before the samples, of each sample, and at the end, which is all if there are none."""

    prologue: Plan | None
    samples: Plan | None
    epilogue: Plan

    def __iter__(self) -> Iterator[Plan]:
        return iter([plan for plan in (self.prologue, self.samples, self.epilogue) if plan is not None])


def names(expression: Expression) -> Iterator[str]:
    if expression[0] != "leaf":
        yield expression[0]
        for part in expression[1:]:
            yield from names(part)


def rendered(
    expression: Expression, leaves: Sequence[str], spell: Callable[[str, Sequence[str]], str] = spelled
) -> str:
    """The expression as text; `spell` writes one op.

    >>> rendered(("mul", ("leaf", 0), ("tanh", ("leaf", 1))), ["P[t]", "X[t]"])
    'P[t] * tanh(X[t])'
    """
    name, *parts = expression
    if name == "leaf":
        leaf: str = leaves[parts[0]]
        return leaf
    texts = [rendered(part, leaves, spell) for part in parts]
    if name in INFIX:
        texts = [f"({text})" if part[0] in INFIX else text for text, part in zip(texts, parts, strict=True)]
    return spell(name, texts)
