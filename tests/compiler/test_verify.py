"""The first compiled result is compared with the engine's, and rounding is not taken for a mistake."""

import warnings

import pytest

import tinygrad_lite as tg
from tinygrad_lite.compiler import CompileWarning
from tinygrad_lite.compiler.backends import python
from tinygrad_lite.compiler.backends.choice import available

BACKENDS = available()


def bending(x):
    return sum((x[i] - 2.0 * x[i + 1] + x[i + 2]) ** 2 for i in range(len(x) - 2))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [5, 40])
def test_second_differences_of_a_straight_line_are_rounding_and_no_mistake(n, backend):
    line = [0.1 * k - 0.7 for k in range(n)]
    fast = tg.compile(bending, backend=backend)

    with warnings.catch_warnings():
        warnings.simplefilter("error", CompileWarning)
        value, slopes = fast.value_and_grad(line)

    assert abs(value) < 1e-28
    assert max(map(abs, slopes)) < 1e-14
    assert "Not compiled" not in fast.report()


@pytest.mark.parametrize("wrong", ["1.999 * x3", "2.0000001 * x3", "2.0 * x2"])
def test_a_mistake_is_found_where_almost_all_of_the_result_cancels(wrong, monkeypatch):
    """The witness can fail: a code that is slightly wrong, or reads a neighbour."""
    source = python.source
    monkeypatch.setattr(python, "source", lambda *args: source(*args).replace("2.0 * x3", wrong))
    line = [0.1 * k - 0.7 for k in range(6)]
    fast = tg.compile(bending, backend="tape")

    with pytest.warns(CompileWarning, match="away from the engine's"):
        assert abs(fast.value_and_grad(line)[0]) < 1e-28  # the engine's


@pytest.mark.usefixtures("loops_at_once")
@pytest.mark.skipif("llvm" not in BACKENDS, reason="another order of adding is needed")
def test_where_nothing_can_be_computed_near_by_the_result_is_judged_where_it_is():
    def f(x):
        return bending(x[:-1]) + 1e-40 * tg.log(x[-1])

    point = [*(0.1 * k - 0.7 for k in range(41)), 1e-9]  # so near to 0, a step further log has no value
    with pytest.warns(CompileWarning, match="away from the engine's"):
        value = tg.compile(f).value_and_grad(point)[0]

    assert value == f([tg.Value(x) for x in point]).data
