"""The exported functions, run and differentiated by libraries that are not ours, give our value and our gradient."""

import random

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.op import TABLE
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.errors import DomainError, OperandError

ROWS = [op for op in TABLE.values() if op not in (ops.leaf, ops.constant)]


def by_torch(source, name="f"):
    """Value and slopes at the recorded point, by PyTorch."""
    torch = pytest.importorskip("torch")
    space = {}
    exec(source.code, space)
    tensors = [torch.tensor(x.data, dtype=torch.float64, requires_grad=True) for x in source.arguments.values()]
    out = space[name](*tensors)
    if out.requires_grad:
        out.backward()
    return float(out.detach()), [0.0 if t.grad is None else float(t.grad) for t in tensors]


def by_jax(source, name="f"):
    """Value and slopes at the recorded point, by JAX."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    space = {}
    exec(source.code, space)
    point = [float(x.data) for x in source.arguments.values()]
    value, slopes = jax.value_and_grad(space[name], argnums=tuple(range(len(point))))(*point)
    return float(value), [float(s) for s in slopes]


LIBRARIES = [(tg.to_torch, by_torch), (tg.to_jax, by_jax)]


@pytest.mark.few(3)
@pytest.mark.parametrize(("export", "run"), LIBRARIES, ids=["torch", "jax"])
@pytest.mark.parametrize(
    "op", [pytest.param(op, id=op.name, marks=[pytest.mark.long] * (i % 6 > 0)) for i, op in enumerate(ROWS)]
)
def test_each_row(op, export, run):
    n = op.arity or 3
    point = [op.domain[min(i, len(op.domain) - 1)].samples for i in range(n)]
    point = [samples[(-2 - i) % len(samples)] for i, samples in enumerate(point)]
    if op is ops.clip or op is ops.hardtanh:
        point = [0.5, -1.0, 1.0]  # away from the ends, where each library has a choice of its own
    leaves = [Value(x, f"p{i}") for i, x in enumerate(point)]
    out = op(*leaves)
    value, slopes = run(export(out))

    assert value == pytest.approx(out.data, rel=1e-9, abs=1e-12)
    right = adjoints(out)
    assert slopes == pytest.approx([right[leaf] for leaf in leaves], rel=1e-7, abs=1e-10)


@pytest.mark.parametrize(("export", "run"), LIBRARIES, ids=["torch", "jax"])
@pytest.mark.parametrize("seed", range(5))
def test_random_graphs_with_bare_numbers_in_them(seed, export, run):
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(3)]
    nodes = list(leaves)
    while len(nodes) < 10:
        op = rng.choice(ROWS)
        operands = [rng.choice(nodes) if rng.random() < 0.8 else rng.uniform(-2, 2) for _ in range(op.arity or 3)]
        try:
            made = op(*operands)
        except DomainError:
            continue
        if isinstance(made, Value) and abs(made.data) < 100 and all(s is None or abs(s) < 100 for s in made.local):
            nodes.append(made)
    out = nodes[-1] + sum(leaves)
    source = export(out)
    value, slopes = run(source)

    right = adjoints(out)
    assert value == pytest.approx(out.data, rel=1e-9)
    assert slopes == pytest.approx([right[leaf] for leaf in source.arguments.values()], rel=1e-6, abs=1e-9)


def test_the_code_is_text_and_needs_neither_library():
    a = Value(2.0, "a b")
    assert tg.to_jax(a * 3.0, name="loss").code.split("\n")[:5] == [
        "import jax",
        "import jax.numpy as jnp",
        "",
        "",
        "def loss(a_b):",
    ]
    with pytest.raises(OperandError, match="to_torch needs the Value"):
        tg.to_torch(3.0)
    with pytest.raises(OperandError, match="to_jax needs the Value"):
        tg.to_jax("x")
