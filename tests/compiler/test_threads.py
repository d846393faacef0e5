"""Several threads share a call: the same answers, the same bits, and nobody waits for what never comes."""

import math
import os
import random
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

import tinygrad_lite as tg
from tests.compiler.test_batched import _random_loss
from tinygrad_lite.compiler.backends.llvm import threads
from tinygrad_lite.compiler.runtime import program_cache
from tinygrad_lite.compiler.runtime.program import ALL
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")
pytestmark = pytest.mark.usefixtures("loops_at_once")

RANDOM = np.random.default_rng(3)
W = RANDOM.normal(size=(9, 20)).tolist()
X = RANDOM.normal(size=(3000, 20))
Y = RANDOM.normal(size=3000)


def row(w, x, y):
    """A layer of tanh: a table of slopes is summed with the lanes along its inputs, the others with lanes over rows."""
    h = [tg.tanh(tg.dot(line, x)) for line in w[:-1]]
    return (tg.dot(w[-1][:8], h) - y) ** 2 + tg.exp(w[-1][8]) * tg.sum(h)


@pytest.fixture
def small_shards(monkeypatch):
    """Shards so small that a few hundred rows make many."""
    monkeypatch.setattr(threads, "SHARD", 1)
    monkeypatch.setattr(threads, "HANDED", 0)
    monkeypatch.setattr(threads, "TRIED", 0)
    monkeypatch.setattr(threads, "LONGEST", 0)  # every call but the first is shared


def answer(rows=3000, **how):
    fast = tg.compile(row, batch=("x", "y"), **how)
    value, slopes = fast.value_and_grad(W, X[:rows], Y[:rows])
    assert fast.value_and_grad(W, X[:rows], Y[:rows]) == (value, slopes)  # the first call is done alone
    return np.array([value, *np.ravel(slopes[:-1]), *slopes[-1]])


def shards_of(rows):
    fast = tg.compile(row, batch=("x", "y"))
    return fast.prepare(W, X[:rows], Y[:rows])._buffers.shards


@pytest.mark.few(4)
@pytest.mark.parametrize("rows", [1, 7, 31, 32, 65, 129, 500, 1023, 2999, 3000])
def test_shards_give_what_numpy_gives(rows, small_shards):
    expected = answer(rows, backend="numpy")

    found = answer(rows, threads=3)

    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("seed", range(6))
def test_shards_of_random_losses_give_what_the_engine_gives(seed, small_shards):
    rng = random.Random(seed)
    loss, rows = _random_loss(rng), rng.randrange(100, 300)
    p, data = (
        [rng.uniform(-1.5, 1.5) for _ in range(4)],
        [[rng.uniform(-1.5, 1.5) for _ in range(2)] for _ in range(rows)],
    )
    leaves = [tg.Value(x) for x in p]
    expected = tg.sum([loss(leaves, x) for x in data]) / rows
    expected.backward()
    fast = tg.compile(loss, batch="x", threads=3)
    found = [fast.value_and_grad(p, data) for _ in range(2)]
    slopes = [leaf.grad for leaf in leaves]

    assert found[0] == found[1]
    assert found[1][0] == pytest.approx(expected.data, rel=1e-12)
    assert found[1][1] == pytest.approx(slopes, rel=1e-12, abs=1e-12 * max(map(abs, slopes)))


@pytest.mark.parametrize("lanes", [2, 4])
def test_shards_on_a_processor_with_shorter_vectors(lanes, small_shards, with_lanes):
    expected = answer(777, backend="numpy")
    with_lanes(lanes)
    found = [answer(777, threads=n) for n in (1, 3)]

    assert np.array_equal(*found)
    assert np.abs(found[0] - expected).max() <= 1e-12 * np.abs(expected).max()


def test_a_lost_block_would_be_noticed(small_shards, monkeypatch):
    expected = answer(2999, backend="numpy")
    fast = tg.compile(row, batch=("x", "y"), threads=3)
    fast.value_and_grad(W, X, Y)  # the first result is compared with the engine's
    right = threads.cut

    def wrong(*given, **named):
        shards, each = right(*given, **named)
        return shards - 1, each

    monkeypatch.setattr("tinygrad_lite.compiler.backends.llvm.buffers.cut", wrong)
    value, _ = fast.value_and_grad(W, X[:2999], Y[:2999])

    assert abs(value - expected[0]) > 1e-3 * abs(expected[0])


