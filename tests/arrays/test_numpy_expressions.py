"""What lesson code writes with NumPy, on arrays of Values: the table that the documentation promises.

Each expression is computed twice, on arrays of floats by NumPy alone and on Values. The numbers
must agree; where there is a slope it must agree with the measured one; and the result must be of
use downstream, as `np.sum(np.tanh(result))`. `UNCHANGED` works with any object array of Values;
`WITH_OURS` needs the arrays that `tg.array` makes, and `tg.grad` hands to its function;
`NUMBERS` have no slope; `REFUSED` raise and say what to do instead.
"""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")

POINT = {
    "W": [[0.3, -0.7, 1.1], [0.9, 0.2, -0.4]],  # parameters
    "b": [0.1, -0.2, 0.35],
    "S": [[1.5, 0.3], [-0.2, 2.0]],
    "p": [0.15, 0.6, 0.25],
    "z": [-1.2, 0.4, 2.3],
}
DATA = {"np": np, "X": np.array([[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0], [0.1, 0.7]]), "y": np.array([1.0, 0.0, 2.0])}

UNCHANGED = """
    X @ W + b
    np.dot(X, W) + b
    np.dot(b, z)
    np.inner(b, z)
    np.inner(W, W)
    np.outer(b, z)
    np.einsum("ij,jk->ik", X, W)
    np.einsum("ij,ij->", W, W)
    np.tensordot(X, W, axes=1)
    np.kron(S, b)
    np.convolve(b, z)
    np.trace(S)
    np.polyval(b, 1.5)
    np.vdot(b, z)
    np.matmul(S, W)
    np.linalg.matrix_power(S, 3)
    np.linalg.multi_dot([X, W, b])
    np.linalg.norm(z)
    np.linalg.norm(W)
    np.exp(W)
    np.log(p)
    np.tanh(X @ W)
    np.sqrt(p)
    np.sin(z)
    np.cos(z)
    np.tan(b)
    np.square(z)
    np.log1p(p)
    np.expm1(b)
    np.arctan(z)
    np.arcsin(b)
    np.arccos(b)
    np.sinh(z)
    np.cosh(z)
    np.arcsinh(z)
    np.arccosh(p + 1)
    np.arctanh(b)
    np.arctan2(z, b)
    np.hypot(z, b)
    np.exp2(z)
    np.cbrt(z)
    np.log2(p)
    np.log10(p)
    np.reciprocal(z)
    np.deg2rad(z)
    np.degrees(b)
    np.abs(z)
    np.negative(z)
    np.positive(z)
    np.fabs(z)
    np.power(p, 2.5)
    np.power(z, 3)
    2.0 ** z
    z ** 2
    z / p
    1 / p
    -z
    p * z - b + 3
    np.float64(2.0) * z
    np.float64(2.0) ** z
    np.sum(W)
    np.sum(W, axis=0)
    np.sum(W, axis=1, keepdims=True)
    W.sum(axis=(0, 1))
    np.mean(W)
    np.mean(W, axis=0)
    np.mean((z - y) ** 2)
    np.prod(p)
    np.cumsum(z)
    np.cumprod(p)
    np.average(z, weights=[1.0, 2.0, 3.0])
    np.median(z)
    np.trapezoid(z)
    np.diff(z)
    np.var(z)
    np.std(W, axis=1)
    np.max(z)
    np.min(W, axis=1)
    np.ptp(z)
    np.sort(z)
    np.percentile(z, 40)
    np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))
    1 / (1 + np.exp(-z))
    -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    W.T
    W.reshape(3, 2)
    W[:, 1]
    W[W > 0]
    np.concatenate([b, z])
    np.stack([b, z])
    np.vstack([W, b])
    np.hstack([b, z])
    np.column_stack([b, z])
    np.roll(z, 1)
    np.flip(z)
    np.tile(b, 2)
    np.repeat(b, 2)
    np.squeeze(W[None])
    np.broadcast_to(b, (4, 3)) * 1.0
    np.diag(S)
    np.cross(b, z)
    np.apply_along_axis(np.sum, 1, W)
    np.take(z, [2, 0])
    np.sinc(z)
    np.nansum(z)
    np.choose([0, 1, 0], [b, z])
"""

