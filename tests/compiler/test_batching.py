"""A loss written as a loop over samples is recognised, and gives the engine's answer."""

import random

import pytest

import tinygrad_lite as tg
from tests.compiler.test_batched import _random_loss, mlp
from tinygrad_lite import Value
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.frontend.trace import Trace
from tinygrad_lite.compiler.ir.recording import Recording
from tinygrad_lite.compiler.passes import batching

pytestmark = pytest.mark.usefixtures("loops_at_once")

np = pytest.importorskip("numpy")


def traced(f, *points):
    tape = Recording()
    trace = Trace(tape)
    result = f([trace.input(f"x{i}", x) for i, x in enumerate(points)])
    tape.outputs = [result.ref]
    return tape


def check(f, p, backend=None, batch=True):
    """The compiled value and gradient are the engine's, and a batch was found or not."""
    leaves = [Value(x) for x in p]
    root = f(leaves)
    root.backward()
    expected = [leaf.grad for leaf in leaves]
    scale = max(map(abs, expected)) or 1.0
    fast = tg.compile(f, backend=backend)

    value, slopes = fast.value_and_grad(p)

    assert value == pytest.approx(root.data, rel=1e-12, abs=1e-14)
    assert slopes == pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)
    assert ("a batch was found" in fast.report()) is batch, fast.report()
    return fast


SIZES = (2, 4, 1)
POINT = [random.Random(3).uniform(-1, 1) for _ in range(2 * 4 + 4 + 4 + 1)]
DATA = [([random.Random(k).gauss(0, 1), random.Random(k + 99).gauss(0, 1)], random.Random(-k).choice((-1.0, 1.0)))
        for k in range(30)]  # fmt: skip


@pytest.mark.parametrize("backend", [b for b in available() if b != "tape"])
def test_the_loop_over_samples_as_micrograds_demo_writes_it(backend):
    def loss(p):
        scores = [mlp(p, x, SIZES, tg.relu)[0] for x, _ in DATA]  # all forward passes first ...
        losses = [tg.relu(1 + -y * score) for (_, y), score in zip(DATA, scores, strict=True)]  # ... then all losses
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(v * v for v in p)

    assert "30 samples alike (0 others)" in check(loss, POINT, backend).report()


