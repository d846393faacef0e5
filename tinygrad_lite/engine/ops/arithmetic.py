"""The rows of + - * / and abs, and the two kinds of leaf."""

from __future__ import annotations

from tinygrad_lite.engine.op import NOT_ZERO, REAL, Kink, primitive
from tinygrad_lite.hints import Any


def _no_rule(*operands: Any) -> Any:
    raise TypeError("a leaf is given, not computed: it has no forward rule and no local derivatives.")


leaf = primitive(
    name="leaf",
    symbol="",
    forward=_no_rule,
    partials=_no_rule,
    latex="",
    source="",
    domain=(REAL,),
    doc="A number that was put in: a weight, a bias or an input.",
    arity=0,
)

constant = primitive(
    name="constant",
    symbol="",
    forward=_no_rule,
    partials=_no_rule,
    latex="",
    source="",
    domain=(REAL,),
    doc="A bare number in the program: nobody asks for its gradient.",
    arity=0,
)

add = primitive(
    name="add",
    symbol="+",
    forward=lambda x, y: x + y,
    partials=lambda x, y, out: (1.0, 1.0),
    latex="{x} + {y}",
    source="{x} + {y}",
    domain=(REAL, REAL),
    doc="A sum passes the gradient on to both terms unchanged.",
    arity=2,
)

sub = primitive(
    name="sub",
    symbol="-",
    forward=lambda x, y: x - y,
    partials=lambda x, y, out: (1.0, -1.0),
    latex="{x} - {y}",
    source="{x} - {y}",
    domain=(REAL, REAL),
    doc="A difference passes the gradient on to the first term, and its opposite to the second.",
    arity=2,
)

mul = primitive(
    name="mul",
    symbol="*",
    forward=lambda x, y: x * y,
    partials=lambda x, y, out: (y, x),
    latex=r"{x} \cdot {y}",
    source="{x} * {y}",
    domain=(REAL, REAL),
    doc="In a product each factor's slope is the other factor.",
    arity=2,
)

div = primitive(
    name="div",
    symbol="/",
    forward=lambda x, y: x / y,
    partials=lambda x, y, out: (1.0 / y, -out / y),  # -x / y**2, without the overflow of y**2
    latex=r"\frac{{{x}}}{{{y}}}",
    source="{x} / {y}",
    domain=(REAL, NOT_ZERO),
    doc="A quotient has the slope 1/y along x, and -x/y^2 along y.",
    arity=2,
)

neg = primitive(
    name="neg",
    symbol="neg",
    forward=lambda x: -x,
    partials=lambda x, out: (-1.0,),
    latex="-{x}",
    source="-{x}",
    domain=(REAL,),
    doc="A changed sign changes the sign of the gradient.",
)


absolute = primitive(
    name="abs",
    symbol="abs",
    forward=abs,
    partials=lambda x, out: (1.0 if x > 0 else -1.0 if x < 0 else x * 0.0,),
    latex=r"\left|{x}\right|",
    source="abs({x})",
    domain=(REAL,),
    kink=Kink(lambda x: x == 0, -1.0, 1.0, "At 0 every slope from -1 to 1 is right; ours is 0, the middle."),
    doc="The absolute value keeps positive numbers and turns negative ones around.",
)
