"""The vector kernels against mpmath, in every width, with and without fused multiply-add."""

import math
import random
import struct

import mpmath
import pytest

pytest.importorskip("llvmlite")

from tests.compiler.elementwise import elementwise
from tinygrad_lite.compiler.backends.llvm import jit
from tinygrad_lite.compiler.backends.llvm.kernels import KERNELS, module
from tinygrad_lite.compiler.backends.llvm.kernels.exponential import EXP_TAIL, LOG_TAIL

INF, NAN = math.inf, math.nan
TINY, HUGE = 5e-324, 1.7976931348623157e308
SUBNORMAL = 2.0**-1022

mpmath.mp.prec = 200


def real(f):
    """f where it is real, NaN elsewhere."""
    return lambda *xs: mpmath.nan if isinstance(f(*xs), mpmath.mpc) else f(*xs)


EXACT = {
    **{name: real(getattr(mpmath, name)) for name in ("exp", "expm1", "sqrt", "cosh", "tanh")},
    **{name: real(getattr(mpmath, name)) for name in ("sin", "cos", "atan2")},
    **{name: getattr(mpmath, name) for name in ("erf", "erfc", "floor", "ceil")},
    "log": lambda x: mpmath.log(x) if x > 0 else mpmath.nan if x < 0 else -mpmath.inf,
    "log1p": lambda x: mpmath.log1p(x) if x > -1 else mpmath.nan if x < -1 else -mpmath.inf,
    "cbrt": lambda x: mpmath.cbrt(x) if x > 0 else -mpmath.cbrt(-x),
    "trunc": lambda x: mpmath.floor(x) if x > 0 else mpmath.ceil(x),
    "round": lambda x: mpmath.mpf(round(float(x))),
    "pow": real(mpmath.power),
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "tgamma": mpmath.gamma,
    "fmod": lambda x, y: mpmath.mpf(math.fmod(x, y)),
    "remainder": lambda x, y: mpmath.mpf(math.remainder(x, y)),
}

# kernel: the ulps it may be off; an interval for each operand to draw from, "bits" is any double of either sign
SMALL, UNIT, WIDE = (-1e-3, 1e-3), (-1, 1), (-30, 30)
BOUNDS = {
    "exp": (0.9, [SMALL, UNIT, WIDE, (-745.2, 709.79), (-746, -700), "bits"]),
    "expm1": (1.3, [SMALL, UNIT, (-45, 45), (600, 709.79), "bits"]),
    "log": (1.0, [(0.5, 2), (0.99, 1.01), (1e-3, 1e3), (0, 2.3e-308), "bits"]),
    "log1p": (1.0, [(-1e-8, 1e-8), SMALL, UNIT, (0, 1e3), (1e10, 1e17), "bits"]),
    "sqrt": (0.5, [(0, 2), "bits"]),
    "cbrt": (1.1, [(-2, 2), (-1e300, 1e300), (-1e-310, 1e-310), "bits"]),
    "cosh": (1.5, [UNIT, WIDE, (-710.4, 710.4), "bits"]),
    "tanh": (2.8, [SMALL, (-0.4, 0.4), (-3, 3), (-25, 25), "bits"]),
    "sin": (1.0, [(-0.1, 0.1), UNIT, (-10, 10), (-1.1e6, 1.1e6), "bits"]),
    "cos": (1.0, [(-0.1, 0.1), UNIT, (-10, 10), (-1.1e6, 1.1e6), "bits"]),
    "erf": (1.5, [(-0.1, 0.1), (-1.1, 1.1), (-6, 6), "bits"]),
    "erfc": (3.5, [(-0.1, 0.1), (-1.1, 1.1), (-6, 6), (6, 26.5), (26, 27.3)]),
    "floor": (0.0, [(-3, 3), (-1e18, 1e18)]),
    "ceil": (0.0, [(-3, 3), (-1e18, 1e18)]),
    "trunc": (0.0, [(-3, 3), (-1e18, 1e18)]),
    "round": (0.0, [(-3, 3), (-1e15, 1e15)]),
    "lgamma": (10.0, [(3, 30)]),  # the C library's own accuracy
    "tgamma": (10.0, [(0.1, 30)]),
    "pow": (1.1, [((0.9, 1.1), (-6e3, 6e3)), ((0, 2), (-700, 700)), ((0, 1e3), (-99, 99)), ((0, 1e300), (-1, 1))]),
    "atan2": (1.5, [(UNIT, UNIT), (UNIT, SMALL), (SMALL, UNIT), ((0, 1e300), (-1, 1))]),
    "fmod": (0.0, [(WIDE, UNIT)]),
    "remainder": (0.0, [(WIDE, UNIT)]),
}


def any_double(rng):
    return struct.unpack("<d", rng.randbytes(8))[0]


