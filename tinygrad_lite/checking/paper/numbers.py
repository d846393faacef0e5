"""The number of a Value, in exact fractions or in 50 digits; and numbers that were rounded."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tinygrad_lite.calculus.arithmetics import re_evaluate
from tinygrad_lite.calculus.exact import RATIONAL, given
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NoExactValue


def exact_number(root: Value) -> Any:
    """A fraction; or 50 digits, where what is below 1e-35 counts as 0."""
    try:
        return re_evaluate(root, given, RATIONAL)[root]
    except (NoExactValue, ValueError):
        from mpmath import mp, mpf

        def digits(x: float) -> Any:
            return mpf(given(x).numerator) / given(x).denominator

        named: dict[str, Any] = {"cbrt": lambda x: mp.cbrt(x) if x >= 0 else -mp.cbrt(-x)}
        ours = {op.name: getattr(mp, op.name) for op in TABLE.values() if op.arity == 1 and hasattr(mp, op.name)}
        plain = {name: RATIONAL[name] for name in ("add", "sub", "mul", "div", "neg", "abs", "sign", "floor", "ceil")}
        with mp.workdps(50):
            found = re_evaluate(root, digits, {**ours, **named, **plain, "pow": mp.power})[root]
            return Fraction(0) if abs(found) < mpf(10) ** -35 else found


def on_kink(node: Value) -> bool:
    """Whether a node was computed exactly where the derivative of its op jumps."""
    numbers = [p.data if isinstance(p, Value) else p for p in node.parents]
    return node.op.kink is not None and bool(node.op.kink.met(*numbers))


def half_unit(word: str) -> float:
    """Half a unit of the last digit of a number that is written with a point, or with six digits and more.

    >>> half_unit("0.25"), half_unit("3"), half_unit("1.20e-3"), half_unit("123457")
    (0.005, 0.0, 5e-06, 0.5)
    """
    digits, _, power = word.lower().partition("e")
    after = len(digits.partition(".")[2])
    return 0.5 * 10.0 ** (int(power or 0) - after) if "." in digits or len(digits) > 5 else 0.0
