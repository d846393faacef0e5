"""Exponentials and logarithms."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import POSITIVE, REAL, Domain, Op, primitive
from tinygrad_lite.hints import Any

_LOG_2 = math.log(2.0)
_LOG2_E = 1.0 / _LOG_2  # 1.4426950408889634
_LOG10_E = 0.4342944819032518

exp: Op = primitive(
    name="exp",
    forward=math.exp,
    partials=lambda x, out: (out,),
    doc="The exponential is its own derivative.",
    latex="e^{{{x}}}",
    activation=True,  # of an output that counts, or on the way to a softmax
    exact=(0.0, 1.0),
)

exp2: Op = primitive(
    name="exp2",
    forward=math.exp2,
    partials=lambda x, out: (_LOG_2 * out,),
    doc="A doubling with every step has the derivative log(2) = 0.69 times itself.",
    lower=lambda x: exp(_LOG_2 * x),
    latex="2^{{{x}}}",
)

expm1: Op = primitive(
    name="expm1",
    forward=math.expm1,
    partials=lambda x, out: (exp(x),),  # not out + 1, which has no digits left far below 0
    doc="exp(x) - 1, exact also where x is tiny; the derivative is exp(x).",
    latex="e^{{{x}}} - 1",
)

log: Op = primitive(
    name="log",
    forward=math.log,
    partials=lambda x, out: (1.0 / x,),
    doc="The natural logarithm rises by 1/x: steep near 0, flat far out.",
    domain=(POSITIVE,),
    exact=(1.0, 0.0),
)

log2: Op = primitive(
    name="log2",
    forward=math.log2,
    partials=lambda x, out: (_LOG2_E / x,),
    doc="How many doublings lead to x; the derivative is that of log, divided by log(2).",
    domain=(POSITIVE,),
    lower=lambda x: _LOG2_E * log(x),
    latex=r"\log_2\left({x}\right)",
)

log10: Op = primitive(
    name="log10",
    forward=math.log10,
    partials=lambda x, out: (_LOG10_E / x,),
    doc="How many factors of ten lead to x; the derivative is that of log, divided by log(10).",
    domain=(POSITIVE,),
    lower=lambda x: _LOG10_E * log(x),
    latex=r"\log_{{10}}\left({x}\right)",
)

log1p: Op = primitive(
    name="log1p",
    forward=math.log1p,
    partials=lambda x, out: (1.0 / (1.0 + x),),
    doc="log(1 + x), exact also where x is tiny; the derivative is 1/(1 + x).",
    domain=(Domain("{x} > -1", lambda x: x > -1, (-0.9, -0.3, 0.01, 0.7, 3.0)),),
    latex=r"\log\left(1 + {x}\right)",
)


def _logsumexp(*xs: float) -> float:
    """The largest operand is taken out first, so that no exponential overflows."""
    top = max(xs)
    if math.isinf(top):
        return top
    return top + math.log(math.fsum([math.exp(x - top) for x in xs]))


def _softmax(*xs_and_out: Any) -> tuple[Any, ...]:
    """e^(x - out): each operand's share in the sum of the exponentials."""
    *xs, out = xs_and_out
    return tuple([exp(x - out) for x in xs])


def _stable_softmax(*xs_and_out: Any) -> tuple[Any, ...]:
    """The same, divided by the sum so that the shares add up to 1, since a large `out` cannot tell a share.

    The shift cancels, so it may be a bare number.
    """
    *xs, out = xs_and_out
    bare = out.__class__ is float
    if not bare and -64.0 < out < 64.0:
        return _softmax(*xs, out)
    top = max([x if x.__class__ is float else x.data for x in xs])
    if math.isinf(top):
        return _softmax(*xs, out) if top < 0 or not bare else tuple([math.nan if x == top else 0.0 for x in xs])
    parts = [exp(x - top) for x in xs]
    whole = math.fsum(parts) if bare else sum(parts[1:], parts[0])
    return tuple([part / whole for part in parts])


def _traced_softmax(*xs_and_out: Any) -> tuple[Any, ...]:
    """The same in every arithmetic; compiled code needs these exponentials for the value anyway."""
    from tinygrad_lite.engine.ops.choices import maximum
    from tinygrad_lite.engine.ops.reductions import sum as sum_of

    xs = xs_and_out[:-1]
    top = maximum(*xs)
    parts = [exp(x - top) for x in xs]
    whole = sum_of(*parts)
    return tuple([part / whole for part in parts])


def _stable_logsumexp(*xs: Any) -> Any:
    from tinygrad_lite.engine.ops.choices import maximum
    from tinygrad_lite.engine.ops.reductions import sum as sum_of

    top = maximum(*xs)
    return top + log(sum_of(*[exp(x - top) for x in xs])) if abs(top) < math.inf else top


logsumexp: Op = primitive(
    name="logsumexp",
    forward=_logsumexp,
    partials=_stable_softmax,
    display_derivatives=_softmax,
    traced_derivatives=_traced_softmax,
    doc="A smooth maximum; the derivatives are the operands' softmax, so they add up to 1.",
    lower=_stable_logsumexp,
    source="{lib}.logaddexp.reduce([{xs}])",
    numpy="{lib}.logaddexp.reduce({lib}.broadcast_arrays({xs}))",
    torch="{lib}.logsumexp({lib}.stack({lib}.broadcast_tensors({xs})), 0)",
    jax="jax.nn.logsumexp({lib}.stack({lib}.broadcast_arrays({xs})), axis=0)",
)

logaddexp: Op = primitive(
    name="logaddexp",
    forward=_logsumexp,
    partials=_stable_softmax,
    display_derivatives=_softmax,
    traced_derivatives=_traced_softmax,
    doc="A smooth maximum of two numbers; the derivatives are their softmax and add up to 1.",
    domain=(REAL, REAL),
    lower=_stable_logsumexp,
    latex=r"\log\left(e^{{{x}}} + e^{{{y}}}\right)",
    source="{lib}.logaddexp({x}, {y})",
    arity=2,
)
