"""What a long-running program relies on: no leak, no meeting of threads, the same bits, and the derived transforms."""

import gc
import threading
import tracemalloc

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")
BACKENDS = available()


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
def test_many_calls_leak_nothing(backend):
    fast = tg.compile(lambda w: tg.tanh(w[0] * w[1]) + w[1] ** 2, backend=backend)
    batched = tg.compile(lambda w, x: (w * x) ** 2, batch="x", backend=backend)
    X = np.arange(20.0)

    def work(n):
        for k in range(n):
            fast.value_and_grad([0.1 * k, 1.0])
            batched.value_and_grad(0.1 * k, X)

    work(50)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    work(400)
    gc.collect()
    grown = sum(s.size_diff for s in tracemalloc.take_snapshot().compare_to(before, "filename"))
    tracemalloc.stop()

    assert grown < 20_000


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_may_call_one_compiled_function(backend):
    fast = tg.compile(lambda w, x: tg.tanh(w[0] * x[0] + w[1] * x[1]), batch="x", backend=backend)
    X = np.random.default_rng(0).normal(size=(50, 2))
    points = [[0.1 * k, 1.0 - 0.05 * k] for k in range(8)]
    expected = [fast.value_and_grad(p, X) for p in points]
    found = [[] for _ in points]

    def work(k):
        for _ in range(30):
            found[k].append(fast.value_and_grad(points[k], X))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(points))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(answer == expected[k] for k in range(len(points)) for answer in found[k])


def test_a_recorded_graph_can_be_replayed():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = tg.tanh(a * b) + a**2
    fast = tg.replay(loss)
    loss.backward()
    expected = (a.grad, b.grad)
    a.grad = b.grad = 0.0

    assert fast() == pytest.approx(loss.data, rel=1e-15)
    assert fast.backward() == pytest.approx(loss.data, rel=1e-15)
    assert (a.grad, b.grad) == pytest.approx(expected, rel=1e-14)
    a.data = 0.5
    assert fast() == pytest.approx((tg.tanh(a * b) + a**2).data, rel=1e-15)


def test_jacobian_jvp_and_hvp_are_those_of_the_formulas():
    fast = tg.compile(lambda x: [x[0] * x[1], tg.exp(x[0]), x[1] ** 3])
    assert np.allclose(fast.jacobian([1.0, 2.0]), [[2.0, 1.0], [np.e, 0.0], [0.0, 12.0]], rtol=1e-14)
    assert fast.jvp([1.0, 2.0], [1.0, -1.0])[1] == pytest.approx([1.0, np.e, -12.0])

    curved = tg.compile(lambda x: x[0] ** 3 * x[1] + tg.exp(x[1]))
    x, v = [1.5, 0.5], [2.0, -1.0]
    hessian = np.array([[6 * x[0] * x[1], 3 * x[0] ** 2], [3 * x[0] ** 2, np.exp(x[1])]])
    assert curved.hvp(x, v) == pytest.approx(list(hessian @ v), rel=1e-13)


def test_source_and_report_name_what_was_made(loops_at_once):
    fast = tg.compile(lambda w, x: tg.tanh(w[0] * x + w[1]), batch="x")
    fast.grad([0.5, 0.1], [1.0, 2.0, 3.0] * 5)

    assert "tanh" in fast.source("tape")
    assert "def sample(inputs):" in fast.source("python")
    if "llvm" in BACKENDS:
        assert "define void @entry" in fast.source("llvm")
        assert "machine code through LLVM" in fast.report()
    with pytest.raises(tg.errors.OperandError, match="'fortran' was asked for"):
        fast.source("fortran")


def test_prepared_calls_read_and_write_in_place():
    step = tg.compile(lambda w, x: (w[0] * x - w[1]) ** 2, batch="x").prepare([1.0, 0.0], [1.0, 2.0])
    step()
    assert step.loss == 2.5
    step.parameters[1] = 1.0
    step()
    assert (step.loss, step.gradient.tolist()) == (0.5, [2.0, -1.0])


@pytest.mark.usefixtures("loops_at_once")
def test_a_graph_too_large_to_build_twice_is_checked_by_a_measured_slope(monkeypatch):
    from tinygrad_lite.compiler import CompileWarning, compiled
    from tinygrad_lite.compiler.passes import adjoint

    monkeypatch.setattr(compiled, "LONGEST", 3)
    f = lambda x: tg.tanh(x[0] * x[1]) + x[1] ** 3 - tg.exp(-x[0])  # noqa: E731
    assert tg.compile(f).grad([0.5, 1.5]) == pytest.approx(tg.grad(f)([0.5, 1.5]), rel=1e-13)

    monkeypatch.setenv("TINYGRAD_LITE_CACHE", "off")  # the honest code is on the disk
    honest = adjoint._times
    monkeypatch.setattr(adjoint, "_times", lambda tape, c, s: honest(tape, honest(tape, c, s), tape.constant(1.01)))
    with pytest.warns(CompileWarning, match="is measured"):
        slopes = tg.compile(f).grad([0.5, 1.5])
    assert slopes == pytest.approx(tg.grad(f)([0.5, 1.5]), rel=1e-13)


