"""For test suites: an assertion about gradients whose failure text is the whole report.

from tinygrad_lite.testing import assert_gradients

def test_my_backprop():
    assert_gradients(loss, backprop, {"W1": W1, "b1": b1}, X, y)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_lite.checking.compare import compare
from tinygrad_lite.checking.result.comparison import Comparison

if TYPE_CHECKING:
    from tinygrad_lite.checking.check import Check


def assert_gradients(first: Any, second: Any, *rest: Any, **options: Any) -> Check | Comparison:
    """Nothing but the result if the gradients are right; an AssertionError that explains itself if not.

    Args:
        first, second: your gradients and the exact ones, as for `tg.compare`; or a loss function and a
            backprop function, followed by params and data, as for `tg.check`.
        rest, options: whatever else these take.

    Raises:
        GradientMismatch: (an AssertionError) some gradient is wrong; its text is the report.

    >>> from tinygrad_lite import Value
    >>> x = Value(3.0, label="x")
    >>> (x * x).backward()
    >>> assert_gradients({"x": 6.0}, {"x": x}).ok
    True
    >>> assert_gradients({"x": 3.0}, {"x": x})
    Traceback (most recent call last):
    ...
    tinygrad_lite.errors.GradientMismatch: The gradient is wrong...
    """
    result: Check | Comparison
    if callable(first):
        from tinygrad_lite.checking.check import check

        result = check(first, second, *rest, **options)
    else:
        result = compare(first, second, *rest, **options)
    result.assert_ok()
    return result
