"""tinygrad_lite: see, check and run the chain rule on scalars.

Written off the table of ops by `python .ci/stubs.py`; tests/test_public_names.py holds it equal.
"""
# mypy: disable-error-code="overload-overlap"

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, ParamSpec, SupportsFloat, TypeVar, overload

from tinygrad_lite import checking as checking
from tinygrad_lite import compiler as compiler
from tinygrad_lite import errors as errors
from tinygrad_lite import export as export
from tinygrad_lite import nn as nn
from tinygrad_lite import testing as testing
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
from tinygrad_lite.checking.check_export import check_export as check_export
from tinygrad_lite.checking.compare import compare as compare
from tinygrad_lite.checking.derive import check_derivation as check_derivation
from tinygrad_lite.checking.gradcheck import gradcheck as gradcheck
from tinygrad_lite.commands.doctor import show_versions as show_versions
from tinygrad_lite.compiler.compiled import CompiledFunction
from tinygrad_lite.compiler.replay import replay as replay
from tinygrad_lite.engine.arithmetic import Arithmetic, Entries
from tinygrad_lite.engine.custom import op as op
from tinygrad_lite.engine.kinks import kinks as kinks
from tinygrad_lite.engine.modes import detect_anomaly as detect_anomaly
from tinygrad_lite.engine.modes import no_grad as no_grad
from tinygrad_lite.engine.reverse import zero_grad as zero_grad
from tinygrad_lite.engine.value import Value as Value
from tinygrad_lite.exercises.exercise import exercise as exercise
from tinygrad_lite.export.backward_pass.backward_source import backward_source as backward_source
from tinygrad_lite.export.graph_json import from_json as from_json
from tinygrad_lite.export.graph_json import to_json as to_json
from tinygrad_lite.export.source import to_jax as to_jax
from tinygrad_lite.export.source import to_numpy as to_numpy
from tinygrad_lite.export.source import to_torch as to_torch
from tinygrad_lite.formulas.names import names as names
from tinygrad_lite.report.language import language as language
from tinygrad_lite.views.derivation.explain import explain as explain
from tinygrad_lite.views.derivation.node_table import table as table
from tinygrad_lite.views.derivation.why_large import why_large as why_large
from tinygrad_lite.views.derivation.why_order import why_order as why_order
from tinygrad_lite.views.derivation.why_zero import why_zero as why_zero
from tinygrad_lite.views.live.live import live as live
from tinygrad_lite.views.matrix_form.matrix_form import matrix_form as matrix_form
from tinygrad_lite.views.picture.diff import draw_diff as draw_diff
from tinygrad_lite.views.picture.draw import draw as draw
from tinygrad_lite.views.picture.draw import draw_dot as draw_dot
from tinygrad_lite.views.player.player import animate as animate
from tinygrad_lite.views.player.training import animate_training as animate_training

__version__: str
__all__: list[str]
_FILES: dict[str, tuple[str, ...]]

_N = TypeVar("_N", bound=Arithmetic)
_P = ParamSpec("_P")

class _Compiled(CompiledFunction, Generic[_P]):
    """A compiled function with the parameters of the one it was made of."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
    def grad(self, *args: _P.args, **kwargs: _P.kwargs) -> Any: ...
    def value_and_grad(self, *args: _P.args, **kwargs: _P.kwargs) -> tuple[float, Any]: ...
    def backward(self, *args: _P.args, **kwargs: _P.kwargs) -> float: ...

@overload
def abs(x: _N) -> _N:
    """The absolute value keeps positive numbers and turns negative ones around.

    Formula: |x|
    Derivative: d/dx = -1 or 1
    Domain: a finite x
    Kink: At 0 every derivative from -1 to 1 is right; ours is 0, the middle, as in PyTorch; JAX takes 1.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def abs(x: Entries) -> Any: ...
@overload
def abs(x: SupportsFloat) -> float: ...
@overload
def absolute(x: _N) -> _N:
    """The absolute value keeps positive numbers and turns negative ones around.

    Formula: |x|
    Derivative: d/dx = -1 or 1
    Domain: a finite x
    Kink: At 0 every derivative from -1 to 1 is right; ours is 0, the middle, as in PyTorch; JAX takes 1.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def absolute(x: Entries) -> Any: ...
@overload
def absolute(x: SupportsFloat) -> float: ...
@overload
def acos(x: _N) -> _N:
    """Arc sine and arc cosine add up to a right angle, so their derivatives are opposite.

    Formula: arccos(x)
    Derivative: d/dx = -1 / sqrt((1 - x)*(1 + x))
    Domain: -1 <= x <= 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def acos(x: Entries) -> Any: ...
