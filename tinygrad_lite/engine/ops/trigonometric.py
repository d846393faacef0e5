"""The rows of the functions of angles, and of their inverses."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Domain, Op, primitive
from tinygrad_lite.engine.ops.exponential import exp
from tinygrad_lite.engine.ops.powers import hypot, sqrt
from tinygrad_lite.hints import Any

_UP_TO_ONE = Domain("-1 <= {x} <= 1", lambda x: -1 <= x <= 1, (-0.99, -0.5, 0.0, 0.3, 0.9))

sin: Op = primitive(
    name="sin",
    symbol="sin",
    forward=math.sin,
    partials=lambda x, out: (cos(x),),
    latex=r"\sin\left({x}\right)",
    source="{lib}.sin({x})",
    domain=(REAL,),
    doc="The slope of the sine is the cosine.",
)

cos: Op = primitive(
    name="cos",
    symbol="cos",
    forward=math.cos,
    partials=lambda x, out: (-sin(x),),
    latex=r"\cos\left({x}\right)",
    source="{lib}.cos({x})",
    domain=(REAL,),
    doc="The slope of the cosine is minus the sine.",
)

tan = primitive(
    name="tan",
    symbol="tan",
    forward=math.tan,
    partials=lambda x, out: (1.0 + out * out,),
    latex=r"\tan\left({x}\right)",
    source="{lib}.tan({x})",
    domain=(REAL,),
    lower=lambda x: sin(x) / cos(x),
    doc="The slope of the tangent is 1 + tan^2: never less than 1.",
)


def _over_the_circle(x: Any) -> Any:
    """1 / sqrt((1-x)(1+x)), which keeps its digits near 1; infinite at -1 and 1, as are all its slopes there."""
    below = (1.0 - x) * (1.0 + x)
    return 1.0 / sqrt(below) if below > 0 else exp(x * x) * math.inf if below >= 0 else math.nan


asin = primitive(
    name="asin",
    symbol="asin",
    forward=math.asin,
    partials=lambda x, out: (_over_the_circle(x),),
    latex=r"\arcsin\left({x}\right)",
    source="{lib}.arcsin({x})",
    domain=(_UP_TO_ONE,),
    doc="The slope of the arc sine is 1/sqrt(1 - x^2), which is infinite at -1 and 1.",
)

acos = primitive(
    name="acos",
    symbol="acos",
    forward=math.acos,
    partials=lambda x, out: (-_over_the_circle(x),),
    latex=r"\arccos\left({x}\right)",
    source="{lib}.arccos({x})",
    domain=(_UP_TO_ONE,),
    doc="Arc sine and arc cosine add up to a right angle, so their slopes are opposite.",
)


def _atan_slope(x: float, out: float) -> tuple[float]:
    """1 / (1 + x^2) without the square of a large x, which would overflow."""
    return (1.0 / (1.0 + x * x) if -1.0 <= x <= 1.0 else 1.0 / x / (x + 1.0 / x),)


atan = primitive(
    name="atan",
    symbol="atan",
    forward=math.atan,
    partials=lambda x, out: (1.0 / (1.0 + x * x),),
    stable_derivatives=_atan_slope,
    latex=r"\arctan\left({x}\right)",
    source="{lib}.arctan({x})",
    domain=(REAL,),
    doc="The slope of the arc tangent is 1/(1 + x^2): 1 at the origin, and flat far out.",
)


def _atan2(y: float, x: float) -> float:
    if x == 0 and y == 0:
        raise ValueError("the origin has no angle")
    return math.atan2(y, x)


def _atan2_partials(y: Any, x: Any, out: Any) -> tuple[Any, Any]:
    """x/r^2 along y and -y/r^2 along x; divided by r twice, since r^2 might overflow."""
    r = hypot(x, y)
    return x / r / r, -(y / r / r)


atan2 = primitive(
    name="atan2",
    symbol="atan2",
    forward=_atan2,
    partials=_atan2_partials,
    latex=r"\operatorname{{atan2}}\left({x}, {y}\right)",
    source="{lib}.arctan2({x}, {y})",
    domain=(REAL, Domain("operands that are not both 0", math.isfinite, (-2.0, -0.5, 0.3, 1.5, 4.0))),
    doc="The angle of a point turns faster the nearer the point is to the origin.",
    arity=2,
)
