"""`tg.compile(f, batch=...)`: a loss of one row becomes the mean over all rows, with the engine's gradient."""

import itertools
import math
import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.compiler import CompileWarning
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.frontend.batch_arguments import Block

np = pytest.importorskip("numpy")
BACKENDS = available()


def mlp(p, x, sizes, act):
    k = 0
    for layer, (n, m) in enumerate(itertools.pairwise(sizes)):
        out = []
        for j in range(m):
            total = p[k + n * m + j]
            for i in range(n):
                total = total + p[k + j * n + i] * x[i]
            out.append(act(total) if layer < len(sizes) - 2 else total)
        k, x = k + n * m + m, out
    return x


def engine(loss, p, *rows):
    """The mean and its gradient by Values."""
    leaves = [Value(float(v)) for v in p]
    total = tg.sum([loss(leaves, *row) for row in zip(*rows, strict=True)]) / len(rows[0])
    total.backward()
    return total.data, [leaf.grad for leaf in leaves]


def agree(found, expected, rel=1e-12):
    value, slopes = found
    scale = max(map(abs, expected[1])) or 1.0
    assert value == pytest.approx(expected[0], rel=rel, abs=1e-14)
    assert list(np.ravel(slopes)) == pytest.approx(expected[1], rel=rel, abs=rel * scale)