def test_every_number_of_threads_gives_the_same_bits_run_after_run(small_shards):
    fast = {n: tg.compile(row, batch=("x", "y"), threads=n) for n in (1, 2, 3, 8)}
    first = fast[1].value_and_grad(W, X, Y)

    assert shards_of(3000) > 8
    assert all(f.value_and_grad(W, X, Y) == first for _ in range(100) for f in fast.values())


def test_the_cut_loses_no_block_and_has_no_empty_shard():
    for operations in (0, 10**6, 10**7, 3 * 10**7, 10**9):
        for blocks in (*range(70), 1000, 4097):
            shards, each = threads.cut(operations, blocks, 100)

            assert shards * each >= blocks
            assert (shards - 1) * each < max(blocks, 1)
            assert 1 <= shards <= threads.MOST


def test_small_calls_are_not_shared():
    assert shards_of(100) == 1
    assert threads.cut(threads.SHARD, blocks=1000, sums=1)[0] == 1
    assert threads.cut(20 * threads.SHARD, blocks=1, sums=1)[0] == 1


def test_a_program_found_in_a_loop_over_samples_is_shared_too(small_shards):
    data = X[:400, :5].tolist()

    def loss(w):
        total = 0.0
        for x, y in zip(data, Y.tolist(), strict=False):
            total = total + (tg.tanh(tg.dot(w, x)) - y) ** 2
        return total / len(data)

    found = {n: tg.compile(loss, threads=n) for n in (1, 4)}
    values = {n: [f.value_and_grad(W[0][:5]) for _ in range(3)][-1] for n, f in found.items()}
    expected = tg.compile(loss, backend="numpy").value_and_grad(W[0][:5])

    assert values[1] == values[4]
    assert values[4][0] == pytest.approx(expected[0], rel=1e-12)
    assert values[4][1] == pytest.approx(expected[1], rel=1e-12, abs=1e-14)
    assert "shards of samples, done by up to 4 threads." in found[4].report()


