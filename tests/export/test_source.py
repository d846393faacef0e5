"""What is exported gives the engine's value and gradient, by libraries that are not ours, and reads well."""

import math
import random
import re

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value, nn
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import DomainError, OperandError, TinygradLiteError

np = pytest.importorskip("numpy")
pytest.importorskip("jax")
torch = pytest.importorskip("torch")

OPS = [op for op in TABLE.values() if op not in (ops.leaf, ops.constant)]
SMOOTH = [op for op in OPS if op.name not in ("floor", "ceil", "round", "sign", "clip", "hardtanh")]
EXPORTS = [tg.to_numpy, tg.to_jax, tg.to_torch]


def by(source, *point):
    """Value and gradient w.r.t. each argument of float arrays, by the library of the source."""
    f, floats = source.function, [k for k, x in enumerate(point) if np.asarray(x).dtype.kind == "f"]
    if source.library == "numpy":
        value, slopes = f(*point)
        return float(value), [np.asarray(slopes[name]) for name in source.arguments if name in slopes]
    if source.library == "jax":
        import jax

        with jax.enable_x64(True):
            value, slopes = jax.jit(jax.value_and_grad(f, argnums=tuple(floats)))(*map(jax.numpy.asarray, point))
            return float(value), [np.asarray(s) for s in slopes]
    given = [torch.tensor(np.asarray(x), requires_grad=k in floats) for k, x in enumerate(point)]
    value = f(*given)
    value.backward()
    return float(value.detach()), [
        np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in given if x.requires_grad
    ]


def near(found, wanted, rel=1e-9):
    assert np.allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=rel, atol=1e-11), (found, wanted)


def body(source):
    """The lines of the function behind its head and the comment on shapes."""
    lines = source.code.split("\n")
    first = next(k for k, line in enumerate(lines) if line.startswith("def "))
    return [line.strip() for line in lines[first + 1 :] if not line.strip().startswith("#")]


# ------------------------------------------------------------------ ops


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_each_op_in_numpy_at_every_sample_point(op):
    """One function, recorded at the first point, is right at all of them: also on the other side of a kink."""
    function = None
    for point in op.points():
        leaves = [Value(x, f"p{i}") for i, x in enumerate(point)]
        try:
            out = op(*leaves)
        except DomainError:
            continue
        if op is ops.hardtanh or op is ops.clip:
            function = None  # a clip with its ends the wrong way round has rules of its own
        function = function or tg.to_numpy(out).function
        with np.errstate(all="ignore"):
            value, slopes = function(*point)
        right = adjoints(out)
        near(value, out.data)
        for leaf in leaves:
            near(slopes.get(leaf.label, 0.0), right[leaf])
    assert function is not None


@pytest.mark.few(2)
@pytest.mark.parametrize("export", EXPORTS[1:])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_each_op_in_jax_and_torch(op, export):
    if op in (ops.clip, ops.hardtanh):
        points = [(0.5, -1.0, 1.0), (0.2, -0.5, 0.7)]  # away from the ends, where each library has a choice of its own
    else:
        points = [p for p in op.points() if not op.kink or not op.kink.met(*p)][:3]
    made = None
    for point in points:
        leaves = [Value(x, f"p{i}") for i, x in enumerate(point)]
        out = op(*leaves)
        right = adjoints(out)
        made = made or export(out)
        value, slopes = by(made, *map(np.float64, point))
        near(value, out.data)
        near(slopes, [right[leaf] for leaf in leaves], 1e-7)


# ------------------------------------------------------------------ random graphs


def graph(seed, size=12):
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(3)]
    nodes = list(leaves)
    while len(nodes) < size:
        op = rng.choice(SMOOTH)
        operands = [rng.choice(nodes) if rng.random() < 0.8 else rng.uniform(-2, 2) for _ in range(op.arity or 3)]
        try:
            made = op(*operands)
        except DomainError:
            continue
        if isinstance(made, Value) and abs(made.data) < 100 and all(s is None or abs(s) < 100 for s in made.local):
            nodes.append(made)
    return nodes[-1] + sum(leaves), leaves


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_in_numpy(seed):
    out, _leaves = graph(seed)
    source = tg.to_numpy(out)
    value, slopes = source.function(*[leaf.data for leaf in source.arguments.values()])

    near(value, out.data)
    right = adjoints(out)
    assert all(
        abs(slopes[name] - right[leaf]) <= 1e-9 * max(1.0, abs(right[leaf])) for name, leaf in source.arguments.items()
    )


