"""exp, log and tanh on vectors, right over the whole range of doubles.

The method of each is the classic one: reduce the argument to a short interval by an exact step,
approximate there by a polynomial, and put the scale back. The polynomials interpolate their
function at Chebyshev nodes, computed with 60 digits (`tests/compiler/test_kernels.py` computes
them again). No kernel has a branch: special cases are chosen by `where`.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions (1980), for the
reductions; T. J. Dekker, A floating-point technique for extending the available precision (1971),
for sums that keep their rounding error.
"""

from __future__ import annotations

import math

from tinygrad_lite.compiler.backends.llvm.kernels.vector import (
    Vector,
    fused,
    horner,
    kernel,
    larger,
    polynomial,
    smaller,
    where,
)

LN2_HIGH = float.fromhex("0x1.62e42feep-1")
"""ln 2 to 32 bits, so that k * LN2_HIGH is exact for every exponent k."""
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
"""What is missing from LN2_HIGH."""
LOG2_E = float.fromhex("0x1.71547652b82fep+0")

MAGIC = 1.5 * 2.0**52 + 1023.0
"""Adding it rounds to a whole number k, and leaves k + 1023, the exponent field of 2^k, in the low bits."""

EXP_TAIL = (
    0.5,
    0.1666666666666667,
    0.04166666666666667,
    0.008333333333326112,
    0.001388888888888373,
    0.0001984126987490126,
    2.4801587325605324e-05,
    2.7557255297969643e-06,
    2.755727357010214e-07,
    2.5105259538448494e-08,
    2.0914717341716378e-09,
)
"""(e^r - 1 - r) / r^2 for |r| <= ln(2)/2, to 1e-18 times 1/r."""

LOG_TAIL = (
    0.666666666666667,
    0.3999999999989889,
    0.28571428626253836,
    0.22222211089379496,
    0.1818289243253687,
    0.15331611722055008,
    0.14617807153417325,
)
"""(log((1+s)/(1-s)) - 2s) / s^3 as a polynomial in s^2, for sqrt(1/2) <= (1+s)/(1-s) <= sqrt(2)."""


def split_exponent(x: Vector) -> tuple[Vector, Vector, Vector]:
    """k whole, k + MAGIC, and r with x = k ln 2 + r and |r| <= ln(2)/2, for |x| < 1100."""
    shifted = fused(x, LOG2_E, MAGIC)
    k = shifted - MAGIC
    r = fused(k, -LN2_LOW, fused(k, -LN2_HIGH, x))
    return k, shifted, r


def power_of_two(shifted: Vector) -> Vector:
    """2^k from k + MAGIC, for -1022 <= k <= 1023: the exponent field is pushed into its place."""
    return (shifted.bits() << 52).as_double()


def scale(p: Vector, k: Vector) -> Vector:
    """p * 2^k for -2000 < k < 2000, rounded once, also if the result is subnormal or infinite."""
    half = fused(k, 0.5, MAGIC)
    rest = k - (half - MAGIC)
    return p * power_of_two(half) * power_of_two(rest + MAGIC)


def exponential_minus_one(r: Vector) -> Vector:
    """e^r - 1 for |r| <= ln(2)/2, rounded two or three times."""
    square = r * r
    return fused(polynomial(r, EXP_TAIL, square), square, r)


@kernel
def exp(x: Vector) -> Vector:
    """e^x: with x = k ln 2 + r it is 2^k (1 + r + tail). Beyond the bounds it is 0 or infinite anyway.

    What rounding took from r and from 1 + r goes into the tail, which leaves little more than the
    last rounding.
    """
    inside = larger(smaller(x, 710.0), -746.0)
    k, _, r = split_exponent(inside)
    square = r * r
    first = r + 1.0
    lost = (fused(k, -LN2_HIGH, inside) - r) - k * LN2_LOW
    tail = fused(polynomial(r, EXP_TAIL, square), square, (r - (first - 1.0)) + lost)
    return scale(first + tail, k)


