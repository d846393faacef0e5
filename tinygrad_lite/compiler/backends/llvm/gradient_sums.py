"""Gradients summed over the samples, with the lanes along a layer's inputs instead of the samples.

In: a loop nest that adds a product for each sample to a table of gradients, such as out[i, j] += delta[i] * x[j]. Out:
instructions for one block of samples.

With lanes over samples each derivative would need a vector of its own and a sum over its lanes at the end: eight times
the memory. Here a vector holds the gradients of neighbouring j, and the samples are added one after the other in
registers.
What varies along j must then lie sample by sample, so it is first transposed, in squares of lanes x lanes; that
costs little, since a table of gradients reads each of its entries many times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tinygrad_lite.compiler.backends.llvm import tiles
from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer
from tinygrad_lite.compiler.ir.loop_nest import UNIFORM, Access, LoopNest

ACROSS = 4
"""Vectors of a tile along the last dimension; with some lines of them, their sums stay in registers."""

FEWEST = 4
"""Lines of a table that are worth it: a single one, such as a layer's biases, is summed in lanes over the samples."""

Counter = tuple[Name | None, int]


def fits(nest: LoopNest, lanes: int) -> bool:
    """Whether a loop nest of an output can be summed this way, and often enough to be worth a transposition."""
    if lanes == 1 or len(nest.dims) != 2 or nest.dims[0] < FEWEST or nest.dims[1] < lanes or len(nest.reductions) != 1:
        return False
    (run,) = nest.reductions
    if run.starts is not None or run.terms != 1 or nest.target.table is not None or nest.target.strides[-1] != 1:
        return False
    if any(access.table is not None for access in run.accesses):
        return False
    return all(a.literal is not None or a.strides[-1] in (0, 1) for a in run.accesses) and any(
        a.literal is None and a.strides[-1] == 1 for a in run.accesses
    )


def strips(nest: LoopNest, lanes: int) -> list[tuple[str, int, int]]:
    """What must be transposed: (array, first entry, how many), for each access that varies along the lanes."""
    found = []
    n = nest.dims[-1] // lanes * lanes
    for access in nest.reductions[0].accesses:
        if access.literal is None and access.strides[-1] == 1 and access.array not in UNIFORM:
            for i in range(nest.dims[0] if access.strides[0] else 1):
                found.append((access.array, access.base + i * access.strides[0], n))
    return found


def transpose(w: Writer, source: Name, width: int, target: Name, n: int) -> None:
    """n lines of `width` samples each become `width` lines of n: for each sample, its entries side by side."""
    lanes = w.lanes
    with w.loop(0, n, lanes) as first:
        base = w.address(source, w.integer("mul", first, width))
        for r in range(0, width, lanes):
            for k, line in enumerate(_turned(w, w.address(base, r), width)):
                w.store(line, w.address(w.address(target, first), (r + k) * n), 8)


def _turned(w: Writer, corner: Name, width: int) -> list[Name]:
    """A square of lanes x lanes numbers, samples for columns: halves, then pairs, then pairs of pairs change places.

    Halves of more than one number do so while they are loaded, which keeps the unit for shuffles free.
    """
    lanes, half, span = w.lanes, w.lanes // 2, 1
    if half > 1:
        w.lanes = half
        parts = [[w.load(w.address(corner, k * width + at), 8 * half) for at in (0, half)] for k in range(lanes)]
        lines = [w.shuffled(parts[k][at], parts[k + half][at], range(lanes)) for at in (0, 1) for k in range(half)]
        w.lanes = lanes
    else:
        lines, half = [w.load(w.address(corner, k * width), 8 * lanes) for k in range(lanes)], lanes
    while span < half:
        turned = list(lines)
        for k in range(lanes):
            if not k & span:
                x, y = lines[k], lines[k + span]
                low = [i if not i & span else lanes + i - span for i in range(lanes)]
                high = [i + span if not i & span else lanes + i for i in range(lanes)]
                turned[k], turned[k + span] = (w.shuffled(x, y, picks) for picks in (low, high))
        lines, span = turned, span * 2
    return lines


