"""How many iterations of a loop nest are computed at once, for each vector of samples.

In: a loop nest of a plan for samples. Out: a number for each of its dimensions; together they are a tile, the sums of
which stay in registers while the loop over the terms runs.
"""

from __future__ import annotations

from tinygrad_lite.compiler.ir.loop_nest import LoopNest

SHORT = 4
"""A run of so few terms is written out instead of looped over."""


def sums(lanes: int) -> int:
    """How many sums a tile keeps: half of the vector registers, for what is read needs some as well.

    AVX-512 has 32 of them; AVX2, with four lanes, has 16. There a tile of 16 sums is twice as slow as one of 8.
    """
    return 16 if lanes == 8 else 8


def sizes(nest: LoopNest, lanes: int, unroll: int, adds: bool) -> list[int]:
    """The tile of a loop nest.

    Args:
        lanes: doubles in a vector.
        unroll: vectors of samples.
        adds: whether the loop nest is added up over the samples, which takes one sum for all vectors.
    """
    found = [1] * len(nest.dims)
    if any(run.starts is not None for run in nest.reductions):
        return found
    if any(run.terms > SHORT for run in nest.reductions):
        found[-1] = divisor(nest.dims[-1], max(sums(lanes) // unroll, 1))
    elif adds:
        found[-2:] = [divisor(n, 4) for n in nest.dims[-2:]]
    else:
        found[-1] = divisor(nest.dims[-1], max(4 // unroll, 1))
    return found


def divisor(n: int, most: int) -> int:
    """A tile for n iterations: the largest divisor up to `most`, or `most` itself if they are all poor."""
    best = max(t for t in range(1, most + 1) if n % t == 0)
    return best if best * 2 > most or n <= most else most
