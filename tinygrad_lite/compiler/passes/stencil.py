"""Sums over neighbouring inputs, as that of f(x[i], x[i+1]) over i: long loops from a short tape.

In: a batch whose columns are inputs i, i+1, ... some of whose gradients are wanted. Out: a program of one or more such
sums and an ending, the few ops that make the result of them.

Only the tape of one sample is differentiated, whatever the number of samples; widening.py makes the loops over all
samples.
A sample at which the columns do not go on evenly, as where a ring closes, is left to the ending. What is left is
searched for a further sum: a fit and its smoothness are two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.ir.tape import Builder, Ref
from tinygrad_lite.compiler.passes import batching
from tinygrad_lite.compiler.passes.adjoint import sweep, tidied
from tinygrad_lite.compiler.passes.batching import Batch
from tinygrad_lite.compiler.passes.reroll import reroll
from tinygrad_lite.engine import ops

MOST = 8
"""Sums in one program."""

REPEAT = 5
"""The height of what is computed again for each neighbour: a few operations cost less than an array."""

FEW = 64
"""Samples that may be left to the ending because their columns do not go on evenly."""


class Neighbours:
    """One sum over samples that read neighbouring inputs.

    Attributes:
        tape: of one sample; its outputs are the term, its derivatives w.r.t. the gathered columns, and `uniform`.
        arrays: where its inputs are: P, the k-th fixed column (Fk) or gathered column (Sk).
        samples: how many.
        bases: for each gathered column, which input the first sample reads.
        fixed: the numbers of the fixed columns, one line a sample.
        uniform: inputs that all samples read, of which the gradients are wanted.
    """

    def __init__(self, batch: Batch, inputs: int, wrt: Sequence[int]) -> None:
        self.tape = body = tidied(batch.sample)
        self.samples: int = batch.samples
        self.fixed: Any = batch.fixed
        self.bases: list[int] = [int(column[0]) for column in batch.gathered.T]
        used = {ref for args in body.args for ref in args}
        columns = len(body.inputs) - self.fixed.shape[1] - len(self.bases)
        given, fixed, gathered = _cut(body.inputs, columns, columns + self.fixed.shape[1])
        self.arrays: dict[Ref, tuple[str, int]] = {ref: ("P", i) for i, ref in enumerate(given)}
        self.arrays |= {ref: (f"F{k}", 0) for k, ref in enumerate(fixed)}
        self.arrays |= {ref: (f"S{k}", 0) for k, ref in enumerate(gathered)}
        self.uniform: list[int] = [i for i in wrt if given[i] in used]
        self.stray: bool = any(ref in used for ref in given[inputs:])  # reads a sum found before
        (term,) = body.outputs
        ins = [*gathered, *(given[i] for i in self.uniform)]
        gradients = sweep(body, {term: body.constant(1.0)}, ins, fast_math=True)
        body.outputs = [term, *gradients]

    def simple(self) -> bool:
        """Whether the plan of one sample can be made one of all samples."""
        small = reroll(self.tape, self.arrays, repeat=REPEAT)
        ends = [run for nest in small.nests if nest.target.array == "out" for run in nest.reductions]
        inner = [
            a for g in small.nests if g.target.array != "out" for r in g.reductions for a in (*r.accesses, g.target)
        ]
        return all(run.terms == 1 for run in ends) and all(access.table is None for access in inner)


class Ending:
    """What is made of the sums: a tape of the result and its gradients.

    Attributes:
        tape: its outputs are the result and the gradients that are not known yet.
        arrays: where its inputs are: P, or the sums T.
        seeds: for each sum the derivative of the result w.r.t. it: a number, or the place of that output.
        direct: inputs that it reads itself, in order; the derivatives w.r.t. these are its last outputs.
    """

    def __init__(self, rest: Any, inputs: int, sums: int, wrt: Sequence[int]) -> None:
        tape = tidied(rest)
        self.tape: Builder = tape
        totals = tape.inputs[inputs : inputs + 2 * sums : 2]
        self.arrays: dict[Ref, tuple[str, int]] = {ref: ("P", i) for i, ref in enumerate(tape.inputs)}
        self.arrays |= {ref: ("T", k) for k, ref in enumerate(totals)}
        used = {ref for args in tape.args for ref in args}
        self.direct: list[int] = [i for i in wrt if tape.inputs[i] in used]
        self.counts_samples: bool = any(ref in used for ref in tape.inputs[inputs + 1 : inputs + 2 * sums : 2])
        (result,) = tape.outputs
        gradients = sweep(tape, {result: tape.constant(1.0)}, [*totals, *(tape.inputs[i] for i in self.direct)])
        tape.outputs = [result]
        self.seeds: list[float | int] = []
        for seed in gradients[:sums]:
            number = tape.number(seed)
            self.seeds.append(number if number is not None else len(tape.outputs))
            tape.outputs += [] if number is not None else [seed]
        self.first: int = len(tape.outputs)
        tape.outputs += gradients[sums:]


class StencilProgram:
    """A program for `backends.runner` whose plan is made from single samples.

    Attributes:
        epilogue: the tape of one sample of the first sum, which is what `source("tape")` shows.
        straight: makes the same program op by op, for a back end without loops.
    """

    straight: Callable[[], Any]

    def __init__(self, batch: Batch, sums: list[Neighbours], ending: Ending, inputs: int, wrt: Sequence[int]) -> None:
        self.batch: Batch = batch
        self.sums: list[Neighbours] = sums
        self.ending: Ending = ending
        self.parameters: int = inputs
        self.columns: int = 0
        self.wrt = wrt
        self.bases: list[int] = sums[0].bases
        self.prologue: Builder = Builder()
        self.sample: Builder | None = None
        self.sample_arrays: dict[Ref, tuple[str, int]] = {}
        self.outputs: int = 1 + len(wrt)
        self.epilogue: Builder = sums[0].tape
        self.epilogue_arrays: dict[Ref, tuple[str, int]] = sums[0].arrays

    def hoist(self) -> None:
        """What all samples share is read where it is."""

    def differentiate(self) -> None:
        """The tapes were differentiated when they were found."""

    def tapes(self) -> Mapping[str, Builder]:
        """None that is made loops of by itself: see widening.py."""
        return {}

    def arrays(self, title: str) -> Sequence[tuple[str, int]]:
        raise KeyError(title)


def find(batch: Batch | None, inputs: int, wrt: Sequence[int]) -> StencilProgram | None:
    """The program for a batch found with no inputs kept back; None if its columns are not neighbours."""
    if list(wrt) != list(range(wrt[0], wrt[0] + len(wrt))):
        return None
    sums: list[Neighbours] = []
    first = batch = _even(batch, inputs)
    rest = None
    while batch is not None and len(sums) < MOST:
        found = Neighbours(batch, inputs, wrt)
        if batch.sample.guards or found.stray or not found.simple():
            break
        sums.append(found)
        rest = batch.epilogue
        batch = _even(batching.find(rest), inputs)
    if first is None or rest is None or rest.guards:
        return None
    ending = Ending(rest, inputs, len(sums), wrt)
    if ending.counts_samples:
        return None
    return StencilProgram(first, sums, ending, inputs, wrt)


def _even(batch: Batch | None, inputs: int) -> Batch | None:
    """The batch without samples at which the columns do not go on evenly; None if too many of them do not."""
    import numpy as np

    if batch is None or not batch.gathered.shape[1] or (batch.gathered >= inputs).any():
        return None
    breaks = np.flatnonzero((np.diff(batch.gathered, axis=0) != 1).any(axis=1)).tolist()
    edges = [0, *(k + 1 for k in breaks), batch.samples]
    low, high = max(pairwise(edges), key=lambda stretch: stretch[1] - stretch[0])
    if not breaks or batch.samples - (high - low) > FEW:
        return None if breaks else batch
    odd = [*range(low), *range(high, batch.samples)]
    rest = Builder()
    given = [rest.input(batch.epilogue.name(ref)) for ref in batch.epilogue.inputs]
    terms = []
    for k in odd:
        numbers = [rest.constant(x) for x in batch.fixed[k].tolist()]
        terms += rest.inline(batch.sample, [*given[:-2], *numbers, *(given[i] for i in batch.gathered[k].tolist())])
    total = rest.node(ops.sum, (given[-2], *terms))
    rest.outputs = rest.inline(batch.epilogue, [*given[:-2], total, given[-1]])
    left = batch.left + len(odd)
    return Batch(high - low, batch.fixed[low:high], batch.gathered[low:high], left, batch.sample, rest)


def _cut(line: Sequence[Any], first: int, second: int) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    return line[:first], line[first:second], line[second:]
