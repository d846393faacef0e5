"""pow and cbrt: a logarithm in two parts, so that nothing is lost when it is multiplied.

x^y = e^(y log x). If y log x is 700, an error of 2^-53 in log x becomes an error of 2^-44 in the
power. So log x is computed as a sum high + low with about 65 good bits, the product with y as
well, and the exponential takes both parts. The result is right to less than 1 ulp for whole, half
and general exponents alike, and exact where x^y is a double.

Source: T. J. Dekker, A floating-point technique for extending the available precision (1971).
"""

from __future__ import annotations

import math

from tinygrad_lite.compiler.backends.llvm.kernels.exponential import (
    LN2_HIGH,
    LN2_LOW,
    exponential_minus_one,
    scale,
    split_exponent,
    split_mantissa,
)
from tinygrad_lite.compiler.backends.llvm.kernels.vector import (
    Vector,
    exact_fused,
    fused,
    kernel,
    larger,
    polynomial,
    smaller,
    where,
)

TWO_THIRDS = float.fromhex("0x1.5555555555555p-1")
TWO_THIRDS_LOW = float.fromhex("0x1.5555555555555p-55")

LOG_TAIL_BEYOND = (
    0.4,
    0.2857142857142937,
    0.22222222221652765,
    0.18181818336099848,
    0.1538459488700718,
    0.1333480879881234,
    0.11706126464563398,
    0.11724327060846747,
)
"""(log((1+s)/(1-s)) - 2s - 2s^3/3) / s^5 as a polynomial in s^2, where LOG_TAIL holds."""


def fast_sum(x: Vector | float, y: Vector) -> tuple[Vector, Vector]:
    """x + y and its rounding error, for |x| >= |y| or x = 0."""
    total = x + y
    return total, y - (total - x)


def product(x: Vector, y: Vector | float) -> tuple[Vector, Vector]:
    """x * y and its rounding error."""
    total = x * y
    return total, exact_fused(x, y, -total)


def log_of_mantissa(m: Vector) -> tuple[Vector, Vector]:
    """log m in two parts, for sqrt(1/2) <= m <= sqrt(2): 2s + s z (2/3 + z T(z)) with s = (m-1)/(m+1), z = s^2."""
    f = m - 1.0
    below = f + 2.0
    below_low = f - (below - 2.0)
    s = f / below
    s_low = (exact_fused(-s, below, f) - s * below_low) / below
    z, z_low = product(s, s)
    z_low = fused(s * 2.0, s_low, z_low)
    u, u_low = fast_sum(TWO_THIRDS, z * polynomial(z, LOG_TAIL_BEYOND))
    w, w_low = product(z, u)
    w_low = w_low + fused(z, u_low + TWO_THIRDS_LOW, z_low * u)
    v, v_low = product(s, w)
    v_low = v_low + fused(s, w_low, s_low * w)
    high, low = fast_sum(s * 2.0, v)
    return fast_sum(high, low + fused(s_low, 2.0, v_low))


def log_in_two_parts(x: Vector) -> tuple[Vector, Vector]:
    """log x = high + low to about 65 bits, for 0 < x < infinity."""
    k, m = split_mantissa(x)
    high, low = log_of_mantissa(m)
    total, rest = fast_sum(k * LN2_HIGH, high)
    return fast_sum(total, rest + fused(k, LN2_LOW, low))


def is_whole(size: Vector) -> Vector:
    """True where a number >= 0 is whole: adding 2^52 rounds away what stands behind the point."""
    return (size >= 2.0**52) | ((size + 2.0**52) - 2.0**52).equals(size)


@kernel
def pow(x: Vector, y: Vector) -> Vector:
    """x^y by the rules of the C library: NaN for x < 0 unless y is whole, x^0 = 1^y = 1."""
    size = abs(x)
    log_high, log_low = log_in_two_parts(size)
    high, low = product(log_high, y)
    low = where(abs(high) < 800.0, fused(log_low, y, low), 0.0)
    k, _, r = split_exponent(larger(smaller(high, 710.0), -746.0))
    power = scale(exponential_minus_one(r + low) + 1.0, k)

    # 0 and infinity have no logarithm
    zero, infinite, up = size.equals(0.0), size.equals(math.inf), y > 0.0
    power = where(zero, where(up, 0.0, math.inf), where(infinite, where(up, math.inf, 0.0), power))
    # a negative x: the sign comes from an odd exponent; x < 0 needs a whole one
    exponent = abs(y)
    whole = is_whole(exponent)
    odd = whole & ~is_whole(exponent * 0.5)
    power = where(odd, power.with_sign_of(x), power)
    power = where((x < 0.0) & ~(whole | infinite), math.nan, power)
    power = where(x.is_nan() | y.is_nan(), math.nan, power)
    return where(y.equals(0.0) | x.equals(1.0) | (size.equals(1.0) & exponent.equals(math.inf)), 1.0, power)


@kernel
def cbrt(x: Vector) -> Vector:
    """The cube root: e^(log|x|/3) is nearly right, one step of Newton's method makes it so."""
    size = abs(x)
    high, low = log_in_two_parts(size)
    third = high * (1.0 / 3.0)
    rest = (exact_fused(third, -3.0, high) + low) * (1.0 / 3.0)
    k, _, r = split_exponent(third)
    root = scale(exponential_minus_one(r + rest) + 1.0, k)
    return where((size > 0.0) & (size < math.inf), root.with_sign_of(x), x)
