"""What `fast.passes()` shows: each pass's own result, in order, on every back end."""

import re

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler import available

pytestmark = pytest.mark.usefixtures("loops_at_once")

np = pytest.importorskip("numpy")

BACKENDS = available()


def titles(text):
    return re.findall(r"^\d+\. (\w+\.py): ", text, re.M)


def loop(w):
    return sum((w[0] * x + w[1] - y) ** 2 for x, y in zip(range(30), range(1, 31), strict=True)) / 30


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_over_samples_is_seen_going_through_every_pass(backend):
    fast = tg.compile(loop, backend=backend)
    fast.grad([0.5, 0.1])
    last = {"llvm": "llvm_backend.py", "numpy": "text.py", "tape": "python.py"}[backend]
    between = {"llvm": ["reroll.py", "register_fusion.py"], "numpy": ["reroll.py"], "tape": []}[backend]

    assert titles(fast.passes()) == ["trace.py", "batching.py", "adjoint.py", *between, last]
    assert "a batch: 30 rows" in fast.passes()


def test_the_dump_of_a_pass_is_the_text_of_its_result():
    fast = tg.compile(lambda x: tg.tanh(x[0]) * x[1])
    fast.grad([0.5, 2.0])

    assert "(2 ops)\n   v0 = tanh(x[0])\n   v1 = v0 * x[1]\n   return v1\n" in fast.passes(lines=None)
    for line in fast.source("tape").split("\n"):
        assert f"   {line}" in fast.passes(lines=None)
    if "llvm" in BACKENDS:
        assert fast.source("plan").split("\n")[0] in fast.passes(lines=None)


def test_a_dump_is_cut_after_so_many_lines_and_says_how_many_follow():
    fast = tg.compile(loop, backend="tape")
    fast.grad([0.5, 0.1])
    first = fast.passes(lines=3).split("\n\n")[0].split("\n")
    whole = fast.passes(lines=None).split("\n\n")[0].split("\n")

    assert first[1:4] == whole[1:4]
    assert first[4] == f"   ... {len(whole) - 4:,} more lines"


def test_rows_are_shown_with_the_names_of_their_parameters():
    fast = tg.compile(lambda w, x: tg.exp(w[0]) * x + w[1], batch="x", backend=BACKENDS[0])
    fast.grad([0.5, 0.1], [1.0, 2.0])

    assert titles(fast.passes())[:2] == ["trace.py", "adjoint.py"]
    assert "u2 * x" in fast.passes()  # exp(w[0]) is computed once, before the rows
    assert "+ w[1]" in fast.passes()


@pytest.mark.skipif("llvm" not in BACKENDS, reason="needs llvmlite")
def test_neighbours_and_components_show_the_loops_they_share():
    def chain(x):
        return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))

    fast = tg.compile(chain)
    fast.grad([0.1] * 40)
    assert titles(fast.passes())[:3] == ["trace.py", "batching.py", "adjoint.py"]
    assert "39 rows" in fast.passes()


def test_what_was_not_called_has_no_passes_to_show():
    with pytest.raises(tg.errors.TinygradLiteError, match="call it once"):
        tg.compile(loop).passes()
