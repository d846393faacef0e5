"""The list of passes, and what `fast.passes()` shows: what each that ran has left, in order, on every back end."""

import re

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler import available
from tinygrad_lite.compiler.passes.pipeline import PASSES

np = pytest.importorskip("numpy")

BACKENDS = available()
ORDER = [each.name for each in PASSES]


def names(text):
    return re.findall(r"^\d+\. (\w+): ", text, re.M)


def loop(w):
    return sum((w[0] * x + w[1] - y) ** 2 for x, y in zip(range(30), range(1, 31), strict=True)) / 30


def chain(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def recurrence(x):
    h = x[0]
    for k in range(1, 40):
        h = tg.tanh(h * 0.5 + x[k])
    return h


def softmax(x):
    e = [tg.exp(v) for v in x]
    total = sum(e)
    return sum(v / total * v for v in e)


def one_sample(w, x):
    return tg.tanh(tg.exp(w[0]) * x + w[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_over_samples_is_seen_going_through_every_pass(backend):
    fast = tg.compile(loop, backend=backend)
    fast.grad([0.5, 0.1])
    between = {"llvm": ["reroll", "fuse"], "numpy": ["reroll"], "tape": []}[backend]

    assert names(fast.passes()) == ["trace", "samples", "differentiate", *between, "emit"]
    assert "# each of 30 samples" in fast.passes()


def test_the_dump_of_a_pass_is_the_text_of_its_result():
    fast = tg.compile(lambda x: tg.tanh(x[0]) * x[1], backend=BACKENDS[0])
    fast.grad([0.5, 2.0])

    assert "(2 ops)\n   v0 = tanh(x[0])\n   v1 = v0 * x[1]\n   return v1\n" in fast.passes(lines=None)
    for line in fast.source("tape").split("\n"):
        assert f"   {line}" in fast.passes(lines=None)
    if "numpy" in BACKENDS:
        assert fast.source("plan").split("\n")[0] in fast.passes(lines=None)


def test_a_dump_is_cut_after_so_many_lines_and_says_how_many_follow():
    fast = tg.compile(loop, backend="tape")
    fast.grad([0.5, 0.1])
    first = fast.passes(lines=3).split("\n\n")[0].split("\n")
    whole = fast.passes(lines=None).split("\n\n")[0].split("\n")

    assert first[1:4] == whole[1:4]
    assert first[4] == f"   ... {len(whole) - 4:,} more lines"


def test_samples_are_shown_with_the_names_of_their_parameters():
    fast = tg.compile(one_sample, batch="x", backend=BACKENDS[0])
    fast.grad([0.5, 0.1], [1.0, 2.0])

    assert names(fast.passes())[:3] == ["paths", "hoist", "differentiate"]
    assert "u2 * x" in fast.passes()  # exp(w[0]) is computed once, before the samples
    assert "+ w[1]" in fast.passes()


def test_what_was_not_called_has_no_passes_to_show():
    with pytest.raises(tg.errors.TinygradLiteError, match="call it once"):
        tg.compile(loop).passes()


def programs():
    """What runs on every back end, so that every pass has something to do."""
    for backend in BACKENDS:
        for f, point in ((loop, [0.5, 0.1]), (chain, [0.1] * 40), (recurrence, [0.2] * 40), (softmax, [0.1, 0.2] * 9)):
            yield lambda dump, f=f, point=point, backend=backend: tg.compile(f, backend=backend, dump=dump).grad(point)
        yield lambda dump, backend=backend: tg.compile(lambda x: tg.softsign(x), backend=backend, dump=dump)(0.5)
    yield lambda dump: tg.compile(loop, dump=dump).grad([0.5, 0.1])
    for name in (None, "llvm"):
        yield lambda dump, name=name: tg.compile(one_sample, batch="x", backend=name, dump=dump).grad(
            [0.5, 0.1], [1.0, 2.0]
        )


@pytest.mark.skipif("llvm" not in BACKENDS, reason="needs llvmlite")
def test_the_list_names_every_pass_in_the_order_in_which_they_run(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    seen = set()
    for program in programs():
        text = []
        program(text.append)
        ran = names("\n".join(text))
        seen.update(ran)
        assert ran == sorted(ran, key=ORDER.index), ran
    again = []
    next(programs())(again.append)  # from the disk this time
    seen.update(names("\n".join(again)))

    assert seen == set(ORDER)


def test_a_program_from_the_disk_says_so_and_shows_the_passes_that_made_it():
    def f(x):
        return tg.sin(x[0]) * x[1] + tg.cos(x[2]) * 1.75

    if BACKENDS[0] != "llvm":
        pytest.skip("needs llvmlite")
    for _ in range(2):
        fast = tg.compile(f, backend="llvm")
        fast.grad([0.1, 0.2, 0.3])

    assert names(fast.passes()) == ["trace", "load", "differentiate", "reroll", "emit"]


def test_the_dump_is_given_each_pass_as_it_runs():
    text = []
    fast = tg.compile(loop, backend="tape", dump=text.append)
    fast.grad([0.5, 0.1])

    assert "\n\n".join(text) == fast.passes(lines=None)
