"""Fitting what the iterations of a loop nest read by nested loops.

In: for each iteration and each term of a run, the indices its leaves read. Out: a `LoopNest` whose accesses are
affine in the loop counters, or read their index from a table where no loops fit.

The iterations, in order, are a sequence of index vectors. If all steps from one to the next are equal, one
loop does. Otherwise the steps repeat after a period p: an inner loop of p iterations, and the same question
again for every p-th iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, LoopNest, Reduction


def nested(vectors: Any) -> list[tuple[int, Any]] | None:
    """(length, step) of each loop, outermost first, that together give these index vectors; None if none do.

    Args:
        vectors: m samples, one column for each leaf.

    >>> import numpy as np
    >>> [(n, step.tolist()) for n, step in nested(np.array([[0, 5], [1, 5], [2, 5], [0, 6], [1, 6], [2, 6]]))]
    [(2, [0, 1]), (3, [1, 0])]
    """
    m = len(vectors)
    if m == 1:
        return []
    steps = vectors[1:] - vectors[:-1]
    equal = (steps == steps[0]).all(axis=1)
    if equal.all():
        return [(m, steps[0])]
    period = int(equal.argmin()) + 1
    if period < 2 or m % period:
        return None
    blocks = vectors.reshape(m // period, period, -1)
    if not (blocks[:, 1:] - blocks[:, :-1] == steps[0]).all():
        return None
    outer = nested(blocks[:, 0])
    return None if outer is None else [*outer, (period, steps[0])]


def fitted(
    name: str,
    key: Any,
    iterations: list[Any],
    places: list[int],
    expressed: Callable[[int, list[str]], Expression],
    sources: Sequence[Any],
    pool: list[float],
) -> LoopNest:
    """The loop nest of these iterations, its loops fitted to everything that they read and write together.

    Args:
        name: the array they write to, at these `places`.
        key: the (sign, shape) of each of their reductions.
        iterations: for each of them, and for each of those, the leaf indices of its terms.
        expressed: the expression of a shape; appends the arrays of its leaves to the list.
        sources: the numbers of constants, which a leaf of the array "K" names.
        pool: the numbers of constants that differ between iterations; more are appended.
    """
    import numpy as np

    m = len(iterations)
    starts = np.array([list(places)], dtype=np.int64).T
    columns = [starts]  # what must be affine over the iterations, column by column
    parts: list[tuple[int, Any, list[str], Any, Any]] = []
    for run in key:
        arrays: list[str] = []
        expression = expressed(run[1], arrays)
        counts = [len(reductions[run]) for reductions in iterations]
        flat = np.array([slots for reductions in iterations for slots in reductions[run]], dtype=np.int64)
        if min(counts) == max(counts):
            read = flat.reshape(m, counts[0], -1)
            if counts[0] > 1:  # an adjoint meets its terms last to first: turn them around
                moves = [int(read[0, 1, k] - read[0, 0, k]) for k, array in enumerate(arrays) if array != "K"]
                if moves and max(moves) <= 0 > min(moves):
                    read = read[:, ::-1]
            few = 1 < counts[0] <= FEW and any(
                array != "K" and _straight(read[:, :, k]) is None for k, array in enumerate(arrays)
            )
            for term in np.split(read, counts[0], axis=1) if few else [read]:  # neighbours: each is a run of its own
                columns.append(term[:, 0, [array != "K" for array in arrays]])
                parts.append((run[0], expression, arrays, term, None))
        else:
            parts.append((run[0], expression, arrays, flat, np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)))
    loops = nested(np.concatenate(columns, axis=1))
    steps = [step for _, step in loops] if loops else [None]
    dims = tuple(n for n, _ in loops) if loops else (m,)
    column = 0  # of the joint fit

    def place(array: str, read: Any) -> Access:
        """One leaf of a regular run; `read` is its index for each iteration and term."""
        nonlocal column
        if array == "K":
            return constant(read, read.shape[1])
        column += 1
        term_stride = _straight(read)
        if term_stride is None:
            return Access(array, table=read.reshape(-1).astype(np.int32))
        if loops is not None:
            strides = tuple(0 if step is None else int(step[column - 1]) for step in steps)
            return Access(array, int(read[0, 0]), strides, term_stride)
        line = nested(read[:, :1])
        if line is None or len(line) > 1:
            return Access(array, table=read.reshape(-1).astype(np.int32))
        return Access(array, int(read[0, 0]), (int(line[0][1][0]) if line else 0,), term_stride)

    def constant(read: Any, terms: int) -> Access:
        """The number itself if it is everywhere the same, else a stretch of the array K."""
        values = [sources[i] for i in read.reshape(-1).tolist()]
        first = values[0]
        if all(x == first for x in values) and (first or len({str(x) for x in values}) == 1):
            return Access("K", literal=first)
        base = len(pool)
        pool.extend(values)
        strides, inner = [], max(terms, 1)
        for n in reversed(dims):
            strides.append(inner)
            inner *= n
        if not terms:  # a run with as many terms as the iteration pleases
            return Access("K", table=np.arange(base, base + len(values), dtype=np.int32))
        return Access("K", base, tuple(reversed(strides)), 1)

    target = place(name, starts.reshape(m, 1))
    reductions: list[Reduction] = []
    for sign, expression, arrays, read, bounds in parts:
        if bounds is None:
            accesses = [place(array, read[:, :, k]) for k, array in enumerate(arrays)]
            reductions.append(Reduction(sign, expression, read.shape[1], accesses))
        else:
            accesses = [
                constant(read[:, k], 0) if array == "K" else Access(array, table=read[:, k].astype(np.int32))
                for k, array in enumerate(arrays)
            ]
            reductions.append(Reduction(sign, expression, 0, accesses, bounds))
    return LoopNest(name, dims or (1,), reductions, target)


FEW = 8
"""Terms of a sum that are worth a run each where what they read does not move on evenly from one to the next."""


def _straight(read: Any) -> int | None:
    """The step from term to term, if it is the same for all terms and iterations."""
    if read.shape[1] == 1:
        return 0
    steps = read[:, 1:] - read[:, :-1]
    step = int(steps[0, 0])
    return step if (steps == step).all() else None
