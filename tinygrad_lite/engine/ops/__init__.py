"""The table of ops, one row a primitive, in files by family. Read `arithmetic.py` first.

>>> from tinygrad_lite.engine import ops
>>> ops.mul.partials(3.0, 4.0, 12.0)        # out = x*y: the slope along x is y, along y is x
(4.0, 3.0)
"""

from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.ops.activations import relu, sigmoid, softplus
from tinygrad_lite.engine.ops.arithmetic import absolute, add, constant, div, leaf, mul, neg, pow, sub
from tinygrad_lite.engine.ops.choices import maximum, minimum
from tinygrad_lite.engine.ops.exponential import exp, log, sqrt
from tinygrad_lite.engine.ops.reductions import dot, sum
from tinygrad_lite.engine.ops.trigonometric import cos, sin, tanh

__all__ = [
    "TABLE",
    "absolute",
    "add",
    "constant",
    "cos",
    "div",
    "dot",
    "exp",
    "leaf",
    "log",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "pow",
    "relu",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "sub",
    "sum",
    "tanh",
]
