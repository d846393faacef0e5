"""The exported function gives the engine's value and gradient, at the recorded point and at others."""

import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import DomainError, OperandError

np = pytest.importorskip("numpy")

ROWS = [op for op in TABLE.values() if op not in (ops.leaf, ops.constant)]


def near(found, wanted):
    assert np.allclose(np.asarray(found, float), wanted, rtol=1e-9, atol=1e-12, equal_nan=True), (found, wanted)


def operands_of(op):
    """Some points inside the domain of a row."""
    n = op.arity or 3
    domains = [op.domain[min(i, len(op.domain) - 1)] for i in range(n)]
    for k in range(min(len(domain.samples) for domain in domains)):
        yield [domain.samples[(k + i) % len(domain.samples)] for i, domain in enumerate(domains)]


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_each_row_by_value_and_slope_at_every_sample_point(op):
    """One function, recorded at the first point, is right at all of them: also on the other side of a kink."""
    function = None
    for point in operands_of(op):
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
            near(slopes[leaf.label], right[leaf])
    assert function is not None


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_at_their_own_point_and_entry_by_entry(seed):
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(3)]
    nodes = list(leaves)
    smooth = [op for op in ROWS if op.name not in ("floor", "ceil", "round", "sign", "clip", "hardtanh")]
    while len(nodes) < 9:
        op = rng.choice(smooth)
        try:
            made = op(*[rng.choice(nodes) for _ in range(op.arity or rng.randint(1, 4))])
        except DomainError:
            continue
        if abs(made.data) < 1e3 and all(abs(s) < 1e3 for s in made.local):
            nodes.append(made)
    out = nodes[-1]
    source = tg.to_numpy(out)
    right = adjoints(out)
    point = [leaf.data for leaf in source.arguments.values()]
    with np.errstate(all="ignore"):
        value, slopes = source.function(*point)
        many, many_slopes = source.function(*[np.array([x, x, x]) for x in point])

    near(value, out.data)
    near(np.broadcast_to(many, 3), [out.data] * 3)
    for name, leaf in source.arguments.items():
        near(slopes[name], right[leaf])
        near(np.broadcast_to(many_slopes[name], 3), [right[leaf]] * 3)


def test_the_function_chooses_again_at_a_kink():
    x = Value(2.0, "x")
    f = tg.to_numpy(tg.relu(x) * 3.0 + abs(x)).function
    value, slopes = f(np.array([-1.0, 0.0, 2.0]))

    near(value, [1.0, 0.0, 8.0])
    near(slopes["x"], [-1.0, 0.0, 4.0])


def test_labels_become_words_and_hostile_ones_do_not_get_in():
    labels = ["W1[0, 2]", "a b", "", "class", "np", "v3", "x); import os; (", "a b", "λ", "y" * 500]
    leaves = [Value(float(i), label) for i, label in enumerate(labels)]
    source = tg.to_numpy(tg.sum(leaves))

    assert list(source.arguments)[:6] == ["W1_0_2", "a_b", "x3", "x4", "x5", "x6"]
    assert all(name.isidentifier() for name in source.arguments)
    assert len(set(source.arguments)) == len(labels)
    value, slopes = source.function(*range(10))
    assert value == 45
    assert set(slopes.values()) == {1.0}


def test_only_the_slopes_asked_for_are_computed():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    source = tg.to_numpy(tg.sin(a) * b, [b], name="model")

    assert "def model(a, b):" in source.code
    assert source.code.endswith('return v1, {"b": v0}')
    assert "cos" not in source.code


def test_a_leaf_alone_and_an_infinite_constant():
    a = Value(2.0, "a")

    assert tg.to_numpy(a).function(5.0) == (5.0, {"a": 1.0})
    assert tg.to_numpy(tg.maximum(a, float("-inf"))).function(5.0)[0] == 5.0


def test_wrong_arguments_are_named():
    a = Value(2.0, "a")
    with pytest.raises(OperandError, match="to_numpy needs the Value"):
        tg.to_numpy(3.0)
    with pytest.raises(OperandError, match="wrt needs leaves of this graph"):
        tg.to_numpy(a * 2.0, [Value(1.0)])
    with pytest.raises(OperandError, match="'a b'"):
        tg.to_numpy(a * 2.0, name="a b")
    with pytest.raises(OperandError, match="'def'"):
        tg.to_numpy(a * 2.0, name="def")


def test_the_code_is_saved(tmp_path):
    path = tg.to_numpy(Value(2.0, "a") * 2.0).save(tmp_path / "f.py")

    assert path.read_text(encoding="utf-8").startswith("import numpy as np\n")
