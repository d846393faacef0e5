"""Groups that go through the same parts share a loop, unless one reads what is not there yet."""

import numpy as np

from tinygrad_lite.compiler.backends.llvm import cache_fusion, periodic
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction

PARTS = 5


def nest(name, *reads, iterations=3 * PARTS):
    return LoopNest(
        name, (iterations,), [Reduction(1, ("leaf", 0), 1, [read]) for read in reads], Access(name, 0, (1,))
    )


def triangle(name, array):
    """Three members for each part, which read an array irregularly, but each part its own entries."""
    table = np.array([3 * k + x for k in range(PARTS) for x in (2, 0, 2)], dtype=np.int32)
    (found,) = periodic.find(nest(name, Access(array, table=table)))
    assert found.period == 3
    return found


def names(*nests):
    return [[one.name for one in together] for together in cache_fusion.fused(nests, 8)]


def test_what_follows_part_by_part_shares_a_loop():
    assert names(nest("A0", Access("X", 0, (1,))), triangle("A1", "A0"), nest("A2", Access("A1", 0, (1,)))) == [
        ["A0", "A1", "A2"]
    ]
    ending = nest("A2", Access("A1", 2, (3,)), iterations=PARTS)  # the last member of each part
    assert names(triangle("A1", "X"), ending) == [["A1", "A2"]]


def test_what_reads_a_part_that_comes_later_waits_for_the_end_of_the_loop():
    backwards = nest("A2", Access("A1", 3 * PARTS - 1, (-1,)))
    assert names(triangle("A1", "X"), backwards) == [["A1"], ["A2"]]
    next_part = nest("A2", Access("A1", 3, (1,)), iterations=3 * PARTS)
    assert names(triangle("A1", "X"), next_part) == [["A1"], ["A2"]]
    a_part_before = LoopNest(
        "A2", (PARTS - 1,), [Reduction(1, ("leaf", 0), 1, [Access("A1", 0, (3,))])], Access("A2", 0, (1,))
    )
    assert names(triangle("A1", "X"), a_part_before) == [["A1"], ["A2"]]  # not as many parts


def test_a_sum_over_all_parts_ends_the_loop_and_what_is_apart_goes_before_it():
    total = LoopNest(
        "A2", (1,), [Reduction(1, ("leaf", 0), 3 * PARTS, [Access("A1", 0, (0,), 1)])], Access("A2", 0, (0,))
    )
    apart = LoopNest("A3", (1,), [Reduction(1, ("leaf", 0), 1, [Access("X", 0, (0,))])], Access("A3", 0, (0,)))
    again = triangle("A4", "A1")
    assert names(triangle("A1", "X"), apart, total, again) == [["A3"], ["A1"], ["A2"], ["A4"]]


def test_without_a_pattern_every_group_has_its_own_loop():
    assert names(nest("A0", Access("X", 0, (1,))), nest("A1", Access("A0", 0, (1,)))) == [["A0"], ["A1"]]