@pytest.mark.parametrize("backend", [b for b in available() if b != "tape"])
def test_labels_that_pick_an_entry_become_a_choice(backend):
    def loss(p):
        total = 0.0
        for k, (x, _) in enumerate(DATA):
            z = mlp(p, x, (2, 3), tg.tanh)
            total = total + (tg.log(tg.sum([tg.exp(v) for v in z])) - z[(k // 2) % 3])
        return total / len(DATA)

    check(loss, POINT[:9], backend)


def test_choices_that_cost_more_than_the_sample_make_no_batch():
    """Of many rows a sample reads one: to choose it anew for each sample would be most of the work."""
    rng = random.Random(1)
    pairs = [(k // 9, k % 9) for k in rng.sample(range(81), 60)]

    def loss(p):
        return sum((p[2 * i] * p[18 + 2 * j] + p[2 * i + 1] * p[19 + 2 * j] - 1.0) ** 2 for i, j in pairs)

    fast = check(loss, [rng.uniform(-1, 1) for _ in range(36)], batch=False)

    assert "in all:" in fast.report()


def test_rows_that_differ_are_computed_one_by_one():
    def loss(p):
        total = 0.0
        for k, (x, y) in enumerate(DATA):
            score = mlp(p, x, SIZES, tg.tanh)[0]
            total = total + ((score - y) ** 2 if k % 10 else tg.exp(score * y))
        return total

    assert "27 samples alike (3 others)" in check(loss, POINT).report()


def test_a_branch_in_some_rows_is_guarded():
    def loss(p):
        total = 0.0
        for x, y in DATA:
            score = mlp(p, x, SIZES, tg.tanh)[0] * y
            total = total + (score * score if score < 5.0 else score)
        return total

    fast = check(loss, POINT)
    large = [v * 40 for v in POINT]
    leaves = [Value(x) for x in large]
    root = loss(leaves)
    root.backward()

    assert fast(large) == pytest.approx(root.data, rel=1e-12)
    assert fast.grad(large) == pytest.approx([leaf.grad for leaf in leaves], rel=1e-11)


def test_what_all_rows_share_is_computed_once():
    def loss(p):
        scale = tg.exp(p[0]) + tg.tanh(p[1])
        return sum(tg.tanh(x[0] * scale + p[k % 3]) * scale + p[0] for k, (x, _) in enumerate(DATA)) + scale**2

    assert "once before the samples" in check(loss, POINT[:3]).report()


def test_data_given_as_arguments_may_change():
    def loss(p, X, y):
        return sum(tg.relu(1 - b * mlp(p, a, SIZES, tg.tanh)[0]) for a, b in zip(X, y, strict=True)) / len(X)

    fast = tg.compile(loss)
    X, y = np.array([x for x, _ in DATA]), np.array([y for _, y in DATA])
    for change in (0.0, 0.3, -1.0):
        leaves = [Value(v) for v in POINT]
        root = loss(leaves, (X + change).tolist(), y.tolist())
        root.backward()
        value, slopes = fast.value_and_grad(POINT, X + change, y)
        assert value == pytest.approx(root.data, rel=1e-12)
        assert slopes == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12, abs=1e-13)
    assert "3 inputs each" in fast.report()


def test_no_batch_is_seen_where_there_is_none():
    check(lambda p: tg.tanh(p[0] * p[1]) + p[0], [0.3, 0.4], batch=False)
    check(
        lambda p: sum(tg.tanh(p[k] * p[k - 1] if k % 2 else tg.exp(p[k]) - k) for k in range(7)), POINT[:7], batch=False
    )


def test_rows_that_look_at_each_other_are_no_batch():
    def loss(p):
        found, before = 0.0, p[0]
        for k in range(40):
            before = tg.tanh(before * p[1] + 0.1 * k)
            found = found + before * before
        return found

    check(loss, [0.3, 0.9], batch=False)


def test_found_rows_cover_the_tape():
    tape = traced(lambda p: sum(tg.tanh(p[0] * x[0] + p[1]) * y for x, y in DATA), 0.4, -0.2)

    batch = batching.find(tape, tape.inputs)

    assert batch is not None
    assert (batch.samples, batch.fixed.shape, batch.gathered.shape) == (30, (30, 2), (30, 0))
    assert len(batch.sample) == 4


@pytest.mark.parametrize("backend", [b for b in available() if b != "tape"])
@pytest.mark.parametrize("seed", range(12))
def test_random_losses_summed_in_a_loop(seed, backend):
    rng = random.Random(seed)
    row = _random_loss(rng)
    data = [[rng.uniform(-1.5, 1.5) for _ in range(2)] for _ in range(rng.randrange(9, 60))]
    p = [rng.uniform(-1.5, 1.5) for _ in range(4)]
    fast = tg.compile(lambda p: sum(row(p, x) for x in data) * 0.1 + p[0], backend=backend)
    for _ in range(2):
        leaves = [Value(x) for x in p]
        root = sum(row(leaves, x) for x in data) * 0.1 + leaves[0]
        root.backward()
        value, slopes = fast.value_and_grad(p)
        scale = max(abs(leaf.grad) for leaf in leaves) or 1.0
        assert value == pytest.approx(root.data, rel=1e-12)
        assert slopes == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12, abs=1e-12 * scale)
        p = [v + 0.01 for v in p]


def test_rows_that_are_sums_of_many_terms_under_a_chain_are_taken_as_they_are():
    def loss(p):
        return tg.sum([p[0] * x[0] + p[1] for x, _ in DATA]) + tg.sum([p[0] * 2.0, p[1], p[0]]) + p[1] * 3.0 + p[0]

    leaves = [Value(x) for x in POINT[:2]]
    loss(leaves).backward()
    assert tg.compile(loss).grad(POINT[:2]) == pytest.approx([leaf.grad for leaf in leaves], rel=1e-12)


def test_samples_that_add_several_terms_each_are_rows():
    def loss(p):
        total = 0.0
        for x, y in DATA:
            score = mlp(p, x, SIZES, tg.tanh)[0]
            total = total + (score - y) ** 2 + 0.1 * abs(score) + tg.exp(-score * y)
        return total

    assert "30 samples alike (0 others)" in check(loss, POINT).report()


def _taken_away(total, p, x, y):
    total -= mlp(p, x, SIZES, tg.tanh)[0] * y
    return total


def _added_and_taken(total, p, x, y):
    score = mlp(p, x, SIZES, tg.tanh)[0]
    return total + tg.softplus(score) - y * score


def _with_a_constant(total, p, x, y):
    return total + mlp(p, x, SIZES, tg.tanh)[0] ** 2 - 0.5


def _with_a_term_that_all_share(total, p, x, y):
    return total - tg.tanh(p[0] * p[1]) + mlp(p, x, SIZES, tg.tanh)[0] * y


def _of_sums(total, p, x, y):
    return total + (1.0 + tg.sum([q * x[0] for q in p[:5]]) - tg.tanh(p[6] * y))


@pytest.mark.few(4)
@pytest.mark.parametrize("backend", [b for b in available() if b != "tape"])
@pytest.mark.parametrize(
    "step", [_taken_away, _added_and_taken, _with_a_constant, _with_a_term_that_all_share, _of_sums]
)
def test_a_running_sum_may_take_away(step, backend):
    def loss(p):
        total = 0.0
        for x, y in DATA:
            total = step(total, p, x, y)
        return total * 0.1

    assert "30 samples alike (0 others)" in check(loss, POINT, backend).report()


def test_a_mean_over_samples_is_their_sum_divided():
    assert (
        "30 samples alike (0 others)"
        in check(lambda p: tg.mean([mlp(p, x, SIZES, tg.tanh)[0] * y for x, y in DATA]), POINT).report()
    )
    mixed = check(lambda p: tg.mean([p[0], p[1] * p[2], *[mlp(p, x, SIZES, tg.tanh)[0] for x, _ in DATA]]), POINT)
    assert "30 samples alike" in mixed.report()


def test_the_parameters_of_a_model_lie_in_the_order_of_their_use_so_that_every_loop_reads_them_evenly():
    model = tg.nn.MLP(3, [12, 12, 1], activation="tanh", seed=2)
    X = np.random.default_rng(0).normal(size=(16, 3)).tolist()

    def loss():
        total = 0.0
        for x in X:
            total = total + model(x) ** 2
        return total / len(X) + 0.01 * tg.nn.l2(model.parameters())

    fast = tg.compile(loss)
    fast.backward()
    assert "table" not in fast.source("plan") or "llvm" not in available()
    first = fast._programs_made()[0].captured
    labels = [p.label.removeprefix("layers.0.") for p in first[:5]]
    assert labels == ["weight[0][0]", "weight[0][1]", "weight[0][2]", "bias[0]", "weight[1][0]"]
