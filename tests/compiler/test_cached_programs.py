"""Whole programs from the disk: the tape as it was traced is looked up, and nothing is searched or made."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler import CompileWarning, compiled
from tinygrad_lite.compiler.backends.llvm import cache, jit, llvm_backend
from tinygrad_lite.compiler.passes import pipeline
from tinygrad_lite.compiler.runtime import program_cache

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

pytestmark = pytest.mark.usefixtures("loops_at_once")

W = [0.3, -0.8, 0.5]
X = np.linspace(-2.0, 2.0, 150).reshape(50, 3).tolist()
LINE = np.random.default_rng(3).uniform(-1.5, 1.5, 40).tolist()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def loop(w):
    """Rows whose data are plain numbers of the program, with a guard in each."""
    total = 0.0
    for x in X:
        total = total + tg.tanh(tg.dot(w, x)) ** 2 + (abs(w[0]) if w[1] < x[0] else w[0] * w[0])
    return total / len(X)


def gathered(w, xs):
    """Rows whose data are arguments."""
    total = 0.0
    for x in xs:
        total = total + tg.exp(w[0] * x[0] + w[1] * x[1]) * w[2]
    return total


def neighbours(p):
    total = 0.0
    for a, b in itertools.pairwise(p):
        total = total + 100.0 * (b - a * a) ** 2 + (a - 1.0) ** 2
    return total


def plain(w):
    return tg.exp(w[0] * w[1]) if w[0] < w[2] else tg.log(w[2])


FUNCTIONS = [(loop, (W,)), (gathered, (W, X)), (neighbours, (LINE,)), (plain, (W,))]


def runners(fast):
    return [runner for p in fast._programs_made() for runner in p.runners.values()]


@pytest.mark.parametrize(("f", "args"), FUNCTIONS)
def test_nothing_is_searched_when_the_tape_was_met_before(place, monkeypatch, f, args):
    first = tg.compile(f, backend="llvm")
    answer = first.value_and_grad(*args), first(*args)

    def never(*_, **__):
        raise AssertionError("a pass was run")

    monkeypatch.setattr(pipeline, "PASSES", [each._replace(run=never) for each in pipeline.PASSES])
    second = tg.compile(f, backend="llvm")

    assert (second.value_and_grad(*args), second(*args)) == answer
    assert all(isinstance(runner, program_cache.CachedRunner) for runner in runners(second))


@pytest.mark.parametrize(("f", "args"), FUNCTIONS)
def test_a_program_from_the_disk_can_be_shown_and_prepared(place, f, args):
    first, second = tg.compile(f), tg.compile(f)
    value, _ = first.value_and_grad(*args)
    second.value_and_grad(*args)

    assert second.source("llvm") == first.source("llvm")
    again, made = (re.split(r"^\d+\. ", fast.passes(None), flags=re.M) for fast in (second, first))
    assert [each for each in again if not each.startswith("load: ")] == made
    said = [[line.split(" in ")[0] for line in fast.report().splitlines()[:2]] for fast in (first, second)]
    assert said[0] == said[1]
    ready = second.prepare(*args)
    ready()
    assert ready.loss == value


def test_what_is_on_the_disk_is_read_and_not_written_again(place, monkeypatch):
    for f, args in FUNCTIONS:
        tg.compile(f).value_and_grad(*args)
    stored = []
    monkeypatch.setattr(cache, "store", lambda name, content: stored.append(name))
    for f, args in FUNCTIONS:
        tg.compile(f).value_and_grad(*args)

    assert stored == []


def test_other_numbers_and_branches_are_right_for_a_program_from_the_disk(place):
    points = [W, [0.9, 0.1, 0.2], [-0.3, 1.8, -0.5]]
    expected = [tg.compile(loop, backend="tape").value_and_grad(w) for w in points]
    for _ in range(2):
        fast = tg.compile(loop)
        for w, (value, slopes) in zip(points, expected, strict=True):
            found = fast.value_and_grad(w)
            assert found[0] == pytest.approx(value, rel=1e-13)
            assert found[1] == pytest.approx(slopes, rel=1e-12, abs=1e-14)


def test_a_program_with_other_data_is_searched_again_but_not_compiled_again(place):
    def over(data):
        return tg.compile(lambda w: sum((tg.tanh(tg.dot(w, x)) ** 2 for x in data), 0.0))

    over(X).value_and_grad(W)
    other = [[x + 0.01 for x in row] for row in X]
    fast = over(other)
    value, _ = fast.value_and_grad(W)

    (runner,) = runners(fast)
    assert isinstance(runner, program_cache.CachedRunner)  # the tape of a row is the same
    assert value == pytest.approx(sum(np.tanh(np.array(other) @ W) ** 2), rel=1e-13)
    (program,) = fast._programs_made()
    assert not program.known  # so it was compared with the engine in full


def test_what_did_not_agree_with_the_engine_is_not_kept(place, monkeypatch):
    right = llvm_backend.kernels.module
    monkeypatch.setattr(llvm_backend.kernels, "module", lambda *parts: right(*parts).replace("fadd", "fsub"))
    with pytest.warns(CompileWarning, match="away from the engine"):
        tg.compile(loop).value_and_grad(W)
    monkeypatch.undo()
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(place))

    entries = [cache.load(entry.stem) for entry in place.glob("*.tgcode")]
    assert [entry[:4] for entry in entries] == [b"\x7fELF"]  # the code of that text, which no program names
    fast = tg.compile(loop)
    assert fast.value_and_grad(W)[0] == pytest.approx(loop(W), rel=1e-13)
    assert not any(isinstance(runner, program_cache.CachedRunner) for runner in runners(fast))


@pytest.mark.parametrize("short", [0, 10**6])
def test_wrong_code_in_an_entry_is_found_out_by_its_value(place, monkeypatch, short):
    """Long programs from the disk are compared with the trace's value, short ones with the engine."""
    tg.compile(gathered).value_and_grad(W, X)
    load = jit.load

    def wrong(code, *how):
        text = "define void @entry(ptr %p) {\n  ret void\n}"
        return load(jit.object_code(text), *how)

    monkeypatch.setattr(jit, "load", wrong)
    monkeypatch.setattr(compiled, "SHORT", short)
    with pytest.warns(CompileWarning, match="engine's" if short else "away from the traced one"):
        value, _ = tg.compile(gathered).value_and_grad(W, X)

    assert value == gathered(W, X)
    monkeypatch.setattr(jit, "load", load)
    fast = tg.compile(gathered)
    fast.value_and_grad(W, X)
    assert not any(
        isinstance(runner, program_cache.CachedRunner) for runner in runners(fast)
    )  # the entry was taken away


