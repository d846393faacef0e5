"""The NumPy back end: its calls compute what the plan says, whatever the plan, and can be read."""

import random
import threading
import time
import warnings

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.compiler.plans import interpreted
from tinygrad_lite.compiler import CompileWarning, compiled
from tinygrad_lite.compiler.backends import choice
from tinygrad_lite.compiler.backends.numpy import runner as numpy_backend
from tinygrad_lite.compiler.backends.numpy.calls import Calls
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction
from tinygrad_lite.compiler.passes import widening
from tinygrad_lite.compiler.runtime import fallback
from tinygrad_lite.compiler.runtime.program import Program

PARAMETERS, COLUMNS, OUT = 60, 6, 40


# ------------------------------------------------------------------ random plans


def some_access(rng, sizes, dims, terms, tables):
    """A random access: a constant, or an affine index, or a table, into an array that is large enough."""
    if rng.random() < 0.1:
        return Access("K", literal=rng.choice([0.0, 1.0, -1.0, 0.5]))
    array = rng.choice(list(sizes))
    size = sizes[array]
    lengths = [*dims, terms]
    if tables or rng.random() < 0.15:
        n = int(np.prod(lengths))
        return Access(array, table=np.array([rng.randrange(size) for _ in range(n)], dtype=np.int32))
    steps = [rng.choice([0, 1, 1, 2, n, -1]) for n in [*dims[1:], terms, 3]]
    steps = [step if n > 1 else 0 for step, n in zip(steps, lengths, strict=True)]
    low = sum(min(0, step * (n - 1)) for step, n in zip(steps, lengths, strict=True))
    high = sum(max(0, step * (n - 1)) for step, n in zip(steps, lengths, strict=True))
    if high - low >= size:
        steps, low, high = [0] * len(steps), 0, 0
    return Access(array, rng.randrange(-low, size - high), tuple(steps[:-1]), steps[-1])


SHAPES = [
    ("leaf", 0),
    ("mul", ("leaf", 0), ("leaf", 1)),
    ("mul", ("leaf", 0), ("mul", ("leaf", 1), ("leaf", 2))),
    ("mul", ("mul", ("leaf", 0), ("leaf", 1)), ("neg", ("leaf", 1))),
    ("select", ("less", ("leaf", 0), ("leaf", 1)), ("leaf", 2), ("leaf", 0)),
    ("select", ("less", ("leaf", 0), ("leaf", 1)), ("mul", ("leaf", 2), ("leaf", 0)), ("leaf", 3)),
    ("mul", ("leaf", 0), ("select", ("less", ("leaf", 1), ("leaf", 2)), ("leaf", 3), ("leaf", 3))),
    ("add", ("mul", ("leaf", 0), ("leaf", 1)), ("mul", ("leaf", 2), ("leaf", 2))),
    ("tanh", ("sub", ("leaf", 0), ("mul", ("leaf", 1), ("tanh", ("sub", ("leaf", 0), ("leaf", 2)))))),
    ("max", ("leaf", 0), ("relu", ("leaf", 1))),
    ("mul", ("exp", ("sub", ("leaf", 0), ("leaf", 1))), ("less", ("leaf", 0), ("leaf", 2))),
    ("max", ("leaf", 0), ("max", ("leaf", 1), ("max", ("leaf", 2), ("leaf", 3)))),
]


def some_run(rng, sizes, dims, ragged):
    """A random run; that of a ragged sum has tables alone."""
    expression = rng.choice(SHAPES)
    terms = rng.choice([1, 1, 2, 3, 5])
    starts = None
    members = int(np.prod(dims))
    if ragged:
        starts = np.concatenate([[0], np.cumsum([rng.randrange(1, 4) for _ in range(members)])]).astype(np.int32)
        accesses = [some_access(rng, sizes, (int(starts[-1]),), 1, True) for _ in range(4)]
        return Reduction(rng.choice([1, -1]), expression, 0, accesses, starts)
    accesses = [some_access(rng, sizes, dims, terms, False) for _ in range(4)]
    if rng.random() < 0.2:  # neighbours, as the operands of a long maximum are
        one = some_access(rng, {"P": PARAMETERS - 4}, dims, terms, False)
        if one.literal is None and one.table is None:
            accesses = [Access("P", one.base + k, one.strides, one.term_stride) for k in range(4)]
    return Reduction(rng.choice([1, 1, -1]), expression, terms, accesses)