@overload
def acos(x: SupportsFloat) -> float: ...
@overload
def acosh(x: _N) -> _N:
    """The derivative of arcosh is 1/sqrt(x^2 - 1), which is infinite at 1.

    Formula: arcosh(x)
    Derivative: d/dx = 1 / (sqrt(x - 1)*sqrt(x + 1))
    Domain: x >= 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def acosh(x: Entries) -> Any: ...
@overload
def acosh(x: SupportsFloat) -> float: ...
@overload
def arccos(x: _N) -> _N:
    """Arc sine and arc cosine add up to a right angle, so their derivatives are opposite.

    Formula: arccos(x)
    Derivative: d/dx = -1 / sqrt((1 - x)*(1 + x))
    Domain: -1 <= x <= 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arccos(x: Entries) -> Any: ...
@overload
def arccos(x: SupportsFloat) -> float: ...
@overload
def arccosh(x: _N) -> _N:
    """The derivative of arcosh is 1/sqrt(x^2 - 1), which is infinite at 1.

    Formula: arcosh(x)
    Derivative: d/dx = 1 / (sqrt(x - 1)*sqrt(x + 1))
    Domain: x >= 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arccosh(x: Entries) -> Any: ...
@overload
def arccosh(x: SupportsFloat) -> float: ...
@overload
def arcsin(x: _N) -> _N:
    """The derivative of the arc sine is 1/sqrt(1 - x^2), which is infinite at -1 and 1.

    Formula: arcsin(x)
    Derivative: d/dx = 1 / sqrt((1 - x)*(1 + x))
    Domain: -1 <= x <= 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arcsin(x: Entries) -> Any: ...
@overload
def arcsin(x: SupportsFloat) -> float: ...
@overload
def arcsinh(x: _N) -> _N:
    """The derivative of arsinh is 1/sqrt(1 + x^2): 1 at the origin, then that of a logarithm.

    Formula: arsinh(x)
    Derivative: d/dx = 1 / hypot(1, x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arcsinh(x: Entries) -> Any: ...
@overload
def arcsinh(x: SupportsFloat) -> float: ...
@overload
def arctan(x: _N) -> _N:
    """The derivative of the arc tangent is 1/(1 + x^2): 1 at the origin, and flat far out.

    Formula: arctan(x)
    Derivative: d/dx = 1 / (1 + x**2)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arctan(x: Entries) -> Any: ...
@overload
def arctan(x: SupportsFloat) -> float: ...
@overload
def arctan2(y: _N, x: _N | SupportsFloat) -> _N:
    """The angle of a point turns faster the nearer the point is to the origin.

    Formula: atan2(y, x)
    Derivatives: d/dy = x / hypot(x, y) / hypot(x, y); d/dx = -y / hypot(x, y) / hypot(x, y)
    Domain: a finite y, operands that are not both 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arctan2(y: Entries, x: Any) -> Any: ...
@overload
def arctan2(y: SupportsFloat, x: _N) -> _N: ...
@overload
def arctan2(y: SupportsFloat, x: SupportsFloat) -> float: ...
@overload
def arctanh(x: _N) -> _N:
    """The derivative of artanh is 1/(1 - x^2): it grows without end towards -1 and 1.

    Formula: artanh(x)
    Derivative: d/dx = 1 / ((1 - x)*(1 + x))
    Domain: -1 < x < 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def arctanh(x: Entries) -> Any: ...
