"""The hyperbolic functions, and their inverses."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import Domain, Op, primitive
from tinygrad_lite.engine.ops.exponential import exp, expm1, log1p
from tinygrad_lite.engine.ops.powers import falling, hypot, sqrt
from tinygrad_lite.hints import Any


def _lower_sinh(x: Any) -> Any:
    """(e + e/(e + 1))/2 with e = e^|x| - 1, which keeps the digits of a small x."""
    e = expm1(abs(x))
    size = 0.5 * (e + e / (e + 1.0))
    return -size if x < 0 else size


def _lower_asinh(x: Any) -> Any:
    """log(|x| + sqrt(x^2 + 1)) without the square of a large x, and with the digits of a small one."""
    size = abs(x)
    up = 1.0 / size
    found = log1p(size + size / (up + sqrt(1.0 + up * up)))
    return -found if x < 0 else found


sinh: Op = primitive(
    name="sinh",
    forward=math.sinh,
    partials=lambda x, out: (cosh(x),),
    doc="The derivative of sinh is cosh.",
    lower=_lower_sinh,
)

cosh: Op = primitive(
    name="cosh",
    forward=math.cosh,
    partials=lambda x, out: (sinh(x),),
    doc="The derivative of cosh is sinh.",
)


def _tanh_partials(x: Any, out: Any) -> tuple[Any]:
    """1 - out^2 has no digits left when out nears 1; there 4 e^-2|x| / (1 + e^-2|x|)^2 says the same."""
    if -0.7 < x < 0.7:
        return (1.0 - out * out,)
    e = exp(-2.0 * abs(x))
    return (4.0 * e / ((1.0 + e) * (1.0 + e)),)


tanh: Op = primitive(
    name="tanh",
    forward=math.tanh,
    partials=_tanh_partials,
    display_derivatives=lambda x, out: (1.0 - out * out,),  # tanh' = 1 - tanh^2, so reuse out
    traced_derivatives=lambda x, out: (1.0 / cosh(x) ** 2.0,),  # no difference of nearly equal numbers
    doc="The derivative is 1 at the origin and fades to 0 as the output nears 1 or -1.",
    activation=True,
    saturates=True,
    exact=(0.0, 0.0),
)

asinh: Op = primitive(
    name="asinh",
    forward=math.asinh,
    partials=lambda x, out: (1.0 / hypot(1.0, x),),  # sqrt(1 + x^2), without the overflow of x^2
    doc="The derivative of arsinh is 1/sqrt(1 + x^2): 1 at the origin, then that of a logarithm.",
    lower=_lower_asinh,
    latex=r"\operatorname{{arsinh}}\left({x}\right)",
    source="{lib}.arcsinh({x})",
)

acosh: Op = primitive(
    name="acosh",
    forward=math.acosh,
    partials=lambda x, out: (1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)) if x > 1 else falling(x),),
    doc="The derivative of arcosh is 1/sqrt(x^2 - 1), which is infinite at 1.",
    domain=(Domain("{x} >= 1", lambda x: x >= 1, (1.001, 1.3, 2.0, 3.0, 40.0)),),
    lower=lambda x: log1p((x - 1.0) + sqrt(x - 1.0) * sqrt(x + 1.0)),
    latex=r"\operatorname{{arcosh}}\left({x}\right)",
    source="{lib}.arccosh({x})",
)

atanh: Op = primitive(
    name="atanh",
    forward=math.atanh,
    partials=lambda x, out: (1.0 / ((1.0 - x) * (1.0 + x)),),
    doc="The derivative of artanh is 1/(1 - x^2): it grows without end towards -1 and 1.",
    domain=(Domain("-1 < {x} < 1", lambda x: -1 < x < 1, (-0.99, -0.5, 0.0, 0.3, 0.9)),),
    lower=lambda x: 0.5 * (log1p(x) - log1p(-x)),
    latex=r"\operatorname{{artanh}}\left({x}\right)",
    source="{lib}.arctanh({x})",
)
