"""Values and NumPy's arrays meet: what an operator gives, and what never happens silently."""

import pytest

from tinygrad_lite import Value

np = pytest.importorskip("numpy")


def test_an_array_on_either_side_gives_an_array_of_values():
    for both in (Value(2.0) * np.ones(2), np.ones(2) * Value(2.0)):
        assert both.dtype == object
        assert [v.data for v in both] == [2.0, 2.0]
    assert (Value(2.0) > np.array([1.0, 3.0])).tolist() == [True, False]


def test_a_numpy_scalar_on_either_side_gives_a_value():
    for y in (np.float64(2) * Value(3.0), Value(3.0) * np.float64(2), np.float64(2) ** Value(3.0) - 2):
        assert float(y.data) == 6.0
