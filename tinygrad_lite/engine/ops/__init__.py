"""The table of ops, one row a primitive, in files by family. Read `arithmetic.py` first.

>>> from tinygrad_lite.engine import ops
>>> ops.mul.partials(3.0, 4.0, 12.0)        # out = x*y: the slope along x is y, along y is x
(4.0, 3.0)
"""

from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.ops.activations import (
    elu,
    hardtanh,
    leaky_relu,
    logsigmoid,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
)
from tinygrad_lite.engine.ops.arithmetic import absolute, add, constant, div, leaf, mul, neg, sub
from tinygrad_lite.engine.ops.choices import ceil, clip, floor, maximum, minimum, round, sign
from tinygrad_lite.engine.ops.exponential import exp, exp2, expm1, log, log1p, log2, log10, logaddexp, logsumexp
from tinygrad_lite.engine.ops.gaussian import erf, erfc, gelu, gelu_tanh
from tinygrad_lite.engine.ops.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from tinygrad_lite.engine.ops.powers import cbrt, hypot, norm, pow, reciprocal, sqrt, square
from tinygrad_lite.engine.ops.reductions import dot, mean, prod, sum
from tinygrad_lite.engine.ops.trigonometric import acos, asin, atan, atan2, cos, sin, tan

__all__ = [
    "TABLE",
    "absolute",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clip",
    "constant",
    "cos",
    "cosh",
    "div",
    "dot",
    "elu",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "gelu",
    "gelu_tanh",
    "hardtanh",
    "hypot",
    "leaf",
    "leaky_relu",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logsigmoid",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "mul",
    "neg",
    "norm",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "round",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "sub",
    "sum",
    "tan",
    "tanh",
]