@pytest.mark.few(2)
@pytest.mark.parametrize("export", EXPORTS[1:])
@pytest.mark.parametrize("seed", range(20))
def test_random_graphs_in_jax_and_torch(seed, export):
    out, _ = graph(seed)
    source = export(out)
    value, slopes = by(source, *[np.float64(x.data) for x in source.arguments.values()])

    near(value, out.data)
    near(slopes, [adjoints(out)[leaf] for leaf in source.arguments.values()], 1e-6)


# ------------------------------------------------------------------ programs


def rng_of(seed):
    return np.random.default_rng(seed)


def network(W1, b1, W2, b2, x, y):
    h = [tg.tanh(sum(w * a for w, a in zip(row, x, strict=True)) + b) for row, b in zip(W1, b1, strict=True)]
    z = [sum(w * a for w, a in zip(row, h, strict=True)) + b for row, b in zip(W2, b2, strict=True)]
    return tg.logsumexp(z) - z[y]


def data(samples=9):
    r = rng_of(0)
    weights = [r.normal(size=s) for s in ((6, 4), (6,), (5, 6), (5,))]
    return [*weights, r.normal(size=(samples, 4)), r.integers(0, 5, samples)]


@pytest.mark.long
@pytest.mark.parametrize("export", EXPORTS)
def test_a_loss_of_one_sample_becomes_one_of_any_number(export):
    fast = tg.compile(network, batch=("x", "y"), argnums=(0, 1, 2, 3))
    source = export(fast, *data())
    point = data(23)
    value, slopes = fast.value_and_grad(*point)

    got, found = by(source, *point)
    near(got, value)
    for mine, theirs in zip(found[:4], slopes, strict=True):
        near(mine, theirs)


def test_a_network_reads_as_one_would_write_it():
    source = tg.to_jax(tg.compile(network, batch=("x", "y")), *data())

    assert body(source)[0] == "z1 = jnp.tanh(x @ W1.T + b1) @ W2.T + b2"
    assert "z1, y[:, None], axis=1)[:, 0]" in body(source)[1]  # the label is an index
    assert len(body(source)) == 2


def matrices(params, X, y):
    h = np.maximum(X @ params["W1"] + params["b1"], 0)
    return np.mean((h @ params["W2"] + params["b2"] - y) ** 2)


def test_numpy_code_and_its_pytree_come_back_as_they_were():
    r = rng_of(1)
    params = {"W1": r.normal(size=(3, 4)), "b1": r.normal(size=4), "W2": r.normal(size=4), "b2": 0.3}
    X, y = r.normal(size=(7, 3)), r.normal(size=7)
    source = tg.to_jax(matrices, params, X, y)
    moved = {name: x + 0.1 for name, x in params.items()}

    assert body(source)[0] == 'W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]'
    assert body(source)[-1] == "return jnp.mean((jnp.maximum(X @ W1 + b1, 0.0) @ W2 + b2 - y) ** 2)"
    near(source.function(moved, X, y), matrices(moved, X, y), 1e-5)  # float32 by default, as the source says


@pytest.mark.parametrize("export", EXPORTS)
def test_a_recorded_graph_with_the_labels_of_its_leaves(export):
    r = rng_of(2)
    model = nn.MLP(2, [4, 1], seed=3)
    X, y = r.normal(size=(8, 2)), r.normal(size=8)
    loss = tg.sum([(model(list(x)) - t) ** 2 for x, t in zip(X, y, strict=True)]) / 8.0
    source = export(loss)

    assert set(source.arguments) == {"layers_0_weight", "layers_0_bias", "layers_1_weight", "layers_1_bias"}
    assert len(body(source)) <= 12
    assert source.checked.startswith("equal to the engine")


def recurrence(w, u, b, xs):
    h = [0.0] * 3
    for x in xs:
        h = [
            tg.tanh(sum(a * c for a, c in zip(row, h, strict=True)) + v * x + d)
            for row, v, d in zip(w, u, b, strict=True)
        ]
    return sum(a * a for a in h)


