"""The rows of the activation functions, each stable for operands of any size."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Kink, row


def _relu(x: float) -> float:
    return x if x > 0 else x * 0.0 if x != x else 0.0  # a NaN stays a NaN


def _sigmoid(x: float) -> float:
    """1 / (1 + e^-x), with an exponent that is never positive and so never overflows."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _softplus(x: float) -> float:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which never overflows."""
    return (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x


relu = row(
    name="relu",
    symbol="ReLU",
    forward=_relu,
    partials=lambda x, out: (1.0 if x > 0 else 0.0 if x <= 0 else math.nan,),
    latex=r"\operatorname{{ReLU}}\left({x}\right)",
    source="{lib}.maximum({x}, 0.0)",
    domain=(REAL,),
    kink=Kink(lambda x: x == 0, 0.0, 1.0, "At 0 every slope from 0 to 1 is right; ours is 0."),
    because="A relu passes the gradient on where its input is positive and stops it elsewhere.",
)

sigmoid = row(
    name="sigmoid",
    symbol="sigmoid",
    forward=_sigmoid,
    partials=lambda x, out: (out * (1.0 - out),),
    latex=r"\sigma\left({x}\right)",
    source="1.0 / (1.0 + {lib}.exp(-{x}))",
    domain=(REAL,),
    because="The slope s(1-s) is largest, 1/4, at the origin and fades to 0 on both sides.",
)

softplus = row(
    name="softplus",
    symbol="softplus",
    forward=_softplus,
    partials=lambda x, out: (sigmoid(x),),
    latex=r"\log\left(1 + e^{{{x}}}\right)",
    source="{lib}.logaddexp(0.0, {x})",
    domain=(REAL,),
    because="A smooth relu: its slope is the sigmoid.",
)