def test_a_long_program_first_differentiated_at_other_numbers_is_compared_there(place, monkeypatch):
    monkeypatch.setattr(compiled, "LONGEST", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            fast = tg.compile(gathered)
            fast(W, X)
            value, _ = fast.value_and_grad([0.1, 0.2, 0.3], X)
            assert value == pytest.approx(gathered([0.1, 0.2, 0.3], X), rel=1e-13)


def spots(length):
    """Bytes of each region: the seal, what it covers first, the middle, the end."""
    return sorted({0, 10, 30, 45, 61, 62, 80, length // 2, length - 40, length - 1})


@pytest.mark.few(1)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_bad_byte_anywhere_in_any_entry_is_recompiled(place, which):
    answer = tg.compile(gathered).value_and_grad(W, X)
    entry = sorted(place.glob("*.tgcode"), key=lambda file: file.stat().st_size)[which]
    raw = entry.read_bytes()
    for spot in spots(len(raw)):
        entry.write_bytes(raw[:spot] + bytes([raw[spot] ^ 0x10]) + raw[spot + 1 :])

        assert tg.compile(gathered).value_and_grad(W, X) == answer
        assert entry.read_bytes() == raw  # made anew


WRITER = """
import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import cache
print("ready", flush=True)
k = 0
while True:
    k += 1
    cache.store("victim", bytes([k % 256]) * 300_000)
"""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no kill -9 there")
def test_a_writer_killed_at_any_moment_leaves_no_entry_that_is_believed(place):
    for k in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(0.004 * k)
            writer.send_signal(signal.SIGKILL)
        found = cache.load("victim")
        assert found is None or (len(found) == 300_000 and len(set(found)) == 1)
    cache.clear_cache()
    assert list(place.iterdir()) == []  # what the dead left half-written goes too


COMPILER = """
import sys, tinygrad_lite as tg
from test_cached_programs import FUNCTIONS
for f, args in FUNCTIONS[:3]:
    print(tg.compile(f, backend="llvm").value_and_grad(*args))
"""


def numbers(text):
    return [float(x) for x in re.findall(r"-?\d[\d.e+-]*", text)]


@pytest.mark.long
def test_processes_that_compile_the_same_at_once_all_have_the_right_answer(place):
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    env = os.environ | {"PYTHONPATH": path}
    started = [
        subprocess.Popen([sys.executable, "-c", COMPILER], stdout=subprocess.PIPE, text=True, env=env) for _ in range(3)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]

    here = "".join(f"{tg.compile(f, backend='llvm').value_and_grad(*args)}\n" for f, args in FUNCTIONS[:3])
    assert said == said[:1] * 3
    assert numbers(said[0]) == pytest.approx(numbers(here), rel=1e-10, abs=1e-10)  # here `--lanes` may be others
    assert not list(place.glob("*.part"))
