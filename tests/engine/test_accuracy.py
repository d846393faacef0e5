"""How many units in the last place the elementary functions and their slopes are off, tails included.

Oracle: mpmath with 60 digits. Values may be 4 ulp off and slopes 8, everywhere on the domain:
points spaced evenly by logarithm over all magnitudes a float knows, and random ones.
"""

import math
import random
import sys

import mpmath
import pytest

from tinygrad_lite.engine.op import TABLE

from .test_ops import EXACT

TINY = sys.float_info.min


def spaced(low, high, n):
    """n numbers from low to high, evenly by logarithm, each shaken a little."""
    rng = random.Random(n)
    return [math.exp(rng.uniform(0.0, 1.0) * (math.log(high) - math.log(low)) + math.log(low)) for _ in range(n)]


def both_sides(xs):
    return [*xs, *[-x for x in xs]]


ALL = both_sides([*spaced(TINY, 1e300, 150), *spaced(1e-3, 30.0, 150)])
POSITIVE = [*spaced(5e-324, 1e308, 150), *spaced(0.3, 3.0, 100), *[1.0 + x for x in both_sides(spaced(1e-15, 0.1, 40))]]
UNIT = both_sides([*spaced(TINY, 1.0, 100), *[1.0 - x for x in spaced(1e-15, 0.5, 100)]])
TAIL = both_sides([*spaced(TINY, 740.0, 150), *spaced(0.01, 40.0, 200)])  # where e^x is a float
RANGES = {
    "exp": TAIL,
    "exp2": [x / 0.7 for x in TAIL],
    "expm1": [*TAIL, *[-x for x in spaced(1.0, 1e300, 30)]],
    "log": POSITIVE,
    "log2": POSITIVE,
    "log10": POSITIVE,
    "log1p": [*POSITIVE, *[-x for x in spaced(TINY, 1.0, 100)], *[-1.0 + x for x in spaced(1e-15, 0.5, 60)]],
    "sqrt": POSITIVE,
    "cbrt": ALL,
    "square": both_sides(spaced(1e-150, 1e150, 100)),
    "reciprocal": both_sides(spaced(1e-150, 1e150, 100)),
    "abs": ALL,
    "neg": ALL,
    "sin": both_sides([*spaced(TINY, 1e15, 150), *spaced(0.1, 100.0, 150)]),
    "cos": both_sides([*spaced(TINY, 1e15, 150), *spaced(0.1, 100.0, 150)]),
    "tan": both_sides([*spaced(TINY, 1e15, 150), *spaced(0.1, 100.0, 150)]),
    "asin": UNIT,
    "acos": UNIT,
    "atan": ALL,
    "sinh": TAIL[:-1],
    "cosh": TAIL[:-1],
    "tanh": [*TAIL, *ALL],
    "asinh": ALL,
    "acosh": [*[1.0 + x for x in spaced(1e-15, 1.0, 100)], *spaced(2.0, 1e300, 100)],
    "atanh": UNIT,
    "erf": [*TAIL, *ALL],
    "erfc": both_sides([*spaced(TINY, 26.5, 150), *spaced(0.1, 26.5, 200)]),
    "sigmoid": [*TAIL, *spaced(1.0, 1e300, 40)],
    "logsigmoid": [*TAIL, *ALL],
    "softplus": [*TAIL, *ALL],
    "softsign": ALL,
    "selu": [*TAIL, *[-x for x in spaced(1.0, 1e300, 30)]],
    "silu": TAIL,
    "gelu": both_sides([*spaced(TINY, 37.0, 150), *spaced(0.1, 37.0, 200)]),
}

SLOPES = {  # the same derivatives, written for 60 digits without help from our table
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.log(2) * mpmath.mpf(2) ** x,
    "expm1": mpmath.exp,
    "log": lambda x: 1 / x,
    "log2": lambda x: 1 / (x * mpmath.log(2)),
    "log10": lambda x: 1 / (x * mpmath.log(10)),
    "log1p": lambda x: 1 / (1 + x),
    "sqrt": lambda x: 1 / (2 * mpmath.sqrt(x)),
    "cbrt": lambda x: 1 / (3 * mpmath.cbrt(x * x)),
    "square": lambda x: 2 * x,
    "reciprocal": lambda x: -1 / (x * x),
    "abs": mpmath.sign,
    "neg": lambda x: mpmath.mpf(-1),
    "sin": mpmath.cos,
    "cos": lambda x: -mpmath.sin(x),
    "tan": lambda x: 1 / mpmath.cos(x) ** 2,
    "asin": lambda x: 1 / mpmath.sqrt(1 - x * x),
    "acos": lambda x: -1 / mpmath.sqrt(1 - x * x),
    "atan": lambda x: 1 / (1 + x * x),
    "sinh": mpmath.cosh,
    "cosh": mpmath.sinh,
    "tanh": lambda x: mpmath.sech(x) ** 2,
    "asinh": lambda x: 1 / mpmath.sqrt(1 + x * x),
    "acosh": lambda x: 1 / mpmath.sqrt(x * x - 1),
    "atanh": lambda x: 1 / (1 - x * x),
    "erf": lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x),
    "erfc": lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x),
    "sigmoid": lambda x: 1 / (2 + mpmath.exp(x) + mpmath.exp(-x)),
    "logsigmoid": lambda x: 1 / (1 + mpmath.exp(x)),
    "softplus": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
    "selu": lambda x: (
        mpmath.mpf("1.0507009873554804934193349852946")
        * (1 if x > 0 else mpmath.mpf("1.6732632423543772848170429916717") * mpmath.exp(x))
    ),
    "silu": lambda x: (1 + mpmath.exp(-x) + x * mpmath.exp(-x)) / (1 + mpmath.exp(-x)) ** 2,
    "gelu": lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x),
}
STABLE = {  # forms of EXACT that keep 60 digits for x as small as 1e-308 or as large as 1e300
    "expm1": mpmath.expm1,
    "log1p": mpmath.log1p,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)) if x < 1e4 else x,
    "logsigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)) if x > -1e4 else x,
    "selu": lambda x: (
        mpmath.mpf("1.0507009873554804934193349852946")
        * (x if x > 0 else mpmath.mpf("1.6732632423543772848170429916717") * mpmath.expm1(x))
    ),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
}
# silu' and gelu' cross zero near -1.28 and -0.75; there their two terms cancel, and the last place of the terms counts
SCALE = {"silu": lambda x: mpmath.exp(x) if x < 0 else 1, "gelu": lambda x: abs(x) * mpmath.npdf(x) if x < 0 else 1}


