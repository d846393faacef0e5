"""Tables of indices that repeat after a period: found, split where the way of repeating changes, and right."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import periodic
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Reduction

pytest.importorskip("llvmlite")


def nest(read, written):
    access = Access("A0", table=np.array(read, dtype=np.int32))
    return LoopNest("A1", (len(read),), [Reduction(1, ("leaf", 0), 1, [access])], Access("A1", table=np.array(written)))


def test_each_index_may_move_on_at_its_own_speed():
    read = [x for k in range(5) for x in (k, 7 * k + 2, 3)]
    (found,) = periodic.find(nest(read, range(15)))
    assert found.period == 3
    assert found.reductions[0].accesses[0].pattern == ([1, 7, 0], [0, 2, 3])
    assert found.target.pattern == ([3, 3, 3], [0, 1, 2])


def test_a_group_that_repeats_in_two_ways_becomes_two():
    first = [10 * k + x for k in range(6) for x in (0, 5, 1)]
    second = [100 + 7 * k + x for k in range(4) for x in (3, 1)]
    parts = periodic.find(nest(first + second, range(26)))
    assert [(part.iterations, part.period) for part in parts] == [(18, 3), (8, 2)]
    assert parts[1].reductions[0].accesses[0].pattern == ([7, 7], [103, 101])
    assert parts[1].target.pattern == ([2, 2], [18, 19])


def test_what_does_not_repeat_stays_whole():
    chance = np.random.default_rng(1)
    whole = nest(chance.permutation(30), range(30))
    assert periodic.find(whole) == [whole]
    affine = LoopNest("A1", (30,), [Reduction(1, ("leaf", 0), 1, [Access("A0", 0, (2,))])], Access("A1", 0, (1,)))
    assert periodic.find(affine) == [affine]


@pytest.mark.parametrize("rows", [3, 17, 70])
def test_triangles_with_a_diagonal_from_elsewhere_give_what_the_plain_tape_gives(rows):
    k, d = 5, 4
    triangle = d * (d - 1) // 2

    def loss(w, x):
        terms = []
        for c in range(k):
            logs, rest = w[c * d : (c + 1) * d], iter(w[k * d + c * triangle : k * d + (c + 1) * triangle])
            lines = [[q.exp() * e] for q, e in zip(logs, x, strict=True)]
            for i in range(d):
                for j in range(i + 1, d):
                    lines[j].append(next(rest) * x[i])
            sums = [tg.sum(line) for line in lines]
            terms.append(-0.5 * tg.dot(sums, sums))
        return tg.logsumexp(terms)

    chance = np.random.default_rng(5)
    w, x = chance.normal(size=k * (d + triangle)).tolist(), chance.normal(size=(rows, d))
    found, slopes = tg.compile(loss, batch=("x",), backend="llvm").value_and_grad(w, x)
    right, exact = tg.compile(loss, batch=("x",), backend="tape").value_and_grad(w, x)
    assert found == pytest.approx(right, rel=1e-12)
    assert np.allclose(np.ravel(slopes[0]), np.ravel(exact[0]), rtol=0, atol=1e-12 * np.abs(exact[0]).max())