def write(
    w: Writer,
    nest: LoopNest,
    samples: int,
    line: Callable[[Access, int], Name],
    strip: Callable[[Access], tuple[Name, int]],
    total: Name,
    first: Name,
) -> None:
    """Add the sums over `samples` samples to the gradients, for the part of the last dimension that fills vectors.

    Args:
        line: where an entry lies, or where its samples begin: (access, index) -> address.
        strip: where the transposed entries begin, and how many a sample has.
        total: where the gradients lie.
        first: whether these are the first samples of all, before which the gradients are 0 whatever is there.
    """
    (run,) = nest.reductions
    lanes = w.lanes
    inner = nest.dims[-1] // lanes
    outer = nest.dims[0]

    def tile(i: Counter, down: int, j: Counter, across: int) -> None:
        cells = [(d, a) for d in range(down) for a in range(across)]

        def place(base: Name, index: Counter, scale: int) -> Name:
            name, distance = index
            at = base if name is None else w.address(base, w.integer("mul", name, scale))
            return w.address(at, distance * scale)

        def uniform(access: Access, d: int, a: int) -> Name:
            start = place(line(access, access.base + d * access.strides[0]), (i[0], i[1]), access.strides[0])
            if access.strides[-1] == 0:
                return w.once(("all", start), lambda: w.load_all(start))
            near = w.address(place(start, (j[0], j[1]), 1), a * lanes)
            return w.once(("near", near), lambda: w.load(near, 8))

        def leaf(r: Name, d: int, a: int, k: int) -> Name:
            access = run.accesses[k]
            if access.literal is not None:
                return w.literal(access.literal)
            if access.array in UNIFORM:
                return uniform(access, d, a)
            if access.strides[-1] == 1:
                base, n = strip(access)
                start = place(w.address(base, w.integer("mul", r, n)), (j[0], j[1]), 1)
                return w.once(("strip", id(access), a), lambda: w.load(w.address(start, a * lanes), 8))
            start = place(line(access, access.base), (i[0], i[1]), access.strides[0] * samples)
            address = w.address(w.address(start, d * access.strides[0] * samples), r)
            return w.once(("line", access.array, address), lambda: w.load_all(address))

        pointers = []
        for d, a in cells:
            at = place(w.address(total, nest.target.base), (i[0], i[1]), nest.target.strides[0])
            at = w.address(place(at, (j[0], j[1]), 1), d * nest.target.strides[0] + a * lanes)
            pointers.append(at)

        for access in run.accesses:  # what is the same for all samples is read once
            if access.literal is None and access.array in UNIFORM:
                for d, a in cells:
                    uniform(access, d, a)

        def body(r: Name, values: list[Name]) -> list[Name]:
            return [
                w.more(value, w.evaluate(run.expression, partial(leaf, r, d, a)), run.sign)
                for value, (d, a) in zip(values, cells, strict=True)
            ]

        later = w.once(("not", first), lambda: w.say(f"xor i1 {first}, true"))
        before = w.where(later, lambda: [w.load(pointer, 8) for pointer in pointers], w.literal(0.0))
        sums = w.accumulate(0, samples, before, body)
        for pointer, value in zip(pointers, sums, strict=True):
            w.store(value, pointer, 8)

    def columns(i: Counter, down: int) -> None:
        for start, stop, across in _pieces(inner, ACROSS):
            if stop - start == across:
                tile(i, down, (None, start * lanes), across)
            else:
                with w.loop(start * lanes, stop * lanes, across * lanes) as j:
                    tile(i, down, (j, 0), across)

    for start, stop, down in _pieces(outer, tiles.sums(lanes) // min(inner, ACROSS)):
        if stop - start == down:
            columns((None, start), down)
        else:
            with w.loop(start, stop, down) as i:
                columns((i, 0), down)


def _pieces(n: int, most: int) -> list[tuple[int, int, int]]:
    """(start, stop, step): as many full tiles as there are, then one smaller tile."""
    best = max(t for t in range(1, most + 2) if n % t == 0)
    step = best if best * 2 > most else min(most, n)
    full = n // step * step
    return [piece for piece in ((0, full, step), (full, n, n - full)) if piece[0] < piece[1]]
