"""Powers and roots."""

from __future__ import annotations

import math

from tinygrad_lite.engine.op import NOT_NEGATIVE, NOT_ZERO, REAL, Domain, Kink, Op, primitive
from tinygrad_lite.engine.ops.exponential import exp, log
from tinygrad_lite.hints import Any

_SMALLEST_NORMAL = 2.0**-1022  # below it floats have fewer digits
_LARGEST = (2.0 - 2.0**-52) * 2.0**1023  # which other arithmetics know, as they may not know infinity


def _pow(x: float, y: float) -> float:
    if x == 0 and y < 0:
        raise ZeroDivisionError
    return math.pow(x, y)  # refuses (-1)**0.5, where Python's ** would answer with a complex number


def falling(x: Any) -> Any:
    """An infinite derivative whose own are infinite too: -inf, then inf, and so on, as at a root's steep end."""
    return exp(-x) * math.inf


def _pow_partials(x: Any, y: Any, out: Any) -> tuple[Any, Any]:
    """y * x^(y-1) w.r.t. x, and x^y * log(x) w.r.t. y, with the limits where those have no value."""
    whole = y.__class__ is float and y in (0.0, 1.0)
    if x > 0:
        return y if whole else y * x ** (y - 1.0), out * log(x)
    if x >= 0:  # x = 0: 0^0 = 1 by convention, constant in x
        wrt_x = y if whole else y * x ** (y - 1.0) if y >= 1 else falling(x)
        return (0.0 if y <= 0 else wrt_x), 0.0
    # x < 0: there is a derivative w.r.t. x if y is whole, and none w.r.t. y; so the NaN depends on both
    return y if whole else y * x ** (y - 1.0), math.nan if y.__class__ is float else out * math.nan


def _pow_rule(x: Any, y: Any, out: Any) -> tuple[Any, Any]:
    """The same with all its digits and limits.

    For floats: where y - 1 would be rounded, or x^(y-1) be too large, it is written as x^y / x. For Values: at
    x = 0 < y <= 1 the derivative w.r.t. x falls without end as y grows, and that w.r.t. y as x does, as roots do.
    """
    if out.__class__ is not float:
        if y.__class__ is float or not (x >= 0 >= x and 0 < y <= 1):
            return _pow_partials(x, y, out)
        return y - sqrt(y - 1.0) if y >= 1 else falling(x + y), 0.0 - sqrt(x)
    if x > 0 and not y.is_integer() and out >= _SMALLEST_NORMAL:
        return y * (out / x), out * math.log(x)
    try:
        return _pow_partials(x, y, out)
    except OverflowError:
        return y * (out / x), out * math.log(x) if x > 0 else math.nan


pow: Op = primitive(
    name="pow",
    symbol="**",
    forward=_pow,
    partials=_pow_rule,
    doc="The power rule: bring the exponent down and lower it by one.",
    domain=(
        Domain("{x} > 0, or a whole exponent that is not negative at {x} = 0", lambda x: x > 0, (0.2, 0.7, 1.0, 2.5)),
        REAL,
    ),
    latex="{x}^{{{y}}}",
    display_derivatives=_pow_partials,
    infix="**",
)

square: Op = primitive(
    name="square",
    forward=lambda x: x * x,
    partials=lambda x, out: (2.0 * x,),
    doc="A square grows by twice its side.",
    lower=lambda x: x * x,
    latex="{x}^2",
)

reciprocal: Op = primitive(
    name="reciprocal",
    symbol="1/x",
    forward=lambda x: 1.0 / x,
    partials=lambda x, out: (-(out * out),),
    doc="The reciprocal falls by its own square.",
    domain=(NOT_ZERO,),
    lower=lambda x: 1.0 / x,
    latex=r"\frac{{1}}{{{x}}}",
    source="1.0 / {x}",
)

sqrt: Op = primitive(
    name="sqrt",
    forward=math.sqrt,
    partials=lambda x, out: (falling(x) if out <= 0 else 0.5 / out,),
    doc="The square root has the derivative 1/(2*sqrt(x)), which is infinite at 0.",
    domain=(NOT_NEGATIVE,),
    latex=r"\sqrt{{{x}}}",
    cost=4,
)

cbrt: Op = primitive(
    name="cbrt",
    forward=math.cbrt,
    partials=lambda x, out: (exp(x * x) * math.inf if out <= 0 <= out else 1.0 / (3.0 * (out * out)),),
    doc="The third root exists for every number; its derivative is infinite at 0.",
    latex=r"\sqrt[3]{{{x}}}",
    torch="torch.sign({x}) * torch.abs({x}) ** (1.0 / 3.0)",
)


def _length(*xs: float) -> float:
    return math.hypot(*xs)


def _lower_length(*xs: Any) -> Any:
    """The longest of them times the square root of the squared ratios to it, so that no square overflows."""
    from tinygrad_lite.engine.ops.choices import maximum

    longest = maximum(*[abs(x) for x in xs])
    ratios = [x / longest for x in xs] if 0 < longest <= _LARGEST else []
    return longest * sqrt(sum(r * r for r in ratios)) if ratios else longest


def _cosines(*xs_and_out: Any) -> tuple[Any, ...]:
    """The cosine of the angle with each axis; at the origin, where there is none, 0."""
    *xs, out = xs_and_out
    return tuple([x * 0.0 if out <= 0 else x / out for x in xs])


def _at_origin(*xs: float) -> bool:
    return not any(xs)


_MIDDLE = "At the origin every derivative from -1 to 1 is right; ours is 0, the middle"

hypot: Op = primitive(
    name="hypot",
    forward=_length,
    partials=_cosines,
    doc="The length of (x, y) grows with x by the cosine of its angle with the x axis.",
    domain=(REAL, REAL),
    kink=Kink(_at_origin, -1.0, 1.0, f"{_MIDDLE}; PyTorch gives NaN, JAX 0.5."),
    lower=_lower_length,
    latex=r"\sqrt{{{x}^2 + {y}^2}}",
    arity=2,
)

norm: Op = primitive(
    name="norm",
    forward=_length,
    partials=_cosines,
    doc="The length of a vector grows with each of them by the cosine of its angle with that axis.",
    kink=Kink(_at_origin, -1.0, 1.0, f"{_MIDDLE}, as in PyTorch; JAX gives NaN."),
    lower=_lower_length,
    latex=r"\left\lVert {xs} \right\rVert",
    source="{lib}.linalg.norm([{xs}])",
    numpy="{lib}.linalg.norm({lib}.broadcast_arrays({xs}), axis=0)",
    torch="torch.stack(torch.broadcast_tensors({xs})).norm(dim=0)",
    jax="jnp.linalg.norm(jnp.stack(jnp.broadcast_arrays({xs})), axis=0)",
)
