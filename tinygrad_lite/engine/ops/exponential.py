"""The rows of exp, log and sqrt."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import NOT_NEGATIVE, POSITIVE, REAL, row

exp = row(
    name="exp",
    symbol="exp",
    forward=math.exp,
    partials=lambda x, out: (out,),
    latex="e^{{{x}}}",
    source="{lib}.exp({x})",
    domain=(REAL,),
    because="The exponential is its own slope.",
)

log = row(
    name="log",
    symbol="log",
    forward=math.log,
    partials=lambda x, out: (1.0 / x,),
    latex=r"\log\left({x}\right)",
    source="{lib}.log({x})",
    domain=(POSITIVE,),
    because="The natural logarithm rises by 1/x: steep near 0, flat far out.",
)

sqrt = row(
    name="sqrt",
    symbol="sqrt",
    forward=math.sqrt,
    partials=lambda x, out: (0.5 / out if out != 0 else math.inf,),
    latex=r"\sqrt{{{x}}}",
    source="{lib}.sqrt({x})",
    domain=(NOT_NEGATIVE,),
    because="The square root has the slope 1/(2*sqrt(x)), which is infinite at 0.",
)
