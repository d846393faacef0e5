"""Steps that follow from one another, written as a scan: what each carries to the next, reads, and leaves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction
from tinygrad_lite.export.arrays import ArrayWriter, letter, used
from tinygrad_lite.export.expression import Term
from tinygrad_lite.export.reads import Read, S, T, indices, region, varying
from tinygrad_lite.export.spelling import Loop
from tinygrad_lite.export.steps import Steps, accesses_of, move

STEP = -2
"""The axis of the steps."""


def write(writer: ArrayWriter, part: Steps) -> None:
    """The scan as source, and its series as what the nests behind read."""
    place = {nest.target.array: part.first + k for k, nest in enumerate(part.nests)}
    step = part.nests[: part.period]
    everything = {**{name: k for k, name in enumerate(writer.order)}, **place}
    second = part.nests[part.period : 2 * part.period]
    names = [writer.name(letter(nest)) for nest in step]
    carried: dict[tuple[int, int], str] = {}
    rows: list[tuple[str, str]] = []
    local: list[LoopNest] = []
    for j, nest in enumerate(step):
        kinds = iter(move(second[j], nest, everything, part.period) or ())
        runs = []
        for r, run in enumerate(nest.reductions):
            accesses = []
            for k, a in enumerate(run.accesses):
                if next(kinds) == "moves":
                    q = everything[a.array]
                    back = max(0, -(-(part.first - q) // part.period))
                    owner = q + back * part.period - part.first
                    for lag in range(1, back + 1):
                        carried.setdefault((owner, lag), f"last_{names[owner]}" + (f"_{lag}" if lag > 1 else ""))
                    array = step[owner].target.array if not back else f"<{owner}.{back}"
                    accesses.append(Access(array, a.base, a.strides, a.term_stride, a.table))
                else:
                    same = [part.nests[i * part.period + j].reductions[r].accesses[k] for i in range(part.times)]
                    accesses.append(_row(writer, same, nest, run, rows))
            runs.append(Reduction(run.sign, run.expression, run.terms, accesses, run.starts))
        local.append(LoopNest(nest.name, nest.dims, runs, nest.target, nest.period))
    initial = []
    for (owner, lag), name in carried.items():
        shape = tuple(n for n in step[owner].dims if n > 1)
        before = writer.order[part.first + owner - lag * part.period]
        writer.lengths = dict(enumerate(shape))
        strides = {d: math.prod(shape[d + 1 :]) for d in range(len(shape))}
        term = writer.ordered(writer.leaf(Read(before, 0, strides)))
        initial.append(term.text)
        writer.regions[f"<{owner}.{lag}"] = [region(Term(name, term.axes), 0, shape, S in term.axes)]
    outer, writer.lines = writer.lines, []
    writer.before = outer
    uses, writer.uses = writer.uses, used(local)
    last = {j for j, first in part.kept.items() if first >= part.times - 1 and (j, 1) in carried}
    for j, nest in enumerate(local):
        if j in part.kept or any(owner == j for owner, _ in carried):
            writer.forced[nest.target.array] = names[j]
        writer.store(nest, writer.nest(nest, whole=True))
    results = [names[owner] if lag == 1 else carried[owner, lag - 1] for owner, lag in carried]
    kept = [(writer.name("rows"), names[j]) for j in part.kept if j not in last]
    body, writer.lines, writer.uses, writer.before = writer.lines, outer, uses, None
    writer.lines += writer.spelling.scan(Loop(part.times, [*carried.values()], initial, results, rows, body, kept))
    texts = {name: series for series, name in kept}
    for j in part.kept:
        nest = step[j]
        shape = tuple(n for n in nest.dims if n > 1)
        samples = writer.regions[nest.target.array][0].samples
        if j in last:
            writer.regions[part.series(j)] = [
                region(Term(carried[j, 1]), (part.times - 1) * nest.iterations, shape, samples)
            ]
            continue
        text = texts[names[j]]
        if samples:
            writer.lines.append(f"{text} = {writer.spelling.lib}.moveaxis({text}, 0, 1)")
        writer.regions[part.series(j)] = [region(Term(text), 0, (part.times, *shape), samples)]


def _row(
    writer: ArrayWriter, same: Sequence[Access], nest: LoopNest, run: Reduction, rows: list[tuple[str, str]]
) -> Access:
    """What the steps read of an array that stays: from outside, or a row for each step."""
    import numpy as np

    one = same[0]
    if one.literal is not None and len({repr(a.literal) for a in same}) == 1:
        return one
    if one.literal is None and one.array != "K" and len({a.base for a in same}) == 1:
        return one
    writer.lengths = {axis: n for axis, n in enumerate(nest.dims) if n > 1}
    if run.starts is not None:
        writer.lengths = {T: int(run.starts[-1])}
    elif run.terms > 1:
        writer.lengths[T] = run.terms
    reads = [writer.read(a, nest.dims, run) for a in same]
    if one.literal is not None or one.array == "K":
        axes = tuple(writer.lengths)
        full = [_full(read, writer.lengths) for read in reads]
        values, axes = varying(np.stack(full), (STEP, *axes))
        if STEP not in axes:
            name = f"={len(writer.terms)}"
            writer.terms[name] = writer.leaf(Read("K", values=values, axes=axes))
            return Access(name)
        read = Read("K", values=values, axes=axes)
    else:
        moves = {b.base - a.base for a, b in pairwise(reads)}
        writer.lengths[STEP] = len(same)
        if len(moves) == 1 and one.table is None:
            read = reads[0]._replace(strides={**reads[0].strides, STEP: moves.pop()})
        else:
            tables = [indices(r, {k: n for k, n in writer.lengths.items() if k != STEP}) for r in reads]
            read = Read(one.array, table=np.stack([t for t, _ in tables]), axes=(STEP, *tables[0][1]))
    writer.lengths[STEP] = len(same)
    term = writer.ordered(writer.leaf(read))
    known = next((name for name, text in rows if text == term.text), None)
    short = known or writer.name("x")
    if known is None:
        rows.append((short, term.text))
    name = f"={len(writer.terms)}"
    writer.terms[name] = Term(short, term.axes[1:])
    return Access(name)


def _full(read: Read, lengths: dict[int, int]) -> Any:
    """The constants along every axis."""
    import numpy as np

    values = np.asarray(read.values)
    shape = [n if axis in read.axes else 1 for axis, n in lengths.items()]
    return np.broadcast_to(values.reshape(shape), list(lengths.values()))


def counted(parts: Iterable[Any]) -> Counter[str]:
    """How often what stands outside of scans reads each array."""
    found = used([part for part in parts if not isinstance(part, Steps)])
    for part in parts:
        if isinstance(part, Steps):
            for nest in part.nests:
                found.update({a.array: 2 for a in accesses_of(nest)})
    return found
