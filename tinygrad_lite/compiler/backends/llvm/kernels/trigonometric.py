"""sin, cos and the angle of a point on vectors.

An angle is reduced to |r| <= pi/4 by taking away k pi/2, with pi/2 in four parts of which three
times k are exact; r itself is kept in two parts, so that it is good to 60 bits however near the
angle is to a multiple of pi/2. That holds below 2^20; a vector with a larger angle in it also
calls the C library, which takes the trouble that such angles need.

Source: W. J. Cody and W. Waite, Software Manual for the Elementary Functions (1980).
"""

from __future__ import annotations

import math

from tinygrad_lite.compiler.backends.llvm.kernels.vector import Vector, fused, kernel, polynomial, where

HALF_PI_PARTS = tuple(map(float.fromhex, ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2ep-69")))
"""pi/2 in three parts of 33 bits at most: times a whole number below 2^20 they are exact."""
HALF_PI_REST = float.fromhex("0x1.b839a252049c1p-104")
HALF_PI = float.fromhex("0x1.921fb54442d18p+0")
HALF_PI_LOW = float.fromhex("0x1.1a62633145c07p-54")
TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
LARGEST_ANGLE = 2.0**20
TO_WHOLE = 1.5 * 2.0**52
"""Adding it rounds to a whole number, which then stands in the low bits."""

SIN_TAIL = (
    -0.16666666666666666,
    0.008333333333333331,
    -0.0001984126984126504,
    2.755731921932058e-06,
    -2.50521062259944e-08,
    1.6058530596645953e-10,
    -7.586636882825159e-13,
)
"""(sin r - r) / r^3 as a polynomial in r^2, for |r| <= pi/4."""
COS_TAIL = (
    0.041666666666666664,
    -0.0013888888888888887,
    2.4801587301584632e-05,
    -2.755731922139249e-07,
    2.0876755787492604e-09,
    -1.1470460319209511e-11,
    4.745838412531023e-14,
)
"""(cos r - 1 + r^2/2) / r^4 as a polynomial in r^2, for |r| <= pi/4."""
ATAN_TAIL = (
    -0.3333333333333333,
    0.199999999999998,
    -0.14285714285659326,
    0.11111111105106705,
    -0.09090908751076636,
    0.0769229630497447,
    -0.06666423628069258,
    0.058789145444006215,
    -0.052303478730160745,
    0.04551108126325172,
    -0.034558092551413795,
    0.01627194475162406,
)
"""(atan r - r) / r^3 as a polynomial in r^2, for |r| <= tan(pi/8)."""


def exact_sum(x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """x + y and its rounding error, whichever is larger (D. E. Knuth, Seminumerical Algorithms, 4.2.2)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def reduce_angle(x: Vector) -> tuple[Vector, Vector, Vector]:
    """The bits of k, and r in two parts, with x = k pi/2 + r and |r| <= pi/4, for |x| < LARGEST_ANGLE."""
    shifted = fused(x, TWO_OVER_PI, TO_WHOLE)
    k = shifted - TO_WHOLE
    first, second, third = HALF_PI_PARTS
    total, error = exact_sum(fused(k, -first, x), k * -second)
    total, error_2 = exact_sum(total, k * -third)
    low = error + (error_2 - k * HALF_PI_REST)
    high = total + low
    return shifted.bits(), high, low - (high - total)


def sine_of_small(r: Vector, low: Vector | float = 0.0) -> Vector:
    """sin(r + low) for |r| <= pi/4."""
    z = r * r
    correction = fused(z * -0.5, low, low) if isinstance(low, Vector) else r.like(low)
    return r + fused(z * r, polynomial(z, SIN_TAIL), correction)


def cosine_of_small(r: Vector, low: Vector) -> Vector:
    """cos(r + low) for |r| <= pi/4: 1 - z/2 is kept in two parts."""
    z = r * r
    half = z * 0.5
    top = 1.0 - half
    return top + (((1.0 - top) - half) + fused(z * z, polynomial(z, COS_TAIL), -(r * low)))


def too_large(x: Vector) -> Vector:
    """True for angles, infinities and NaN that `reduce_angle` does not take."""
    return ~(abs(x) < LARGEST_ANGLE)


@kernel
def sin(x: Vector) -> tuple[Vector, Vector]:
    quadrant, r, low = reduce_angle(x)
    chosen = where((quadrant & 1).equals(0), sine_of_small(r, low), cosine_of_small(r, low))
    flipped = (chosen.bits() ^ ((quadrant & 2) << 62)).as_double()
    return where(x.equals(0.0), x, flipped), too_large(x)


@kernel
def cos(x: Vector) -> tuple[Vector, Vector]:
    quadrant, r, low = reduce_angle(x)
    chosen = where((quadrant & 1).equals(0), cosine_of_small(r, low), sine_of_small(r, low))
    return (chosen.bits() ^ (((quadrant + 1) & 2) << 62)).as_double(), too_large(x)


def atan_of_quotient(top: Vector, below: Vector) -> Vector:
    """atan(top/below) for 0 <= top, 0 <= below, not both 0 or infinite.

    The quotient is turned so that it lies under 1, and then by pi/4 if it lies over tan(pi/8).
    """
    steep = top > below
    a, b = where(steep, below, top), where(steep, top, below)
    middle = a > b * (math.sqrt(2.0) - 1.0)
    r = where(middle, a - b, a) / where(middle, a + b, b)
    z = r * r
    tail = r * z * polynomial(z, ATAN_TAIL)
    # the angle is base + r or base - r, base one of 0, pi/4, pi/2
    base = where(middle, HALF_PI / 2, 0.0)
    base_low = where(middle, HALF_PI_LOW / 2, 0.0)
    straight = base + (r + (tail + base_low))
    turned_base, turned_low = where(middle, HALF_PI / 2, HALF_PI), where(middle, HALF_PI_LOW / 2, HALF_PI_LOW)
    turned = turned_base - (r + (tail - turned_low))
    return where(steep, turned, straight)


@kernel
def atan2(y: Vector, x: Vector) -> tuple[Vector, Vector]:
    """The angle of the point (x, y); operands that are 0, infinite, NaN or extreme go to the C library."""
    a, b = abs(y), abs(x)
    angle = atan_of_quotient(a, b)
    angle = where(x < 0.0, HALF_PI * 2 - (angle - HALF_PI_LOW * 2), angle).with_sign_of(y)
    extreme = [~((size > 2.0**-480) & (size < 2.0**480)) for size in (a, b)]
    return angle, extreme[0] | extreme[1]