@overload
def arctanh(x: SupportsFloat) -> float: ...
@overload
def asin(x: _N) -> _N:
    """The derivative of the arc sine is 1/sqrt(1 - x^2), which is infinite at -1 and 1.

    Formula: arcsin(x)
    Derivative: d/dx = 1 / sqrt((1 - x)*(1 + x))
    Domain: -1 <= x <= 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def asin(x: Entries) -> Any: ...
@overload
def asin(x: SupportsFloat) -> float: ...
@overload
def asinh(x: _N) -> _N:
    """The derivative of arsinh is 1/sqrt(1 + x^2): 1 at the origin, then that of a logarithm.

    Formula: arsinh(x)
    Derivative: d/dx = 1 / hypot(1, x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def asinh(x: Entries) -> Any: ...
@overload
def asinh(x: SupportsFloat) -> float: ...
@overload
def atan(x: _N) -> _N:
    """The derivative of the arc tangent is 1/(1 + x^2): 1 at the origin, and flat far out.

    Formula: arctan(x)
    Derivative: d/dx = 1 / (1 + x**2)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def atan(x: Entries) -> Any: ...
@overload
def atan(x: SupportsFloat) -> float: ...
@overload
def atan2(y: _N, x: _N | SupportsFloat) -> _N:
    """The angle of a point turns faster the nearer the point is to the origin.

    Formula: atan2(y, x)
    Derivatives: d/dy = x / hypot(x, y) / hypot(x, y); d/dx = -y / hypot(x, y) / hypot(x, y)
    Domain: a finite y, operands that are not both 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def atan2(y: Entries, x: Any) -> Any: ...
@overload
def atan2(y: SupportsFloat, x: _N) -> _N: ...
@overload
def atan2(y: SupportsFloat, x: SupportsFloat) -> float: ...
@overload
def atanh(x: _N) -> _N:
    """The derivative of artanh is 1/(1 - x^2): it grows without end towards -1 and 1.

    Formula: artanh(x)
    Derivative: d/dx = 1 / ((1 - x)*(1 + x))
    Domain: -1 < x < 1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def atanh(x: Entries) -> Any: ...
@overload
def atanh(x: SupportsFloat) -> float: ...
@overload
def cbrt(x: _N) -> _N:
    """The third root exists for every number; its derivative is infinite at 0.

    Formula: cbrt(x)
    Derivative: d/dx = 1 / (3*cbrt(x)*cbrt(x))
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def cbrt(x: Entries) -> Any: ...
@overload
def cbrt(x: SupportsFloat) -> float: ...
@overload
def ceil(x: _N) -> _N:
    """A staircase is flat between its steps, so no gradient passes through it.

    Formula: ceil(x)
    Derivative: d/dx = 0
    Domain: a finite x
    Kink: At a whole number the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def ceil(x: Entries) -> Any: ...
@overload
def ceil(x: SupportsFloat) -> float: ...
@overload
def clip(x: _N, low: _N | SupportsFloat, high: _N | SupportsFloat) -> _N:
    """Between its edges a clip passes the gradient on; beyond them it stops it.

    Formula: clip(x, low, high)
    Derivatives: d/dx = 0 or 1; d/dlow = 1 or 0; d/dhigh = 0 or 1
    Domain: a finite x, edges with low <= high
    Kink: On an edge every derivative from 0 to 1 is right; ours is 1, as in PyTorch; JAX takes 0.5.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def clip(x: Entries, low: Any, high: Any) -> Any: ...
@overload
def clip(x: SupportsFloat, low: _N, high: _N) -> _N: ...
@overload
def clip(x: SupportsFloat, low: SupportsFloat, high: SupportsFloat) -> float: ...
@overload
def cos(x: _N) -> _N:
    """The derivative of the cosine is minus the sine.

    Formula: cos(x)
    Derivative: d/dx = -sin(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def cos(x: Entries) -> Any: ...
@overload
def cos(x: SupportsFloat) -> float: ...
@overload
def cosh(x: _N) -> _N:
    """The derivative of cosh is sinh.

    Formula: cosh(x)
    Derivative: d/dx = sinh(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def cosh(x: Entries) -> Any: ...
@overload
def cosh(x: SupportsFloat) -> float: ...
@overload
def elu(x: _N, alpha: _N | SupportsFloat = 1.0) -> _N:
    """A relu that bends down smoothly to -alpha on its negative side.

    Formula: ELU(x, alpha)
    Derivatives: d/dx = elu(x, alpha) + alpha or 1; d/dalpha = expm1(x) or 0
    Domain: a finite x, a finite alpha
    Kink: At 0 every derivative between the two sides is right; ours is alpha, the left one, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    Defaults: alpha = 1
    """

@overload
def elu(x: Entries, alpha: Any = 1.0) -> Any: ...
@overload
def elu(x: SupportsFloat, alpha: _N) -> _N: ...
@overload
def elu(x: SupportsFloat, alpha: SupportsFloat = 1.0) -> float: ...
@overload
def erf(x: _N) -> _N:
    """The area under a bell curve; so its derivative is the bell curve.

    Formula: erf(x)
    Derivative: d/dx = 1.1283791670955126*exp(-x**2)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def erf(x: Entries) -> Any: ...
@overload
def erf(x: SupportsFloat) -> float: ...
@overload
def erfc(x: _N) -> _N:
    """1 - erf(x), with all its digits in the tail; the derivative is minus the bell curve.

    Formula: erfc(x)
    Derivative: d/dx = (-1.1283791670955126)*exp(-x**2)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def erfc(x: Entries) -> Any: ...
@overload
def erfc(x: SupportsFloat) -> float: ...
@overload
def exp(x: _N) -> _N:
    """The exponential is its own derivative.

    Formula: e^x
    Derivative: d/dx = exp(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def exp(x: Entries) -> Any: ...
@overload
def exp(x: SupportsFloat) -> float: ...
@overload
def exp2(x: _N) -> _N:
    """A doubling with every step has the derivative log(2) = 0.69 times itself.

    Formula: 2^x
    Derivative: d/dx = 0.6931471805599453*exp2(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def exp2(x: Entries) -> Any: ...
@overload
def exp2(x: SupportsFloat) -> float: ...
@overload
def expm1(x: _N) -> _N:
    """exp(x) - 1, exact also where x is tiny; the derivative is exp(x).

    Formula: e^x - 1
    Derivative: d/dx = exp(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def expm1(x: Entries) -> Any: ...
@overload
def expm1(x: SupportsFloat) -> float: ...
@overload
def floor(x: _N) -> _N:
    """A staircase is flat between its steps, so no gradient passes through it.

    Formula: floor(x)
    Derivative: d/dx = 0
    Domain: a finite x
    Kink: At a whole number the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def floor(x: Entries) -> Any: ...
@overload
def floor(x: SupportsFloat) -> float: ...
@overload
def gelu(x: _N) -> _N:
    """x times the chance that a normal number is below x: a relu with a soft corner.

    Formula: GELU(x)
    Derivative: d/dx = 0.5*erfc((-0.7071067811865476)*x) + x*0.3989422804014327*exp((-0.5)*x**2)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def gelu(x: Entries) -> Any: ...
@overload
def gelu(x: SupportsFloat) -> float: ...
@overload
def gelu_tanh(x: _N) -> _N:
    """The older, cheaper form of gelu; it differs from the exact one by less than 0.0005.

    Formula: GELU_tanh(x)
    Derivative: d/dx = sigmoid(1.5957691216057308*(x + 0.044715*x**2*x)) + x*sigmoid(1.5957691216057308*(x + 0.044715*x**2*x))*(1 - sigmoid(1.5957691216057308*(x + 0.044715*x**2*x)))*1.5957691216057308*(1 + 0.134145*x**2)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def gelu_tanh(x: Entries) -> Any: ...
@overload
def gelu_tanh(x: SupportsFloat) -> float: ...
@overload
def hardtanh(x: _N, low: _N | SupportsFloat = -1.0, high: _N | SupportsFloat = 1.0) -> _N:
    """A tanh made of three straight lines: the derivative is 1 between its edges and 0 beyond.

    Formula: hardtanh(x, low, high)
    Derivatives: d/dx = 0 or 1; d/dlow = 1 or 0; d/dhigh = 0 or 1
    Domain: a finite x, a finite low, a finite high
    Kink: On an edge every derivative from 0 to 1 is right; ours is 1, as in JAX; PyTorch takes 0.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    Defaults: low = -1, high = 1
    """

@overload
def hardtanh(x: Entries, low: Any = -1.0, high: Any = 1.0) -> Any: ...
@overload
def hardtanh(x: SupportsFloat, low: _N, high: _N) -> _N: ...
@overload
def hardtanh(x: SupportsFloat, low: SupportsFloat = -1.0, high: SupportsFloat = 1.0) -> float: ...
@overload
def hypot(x: _N, y: _N | SupportsFloat) -> _N:
    """The length of (x, y) grows with x by the cosine of its angle with the x axis.

    Formula: sqrt(x^2 + y^2)
    Derivatives: d/dx = x / hypot(x, y); d/dy = y / hypot(x, y)
    Domain: a finite x, a finite y
    Kink: At the origin every derivative from -1 to 1 is right; ours is 0, the middle; PyTorch gives NaN, JAX 0.5.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def hypot(x: Entries, y: Any) -> Any: ...
@overload
def hypot(x: SupportsFloat, y: _N) -> _N: ...
@overload
def hypot(x: SupportsFloat, y: SupportsFloat) -> float: ...
@overload
def leaky_relu(x: _N, slope: _N | SupportsFloat = 0.01) -> _N:
    """A relu that lets a small part of the gradient through on its negative side too.

    Formula: LeakyReLU(x, slope)
    Derivatives: d/dx = slope or 1; d/dslope = x or 0
    Domain: a finite x, a finite slope
    Kink: At 0 every derivative between the two sides is right; ours is the left one, as in PyTorch; JAX takes 1.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    Defaults: slope = 0.01
    """

@overload
def leaky_relu(x: Entries, slope: Any = 0.01) -> Any: ...
@overload
def leaky_relu(x: SupportsFloat, slope: _N) -> _N: ...
@overload
def leaky_relu(x: SupportsFloat, slope: SupportsFloat = 0.01) -> float: ...
@overload
def log(x: _N) -> _N:
    """The natural logarithm rises by 1/x: steep near 0, flat far out.

    Formula: log(x)
    Derivative: d/dx = 1 / x
    Domain: x > 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def log(x: Entries) -> Any: ...
@overload
def log(x: SupportsFloat) -> float: ...
@overload
def log10(x: _N) -> _N:
    """How many factors of ten lead to x; the derivative is that of log, divided by log(10).

    Formula: log_10(x)
    Derivative: d/dx = 0.4342944819032518 / x
    Domain: x > 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def log10(x: Entries) -> Any: ...
@overload
def log10(x: SupportsFloat) -> float: ...
@overload
def log1p(x: _N) -> _N:
    """log(1 + x), exact also where x is tiny; the derivative is 1/(1 + x).

    Formula: log(1 + x)
    Derivative: d/dx = 1 / (1 + x)
    Domain: x > -1
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def log1p(x: Entries) -> Any: ...
@overload
def log1p(x: SupportsFloat) -> float: ...
@overload
def log2(x: _N) -> _N:
    """How many doublings lead to x; the derivative is that of log, divided by log(2).

    Formula: log_2(x)
    Derivative: d/dx = 1.4426950408889634 / x
    Domain: x > 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def log2(x: Entries) -> Any: ...
@overload
def log2(x: SupportsFloat) -> float: ...
@overload
def logaddexp(x: _N, y: _N | SupportsFloat) -> _N:
    """A smooth maximum of two numbers; the derivatives are their softmax and add up to 1.

    Formula: log(e^x + e^y)
    Derivatives: d/dx = exp(x - logaddexp(x, y)); d/dy = exp(y - logaddexp(x, y))
    Domain: a finite x, a finite y
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def logaddexp(x: Entries, y: Any) -> Any: ...
@overload
def logaddexp(x: SupportsFloat, y: _N) -> _N: ...
@overload
def logaddexp(x: SupportsFloat, y: SupportsFloat) -> float: ...
@overload
def logsigmoid(x: _N) -> _N:
    """The logarithm of the sigmoid; its derivative is 1 far below 0 and fades to 0 above.

    Formula: logsigmoid(x)
    Derivative: d/dx = sigmoid(-x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def logsigmoid(x: Entries) -> Any: ...
@overload
def logsigmoid(x: SupportsFloat) -> float: ...
@overload
def max(xs: Entries, /) -> Any:
    """Only the largest operand moves the result, so it takes the whole gradient.

    Formula: max(x1, x2, x3, ...)
    Derivatives: d/dx1 = 0 or 1; d/dx2 = 0 or 1; d/dx3 = 1 or 0
    Domain: a finite x1, a finite x2, a finite x3
    Kink: Operands that tie share the gradient equally, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def max(xs: Iterable[float], /) -> float: ...
@overload
def max(xs: Iterable[Value | float], /) -> Value: ...
@overload
def max(*xs: float) -> float: ...
@overload
def max(*xs: Value | float) -> Value: ...
@overload
def maximum(xs: Entries, /) -> Any:
    """Only the largest operand moves the result, so it takes the whole gradient.

    Formula: max(x1, x2, x3, ...)
    Derivatives: d/dx1 = 0 or 1; d/dx2 = 0 or 1; d/dx3 = 1 or 0
    Domain: a finite x1, a finite x2, a finite x3
    Kink: Operands that tie share the gradient equally, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def maximum(xs: Iterable[float], /) -> float: ...
@overload
def maximum(xs: Iterable[Value | float], /) -> Value: ...
@overload
def maximum(*xs: float) -> float: ...
@overload
def maximum(*xs: Value | float) -> Value: ...
@overload
def min(xs: Entries, /) -> Any:
    """Only the smallest operand moves the result, so it takes the whole gradient.

    Formula: min(x1, x2, x3, ...)
    Derivatives: d/dx1 = 1 or 0; d/dx2 = 0 or 1; d/dx3 = 0 or 1
    Domain: a finite x1, a finite x2, a finite x3
    Kink: Operands that tie share the gradient equally, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def min(xs: Iterable[float], /) -> float: ...
@overload
def min(xs: Iterable[Value | float], /) -> Value: ...
@overload
def min(*xs: float) -> float: ...
@overload
def min(*xs: Value | float) -> Value: ...
@overload
def minimum(xs: Entries, /) -> Any:
    """Only the smallest operand moves the result, so it takes the whole gradient.

    Formula: min(x1, x2, x3, ...)
    Derivatives: d/dx1 = 1 or 0; d/dx2 = 0 or 1; d/dx3 = 0 or 1
    Domain: a finite x1, a finite x2, a finite x3
    Kink: Operands that tie share the gradient equally, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def minimum(xs: Iterable[float], /) -> float: ...
@overload
def minimum(xs: Iterable[Value | float], /) -> Value: ...
@overload
def minimum(*xs: float) -> float: ...
@overload
def minimum(*xs: Value | float) -> Value: ...
@overload
def reciprocal(x: _N) -> _N:
    """The reciprocal falls by its own square.

    Formula: 1 / (x)
    Derivative: d/dx = -reciprocal(x)*reciprocal(x)
    Domain: x != 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def reciprocal(x: Entries) -> Any: ...
@overload
def reciprocal(x: SupportsFloat) -> float: ...
@overload
def relu(x: _N) -> _N:
    """A relu passes the gradient on where its input is positive and stops it elsewhere.

    Formula: ReLU(x)
    Derivative: d/dx = 0 or 1
    Domain: a finite x
    Kink: At 0 every derivative from 0 to 1 is right; ours is 0, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def relu(x: Entries) -> Any: ...
@overload
def relu(x: SupportsFloat) -> float: ...
@overload
def rint(x: _N) -> _N:
    """To the nearest whole number, halves to the even one: a staircase, so no gradient passes through it.

    Formula: round(x)
    Derivative: d/dx = 0
    Domain: a finite x
    Kink: At a half the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def rint(x: Entries) -> Any: ...
@overload
def rint(x: SupportsFloat) -> float: ...
@overload
def round(x: _N) -> _N:
    """To the nearest whole number, halves to the even one: a staircase, so no gradient passes through it.

    Formula: round(x)
    Derivative: d/dx = 0
    Domain: a finite x
    Kink: At a half the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def round(x: Entries) -> Any: ...
@overload
def round(x: SupportsFloat) -> float: ...
@overload
def selu(x: _N) -> _N:
    """An elu scaled so that a deep network keeps mean 0 and variance 1 by itself.

    Formula: SELU(x)
    Derivative: d/dx = 1.7580993408473766*exp(x) or 1.0507
    Domain: a finite x
    Kink: At 0 every derivative from 1.05 to 1.76 is right; ours is the left, 1.76, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def selu(x: Entries) -> Any: ...
@overload
def selu(x: SupportsFloat) -> float: ...
@overload
def sigmoid(x: _N) -> _N:
    """The derivative s(1-s) is largest, 1/4, at the origin and fades to 0 on both sides.

    Formula: sigmoid(x)
    Derivative: d/dx = sigmoid(x)*(1 - sigmoid(x))
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def sigmoid(x: Entries) -> Any: ...
@overload
def sigmoid(x: SupportsFloat) -> float: ...
@overload
def sign(x: _N) -> _N:
    """The sign is flat on both sides of 0, so no gradient passes through it.

    Formula: sign(x)
    Derivative: d/dx = 0
    Domain: a finite x
    Kink: At 0 the value jumps, which no derivative can say; ours is 0, as in PyTorch and JAX.
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def sign(x: Entries) -> Any: ...
@overload
def sign(x: SupportsFloat) -> float: ...
@overload
def silu(x: _N) -> _N:
    """x times its sigmoid, also called swish: a relu with a soft corner that dips below 0.

    Formula: SiLU(x)
    Derivative: d/dx = sigmoid(x) + x*sigmoid(x)*(1 - sigmoid(x))
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def silu(x: Entries) -> Any: ...
@overload
def silu(x: SupportsFloat) -> float: ...
@overload
def sin(x: _N) -> _N:
    """The derivative of the sine is the cosine.

    Formula: sin(x)
    Derivative: d/dx = cos(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def sin(x: Entries) -> Any: ...
@overload
def sin(x: SupportsFloat) -> float: ...
@overload
def sinh(x: _N) -> _N:
    """The derivative of sinh is cosh.

    Formula: sinh(x)
    Derivative: d/dx = cosh(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def sinh(x: Entries) -> Any: ...
@overload
def sinh(x: SupportsFloat) -> float: ...
@overload
def softplus(x: _N) -> _N:
    """A smooth relu: its derivative is the sigmoid.

    Formula: log(1 + e^x)
    Derivative: d/dx = sigmoid(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def softplus(x: Entries) -> Any: ...
@overload
def softplus(x: SupportsFloat) -> float: ...
@overload
def softsign(x: _N) -> _N:
    """Like tanh, but it nears -1 and 1 slowly, so its derivative never quite dies.

    Formula: x / (1 + |x|)
    Derivative: d/dx = 1 / (1 + abs(x))*(1 / (1 + abs(x)))
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def softsign(x: Entries) -> Any: ...
@overload
def softsign(x: SupportsFloat) -> float: ...
@overload
def sqrt(x: _N) -> _N:
    """The square root has the derivative 1/(2*sqrt(x)), which is infinite at 0.

    Formula: sqrt(x)
    Derivative: d/dx = 0.5 / sqrt(x)
    Domain: x >= 0
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def sqrt(x: Entries) -> Any: ...
@overload
def sqrt(x: SupportsFloat) -> float: ...
@overload
def square(x: _N) -> _N:
    """A square grows by twice its side.

    Formula: x^2
    Derivative: d/dx = 2*x
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def square(x: Entries) -> Any: ...
@overload
def square(x: SupportsFloat) -> float: ...
@overload
def tan(x: _N) -> _N:
    """The derivative of the tangent is 1 + tan^2: never less than 1.

    Formula: tan(x)
    Derivative: d/dx = 1 + tan(x)*tan(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def tan(x: Entries) -> Any: ...
@overload
def tan(x: SupportsFloat) -> float: ...
@overload
def tanh(x: _N) -> _N:
    """The derivative is 1 at the origin and fades to 0 as the output nears 1 or -1.

    Formula: tanh(x)
    Derivative: d/dx = 1 - tanh(x)*tanh(x)
    Domain: a finite x
    Shapes: a number for numbers, a Value for Values, and for arrays an array, entry by entry, as they broadcast.
    Raises: DomainError for a number outside the domain; OperandError for what is no real number.
    """

@overload
def tanh(x: Entries) -> Any: ...
@overload
def tanh(x: SupportsFloat) -> float: ...
@overload
def log_softmax(values: Entries) -> list[Any]:
    """The logarithm of each number's share in the sum of exponentials: x - logsumexp(x).

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> [round(x, 4) for x in log_softmax([0.0, 0.0, -1000.0])]
    [-0.6931, -0.6931, -1000.6931]
    """

@overload
def log_softmax(values: Iterable[float]) -> list[float]: ...
@overload
def log_softmax(values: Iterable[Value | float]) -> list[Value]: ...
@overload
def logsumexp(values: Entries) -> Any:
    """log(e^x1 + e^x2 + ...), as one node, for operands of any size.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """

@overload
def logsumexp(values: Iterable[float]) -> float: ...
@overload
def logsumexp(values: Iterable[Value | float]) -> Value: ...
@overload
def mean(values: Entries) -> Any:
    """The mean of one number or more, as one node.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """

@overload
def mean(values: Iterable[float]) -> float: ...
@overload
def mean(values: Iterable[Value | float]) -> Value: ...
@overload
def norm(values: Entries) -> Any:
    """The Euclidean length sqrt(x1^2 + x2^2 + ...), as one node, without overflow; its derivatives at the origin are 0.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> norm([3.0, 4.0])
    5.0
    """

@overload
def norm(values: Iterable[float]) -> float: ...
@overload
def norm(values: Iterable[Value | float]) -> Value: ...
@overload
def prod(values: Entries) -> Any:
    """The product of one number or more, as one node; right also where some are 0.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> prod([2.0, 3.0, 4.0])
    24.0
    """

@overload
def prod(values: Iterable[float]) -> float: ...
@overload
def prod(values: Iterable[Value | float]) -> Value: ...
@overload
def softmax(values: Entries) -> list[Any]:
    """Each number's share e^x / (e^x1 + e^x2 + ...): positive, and 1 in all, for operands of any size.

    Args:
        values: one number or Value, or more.

    Raises:
        ShapeError: there are none.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """

@overload
def softmax(values: Iterable[float]) -> list[float]: ...
@overload
def softmax(values: Iterable[Value | float]) -> list[Value]: ...
@overload
def total(values: Entries) -> Any:
    """The sum of Values as one node with many parents; of bare numbers, a float.

    Args:
        values: numbers and Values, any number of them; of none the sum is 0.0.

    Raises:
        OperandError: something in values is no real number.

    >>> total([Value(1.0), Value(2.0), 3.0]).data
    6.0
    """

@overload
def total(values: Iterable[float]) -> float: ...
@overload
def total(values: Iterable[Value | float]) -> Value: ...
@overload
def sum(values: Entries) -> Any:
    """The sum of Values as one node with many parents; of bare numbers, a float.

    Args:
        values: numbers and Values, any number of them; of none the sum is 0.0.

    Raises:
        OperandError: something in values is no real number.

    >>> total([Value(1.0), Value(2.0), 3.0]).data
    6.0
    """

@overload
def sum(values: Iterable[float]) -> float: ...
@overload
def sum(values: Iterable[Value | float]) -> Value: ...
@overload
def compile(
    f: Callable[_P, Any],
    *,
    batch: str | Sequence[str] | None = None,
    argnums: int | tuple[int, ...] = 0,
    backend: str | None = None,
    threads: int | None = None,
    dump: Callable[[str], Any] | None = None,
) -> _Compiled[_P]:
    """`f`, traced once for each structure of its arguments and then replayed at the speed of the machine.

    Args:
        f: a function of numbers, lists, dicts or arrays, written as for Values. Without it you get a decorator.
        batch: names of arguments that are given as many samples. `f` is then the loss of one sample, and the
            compiled function gives the mean over all samples, and its `each` what f gives for each of them.
        argnums: the argument (or arguments) whose gradient `grad` gives.
        backend: "llvm", "numpy" or "tape"; by default the first of these that is installed. Where that is "llvm", a
            program begins on a tape in machine code, which is ready at once, and becomes loops when it is prepared or
            was called often enough for its size; named, "llvm" means loops from the first call.
        threads: at most so many share the samples of a large call on the LLVM back end; by default the number in the
            environment variable TINYGRAD_LITE_THREADS, else one a core. Every number gives the same bits.
        dump: is given what each pass of the compiler leaves, as text, as soon as it has run: `print`, or a list's
            `append`. `fast.passes()` shows the same afterwards; `compiler.passes.pipeline.PASSES` lists all there are.

    Branches are followed: a comparison in `f` becomes a guard, and numbers that take another branch
    are traced again. What `f` reads from outside, such as the parameters of a model, is read anew at
    each call if it is a Value and frozen otherwise. An argument is the number it is: it may be compared with another
    by `==`, steer a loop or be an index. `tg.grad` and the other transforms may be used inside. The first result is
    compared with the engine's. What was compiled is kept on the disk for the next process; the command
    `tinygrad-lite doctor` says where.

    >>> import tinygrad_lite as tg
    >>> @tg.compile(batch=("x", "y"))
    ... def loss(w, x, y):
    ...     return (w[0] * x + w[1] - y) ** 2
    >>> loss.grad([1.0, 0.0], [1.0, 3.0], [2.0, 6.0])
    [-10.0, -4.0]

    Raises:
        TraceError: f reads `.data` or `float(...)` of a traced value, which would freeze it.

    >>> fast = tg.compile(lambda x: x * x if x > 0 else -x)
    >>> fast(3.0), fast(-3.0), fast.grad(3.0)
    (9.0, 3.0, 6.0)
    """

@overload
def compile(
    f: None = None,
    *,
    batch: str | Sequence[str] | None = None,
    argnums: int | tuple[int, ...] = 0,
    backend: str | None = None,
    threads: int | None = None,
    dump: Callable[[str], Any] | None = None,
) -> Callable[[Callable[_P, Any]], _Compiled[_P]]: ...
@overload
def where(condition: Entries, x: Any, y: Any) -> Any:
    """x if the condition holds, y otherwise; an array of conditions chooses entry by entry.

    The other one leaves no trace in the graph.

    Both were computed before the choice, so guard what must not be computed with Python's own
    `if`: `x if v > 0 else tg.log(v)`. Multiplying by 0 instead would carry a NaN or an infinity
    of the unwanted branch into the gradient.

    Raises:
        OperandError: the condition is a list, which would count as true whatever it holds.

    >>> from tinygrad_lite.engine import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> where(a > b, a, b) is b
    True
    """

@overload
def where(condition: object, x: Value, y: Value | float) -> Value: ...
@overload
def where(condition: object, x: float, y: Value) -> Value: ...
@overload
def where(condition: object, x: float, y: float) -> float: ...
@overload
def where(condition: object, x: Any, y: Any) -> Any: ...
@overload
def dot(ws: Entries, xs: Entries | Sequence[Any], b: Any = None) -> Any:
    """w1*x1 + w2*x2 + ... + b as one node with 2n+1 parents, where elementary operators would make 2n nodes.

    Args:
        ws, xs: n numbers or Values each.
        b: a bias, or None.

    Raises:
        ShapeError: ws and xs differ in length.

    >>> w = [Value(1.0), Value(2.0)]
    >>> y = dot(w, [10.0, 20.0], Value(5.0))
    >>> y.backward()
    >>> y.data, w[1].grad
    (55.0, 20.0)
    """

@overload
def dot(ws: Sequence[float], xs: Sequence[float], b: float | None = None) -> float: ...
@overload
def dot(ws: Sequence[Value | float], xs: Sequence[Value | float], b: Value | float | None = None) -> Value: ...
@overload
def dot(ws: Sequence[Any], xs: Entries, b: Any = None) -> Any: ...