def random_plan(seed, rows):
    """A plan of random groups, each of which may read what those before it made."""
    rng = random.Random(seed)
    sizes = {"P": PARAMETERS} | ({"X": COLUMNS} if rows else {"G": PARAMETERS})
    groups, made = [], {}
    for k in range(rng.randrange(1, 6)):
        dims = rng.choice([(1,), (3,), (4,), (6,), (2, 3), (3, 2), (2, 2, 2)])
        runs = [some_run(rng, sizes, dims, rng.random() < 0.15) for _ in range(rng.choice([1, 1, 2, 3]))]
        strides = tuple(int(np.prod(dims[d + 1 :])) for d in range(len(dims)))
        groups.append(LoopNest(f"A{k}", dims, runs, Access(f"A{k}", 0, strides)))
        made[f"A{k}"] = sizes[f"A{k}"] = int(np.prod(dims))
    free = list(range(OUT))
    for _ in range(rng.randrange(1, 4)):
        dims = rng.choice([(1,), (3,), (2, 3), (4,)])
        n = int(np.prod(dims))
        first = rng.choice(free[: len(free) - n])
        places = [first + i for i in range(n)]
        if not set(places) <= set(free) or rng.random() < 0.3:
            places = rng.sample(free, n)
            target = Access("out", table=np.array(places, dtype=np.int32))
        else:
            target = Access("out", first, tuple(int(np.prod(dims[d + 1 :])) for d in range(len(dims))))
        free = [place for place in free if place not in places]
        runs = [some_run(rng, sizes, dims, rng.random() < 0.15) for _ in range(rng.choice([1, 1, 2]))]
        groups.append(LoopNest("out", dims, runs, target))
    return Plan(groups, made, [], {"X", *made} if rows else set(), 0)


def answers(plan, rows, swapped=None):
    """`out` by the interpreter and by the calls, on random numbers."""
    rng = np.random.default_rng(len(plan.nests))
    p = np.concatenate([rng.uniform(-1.2, 1.2, PARAMETERS), [0.0]])
    x = np.c_[rng.uniform(-1.2, 1.2, (max(rows, 1), COLUMNS - 1)), np.ones(max(rows, 1))]
    given = {"P": p, "X": x, "G": rng.uniform(-1.2, 1.2, PARAMETERS), "N": np.array([float(rows)])}
    expected = interpreted(plan, given | {"out": np.zeros(OUT)}, rows or None)["out"]
    out = np.zeros(OUT)
    arrays = given | {"K": np.array(plan.constants), "X": np.ascontiguousarray(x.T), "out": out}
    made = Calls(plan, arrays, rows, {})
    made.calls = [((swapped or {}).get(call, call), *given) for call, *given in made.calls]
    run = made.run()
    run()
    run()  # a second run finds nothing changed
    return out, expected


@pytest.mark.parametrize("rows", [0, 1, 7])
@pytest.mark.parametrize("seed", range(60))
def test_the_calls_compute_what_the_plan_says(seed, rows):
    out, expected = answers(random_plan(seed, rows), rows)

    assert out == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("right", "wrong"), [(np.subtract, np.add), (np.dot, lambda a, b, c: np.dot(2.0 * a, b, c)), (np.add, np.subtract)]
)
def test_the_comparison_notices_a_wrong_call(right, wrong):
    noticed = False
    for seed in range(60):
        out, expected = answers(random_plan(seed, 7), 7, {right: wrong})
        noticed = noticed or out != pytest.approx(expected, rel=1e-12, abs=1e-12)

    assert noticed


# ------------------------------------------------------------------ what the text says


def network(p, x, y):
    """4 inputs, 8 tanh neurons, 3 outputs; cross-entropy."""
    h = [tg.tanh(tg.dot(p[4 * j : 4 * j + 4], x) + p[32 + j]) for j in range(8)]
    z = [tg.dot(p[40 + 8 * k : 48 + 8 * k], h) + p[64 + k] for k in range(3)]
    return tg.logsumexp(z) - z[y]


def batch(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, 67), rng.uniform(-1, 1, (rows, 4)), rng.integers(0, 3, rows)


def code(f, backend="numpy"):
    fast = tg.compile(f, batch=("x", "y"), backend=backend)
    fast.value_and_grad(*batch(20))
    return fast


