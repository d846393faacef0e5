"""The vector kernels against mpmath, in every width, with and without fused multiply-add."""

import math
import random
import struct

import mpmath
import pytest

pytest.importorskip("llvmlite")

from tinygrad_lite.compiler import jit
from tinygrad_lite.compiler.kernels import KERNELS, definitions
from tinygrad_lite.compiler.kernels.elementwise import elementwise
from tinygrad_lite.compiler.kernels.exponential import EXP_TAIL, LOG_TAIL

INF, NAN = math.inf, math.nan
TINY, HUGE = 5e-324, 1.7976931348623157e308
SUBNORMAL = 2.0**-1022

mpmath.mp.prec = 200
EXACT = {
    "exp": mpmath.exp,
    "log": lambda x: mpmath.log(x) if x > 0 else mpmath.nan if x < 0 else -mpmath.inf,
    "tanh": mpmath.tanh,
}

# kernel: the ulps it may be off; intervals drawn from, "bits" draws any double of either sign
BOUNDS = {
    "exp": (1.0, [(-1e-3, 1e-3), (-1, 1), (-30, 30), (-745.2, 709.79), (-746, -700), "bits"]),
    "log": (1.0, [(0.5, 2), (0.99, 1.01), (1e-3, 1e3), (0, 2.3e-308), "bits"]),
    "tanh": (2.0, [(-1e-3, 1e-3), (-0.4, 0.4), (-3, 3), (-25, 25), "bits"]),
}


def any_double(rng):
    return struct.unpack("<d", rng.randbytes(8))[0]


def points(name, count=400):
    """Random and evenly spaced points of every interval on which the kernel is judged."""
    rng = random.Random(name)
    found = []
    for interval in BOUNDS[name][1]:
        if interval == "bits":
            found += [any_double(rng) for _ in range(count)]
        else:
            low, high = interval
            found += [rng.uniform(low, high) for _ in range(count)]
            found += [low + (high - low) * i / (count - 1) for i in range(count)]
    return [x for x in found if math.isfinite(x)]


def ulps(got, exact):
    """How far a double is from the exact result, in units of the spacing of doubles there."""
    if isinstance(exact, mpmath.mpc) or mpmath.isnan(exact):
        return 0.0 if math.isnan(got) else INF
    nearest = float(exact)
    if math.isinf(nearest) or math.isinf(got) or math.isnan(got):
        return 0.0 if got == nearest else INF
    return float(abs(mpmath.mpf(got) - exact) / math.ulp(nearest))


def without_fma():
    host = jit.host()
    if not host.triple.startswith("x86_64"):
        pytest.skip("this test asks for the oldest 64-bit x86 processor")
    return jit.Host(2, "x86-64", "", host.triple)


@pytest.mark.parametrize("name", BOUNDS)
def test_kernels_stay_within_their_ulps_in_every_width(name):
    allowed, _ = BOUNDS[name]
    xs = points(name)
    exact = [EXACT[name](mpmath.mpf(x)) for x in xs]
    results = {lanes: elementwise(name, xs, lanes=lanes) for lanes in (1, 2, 4, 8)}
    results["no fma"] = elementwise(name, xs, machine=without_fma())

    for width, got in results.items():
        worst = max(zip(map(ulps, got, exact), xs, got, strict=True))
        assert worst[0] <= allowed, f"{name}, lanes {width}: off by {worst[0]} ulp at {worst[1]!r}"


SPECIAL = {
    "exp": [
        *[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (TINY, 1.0), (-1e300, 0.0), (1e300, INF)],
        *[(709.782712893384, 1.7976931348622732e308), (709.7827128933841, INF), (710.0, INF), (HUGE, INF)],
        *[(-745.1332191019411, TINY), (-745.1332191019412, 0.0), (-746.0, 0.0), (-1e4, 0.0)],
    ],
    "log": [
        *[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (-TINY, NAN), (NAN, NAN)],
        *[(TINY, -744.4400719213812), (SUBNORMAL, -708.3964185322641), (HUGE, 709.782712893384)],
    ],
    "tanh": [
        *[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (20.0, 1.0), (-20.0, -1.0)],
        *[(1e300, 1.0), (HUGE, 1.0), (TINY, TINY), (-TINY, -TINY), (SUBNORMAL, SUBNORMAL)],
    ],
}


def same(x, y):
    """Equal as bits, but for the many bits of NaN."""
    return (math.isnan(x) and math.isnan(y)) or (x == y and math.copysign(1, x) == math.copysign(1, y))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("name", SPECIAL)
def test_zeros_infinities_nan_and_the_edges_of_the_range_are_exact(name, lanes):
    got = elementwise(name, [x for x, _ in SPECIAL[name]], lanes=lanes)

    for (x, expected), y in zip(SPECIAL[name], got, strict=True):
        assert same(y, expected), f"{name}({x!r}) gave {y!r}, not {expected!r}"


def test_a_lane_does_not_depend_on_its_neighbours():
    strange = [INF, -INF, NAN, 0.0, TINY, HUGE, -HUGE]
    for name in BOUNDS:
        alone = elementwise(name, [0.7] * 8, lanes=8)[0]

        assert list(elementwise(name, [*strange, 0.7], lanes=8))[7] == alone


def chebyshev(f, low, high, degree):
    """The polynomial of that degree that meets f at the Chebyshev nodes of the interval, lowest power first."""
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mpmath.cos(mpmath.pi * (2 * i + 1) / (2 * degree + 2))
        for i in range(degree + 1)
    ]
    powers = mpmath.matrix([[x**j for j in range(degree + 1)] for x in nodes])
    return [float(c) for c in mpmath.lu_solve(powers, mpmath.matrix([f(x) for x in nodes]))]


def test_the_polynomials_are_those_of_the_chebyshev_nodes():
    half = mpmath.log(2) / 2 * mpmath.mpf(1.0005)
    edge = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2 * mpmath.mpf(1.001)

    assert chebyshev(
        lambda r: (mpmath.expm1(r) - r) / r**2 if abs(r) > 1e-20 else mpmath.mpf(0.5), -half, half, 10
    ) == pytest.approx(EXP_TAIL, rel=1e-9)
    assert chebyshev(
        lambda z: (2 * mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 2) / z, mpmath.mpf(0), edge, 6
    ) == pytest.approx(LOG_TAIL, rel=1e-9)


def test_a_name_without_a_kernel_is_refused_with_the_names_there_are():
    with pytest.raises(KeyError, match=r"no kernel computes 'expp'.*exp"):
        definitions(["expp"], 8)


def test_every_kernel_is_judged_here():
    assert set(KERNELS) == set(BOUNDS)


def test_the_ruler_sees_one_ulp():
    exact = mpmath.exp(1)

    assert ulps(math.e, exact) < 0.5
    assert 0.5 < ulps(math.nextafter(math.e, 3), exact) < 1.5
    assert ulps(NAN, exact) == INF
