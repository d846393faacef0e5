"""A few of the random programs; tests/benchmarks/random_programs.py tries thousands."""

import pytest

from tests.compiler.random_programs import KINDS, ROWS, case, worst
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.passes import batching

pytest.importorskip("numpy")
FEW = [op for op in ROWS if op.name not in ("erf", "erfc", "gelu")]  # which NumPy has not


@pytest.mark.parametrize("backend", [None, *available()])
@pytest.mark.parametrize("seed", range(24))
def test_random_programs_give_the_engines_answer(seed, backend):
    assert worst(7 * seed + seed // len(KINDS), backend, FEW) <= 1e-12


def test_every_row_and_every_kind_has_its_turn():
    first = range(len(KINDS) * len(ROWS))

    assert {(KINDS[n % len(KINDS)], n // len(KINDS) % len(ROWS)) for n in first} >= {
        (kind, k) for kind in KINDS for k in range(len(ROWS))
    }


@pytest.mark.long
def test_loops_over_samples_are_found_and_ragged_ones_are_not_taken_for_them():
    """Else the study would try straight-line code only."""
    found = {}
    for seed in range(200):
        kind = KINDS[seed % len(KINDS)]
        if kind in ("loop", "ragged", "classes"):
            fast, calls, _ = case(seed, "tape")
            fast(*calls[0])
            (program, *_) = fast._programs_made()
            batch = batching.find(program.tape)
            found.setdefault(kind, []).append(batch is not None and batch.left)

    assert sum(left is not False for left in found["loop"]) >= 10
    assert any(left for left in found["classes"])
    assert any(left is False for left in found["ragged"])