def test_what_comes_from_the_disk_is_shared_too(small_shards, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    first = answer(threads=3)
    shared = []
    right = threads.Team._shared
    monkeypatch.setattr(threads.Team, "_shared", lambda *given: (shared.append(given), right(*given)))
    fast = tg.compile(row, batch=("x", "y"), threads=3)
    fast.value_and_grad(W, X, Y)
    value, slopes = fast.value_and_grad(W, X, Y)
    (code,) = fast._programs_made()

    assert isinstance(code.runners[code.inputs(ALL)], program_cache.CachedRunner)
    assert [helpers for _, _, helpers in shared] == [2]
    assert np.array_equal(first, [value, *np.ravel(slopes[:-1]), *slopes[-1]])


def test_threads_of_the_user_may_call_one_function(small_shards):
    fast = tg.compile(row, batch=("x", "y"), threads=3)
    scales = [0.5, 1.0, 1.5, 2.0]
    weights = [[[scale * w for w in line] for line in W] for scale in scales]
    expected = [fast.value_and_grad(w, X, Y) for w in weights]
    wrong = []

    def work(k):
        for _ in range(25):
            if fast.value_and_grad(weights[k], X, Y) != expected[k]:
                wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(len(scales))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert wrong == []


def test_the_prepared_call_is_shared_and_reads_its_parameters_anew(small_shards):
    fast = tg.compile(row, batch=("x", "y"), threads=2)
    ready = fast.prepare(W, X, Y)
    ready()
    ready.parameters *= 0.5
    ready()

    assert ready.loss == fast([[0.5 * w for w in line] for line in W], X, Y)


def test_a_result_that_is_not_finite_is_the_engines_error(small_shards):
    fast = tg.compile(lambda w, x: tg.log(w * x), batch="x", threads=3)
    x = np.linspace(1.0, 2.0, 600)
    assert fast(1.0, x) > 0.0
    x[300] = -1.0

    with pytest.raises(ValueError, match="log needs x > 0"):
        fast(1.0, x)


# ------------------------------------------------------------------ training


def training(n, rows=600):
    model = tg.nn.MLP(20, [8, 1], activation="tanh", seed=4)
    step = tg.nn.compile_step(model, tg.nn.mse, tg.nn.Adam(model, lr=0.01), threads=n)
    return step, X[:rows], Y[:rows]


def parameters(step):
    return [p.data for p in step.model.parameters()]


def test_steps_on_a_large_batch_are_shared_and_move_the_parameters_by_the_same_bits(small_shards, monkeypatch):
    shared = []
    right = threads.Team.run
    monkeypatch.setattr(threads.Team, "run", lambda *given: (shared.append(given), right(*given)))
    found = {}
    for n in (1, 3):
        step, rows, targets = training(n)
        losses = [step(rows, targets)]
        shared.clear()  # the first step compares the code with the engine, on rows whose number depends on the lanes
        losses += [step(rows, targets) for _ in range(2)]
        losses += step.run(rows, targets, epochs=4)
        losses += step.run(rows, targets, epochs=2, batch_size=256, shuffle_seed=1)
        found[n] = losses, parameters(step)

    assert found[1] == found[3]
    assert len(shared) == 2 + 4 + 2 * 3
    assert all(given[2] == 3 for given in shared)


def test_an_interrupted_step_has_not_happened(small_shards, monkeypatch):
    step, rows, targets = training(2)
    step.run(rows, targets, epochs=2)
    before = parameters(step)
    expected = step.run(rows, targets, epochs=3)
    again, *_ = training(2)
    again.run(rows, targets, epochs=2)
    calls = []
    right = threads.Team.run

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        right(*given)

    monkeypatch.setattr(threads.Team, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        again.run(rows, targets, epochs=5)
    with monkeypatch.context() as patch:
        patch.setattr(threads.Team, "run", right)
        after = parameters(again)

    assert before != after == parameters(step)
    assert again.optimizer.steps == 5
    assert again.losses.tolist()[-3:] == expected


# ------------------------------------------------------------------ who does the work


class Stub:
    """In the place of a module and of buffers: what is called, and by which thread."""

    pointer, shards, alone = 7, 4, 1.0

    def __init__(self, share=lambda: None):
        self.calls = []
        self.both = threading.Lock()
        self._share = share

    def function(self, name, pointers=1):
        def call(*given):
            with self.both:
                self.calls.append((name, given, threading.current_thread().name))
            if name == "share":
                self._share()

        return call

    def call(self, pointer):
        self.calls.append(("entry", (pointer,), ""))

    def workspace(self, k):
        return 100 + k


def together(stub):
    """A team that has done with its trials."""
    team = threads.Team(stub)
    team._left = 0
    return team


def test_caller_and_helper_are_at_work_at_once():
    meeting = threading.Barrier(2)
    stub = Stub(lambda: meeting.wait(timeout=60))
    together(stub).run(stub, 2)
    names = [name for name, *_ in stub.calls]

    assert names == ["begin", "share", "share", "finish"]
    assert {given for name, given, _ in stub.calls if name == "share"} == {(7, 100), (7, 101)}
    assert len({thread for name, _, thread in stub.calls if name == "share"}) == 2


def test_no_more_threads_than_shards_or_than_were_asked_for():
    stub = Stub()
    for asked in (2, 3, 9):
        together(stub).run(stub, asked)

    assert max(given[1] for name, given, _ in stub.calls if name == "share") <= 103
    assert sum(name == "finish" for name, *_ in stub.calls) == 3


def test_a_helper_that_comes_late_does_nothing():
    stub = Stub()
    task = Future()
    threads._settle([task])
    threads._settle([task])
    threads._help(task, stub.function("share"), 7, 101)

    assert stub.calls == []


def test_the_caller_waits_for_a_helper_that_has_begun():
    gone, begun = threading.Event(), threading.Event()

    def share():
        begun.set()
        gone.wait(60)

    stub = Stub(share)
    task = Future()
    helper = threading.Thread(target=threads._help, args=(task, stub.function("share"), 7, 101))
    helper.start()
    begun.wait(60)
    threading.Timer(0.05, gone.set).start()
    threads._settle([task])

    assert gone.is_set()
    helper.join()


def test_after_a_call_that_was_not_faster_some_are_done_alone():
    stub = Stub()
    team, lengths = threads.Team(stub), []
    for seconds in [1.5] * 8 + [0.6] * 7 + [1.0]:
        team._left = 0
        team._learn(stub, False, seconds)
        lengths.append(team._left)
    stub.alone = math.inf
    team = threads.Team(stub)
    for _ in range(threads.TRIED):
        team.run(stub, 2)

    assert lengths == [1, 3, 7, 15, 31, 63, 63, 63, 0, 0, 0, 0, 0, 0, 0, 1]
    assert [name for name, *_ in stub.calls] == ["entry"] * threads.TRIED
    assert stub.alone < math.inf


def test_an_interrupt_is_heard_after_the_helpers_are_done(monkeypatch):
    settled = []
    right = Future.cancel

    def interrupted(task):
        if not settled:
            settled.append("interrupted")
            raise KeyboardInterrupt
        settled.append(right(task) or task)
        return settled[-1] is True

    monkeypatch.setattr(Future, "cancel", interrupted)
    stub = Stub()
    with pytest.raises(KeyboardInterrupt):
        together(stub).run(stub, 3)

    assert settled[0] == "interrupted"
    assert len(settled) == 3
    assert all(task is True or task.done() for task in settled[1:])
    assert "finish" not in [name for name, *_ in stub.calls]


def test_where_no_thread_can_be_made_the_caller_does_it_all(small_shards, monkeypatch):
    expected = answer(threads=1)
    monkeypatch.setattr(threads, "_crew", lambda *_: ThreadPoolExecutor(4))

    def refused(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)

    assert np.array_equal(answer(threads=4), expected)


# ------------------------------------------------------------------ what the user says


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "2"])
def test_a_bad_number_of_threads_is_refused_at_once(bad):
    with pytest.raises(OperandError, match="threads is a whole number from 1 on"):
        tg.compile(row, batch=("x", "y"), threads=bad)


