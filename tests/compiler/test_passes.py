"""Each pass of the compiler, alone: what goes in and what comes out."""

import gc
import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite import compiler
from tinygrad_lite.compiler.backends.llvm import periodic
from tinygrad_lite.compiler.frontend.paths import explore
from tinygrad_lite.compiler.frontend.trace import Trace
from tinygrad_lite.compiler.ir.tape import LESS, SELECT, Builder, Tape
from tinygrad_lite.compiler.passes import adjoint
from tinygrad_lite.compiler.passes import reroll as reroll_module
from tinygrad_lite.compiler.passes.adjoint import template
from tinygrad_lite.compiler.passes.affine import nested
from tinygrad_lite.compiler.passes.pipeline import differentiated
from tinygrad_lite.compiler.passes.reroll import reroll
from tinygrad_lite.compiler.passes.samples import SampleProgram, mean
from tinygrad_lite.compiler.runtime.gc_pause import gc_paused
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE

np = pytest.importorskip("numpy")


def inputs(tape, n, name="x"):
    return [tape.input(f"{name}{i}") for i in range(n)]


# ------------------------------------------------------------------ tape


def test_the_builder_folds_and_drops_what_changes_nothing():
    b = Builder()
    x, one, zero = b.input("x"), b.constant(1.0), b.constant(0.0)

    assert b.node(ops.add, (x, zero)) == b.node(ops.mul, (one, x)) == b.node(ops.div, (x, one)) == x
    assert b.number(b.node(ops.exp, (zero,))) == 1.0
    assert b.node(ops.neg, (b.node(ops.neg, (x,)),)) == x
    assert len([op for op in b.op if op is not ops.neg]) == 0


def test_constants_of_a_product_meet_on_the_outside():
    b = Builder()
    x, y = inputs(b, 2)
    half = b.node(ops.mul, (b.constant(0.5), y))
    b.outputs = [b.node(ops.mul, (b.constant(2.0), b.node(ops.mul, (x, half))))]

    assert b.run([3.0, 5.0]) == [15.0]
    assert b.op[b.outputs[0]] is ops.mul
    assert b.args[b.outputs[0]] == (x, y)


@pytest.mark.parametrize("n", [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 7.0, 32.0])
def test_whole_and_half_powers_become_products_and_roots(n):
    b = Builder()
    b.outputs = [b.node(ops.pow, (b.input("x"), b.constant(n)))]

    assert ops.pow not in b.op
    assert b.run([1.7]) == pytest.approx([1.7**n], rel=1e-14)


def test_plus_and_minus_zero_are_different_constants():
    t = Tape()

    assert t.constant(0.0) == t.constant(0.0) != t.constant(-0.0)
    assert math.copysign(1.0, t.number(t.constant(-0.0))) == -1.0


# ------------------------------------------------------------------ trace by paths


def test_exploring_joins_all_paths_by_selects():
    tape = Builder()
    trace = Trace(tape)
    x = trace.input("x")

    def run():
        return [(x * x if x > 1 else -x if x < -1 else x + 2).ref]

    tape.outputs = explore(trace, run)
    for point in (-3.0, -1.0, 0.0, 1.0, 4.0):
        expected = point * point if point > 1 else -point if point < -1 else point + 2
        assert tape.run([point]) == [expected]


SMOOTH = [op for op in TABLE.values() if op.arity in (1, 2) and op.kink is None]


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
def test_the_template_of_a_row_gives_the_rows_own_slopes(op):
    tape = template(op, (None,) * op.arity)
    assert tape is not None
    samples = [op.domain[min(i, len(op.domain) - 1)].samples[-2] for i in range(op.arity)]
    out = op.forward(*samples)

    assert tape.run([*samples, out]) == pytest.approx(list(op.partials(*samples, out)), rel=1e-12)


# ------------------------------------------------------------------ adjoint


def test_nothing_is_written_for_what_no_slope_is_wanted_of():
    t = Builder()
    w, x = inputs(t, 2)
    t.outputs = [t.node(ops.tanh, (t.node(ops.mul, (w, t.node(ops.exp, (x,)))),))]
    along_w = len(adjoint.gradient(adjoint.tidied(t), [-1]))

    assert along_w < len(adjoint.gradient(adjoint.tidied(t), [-1, -2]))


