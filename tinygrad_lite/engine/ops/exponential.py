"""The rows of exponentials and logarithms."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import POSITIVE, REAL, Domain, primitive
from tinygrad_lite.hints import Any

_LOG_2 = math.log(2.0)
_LOG2_E = 1.0 / _LOG_2  # 1.4426950408889634
_LOG10_E = 0.4342944819032518

exp = primitive(
    name="exp",
    symbol="exp",
    forward=math.exp,
    partials=lambda x, out: (out,),
    latex="e^{{{x}}}",
    source="{lib}.exp({x})",
    domain=(REAL,),
    doc="The exponential is its own slope.",
)

exp2 = primitive(
    name="exp2",
    symbol="exp2",
    forward=math.exp2,
    partials=lambda x, out: (_LOG_2 * out,),
    latex="2^{{{x}}}",
    source="{lib}.exp2({x})",
    domain=(REAL,),
    lower=lambda x: exp(_LOG_2 * x),
    doc="A doubling with every step has the slope log(2) = 0.69 times itself.",
)

expm1 = primitive(
    name="expm1",
    symbol="expm1",
    forward=math.expm1,
    partials=lambda x, out: (exp(x),),  # not out + 1, which has no digits left far below 0
    latex="e^{{{x}}} - 1",
    source="{lib}.expm1({x})",
    domain=(REAL,),
    doc="exp(x) - 1, exact also where x is tiny; the slope is exp(x).",
)

log = primitive(
    name="log",
    symbol="log",
    forward=math.log,
    partials=lambda x, out: (1.0 / x,),
    latex=r"\log\left({x}\right)",
    source="{lib}.log({x})",
    domain=(POSITIVE,),
    doc="The natural logarithm rises by 1/x: steep near 0, flat far out.",
)

log2 = primitive(
    name="log2",
    symbol="log2",
    forward=math.log2,
    partials=lambda x, out: (_LOG2_E / x,),
    latex=r"\log_2\left({x}\right)",
    source="{lib}.log2({x})",
    domain=(POSITIVE,),
    lower=lambda x: _LOG2_E * log(x),
    doc="How many doublings lead to x; the slope is that of log, divided by log(2).",
)

log10 = primitive(
    name="log10",
    symbol="log10",
    forward=math.log10,
    partials=lambda x, out: (_LOG10_E / x,),
    latex=r"\log_{{10}}\left({x}\right)",
    source="{lib}.log10({x})",
    domain=(POSITIVE,),
    lower=lambda x: _LOG10_E * log(x),
    doc="How many factors of ten lead to x; the slope is that of log, divided by log(10).",
)

log1p = primitive(
    name="log1p",
    symbol="log1p",
    forward=math.log1p,
    partials=lambda x, out: (1.0 / (1.0 + x),),
    latex=r"\log\left(1 + {x}\right)",
    source="{lib}.log1p({x})",
    domain=(Domain("{x} > -1", lambda x: x > -1, (-0.9, -0.3, 0.01, 0.7, 3.0)),),
    doc="log(1 + x), exact also where x is tiny; the slope is 1/(1 + x).",
)


def _logsumexp(*xs: float) -> float:
    """The largest operand is taken out first, so that no exponential overflows."""
    top = max(xs)
    if math.isinf(top):
        return top
    return top + math.log(math.fsum([math.exp(x - top) for x in xs]))


def _shares(*xs_and_out: Any) -> tuple[Any, ...]:
    """e^(x - out): each operand's share in the sum of the exponentials, which is the softmax."""
    *xs, out = xs_and_out
    return tuple([exp(x - out) for x in xs])


def _careful_shares(*xs_and_out: float) -> tuple[float, ...]:
    """The same for floats: divided by their sum, so that the shares add up to 1 to the last digits."""
    xs = xs_and_out[:-1]
    top = max(xs)
    if math.isinf(top):
        return _shares(*xs_and_out) if top < 0 else tuple([math.nan if x == top else 0.0 for x in xs])
    parts = [math.exp(x - top) for x in xs]
    whole = math.fsum(parts)
    return tuple([part / whole for part in parts])


def _shares_on_values(*xs_and_out: Any) -> tuple[Any, ...]:
    """The same for Values, where `out` is too large to tell a share. The shift cancels, so it may be a bare number."""
    *xs, out = xs_and_out
    if -64.0 < out < 64.0 or math.isinf(out.data):
        return _shares(*xs, out)
    top = max([x if x.__class__ is float else x.data for x in xs])
    parts = [exp(x - top) for x in xs]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return tuple([part / whole for part in parts])


def _shares_on_tapes(*xs_and_out: Any) -> tuple[Any, ...]:
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


logsumexp = primitive(
    name="logsumexp",
    symbol="logsumexp",
    forward=_logsumexp,
    partials=_shares,
    stable_derivatives=_careful_shares,
    graph_derivatives=_shares_on_values,
    traced_derivatives=_shares_on_tapes,
    latex=r"\operatorname{{logsumexp}}\left({xs}\right)",
    source="{lib}.logaddexp.reduce([{xs}])",
    domain=(REAL,),
    lower=_stable_logsumexp,
    doc="A smooth maximum; the slope along each operand is its softmax, so the slopes add up to 1.",
    arity=None,
)

logaddexp = primitive(
    name="logaddexp",
    symbol="logaddexp",
    forward=_logsumexp,
    partials=_shares,
    stable_derivatives=_careful_shares,
    graph_derivatives=_shares_on_values,
    traced_derivatives=_shares_on_tapes,
    latex=r"\log\left(e^{{{x}}} + e^{{{y}}}\right)",
    source="{lib}.logaddexp({x}, {y})",
    domain=(REAL, REAL),
    lower=_stable_logsumexp,
    doc="A smooth maximum of two numbers; the slopes are their softmax and add up to 1.",
    arity=2,
)
