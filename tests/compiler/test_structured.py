"""Random programs with structure give the engine's answer, with vectors of every length, and write nowhere else.

Every buffer of the compiled code lies between guard zones of NaN: reading beyond an array would show in the result,
writing beyond it in the zone.
"""

import random

import pytest

import tinygrad_lite as tg
from tests.compiler.structured import neighbours, program
from tinygrad_lite import Value
from tinygrad_lite.compiler import available
from tinygrad_lite.compiler.llvm import buffers, jit

np = pytest.importorskip("numpy")

ZONE = 64


@pytest.fixture
def zones(monkeypatch):
    """Puts guard zones around all buffers; at the end none of them may have been written to."""
    made = []

    def guarded(n, behind=0):
        space = np.full(n + 8 + 2 * ZONE, np.nan)
        start = ZONE + (-(space.ctypes.data // 8 + ZONE) - behind) % 8
        space[start : start + n] = 0.0
        made.append((space[:start], space[start + n :]))
        return space[start : start + n]

    monkeypatch.setattr(buffers, "aligned", guarded)
    yield made
    assert all(np.isnan(zone).all() for pair in made for zone in pair)


def engine(f, numbers):
    leaves = [Value(x) for x in numbers]
    root = f(leaves) + 0.0 * leaves[0]  # a program may leave all parameters out
    root.backward()
    return [root.data, *(leaf.grad for leaf in leaves)]


def agree(found, expected):
    value, slopes = found
    scale = max(map(abs, expected[1:])) or 1.0
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert list(slopes) == pytest.approx(expected[1:], rel=1e-12, abs=1e-12 * scale)


def compared(seed, backend):
    """One random program: for declared rows, as a loop over samples, for one sample, or over neighbours."""
    rng = random.Random(seed)
    if seed % 4 == 3:
        f, least = neighbours(rng)
        x = [rng.uniform(-1.0, 1.0) for _ in range(least + rng.randrange(60))]
        agree(tg.compile(f, backend=backend).value_and_grad(x), engine(f, x))
        return
    loss, n, columns = program(rng)
    rows = 1 if seed % 4 == 2 else rng.choice([1, 5, 9, 16, 33, rng.randrange(1, 70)])
    X = [[rng.uniform(-1.0, 1.0) for _ in range(columns)] for _ in range(rows)]
    p = [rng.uniform(-1.0, 1.0) for _ in range(n)]

    def loop(p):
        total = 0.0
        for x in X:
            total = total + loss(p, x)
        return total / rows

    if seed % 4 == 0:
        agree(tg.compile(loss, batch="x", backend=backend).value_and_grad(p, X), engine(loop, p))
    else:
        agree(tg.compile(loop, backend=backend).value_and_grad(p), engine(loop, p))


@pytest.mark.skipif("llvm" not in available(), reason="needs llvmlite")
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("seed", range(24))
def test_vectors_of_any_length_on_processors_with_any_lanes(seed, lanes, zones, monkeypatch):
    here = jit.host()
    if lanes > here.lanes:
        pytest.skip(f"vectors of this processor have {here.lanes} lanes")
    monkeypatch.setattr(jit, "host", lambda: here._replace(lanes=lanes))
    compared(1000 * lanes + seed, "llvm")


@pytest.mark.parametrize("backend", [name for name in available() if name != "llvm"])
@pytest.mark.parametrize("seed", range(24))
def test_vectors_of_any_length_on_the_other_back_ends(seed, backend):
    compared(seed, backend)
