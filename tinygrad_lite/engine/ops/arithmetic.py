"""The ops of + - * / and abs, and the two kinds of leaf."""

from __future__ import annotations

from tinygrad_lite.engine.op import NOT_ZERO, REAL, Kink, Op, primitive
from tinygrad_lite.hints import Any


def _no_rule(*operands: Any) -> Any:
    raise TypeError("a leaf is given, not computed: it has no forward rule and no local derivatives.")


leaf: Op = primitive(
    name="leaf",
    forward=_no_rule,
    partials=_no_rule,
    doc="A number that was given as input: a weight, a bias or a feature.",
    **dict.fromkeys(("symbol", "latex", "source"), ""),
    arity=0,
)

constant: Op = primitive(
    name="constant",
    forward=_no_rule,
    partials=_no_rule,
    doc="A bare number in the program: nobody asks for its gradient.",
    **dict.fromkeys(("symbol", "latex", "source"), ""),
    arity=0,
)

add: Op = primitive(
    name="add",
    symbol="+",
    forward=lambda x, y: x + y,
    partials=lambda x, y, out: (1.0, 1.0),
    doc="A sum passes the gradient on to both terms unchanged.",
    domain=(REAL, REAL),
    infix="+",
    cost=1,
)

sub: Op = primitive(
    name="sub",
    symbol="-",
    forward=lambda x, y: x - y,
    partials=lambda x, y, out: (1.0, -1.0),
    doc="A difference passes the gradient on to the first term, and its opposite to the second.",
    domain=(REAL, REAL),
    infix="-",
    cost=1,
)

mul: Op = primitive(
    name="mul",
    symbol="*",
    forward=lambda x, y: x * y,
    partials=lambda x, y, out: (y, x),
    doc="In a product the derivative w.r.t. each factor is the other factor.",
    domain=(REAL, REAL),
    latex=r"{x} \cdot {y}",
    infix="*",
    cost=1,
)

div: Op = primitive(
    name="div",
    symbol="/",
    forward=lambda x, y: x / y,
    partials=lambda x, y, out: (1.0 / y, -out / y),  # -x / y**2, without the overflow of y**2
    doc="A quotient has the derivative 1/y w.r.t. x, and -x/y^2 w.r.t. y.",
    domain=(REAL, NOT_ZERO),
    latex=r"\frac{{{x}}}{{{y}}}",
    infix="/",
    cost=4,
)

neg: Op = primitive(
    name="neg",
    forward=lambda x: -x,
    partials=lambda x, out: (-1.0,),
    doc="A changed sign changes the sign of the gradient.",
    infix="-",
    cost=1,
)

absolute: Op = primitive(
    name="abs",
    forward=abs,
    partials=lambda x, out: (1.0 if x > 0 else -1.0 if x < 0 else x * 0.0,),
    doc="The absolute value keeps positive numbers and turns negative ones around.",
    kink=Kink(
        lambda x: x == 0,
        -1.0,
        1.0,
        "At 0 every derivative from -1 to 1 is right; ours is 0, the middle, as in PyTorch; JAX takes 1.",
    ),
    latex=r"\left|{x}\right|",
    source="abs({x})",
    numpy="{lib}.abs({x})",
    torch="{lib}.abs({x})",
    jax="{lib}.abs({x})",
    cost=1,
)
