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

from tinygrad_lite.compiler.backends.llvm import tiles
from tinygrad_lite.compiler.backends.llvm.writer import Name, Writer
from tinygrad_lite.compiler.ir.loop_nest import UNIFORM, Access, LoopNest, Reduction

ACROSS = 4
"""Vectors of a tile along the last dimension; with some lines of them, their sums stay in registers."""

FEWEST = 4
"""Lines of a table that are worth it: a single one, such as a layer's biases, is summed in lanes over the samples."""


def fits(nest: LoopNest, lanes: int) -> bool:
    """Whether a loop nest of an output can be summed this way, and often enough to be worth a transposition."""
    if lanes == 1 or len(nest.dims) != 2 or nest.dims[0] < FEWEST or nest.dims[1] < lanes or len(nest.reductions) != 1:
        return False
    (run,) = nest.reductions
    if run.starts is not None or run.terms != 1 or nest.target.table is not None or nest.target.strides[-1] != 1:
        return False
    if any(access.table is not None for access in run.accesses):
        return False
    varying = [a for a in run.accesses if a.literal is None and a.strides[-1] == 1]
    straight = all(a.literal is not None or a.strides[-1] in (0, 1) for a in run.accesses)
    return straight and varying != [] and all(a.strides[0] >= 0 == a.strides[0] % lanes for a in strips(nest, lanes))


def strips(nest: LoopNest, lanes: int) -> list[Access]:
    """What must be transposed: each access that varies along the lanes."""
    accesses = nest.reductions[0].accesses
    return [a for a in accesses if a.literal is None and a.strides[-1] == 1 and a.array not in UNIFORM]


def length(nest: LoopNest, access: Access, lanes: int) -> int:
    """How many numbers of a sample such an access passes by."""
    return (nest.dims[0] - 1) * access.strides[0] + nest.dims[-1] // lanes * lanes


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


def table(nest: LoopNest, lanes: int, width: int, stride: Callable[[Access], int]) -> LoopNest:
    """The loop nest as one without samples: sums whose terms are the `width` samples of a block.

    What varies along the lanes is the array `by sample ...`, an array of the samples is `flat ...`; in these every
    number has a place of its own.

    Args:
        stride: how far the next sample of a transposed access lies.
    """
    (run,) = nest.reductions

    def flat(a: Access) -> Access:
        if a.literal is not None or a.array in UNIFORM:
            return Access(a.array, a.base, a.strides, literal=a.literal)
        if a.strides[-1] == 1:
            return Access(f"by sample {a.array} {a.base}", 0, a.strides, stride(a))
        return Access(f"flat {a.array}", a.base * width, tuple([stride * width for stride in a.strides]), 1)

    terms = Reduction(run.sign, run.expression, width, [flat(access) for access in run.accesses])
    inner = nest.dims[-1] // lanes * lanes
    return LoopNest(nest.name, (nest.dims[0], inner), [terms], nest.target)


def tile(nest: LoopNest, lanes: int) -> list[int]:
    """Lines of the table, and vectors of a line, whose sums stay in registers."""
    inner = nest.dims[-1] // lanes
    return [_divisor(nest.dims[0], tiles.sums(lanes) // min(inner, ACROSS)), _divisor(inner, ACROSS)]


def _divisor(n: int, most: int) -> int:
    """A divisor of n that may be one more than `most`, or `most` if they are all poor."""
    best = max(t for t in range(1, most + 2) if n % t == 0)
    return best if best * 2 > most else min(most, n)
