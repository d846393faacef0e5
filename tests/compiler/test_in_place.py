"""An epilogue in place: only where each iteration reads no sum but the one whose place it writes."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from tinygrad_lite.compiler.backends.llvm.llvm_backend import _in_place
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction


def scaled(read: Access, written: Access, iterations: int = 6) -> LoopNest:
    return LoopNest("out", (iterations,), [Reduction(1, ("leaf", 0), 1, [read])], written)


def fits(*nests: LoopNest) -> bool:
    return _in_place(Plan(list(nests), {}, [], set(), 0))


def test_the_epilogue_works_in_place_only_if_no_sum_is_read_after_its_place_was_written():
    same = scaled(Access("G", 1, (1,)), Access("out", 1, (1,)))
    first = scaled(Access("G", 0, (0,)), Access("out", 0, (1,)), 1)
    assert fits(first, same)
    assert not fits(scaled(Access("G", 2, (1,)), Access("out", 1, (1,))))  # a neighbour's
    assert not fits(scaled(Access("G", 1, (1,)), Access("out", 2, (1,))))
    assert not fits(same, scaled(Access("G", 3, (0,)), Access("out", 0, (0,)), 1))  # one of a nest before
    table = np.array([6, 5, 4, 3, 2, 1], dtype=np.int32)
    assert not fits(scaled(Access("G", table=table), Access("out", 1, (1,))))
    assert not fits(scaled(Access("G", 1, (1,)), Access("out", table=table)))


def test_a_sum_over_several_entries_is_not_in_place_with_one_of_them():
    total = LoopNest("out", (2,), [Reduction(1, ("leaf", 0), 3, [Access("G", 0, (1,), 1)])], Access("out", 0, (1,)))
    assert not fits(total)
    ragged = Reduction(1, ("leaf", 0), 0, [Access("G", table=np.array([0, 1, 0]))], np.array([0, 2, 3]))
    assert not fits(LoopNest("out", (2,), [ragged], Access("out", 0, (1,))))