def test_a_select_hands_the_cotangent_to_one_side_without_a_product():
    t = Builder()
    x = t.input("x")
    zero = t.constant(0.0)
    t.outputs = [t.node(SELECT, (t.node(LESS, (x, zero)), t.node(ops.exp, (x,)), t.node(ops.mul, (x, x))))]
    made = adjoint.gradient(t, [x])

    assert made.run([-1.0])[1] == pytest.approx(math.exp(-1.0))
    assert made.run([3.0])[1] == 6.0


# ------------------------------------------------------------------ reroll


def test_a_layer_becomes_a_loop_over_neurons_around_one_over_inputs():
    b = Builder()
    ws, xs, bs = inputs(b, 12, "w"), inputs(b, 4), inputs(b, 3, "b")
    for j in range(3):
        total = bs[j]
        for i in range(4):
            total = b.node(ops.add, (total, b.node(ops.mul, (ws[4 * j + i], xs[i]))))
        b.outputs.append(b.node(ops.tanh, (total,)))
    arrays = {ref: ("P", i) for i, ref in enumerate([*ws, *bs])} | {ref: ("X", i) for i, ref in enumerate(xs)}

    assert str(reroll(b, arrays)).splitlines() == [
        "for i0 < 3: A0[i0] = P[i0 + 12] + sum over t < 4 of (P[4*i0 + t] * X[t])",
        "for i0 < 3: out[i0] = tanh(A0[i0])",
    ]


