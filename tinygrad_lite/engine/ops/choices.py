"""The rows that choose: max and min of two numbers or more."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.engine.op import REAL, Kink, row


def _extreme(pick: Any) -> Any:
    """Forward rule of max or min, by which a NaN is never swallowed."""

    def forward(*xs: float) -> float:
        return math.nan if any(x != x for x in xs) else pick(xs)

    return forward


def _shared(*xs_and_out: Any) -> tuple[float, ...]:
    """Slope 1 for the chosen operand, shared equally among those that tie."""
    *xs, out = xs_and_out
    chosen = [bool(x <= out) and bool(x >= out) for x in xs]  # equal as numbers, for Values too
    return tuple((1.0 / sum(chosen) if hit else 0.0) if any(chosen) else math.nan for hit in chosen)


def _tie(pick: Any) -> Any:
    return lambda *xs: sum(x == pick(xs) for x in xs) > 1


maximum = row(
    name="max",
    symbol="max",
    forward=_extreme(max),
    partials=_shared,
    latex=r"\max\left({xs}\right)",
    source="max({xs})",
    domain=(REAL,),
    kink=Kink(_tie(max), 0.0, 1.0, "Operands that tie share the gradient equally."),
    because="Only the largest operand moves the result, so it takes the whole gradient.",
    arity=None,
)

minimum = row(
    name="min",
    symbol="min",
    forward=_extreme(min),
    partials=_shared,
    latex=r"\min\left({xs}\right)",
    source="min({xs})",
    domain=(REAL,),
    kink=Kink(_tie(min), 0.0, 1.0, "Operands that tie share the gradient equally."),
    because="Only the smallest operand moves the result, so it takes the whole gradient.",
    arity=None,
)
