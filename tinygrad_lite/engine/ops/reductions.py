"""The fused ops: one node for a whole sum, weighted sum, mean or product.

A neuron of n inputs is n products and n sums. As one `dot` node it has 2n+1 parents and no
node between, which is several times faster; `expand` says what it stands for, so that a
drawing or an explanation can show the products and sums.
"""

from __future__ import annotations

import builtins
import math
from operator import mul

from tinygrad_lite.engine.op import Op, primitive
from tinygrad_lite.hints import Any


def _sum_of(*xs: Any) -> Any:
    """x1 + x2 + ... from the left, in elementary additions."""
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


def _dot(*operands: float) -> float:
    """Operands are the weights, then as many inputs, then perhaps one bias; the sum begins with the bias."""
    n = len(operands) // 2
    return builtins.sum(map(mul, operands[:n], operands[n : 2 * n]), *operands[2 * n :])  # type: ignore[no-any-return]


def _dot_partials(*operands_and_out: Any) -> tuple[Any, ...]:
    """The derivative w.r.t. a weight is its input, w.r.t. an input its weight, w.r.t. the bias 1."""
    operands = operands_and_out[:-1]
    n = len(operands) // 2
    return (*operands[n : 2 * n], *operands[:n], *(1.0,) * (len(operands) % 2))


def _dot_expand(*operands: Any) -> Any:
    n = len(operands) // 2
    products = [operands[i] * operands[n + i] for i in range(n)]
    return _sum_of(*operands[2 * n :], *products)


def _products_of_the_others(*xs_and_out: Any) -> tuple[Any, ...]:
    """For each operand the product of all others, without dividing: what stands left of it times what stands right."""
    xs = xs_and_out[:-1]
    left, right = [1.0], [1.0]
    for x in xs[:-1]:
        left.append(left[-1] * x)
    for x in xs[:0:-1]:
        right.append(right[-1] * x)
    return tuple([before * after for before, after in zip(left, reversed(right), strict=True)])


def _product_of(*xs: Any) -> Any:
    product = xs[0]
    for x in xs[1:]:
        product = product * x
    return product


sum: Op = primitive(
    name="sum",
    forward=lambda *xs: builtins.sum(xs),
    partials=lambda *xs_and_out: (1.0,) * (len(xs_and_out) - 1),
    doc="A sum passes the gradient on to each of its terms unchanged.",
    expand=_sum_of,
    latex="{sum}",
    source="sum([{xs}])",
)

dot: Op = primitive(
    name="dot",
    forward=_dot,
    partials=_dot_partials,
    doc="In a weighted sum the derivative w.r.t. each weight is its input, and w.r.t. each input its weight.",
    expand=_dot_expand,
    latex="{dot}",
    source="dot({xs})",
)

mean: Op = primitive(
    name="mean",
    forward=lambda *xs: builtins.sum(xs) / len(xs),
    partials=lambda *xs_and_out: (1.0 / (len(xs_and_out) - 1),) * (len(xs_and_out) - 1),
    doc="Each of n terms moves the mean by 1/n.",
    expand=lambda *xs: _sum_of(*xs) / float(len(xs)),
    source="{lib}.mean([{xs}])",
)

prod: Op = primitive(
    name="prod",
    forward=lambda *xs: math.prod(xs),
    partials=_products_of_the_others,
    doc="In a product the derivative w.r.t. each factor is the product of all the others.",
    expand=_product_of,
    source="{lib}.prod([{xs}])",
)
