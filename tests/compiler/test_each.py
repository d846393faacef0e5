"""`fast.each(...)`: the results of a function for each sample, beside the engine's and those of `jax.vmap`."""

import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.compiler.backends.choice import available

np = pytest.importorskip("numpy")


def net(w, x, lib=tg):
    """Two layers, written for our numbers and for JAX's."""
    hidden = [lib.tanh(sum(w["W"][j, i] * x[i] for i in range(3)) + w["b"][j]) for j in range(4)]
    return {"hidden": hidden, "out": (hidden[0] * hidden[1] + lib.exp(hidden[2]), hidden[3] / 2.0)}


@pytest.fixture
def points():
    draw = np.random.default_rng(3)
    return {"W": draw.normal(size=(4, 3)), "b": draw.normal(size=4)}, draw.normal(size=(300, 3))


@pytest.mark.parametrize("backend", [None, *[name for name in available() if name != "llvm"]])
def test_results_of_each_sample_are_the_engines(backend, points):
    w, table = points
    table = table[:40]

    found = tg.compile(net, batch="x", backend=backend).each(w, table)

    wanted = [net(w, x) for x in table]
    for name in ("hidden", "out"):
        rows = np.array(found[name]).T
        assert rows == pytest.approx(np.array([each[name] for each in wanted]), rel=1e-13)


@pytest.mark.long
def test_results_and_gradients_of_each_sample_are_those_of_vmap(points):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    w, table = points

    def loss(w, x, lib=tg):
        a, b = net(w, x, lib)["out"]
        return (a - x[0]) ** 2 + b * b

    found = tg.compile(net, batch="x").each(w, table)
    gradients = tg.compile(lambda w, x: tg.grad(loss)(w, x), batch="x").each(w, table)
    jacobians = tg.compile(lambda w, x: tg.jacobian(lambda w: net(w, x)["hidden"])(w), batch="x").each(w, table)

    wanted = jax.vmap(lambda w, x: net(w, x, jax.numpy), (None, 0))(w, table)
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    assert [x.shape for x in jax.tree.leaves(found)] == [x.shape for x in jax.tree.leaves(wanted)]
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert ours == pytest.approx(np.asarray(theirs), rel=1e-12)
    by_jax = jax.vmap(jax.grad(lambda w, x: loss(w, x, jax.numpy)), (None, 0))(w, table)
    for name in ("W", "b"):
        assert gradients[name] == pytest.approx(np.asarray(by_jax[name]), rel=1e-10, abs=1e-12)
    rows = jax.vmap(jax.jacobian(lambda w, x: net(w, x, jax.numpy)["hidden"]), (None, 0))(w, table)
    for ours, theirs in zip(jacobians, rows, strict=True):
        assert ours["W"] == pytest.approx(np.asarray(theirs["W"]), rel=1e-12, abs=1e-14)


def test_a_model_predicts_for_all_samples_with_its_weights_of_now():
    random.seed(1)
    model, table = nn.MLP(2, [4, 3]), [[1.0, 2.0], [0.5, -1.0], [0.0, 0.3]]
    fast = tg.compile(model, batch="x")

    for _ in range(2):
        wanted = [[each.data for each in model(x)] for x in table]
        rows = np.array(fast.each(table)).T
        assert rows == pytest.approx(np.array(wanted), rel=1e-13)
        for p in model.parameters():
            p.data += 0.1


def test_metrics_of_samples_follow_branches_and_labels():
    score = tg.compile(lambda w, x, y: 1.0 if max(range(3), key=lambda i: w[i] * x) == y else 0.0, batch=("x", "y"))

    assert score.each([1.0, 2.0, -1.0], [1.0, -1.0, 2.0], [1, 1, 1]).tolist() == [1.0, 0.0, 1.0]
    assert score([1.0, 2.0, -1.0], [1.0, -1.0, 2.0, 1.0], [1, 1, 1, 0]) == 0.5


def test_each_gives_statics_once_keeps_many_blocks_and_can_be_differentiated():
    fast = tg.compile(lambda w, x: (w * x, None, "a"), batch="x")
    many = np.linspace(-1.0, 1.0, 100_003)

    assert [str(part) for part in fast.each(2.0, [1.0, 2.0])] == ["[2. 4.]", "None", "a"]
    assert np.array_equal(fast.each(3.0, many)[0], 3.0 * many)
    assert tg.grad(lambda w: tg.sum([y * y for y in fast.each(w, [1.0, 2.0])[0]]))(3.0) == 30.0


def test_each_refuses_what_the_engine_refuses_and_says_where_shapes_differ():
    with pytest.raises(tg.errors.DomainError, match="log needs x > 0"):
        tg.compile(lambda w, x: tg.log(w * x), batch="x").each(1.0, [1.0, -2.0])
    with pytest.raises(tg.errors.OperandError, match="another shape where it takes another branch"):
        tg.compile(lambda w, x: [w, x] if x > 0 else [w], batch="x").each(1.0, [1.0, -2.0])
    with pytest.raises(tg.errors.OperandError, match="call its `each`"):
        tg.compile(lambda w, x: [w, x], batch="x")(1.0, [1.0, -2.0])


def test_a_wrong_rule_is_noticed_before_its_results_are_given(monkeypatch):
    from tinygrad_lite.compiler import CompileWarning
    from tinygrad_lite.compiler.backends.numpy import calls

    monkeypatch.setitem(calls.UFUNCS, "tanh", "sinh")
    fast = tg.compile(lambda w, x: tg.tanh(w * x), batch="x", backend="numpy")

    with pytest.warns(CompileWarning, match="away from the engine's"):
        found = fast.each(0.5, [1.0, 2.0])
    assert found == pytest.approx(np.tanh([0.5, 1.0]), rel=1e-15)
