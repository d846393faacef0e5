"""The rows of the hyperbolic functions, and of their inverses."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Domain, Op, primitive
from tinygrad_lite.engine.ops.exponential import exp
from tinygrad_lite.engine.ops.powers import falling, hypot, sqrt
from tinygrad_lite.hints import Any

sinh: Op = primitive(
    name="sinh",
    symbol="sinh",
    forward=math.sinh,
    partials=lambda x, out: (cosh(x),),
    latex=r"\sinh\left({x}\right)",
    source="{lib}.sinh({x})",
    domain=(REAL,),
    doc="The slope of sinh is cosh.",
)

cosh: Op = primitive(
    name="cosh",
    symbol="cosh",
    forward=math.cosh,
    partials=lambda x, out: (sinh(x),),
    latex=r"\cosh\left({x}\right)",
    source="{lib}.cosh({x})",
    domain=(REAL,),
    doc="The slope of cosh is sinh.",
)


def _tanh_slope(x: float, out: float) -> tuple[float]:
    """1 - out^2 has no digits left when out nears 1; there 4 e^-2|x| / (1 + e^-2|x|)^2 says the same."""
    if -0.7 < x < 0.7:
        return (1.0 - out * out,)
    e = math.exp(-2.0 * abs(x))
    return (4.0 * e / ((1.0 + e) * (1.0 + e)),)


def _tanh_on_values(x: Any, out: Any) -> tuple[Any]:
    if -0.98 < out < 0.98:
        return (1.0 - out * out,)
    e = exp(-2.0 * abs(x))
    return (4.0 * e / ((1.0 + e) * (1.0 + e)),)


tanh = primitive(
    name="tanh",
    symbol="tanh",
    forward=math.tanh,
    partials=lambda x, out: (1.0 - out * out,),  # tanh' = 1 - tanh^2, so reuse out
    stable_derivatives=_tanh_slope,
    graph_derivatives=_tanh_on_values,
    traced_derivatives=lambda x, out: (1.0 / cosh(x) ** 2.0,),  # no difference of nearly equal numbers
    latex=r"\tanh\left({x}\right)",
    source="{lib}.tanh({x})",
    domain=(REAL,),
    doc="The slope is 1 at the origin and fades to 0 as the output nears 1 or -1.",
)

asinh = primitive(
    name="asinh",
    symbol="asinh",
    forward=math.asinh,
    partials=lambda x, out: (1.0 / hypot(1.0, x),),  # sqrt(1 + x^2), without the overflow of x^2
    latex=r"\operatorname{{arsinh}}\left({x}\right)",
    source="{lib}.arcsinh({x})",
    domain=(REAL,),
    doc="The slope of arsinh is 1/sqrt(1 + x^2): 1 at the origin, then that of a logarithm.",
)

acosh = primitive(
    name="acosh",
    symbol="acosh",
    forward=math.acosh,
    partials=lambda x, out: (1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)) if x > 1 else falling(x),),
    latex=r"\operatorname{{arcosh}}\left({x}\right)",
    source="{lib}.arccosh({x})",
    domain=(Domain("{x} >= 1", lambda x: x >= 1, (1.001, 1.3, 2.0, 3.0, 40.0)),),
    doc="The slope of arcosh is 1/sqrt(x^2 - 1), which is infinite at 1.",
)

atanh = primitive(
    name="atanh",
    symbol="atanh",
    forward=math.atanh,
    partials=lambda x, out: (1.0 / ((1.0 - x) * (1.0 + x)),),
    latex=r"\operatorname{{artanh}}\left({x}\right)",
    source="{lib}.arctanh({x})",
    domain=(Domain("-1 < {x} < 1", lambda x: -1 < x < 1, (-0.99, -0.5, 0.0, 0.3, 0.9)),),
    doc="The slope of artanh is 1/(1 - x^2): it grows without end towards -1 and 1.",
)
