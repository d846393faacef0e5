"""tinygrad_lite: see, check and run the chain rule on scalars.

    import tinygrad_lite as tg
    from tinygrad_lite import Value, nn

This file is the front door: the public names and nothing else. The engine is loaded at once; a
package is opened when one of its names is first used, so that importing the package takes
milliseconds and loads no optional library. What checkers and editors read of it, `__init__.pyi`,
is written by `python .ci/stubs.py`.
"""

from __future__ import annotations

import importlib

from tinygrad_lite.engine import functions
from tinygrad_lite.engine.op import Op, when_entered
from tinygrad_lite.engine.op_help import Doc
from tinygrad_lite.engine.value import Value as Value
from tinygrad_lite.engine.value import dot as dot
from tinygrad_lite.engine.value import total as total
from tinygrad_lite.hints import Any, Sequence

sum = total

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
    "formulas.names": ("names",),
    "report.language": ("language",),
    "exercises.exercise": ("exercise",),
    "export.backward_pass.backward_source": ("backward_source",),
    "checking.check_export": ("check_export",),
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
    "views.derivation.why_large": ("why_large",),
    "views.derivation.why_zero": ("why_zero",),
}
_HOME = {name: home for home, names in _FILES.items() for name in names}
_SUBMODULES = ("nn", "views", "checking", "compiler", "exercises", "export", "errors", "testing")


def _on_arrays(op: Op, operands: Sequence[Any]) -> Any:
    """An op entry by entry, for operands among which there is a NumPy array."""
    from tinygrad_lite.arrays.array import entrywise

    return entrywise(op, operands)


def _on_help(op: Op) -> str:
    """What `help` says about an op."""
    from tinygrad_lite.formulas.op_help import help_text

    return help_text(op)


def _in_notebook(value: Value, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """What a notebook shows of a Value."""
    from tinygrad_lite.views.in_notebook import bundle

    return bundle(value)


Value._repr_mimebundle_ = _in_notebook
Op.on_arrays = staticmethod(_on_arrays)
Doc.on_help = staticmethod(_on_help)

globals().update({name: getattr(functions, name) for name in functions.__all__})
_BUILTINS = ("abs", "compile", "max", "min", "round", "sum")  # public too, but a star import leaves Python's own alone
__all__ = sorted(
    ({"Value", "dot", "total", *functions.__all__, *_HOME, *_SUBMODULES} - {*_BUILTINS}) - {"testing"}, key=str.lower
)
_HOME["load_ipython_extension"] = "views.magic"  # for %load_ext tinygrad_lite, and for nobody's eyes


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