@pytest.mark.parametrize("export", EXPORTS)
def test_steps_that_follow_from_one_another_are_a_scan(export):
    r = rng_of(3)
    point = [r.normal(size=(3, 3)) * 0.5, r.normal(size=3), r.normal(size=3), r.normal(size=12)]
    source = export(recurrence, *[x.tolist() for x in point])
    if export is tg.to_jax:
        assert "def step(last_z2, x1):" in source.code
        assert "last_z2, _ = jax.lax.scan(step, z1, xs[1:], length=11)" in source.code
    else:
        assert "    for " in source.code
    moved = [x + 0.05 for x in point]

    found = by(source, *moved)
    right = tg.compile(recurrence, argnums=(0, 1, 2, 3)).value_and_grad(*moved)
    near(found[0], right[0])
    near(found[1][0], right[1][0])


@pytest.mark.parametrize("export", EXPORTS)
def test_branches_become_choices_whose_other_side_does_no_harm(export):
    def f(x, y):
        total = 0.0
        for a, b in zip(x, y, strict=True):
            total = total + (tg.sqrt(a) * b if a > 0 else b * b - a)
        return total

    x, y = np.array([0.5, -1.5, 2.0]), np.array([0.3, 0.4, -0.7])
    source = export(f, x, y)
    for sign in (1.0, -1.0):
        right = tg.compile(f, argnums=(0, 1)).value_and_grad(sign * x, y)
        value, slopes = by(source, sign * x, y)
        near(value, right[0])
        near(slopes[0], right[1][0]) if len(slopes) == 1 else near(slopes, right[1])


def test_a_branch_that_is_not_written_is_checked():
    def f(x):
        k = 0
        while x[0] * k < 3.0:  # as many steps as the numbers please
            k = k + 1
        return x[0] ** 2 * k + x[1]

    point = np.array([0.5, 1.0])
    assert by(tg.to_jax(f, point), np.array([0.51, 1.0]))[0] == pytest.approx(0.51**2 * 6 + 1.0)
    assert np.isnan(by(tg.to_jax(f, point), np.array([1.0, 1.0]))[0])
    with pytest.raises(ValueError, match="another branch is taken"):
        tg.to_numpy(f, point).function(np.array([1.0, 1.0]))


@pytest.mark.long
@pytest.mark.parametrize("export", EXPORTS)
def test_sums_of_unlike_lengths(export):
    def f(x):
        return sum(tg.exp(sum(x[: k + 1])) for k in range(len(x)))

    x = rng_of(4).normal(size=9) * 0.3
    value, slopes = by(export(f, x), x * 1.1)
    right = tg.compile(f).value_and_grad(x * 1.1)
    near(value, right[0])
    near(slopes[0], right[1])


def test_a_function_that_uses_a_model_from_outside_is_given_its_parameters():
    model = nn.MLP(3, [4, 1], seed=0)
    X = rng_of(5).normal(size=(6, 3))

    def loss(x):
        return model(x) ** 2

    source = tg.to_numpy(tg.compile(loss, batch="x"), X)
    params = {name.replace(".", "_"): np.array(held) for name, held in model.state_dict().items()}

    value, slopes = source.function(params, X)
    near(value, np.mean([model(list(x)).data ** 2 for x in X]))
    assert list(slopes) == list(params)


def test_an_op_of_ones_own_is_written_by_its_function():
    @tg.op(partials=lambda x, out: (3.0 * x * x,))
    def cube_for_export(x):
        """A third power."""
        return x * x * x

    try:
        x = Value(1.5, "x")
        assert by(tg.to_jax(cube_for_export(x) + x), np.float64(2.0)) == (10.0, [13.0])
    finally:
        del TABLE["cube_for_export"]


def test_an_op_whose_function_needs_numbers_is_refused_with_its_name():
    import math

    @tg.op(partials=lambda x, out: (out,))
    def own_exp_for_export(x):
        """The exponential."""
        return math.exp(x)

    try:
        with pytest.raises(OperandError, match="own_exp_for_export cannot be written"):
            tg.to_jax(own_exp_for_export(Value(1.0, "x")))
    finally:
        del TABLE["own_exp_for_export"]