def test_a_compiled_function_keeps_the_name_and_words_of_its_function():
    @tg.compile(argnums=1)
    def power(x, n):
        """x to the n."""
        return x**n

    assert repr(power) == "<compiled power: no programs so far>"
    assert power.grad(2.0, 3.0) == pytest.approx(8.0 * np.log(2.0), rel=1e-15)
    assert repr(power) == "<compiled power: 1 program so far>"
    assert (power.__name__, power.__doc__, power.__wrapped__(2, 3)) == ("power", "x to the n.", 8)


def test_a_compiled_model_keeps_its_attributes_to_itself():
    model = tg.nn.MLP(2, [3, 1], seed=1)
    fast = tg.compile(model)

    assert fast([1.0, 2.0]) == pytest.approx(model([1.0, 2.0]).data, rel=1e-15)
    assert "layers" in vars(model)
    assert "layers" not in vars(fast)


def test_writing_a_traced_value_into_a_text_does_not_stop_the_trace():
    seen = []
    fast = tg.compile(lambda x: (seen.append(f"{x:.2f} and {x}"), x * x)[1])

    assert fast(3.0) == 9.0
    assert seen[0] == "<traced x> and <traced x>"


def test_an_error_found_while_compiling_names_the_users_line():
    here = f"{__name__.rpartition('.')[2]}.py:"
    with pytest.raises(tg.errors.OperandError, match=rf"returns 0 at {here}"):
        tg.compile(lambda x: None).grad(1.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x", [[np.inf, 2.0], [1e308, 1.0], [np.nan, 1.0], [1.0, -np.inf]])
def test_infinities_of_both_signs_are_the_engines_and_raise_no_warning(backend, x):
    """NumPy warns when infinities, or numbers near them, are added up; whoever looks for them must not add."""

    def f(x):
        return [x[0] * 1.0, -x[0], x[1] * 3.0, -x[1]]

    fast = tg.compile(f, backend=backend)
    first, again = fast(x), fast(x)

    assert repr(first) == repr(again) == repr(f(x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_that_meet_at_the_first_call_make_each_program_once(backend):
    """Functions nobody has called yet: three paths, lists of any length, batches of any number of rows."""

    def branching(x):
        return x * x if x > 0 else tg.exp(x) if x > -3 else tg.sin(x)

    paths = tg.compile(branching, backend=backend)
    lists = tg.compile(lambda w: tg.sum([tg.tanh(x) * k for k, x in enumerate(w, 1)]), backend=backend)
    rows = tg.compile(lambda w, x: tg.tanh(w * x), batch="x", backend=backend)
    start, wrong = threading.Barrier(6), []

    def work(seed):
        rng = np.random.default_rng(seed)
        start.wait()
        for _ in range(25):
            x, w, X = (
                float(rng.uniform(-6, 6)),
                rng.normal(size=rng.integers(1, 5)),
                rng.normal(size=rng.integers(1, 40)),
            )
            slope = 2 * x if x > 0 else np.exp(x) if x > -3 else np.cos(x)
            found = [paths.grad(x), *lists.grad(w.tolist()), rows.grad(0.7, X)]
            expected = [slope, *(np.arange(1, len(w) + 1) / np.cosh(w) ** 2), np.mean(X / np.cosh(0.7 * X) ** 2)]
            if not np.allclose(found, expected, rtol=1e-11, atol=1e-13):
                wrong.append((found, expected))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    made = paths._programs_made()
    assert len(made) == 3
    assert all(len(served.programs) == 1 for served in lists._served.values())
    assert "Not compiled" not in paths.report() + lists.report() + rows.report()


def test_a_compiled_gradient_first_asked_for_inside_no_grad_is_right_and_stays_compiled():
    fast = tg.compile(lambda x: tg.exp(x) * x)
    rows = tg.compile(lambda w, x: tg.exp(w * x), batch="x")
    with tg.no_grad():
        assert fast.grad(1.0) == pytest.approx(2 * np.e, rel=1e-15)
        assert rows.grad(1.0, [1.0, 2.0]) == pytest.approx((np.e + 2 * np.e**2) / 2, rel=1e-15)
        assert (tg.Value(2.0) * 3.0).parents == ()
    assert "1 program so far" in repr(fast)
    assert not fast._refusals()
    assert not rows._refusals()


@pytest.mark.skipif("llvm" not in BACKENDS, reason="needs llvmlite")
@pytest.mark.parametrize("given", [[3.0], 3.0, np.array([3.0])], ids=["list", "number", "array"])
def test_a_prepared_call_refuses_parameters_instead_of_ignoring_them(given):
    step = tg.compile(lambda w: w[0] ** 2).prepare([2.0])

    with pytest.raises(Exception, match="argument"):
        step(given)


@pytest.mark.parametrize(
    ("how", "word"), [({"batch": 1}, "batch names arguments"), ({"argnums": "w"}, "argnums is the place")]
)
def test_arguments_are_named_or_counted(how, word):
    with pytest.raises(OperandError, match=word):
        tg.compile(lambda w, x: w * x, **how)