@pytest.mark.few(2)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rows", [1, 3, 8, 17, 40, 75])
def test_a_network_on_any_number_of_rows(rows, backend):
    sizes, rng = (3, 5, 7, 2), np.random.default_rng(rows)
    p = rng.normal(size=sum(n * m + m for n, m in itertools.pairwise(sizes)))
    X, y = rng.normal(size=(rows, 3)), rng.normal(size=rows)

    def loss(p, x, y):
        a, b = mlp(p, x, sizes, tg.tanh)
        return (a - y) ** 2 + tg.relu(b * y) + 0.01 * tg.sum([v * v for v in p])

    fast = tg.compile(loss, batch=("x", "y"), backend=backend)
    agree(fast.value_and_grad(p, X, y), engine(loss, p, X.tolist(), y.tolist()))
    assert fast(p, X, y) == pytest.approx(engine(loss, p, X.tolist(), y.tolist())[0], rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_row_takes_its_own_branch(backend):
    def loss(p, x):
        if x > p[0]:
            return tg.exp(-x) * p[1] if x < 2.0 else x * p[0]
        return (x - p[1]) ** 2

    X = [-3.0, 0.2, 0.6, 1.9, 2.0, 5.0, -0.1, 0.5, 0.51, 4.0, 1.0]
    fast = tg.compile(loss, batch="x", backend=backend)
    agree(fast.value_and_grad([0.5, -1.5], X), engine(loss, [0.5, -1.5], X))


@pytest.mark.parametrize("backend", BACKENDS)
def test_labels_pick_an_entry(backend):
    rng = np.random.default_rng(5)
    p, X, t = rng.normal(size=4 * 3 + 3), rng.normal(size=(37, 4)), rng.integers(0, 3, 37)

    def loss(p, x, t):
        z = mlp(p, x, (4, 3), tg.tanh)
        return tg.log(tg.sum([tg.exp(v) for v in z])) - z[t]

    fast = tg.compile(loss, batch=("x", "t"), backend=backend)
    agree(fast.value_and_grad(p, X, t), engine(loss, p, X.tolist(), t.tolist()))
    assert "3 paths" in fast.report()


def test_new_labels_are_traced_again():
    fast = tg.compile(lambda p, t: p[t] ** 2, batch="t")

    assert list(fast.grad([1.0, 2.0, 3.0], [0, 1])) == [1.0, 2.0, 0.0]
    assert list(fast.grad([1.0, 2.0, 3.0], [2, 2])) == [0.0, 0.0, 6.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_depends_on_parameters_alone_is_done_once(backend):
    def loss(p, x):
        scale = tg.exp(p[0]) + p[1] ** 3
        return tg.tanh(x * scale) + scale * scale

    rng = np.random.default_rng(2)
    X = rng.normal(size=29)
    fast = tg.compile(loss, batch="x", backend=backend)
    agree(fast.value_and_grad([0.3, 0.7], X), engine(loss, [0.3, 0.7], X.tolist()))
    if backend == "llvm":
        assert "once before the samples" in fast.report()


def test_parameters_from_outside_receive_gradients():
    w, b = Value(2.0), Value(-1.0)
    fast = tg.compile(lambda x, y: (w * x + b - y) ** 2, batch=("x", "y"))

    value = fast.backward([1.0, 2.0], [0.0, 1.0])

    assert value == pytest.approx((1.0 + 4.0) / 2)
    assert (w.grad, b.grad) == pytest.approx((1.0 + 4.0, 1.0 + 2.0))
    b.data = -2.0
    assert fast([1.0, 2.0], [0.0, 1.0]) == pytest.approx((0.0 + 1.0) / 2)


def test_the_same_input_gives_the_same_bits():
    rng = np.random.default_rng(1)
    X, p = rng.normal(size=(333, 4)), rng.normal(size=15)
    fast = tg.compile(lambda p, x: tg.sum([tg.tanh(v) for v in mlp(p, x, (4, 3), tg.tanh)]), batch="x")
    first = fast.value_and_grad(p, X)

    for _ in range(5):
        again = fast.value_and_grad(p, X)
        assert again[0] == first[0]
        assert (again[1] == first[1]).all()


def test_outside_a_domain_the_error_is_the_engines():
    fast = tg.compile(lambda p, x: tg.log(p * x), batch="x")
    assert fast(2.0, [1.0, 2.0]) == pytest.approx((math.log(2) + math.log(4)) / 2)

    with pytest.raises(tg.errors.DomainError, match="log needs"):
        fast(2.0, [1.0, -2.0])


def test_bad_batches_are_refused_at_once():
    fast = tg.compile(lambda p, x, y: p * x - y, batch=("x", "y"))
    with pytest.raises(tg.errors.ShapeError, match="x has 2, y has 3"):
        fast(1.0, [1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(tg.errors.ShapeError, match="rows of numbers"):
        fast(1.0, [[1.0], [2.0, 3.0]], [1.0, 2.0])
    with pytest.raises(tg.errors.OperandError, match="batch names 'z'"):
        tg.compile(lambda p, x: p * x, batch="z")
    with pytest.raises(tg.errors.OperandError, match="which is data"):
        tg.compile(lambda x: x * x, batch="x").grad([1.0, 2.0])


def _step(op, a, b, d, e, c):
    steps = {
        "+": lambda: a + b * c, "-": lambda: c - a + d, "*": lambda: a * b, "/": lambda: a / (b * b + 1.5),
        "tanh": lambda: tg.tanh(a), "exp": lambda: tg.exp(tg.tanh(a) * c), "log": lambda: tg.log(a * a + 0.5),
        "relu": lambda: tg.relu(a + c), "max": lambda: tg.maximum(a, b), "sum": lambda: tg.sum([a, b, c, d, e]),
        "if": lambda: a * c if a > b else d - b, "sq": lambda: (a * 0.5) ** 2, "const": lambda: c * b - 0.0,
    }  # fmt: skip
    return steps[op]()


def _random_loss(rng):
    """A random loss of four parameters and two columns."""
    kinds = ["+", "-", "*", "/", "tanh", "exp", "log", "relu", "max", "sum", "if", "sq", "const"]
    steps = [
        (rng.choice(kinds), [rng.randrange(10**6) for _ in range(4)], rng.uniform(-2, 2))
        for _ in range(rng.randrange(3, 20))
    ]

    def loss(p, x):
        v = [*p, *x]
        for op, picks, c in steps:
            a, b, d, e = (v[k % len(v)] for k in picks)
            v.append(tg.tanh(_step(op, a, b, d, e, c)) * 3.0)
        return tg.tanh(tg.sum(v) * 0.1) + v[-1] * 0.1

    return loss


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(18))
def test_random_losses_on_random_batches(seed, backend):
    rng = random.Random(seed)
    loss = _random_loss(rng)
    fast = tg.compile(loss, batch="x", backend=backend)
    for rows in rng.sample(range(1, 80), 2):
        p = [rng.uniform(-1.5, 1.5) for _ in range(4)]
        X = [[rng.uniform(-1.5, 1.5) for _ in range(2)] for _ in range(rows)]
        agree(fast.value_and_grad(p, X), engine(loss, p, X))


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        ([3, 1, 1, 7], (1, 3, 7)),
        ([-2.0, 5.0], (-2, 5)),
        ([1.0, 1.5], ()),
        ([1.0, math.nan], ()),
        ([1.0, math.inf], ()),
        ([0.0, 1e15], ()),
        ([0.0, 1e300], ()),
        (list(range(65)), ()),
    ],
)
def test_labels_are_the_whole_numbers_of_a_column_if_they_are_few(column, labels):
    assert Block("y", column).choices() == labels
    assert Block("y", np.array(column)).choices() == labels
    assert Block("y", np.array(column * 200)).choices() == labels


def test_a_row_of_too_many_paths_still_has_a_backward():
    def row(w, x):
        total = w
        for k in range(9):
            if x * k > w:
                total = total + x * k * w
        return total

    X = [0.1 * k for k in range(20)]
    argument, outside, expected = Value(1.3), Value(1.3), Value(1.3)
    (sum(row(expected, x) for x in X) / len(X)).backward()

    with pytest.warns(CompileWarning, match="paths through its comparisons"):
        tg.compile(row, batch="x").backward(argument, X)
    with pytest.warns(CompileWarning, match="paths through its comparisons"):
        tg.compile(lambda x: row(outside, x), batch="x").backward(X)
    assert argument.grad == pytest.approx(expected.grad, rel=1e-14)
    assert outside.grad == pytest.approx(expected.grad, rel=1e-14)


def test_whole_numbers_that_are_only_computed_with_need_no_program_of_their_own():
    fast = tg.compile(lambda w, x, y: (w * x - y) ** 2, batch=("x", "y"))

    for y in ([1.0, 2.0], [0.5, 2.0], [3.0, 9.0], [4, 7]):
        exact = sum(2 * x * (2.0 * x - t) for x, t in zip([1.0, 3.0], y, strict=True)) / 2
        assert fast.grad(2.0, [1.0, 3.0], y) == pytest.approx(exact, rel=1e-14)
    assert len(fast._programs_made()) == 1


def test_an_index_among_numbers_is_still_an_index():
    fast = tg.compile(lambda w, x, y: w[y] * x, batch=("x", "y"))

    assert list(fast.grad([1.0, 2.0, 3.0], [5, 7], [0, 1])) == [2.5, 3.5, 0.0]
    assert list(fast.grad([1.0, 2.0, 3.0], [6, 8], [1, 1])) == [0.0, 7.0, 0.0]
    assert list(fast.grad([1.0, 2.0, 3.0], [6, 8], [2, 1])) == [0.0, 4.0, 3.0]
    assert len(fast._programs_made()) == 2


LOSSES = {
    "cross_entropy": (lambda m, x, y: nn.cross_entropy(m(x), y), 3, [0, 2, 1, 1]),
    "cross_entropy of a list": (lambda m, x, y: nn.cross_entropy([m(x)], [y]), 3, [0, 2, 1, 1]),
    "of many classes": (lambda m, x, y: nn.cross_entropy(m(x), y), 30, [0, 29, 17, 5]),
    "of a distribution": (lambda m, x, y: nn.cross_entropy(m(x), y), 2, [[0.5, 0.5], [0.1, 0.9]]),
    "multi_class_hinge": (lambda m, x, y: nn.multi_class_hinge([m(x)], [y]), 3, [2, 0, 1]),
    "hinge": (lambda m, x, y: nn.hinge(m(x), y), 1, [-1.0, 1.0, 1.0]),
    "logits": (lambda m, x, y: nn.binary_cross_entropy_from_logits(m(x), y), 1, [0.0, 1.0, 1.0]),
    "logits of numbers between": (lambda m, x, y: nn.binary_cross_entropy_from_logits(m(x), y), 1, [0.2, 0.7, 1.0]),
    "probabilities": (lambda m, x, y: nn.binary_cross_entropy(tg.sigmoid(m(x)), y), 1, [0, 1, 1]),
    "mse": (lambda m, x, y: nn.mse(m(x), y), 1, [3, 1, 2]),
    "huber": (lambda m, x, y: nn.huber(m(x), y), 1, [3.5, 1, 2]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_packages_own_losses_take_a_sample_and_its_label(name):
    loss, outputs, targets = LOSSES[name]
    model, rng = nn.MLP(3, [4, outputs], activation="tanh", seed=2), np.random.default_rng(3)
    y = [targets[k % len(targets)] for k in range(40)]
    X = rng.normal(size=(40, 3))
    graph = sum(loss(model, x, t) for x, t in zip(X.tolist(), y, strict=True)) / 40.0
    graph.backward()
    expected = [p.grad for p in model.parameters()]
    for p in model.parameters():
        p.grad = 0.0

    fast = tg.compile(lambda x, y: loss(model, x, y), batch=("x", "y"))
    assert fast.backward(X, y) == pytest.approx(graph.data, rel=1e-12)
    assert not fast._refusals()
    assert [p.grad for p in model.parameters()] == pytest.approx(expected, rel=1e-11, abs=1e-14)


def test_a_label_that_a_loss_refuses_is_refused_with_its_own_words():
    model = nn.MLP(2, [3], seed=1)
    fast = tg.compile(lambda x, y: nn.cross_entropy(model(x), y), batch=("x", "y"))
    fast([[0.1, 0.2]] * 3, [0, 1, 2])

    with pytest.raises(tg.errors.ShapeError, match="a class from 0 to 2 is needed"):
        fast([[0.1, 0.2]] * 3, [0, 1, 3])


def test_a_path_on_which_the_function_refuses_does_not_stop_the_others():
    def loss(w, x):
        if x < 0:
            raise ValueError("mine")
        return w * x

    fast = tg.compile(loss, batch="x")
    assert fast.grad(2.0, [1.0, 3.0]) == 2.0
    with pytest.raises(ValueError, match="mine"):
        fast(2.0, [1.0, -3.0])
