"""Reading an array: from an index that is affine in the loop counters to `W1`, `W1.T` or `x[:, 1:3]`.

In: where a loop nest reads (an array, a first index, a stride for each counter), and what stands there: regions, each
an array of the source with its shape. Out: a term, of which each axis belongs to a counter.

    W1[8*i + t], i < 4, t < 8        W1                 the whole array, its axes the counters
    W1[8*i + t], i < 4, t < 3        W1[:, :3]          a slice
    p[17*i + t + 4], t < 12          p.reshape(-1, 17)[:, 4:16]
    A[table]                         A.reshape(-1)[I0]  what is not affine
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.export.expression import Term, put
from tinygrad_lite.export.spelling import Spelling

S, U, T = -1, 50, 100
"""The axes that are no loop counter: samples, the operands of an op of any number (from U on), terms (from T on)."""


class Region(NamedTuple):
    """An array of the source, and which numbers of a plan's array it holds."""

    term: Term
    base: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    samples: bool = False
    """Whether an axis of samples stands before the others."""
    places: tuple[int, ...] = ()
    """Of an array whose numbers stand anywhere: where each is."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def region(term: Term, base: int, shape: Sequence[int], samples: bool = False) -> Region:
    """One that holds a stretch of numbers in order."""
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    return Region(term, base, tuple(shape), tuple(strides), samples)


class Read(NamedTuple):
    """What a leaf reads: affine (base, and a stride for each axis), a table of indices, or constants."""

    array: str
    base: int = 0
    strides: Mapping[int, int] = {}
    table: Any = None
    values: Any = None
    axes: tuple[int, ...] = ()
    """The axes of the table, or of the constants."""


def lengths_of(n: int, reads: Sequence[tuple[int, int]], regions: Sequence[Sequence[Region]]) -> list[int]:
    """A loop of length n as loops of the lengths that the arrays have which it goes through.

    Args:
        reads: for each array that it reads, where it begins and the stride.
        regions: what stands there.
    """
    inner: list[int] = []
    for (base, stride), known in zip(reads, regions, strict=True):
        for one in known:
            offset = base - one.base
            if not 0 <= offset < one.size or one.strides != region(one.term, 0, one.shape).strides:
                continue
            for length, s in zip(reversed(one.shape), reversed(one.strides), strict=True):
                if s == stride and 1 < length < n and n % length == 0 and offset // s % length == 0:
                    inner.insert(0, length)
                    n, stride = n // length, stride * length
        if inner:
            break
    return [n, *inner]


def varying(table: Any, axes: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    """The table without axes along which nothing changes."""
    kept = []
    for k, axis in reversed([*enumerate(axes)]):
        first = table.take([0], axis=k)
        if table.shape[k] == 1 or bool((table == first).all()):
            table = table.take(0, axis=k)
        else:
            kept.append(axis)
    return table, tuple(reversed(kept))


def indices(read: Read, lengths: Mapping[int, int]) -> tuple[Any, tuple[int, ...]]:
    """The index of each entry, and the axes of that table."""
    if read.table is not None:
        return read.table, read.axes
    axes = tuple(axis for axis in sorted(read.strides) if read.strides[axis] and lengths[axis] > 1)
    return grid(read.base, [lengths[axis] for axis in axes], [read.strides[axis] for axis in axes]), axes


def grid(base: int, lengths: Sequence[int], strides: Sequence[int]) -> Any:
    """The index of each entry of an array that lies with these strides."""
    import numpy as np

    index: Any = np.int64(base)
    for n, s in zip(lengths, strides, strict=True):
        index = np.asarray(index)[..., None] + np.arange(n) * s
    return np.asarray(index)


def viewed(spelling: Spelling, regions: Sequence[Region], read: Read, lengths: Mapping[int, int]) -> Term | None:
    """The read as slices of one of the regions; None if it is none."""
    if read.table is not None:
        return None
    counters = [(axis, s, lengths[axis]) for axis, s in read.strides.items() if s and lengths[axis] > 1]
    for one in regions:
        if one.places:
            continue
        found = _sliced(spelling, one, read.base - one.base, counters) or _split(spelling, one, read.base, counters)
        if found is not None:
            return found
    whole = _together(spelling, regions, read.base, counters)
    return whole and _sliced(spelling, whole, read.base - whole.base, counters)


def _together(
    spelling: Spelling, regions: Sequence[Region], base: int, counters: Sequence[tuple[int, int, int]]
) -> Region | None:
    """The arrays that a read goes through, one behind the other along their first axis, if they fit."""
    ends = [s * (n - 1) for _, s, n in counters]
    first, last = base + sum(min(0, end) for end in ends), base + sum(max(0, end) for end in ends)
    met = sorted((one for one in regions if one.base <= last and first < one.base + one.size), key=lambda one: one.base)
    if len(met) < 2 or any(one.places or one.samples or len(one.shape) < 2 for one in met):
        return None
    rows = [one._replace(term=Term(""), base=0, shape=one.shape[1:]) for one in met]
    if any(row != rows[0] for row in rows) or any(x.base + x.size != y.base for x, y in itertools.pairwise(met)):
        return None
    text = spelling.joined([one.term.text for one in met], 0)
    return region(Term(text), met[0].base, (sum(one.shape[0] for one in met), *met[0].shape[1:]))


def _sliced(spelling: Spelling, one: Region, offset: int, counters: Sequence[tuple[int, int, int]]) -> Term | None:
    """Each counter along an axis of its own."""
    if offset < 0 or (any(s < 0 for _, s, _ in counters) and not spelling.backwards):
        return None
    order = sorted(range(len(one.shape)), key=lambda d: -one.strides[d])
    first = [0] * len(one.shape)
    for d in order:
        first[d] = min(offset // one.strides[d], one.shape[d] - 1)
        offset -= first[d] * one.strides[d]
    if offset:
        return None
    along: dict[int, tuple[int, int, int]] = {}
    for axis, s, n in counters:
        for d in order:
            if s % one.strides[d] == 0 and one.shape[d] > 1 and d not in along:
                step = s // one.strides[d]
                if 0 <= first[d] + step * (n - 1) < one.shape[d]:
                    along[d] = axis, step, n
                    break
        else:
            return None
    parts, axes = [], []
    for d, length in enumerate(one.shape):
        if d not in along:
            parts.append(str(first[d]))
            continue
        axis, step, n = along[d]
        axes.append(axis)
        if step < 0:
            stop = first[d] + step * (n - 1) - 1
            start = "" if first[d] == length - 1 else first[d]
            parts.append(f"{start}:{'' if stop < 0 else stop}:{step}")
            continue
        stop = first[d] + step * (n - 1) + 1
        text = f"{first[d] or ''}:{'' if stop + step > length else stop}"
        parts.append(text + (f":{step}" if step > 1 else ""))
    return _indexed(one, parts, axes)


def _indexed(one: Region, parts: list[str], axes: Sequence[int]) -> Term:
    if one.samples:
        parts, axes = [":", *parts], [S, *axes]
    while parts and parts[-1] == ":":
        parts = parts[:-1]
    if not parts:
        return one.term._replace(axes=tuple(axes))
    return Term(put(f"x[{', '.join(parts)}]", x=one.term.text), tuple(axes))


def _split(spelling: Spelling, one: Region, base: int, counters: Sequence[tuple[int, int, int]]) -> Term | None:
    """A stretch of the numbers in order, given axes by `reshape`."""
    if one.strides != region(one.term, 0, one.shape).strides or one.samples or len(counters) < 1:
        return None
    steps = sorted(counters, key=lambda c: -c[1])
    if any(s < 0 for _, s, _ in steps):
        return None
    offset, widths = base - one.base, []
    if offset < 0 or offset + sum(s * (n - 1) for _, s, n in steps) >= one.size:
        return None
    for (_, s, _), (_, t, n) in itertools.pairwise(steps):
        if s % t or n * t > s:
            return None
        widths.append(s // t)
    if steps[-1][1] > 1:
        widths.append(steps[-1][1])
    s, n = steps[0][1], steps[0][2]
    extent = sum(t * (m - 1) for _, t, m in steps[1:]) + 1
    line = "x" if len(one.shape) == 1 else "x.reshape(-1)"
    if one.size % s == 0 and offset % s + extent <= s:
        start, rows = 0, one.size // s
        template = "x" if widths else line
    else:
        start, rows = offset if offset + n * s <= one.size else offset + extent - s, n
        stop = start + n * s
        if start < 0 or stop > one.size:
            return None
        template = line
        if (start, stop) != (0, one.size):
            template += f"[{start or ''}:{'' if stop == one.size else stop}]"
    shape = [rows, *widths]
    if widths:
        template += f".reshape({', '.join(map(str, shape))})"
    whole = region(Term(put(template, x=one.term.text)), one.base + start, shape)
    return _sliced(spelling, whole, base - whole.base, counters)


def gathered(
    spelling: Spelling, regions: Sequence[Region], index: Any, axes: tuple[int, ...], constant: Callable[[Any], str]
) -> Term:
    """The entries at these indices; `constant` names an array of whole numbers in the source."""
    import numpy as np

    index, axes = varying(np.asarray(index), axes)
    wanted = {*index.reshape(-1).tolist()}
    known = [(one, _numbers(one)) for one in regions]
    needed = [(one, numbers) for one, numbers in known if not wanted.isdisjoint(numbers)]
    samples = any(one.samples for one, _ in needed)
    place = {number: k for k, number in enumerate(n for _, numbers in needed for n in numbers)}
    texts: list[str] = []
    scalars: list[str] = []
    for one, _ in needed:
        if not one.shape and not samples:
            scalars.append(spelling.operand(one.term))
            continue
        texts += [f"{spelling.lib}.stack([{', '.join(scalars)}])"] if scalars else []
        scalars = []
        texts.append(_flat(one, samples))
    texts += [f"{spelling.lib}.stack([{', '.join(scalars)}])"] if scalars else []
    flat = np.array([place[i] for i in index.reshape(-1).tolist()], dtype=np.int64).reshape(index.shape)
    whole = texts[0] if len(texts) == 1 else spelling.joined(texts, 1 if samples else 0)
    front = ":, " if samples else ""
    out = ((S,) if samples else ()) + axes
    if not axes:
        return Term(put(f"x[{front}{int(flat)}]", x=whole), out)
    if flat.size == len(place) and (flat.reshape(-1) == np.arange(flat.size)).all() and not samples:
        return Term(whole if flat.ndim == 1 else put(f"x.reshape({', '.join(map(str, flat.shape))})", x=whole), out)
    return Term(put(f"x[{front}{constant(flat)}]", x=whole), out)


def _numbers(one: Region) -> list[int]:
    """Where the numbers of a region stand, in the order of its array."""
    return [*one.places] or grid(one.base, one.shape, one.strides).reshape(-1).tolist()


def _flat(one: Region, samples: bool) -> str:
    if len(one.shape) == 1:
        return one.term.text
    return put(f"x.reshape(-1, {one.size})" if samples else "x.reshape(-1)", x=one.term.text)