def test_an_export_is_checked_at_other_points_and_a_wrong_one_is_found():
    r = rng_of(6)
    params = {"W1": r.normal(size=(3, 4)), "b1": r.normal(size=4), "W2": r.normal(size=4), "b2": 0.3}
    given = params, r.normal(size=(7, 3)), r.normal(size=7)
    import jax.numpy as jnp

    def by_hand(params, X, y):
        h = jnp.maximum(X @ params["W1"] + params["b1"], 0)
        return jnp.mean((h @ params["W2"] + params["b2"] - y) ** 2)

    def forgotten(params, X, y):
        return by_hand({**params, "b2": 0.0}, X, y)

    assert tg.check_export(tg.to_numpy(matrices, *given), matrices, *given)
    assert tg.check_export(by_hand, matrices, *given, points=2).ok
    wrong = tg.check_export(forgotten, matrices, *given, points=1)
    assert not wrong.ok
    assert "value" in wrong.wrong
    assert 'params["b2"]' in wrong.wrong  # it is not read, so its derivative is 0
    assert "gradients are wrong" in str(wrong)
    assert wrong["value"].hand.shape == (1, 1)
    with pytest.raises(OperandError, match="needs two functions"):
        tg.check_export(3, matrices)


@pytest.mark.long
def test_a_sum_of_many_unlike_terms_is_written_in_parts():
    steps = (tg.sin, tg.tanh, lambda t: t * t, lambda t: 1.0 / (2.0 + t))

    def f(x):
        total = 0.0
        for k in range(150):
            t = x[k % 5] * (1.0 + 0.001 * k)
            for d in range(6):
                t = steps[k // 4**d % 4](t)
            total = total + t
        return total

    point = rng_of(7).normal(size=5)
    source = tg.to_torch(f, point)
    right = tg.compile(f).value_and_grad(point)

    assert max(map(len, source.code.splitlines())) < 2_000
    value, slopes = by(source, point)
    near(value, right[0])
    near(slopes[0], right[1])


def test_attention_reads_as_one_would_write_it():
    data = rng_of(10).normal(size=(6, 4)).tolist()

    def attention(p):
        def times(w):
            return [[sum(a * row[j] for a, row in zip(x, w, strict=True)) for j in range(4)] for x in data]

        q, k, v = (times([p[at + 4 * i : at + 4 * i + 4] for i in range(4)]) for at in (0, 16, 32))
        loss = 0.0
        for x in q:
            scores = [sum(a * b for a, b in zip(x, y, strict=True)) / 2.0 for y in k]
            norm = tg.logsumexp(scores)
            for c in range(4):
                loss = loss + sum(tg.exp(s - norm) * y[c] for s, y in zip(scores, v, strict=True)) ** 2
        return loss

    source = tg.to_jax(attention, rng_of(11).normal(size=48).tolist())

    assert body(source)[1] == "z1 = data @ p.reshape(3, 4, 4)"  # one product for all three, and no einsum
    assert body(source)[-1] == "return jnp.sum((jax.nn.softmax(0.5 * z2, axis=1) @ z1[2]) ** 2)"


def test_steps_read_a_part_of_the_parameters_that_was_cut_out_before_them():
    series = rng_of(12).normal(size=9).tolist()

    def cell(p):
        h = [0.0] * 3
        for x in series:
            h = [
                tg.tanh(sum(p[5 * i + j] * h[j] for j in range(3)) + p[5 * i + 3] * x + p[5 * i + 4]) for i in range(3)
            ]
        return sum(a * a for a in h)

    source = tg.to_jax(cell, rng_of(13).normal(size=15).tolist())
    before, step = source.code.split("def step(")

    assert "= p.reshape(3, 5)[:, :3]" in before
    assert "p.reshape" not in step
    assert source.checked.startswith("equal to the engine")


@pytest.mark.parametrize("export", EXPORTS)
def test_gates_of_several_matrices_are_one_product(export):
    series = rng_of(14).normal(size=(6, 2)).tolist()

    def times(w, x):
        return [sum(a * b for a, b in zip(row, x, strict=True)) for row in w]

    def gru(update, reset, new):
        h = [0.0] * 3
        for x in series:
            z, r = ([tg.sigmoid(a) for a in times(w, x + h)] for w in (update, reset))
            c = [tg.tanh(a) for a in times(new, x + [a * b for a, b in zip(r, h, strict=True)])]
            h = [(1.0 - a) * b + a * d for a, b, d in zip(z, h, c, strict=True)]
        return sum(a * a for a in h)

    point = [rng_of(k).normal(size=(3, 5)) for k in (15, 16, 17)]
    source = export(tg.compile(gru, argnums=(0, 1, 2)), *[x.tolist() for x in point])
    moved = [x * 0.9 for x in point]
    value, slopes = by(source, *moved)
    right = tg.compile(gru, argnums=(0, 1, 2)).value_and_grad(*[x.tolist() for x in moved])

    near(value, right[0])
    near(slopes[1], right[1][1])
    if export is tg.to_jax:
        assert re.search(r"    z\d = w1 @ x1 \+ w2 @ last_a\d\n", source.code)


@pytest.mark.parametrize("export", EXPORTS)
def test_sums_that_are_read_once_or_twice_are_kept_alike(export):
    """A conditional random field: the scores on the right path are read there and in the recursion."""
    X, path = rng_of(18).normal(size=(12, 3)).tolist(), [k * k % 4 for k in range(12)]

    def field(W, A):
        scores = [[sum(w * x for w, x in zip(row, seen, strict=True)) for row in W] for seen in X]
        right = scores[0][path[0]]
        for t in range(1, 12):
            right = right + A[path[t - 1]][path[t]] + scores[t][path[t]]
        alpha = scores[0]
        for t in range(1, 12):
            alpha = [tg.logsumexp([alpha[i] + A[i][j] for i in range(4)]) + scores[t][j] for j in range(4)]
        return tg.logsumexp(alpha) - right

    W, A = rng_of(19).normal(size=(4, 3)), rng_of(20).normal(size=(4, 4))
    fast = tg.compile(field, argnums=(0, 1))
    source = export(fast, W.tolist(), A.tolist())
    value, slopes = by(source, W * 0.9, A)
    right = fast.value_and_grad((W * 0.9).tolist(), A.tolist())

    near(value, right[0])
    near(slopes[0], right[1][0])
    near(slopes[1], right[1][1])
    if export is not tg.to_numpy:
        assert "X @ W.T" in source.code
        assert len(body(source)) < 16


def test_the_square_of_a_quotient_is_a_square():
    def f(p):
        share = tg.exp(p[0]) / tg.sqrt(p[1])
        return share * share

    assert body(tg.to_jax(f, [0.1, 0.2]))[-1] == "return (jnp.exp(p[0]) / jnp.sqrt(p[1])) ** 2"


def test_quotients_by_one_number_are_no_steps():
    """A Cholesky factor: each column is divided by one root, and none of these quotients reads another."""
    at, n = [0.0, 0.4, 1.1, 1.5, 2.2, 3.0], 6

    def gaussian_process(p):
        width, noise = tg.exp(p[0]), tg.exp(p[1])
        low = [[0.0] * n for _ in range(n)]
        for i in range(n):
            for j in range(i + 1):
                kernel = tg.exp(-0.5 * ((at[i] - at[j]) / width) ** 2) + (noise if i == j else 0.0)
                rest = kernel - sum(low[i][k] * low[j][k] for k in range(j))
                low[i][j] = tg.sqrt(rest) if i == j else rest / low[j][j]
        found = []
        for i in range(n):
            found.append((math.sin(at[i]) - sum(low[i][k] * found[k] for k in range(i))) / low[i][i])
        return 0.5 * sum(x * x for x in found) + sum(tg.log(low[i][i]) for i in range(n))

    assert "scan" not in tg.to_jax(gaussian_process, [0.1, -2.0]).code


# ------------------------------------------------------------------ what does not repeat


def without_order(x, p):
    """Five hundred ops on operands anywhere before them, some of them chosen by a branch; the sum of all."""
    rng, found = random.Random(7), [x, *p]
    for _ in range(500):
        a, b = rng.choice(found), rng.choice(found)
        kind = rng.randrange(6)
        if kind == 0:
            found.append(tg.maximum(a, b))
        elif kind == 1:
            found.append(tg.logsumexp([a, b, 0.3 * a]))
        else:
            found.append([a - b, tg.sin(a) * b, tg.tanh(a), tg.relu(a) + 0.1 * b][kind - 2])
    return tg.sum([tg.tanh(v) for v in found]) / 100.0


@pytest.mark.parametrize("export", EXPORTS)
def test_what_repeats_in_no_loop_is_a_tape_of_few_lines(export):
    p = rng_of(8).normal(size=6)
    source = export(tg.compile(without_order, argnums=(0, 1)), 0.4, p)
    value, slopes = by(source, np.float64(0.7), p - 0.2)
    right = tg.compile(without_order, argnums=(0, 1)).value_and_grad(0.7, p - 0.2)

    assert "ops that were not folded into loops" in source.code
    assert len(source.code[source.code.index("def without_order") :].splitlines()) < 20
    near(value, right[0])
    near(slopes[0], right[1][0])
    near(slopes[1], right[1][1])


@pytest.mark.parametrize("export", EXPORTS)
def test_a_tape_of_any_number_of_samples(export):
    r = rng_of(9)
    fast = tg.compile(without_order, batch="x", argnums=1)
    source = export(fast, r.normal(size=5), r.normal(size=6))
    x, p = r.normal(size=8), r.normal(size=6)
    value, slopes = by(source, x, p)
    right = fast.value_and_grad(x, p)

    near(value, right[0])
    near(slopes[-1], right[1])


# ------------------------------------------------------------------ names and errors


def test_labels_become_words_and_hostile_ones_do_not_get_in():
    labels = ["W1[0, 2]", "a b", "", "class", "np", "v3", "x); import os; (", "a b", "λ", "y" * 500]
    leaves = [Value(float(i), label) for i, label in enumerate(labels)]
    source = tg.to_numpy(tg.sum(leaves))

    assert all(name.isidentifier() and name.isascii() for name in source.arguments)
    assert "import os" not in source.code
    value, slopes = source.function(*source.point.values())
    assert value == 45
    assert all((np.asarray(s) <= 1.0).all() for s in slopes.values())


def test_only_the_derivatives_asked_for_are_computed():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    source = tg.to_numpy(tg.sin(a) * b, wrt=[b], name="model")

    assert "def model(a, b):" in source.code
    assert "cos" not in source.code
    assert list(source.function(2.0, 3.0)[1]) == ["b"]


def test_a_leaf_alone_and_an_infinite_constant():
    a = Value(2.0, "a")

    assert tg.to_numpy(a).function(5.0) == (5.0, {"a": 1.0})
    assert tg.to_numpy(tg.maximum(a, float("-inf"))).function(5.0)[0] == 5.0


def test_wrong_arguments_are_named(tmp_path):
    a = Value(2.0, "a")
    with pytest.raises(OperandError, match="an export needs the Value of a result or a function"):
        tg.to_numpy(3.0)
    with pytest.raises(OperandError, match="wrt needs leaves of this graph"):
        tg.to_numpy(a * 2.0, wrt=[Value(1.0)])
    with pytest.raises(OperandError, match="'a b'"):
        tg.to_numpy(a * 2.0, name="a b")
    with pytest.raises(OperandError, match="needs its arguments"):
        tg.to_jax(lambda x: x * x)
    path = tg.to_numpy(a * 2.0).save(tmp_path / "f.py")
    assert path.read_text(encoding="utf-8").startswith("\n\ndef f(a):") or "def f(a):" in path.read_text(
        encoding="utf-8"
    )


def test_a_source_that_differs_is_not_given_out(monkeypatch):
    from tinygrad_lite.export.spelling import NumPy

    monkeypatch.setattr(NumPy, "number", lambda self, x: repr(x + 0.5))
    with pytest.raises(TinygradLiteError, match="is not given out"):
        tg.to_numpy(Value(2.0, "a") * 3.0)


@pytest.mark.parametrize("export", EXPORTS)
def test_steps_that_read_several_series_read_them_side_by_side(export):
    def loss(p):
        h, total = 0.0, 0.0
        for t in range(8):
            h = tg.tanh(p[0] * h + p[1] * math.cos(1.0 + t * t))
            total = total + (p[2] * h - math.sin(2.0 + t * t)) ** 2
        return total

    assert "equal to the engine" in export(loss, [0.3, 0.5, 0.7]).checked


@pytest.mark.long
def test_steps_begin_with_what_no_other_steps_have_taken():
    """Two runs of steps, the second of which would begin inside the first."""

    def soft_warping(x):
        far = [[1e3] * (len(x) + 1) for _ in range(7)]
        far[0][0] = 0.0
        for i in range(1, 7):
            for j in range(1, len(x) + 1):
                before = [far[i - 1][j], far[i][j - 1], far[i - 1][j - 1]]
                far[i][j] = (x[j - 1] - math.sin(i)) ** 2 - 0.5 * tg.logsumexp([-2 * d for d in before])
        return far[6][-1]

    found = tg.to_numpy(soft_warping, [math.cos(i) for i in range(10)])

    assert "equal to the engine" in found.checked