def split_mantissa(x: Vector) -> tuple[Vector, Vector]:
    """k whole and m with x = 2^k m and sqrt(1/2) <= m < sqrt(2), for x > 0, subnormal or not."""
    tiny = x < 2.0**-1022
    bits = where(tiny, x * 2.0**54, x).bits()
    root = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2); the offset makes the difference positive
    raised = bits + ((1077 << 52) - root)
    exponent = raised >> 52
    m = (bits - ((exponent << 52) - (1077 << 52))).as_double()
    # a whole number below 2^52 in the mantissa of 2^52 becomes a double by a subtraction
    k = (exponent | 0x4330000000000000).as_double() - where(tiny, 2.0**52 + 1077 + 54, 2.0**52 + 1077)
    return k, m


def log_of_parts(u: Vector, missing: Vector | float = 0.0) -> Vector:
    """log(u + missing) for u > 0, where `missing` is too small to change u: k ln 2 + log m.

    log m = log((1+s)/(1-s)) with s = (m-1)/(m+1), and f = m-1 is exact.
    """
    k, m = split_mantissa(u)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    halved = f * f * 0.5
    # log(1+f) = f - f^2/2 + s (f^2/2 + R): what follows f is small beside it
    tail = fused(s, fused(horner(z, LOG_TAIL), z, halved), fused(k, LN2_LOW, missing))
    return fused(k, LN2_HIGH, f - (halved - tail))


@kernel
def log(x: Vector) -> Vector:
    """The natural logarithm; -inf at 0, NaN below."""
    result = where(x < math.inf, log_of_parts(x), x)
    return where(x > 0.0, result, where(x.equals(0.0), -math.inf, math.nan))


@kernel
def log1p(x: Vector) -> Vector:
    """log(1 + x): what rounding takes from u = 1 + x is put back as c/u."""
    u = x + 1.0
    c = where(abs(x) < 1.0, x - (u - 1.0), 1.0 - (u - x))
    result = where(u > 0.0, log_of_parts(u, c / u), where(u.equals(0.0), -math.inf, math.nan))
    return where(x.equals(0.0), x, where(x < math.inf, result, x + x))


@kernel
def expm1(x: Vector) -> Vector:
    """e^x - 1 = (2^k - 1) + 2^k (r + tail), in which the first sum keeps its rounding error, and so does r.

    It is halved on the way, so that 2^1024 does not overflow.
    """
    inside = larger(smaller(x, 710.0), -40.0)
    k, _, r = split_exponent(inside)
    coarse = fused(k, -LN2_HIGH, inside)
    square = r * r
    tail = fused(polynomial(r, EXP_TAIL, square), square, fused(k, -LN2_LOW, coarse - r))
    two_k = power_of_two(k + (MAGIC - 1.0))
    whole, part = two_k - 0.5, two_k * r
    first = whole + part
    rest = fused(two_k, tail, part - (first - whole))
    return where(abs(x) < 2.0**-54, x, (first + rest) * 2.0)


@kernel
def tanh(x: Vector) -> Vector:
    """E / (E + 2) with E = e^(2|x|) - 1 = 2^k (e^r - 1) + (2^k - 1); the sign of x is put back.

    Networks spend their time here, so it is the short way: 2.6 ulp at worst, 0.3 on average.
    """
    _, shifted, r = split_exponent(smaller(abs(x), 22.0) * 2.0)
    two_k = power_of_two(shifted)
    e = fused(two_k, exponential_minus_one(r), two_k - 1.0)
    return (e / (e + 2.0)).with_sign_of(x)


@kernel
def cosh(x: Vector) -> Vector:
    """h + 1/(4h) with h = e^|x|/2."""
    k, _, r = split_exponent(smaller(abs(x), 711.0))
    half = scale(exponential_minus_one(r) + 1.0, k - 1.0)
    return half + 0.25 / half


@kernel
def sqrt(x: Vector) -> Vector:
    """The square root: one instruction, rounded right."""
    return x.intrinsic("sqrt")
