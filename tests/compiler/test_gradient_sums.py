"""Slopes summed over the rows with the lanes along a layer: what is the same for all rows is no row, and
nothing that an earlier call, or no call, has left in the sums counts.
"""

import math

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler import available
from tinygrad_lite.compiler.backends.llvm import llvm_runner, loops

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif("llvm" not in available(), reason="needs llvmlite")

WIDE = range(20)


def neuron(w, x):
    return tg.tanh(tg.sum([w[k] * w[k + 20] * x[k] for k in WIDE]))


LOSSES = {
    "a parameter scales the sum": (lambda w, x: w[40] * tg.sum([tg.tanh(w[k] * x[k]) for k in WIDE]), 41),
    "constants differ along the lanes": (lambda w, x: tg.sum([tg.tanh(w[k] * x[0] * (k + 0.5)) for k in WIDE]), 20),
    "constants differ in a table": (
        lambda w, x: tg.sum([tg.tanh(w[20 * j + k] * x[0] * (k + 0.5) + 0.1 * j) for k in WIDE for j in range(3)]), 60,
    ),
    "parameters differ along the lanes": (lambda w, x: tg.sum([tg.tanh(w[k] * x[k]) * w[k + 20] for k in WIDE]), 40),
    "products of parameters weigh the inputs": (lambda w, x: tg.sum([neuron(w[:40], x) * y for y in w[40:44]]), 44),
    "a number of the row alone meets parameters": (lambda w, x: tg.tanh(tg.sum([w[k] ** 3 * x[0] for k in WIDE])), 20),
}  # fmt: skip


@pytest.mark.few(3)
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("name", LOSSES)
def test_parameters_and_constants_are_read_once_for_all_rows(name, lanes, with_lanes):
    with_lanes(lanes)
    loss, n = LOSSES[name]
    rng = np.random.default_rng(3)
    w, X = rng.normal(size=n), rng.normal(size=(37, 20))

    fast = tg.compile(loss, batch="x", backend="llvm")  # a warning that it fell back is an error
    value, slopes = fast.value_and_grad(w, X)
    expected, exact = tg.compile(loss, batch="x", backend="tape").value_and_grad(w, X)

    assert value == pytest.approx(expected, rel=1e-14)
    assert slopes == pytest.approx(exact, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("inputs", [16, 19])
def test_each_unit_may_have_inputs_of_its_own(inputs):
    """The gradient w.r.t. w[j, i] is then a number of the unit times one of unit and input."""

    def loss(w, x):
        units = [slice(j * inputs, (j + 1) * inputs) for j in range(5)]
        return tg.sum([tg.tanh(tg.dot(w[unit], x[unit])) ** 2 for unit in units])

    rng = np.random.default_rng(4)
    w, X = rng.normal(size=5 * inputs) / 4, rng.normal(size=(37, 5 * inputs))

    value, gradient = tg.compile(loss, batch="x", backend="llvm").value_and_grad(w, X)
    expected, exact = tg.compile(loss, batch="x", backend="tape").value_and_grad(w, X)

    assert value == pytest.approx(expected, rel=1e-14)
    assert gradient == pytest.approx(exact, rel=1e-12, abs=1e-14)


# ------------------------------------------------------------------ before the first rows


INPUTS, UNITS = 19, 6


def layer(w, x, y):
    """A layer of tanh, each unit with a bias of its own, and the square of what is left over."""
    hidden = [tg.dot(w[j * INPUTS : (j + 1) * INPUTS], x, w[UNITS * INPUTS + j]).tanh() for j in range(UNITS)]
    return (tg.sum(hidden) - y) ** 2


def data(rows):
    chance = np.random.default_rng(5)
    w = chance.normal(size=UNITS * INPUTS + UNITS) / 4
    return w, chance.normal(size=(rows, INPUTS)), chance.normal(size=rows)


def spoiled(rows):
    """A call whose sums hold NaN before, and what the plain tape gives."""
    w, x, y = data(rows)
    step = tg.compile(layer, batch=("x", "y"), backend="llvm").prepare(w, x, y)
    step._buffers.totals[:] = math.nan
    step._buffers.workspaces[0][:] = math.nan
    step()
    right, exact = tg.compile(layer, batch=("x", "y"), backend="tape").value_and_grad(w, x, y)
    return (step.loss, step.gradient), (right, exact)


@pytest.mark.few(3)
@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 33, 70, 600])
def test_the_first_rows_write_the_sums_and_the_others_add_to_them(rows, lanes, with_lanes):
    with_lanes(lanes)
    (found, slopes), (right, exact) = spoiled(rows)

    assert found == pytest.approx(right, rel=1e-12)
    assert np.allclose(slopes, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


def test_the_check_above_fails_where_no_block_is_the_first(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(loops.Loops, "first", property(lambda self: "false", lambda self, name: None), raising=False)
    (_, slopes), _ = spoiled(70)

    assert np.isnan(slopes).any()


def test_a_second_call_gives_the_same_bits():
    w, x, y = data(70)
    step = tg.compile(layer, batch=("x", "y"), backend="llvm").prepare(w, x, y)
    step()
    once = step.out.copy()
    step()

    assert step.out.tobytes() == once.tobytes()


# ------------------------------------------------------------------ data that lie in memory twice


@pytest.mark.few(2)
@pytest.mark.parametrize("rows", [5, 40, 43, 300])
def test_data_read_row_by_row_and_data_transposed_give_the_same_bits(rows, monkeypatch, tmp_path):
    w, x, y = data(rows)
    found = []
    for near in (0, 1 << 20):
        monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / str(near)))
        monkeypatch.setattr(llvm_runner, "NEAR", near)
        step = tg.compile(layer, batch=("x", "y"), backend="llvm").prepare(w, x, y)
        step()
        found.append(step.out.tobytes())
        assert (step._buffers.lines.size > 0) == (near > 0)

    assert found[0] == found[1]


def test_data_of_another_call_with_as_many_rows_take_their_place_in_both():
    w, x, y = data(40)
    fast = tg.compile(layer, batch=("x", "y"), backend="llvm")
    fast.grad(w, x, y)

    assert fast.grad(w, -x, y) == pytest.approx(
        tg.compile(layer, batch=("x", "y"), backend="tape").grad(w, -x, y), rel=1e-12, abs=1e-14
    )
