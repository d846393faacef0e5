"""Groups that go through the same parts share a loop, unless one reads what is not there yet."""

import numpy as np

from tinygrad_lite.compiler.llvm import fusing, patterns
from tinygrad_lite.compiler.planning.plan import Access, Group, Run

PARTS = 5


def group(name, *reads, members=3 * PARTS):
    return Group(name, (members,), [Run(1, ("leaf", 0), 1, [read]) for read in reads], Access(name, 0, (1,)))


def triangle(name, array):
    """Three members for each part, which read an array irregularly, but each part its own entries."""
    table = np.array([3 * k + x for k in range(PARTS) for x in (2, 0, 2)], dtype=np.int32)
    (found,) = patterns.find(group(name, Access(array, table=table)))
    assert found.period == 3
    return found


def names(*groups):
    return [[one.name for one in together] for together in fusing.fused(groups, 8)]


def test_what_follows_part_by_part_shares_a_loop():
    assert names(group("A0", Access("X", 0, (1,))), triangle("A1", "A0"), group("A2", Access("A1", 0, (1,)))) == [
        ["A0", "A1", "A2"]
    ]
    ending = group("A2", Access("A1", 2, (3,)), members=PARTS)  # the last member of each part
    assert names(triangle("A1", "X"), ending) == [["A1", "A2"]]


def test_what_reads_a_part_that_comes_later_waits_for_the_end_of_the_loop():
    backwards = group("A2", Access("A1", 3 * PARTS - 1, (-1,)))
    assert names(triangle("A1", "X"), backwards) == [["A1"], ["A2"]]
    next_part = group("A2", Access("A1", 3, (1,)), members=3 * PARTS)
    assert names(triangle("A1", "X"), next_part) == [["A1"], ["A2"]]
    a_part_before = Group("A2", (PARTS - 1,), [Run(1, ("leaf", 0), 1, [Access("A1", 0, (3,))])], Access("A2", 0, (1,)))
    assert names(triangle("A1", "X"), a_part_before) == [["A1"], ["A2"]]  # not as many parts


def test_a_sum_over_all_parts_ends_the_loop_and_what_is_apart_goes_before_it():
    total = Group("A2", (1,), [Run(1, ("leaf", 0), 3 * PARTS, [Access("A1", 0, (0,), 1)])], Access("A2", 0, (0,)))
    apart = Group("A3", (1,), [Run(1, ("leaf", 0), 1, [Access("X", 0, (0,))])], Access("A3", 0, (0,)))
    again = triangle("A4", "A1")
    assert names(triangle("A1", "X"), apart, total, again) == [["A3"], ["A1"], ["A2"], ["A4"]]


def test_without_a_pattern_every_group_has_its_own_loop():
    assert names(group("A0", Access("X", 0, (1,))), group("A1", Access("A0", 0, (1,)))) == [["A0"], ["A1"]]
