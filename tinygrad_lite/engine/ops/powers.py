"""The rows of powers and roots."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import NOT_NEGATIVE, NOT_ZERO, REAL, Domain, Kink, primitive
from tinygrad_lite.engine.ops.exponential import exp, log
from tinygrad_lite.hints import Any

_SMALLEST_NORMAL = 2.0**-1022  # below it floats have fewer digits
_LARGEST = (2.0 - 2.0**-52) * 2.0**1023  # which other arithmetics know, as they may not know infinity


def _pow(x: float, y: float) -> float:
    if x == 0 and y < 0:
        raise ZeroDivisionError
    return math.pow(x, y)  # refuses (-1)**0.5, where Python's ** would answer with a complex number


def falling(x: Any) -> Any:
    """An infinite slope whose own slopes are infinite too: -inf, then inf, and so on, as beside a root's steep end."""
    return exp(-x) * math.inf


def _pow_partials(x: Any, y: Any, out: Any) -> tuple[Any, Any]:
    """y * x^(y-1) along x, and x^y * log(x) along y, with the limits where those have no value."""
    whole = y.__class__ is float and y in (0.0, 1.0)
    if x > 0:
        return y if whole else y * x ** (y - 1.0), out * log(x)
    if x >= 0:  # x = 0: 0^0 = 1 by convention, constant along x
        along_x = y if whole else y * x ** (y - 1.0) if y >= 1 else falling(x)
        return (0.0 if y <= 0 else along_x), 0.0
    # x < 0: a whole y has a slope along x, and none along y; nor has that a slope, so the NaN depends on both
    return y if whole else y * x ** (y - 1.0), math.nan if y.__class__ is float else out * math.nan


def _pow_slopes(x: float, y: float, out: float) -> tuple[float, float]:
    """The same for floats: where y - 1 would be rounded, x^(y-1) is written as x^y / x."""
    if x > 0 and not y.is_integer() and out >= _SMALLEST_NORMAL:
        return y * (out / x), out * math.log(x)
    try:
        return _pow_partials(x, y, out)
    except OverflowError:  # x^y is a float and x^(y-1) is not
        return y * (out / x), out * math.log(x) if x > 0 else math.nan


def _pow_on_values(x: Any, y: Any, out: Any) -> tuple[Any, Any]:
    """At x = 0 < y <= 1 the slope along x falls without end as y grows, and that along y as x does: so do roots."""
    if y.__class__ is float or not (x >= 0 >= x and 0 < y <= 1):
        return _pow_partials(x, y, out)
    return y - sqrt(y - 1.0) if y >= 1 else falling(x + y), 0.0 - sqrt(x)


pow = primitive(
    name="pow",
    symbol="**",
    forward=_pow,
    partials=_pow_partials,
    stable_derivatives=_pow_slopes,
    graph_derivatives=_pow_on_values,
    latex="{x}^{{{y}}}",
    source="{x} ** {y}",
    domain=(
        Domain("{x} > 0, or a whole exponent that is not negative at {x} = 0", lambda x: x > 0, (0.2, 0.7, 1.0, 2.5)),
        REAL,
    ),
    doc="The power rule: bring the exponent down and lower it by one.",
    arity=2,
)

square = primitive(
    name="square",
    symbol="square",
    forward=lambda x: x * x,
    partials=lambda x, out: (2.0 * x,),
    latex="{x}^2",
    source="{lib}.square({x})",
    domain=(REAL,),
    lower=lambda x: x * x,
    doc="A square grows by twice its side.",
)

reciprocal = primitive(
    name="reciprocal",
    symbol="1/x",
    forward=lambda x: 1.0 / x,
    partials=lambda x, out: (-(out * out),),
    latex=r"\frac{{1}}{{{x}}}",
    source="1.0 / {x}",
    domain=(NOT_ZERO,),
    lower=lambda x: 1.0 / x,
    doc="The reciprocal falls by its own square.",
)

sqrt = primitive(
    name="sqrt",
    symbol="sqrt",
    forward=math.sqrt,
    partials=lambda x, out: (falling(x) if out <= 0 else 0.5 / out,),
    latex=r"\sqrt{{{x}}}",
    source="{lib}.sqrt({x})",
    domain=(NOT_NEGATIVE,),
    doc="The square root has the slope 1/(2*sqrt(x)), which is infinite at 0.",
)

cbrt = primitive(
    name="cbrt",
    symbol="cbrt",
    forward=math.cbrt,
    partials=lambda x, out: (exp(x * x) * math.inf if out <= 0 <= out else 1.0 / (3.0 * (out * out)),),
    latex=r"\sqrt[3]{{{x}}}",
    source="{lib}.cbrt({x})",
    domain=(REAL,),
    doc="The third root exists for every number; its slope is infinite at 0.",
)


def _length(*xs: float) -> float:
    return math.hypot(*xs)


def _lower_length(*xs: Any) -> Any:
    """The longest of them times the square root of the squared ratios to it, so that no square overflows."""
    from tinygrad_lite.engine.ops.choices import maximum

    longest = maximum(*[abs(x) for x in xs])
    ratios = [x / longest for x in xs] if 0 < longest <= _LARGEST else []
    return longest * sqrt(sum(r * r for r in ratios)) if ratios else longest


def _along_each(*xs_and_out: Any) -> tuple[Any, ...]:
    """The cosine of the angle with each axis; at the origin, where there is none, 0."""
    *xs, out = xs_and_out
    return tuple([x * 0.0 if out <= 0 else x / out for x in xs])


def _at_origin(*xs: float) -> bool:
    return not any(xs)


_ORIGIN = Kink(_at_origin, -1.0, 1.0, "At the origin every slope from -1 to 1 is right; ours is 0, the middle.")

hypot = primitive(
    name="hypot",
    symbol="hypot",
    forward=_length,
    partials=_along_each,
    latex=r"\sqrt{{{x}^2 + {y}^2}}",
    source="{lib}.hypot({x}, {y})",
    domain=(REAL, REAL),
    kink=_ORIGIN,
    lower=_lower_length,
    doc="The length of (x, y) grows along x by the cosine of its angle with the x axis.",
    arity=2,
)

norm = primitive(
    name="norm",
    symbol="norm",
    forward=_length,
    partials=_along_each,
    latex=r"\left\lVert {xs} \right\rVert",
    source="{lib}.linalg.norm([{xs}])",
    domain=(REAL,),
    kink=_ORIGIN,
    lower=_lower_length,
    doc="The length of a vector grows along each axis by the cosine of its angle with that axis.",
    arity=None,
)