WITH_OURS = """
    np.maximum(0, z)
    np.tanh(np.maximum(0, X @ W + b))
    np.minimum(z, 0.5)
    np.maximum(b, z)
    np.fmax(0, z)
    np.fmin(z, b)
    np.where(z > 0, z, 0)
    np.where(z > 0, z, 0.1 * z)
    np.select([z < 0, z < 1], [0, z], 1)
    np.clip(z, -1, 1)
    z.clip(0, None)
    np.zeros_like(W) + b
    np.ones_like(W) * b
    np.full_like(b, 2.5) * z
    np.tanh(np.zeros_like(b)) + z
    np.logaddexp(z, b)
    np.logaddexp2(z, b)
    np.logaddexp.reduce(z)
    np.maximum.reduce(W, axis=0)
    np.maximum.accumulate(z)
    np.maximum.outer(z, b)
    np.add.outer(z, b)
    np.float_power(p, 2)
    np.remainder(z, 0.7)
    np.fmod(z, 0.7)
    np.copysign(z, -1)
    np.pad(z, 1)
    np.triu(S)
    np.eye(2) * S
    np.concatenate([z, np.zeros(2)])
    np.interp(0.3, [0.0, 1.0, 2.0], z)
    np.interp(b, [-1.0, 0.0, 1.0], z)
    np.interp(z, [-1.0, 0.0, 1.0], b)
    np.linalg.det(S)
    np.linalg.inv(S)
    np.linalg.solve(S, W)
    np.linalg.solve(S, [1.0, 2.0])
    z.dot(b)
    np.nan_to_num(z)
    np.dot(z, 2.0)
    np.dot(np.ones((2, 2, 2)), S)
"""

NUMBERS = """
    np.isnan(z)
    np.isinf(z)
    np.isfinite(z)
    np.signbit(z)
    np.isclose(z, 0.4)
    np.allclose(z, z)
    np.array_equal(z, z)
    np.histogram(z, bins=2)[0]
    np.argmax(z)
    np.argmin(W, axis=1)
    np.argsort(z)
    np.count_nonzero(z)
    np.nonzero(z > 0)[0]
    np.searchsorted(np.sort(z), 1.0)
    np.digitize(z, [0.0, 1.0])
    z > 0
    z <= b
    np.sign(z)
    np.floor(z)
    np.ceil(z)
    np.round(z)
    np.round(z, 1)
    z.round(1)
    np.trunc(z)
    np.rint(z)
    np.floor_divide(z, 0.7)
    np.divmod(z, 0.7)[0]
    np.heaviside(z, 0.5)
    W.shape
    np.size(W)
    np.zeros_like(W)
"""

REFUSED = """
    np.linalg.eig(S)
    np.linalg.svd(S)
    np.fft.fft(z)
    np.polyfit(y, z, 1)
    np.ldexp(z, 2)
    np.cov(z)
    np.spacing(z)
    np.frexp(z)
"""

CUTS = """
    S.astype(float)
    np.array(S, dtype=float)
    np.asarray(z, dtype=np.float64)
    np.zeros(3).__setitem__(0, z[0])
    np.add(z, b, out=np.zeros(3))
    np.gradient(z)
"""


def lines(table):
    return pytest.mark.parametrize("expression", [s for line in table.splitlines() if (s := line.strip())])


def in_floats(expression, **changes):
    return eval(expression, DATA | {name: np.array(x) for name, x in (POINT | changes).items()})


def in_values(expression, make):
    names = {name: make(x) for name, x in POINT.items()}
    return names, eval(expression, DATA | names)


def object_array(x):
    """Values in an array, as a lesson makes it without us."""
    made = np.empty(np.shape(x), dtype=object)
    for place, entry in np.ndenumerate(np.array(x)):
        made[place] = Value(float(entry))
    return made


def check(expression, make):
    """Same numbers as NumPy's, and slopes as measured."""
    names, found = in_values(expression, make)
    np.testing.assert_allclose(tg.data(found), in_floats(expression), rtol=1e-13, atol=1e-15)
    loss = np.sum(np.tanh(found))
    loss.backward()

    h = 1e-6
    for name, x in POINT.items():
        x = np.array(x)
        for place in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[place] = h
            high, low = (np.sum(np.tanh(in_floats(expression, **{name: x + s}))) for s in (step, -step))
            assert names[name][place].grad == pytest.approx((high - low) / (2 * h), rel=1e-6, abs=1e-8), (name, place)


@lines(UNCHANGED)
def test_it_works_with_any_object_array_of_values(expression):
    check(expression, object_array)


@lines(UNCHANGED + WITH_OURS)
@pytest.mark.few(60)
def test_it_works_with_our_arrays(expression):
    check(expression, tg.array)


@lines(NUMBERS)
def test_what_has_no_slope_has_the_right_numbers(expression):
    _, found = in_values(expression, tg.array)

    np.testing.assert_array_equal(tg.data(found), in_floats(expression))


@lines(REFUSED)
def test_what_cannot_work_says_what_to_do(expression):
    with pytest.raises(OperandError, match=r"(?s)np\.\w+ could not be computed with Values.*give it bare numbers"):
        in_values(expression, tg.array)


@lines(CUTS)
@pytest.mark.parametrize("make", [object_array, tg.array])
def test_nothing_cuts_the_graph_silently(expression, make):
    with pytest.raises(TypeError, match=r"would cut the graph silently|Cannot cast ufunc 'add' output"):
        in_values(expression, make)


def test_the_table_is_as_long_as_promised():
    tables = UNCHANGED + WITH_OURS + NUMBERS + REFUSED + CUTS

    assert len({line.strip() for line in tables.strip().splitlines() if line.strip()}) >= 108