def test_triangular_sums_have_a_period():
    b = Builder()
    ls, xs = inputs(b, 6 * 4, "l"), inputs(b, 3)
    for k in range(4):
        at = 6 * k
        for i in range(3):
            b.outputs.append(b.node(ops.sum, tuple(b.node(ops.mul, (ls[at + j], xs[j])) for j in range(i + 1))))
            at += i + 1
    plan = reroll(b, {ref: ("P", i) for i, ref in enumerate(ls)} | {ref: ("X", i) for i, ref in enumerate(xs)})

    (nest,) = periodic.find(*plan.nests)
    assert (nest.iterations, nest.period) == (12, 3)
    assert nest.reductions[0].accesses[0].pattern == ([6] * 6, [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize("dims", [(5,), (3, 4), (2, 3, 4)])
def test_nested_loops_are_found_again(dims):
    rng = np.random.default_rng(0)
    steps = rng.integers(-9, 9, (len(dims), 3)) * 7 + np.arange(1, 4)
    grid = np.stack(np.meshgrid(*map(np.arange, dims), indexing="ij"), -1).reshape(-1, len(dims))

    found = nested(grid @ steps)

    assert [n for n, _ in found] == list(dims)
    assert nested(np.array([[0], [1], [5]])) is None


# ------------------------------------------------------------------ rows


def test_what_needs_no_row_moves_to_the_prologue():
    t = Builder()
    p, x = t.input("p"), t.input("x")
    t.outputs = [t.node(ops.mul, (t.node(ops.exp, (t.node(ops.tanh, (p,)),)), x))]
    program = differentiated(SampleProgram(t, mean(1), 1, 1, [0]))

    assert [op.name for op in program.prologue.op] == ["tanh", "exp", "div"]  # the last is 1/rows
    assert ops.exp not in program.sample.op


def test_the_slopes_of_a_mean_are_scaled_in_the_rows_and_those_of_another_loss_at_the_end():
    t = Builder()
    p, x = t.input("p"), t.input("x")
    t.outputs = [t.node(ops.mul, (p, x))]
    squared = mean(1)  # the mean's square: its rate is known only once all rows are summed
    squared.outputs = [squared.node(ops.mul, (squared.outputs[0], squared.outputs[0]))]

    early, late = (differentiated(SampleProgram(t, epilogue, 1, 1, [0])) for epilogue in (mean(1), squared))

    assert str(early.prologue) == "v0 = 1.0 / rows\nreturn v0"
    assert ops.mul not in early.epilogue.op
    assert not late.prologue.op
    assert ops.mul in late.epilogue.op


def test_a_loss_that_is_no_mean_of_its_rows_has_the_right_slopes():
    import tinygrad_lite as tg

    def loss(w):
        total = tg.sum([(w[0] * k - w[1]) ** 2 for k in range(40)]) / 40.0
        return total * total + 0.1 * tg.dot(w, w)

    w = [tg.Value(0.3), tg.Value(-0.2)]
    loss(w).backward()

    for backend in ("llvm", "numpy", "tape"):
        assert tg.compile(loss, backend=backend).grad([0.3, -0.2]) == pytest.approx([v.grad for v in w], rel=1e-13)


# ------------------------------------------------------------------ the time it takes


def test_the_sweep_writes_nothing_for_data():
    b = Builder()
    ws, xs = inputs(b, 5, "w"), inputs(b, 5)
    products = [b.node(ops.mul, pair) for pair in zip(ws, xs, strict=True)]
    b.outputs = [b.node(ops.sin, (b.node(ops.sum, tuple(products)),))]
    adjoint.gradient(b, ws)
    assert all(b.live())


def test_a_known_input_of_either_kind_is_told_from_one_that_does_not_matter():
    b = Builder()
    x, y = b.input("x"), b.input("y")
    nodes = [b.node(ops.exp, (x,)), b.node(ops.exp, (y,))]
    nodes.append(b.node(ops.mul, tuple(nodes)))
    found = adjoint.active(b, [y])
    assert [found[ref] for ref in (x, y, *nodes)] == [False, True, False, True, True]


def test_the_collector_is_left_as_it_was_found():
    assert gc.isenabled()
    with gc_paused(), gc_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_compiling_leaves_the_collector_running_even_if_the_function_fails():
    import tinygrad_lite as tg

    def fails(x):
        assert not gc.isenabled()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        tg.compile(fails)(1.0)
    with pytest.raises(KeyError, match="mine"):
        tg.compile(lambda w, x: fails(w), batch="x")(1.0, [1.0])
    assert gc.isenabled()


# ------------------------------------------------------------------ neighbours in two dimensions


def heated(b, n, steps):
    """Some steps of the heat equation on n x n points, the rim held, and the derivatives of their squares' sum."""
    inputs = b.declared([f"x{i}" for i in range(n * n)])
    u = [list(inputs[i * n : (i + 1) * n]) for i in range(n)]
    for _ in range(steps):
        v = [list(line) for line in u]
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                around = (u[i - 1][j], u[i + 1][j], u[i][j - 1], u[i][j + 1])
                share = b.node(ops.mul, (b.constant(0.2), b.node(ops.sum, around)))
                v[i][j] = b.node(ops.add, (share, b.node(ops.mul, (b.constant(0.2), u[i][j]))))
        u = v
    b.outputs = [b.node(ops.sum, tuple([b.node(ops.mul, (x, x)) for line in u for x in line]))]
    adjoint.gradient(b, inputs)
    return {x: ("P", i) for i, x in enumerate(inputs)}


def test_points_at_the_rim_share_an_array_with_those_inside(monkeypatch):
    b = Builder()
    arrays = heated(b, n=12, steps=5)
    kinds_of_points = len(reroll(b, arrays).nests)
    monkeypatch.setattr(reroll_module, "MANY", 20)
    plan = reroll(b, arrays)

    assert 2 * len(plan.nests) < kinds_of_points
    assert "A4[10*i0 + i1 + 11]" in str(plan)  # all points inside, of which those beside the rim are a part


@pytest.mark.long
def test_neighbours_in_two_dimensions_become_loops_that_give_what_the_engine_gives(monkeypatch):
    monkeypatch.setattr(reroll_module, "MANY", 20)

    def f(x):
        n, u = 9, [list(x[9 * i : 9 * i + 9]) for i in range(9)]
        for _ in range(4):
            v = [list(line) for line in u]
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    around = u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1]
                    v[i][j] = u[i][j] + 0.2 * tg.sin(around - 4.0 * u[i][j])
            u = v
        return sum(x * x for line in u for x in line)

    point = [math.sin(3.0 * k) for k in range(81)]
    value, gradient = tg.value_and_grad(f)(point)
    for backend in compiler.available():
        found, slopes = tg.compile(f, backend=backend).value_and_grad(point)

        assert found == pytest.approx(value, rel=1e-13)
        assert slopes == pytest.approx(gradient, rel=1e-12, abs=1e-13)
