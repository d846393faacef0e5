"""Steps that follow from one another become a loop, with the engine's value and gradient."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.compiler import CompileWarning
from tinygrad_lite.compiler.backends.choice import available
from tinygrad_lite.compiler.ir.loop_nest import Access, LoopNest, Plan, Reduction
from tinygrad_lite.compiler.passes import scan

np = pytest.importorskip("numpy")
pytestmark = [
    pytest.mark.skipif("llvm" not in available(), reason="only LLVM writes loops"),
    pytest.mark.usefixtures("loops_at_once"),
]

NEXT = ("add", ("leaf", 0), ("mul", ("leaf", 1), ("leaf", 2)))


def step(k, factor=0.1, before=None):
    """A[k] = A[k - 1] + P[k] * factor, each in an array of its own."""
    before = Access(f"A{k - 1}", 0, (0,)) if before is None else before
    reads = [before, Access("P", k, (0,)), Access("K", literal=factor)]
    return LoopNest(f"A{k}", (1,), [Reduction(1, NEXT, 1, reads)], Access(f"A{k}", 0, (0,)))


def plan(*nests):
    return Plan(list(nests), {f"A{k}": 1 for k in range(len(nests))}, [], set(), len(nests))


def test_the_same_step_again_and_again_is_a_loop():
    first = step(0, before=Access("P", 99, (0,)))
    found = scan.stepped(plan(first, *[step(k) for k in range(1, 80)]))

    assert str(found).split("\n") == [
        "A[0] = P[99] + (P[0] * 0.1)",
        "step by step:",
        "  for i0 < 79: A[i0 + 1] = A[i0] + (P[i0 + 1] * 0.1)",
    ]


def test_a_constant_of_each_step_becomes_a_table():
    found = scan.stepped(plan(*[step(k, factor=float(k * k), before=Access("P", 99, (0,))) for k in range(80)]))

    assert str(found) == "for i0 < 80: A[i0] = P[99] + (P[i0] * K[i0])"  # no step needs another
    assert found.constants == [float(k * k) for k in range(80)]


def test_terms_that_look_alike_are_one_sum():
    reductions = [Reduction(1, ("leaf", 0), 1, [Access(f"A{k}", 0, (0,))]) for k in range(80)]
    whole = plan(*[step(k, before=Access("P", 99, (0,))) for k in range(80)])
    whole.nests.append(LoopNest("out", (1,), reductions, Access("out", 0, (0,))))

    assert str(scan.stepped(whole)).split("\n")[-1] == "out[0] = sum over t < 80 of (A[t])"


def test_irregular_groups_stay_as_they_are():
    rng = np.random.default_rng(0)
    irregular = plan(*[step(k, before=Access("P", int(rng.integers(99)), (0,))) for k in range(80)])
    short = plan(*[step(k) for k in range(1, 20)])

    assert scan.stepped(irregular) is irregular
    assert scan.stepped(short) is short


# ------------------------------------------------------------------ with the engine as the witness


def product(x):
    total = 1.0
    for a in x:
        total = total * (1.0 + 0.01 * a)
    return total


def pendulum(x):
    angle, speed = x[0], x[1]
    for push in x[2:]:
        angle, speed = angle + 0.1 * speed, speed - 0.1 * tg.sin(angle) + 0.02 * push
    return (angle - 1.0) ** 2 + speed * speed


def followed(x):
    """A cost at every step, with constants of its own."""
    y, cost = 1.0, 0.0
    for k, u in enumerate(x):
        y = y + 0.05 * (tg.tanh(u) - y)
        cost = cost + (y - 0.01 * k) ** 2 + 0.1 * u * u
    return cost


def recurrent(x):
    """A small recurrent network: every step uses all of its weights."""
    weights, h, cost = x[:16], [0.1, 0.2, 0.3], 0.0
    for k in range(len(x)):
        h = [
            tg.tanh(sum(weights[3 * i + j] * h[j] for j in range(3)) + weights[9 + i] * (0.013 * k + 0.02))
            for i in range(3)
        ]
        cost = cost + (h[0] - 0.2) ** 2
    return cost


@pytest.mark.few(3)
@pytest.mark.parametrize("n", [40, 97, 200])
@pytest.mark.parametrize("f", [product, pendulum, followed, recurrent])
def test_value_and_gradient_are_the_engines(f, n):
    point = np.random.default_rng(n).uniform(-1.0, 1.0, n)
    leaves = [Value(x) for x in point.tolist()]
    root = f(leaves)
    root.backward()

    fast = tg.compile(f)
    value, slopes = fast.value_and_grad(point)
    again = fast.value_and_grad(point)

    assert value == pytest.approx(root.data, rel=1e-12)
    expected = [leaf.grad for leaf in leaves]
    assert slopes.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12 * max(map(abs, expected)))
    assert fast(point) == pytest.approx(root.data, rel=1e-12)
    assert again[0] == value
    assert (again[1] == slopes).all()


@pytest.mark.long
@pytest.mark.parametrize("f", [product, pendulum, followed, recurrent])
def test_the_code_does_not_grow_with_the_steps(f):
    lengths = []
    for n in (200, 456):  # with as many terms left behind the vectors
        fast = tg.compile(f)
        fast.value_and_grad(np.linspace(-1.0, 1.0, n))
        lengths.append(len(fast.source("llvm").split("\n")))
        assert "step by step" in fast.passes(None)

    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)


def test_groups_of_a_step_must_take_turns(monkeypatch):
    """The witness can fail: one group after the other, the code is wrong and the engine's answer is given."""
    monkeypatch.setattr(Plan, "parts", lambda self: iter([(False, self.nests)]))
    point = np.linspace(-1.0, 1.0, 120)
    root = pendulum([Value(x) for x in point.tolist()])

    with pytest.warns(CompileWarning, match="away from the engine's"):
        assert tg.compile(pendulum).value_and_grad(point)[0] == pytest.approx(root.data, rel=1e-12)
