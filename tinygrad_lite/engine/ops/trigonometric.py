"""The functions of angles, and their inverses."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Domain, Op, primitive
from tinygrad_lite.engine.ops.exponential import exp
from tinygrad_lite.engine.ops.powers import hypot, sqrt
from tinygrad_lite.hints import Any

_UP_TO_ONE = Domain("-1 <= {x} <= 1", lambda x: -1 <= x <= 1, (-0.99, -0.5, 0.0, 0.3, 0.9))

sin: Op = primitive(
    name="sin",
    forward=math.sin,
    partials=lambda x, out: (cos(x),),
    doc="The derivative of the sine is the cosine.",
    exact=(0.0, 0.0),
)

cos: Op = primitive(
    name="cos",
    forward=math.cos,
    partials=lambda x, out: (-sin(x),),
    doc="The derivative of the cosine is minus the sine.",
    exact=(0.0, 1.0),
)

tan: Op = primitive(
    name="tan",
    forward=math.tan,
    partials=lambda x, out: (1.0 + out * out,),
    doc="The derivative of the tangent is 1 + tan^2: never less than 1.",
    lower=lambda x: sin(x) / cos(x),
)


def _over_the_circle(x: Any) -> Any:
    """1 / sqrt((1-x)(1+x)), which keeps its digits near 1; infinite at -1 and 1, as are all its derivatives there."""
    below = (1.0 - x) * (1.0 + x)
    return 1.0 / sqrt(below) if below > 0 else exp(x * x) * math.inf if below >= 0 else math.nan


asin: Op = primitive(
    name="asin",
    forward=math.asin,
    partials=lambda x, out: (_over_the_circle(x),),
    doc="The derivative of the arc sine is 1/sqrt(1 - x^2), which is infinite at -1 and 1.",
    domain=(_UP_TO_ONE,),
    lower=lambda x: atan2(x, sqrt((1.0 - x) * (1.0 + x))),
    latex=r"\arcsin\left({x}\right)",
    source="{lib}.arcsin({x})",
)

acos: Op = primitive(
    name="acos",
    forward=math.acos,
    partials=lambda x, out: (-_over_the_circle(x),),
    doc="Arc sine and arc cosine add up to a right angle, so their derivatives are opposite.",
    domain=(_UP_TO_ONE,),
    lower=lambda x: atan2(sqrt((1.0 - x) * (1.0 + x)), x),
    latex=r"\arccos\left({x}\right)",
    source="{lib}.arccos({x})",
)


def _atan_partials(x: Any, out: Any) -> tuple[Any]:
    """1 / (1 + x^2) without the square of a large x, which would overflow."""
    return (1.0 / (1.0 + x * x) if -1.0 <= x <= 1.0 else 1.0 / x / (x + 1.0 / x),)


atan: Op = primitive(
    name="atan",
    forward=math.atan,
    partials=_atan_partials,
    doc="The derivative of the arc tangent is 1/(1 + x^2): 1 at the origin, and flat far out.",
    lower=lambda x: atan2(x, 1.0),
    latex=r"\arctan\left({x}\right)",
    source="{lib}.arctan({x})",
    display_derivatives=lambda x, out: (1.0 / (1.0 + x * x),),
)


def _atan2(y: float, x: float) -> float:
    if x == 0 and y == 0:
        raise ValueError("the origin has no angle")
    return math.atan2(y, x)


def _atan2_partials(y: Any, x: Any, out: Any) -> tuple[Any, Any]:
    """x/r^2 w.r.t. y and -y/r^2 w.r.t. x; divided by r twice, since r^2 might overflow."""
    r = hypot(x, y)
    return x / r / r, -(y / r / r)


atan2: Op = primitive(
    name="atan2",
    forward=_atan2,
    partials=_atan2_partials,
    doc="The angle of a point turns faster the nearer the point is to the origin.",
    domain=(REAL, Domain("operands that are not both 0", math.isfinite, (-2.0, -0.5, 0.3, 1.5, 4.0))),
    source="{lib}.arctan2({x}, {y})",
)
