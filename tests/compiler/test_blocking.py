"""Pieces that fit the cache, and the finale in place: the answers stay what they were."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import blocking
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction

pytest.importorskip("llvmlite")

INPUTS, UNITS = 83, 9


def loss(w, x, y):
    """A wide layer of tanh, and the square of what is left over."""
    hidden = [tg.dot(w[j * INPUTS : (j + 1) * INPUTS], x, w[UNITS * INPUTS + j]).tanh() for j in range(UNITS)]
    return (tg.sum(hidden) - y) ** 2


@pytest.mark.few(3)
@pytest.mark.parametrize("rows", [1, 8, 21, 40, 75])
@pytest.mark.parametrize("bytes_", [1024, 4096])
def test_a_wide_layer_cut_into_pieces_gives_what_the_plain_tape_gives(monkeypatch, rows, bytes_):
    monkeypatch.setattr(blocking, "CACHE", bytes_)
    chance = np.random.default_rng(3)
    w = (chance.normal(size=UNITS * INPUTS + UNITS) / 9).tolist()
    x, y = chance.normal(size=(rows, INPUTS)), chance.normal(size=rows)
    found, slopes = tg.compile(loss, batch=("x", "y"), backend="llvm").value_and_grad(w, x, y)
    right, exact = tg.compile(loss, batch=("x", "y"), backend="tape").value_and_grad(w, x, y)
    assert found == pytest.approx(right, rel=1e-12)
    assert np.allclose(np.ravel(slopes[0]), np.ravel(exact[0]), rtol=0, atol=1e-12 * np.abs(exact[0]).max())


def test_a_long_sum_is_cut_along_its_terms_and_each_piece_goes_on_from_the_one_before():
    product = ("mul", ("leaf", 0), ("leaf", 1))
    run = Reduction(1, product, 10, [Access("P", 3, (10,), 1), Access("X", 0, (0,), 1)])
    bias = Reduction(1, ("leaf", 0), 1, [Access("P", 50, (1,))])
    nest = LoopNest("A0", (5,), [bias, run], Access("A0", 0, (1,)))
    assert [str(piece) for piece in blocking.sums(nest, 4, {"X", "A0"})] == [
        "for i0 < 5: A0[i0] = P[i0 + 50] + sum over t < 4 of (P[10*i0 + t + 3] * X[t])",
        "for i0 < 5: A0[i0] = A0[i0] + sum over t < 4 of (P[10*i0 + t + 7] * X[t + 4])",
        "for i0 < 5: A0[i0] = A0[i0] + sum over t < 2 of (P[10*i0 + t + 11] * X[t + 8])",
    ]
    assert blocking.sums(nest, 10, {"X", "A0"}) == [nest]  # short enough
    assert blocking.sums(nest, 4, {"A0"}) == [nest]  # nothing of a row is read


def scaled(read: Access, written: Access, iterations: int = 6) -> LoopNest:
    return LoopNest("out", (iterations,), [Reduction(1, ("leaf", 0), 1, [read])], written)


def fits(*nests: LoopNest) -> bool:
    return blocking.in_place(Plan(list(nests), {}, [], set(), 0))


def test_the_finale_works_in_place_only_if_no_sum_is_read_after_its_place_was_written():
    same = scaled(Access("G", 1, (1,)), Access("out", 1, (1,)))
    first = scaled(Access("G", 0, (0,)), Access("out", 0, (0,)), 1)
    assert fits(first, same)
    assert not fits(scaled(Access("G", 2, (1,)), Access("out", 1, (1,))))  # a neighbour's
    assert not fits(scaled(Access("G", 1, (1,)), Access("out", 2, (1,))))
    assert not fits(same, scaled(Access("G", 3, (0,)), Access("out", 0, (0,)), 1))  # one of a group before
    assert fits(scaled(Access("G", 9, (0,)), Access("out", 1, (1,))))  # never written
    table = np.array([6, 5, 4, 3, 2, 1], dtype=np.int32)
    assert not fits(scaled(Access("G", table=table), Access("out", 1, (1,))))
    assert fits(scaled(Access("G", table=table), Access("out", table=table)))
    assert not fits(scaled(Access("G", 1, (1,)), Access("out", table=table)))


def test_a_sum_over_several_entries_is_not_in_place_with_one_of_them():
    total = LoopNest("out", (2,), [Reduction(1, ("leaf", 0), 3, [Access("G", 0, (3,), 1)])], Access("out", 0, (1,)))
    assert not fits(total)  # the second member's first entry is 3, but entry 1 is read by the first: who writes it?
    apart = LoopNest("out", (2,), [Reduction(1, ("leaf", 0), 3, [Access("G", 0, (3,), 1)])], Access("out", 0, (3,)))
    assert fits(apart)
    ragged = Reduction(1, ("leaf", 0), 0, [Access("G", table=np.array([0, 1, 0]))], np.array([0, 2, 3]))
    assert not fits(LoopNest("out", (2,), [ragged], Access("out", 0, (1,))))
