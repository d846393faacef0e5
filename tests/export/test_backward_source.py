"""The backward pass that is written for a NumPy forward is right, needs NumPy alone, and says which line it answers."""

import ast
import inspect
import textwrap

import pytest

import tinygrad_lite as tg
from tinygrad_lite.errors import OperandError

np = pytest.importorskip("numpy")

from tests.export.forwards import FORWARDS  # noqa: E402


def measured(f, params, data, name, place, h=1e-6):
    """The derivative w.r.t. one number of a parameter, by stepping to either side."""
    values = []
    for step in (h, -h):
        moved = {k: np.array(v, dtype=float) for k, v in params.items()}
        moved[name][place] += step
        values.append(float(f(moved, *data)))
    return (values[0] - values[1]) / (2 * h)


@pytest.mark.few(21)
@pytest.mark.parametrize("name", FORWARDS)
def test_each_forward(name):
    f, params, data = FORWARDS[name]
    source = tg.backward_source(f, params, *data)
    moved = {k: np.asarray(v) * 1.05 + 0.01 for k, v in params.items()}

    assert float(source.checked.split()[-1]) <= 1e-10
    value, found = source.function(moved, *data)
    assert value == pytest.approx(float(f(moved, *data)), rel=1e-12)
    for k, v in moved.items():  # at another point, by another witness
        place = tuple(n // 2 for n in v.shape)
        wanted = measured(f, moved, data, k, place)
        assert np.asarray(found[k])[place] == pytest.approx(wanted, rel=2e-5, abs=2e-6), k


@pytest.mark.few(9)
@pytest.mark.parametrize("name", FORWARDS)
def test_only_numpy_is_used_and_every_line_answers_one_of_the_forward_pass(name):
    f, params, data = FORWARDS[name]
    source = tg.backward_source(f, params, *data)
    tree = ast.parse(source.code)
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    own = textwrap.dedent(inspect.getsource(f)).splitlines()

    functions = {c.split(".")[0] for c in called if "." not in c}
    assert functions <= {"range", "reversed", "len", "zip", "list", "sum", "bool", "float", "ValueError"}
    assert [line for line in source.code.splitlines() if "import" in line] == ["import numpy as np"]
    back = source.code.split("\n\n    ")[-1].splitlines()[:-1]
    assert source.mapped
    for line in [line for line in back if " = np.zeros_like(" not in line and not line.strip().startswith("d")]:
        assert "# line " in line or line.strip().startswith(("return", "if", "for", "else", "raise"))
    for code, number, text in source.mapped:
        assert code
        assert text in own[number - 1]


def relu(z):
    return np.maximum(0, z)


def network(W1, b1, W2, b2, X, y):
    z1 = X @ W1 + b1
    a1 = relu(z1)
    z2 = a1 @ W2 + b2
    return np.mean((z2 - y) ** 2)


def test_it_reads_as_one_would_derive_it():
    r = np.random.default_rng(0)
    params = {"W1": r.normal(size=(3, 4)), "b1": r.normal(size=4), "W2": r.normal(size=4), "b2": 0.3}
    source = tg.backward_source(network, params, r.normal(size=(5, 3)), r.normal(size=5))
    lines = [line.strip() for line in source.code.splitlines()]

    assert [" ".join(line.split()) for line in lines if "# line" in line] == [
        "dz2 = 2 * (z2 - y) / z2.size # line 5: return np.mean((z2 - y) ** 2)",
        "da1 = np.outer(dz2, W2) # line 4: z2 = a1 @ W2 + b2",
        "dW2 = a1.T @ dz2 # line 4: z2 = a1 @ W2 + b2",
        "db2 = np.sum(dz2) # line 4: z2 = a1 @ W2 + b2",
        "dz1 = da1 * (z1 > 0) # line 3: a1 = relu(z1)",
        "dW1 = X.T @ dz1 # line 2: z1 = X @ W1 + b1",
        "db1 = np.sum(dz1, axis=0) # line 2: z1 = X @ W1 + b1",
    ]


def test_other_numbers_of_samples_are_taken_too():
    r = np.random.default_rng(1)
    params = {"W1": r.normal(size=(3, 4)), "b1": r.normal(size=4), "W2": r.normal(size=4), "b2": 0.3}
    backward = tg.backward_source(network, params, r.normal(size=(5, 3)), r.normal(size=5)).function
    X, y = r.normal(size=(9, 3)), r.normal(size=9)

    _, found = backward(*params.values(), X, y)
    whole = tg.backward_source(network, params, X, y).function(*params.values(), X, y)[1]
    assert all(np.allclose(found[k], whole[k], rtol=1e-12) for k in params)


def test_what_cannot_be_followed_is_shown():
    def loss(params, X, y):
        while params["w"][0] > 10:
            pass
        return np.sum(params["w"])

    def sorted_loss(params, X, y):
        return np.sum(np.sort(params["w"]) * X)

    with pytest.raises(OperandError, match=r"cannot follow line 2 of loss.*\n.*It follows assignments"):
        tg.backward_source(loss, {"w": np.ones(2)}, 0, 0)
    with pytest.raises(OperandError, match=r"has no rule for np.sort\(w\)"):
        tg.backward_source(sorted_loss, {"w": np.ones(2)}, np.ones(2), 0)
    with pytest.raises(OperandError, match="needs a function"):
        tg.backward_source(3, {})


def test_a_side_that_was_not_taken_says_so():
    f, params, data = FORWARDS["branch_on_data"]
    source = tg.backward_source(f, params, data[0], np.ones(len(data[1])))

    with pytest.raises(ValueError, match="this side was not taken"):
        source.function(params, data[0], -np.ones(len(data[1])))


def test_the_code_is_saved(tmp_path):
    f, params, data = FORWARDS["linear"]
    path = tg.backward_source(f, params, *data).save(tmp_path / "backward.py")

    assert path.read_text(encoding="utf-8").startswith("import numpy as np\n")


# ------------------------------------------------------------------ parameters in other shapes, and parts of results


def of_a_tuple(params, X, y):
    W, b = params
    return np.mean((X @ W + b - y) ** 2)


def by_number(params, X, y):
    return np.sum((X @ params[0] * np.exp(params[1]) - y) ** 2)


def of_an_array(w, X, y):
    return np.sum(np.tanh(X @ w) * y)


def of_each(W, b, X, y):
    return np.mean((X @ W + b - y) ** 2)


@pytest.mark.parametrize("f", [of_a_tuple, by_number, of_each])
@pytest.mark.parametrize("kind", [tuple, list])
def test_parameters_in_a_tuple_or_a_list_give_their_gradient_in_one(f, kind):
    r = np.random.default_rng(2)
    params, X, y = kind([r.normal(size=3), 0.4]), r.normal(size=(5, 3)), r.normal(size=5)
    source = tg.backward_source(f, params, X, y)

    given = params if f is of_each else [params]
    value, found = source.function(*given, X, y)
    assert value == pytest.approx(float(f(*given, X, y)), rel=1e-12)
    assert type(found) is kind
    for k, part in enumerate(params):
        step = np.zeros(np.shape(part))
        step[(0,) * step.ndim] = 1e-6
        moved = [kind([p + sign * step if i == k else p for i, p in enumerate(params)]) for sign in (1, -1)]
        up, down = (f(*(m if f is of_each else [m]), X, y) for m in moved)
        assert np.asarray(found[k]).reshape(-1)[0] == pytest.approx((up - down) / 2e-6, rel=1e-5)


def test_a_single_array_gives_its_gradient_as_one():
    r = np.random.default_rng(3)
    w, X, y = r.normal(size=3), r.normal(size=(5, 3)), r.normal(size=5)
    _, found = tg.backward_source(of_an_array, w, X, y).function(w, X, y)

    assert found == pytest.approx(X.T @ (y * (1 - np.tanh(X @ w) ** 2)), rel=1e-12)


def test_names_that_are_no_words_are_written_as_words():
    def loss(params, X, y):
        return np.sum((X @ params["0.weight"] + params["class"] - y) ** 2)

    r = np.random.default_rng(4)
    params, X, y = {"0.weight": r.normal(size=3), "class": 0.5}, r.normal(size=(5, 3)), r.normal(size=5)
    _, found = tg.backward_source(loss, params, X, y).function(params, X, y)

    assert found["class"] == pytest.approx(2 * np.sum(X @ params["0.weight"] + 0.5 - y), rel=1e-12)
    assert found["0.weight"] == pytest.approx(2 * X.T @ (X @ params["0.weight"] + 0.5 - y), rel=1e-12)


def parts_of_results(params, X, y):
    first = (X @ params["W"])[:, 0]
    rest = np.tanh(X @ params["W"])[1:, 1:]
    return np.sum((first - y) ** 2) + np.sum(rest[0]) * (params["W"].T @ params["W"])[0, 1]


def added_to_in_place(params, X, y):
    total = np.zeros(3)
    for x in X:
        total[0] += x @ params["W"][:, 0]
        total[1] += np.sin(total[0])
    return np.sum(total**2) + sum(w[0] for w in params["W"] if len(w) > 1)


@pytest.mark.parametrize("f", [parts_of_results, added_to_in_place])
def test_parts_of_results_and_sums_in_place(f):
    r = np.random.default_rng(5)
    params, data = {"W": r.normal(size=(4, 3)) * 0.5}, (r.normal(size=(5, 4)), r.normal(size=5))
    _, found = tg.backward_source(f, params, *data).function(params, *data)

    for place in ((0, 0), (1, 2), (3, 1)):
        assert found["W"][place] == pytest.approx(measured(f, params, data, "W", place), rel=1e-5, abs=1e-7)


# ------------------------------------------------------------------ ties


def larger(x, w):
    return np.sum(np.maximum(x, w) * np.minimum(2 * x, w))


def largest(x, w):
    return np.sum(np.max(x * w, axis=1)) + 2 * np.min(x) + x.max() * np.amin(x * w)


def clipped(x, w):
    return np.sum(np.clip(x, 0, 1) * w)


def corner(x, w):
    return np.sum(np.maximum(x - 1, 0)) + np.sum(w) * np.sum(np.maximum(x - 1, 0))


@pytest.mark.parametrize("f", [larger, largest, clipped])
def test_operands_that_tie_share_the_gradient_as_in_the_engine(f):
    r = np.random.default_rng(5)
    found = tg.backward_source(f, {"x": r.normal(size=(2, 3)), "w": r.normal(size=(2, 3))})
    x, w = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]), np.ones((2, 3))
    leaves = {"x": tg.array(x, label="x"), "w": tg.array(w, label="w")}
    f(**leaves).backward()

    for source in (found, tg.backward_source(f, {"x": x, "w": w})):
        _, gradient = source.function(x, w)
        for k, leaf in leaves.items():
            assert gradient[k] == pytest.approx(tg.grads(leaf), abs=1e-12), k


def test_a_tie_with_a_constant_takes_0_and_is_compared_beside_it():
    source = tg.backward_source(corner, {"x": np.array([1.0, 2.0, 0.5]), "w": np.array([1.0, 2.0])})

    assert "ties with a constant" in source.checked
    assert source.function(np.array([1.0, 2.0, 0.5]), np.array([1.0, 2.0]))[1]["x"] == pytest.approx([0.0, 4.0, 0.0])
