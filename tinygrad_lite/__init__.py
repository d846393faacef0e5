"""tinygrad_lite: see, check and run the chain rule on scalars.

    import tinygrad_lite as tg
    from tinygrad_lite import Value, nn

This file is the front door: the public names and nothing else. The engine is loaded at once; a
package is opened when one of its names is first used, so that importing the package takes
milliseconds and loads no optional library.
"""

from __future__ import annotations

import importlib

from tinygrad_lite.engine import functions
from tinygrad_lite.engine.op import Op, when_entered
from tinygrad_lite.engine.op_help import Doc
from tinygrad_lite.engine.value import Value as Value
from tinygrad_lite.engine.value import dot as dot
from tinygrad_lite.engine.value import total as total
from tinygrad_lite.hints import TYPE_CHECKING, Any, Sequence

if TYPE_CHECKING:  # a running program reads the ops off the table, below
    from tinygrad_lite.engine.functions import *
    from tinygrad_lite.engine.ops import *

sum = total  # type: ignore[assignment]

__version__ = "0.1.0"

_FILES: dict[str, tuple[str, ...]] = {
    # file: the public names that live there
    "arrays.array": ("array", "data", "grads"),
    "calculus.check_graph": ("check_graph",),
    "calculus.exact": ("exact",),
    "calculus.jacobian": ("hessian", "jacobian"),
    "calculus.products": ("hvp", "jvp", "vjp"),
    "calculus.series": ("derivative", "taylor"),
    "calculus.transforms": ("grad", "value_and_grad"),
    "checking.check": ("check",),
    "checking.compare": ("compare",),
    "checking.derive": ("check_derivation",),
    "checking.gradcheck": ("gradcheck",),
    "compiler.api": ("compile",),
    "compiler.replay": ("replay",),
    "engine.custom": ("op",),
    "engine.kinks": ("kinks",),
    "engine.modes": ("detect_anomaly", "no_grad"),
    "engine.reverse": ("zero_grad",),
    "export.graph_json": ("from_json", "to_json"),
    "export.source": ("to_jax", "to_numpy", "to_torch"),
    "views.derivation.explain": ("explain",),
    "views.picture.diff": ("draw_diff",),
    "views.picture.draw": ("draw", "draw_dot"),
    "views.matrix_form.matrix_form": ("matrix_form",),
    "views.derivation.node_table": ("table",),
    "views.live.live": ("live",),
    "views.player.player": ("animate",),
    "views.player.training": ("animate_training",),
    "commands.doctor": ("show_versions",),
    "views.derivation.why_order": ("why_order",),
    "views.derivation.why_zero": ("why_zero",),
}
_HOME = {name: home for home, names in _FILES.items() for name in names}
_SUBMODULES = ("nn", "views", "checking", "compiler", "export", "errors", "testing")

if TYPE_CHECKING:
    from tinygrad_lite import checking as checking
    from tinygrad_lite import compiler as compiler
    from tinygrad_lite import errors as errors
    from tinygrad_lite import export as export
    from tinygrad_lite import nn as nn
    from tinygrad_lite import views as views
    from tinygrad_lite.arrays.array import array as array
    from tinygrad_lite.arrays.array import data as data
    from tinygrad_lite.arrays.array import grads as grads
    from tinygrad_lite.calculus.check_graph import check_graph as check_graph
    from tinygrad_lite.calculus.exact import exact as exact
    from tinygrad_lite.calculus.jacobian import hessian as hessian
    from tinygrad_lite.calculus.jacobian import jacobian as jacobian
    from tinygrad_lite.calculus.products import hvp as hvp
    from tinygrad_lite.calculus.products import jvp as jvp
    from tinygrad_lite.calculus.products import vjp as vjp
    from tinygrad_lite.calculus.series import derivative as derivative
    from tinygrad_lite.calculus.series import taylor as taylor
    from tinygrad_lite.calculus.transforms import grad as grad
    from tinygrad_lite.calculus.transforms import value_and_grad as value_and_grad
    from tinygrad_lite.checking.check import check as check
    from tinygrad_lite.checking.compare import compare as compare
    from tinygrad_lite.checking.derive import check_derivation as check_derivation
    from tinygrad_lite.checking.gradcheck import gradcheck as gradcheck
    from tinygrad_lite.commands.doctor import show_versions as show_versions
    from tinygrad_lite.compiler.api import compile as compile
    from tinygrad_lite.compiler.replay import replay as replay
    from tinygrad_lite.engine.custom import op as op
    from tinygrad_lite.engine.kinks import kinks as kinks
    from tinygrad_lite.engine.modes import detect_anomaly as detect_anomaly
    from tinygrad_lite.engine.modes import no_grad as no_grad
    from tinygrad_lite.engine.reverse import zero_grad as zero_grad
    from tinygrad_lite.export.graph_json import from_json as from_json
    from tinygrad_lite.export.graph_json import to_json as to_json
    from tinygrad_lite.export.source import to_jax as to_jax
    from tinygrad_lite.export.source import to_numpy as to_numpy
    from tinygrad_lite.export.source import to_torch as to_torch
    from tinygrad_lite.views.derivation.explain import explain as explain
    from tinygrad_lite.views.derivation.node_table import table as table
    from tinygrad_lite.views.derivation.why_order import why_order as why_order
    from tinygrad_lite.views.derivation.why_zero import why_zero as why_zero
    from tinygrad_lite.views.live.live import live as live
    from tinygrad_lite.views.matrix_form.matrix_form import matrix_form as matrix_form
    from tinygrad_lite.views.picture.diff import draw_diff as draw_diff
    from tinygrad_lite.views.picture.draw import draw as draw
    from tinygrad_lite.views.picture.draw import draw_dot as draw_dot
    from tinygrad_lite.views.player.player import animate as animate
    from tinygrad_lite.views.player.training import animate_training as animate_training


def _on_arrays(op: Op, operands: Sequence[Any]) -> Any:
    """An op entry by entry, for operands among which there is a NumPy array."""
    from tinygrad_lite.arrays.array import entrywise

    return entrywise(op, operands)


def _on_help(op: Op) -> str:
    """What `help` says about an op."""
    from tinygrad_lite.views.formulas.op_help import help_text

    return help_text(op)


Op.on_arrays = staticmethod(_on_arrays)
Doc.on_help = staticmethod(_on_help)

globals().update({name: getattr(functions, name) for name in functions.__all__})
_BUILTINS = ("abs", "compile", "max", "min", "round", "sum")  # public too, but a star import leaves Python's own alone
__all__ = sorted(
    ({"Value", "dot", "total", *functions.__all__, *_HOME, *_SUBMODULES} - {*_BUILTINS}) - {"testing"}, key=str.lower
)


def _export(op: Op) -> None:
    """Make an op a function of the package, under its own name and NumPy's, where these are free."""
    for name in (op.name, op.numpy_name):
        free = isinstance(globals().get(name), Op) or name not in {"", *globals(), *_HOME, *_SUBMODULES}
        if free and op.arity != 0 and not op.infix:
            globals()[name] = op
            if name not in {*_BUILTINS, *__all__}:
                __all__.append(name)


when_entered(_export)
__all__.sort(key=str.lower)


def __getattr__(name: str) -> Any:
    """Open the file of a public name at its first use (PEP 562)."""
    if name in _HOME:
        found = getattr(importlib.import_module(f"tinygrad_lite.{_HOME[name]}"), name)
        globals()[name] = found
        return found
    if name in _SUBMODULES:
        return importlib.import_module(f"tinygrad_lite.{name}")
    raise AttributeError(f"tinygrad_lite has no name {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_BUILTINS, "testing", "__version__"})
