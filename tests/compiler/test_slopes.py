"""Slopes summed over the rows with the lanes along a layer: what is the same for all rows is no row."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler import available, jit

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


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("name", LOSSES)
def test_parameters_and_constants_are_read_once_for_all_rows(name, lanes, monkeypatch):
    here = jit.host()
    if lanes > here.lanes:
        pytest.skip(f"vectors of this processor have {here.lanes} lanes")
    monkeypatch.setattr(jit, "host", lambda: here._replace(lanes=lanes))
    loss, n = LOSSES[name]
    rng = np.random.default_rng(3)
    w, X = rng.normal(size=n), rng.normal(size=(37, 20))

    fast = tg.compile(loss, batch="x", backend="llvm")  # a warning that it fell back is an error
    value, slopes = fast.value_and_grad(w, X)
    expected, exact = tg.compile(loss, batch="x", backend="tape").value_and_grad(w, X)

    assert value == pytest.approx(expected, rel=1e-14)
    assert slopes == pytest.approx(exact, rel=1e-12, abs=1e-14)
