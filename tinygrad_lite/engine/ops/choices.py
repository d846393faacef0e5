"""The ops that choose and that cut: max, min, clip, sign, floor, ceil and round.

floor, ceil and round have the derivative 0 wherever they have one: no gradient passes through them.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Domain, Kink, Op, primitive
from tinygrad_lite.hints import Any


def _extreme(pick: Any) -> Any:
    """Forward rule of max or min, by which a NaN is never swallowed."""

    def forward(*xs: float) -> float:
        return math.nan if any(x != x for x in xs) else pick(xs)

    return forward


def _shared(*xs_and_out: Any) -> tuple[float, ...]:
    """Derivative 1 for the chosen operand, shared equally among those that tie."""
    *xs, out = xs_and_out
    chosen = [bool(x <= out) and bool(x >= out) for x in xs]  # equal as numbers, for Values too
    return tuple((1.0 / sum(chosen) if hit else 0.0) if any(chosen) else math.nan for hit in chosen)


def _tie(pick: Any) -> Any:
    return lambda *xs: sum(x == pick(xs) for x in xs) > 1


maximum: Op = primitive(
    name="max",
    forward=_extreme(max),
    partials=_shared,
    doc="Only the largest operand moves the result, so it takes the whole gradient.",
    kink=Kink(_tie(max), 0.0, 1.0, "Operands that tie share the gradient equally, as in PyTorch and JAX."),
    source="max({xs})",
    numpy="{lib}.maximum({xs})",
    cost=1,
)

minimum: Op = primitive(
    name="min",
    forward=_extreme(min),
    partials=_shared,
    doc="Only the smallest operand moves the result, so it takes the whole gradient.",
    kink=Kink(_tie(min), 0.0, 1.0, "Operands that tie share the gradient equally, as in PyTorch and JAX."),
    source="min({xs})",
    numpy="{lib}.minimum({xs})",
    cost=1,
)


def clip_forward(x: float, low: float, high: float) -> float:
    if not low <= high:
        raise ValueError("the lower edge lies above the upper one")
    return x if x != x else low if x < low else high if x > high else x


def clip_lower(x: Any, low: Any, high: Any) -> Any:
    return math.nan if high < low else minimum(maximum(x, low), high)


def clip_partials(x: Any, low: Any, high: Any, out: Any) -> tuple[float, float, float]:
    """The gradient goes to whichever of the three is the result; on an edge it goes to x; a NaN leaves none."""
    if x < low:
        return 0.0, 1.0, 0.0
    if x > high:
        return 0.0, 0.0, 1.0
    return (1.0, 0.0, 0.0) if x >= low else (math.nan, math.nan, math.nan)


clip: Op = primitive(
    name="clip",
    forward=clip_forward,
    partials=clip_partials,
    doc="Between its edges a clip passes the gradient on; beyond them it stops it.",
    domain=(
        REAL,
        Domain("edges with low <= high", math.isfinite, (-1.5, -0.5)),
        Domain("edges with low <= high", math.isfinite, (0.5, 2.5)),
    ),
    kink=Kink(
        lambda x, low, high: x in (low, high),
        0.0,
        1.0,
        "On an edge every derivative from 0 to 1 is right; ours is 1, as in PyTorch; JAX takes 0.5.",
    ),
    lower=clip_lower,
    torch="torch.minimum(torch.maximum({x}, {y}), {z})",
    saturates=True,
)


def _flat(x: Any, out: Any) -> tuple[float]:
    return (0.0,)


def _whole(cut: Any) -> Any:
    """Forward rule of floor, ceil or round: a float of whole value, with the sign of x also at 0."""
    return lambda x: math.copysign(float(cut(x)), x) if math.isfinite(x) else x


_OFF_GRID = Domain("a finite {x}", math.isfinite, (-2.7, -1.2, -0.3, 0.2, 0.7, 3.4))
_JUMP = Kink(
    lambda x: x == math.floor(x),
    0.0,
    0.0,
    "At a whole number the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.",
)

sign: Op = primitive(
    name="sign",
    forward=lambda x: math.copysign(1.0, x) if x < 0 or x > 0 else x,
    partials=_flat,
    doc="The sign is flat on both sides of 0, so no gradient passes through it.",
    kink=Kink(
        lambda x: x == 0,
        0.0,
        0.0,
        "At 0 the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.",
    ),
    lower=lambda x: 1.0 if x > 0 else -1.0 if x < 0 else x,
)

floor: Op = primitive(
    name="floor",
    forward=_whole(math.floor),
    partials=_flat,
    doc="A staircase is flat between its steps, so no gradient passes through it.",
    domain=(_OFF_GRID,),
    kink=_JUMP,
    latex=r"\left\lfloor {x} \right\rfloor",
)

ceil: Op = primitive(
    name="ceil",
    forward=_whole(math.ceil),
    partials=_flat,
    doc="A staircase is flat between its steps, so no gradient passes through it.",
    domain=(_OFF_GRID,),
    kink=_JUMP,
    latex=r"\left\lceil {x} \right\rceil",
)

round: Op = primitive(
    name="round",
    forward=_whole(round),
    partials=_flat,
    doc="To the nearest whole number, halves to the even one: a staircase, so no gradient passes through it.",
    domain=(_OFF_GRID,),
    kink=Kink(
        lambda x: x - math.floor(x) == 0.5,
        0.0,
        0.0,
        "At a half the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.",
    ),
    source="{lib}.rint({x})",
    torch="torch.round({x})",
)