def column(rng, interval, count):
    """Numbers of one interval, half of them drawn, half evenly spaced and shuffled."""
    if interval == "bits":
        drawn = [any_double(rng) for _ in range(count)]
        return [x if math.isfinite(x) else 1.0 for x in drawn]
    low, high = interval
    even = [low + (high - low) * i / (count // 2 - 1) for i in range(count // 2)]
    rng.shuffle(even)
    return even + [rng.uniform(low, high) for _ in range(count - len(even))]


def columns(name, count=400):
    """Points of every interval on which the kernel is judged: one list for each operand."""
    rng = random.Random(name)
    parts = []
    for intervals in BOUNDS[name][1]:
        each = intervals if isinstance(intervals[0], tuple) else (intervals,)
        parts.append([column(rng, interval, count) for interval in each])
    return [[x for part in parts for x in part[i]] for i in range(len(parts[0]))]


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


@pytest.mark.few(3)
@pytest.mark.parametrize("name", BOUNDS)
def test_kernels_stay_within_their_ulps_in_every_width(name):
    allowed, intervals = BOUNDS[name]
    operands = columns(name, 400 if len(intervals) > 2 else 200)
    exact = [EXACT[name](*map(mpmath.mpf, xs)) for xs in zip(*operands, strict=True)]
    results = {lanes: elementwise(name, *operands, lanes=lanes) for lanes in (1, 2, 4, 8)}
    results["no fma"] = elementwise(name, *operands, machine=without_fma())

    for width, got in results.items():
        off, i = max((ulps(y, e), i) for i, (y, e) in enumerate(zip(got, exact, strict=True)))
        assert off <= allowed, f"{name}, lanes {width}: off by {off} ulp at {[xs[i] for xs in operands]}, gave {got[i]}"


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
    "expm1": [
        (0.0, 0.0),
        (-0.0, -0.0),
        (INF, INF),
        (-INF, -1.0),
        (NAN, NAN),
        (TINY, TINY),
        (-TINY, -TINY),
        (710.0, INF),
    ],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN), (TINY, TINY)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (-1.0, NAN), (INF, INF), (NAN, NAN), (4.0, 2.0)],
    "cbrt": [*[(float(n) ** 3, float(n)) for n in range(-9, 10)], (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "cosh": [(0.0, 1.0), (INF, INF), (-INF, INF), (NAN, NAN), (711.0, INF), (-711.0, INF)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (TINY, TINY), (math.pi, math.sin(math.pi))],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (math.pi, -1.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (NAN, NAN), (28.0, 0.0)],
    "round": [(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, -0.0), (INF, INF), (NAN, NAN)],
    "tanh": [
        *[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (20.0, 1.0), (-20.0, -1.0)],
        *[(1e300, 1.0), (HUGE, 1.0), (TINY, TINY), (-TINY, -TINY), (SUBNORMAL, SUBNORMAL)],
    ],
}


def same(x, y):
    """Equal as bits, but for the many bits of NaN."""
    return (math.isnan(x) and math.isnan(y)) or (x == y and math.copysign(1, x) == math.copysign(1, y))


@pytest.mark.few(20)
@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("name", SPECIAL)
def test_zeros_infinities_nan_and_the_edges_of_the_range_are_exact(name, lanes):
    got = elementwise(name, [x for x, _ in SPECIAL[name]], lanes=lanes)

    for (x, expected), y in zip(SPECIAL[name], got, strict=True):
        assert same(y, expected), f"{name}({x!r}) gave {y!r}, not {expected!r}"


def python_says(f, x, y):
    """Python's own answer, with infinity or NaN where Python raises."""
    try:
        return f(x, y)
    except OverflowError:
        return math.copysign(INF, -1.0 if x < 0 and y % 2 == 1 else 1.0)
    except ValueError:
        return NAN if x else math.copysign(INF, x if y % 2 == 1 else 1.0)


EDGES = [0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 1e-300, 1e300, TINY, HUGE, 2.0**53, 2.0**53 + 2, 2.0**52 + 1, INF, NAN]


@pytest.mark.parametrize("name", ["pow", "atan2"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_two_operands_from_the_edges_of_the_range_meet_as_python_says(name, lanes):
    numbers = [*EDGES, *(-x for x in EDGES)]
    pairs = [(x, y) for x in numbers for y in numbers]
    got = elementwise(name, *zip(*pairs, strict=True), lanes=lanes)

    for (x, y), z in zip(pairs, got, strict=True):
        expected = python_says(getattr(math, name), x, y)
        close = math.isfinite(expected) and abs(z - expected) <= math.ulp(expected) and expected != 0
        assert close or same(z, expected), f"{name}({x!r}, {y!r}) gave {z!r}, not {expected!r}"


def test_whole_powers_that_fit_a_double_are_exact():
    pairs = [(float(x), float(n)) for x in range(-40, 41) if x for n in range(9)]
    got = elementwise("pow", *zip(*pairs, strict=True))

    assert list(got) == [x**n for x, n in pairs]


def test_a_lane_does_not_depend_on_its_neighbours():
    strange = [INF, -INF, NAN, 0.0, TINY, HUGE, -HUGE]
    for name in SPECIAL:
        alone = elementwise(name, [0.7] * 8, lanes=8)[0]

        assert same(elementwise(name, [*strange, 0.7], lanes=8)[7], alone)


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
        module([], [("expp", 8)])


def test_every_kernel_is_judged_here():
    assert set(KERNELS) == set(BOUNDS)


def test_the_ruler_sees_one_ulp():
    exact = mpmath.exp(1)

    assert ulps(math.e, exact) < 0.5
    assert 0.5 < ulps(math.nextafter(math.e, 3), exact) < 1.5
    assert ulps(NAN, exact) == INF
