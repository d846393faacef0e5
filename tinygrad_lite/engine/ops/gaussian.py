"""The rows around the bell curve: erf, erfc and the two forms of gelu.

Far out, the bell curve e^(-x^2) is so steep that rounding x^2 alone costs hundreds of its last
digits. The functions here first split numbers into halves whose products are exact (Veltkamp
and Dekker, 1971), and so give the lost part back.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Op, primitive
from tinygrad_lite.engine.ops.activations import sigmoid, sigmoid_slope
from tinygrad_lite.engine.ops.exponential import exp
from tinygrad_lite.hints import Any

_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
_SQRT_HALF = math.sqrt(0.5)
_SQRT_HALF_REST = -4.833646656726457e-17  # sqrt(1/2) has more digits than a float
_PEAK = 1.0 / math.sqrt(2.0 * math.pi)  # of the bell curve whose area is 1
_C = math.sqrt(2.0 / math.pi)  # the constants of gelu's tanh form, Hendrycks and Gimpel, 2016
_D = 0.044715


def _halves(x: float) -> tuple[float, float]:
    """x as the sum of its leading 26 bits and the rest: products of halves are exact."""
    c = 134217729.0 * x  # 2^27 + 1
    high = c - (c - x)
    return high, x - high


def _bell(x: float, width: float) -> float:
    """e^(-width x^2) for a width that is a power of two, with x^2 as high^2 + (x - high)(x + high)."""
    if abs(x) > 40.0:
        return 0.0 if x == x else x
    high, low = _halves(x)
    return math.exp(-width * high * high) * math.exp(-width * low * (x + high))


def _normal_cdf(x: float) -> float:
    """The area under the normal bell curve up to x: erfc(-x / sqrt(2)) / 2."""
    z = -x * _SQRT_HALF
    area = math.erfc(z)
    if -40.0 < x < 0.0:  # correct z by what rounding took from it
        (a, b), (c, d) = _halves(-x), _halves(_SQRT_HALF)
        lost = ((a * c - z) + a * d + b * c) + b * d - x * _SQRT_HALF_REST
        area -= lost * _TWO_OVER_SQRT_PI * math.exp(-z * z)
    return 0.5 * area


erf: Op = primitive(
    name="erf",
    symbol="erf",
    forward=math.erf,
    partials=lambda x, out: (_TWO_OVER_SQRT_PI * exp(-(x * x)),),
    stable_derivatives=lambda x, out: (_TWO_OVER_SQRT_PI * _bell(x, 1.0),),
    latex=r"\operatorname{{erf}}\left({x}\right)",
    source="{lib}.erf({x})",
    domain=(REAL,),
    doc="The area under a bell curve; so its slope is the bell curve.",
)

erfc: Op = primitive(
    name="erfc",
    symbol="erfc",
    forward=math.erfc,
    partials=lambda x, out: (-_TWO_OVER_SQRT_PI * exp(-(x * x)),),
    stable_derivatives=lambda x, out: (-_TWO_OVER_SQRT_PI * _bell(x, 1.0),),
    latex=r"\operatorname{{erfc}}\left({x}\right)",
    source="{lib}.erfc({x})",
    domain=(REAL,),
    doc="1 - erf(x), with all its digits in the tail; the slope is minus the bell curve.",
)

gelu: Op = primitive(
    name="gelu",
    symbol="GELU",
    forward=lambda x: -0.0 if x < -40.0 else x * _normal_cdf(x),  # also at -inf
    partials=lambda x, out: (0.5 * erfc(-_SQRT_HALF * x) + x * (_PEAK * exp(-0.5 * (x * x))),),
    stable_derivatives=lambda x, out: (_normal_cdf(x) + (x * (_PEAK * _bell(x, 0.5)) if abs(x) < 40.0 else 0.0),),
    latex=r"\operatorname{{GELU}}\left({x}\right)",
    source="0.5 * {x} * (1.0 + {lib}.erf({x} / 2.0**0.5))",
    domain=(REAL,),
    lower=lambda x: 0.5 * x * erfc(-_SQRT_HALF * x),
    doc="x times the chance that a normal number is below x: a relu with a soft corner.",
)


def _gelu_tanh(x: float) -> float:
    """x/2 (1 + tanh(z)) is x sigmoid(2z), which keeps its digits for negative x."""
    return -0.0 if x < -100.0 else x * sigmoid.forward(2.0 * _C * (x + _D * x * x * x))


def _gelu_tanh_partials(x: Any, out: Any) -> tuple[Any]:
    s = sigmoid(2.0 * _C * (x + _D * (x * x * x)))
    return (s + x * (s * (1.0 - s)) * (2.0 * _C * (1.0 + 3.0 * _D * (x * x))),)


def _gelu_tanh_slope(x: float, out: float) -> tuple[float]:
    if abs(x) > 100.0:
        return (1.0 if x > 0 else 0.0,)
    z = 2.0 * _C * (x + _D * x * x * x)
    return (sigmoid.forward(z) + x * sigmoid_slope(z) * (2.0 * _C * (1.0 + 3.0 * _D * x * x)),)


def _gelu_tanh_on_values(x: Any, out: Any) -> tuple[Any]:
    if x > 100.0 or x < -100.0:
        return (1.0 if x > 0 else 0.0,)
    z = 2.0 * _C * (x + _D * (x * x * x))
    return (sigmoid(z) * (1.0 + x * sigmoid(-z) * (2.0 * _C * (1.0 + 3.0 * _D * (x * x)))),)


gelu_tanh = primitive(
    name="gelu_tanh",
    symbol="GELU~",
    forward=_gelu_tanh,
    partials=_gelu_tanh_partials,
    stable_derivatives=_gelu_tanh_slope,
    graph_derivatives=_gelu_tanh_on_values,
    latex=r"\operatorname{{GELU}}_{{\tanh}}\left({x}\right)",
    source="0.5 * {x} * (1.0 + {lib}.tanh((2.0 / {lib}.pi) ** 0.5 * ({x} + 0.044715 * {x} ** 3)))",
    domain=(REAL,),
    lower=lambda x: x * sigmoid(2.0 * _C * (x + _D * (x * x * x))),
    doc="The older, cheaper form of gelu; it differs from the exact one by less than 0.0005.",
)
