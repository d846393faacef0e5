"""The ops around the bell curve: erf, erfc and the two forms of gelu.

Far out, the bell curve e^(-x^2) is so steep that rounding x^2 alone costs hundreds of its last
digits. The functions here first split numbers into halves whose products are exact (Veltkamp
and Dekker, 1971), and so give the lost part back.
"""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import Op, primitive
from tinygrad_lite.engine.ops.activations import sigmoid
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


def _bell(x: Any, width: float) -> Any:
    """e^(-width x^2) for a width that is a power of two; of a float with x^2 as high^2 + (x - high)(x + high)."""
    if x.__class__ is not float:
        return exp(-(x * x)) if width == 1.0 else exp(-width * (x * x))
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
    forward=math.erf,
    partials=lambda x, out: (_TWO_OVER_SQRT_PI * _bell(x, 1.0),),
    doc="The area under a bell curve; so its derivative is the bell curve.",
    numpy="_erf({x})",
    jax="jax.scipy.special.erf({x})",
    saturates=True,
    exact=(0.0, 0.0),
)

erfc: Op = primitive(
    name="erfc",
    forward=math.erfc,
    partials=lambda x, out: (-_TWO_OVER_SQRT_PI * _bell(x, 1.0),),
    doc="1 - erf(x), with all its digits in the tail; the derivative is minus the bell curve.",
    numpy="_erfc({x})",
    jax="jax.scipy.special.erfc({x})",
)


def _gelu_partials(x: Any, out: Any) -> tuple[Any]:
    """The area up to x, plus x times the height there; of a float with all digits."""
    if x.__class__ is not float:
        return (0.5 * erfc(-_SQRT_HALF * x) + x * (_PEAK * _bell(x, 0.5)),)
    return (_normal_cdf(x) + (x * (_PEAK * _bell(x, 0.5)) if abs(x) < 40.0 else 0.0),)


gelu: Op = primitive(
    name="gelu",
    symbol="GELU",
    forward=lambda x: -0.0 if x < -40.0 else x * _normal_cdf(x),  # also at -inf
    partials=_gelu_partials,
    doc="x times the chance that a normal number is below x: a relu with a soft corner.",
    lower=lambda x: 0.5 * x * erfc(-_SQRT_HALF * x),
    latex=r"\operatorname{{GELU}}\left({x}\right)",
    source="0.5 * {x} * (1.0 + {lib}.erf({x} / 2.0**0.5))",
    numpy="0.5 * {x} * _erfc(-{x} / 2.0**0.5)",
    torch="torch.nn.functional.gelu({x})",
    jax="jax.nn.gelu({x}, approximate=False)",
    activation=True,
)


def _gelu_tanh(x: float) -> float:
    """x/2 (1 + tanh(z)) is x sigmoid(2z), which keeps its digits for negative x."""
    return -0.0 if x < -100.0 else x * sigmoid.forward(2.0 * _C * (x + _D * x * x * x))


def _gelu_tanh_derivative(x: Any, out: Any) -> tuple[Any]:
    s = sigmoid(2.0 * _C * (x + _D * (x * x * x)))
    return (s + x * (s * (1.0 - s)) * (2.0 * _C * (1.0 + 3.0 * _D * (x * x))),)


def _gelu_tanh_partials(x: Any, out: Any) -> tuple[Any]:
    if x > 100.0 or x < -100.0:
        return (1.0 if x > 0 else 0.0,)
    z = 2.0 * _C * (x + _D * (x * x * x))
    return (sigmoid(z) * (1.0 + x * sigmoid(-z) * (2.0 * _C * (1.0 + 3.0 * _D * (x * x)))),)


gelu_tanh: Op = primitive(
    name="gelu_tanh",
    symbol="GELU~",
    forward=_gelu_tanh,
    partials=_gelu_tanh_partials,
    doc="The older, cheaper form of gelu; it differs from the exact one by less than 0.0005.",
    lower=lambda x: x * sigmoid(2.0 * _C * (x + _D * (x * x * x))),
    latex=r"\operatorname{{GELU}}_{{\tanh}}\left({x}\right)",
    source="0.5 * {x} * (1.0 + {lib}.tanh((2.0 / {lib}.pi) ** 0.5 * ({x} + 0.044715 * {x} ** 3)))",
    display_derivatives=_gelu_tanh_derivative,
    torch='torch.nn.functional.gelu({x}, approximate="tanh")',
    jax="jax.nn.gelu({x}, approximate=True)",
    activation=True,
)