def ulps_off(ours, exact, scale=0):
    """How many units in the last place of `exact` (or of the larger scale) the float is off."""
    if math.isinf(ours):
        return 0.0 if abs(exact) > sys.float_info.max else math.inf
    place = math.ulp(float(max(abs(exact), abs(scale)))) if abs(exact) < 1e308 else math.ulp(1e308)
    return float(abs(mpmath.mpf(ours) - exact) / place)


def worst(pairs):
    return max(pairs, key=lambda pair: pair[0])


def test_every_elementary_function_is_measured():
    composite = {"relu", "sign", "floor", "ceil", "round", "gelu_tanh"}  # exact by construction, or a formula of others

    assert set(RANGES) == {op.name for op in TABLE.values() if op.arity == 1} - composite


@pytest.mark.few(3)
@pytest.mark.parametrize("name", RANGES)
def test_values_are_at_most_4_ulp_off(name):
    op, exact = TABLE[name], STABLE.get(name, EXACT[name])
    with mpmath.workdps(60):
        off, x = worst([(ulps_off(op(x), exact(mpmath.mpf(x))), x) for x in RANGES[name]])

    assert off <= 4.0, f"{name}({x!r}) is {off:.1f} ulp off"


@pytest.mark.few(3)
@pytest.mark.parametrize("name", RANGES)
def test_slopes_are_at_most_8_ulp_off(name):
    op, exact, scale = TABLE[name], SLOPES[name], SCALE.get(name, lambda x: 0)
    pairs = []
    with mpmath.workdps(80):
        for x in RANGES[name]:
            (slope,) = op.partials(x, op.forward(x))
            pairs.append((ulps_off(slope, exact(mpmath.mpf(x)), scale(mpmath.mpf(x))), x))
    off, x = worst(pairs)

    assert off <= 8.0, f"the slope of {name} at {x!r} is {off:.1f} ulp off"


PLANE = list(zip(both_sides(spaced(1e-100, 1e100, 150)), spaced(1e-100, 1e100, 300), strict=True))
PLANE += list(zip(both_sides(spaced(0.01, 100.0, 150)), spaced(0.011, 100.0, 300), strict=True))
POWERS = [(x, random.Random(x).uniform(-700, 700) / abs(math.log(x))) for x in spaced(1e-100, 1e100, 400)]
POWERS += [
    (x, y) for x in spaced(0.01, 100.0, 40) for y in (-2.0, -1.0, -0.5, 0.0, 0.1, 1 / 3, 0.5, 1.0, 2.0, 3.0, 7.5)
]
OF_TWO = {
    "pow": (POWERS, lambda x, y: (y * x ** (y - 1), x**y * mpmath.log(x))),
    "div": (PLANE, lambda x, y: (1 / y, -x / y**2)),
    "hypot": (PLANE, lambda x, y: (x / mpmath.hypot(x, y), y / mpmath.hypot(x, y))),
    "atan2": (PLANE, lambda y, x: (x / (x * x + y * y), -y / (x * x + y * y))),
}


@pytest.mark.parametrize("name", OF_TWO)
def test_functions_of_two_numbers_are_as_accurate(name):
    op, (points, slopes) = TABLE[name], OF_TWO[name]
    values, first = [], []
    with mpmath.workdps(60):
        for point in points:
            exact_point = [mpmath.mpf(x) for x in point]
            out = op(*point)
            values.append((ulps_off(out, EXACT[name](*exact_point)), point))
            ours, exact = op.partials(*point, out), slopes(*exact_point)
            first.append((max(ulps_off(a, b) for a, b in zip(ours, exact, strict=True)), point))

    assert worst(values)[0] <= 4.0, worst(values)
    assert worst(first)[0] <= 8.0, worst(first)


def test_a_slope_without_care_would_fail():
    """1 - tanh^2, taken literally, has no digits left at 15."""
    with mpmath.workdps(60):
        literal = TABLE["tanh"].display_derivatives(15.0, math.tanh(15.0))[0]

        assert ulps_off(literal, SLOPES["tanh"](mpmath.mpf(15))) > 1e6