def written(fast):
    """The plan for samples in the text."""
    return fast.source("numpy").split("# samples\n")[1].split("\n# epilogue")[0].splitlines()


def lines(fast):
    """The calls of the plan for samples: what each begins with is the function."""
    return [line.split(" = ")[-1] for line in written(fast)]


def test_a_layer_is_one_product_and_so_is_its_gradient():
    said = written(code(network))
    run = lines(code(network))

    first = next(i for i, line in enumerate(said) if line.startswith("# for i0 < 8"))
    assert [line.split("(")[0] for line in run[first + 1 : first + 3]] == ["dot", "add"]
    for_weights = [
        i for i, line in enumerate(said) if line.startswith("# for i0") and ": out[" in line and "* A" in line
    ]
    assert for_weights
    assert all(run[i + 1].startswith("dot(") for i in for_weights)
    assert not any("einsum(" in line for line in run)


def test_each_loop_nest_of_the_plan_stands_above_its_calls():
    fast = code(network)

    nests = fast.source("plan").splitlines()
    source = fast.source("numpy")
    assert all(f"# {line}" in source for line in nests if line)


def test_what_a_loop_nest_needs_twice_is_computed_once():
    def hinge(p, x, y):
        return (1.0 - y * tg.dot(p[:4], x)).relu()

    assert sum(line.startswith("subtract(") for line in lines(code(hinge))) == 1


# ------------------------------------------------------------------ rows in blocks, buffers, settings


