"""The operators and methods of a number that remembers how it was computed.

Written off the table of ops by `python .ci/stubs.py`; tests/test_public_names.py holds it equal.
"""
# mypy: disable-error-code="overload-overlap"

from typing import Any, Protocol, Self, SupportsFloat, overload

from tinygrad_lite.engine.op import Op

class Entries(Protocol):
    """An array of numbers or Values, with which an op goes entry by entry."""

    @property
    def ndim(self) -> int: ...
    def __len__(self) -> int: ...

class Arithmetic:
    """Operators and methods for a class that knows how to apply an op to operands."""

    __slots__ = ()
    def _apply(self, op: Op, operands: tuple[Any, ...]) -> Any: ...
    def _apply_one(self, op: Op) -> Any: ...
    def __neg__(self) -> Self: ...
    def __pos__(self) -> Self: ...
    def __abs__(self) -> Self: ...
    def __floor__(self) -> Self: ...
    def __ceil__(self) -> Self: ...
    def __round__(self, ndigits: int | None = None) -> Self: ...
    def __divmod__(self, other: SupportsFloat | Arithmetic) -> tuple[Self, Self]: ...
    def __rdivmod__(self, other: SupportsFloat | Arithmetic) -> tuple[Self, Self]: ...
    def conjugate(self) -> Self:
        """This number itself, since it is real."""
    def degrees(self) -> Self:
        """An angle in radians, turned into degrees."""
    def radians(self) -> Self:
        """An angle in degrees, turned into radians."""
    def rad2deg(self) -> Self:
        """An angle in radians, turned into degrees."""
    def deg2rad(self) -> Self:
        """An angle in degrees, turned into radians."""
    @overload
    def __add__(self, other: Entries) -> Any: ...
    @overload
    def __add__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __radd__(self, other: Entries) -> Any: ...
    @overload
    def __radd__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __sub__(self, other: Entries) -> Any: ...
    @overload
    def __sub__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __rsub__(self, other: Entries) -> Any: ...
    @overload
    def __rsub__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __mul__(self, other: Entries) -> Any: ...
    @overload
    def __mul__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __rmul__(self, other: Entries) -> Any: ...
    @overload
    def __rmul__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __truediv__(self, other: Entries) -> Any: ...
    @overload
    def __truediv__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __rtruediv__(self, other: Entries) -> Any: ...
    @overload
    def __rtruediv__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __pow__(self, other: Entries) -> Any: ...
    @overload
    def __pow__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __rpow__(self, other: Entries) -> Any: ...
    @overload
    def __rpow__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __floordiv__(self, other: Entries) -> Any: ...
    @overload
    def __floordiv__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __rfloordiv__(self, other: Entries) -> Any: ...
    @overload
    def __rfloordiv__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __mod__(self, other: Entries) -> Any: ...
    @overload
    def __mod__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    @overload
    def __rmod__(self, other: Entries) -> Any: ...
    @overload
    def __rmod__(self, other: SupportsFloat | Arithmetic) -> Self: ...
    def abs(self) -> Self:
        """The absolute value keeps positive numbers and turns negative ones around."""
    def absolute(self) -> Self:
        """The absolute value keeps positive numbers and turns negative ones around."""
    def acos(self) -> Self:
        """Arc sine and arc cosine add up to a right angle, so their derivatives are opposite."""
    def acosh(self) -> Self:
        """The derivative of arcosh is 1/sqrt(x^2 - 1), which is infinite at 1."""
    def arccos(self) -> Self:
        """Arc sine and arc cosine add up to a right angle, so their derivatives are opposite."""
    def arccosh(self) -> Self:
        """The derivative of arcosh is 1/sqrt(x^2 - 1), which is infinite at 1."""
    def arcsin(self) -> Self:
        """The derivative of the arc sine is 1/sqrt(1 - x^2), which is infinite at -1 and 1."""
    def arcsinh(self) -> Self:
        """The derivative of arsinh is 1/sqrt(1 + x^2): 1 at the origin, then that of a logarithm."""
    def arctan(self) -> Self:
        """The derivative of the arc tangent is 1/(1 + x^2): 1 at the origin, and flat far out."""
    def arctan2(self, x: SupportsFloat | Arithmetic) -> Self:
        """The angle of a point turns faster the nearer the point is to the origin."""
    def arctanh(self) -> Self:
        """The derivative of artanh is 1/(1 - x^2): it grows without end towards -1 and 1."""
    def asin(self) -> Self:
        """The derivative of the arc sine is 1/sqrt(1 - x^2), which is infinite at -1 and 1."""
    def asinh(self) -> Self:
        """The derivative of arsinh is 1/sqrt(1 + x^2): 1 at the origin, then that of a logarithm."""
    def atan(self) -> Self:
        """The derivative of the arc tangent is 1/(1 + x^2): 1 at the origin, and flat far out."""
    def atan2(self, x: SupportsFloat | Arithmetic) -> Self:
        """The angle of a point turns faster the nearer the point is to the origin."""
    def atanh(self) -> Self:
        """The derivative of artanh is 1/(1 - x^2): it grows without end towards -1 and 1."""
    def cbrt(self) -> Self:
        """The third root exists for every number; its derivative is infinite at 0."""
    def ceil(self) -> Self:
        """A staircase is flat between its steps, so no gradient passes through it."""
    def clip(self, low: SupportsFloat | Arithmetic, high: SupportsFloat | Arithmetic) -> Self:
        """Between its edges a clip passes the gradient on; beyond them it stops it."""
    def cos(self) -> Self:
        """The derivative of the cosine is minus the sine."""
    def cosh(self) -> Self:
        """The derivative of cosh is sinh."""
    def elu(self, alpha: SupportsFloat | Arithmetic = 1.0) -> Self:
        """A relu that bends down smoothly to -alpha on its negative side."""
    def erf(self) -> Self:
        """The area under a bell curve; so its derivative is the bell curve."""
    def erfc(self) -> Self:
        """1 - erf(x), with all its digits in the tail; the derivative is minus the bell curve."""
    def exp(self) -> Self:
        """The exponential is its own derivative."""
    def exp2(self) -> Self:
        """A doubling with every step has the derivative log(2) = 0.69 times itself."""
    def expm1(self) -> Self:
        """exp(x) - 1, exact also where x is tiny; the derivative is exp(x)."""
    def fabs(self) -> Self:
        """The absolute value keeps positive numbers and turns negative ones around."""
    def floor(self) -> Self:
        """A staircase is flat between its steps, so no gradient passes through it."""
    def gelu(self) -> Self:
        """x times the chance that a normal number is below x: a relu with a soft corner."""
    def gelu_tanh(self) -> Self:
        """The older, cheaper form of gelu; it differs from the exact one by less than 0.0005."""
    def hardtanh(self, low: SupportsFloat | Arithmetic = -1.0, high: SupportsFloat | Arithmetic = 1.0) -> Self:
        """A tanh made of three straight lines: the derivative is 1 between its edges and 0 beyond."""
    def hypot(self, y: SupportsFloat | Arithmetic) -> Self:
        """The length of (x, y) grows with x by the cosine of its angle with the x axis."""
    def leaky_relu(self, slope: SupportsFloat | Arithmetic = 0.01) -> Self:
        """A relu that lets a small part of the gradient through on its negative side too."""
    def log(self) -> Self:
        """The natural logarithm rises by 1/x: steep near 0, flat far out."""
    def log10(self) -> Self:
        """How many factors of ten lead to x; the derivative is that of log, divided by log(10)."""
    def log1p(self) -> Self:
        """log(1 + x), exact also where x is tiny; the derivative is 1/(1 + x)."""
    def log2(self) -> Self:
        """How many doublings lead to x; the derivative is that of log, divided by log(2)."""
    def logaddexp(self, y: SupportsFloat | Arithmetic) -> Self:
        """A smooth maximum of two numbers; the derivatives are their softmax and add up to 1."""
    def logsigmoid(self) -> Self:
        """The logarithm of the sigmoid; its derivative is 1 far below 0 and fades to 0 above."""
    def maximum(self, *others: SupportsFloat | Arithmetic) -> Self:
        """Only the largest operand moves the result, so it takes the whole gradient."""
    def minimum(self, *others: SupportsFloat | Arithmetic) -> Self:
        """Only the smallest operand moves the result, so it takes the whole gradient."""
    def reciprocal(self) -> Self:
        """The reciprocal falls by its own square."""
    def relu(self) -> Self:
        """A relu passes the gradient on where its input is positive and stops it elsewhere."""
    def rint(self) -> Self:
        """To the nearest whole number, halves to the even one: a staircase, so no gradient passes through it."""
    def round(self) -> Self:
        """To the nearest whole number, halves to the even one: a staircase, so no gradient passes through it."""
    def selu(self) -> Self:
        """An elu scaled so that a deep network keeps mean 0 and variance 1 by itself."""
    def sigmoid(self) -> Self:
        """The derivative s(1-s) is largest, 1/4, at the origin and fades to 0 on both sides."""
    def sign(self) -> Self:
        """The sign is flat on both sides of 0, so no gradient passes through it."""
    def silu(self) -> Self:
        """x times its sigmoid, also called swish: a relu with a soft corner that dips below 0."""
    def sin(self) -> Self:
        """The derivative of the sine is the cosine."""
    def sinh(self) -> Self:
        """The derivative of sinh is cosh."""
    def softplus(self) -> Self:
        """A smooth relu: its derivative is the sigmoid."""
    def softsign(self) -> Self:
        """Like tanh, but it nears -1 and 1 slowly, so its derivative never quite dies."""
    def sqrt(self) -> Self:
        """The square root has the derivative 1/(2*sqrt(x)), which is infinite at 0."""
    def square(self) -> Self:
        """A square grows by twice its side."""
    def tan(self) -> Self:
        """The derivative of the tangent is 1 + tan^2: never less than 1."""
    def tanh(self) -> Self:
        """The derivative is 1 at the origin and fades to 0 as the output nears 1 or -1."""

def add_method(op: Op) -> None: ...
