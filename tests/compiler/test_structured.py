"""Random programs with structure give the engine's answer, with vectors of every length, and write nowhere else.

Every buffer of the compiled code lies between guard zones of NaN: reading beyond an array would show in the result,
writing beyond it in the zone. (tests/benchmarks/random_programs.py tries thousands, without zones.)
"""

import pytest

from tests.compiler.structured import farthest
from tinygrad_lite.compiler import available
from tinygrad_lite.compiler.backends.llvm import buffers

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


@pytest.mark.skipif("llvm" not in available(), reason="needs llvmlite")
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("seed", range(30))
def test_vectors_of_any_length_on_processors_with_any_lanes(seed, lanes, zones, with_lanes):
    with_lanes(lanes)
    assert farthest(1000 * lanes + seed, "llvm") <= 1e-12


@pytest.mark.parametrize("backend", [name for name in available() if name != "llvm"])
@pytest.mark.parametrize("seed", range(30))
def test_vectors_of_any_length_on_the_other_back_ends(seed, backend):
    assert farthest(seed, backend) <= 1e-12