@pytest.mark.parametrize("rows", [1, 127, 128, 129, 400, 1111])
def test_rows_in_blocks_give_what_rows_one_by_one_give(rows, monkeypatch):
    monkeypatch.setattr(numpy_backend, "CACHE", 1)  # blocks of the least size
    p, x, y = batch(rows)

    value, slopes = code(network).value_and_grad(p, x, y)

    assert len(numpy_backend.blocks(rows, 1000)) == -(-rows // numpy_backend.FEWEST)
    expected, along = code(network, "tape").value_and_grad(p, x, y)
    assert value == pytest.approx(expected, rel=1e-13)
    assert slopes == pytest.approx(along, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("rows", "size"), [(1, 8), (1000, 8), (1797, 2000), (100_000, 5000), (65, 1 << 30)])
def test_blocks_cover_all_rows_once(rows, size):
    stops = numpy_backend.blocks(rows, size)

    lengths = np.diff([0, *stops])
    assert stops[-1] == rows
    assert (lengths > 0).all()
    assert len(set(lengths[:-1])) <= 1  # all but the last are as long, so that they share their arrays


def test_calls_on_batches_of_changing_size_do_not_disturb_each_other():
    fast, plain = code(network), code(network, "tape")
    sizes = [3, 70, 3, 1, 70, 12, 3]

    found = [fast(*batch(rows, k)) for k, rows in enumerate(sizes)]

    assert found == pytest.approx([plain(*batch(rows, k)) for k, rows in enumerate(sizes)], rel=1e-13)


def test_threads_share_a_function():
    fast = code(network)
    expected = [fast(*batch(40, k)) for k in range(4)]
    found = [[] for _ in range(4)]

    def work(k):
        found[k] += [fast(*batch(40, k)) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[x] * 50 for x in expected]


def test_a_branch_that_is_not_taken_may_be_infinite():
    def row(p, x):
        return tg.log(x) * p[0] if x > 0.0 else p[1] * x

    fast = tg.compile(row, batch="x", backend="numpy")
    x = np.array([-1.0, 0.0, 2.0, 0.5])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = fast([0.3, 0.7], x)

    assert value == pytest.approx((0.3 * (np.log(2.0) + np.log(0.5)) + 0.7 * -1.0) / 4, rel=1e-14)


def test_a_call_neither_heeds_nor_changes_what_numpy_does_about_errors():
    step = tg.compile(lambda w: tg.exp(w[0] * 1000.0) * 0.0 + w[1], backend="numpy").prepare([0.1, 2.0])

    with np.errstate(all="raise"):
        before = np.geterr()
        step.parameters[0] = 1e9  # exp overflows
        step()
        after = np.geterr()

    assert before == after
    assert not np.isfinite(step.loss)


def test_a_prepared_call_reads_its_parameters_anew():
    p, x, y = batch(30)
    fast = code(network)
    step = fast.prepare(p, x, y)

    step.parameters[:] = p / 2
    step()

    value, slopes = fast.value_and_grad(p / 2, x, y)
    assert step.loss == value
    assert step.gradient.tolist() == slopes.tolist()


# ------------------------------------------------------------------ when to leave it


@pytest.fixture
def without_llvm(monkeypatch):
    monkeypatch.setattr(choice, "available", lambda: ["numpy", "tape"])


def test_a_formula_of_single_numbers_is_left_to_plain_python(without_llvm):
    fast = tg.compile(lambda x: tg.tanh(x * x + 1.0) * x)

    assert fast(0.5) == pytest.approx(float(np.tanh(1.25)) * 0.5, rel=1e-15)
    assert "plain Python" in fast.report()
    assert "so few numbers alike" in fast.report()


@pytest.mark.parametrize("there", [["numpy", "tape"], ["tape"]])
@pytest.mark.parametrize("engine_first", [True, False])
def test_a_call_that_the_engine_answers_sooner_is_left_to_it(monkeypatch, there, engine_first):
    tried, runs, run = [], [], Program.run
    monkeypatch.setattr(choice, "available", lambda: there)
    monkeypatch.setattr(compiled, "sooner", lambda one, other: tried.append((one(), other())) or engine_first)
    fast = tg.compile(lambda x: x * x + 1.0)
    assert fast.value_and_grad(3.0) == (10.0, 6.0)
    assert len(tried) == 1
    monkeypatch.setattr(Program, "run", lambda self, *args, **how: runs.append(self) or run(self, *args, **how))

    assert (fast.value_and_grad(2.0), fast.grad(1.0)) == ((5.0, 4.0), 2.0)
    assert len(runs) == (0 if engine_first else 2)
    assert ("Not compiled: without llvmlite the engine itself is faster" in fast.report()) == engine_first


def test_the_shorter_of_two_ways_is_the_sooner():
    assert fallback.sooner(lambda: None, lambda: time.sleep(0.002))
    assert not fallback.sooner(lambda: time.sleep(0.002), lambda: None)


def test_one_warning_says_what_to_install(without_llvm):
    fallback.without_llvm.cache_clear()
    both = [tg.compile(lambda x: x * x), tg.compile(lambda x: x + x)]
    with pytest.warns(CompileWarning, match=r"calls of NumPy or plain Python here, or the engine") as said:
        assert [fast.grad(0.5) for fast in both] == [1.0, 2.0]

    assert 'pip install "tinygrad-lite[compile]"' in str(said[0].message)
    assert len(said) == 1
    assert said[0].filename == __file__


def test_rows_are_numpys_however_small_the_formula(without_llvm):
    fast = tg.compile(lambda p, x: (p[0] * x - p[1]) ** 2, batch="x")

    fast.value_and_grad([1.0, 2.0], list(map(float, range(200))))

    assert "NumPy calls" in fast.report()


def test_asked_for_by_name_it_runs_anything():
    fast = tg.compile(lambda x: tg.tanh(x * x + 1.0) * x, backend="numpy")

    t = float(np.tanh(1.25))
    assert fast.value_and_grad(0.5) == pytest.approx((0.5 * t, t + 0.5 * (1.0 - t * t)), rel=1e-14)
    assert "NumPy calls" in fast.report()


# ------------------------------------------------------------------ sums over neighbours


@pytest.mark.parametrize("chunk", [7, 10, 1000])
@pytest.mark.parametrize("reach", [1, 2, 3])
def test_slopes_along_neighbours_are_added_up_stretch_by_stretch(chunk, reach, monkeypatch):
    monkeypatch.setattr(widening, "CHUNK", chunk)

    def f(p):
        total = 0.0
        for i in range(len(p) - reach):
            total = total + tg.tanh(p[i] * p[i + reach]) * (p[i + 1] - p[i]) ** 2 + 3.0 * p[i]
        return total

    p = np.random.default_rng(reach).uniform(-1, 1, 50)
    fast = tg.compile(f, backend="numpy")

    value, slopes = fast.value_and_grad(p)

    expected, along = tg.compile(f, backend="tape").value_and_grad(p)
    assert value == pytest.approx(expected, rel=1e-13)
    assert slopes == pytest.approx(along, rel=1e-12, abs=1e-14)