@pytest.mark.parametrize("bad", ["0", "many", "-2", "1.5"])
def test_a_bad_environment_is_refused_at_once(bad, monkeypatch):
    monkeypatch.setenv(threads.VARIABLE, bad)

    with pytest.raises(OperandError, match="TINYGRAD_LITE_THREADS is a whole number"):
        tg.compile(row)


def test_the_argument_counts_before_the_environment_and_that_before_the_cores(monkeypatch):
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    cores = threads.allowed(None)
    monkeypatch.setenv(threads.VARIABLE, "5")

    assert 1 <= cores <= os.cpu_count()
    assert threads.allowed(None) == 5
    assert threads.allowed(2) == 2


def test_a_decorator_passes_the_number_on():
    @tg.compile(batch="x", threads=3)
    def loss(w, x):
        return w * x

    assert loss.settings.threads == 3


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_with_one_thread_no_other_is_asked(how, small_shards, monkeypatch):
    def never(*_):
        raise AssertionError("a helper was asked")

    monkeypatch.setattr(threads.Team, "run", never)
    if how == "environment":
        monkeypatch.setenv(threads.VARIABLE, "1")

    assert len(answer(threads=1 if how == "argument" else None)) > 1


def test_the_report_says_how_a_call_is_shared(small_shards, monkeypatch):
    fast = tg.compile(row, batch=("x", "y"), threads=2)
    fast.value_and_grad(W, X, Y)
    shared = fast.report()
    monkeypatch.setattr(threads, "SHARD", 10**9)

    assert "16 shards of samples, done by up to 2 threads." in shared
    assert "one thread: the work is too little to be shared." in fast.report()


# ------------------------------------------------------------------ the life of a process

LIFE = """
import os, sys, threading
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite.compiler.backends.llvm import threads

assert threading.active_count() == 1, "importing made a thread"
fast = tg.compile(lambda w, x: tg.tanh(tg.dot(w, x)), batch="x", threads=2, backend="llvm")
X, W = np.linspace(-1.0, 1.0, 4000).reshape(1000, 4), [0.1, 0.2, 0.3, 0.4]
fast.grad(W, X)
assert threading.active_count() == 1, "a small call made a thread"
threads.SHARD, threads.HANDED, threads.TRIED, threads.LONGEST = 1, 0, 0, 0
again = tg.compile(lambda w, x: tg.tanh(tg.dot(w, x)), batch="x", threads=2, backend="llvm")
first = again.value_and_grad(W, X)
assert all(again.value_and_grad(W, X) == first for _ in range(5))
assert threading.active_count() == 2
"""


def life(more):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIFE + more], capture_output=True, text=True, timeout=120
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_helpers_are_made_when_they_are_needed_and_do_not_keep_the_interpreter_alive():
    assert life("print('done')") == (0, "done\n", "")


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_made_by_fork_has_helpers_of_its_own():
    more = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads in a process that forks
child = os.fork()
if child == 0:
    right = threading.active_count() == 1
    for _ in range(5):
        right = right and again.value_and_grad(W, X) == first
    right = right and threading.active_count() == 2
    os._exit(0 if right else 3)
print(os.waitpid(child, 0)[1], again.value_and_grad(W, X) == first)
"""
    assert life(more) == (0, "0 True\n", "")


@pytest.mark.long
def test_a_call_at_the_very_end_of_the_interpreter_works():
    more = "import atexit\nthreads._crew.cache_clear()\n"
    more += "atexit.register(lambda: print(again.value_and_grad(W, X) == first))"

    assert life(more) == (0, "True\n", "")
