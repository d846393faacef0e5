"""Values and NumPy's arrays: making them, reading them, and the corners of computing with them."""

import copy
import math
import pickle
import subprocess
import sys

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")


def test_entries_are_labelled_by_their_place():
    W = tg.array([[1, 2.5], [True, np.float32(4)]], label="W")
    b = tg.array(np.zeros(2), label="b")

    assert [v.label for v in W.ravel()] == ["W[0,0]", "W[0,1]", "W[1,0]", "W[1,1]"]
    assert [v.label for v in b] == ["b[0]", "b[1]"]
    assert tg.data(W).tolist() == [[1.0, 2.5], [1.0, 4.0]]
    assert tg.array(3.0, label="c").item().label == "c"
    assert [v.label for v in tg.array([1.0])] == [""]


def test_a_value_in_it_stays_itself():
    v = Value(1.0, label="v")
    A = tg.array([v, 2.0], label="A")

    assert A[0] is v
    assert v.label == "v"
    assert A[1].label == "A[1]"


@pytest.mark.parametrize("bad", [["1"], [None], [[1.0], [1.0, 2.0]], [1j]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises((OperandError, ValueError), match=r"entry|inhomogeneous"):
        tg.array(bad)


def test_numbers_and_gradients_are_read_from_arrays_lists_and_values():
    W = tg.array([[1.0, 2.0]])
    v = Value(3.0)
    (np.sum(W * W) + v).backward()

    assert tg.grads(W).tolist() == W.grad.tolist() == [[2.0, 4.0]]
    assert tg.grads([v, [v, v]][1]).tolist() == [1.0, 1.0]
    assert (tg.data(v), tg.grads(v), tg.data(2), tg.grads(2.0)) == (3.0, 1.0, 2.0, 0.0)
    assert tg.data([v, 1.0]).tolist() == [3.0, 1.0]
    assert tg.grads([v, 1.0]).tolist() == [1.0, 0.0]
    with pytest.raises(OperandError):
        tg.data(["text"])


def test_dicts_and_lists_of_arrays_are_read_entry_by_entry():
    W, b = tg.array([[1.0, 2.0]]), tg.array([3.0, 4.0])
    np.sum(W @ b).backward()

    assert [g.tolist() for g in tg.grads([W, b])] == [[[3.0, 4.0]], [1.0, 2.0]]
    assert {k: d.tolist() for k, d in tg.data({"W": W, "b": [b, b][0]}).items()} == {"W": [[1.0, 2.0]], "b": [3.0, 4.0]}
    assert tg.data([{"v": Value(1.0)}]) == [{"v": 1.0}]


def test_gradients_may_be_set_and_may_be_values():
    W = tg.array([[1.0, 2.0]])
    W.grad = 0.5
    assert W.grad.tolist() == [[0.5, 0.5]]
    W.grad = [[1.0, 2.0]]
    assert W.grad.tolist() == [[1.0, 2.0]]
    W.grad = 0
    np.sum(W**3).backward(create_graph=True)
    second = np.sum(W.grad)
    W.grad = 0.0
    second.backward()

    assert W.grad.tolist() == [[6.0, 12.0]]


def test_an_array_on_either_side_gives_an_array_of_values():
    for both in (Value(2.0) * np.ones(2), np.ones(2) * Value(2.0)):
        assert both.dtype == object
        assert [v.data for v in both] == [2.0, 2.0]
    assert (Value(2.0) > np.array([1.0, 3.0])).tolist() == [True, False]


def test_a_numpy_scalar_on_either_side_gives_a_value():
    for y in (np.float64(2) * Value(3.0), Value(3.0) * np.float64(2), np.float64(2) ** Value(3.0) - 2):
        assert float(y.data) == 6.0


def test_an_array_shows_its_numbers():
    assert repr(tg.array([[1.0, 2.0]])) == "Array([[1., 2.]])"
    assert str(tg.array([1.0, 2.0])) == "[1. 2.]"


def test_products_and_sums_are_single_nodes():
    W, x = tg.array(np.ones((2, 3))), tg.array([1.0, 2.0, 3.0])

    assert [v.op.name for v in W @ x] == ["dot", "dot"]
    assert np.sum(W).op.name == "sum"
    assert len(topological(np.sum(W @ x))) == 9 + 2 + 1
    assert np.max(x).op.name == "max"


def test_entries_change_in_place_and_nodes_do_not():
    W = tg.array([1.0, 2.0])
    first = W[0]
    same = W
    W -= 0.5
    W *= 2.0
    target = tg.array([0.0, 0.0])
    np.tanh(W, out=target)
    np.matmul(np.eye(2), W, out=target)

    assert same is W
    assert tg.data(W).tolist() == tg.data(target).tolist() == [1.0, 3.0]
    assert first.data == 1.0
    assert isinstance(W, type(target))


def test_views_share_their_entries():
    W = tg.array([[1.0, 2.0], [3.0, 4.0]])
    W[0][1] = Value(9.0)
    W.T[1, 1] = 7.0  # a bare number put in by hand

    assert tg.data(W).tolist() == [[1.0, 9.0], [3.0, 7.0]]
    assert [type(v) for v in np.tanh(W).ravel()] == [Value] * 4


def test_a_nan_is_never_swallowed():
    x = tg.array([math.nan, 1.0])

    assert np.isnan(tg.data(np.maximum(0, x))).tolist() == [True, False]
    assert math.isnan(np.max(x).data)
    assert tg.data(np.fmax(x, 0)).tolist() == [0.0, 1.0]
    assert tg.data(np.fmax(0, x)).tolist() == [0.0, 1.0]
    assert math.isnan(tg.data(np.heaviside(x, 1.0))[0])


def test_empty_arrays_follow_numpy():
    empty = tg.array([])

    assert np.sum(empty) == 0
    assert tg.data(np.zeros((2, 0)) @ tg.array(np.zeros((0, 2)))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="zero-size"):
        np.max(empty)


def test_masked_and_started_reductions_follow_numpy():
    x = tg.array([1.0, 2.0, 4.0])

    assert np.sum(x, where=[True, False, True]).data == 5.0
    assert np.sum(x, initial=10.0).data == 17.0


@pytest.mark.parametrize(("a", "b"), [(np.ones((2, 3)), np.ones((2, 3))), (np.ones((2, 2)), 3.0)])
def test_shapes_that_do_not_fit_are_refused_by_numpy(a, b):
    with pytest.raises(ValueError, match="matmul"):
        np.matmul(tg.array(a), b)


def test_matrices_that_cannot_be_inverted_are_refused():
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        np.linalg.inv(tg.array([[1.0, 2.0], [2.0, 4.0]]))
    with pytest.raises(np.linalg.LinAlgError, match=r"square matrix is needed, but its shape is \(1, 2\)"):
        np.linalg.solve(tg.array([[1.0, 2.0]]), [1.0])
    assert np.linalg.det(tg.array([[1.0, 2.0], [2.0, 4.0]])).data == 0.0
    assert np.linalg.det(tg.array([[0.0, 2.0], [3.0, 4.0]])).data == -6.0


def test_arrays_are_kept_with_their_graph():
    W = tg.array([[1.0, 2.0]], label="W")
    loss = np.sum(np.tanh(W))
    for keep in (copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
        again_W, again_loss = keep([W, loss])
        again_loss.backward()

        assert type(again_W) is type(W)
        assert again_W.grad == pytest.approx(1 - np.tanh([[1.0, 2.0]]) ** 2)


def test_arrays_of_bools_and_of_text_stay_ordinary():
    x = tg.array([1.0, -1.0])

    assert (x > 0).dtype == bool
    assert type(x > 0) is np.ndarray
    assert np.where(x > 0, "up", "down").tolist() == ["up", "down"]
    assert np.where(x > 0, x, None).tolist()[1] is None
    assert np.split(x, 2)[0].grad.tolist() == [0.0]


def test_numpy_is_loaded_at_first_use_only():
    program = (
        "import sys, tinygrad_lite as tg; assert 'numpy' not in sys.modules; tg.array; assert 'numpy' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_without_numpy_all_else_works_and_arrays_say_what_to_install():
    program = """
import sys
sys.modules["numpy"] = None
import tinygrad_lite as tg
assert tg.grad(lambda p: p["w"][0] ** 2)({"w": [3.0]}) == {"w": [6.0]}
assert tg.jacobian(lambda p: [p[0], p[1]])([1.0, 2.0]) == [[1.0, 0.0], [0.0, 1.0]]
try:
    tg.array([1.0])
except ModuleNotFoundError as error:
    assert "pip install numpy" in str(error)
else:
    raise AssertionError("tg.array must say that NumPy is missing")
"""

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_lesson_of_a_two_layer_network_agrees_with_the_hand_written_gradients():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    W1, W2 = tg.array(rng.normal(size=(3, 4)), label="W1"), tg.array(rng.normal(size=(4, 1)), label="W2")
    loss = np.mean((np.maximum(0, X @ W1) @ W2 - y) ** 2)
    loss.backward()

    w1, w2 = tg.data(W1), tg.data(W2)
    h = np.maximum(0, X @ w1)
    d = 2 * (h @ w2 - y) / len(X)
    np.testing.assert_allclose(W2.grad, h.T @ d, rtol=1e-12)
    np.testing.assert_allclose(W1.grad, X.T @ ((d @ w2.T) * (X @ w1 > 0)), rtol=1e-12)


# ------------------------------------------------------------------ norms where nothing is left of them


NORMS = {
    "norm": (np.linalg.norm, (2, 3)),
    "norm of a vector": (np.linalg.norm, (4,)),
    "of order 2": (lambda a: np.linalg.norm(a, 2), (4,)),
    "of order 1": (lambda a: np.linalg.norm(a, 1), (4,)),
    "Frobenius": (lambda a: np.linalg.norm(a, "fro"), (2, 3)),
    "norms of rows": (lambda a: np.linalg.norm(a, axis=1), (2, 3)),
    "norms of columns, kept": (lambda a: np.linalg.norm(a, axis=0, keepdims=True), (2, 3)),
    "std": (np.std, (2, 3)),
    "std of the method": (lambda a: a.std(), (4,)),
    "std of columns": (lambda a: np.std(a, axis=0), (3, 2)),
    "std of rows, kept": (lambda a: a.std(axis=1, keepdims=True), (2, 3)),
    "std with n - 1": (lambda a: np.std(a, ddof=1), (4,)),
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_and_deviations_are_numpys(name):
    f, shape = NORMS[name]
    point = np.random.default_rng(1).normal(size=shape)
    values = tg.array(point)
    found = f(values)
    np.sum(found).backward()
    measured = np.zeros(shape)
    for place in np.ndindex(shape):
        step = np.zeros(shape)
        step[place] = 1e-6
        measured[place] = (np.sum(f(point + step)) - np.sum(f(point - step))) / 2e-6

    assert np.shape(found) == np.shape(f(point))
    assert tg.data(found) == pytest.approx(f(point), rel=1e-12)
    assert values.grad == pytest.approx(measured, abs=1e-8)


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("fill", [0.0, 3.0])
def test_where_they_are_zero_so_is_their_gradient(name, fill):
    f, shape = NORMS[name]
    values = tg.array(np.full(shape, fill if "std" in name else 0.0))
    np.sum(f(values)).backward()

    assert np.array_equal(values.grad, np.zeros(shape))


# ------------------------------------------------------------------ Values that are put into an array of floats


def put(out, values):
    out[0] = values[0]


@pytest.mark.parametrize("write", [
    put, lambda out, values: np.add.at(out, [0, 0], values), lambda out, values: np.put(out, [0, 1], values),
    lambda out, values: out.__setitem__(slice(2), values),
])  # fmt: skip
def test_an_array_of_floats_refuses_values_and_says_which_array_takes_them(write):
    values = tg.array([1.0, 2.0])

    with pytest.raises(OperandError, match=r"np\.zeros\(n, dtype=object\), or made by tg\.array"):
        write(np.zeros(3), values)
    for taker in (np.zeros(3, dtype=object), tg.array(np.zeros(3))):
        write(taker, values)
        assert isinstance(taker[0], Value)


@pytest.mark.parametrize(
    "step", ["W -= 0.1 * tg.grads(W)", "W += -0.1 * W.grad", "W -= 0.1 * (tg.grads(W) + 0.0) / 1.0"]
)
def test_a_step_of_training_in_place_leaves_an_array_of_labelled_leaves(step):
    W = tg.array([[1.0, -2.0], [0.5, 3.0]], label="W")
    expected, held = np.asarray(tg.data(W)), W
    for _ in range(5):
        loss = (W * W).sum()
        loss.backward()
        expected = expected - 0.1 * 2.0 * expected  # nothing adds up: each step begins with fresh gradients
        exec(step)

    assert held is W
    assert tg.data(W) == pytest.approx(expected)
    assert all(w.parents == () and w.grad == 0.0 for w in W.ravel())
    assert [w.label for w in W.ravel()] == ["W[0,0]", "W[0,1]", "W[1,0]", "W[1,1]"]


def test_a_step_on_a_row_reaches_the_whole_array():
    W = tg.array([[1.0, -2.0], [0.5, 3.0]], label="W")
    (W * W).sum().backward()
    row = W[0]
    row -= 0.5 * tg.grads(row)

    assert tg.data(W).tolist() == [[0.0, 0.0], [0.5, 3.0]]
    assert W[0, 0].parents == ()


def test_other_updates_in_place_are_recorded():
    """Plain numbers may be part of the computation, as a mean is that is taken away; so may leaves of a transform."""
    x = tg.array([1.0, 2.0])
    first = x.copy()
    x -= np.array([0.5, 0.5])
    (x * x).sum().backward()

    def f(v):
        v -= 1.0
        return (v * v).sum()

    assert tg.grads(first).tolist() == [1.0, 3.0]
    assert tg.grad(f)(np.array([3.0, 4.0])).tolist() == [4.0, 6.0]


def test_gradients_look_and_compute_like_an_ordinary_array():
    W = tg.array([1.0, 2.0])
    (W * W).sum().backward()
    g = tg.grads(W)

    assert repr(g) == "array([2., 4.])"
    assert (g @ g, float(g.sum()), (g > 3).tolist()) == (20.0, 6.0, [False, True])
    assert isinstance(W - 0.1 * g, tg.array([1.0]).__class__)
