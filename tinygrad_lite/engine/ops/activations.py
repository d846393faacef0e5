"""The activation functions, each stable for operands of any size."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import REAL, Domain, Kink, Op, primitive
from tinygrad_lite.engine.ops.choices import clip_forward, clip_lower, clip_partials, minimum
from tinygrad_lite.engine.ops.exponential import exp, expm1, log1p
from tinygrad_lite.hints import Any

_SELU_SCALE = 1.0507009873554804934193349852946  # Klambauer and others, 2017
_SELU_ALPHA = 1.6732632423543772848170429916717
_PARAMETER = Domain("a finite {x}", math.isfinite, (0.01, 0.2, 1.0))


def _relu(x: float) -> float:
    return x if x > 0 else x * 0.0 if x != x else 0.0  # a NaN stays a NaN


def _sigmoid(x: float) -> float:
    """1 / (1 + e^-x), with an exponent that is never positive and so never overflows."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _lower_sigmoid(x: Any) -> Any:
    """The same in every arithmetic: e = e^-|x| is at most 1."""
    e = exp(-abs(x))
    return (e if x < 0 else 1.0) / (1.0 + e)


def _softplus(x: float) -> float:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), which never overflows."""
    return (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x


relu: Op = primitive(
    name="relu",
    symbol="ReLU",
    forward=_relu,
    partials=lambda x, out: (1.0 if out > 0 else 0.0 if out <= 0 else math.nan,),  # out > 0 just where x > 0
    doc="A relu passes the gradient on where its input is positive and stops it elsewhere.",
    kink=Kink(
        lambda x: x == 0, 0.0, 1.0, "At 0 every derivative from 0 to 1 is right; ours is 0, as in PyTorch and JAX."
    ),
    lower=lambda x: 0.0 if x < 0 else x,  # asked in this order, a NaN stays a NaN
    latex=r"\operatorname{{ReLU}}\left({x}\right)",
    source="{lib}.maximum({x}, 0.0)",
    activation=True,
    torch="torch.relu({x})",
    jax="jax.nn.relu({x})",
)

leaky_relu: Op = primitive(
    name="leaky_relu",
    symbol="LeakyReLU",
    forward=lambda x, slope=0.01: x if x > 0 else slope * x,
    partials=lambda x, slope, out: (1.0, 0.0) if x > 0 else (slope, x) if x <= 0 else (math.nan, math.nan),
    doc="A relu that lets a small part of the gradient through on its negative side too.",
    domain=(REAL, _PARAMETER),
    kink=Kink(
        lambda x, slope: x == 0,
        0.0,
        1.0,
        "At 0 every derivative between the two sides is right; ours is the left one, as in PyTorch; JAX takes 1.",
    ),
    lower=lambda x, slope: relu(x) - slope * relu(-x),
    latex=r"\operatorname{{LeakyReLU}}\left({x}, {y}\right)",
    source="{lib}.where({x} > 0.0, {x}, {y} * {x})",
    activation=True,
)

elu: Op = primitive(
    name="elu",
    symbol="ELU",
    forward=lambda x, alpha=1.0: x if x > 0 else alpha * math.expm1(x),
    partials=lambda x, alpha, out: (1.0, 0.0) if x > 0 else (alpha * exp(x), expm1(x)),
    display_derivatives=lambda x, alpha, out: (1.0, 0.0) if x > 0 else (out + alpha, expm1(x)),
    traced_derivatives=lambda x, alpha, out: (1.0, 0.0) if x > 0 else (alpha * exp(x), expm1(x)),
    doc="A relu that bends down smoothly to -alpha on its negative side.",
    domain=(REAL, _PARAMETER),
    kink=Kink(
        lambda x, alpha: x == 0 and alpha != 1,
        0.0,
        1.0,
        "At 0 every derivative between the two sides is right; ours is alpha, the left one, as in PyTorch and JAX.",
    ),
    lower=lambda x, alpha: relu(x) + alpha * expm1(minimum(x, 0.0)),
    latex=r"\operatorname{{ELU}}\left({x}, {y}\right)",
    source="{lib}.where({x} > 0.0, {x}, {y} * {lib}.expm1({lib}.minimum({x}, 0.0)))",
    activation=True,
    torch="torch.where({x} > 0.0, {x}, {y} * torch.expm1(torch.clamp({x}, max=0.0)))",
)

selu: Op = primitive(
    name="selu",
    symbol="SELU",
    forward=lambda x: _SELU_SCALE * (x if x > 0 else _SELU_ALPHA * math.expm1(x)),
    partials=lambda x, out: (_SELU_SCALE if x > 0 else (_SELU_SCALE * _SELU_ALPHA) * exp(x),),
    doc="An elu scaled so that a deep network keeps mean 0 and variance 1 by itself.",
    kink=Kink(
        lambda x: x == 0,
        1.0507,
        1.7582,
        "At 0 every derivative from 1.05 to 1.76 is right; ours is the left, 1.76, as in PyTorch and JAX.",
    ),
    lower=lambda x: _SELU_SCALE * relu(x) + (_SELU_SCALE * _SELU_ALPHA) * expm1(minimum(x, 0.0)),
    latex=r"\operatorname{{SELU}}\left({x}\right)",
    source="1.0507009873554805 * {lib}.where({x} > 0.0, {x}, "
    "1.6732632423543772 * {lib}.expm1({lib}.minimum({x}, 0.0)))",
    activation=True,
    torch="torch.selu({x})",
    jax="jax.nn.selu({x})",
)

sigmoid: Op = primitive(
    name="sigmoid",
    forward=_sigmoid,
    partials=lambda x, out: (out * (1.0 - out if out < 0.5 else sigmoid(-x)),),  # 1 - out has no digits left near 1
    traced_derivatives=lambda x, out: (out * sigmoid(-x),),
    doc="The derivative s(1-s) is largest, 1/4, at the origin and fades to 0 on both sides.",
    lower=_lower_sigmoid,
    latex=r"\sigma\left({x}\right)",
    source="1.0 / (1.0 + {lib}.exp(-{x}))",
    activation=True,
    display_derivatives=lambda x, out: (out * (1.0 - out),),
    numpy="{lib}.exp(-{lib}.logaddexp(0.0, -{x}))",
    torch="torch.sigmoid({x})",
    jax="jax.nn.sigmoid({x})",
    saturates=True,
    exact=(0.0, 0.5),
)

logsigmoid: Op = primitive(
    name="logsigmoid",
    forward=lambda x: -_softplus(-x),
    partials=lambda x, out: (sigmoid(-x),),
    doc="The logarithm of the sigmoid; its derivative is 1 far below 0 and fades to 0 above.",
    lower=lambda x: -softplus(-x),
    latex=r"\log\,\sigma\left({x}\right)",
    source="-{lib}.logaddexp(0.0, -{x})",
    activation=True,
    torch="torch.nn.functional.logsigmoid({x})",
    jax="jax.nn.log_sigmoid({x})",
)

softplus: Op = primitive(
    name="softplus",
    forward=_softplus,
    partials=lambda x, out: (sigmoid(x),),
    doc="A smooth relu: its derivative is the sigmoid.",
    lower=lambda x: relu(x) + log1p(exp(-abs(x))),
    latex=r"\log\left(1 + e^{{{x}}}\right)",
    source="{lib}.logaddexp(0.0, {x})",
    activation=True,
    torch="torch.nn.functional.softplus({x})",
    jax="jax.nn.softplus({x})",
)


def _silu_derivative(x: Any, out: Any) -> tuple[Any]:
    s = sigmoid(x)
    return (s + x * (s * (1.0 - s)),)


silu: Op = primitive(
    name="silu",
    symbol="SiLU",
    forward=lambda x: x * _sigmoid(x),
    partials=lambda x, out: (sigmoid(x) * (1.0 + x * sigmoid(-x)),),
    doc="x times its sigmoid, also called swish: a relu with a soft corner that dips below 0.",
    lower=lambda x: x * sigmoid(x),
    latex=r"\operatorname{{SiLU}}\left({x}\right)",
    source="{x} / (1.0 + {lib}.exp(-{x}))",
    activation=True,
    display_derivatives=_silu_derivative,
    numpy="{x} * {lib}.exp(-{lib}.logaddexp(0.0, -{x}))",
    torch="torch.nn.functional.silu({x})",
    jax="jax.nn.silu({x})",
)


def _softsign_partials(x: Any, out: Any) -> tuple[Any]:
    share = 1.0 / (1.0 + abs(x))
    return (share * share,)


softsign: Op = primitive(
    name="softsign",
    forward=lambda x: x / (1.0 + abs(x)),
    partials=_softsign_partials,
    doc="Like tanh, but it nears -1 and 1 slowly, so its derivative never quite dies.",
    lower=lambda x: x / (1.0 + abs(x)),
    latex=r"\frac{{{x}}}{{1 + \left|{x}\right|}}",
    source="{x} / (1.0 + abs({x}))",
    activation=True,
    numpy="{x} / (1.0 + {lib}.abs({x}))",
    torch="torch.nn.functional.softsign({x})",
    jax="{x} / (1.0 + {lib}.abs({x}))",
    saturates=True,
)

hardtanh: Op = primitive(
    name="hardtanh",
    forward=lambda x, low=-1.0, high=1.0: clip_forward(x, low, high),
    partials=clip_partials,
    doc="A tanh made of three straight lines: the derivative is 1 between its edges and 0 beyond.",
    domain=(
        REAL,
        Domain("a finite {x}", math.isfinite, (-1.0, -2.0)),
        Domain("a finite {x}", math.isfinite, (1.0, 2.5)),
    ),
    kink=Kink(
        lambda x, low, high: x in (low, high),
        0.0,
        1.0,
        "On an edge every derivative from 0 to 1 is right; ours is 1, as in JAX; PyTorch takes 0.",
    ),
    lower=clip_lower,
    source="{lib}.minimum({lib}.maximum({x}, {y}), {z})",
    activation=True,
    saturates=True,
    torch="torch.minimum(torch.maximum({x}, {y}), {z})",
    jax="jnp.clip({x}, {y}, {z})",
)
