"""erf and erfc on vectors.

Far from 0, erfc x = e^(-x^2) Q(t) / (1 + 2x), where t = (x - 2.5)/(x + 2.5) brings the half line
to a short interval on which Q is smooth; x^2 is kept in two parts, since an error in it would grow
with e^(-x^2).

Source: M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1+2x) exp(x^2) erfc x in
0 <= x < infinity, Mathematics of Computation 36 (1981), for the form; the coefficients are ours.
"""

from __future__ import annotations

from tinygrad_lite.compiler.backends.llvm.kernels.exponential import exponential_minus_one, scale, split_exponent
from tinygrad_lite.compiler.backends.llvm.kernels.vector import (
    Vector,
    fused,
    kernel,
    larger,
    polynomial,
    smaller,
    where,
)

ERF_NEAR = (
    0.12837916709551256,
    -0.3761263890318354,
    0.1128379167094491,
    -0.026866170643221454,
    0.005223977606976882,
    -0.0008548325968458515,
    0.00012055294691019695,
    -1.4924732685547572e-05,
    1.6447371314258486e-06,
    -1.6208065704722215e-07,
    1.3718218762051456e-08,
    -7.792387776980085e-10,
)
"""erf(x) / x - 1 as a polynomial in x^2, for |x| <= 1."""

ERFC_FAR = (
    1.2648381843668615,
    -0.12235676308240359,
    -0.0990245395735962,
    0.15762991902311949,
    -0.10296705603895118,
    0.032760893272790116,
    0.0009318928270073998,
    -0.004382078420311957,
    0.000491865691454917,
    0.0006321252038191168,
    -8.84784001581178e-05,
    -0.00011352803377010753,
    6.262780554173334e-06,
    2.272337176777931e-05,
    2.615227372790232e-06,
    -4.2819433525929715e-06,
    -1.5869123428186513e-06,
    6.363588732838848e-07,
    5.160857471689657e-07,
    -7.735759736691247e-08,
    -9.369445160391742e-08,
    1.6321658937146816e-08,
)
"""(1 + 2x) e^(x^2) erfc(x) as a polynomial in t = (x - 2.5)/(x + 2.5), for 0.46 <= x <= 27.5."""
MIDDLE = 0.47
"""From here on erfc x is computed by its far form; below, 1 - erf x loses nothing."""


def exp_of_minus_square(x: Vector, factor: float, times: Vector) -> Vector:
    """times e^(-factor x^2), rounded last: x is split into a part of 26 bits, whose square is exact, and the rest."""
    coarse = (x.bits() & -(1 << 27)).as_double()
    high = coarse * coarse * -factor
    low = (x - coarse) * (x + coarse) * -factor
    k, _, r = split_exponent(larger(high, -800.0))
    return scale(fused(exponential_minus_one(r + low), times, times), k)


def scaled_erfc(x: Vector) -> Vector:
    """e^(x^2) erfc(x) for x >= 0.46."""
    t = (x - 2.5) / (x + 2.5)
    return polynomial(t, ERFC_FAR) / fused(x, 2.0, 1.0)


def erfc_far(size: Vector) -> Vector:
    """erfc(x) for x >= 0.46."""
    x = smaller(size, 28.0)
    return exp_of_minus_square(x, 1.0, scaled_erfc(x))


def erf_near(x: Vector) -> Vector:
    """erf(x) for |x| <= 1."""
    return fused(x, polynomial(x * x, ERF_NEAR), x)


@kernel
def erf(x: Vector) -> Vector:
    size = abs(x)
    return where(size < 1.0, erf_near(x), (1.0 - erfc_far(larger(size, MIDDLE))).with_sign_of(x))


@kernel
def erfc(x: Vector) -> Vector:
    size = abs(x)
    far = erfc_far(larger(size, MIDDLE))
    return where((x < MIDDLE) & (size < 1.0), 1.0 - erf_near(x), where(x < 0.0, 2.0 - far, far))
