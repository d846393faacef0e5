"""The rows of sin, cos and tanh."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Op, row

sin: Op = row(
    name="sin",
    symbol="sin",
    forward=math.sin,
    partials=lambda x, out: (cos(x),),
    latex=r"\sin\left({x}\right)",
    source="{lib}.sin({x})",
    domain=(REAL,),
    because="The slope of the sine is the cosine.",
)

cos: Op = row(
    name="cos",
    symbol="cos",
    forward=math.cos,
    partials=lambda x, out: (-sin(x),),
    latex=r"\cos\left({x}\right)",
    source="{lib}.cos({x})",
    domain=(REAL,),
    because="The slope of the cosine is minus the sine.",
)

tanh: Op = row(
    name="tanh",
    symbol="tanh",
    forward=math.tanh,
    partials=lambda x, out: (1.0 - out * out,),  # tanh' = 1 - tanh^2, so reuse out
    latex=r"\tanh\left({x}\right)",
    source="{lib}.tanh({x})",
    domain=(REAL,),
    because="The slope is 1 at the origin and fades to 0 as the output nears 1 or -1.",
)
