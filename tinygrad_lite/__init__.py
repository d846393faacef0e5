"""tinygrad_lite: see, check and run the chain rule on scalars.

    import tinygrad_lite as tg
    from tinygrad_lite import Value, nn

This file is the front door: the public names and nothing else. The engine is loaded at once; a
room is opened when one of its names is first used, so that importing the package takes
milliseconds and loads no optional library.
"""

from __future__ import annotations

import importlib

from tinygrad_lite.engine.functions import log_softmax, logsumexp, mean, norm, prod, softmax, where
from tinygrad_lite.engine.op import Op
from tinygrad_lite.engine.ops import (
    absolute,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    clip,
    cos,
    cosh,
    elu,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    gelu,
    gelu_tanh,
    hardtanh,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logsigmoid,
    maximum,
    minimum,
    reciprocal,
    relu,
    selu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    softsign,
    sqrt,
    square,
    tan,
    tanh,
)
from tinygrad_lite.engine.ops import round as round
from tinygrad_lite.engine.value import Value, dot, total
from tinygrad_lite.hints import TYPE_CHECKING, Any, Sequence

abs, max, min, sum = absolute, maximum, minimum, total  # as tg.sum; not in __all__, for which see there

__version__ = "0.1.0"

_ROOMS: dict[str, tuple[str, ...]] = {
    # file of the room: the public names that live there
    "arrays.array": ("array", "data", "grads"),
    "calculus.exact": ("exact",),
    "calculus.jacobian": ("hessian", "jacobian"),
    "calculus.products": ("hvp", "jvp", "vjp"),
    "calculus.series": ("derivative", "taylor"),
    "calculus.transforms": ("grad", "value_and_grad"),
    "checking.check": ("check",),
    "checking.compare": ("compare",),
    "checking.gradcheck": ("gradcheck",),
    "compiler.compiled": ("compile",),
    "compiler.replay": ("replay",),
    "engine.custom": ("op",),
    "engine.modes": ("detect_anomaly", "no_grad"),
    "export.graph_json": ("from_json", "to_json"),
    "export.numpy_source": ("to_numpy",),
    "export.torch_source": ("to_jax", "to_torch"),
    "views.derivation.explain": ("explain",),
    "views.picture.diff": ("draw_diff",),
    "views.picture.draw": ("draw", "draw_dot"),
    "views.matrix_form.matrix_form": ("matrix_form",),
    "views.derivation.node_table": ("table",),
    "views.live.live": ("live",),
    "views.player.player": ("animate",),
    "views.player.training": ("animate_training",),
    "views.derivation.why_order": ("why_order",),
    "views.derivation.why_zero": ("why_zero",),
}
_HOME = {name: home for home, names in _ROOMS.items() for name in names}
_SUBMODULES = ("nn", "views", "checking", "compiler", "export", "errors", "testing")

if TYPE_CHECKING:
    from tinygrad_lite import checking, compiler, errors, export, nn, views
    from tinygrad_lite.arrays.array import array, data, grads
    from tinygrad_lite.calculus.exact import exact
    from tinygrad_lite.calculus.jacobian import hessian, jacobian
    from tinygrad_lite.calculus.products import hvp, jvp, vjp
    from tinygrad_lite.calculus.series import derivative, taylor
    from tinygrad_lite.calculus.transforms import grad, value_and_grad
    from tinygrad_lite.checking.check import check
    from tinygrad_lite.checking.compare import compare
    from tinygrad_lite.checking.gradcheck import gradcheck
    from tinygrad_lite.compiler.compiled import compile as compile
    from tinygrad_lite.compiler.replay import replay
    from tinygrad_lite.engine.custom import op
    from tinygrad_lite.engine.modes import detect_anomaly, no_grad
    from tinygrad_lite.export.graph_json import from_json, to_json
    from tinygrad_lite.export.numpy_source import to_numpy
    from tinygrad_lite.export.torch_source import to_jax, to_torch
    from tinygrad_lite.views.derivation.explain import explain
    from tinygrad_lite.views.derivation.node_table import table
    from tinygrad_lite.views.derivation.why_order import why_order
    from tinygrad_lite.views.derivation.why_zero import why_zero
    from tinygrad_lite.views.live.live import live
    from tinygrad_lite.views.matrix_form.matrix_form import matrix_form
    from tinygrad_lite.views.picture.diff import draw_diff
    from tinygrad_lite.views.picture.draw import draw, draw_dot
    from tinygrad_lite.views.player.player import animate
    from tinygrad_lite.views.player.training import animate_training

# tg.abs, tg.max, tg.min, tg.round, tg.sum and tg.compile are public too, but a star import leaves Python's own alone.
__all__ = [
    "absolute",
    "acos",
    "acosh",
    "animate",
    "animate_training",
    "array",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "check",
    "checking",
    "clip",
    "compare",
    "compiler",
    "cos",
    "cosh",
    "data",
    "derivative",
    "detect_anomaly",
    "dot",
    "draw",
    "draw_diff",
    "draw_dot",
    "elu",
    "erf",
    "erfc",
    "errors",
    "exact",
    "exp",
    "exp2",
    "explain",
    "expm1",
    "export",
    "floor",
    "from_json",
    "gelu",
    "gelu_tanh",
    "grad",
    "gradcheck",
    "grads",
    "hardtanh",
    "hessian",
    "hvp",
    "hypot",
    "jacobian",
    "jvp",
    "leaky_relu",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logaddexp",
    "logsigmoid",
    "live",
    "logsumexp",
    "matrix_form",
    "maximum",
    "mean",
    "minimum",
    "nn",
    "no_grad",
    "norm",
    "op",
    "prod",
    "reciprocal",
    "relu",
    "replay",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "table",
    "tan",
    "tanh",
    "taylor",
    "to_jax",
    "to_json",
    "to_numpy",
    "to_torch",
    "total",
    "Value",
    "value_and_grad",
    "views",
    "vjp",
    "where",
    "why_order",
    "why_zero",
]


def _on_arrays(op: Op, operands: Sequence[Any]) -> Any:
    """An op entry by entry, for operands among which there is a NumPy array."""
    from tinygrad_lite.arrays.array import entrywise

    return entrywise(op, operands)


Op.on_arrays = staticmethod(_on_arrays)


def __getattr__(name: str) -> Any:
    """Open the room of a public name at its first use (PEP 562)."""
    if name in _HOME:
        found = getattr(importlib.import_module(f"tinygrad_lite.{_HOME[name]}"), name)
        globals()[name] = found
        return found
    if name in _SUBMODULES:
        return importlib.import_module(f"tinygrad_lite.{name}")
    raise AttributeError(f"tinygrad_lite has no name {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_SUBMODULES})
