"""The chain rule from a root back to the leaves, against oracles that share no code with it."""

import math
import random
import signal
import sys
import threading
import time

import pytest

from tinygrad_lite.engine import Value, dot, reverse, topological
from tinygrad_lite.engine import sum as total
from tinygrad_lite.errors import StaleGraphError

from .test_graph import some_graph

# ------------------------------------------------------------------ an oracle: numbers that carry their slopes


class Jet:
    """A number with its gradient and Hessian along n inputs, carried forward by Taylor's theorem."""

    def __init__(self, value, gradient, hessian):
        self.value, self.gradient, self.hessian = value, gradient, hessian

    @staticmethod
    def inputs(xs):
        n = len(xs)
        return [Jet(x, [float(i == j) for j in range(n)], [[0.0] * n for _ in range(n)]) for i, x in enumerate(xs)]

    def through(self, f, df, ddf):
        """f of this number, from the value and the two first derivatives of f."""
        g, n = self.gradient, range(len(self.gradient))
        return Jet(f, [df * a for a in g], [[df * self.hessian[i][j] + ddf * g[i] * g[j] for j in n] for i in n])

    def plus(self, other):
        pairs = zip(self.hessian, other.hessian, strict=True)
        return Jet(
            self.value + other.value,
            [a + b for a, b in zip(self.gradient, other.gradient, strict=True)],
            [[a + b for a, b in zip(p, q, strict=True)] for p, q in pairs],
        )

    def times(self, other):
        (x, g, H), (y, h, K) = ((j.value, j.gradient, j.hessian) for j in (self, other))
        n = range(len(g))
        return Jet(
            x * y,
            [a * y + x * b for a, b in zip(g, h, strict=True)],
            [[H[i][j] * y + g[i] * h[j] + h[i] * g[j] + x * K[i][j] for j in n] for i in n],
        )


def random_program(seed, leaves=3, steps=14):
    """The same random computation written twice: on Values, and on the oracle's jets."""
    rng = random.Random(seed)
    start = [rng.uniform(-1.5, 1.5) for _ in range(leaves)]
    ours, oracle = [Value(x) for x in start], Jet.inputs(start)
    inputs = list(ours)
    for _ in range(steps):
        i, j = rng.randrange(len(ours)), rng.randrange(len(ours))
        a, b, p, q = ours[i], ours[j], oracle[i], oracle[j]
        c, x = rng.uniform(-1.0, 1.0), p.value
        minus = q.through(-q.value, -1.0, 0.0)
        t, e, s = math.tanh(x), math.exp(math.sin(x)), 1.0 / (1.0 + math.exp(-x))
        step = rng.randrange(10)
        if step == 0:
            ours.append(a + b), oracle.append(p.plus(q))
        elif step == 1:
            ours.append(a - b), oracle.append(p.plus(minus))
        elif step == 2:
            ours.append(a * b * 0.5), oracle.append(p.times(q).through(0.5 * x * q.value, 0.5, 0.0))
        elif step == 3:
            ours.append(a.tanh()), oracle.append(p.through(t, 1 - t * t, -2 * t * (1 - t * t)))
        elif step == 4:
            ours.append(a.sin().exp() / math.e)
            oracle.append(
                p.through(e / math.e, e * math.cos(x) / math.e, e * (math.cos(x) ** 2 - math.sin(x)) / math.e)
            )
        elif step == 5:
            ours.append(c - a), oracle.append(p.through(c - x, -1.0, 0.0))
        elif step == 6:
            ours.append(a / (b * b + 1.0))
            y = q.value
            d = y * y + 1
            oracle.append(p.times(q.through(1 / d, -2 * y / d**2, (6 * y * y - 2) / d**3)))
        elif step == 7:
            ours.append(a.sigmoid()), oracle.append(p.through(s, s * (1 - s), s * (1 - s) * (1 - 2 * s)))
        elif step == 8:
            ours.append(dot([a, b], [b, c], a)), oracle.append(p.times(q).plus(q.through(c * q.value, c, 0.0)).plus(p))
        else:
            ours.append((a * 0.5) ** 3), oracle.append(p.through(x**3 / 8, 3 * x * x / 8, 6 * x / 8))
    return inputs, total(ours[-4:]), oracle[-4].plus(oracle[-3]).plus(oracle[-2]).plus(oracle[-1])


BATCHES = [range(first, first + 100) for first in range(0, 2000, 100)]


def close(ours, exact, scale):
    return abs(ours - exact) <= 1e-12 * max(scale, abs(exact))


@pytest.mark.few(3)
@pytest.mark.parametrize("seeds", BATCHES, ids=str)
def test_random_graphs_agree_with_the_oracle_to_first_and_second_order(seeds):
    """2,000 graphs in all, each with sharing and reconvergence, to 1e-12 of the largest entry."""
    for seed in seeds:
        inputs, root, exact = random_program(seed)
        scale = max(1.0, *map(abs, exact.gradient))
        second_scale = max(1.0, *[abs(x) for line in exact.hessian for x in line])

        assert close(root.data, exact.value, 1.0)
        found = reverse.adjoints(root)
        slopes = reverse.adjoints(root, create_graph=True)
        for i, x in enumerate(inputs):
            if x not in found:  # the root does not depend on it
                assert exact.gradient[i] == 0.0
                continue
            assert close(found[x], exact.gradient[i], scale)
            if not isinstance(slopes[x], Value):  # a constant slope
                assert slopes[x] == pytest.approx(found[x])
                continue
            assert close(slopes[x].data, exact.gradient[i], scale)
            again = reverse.adjoints(slopes[x])
            for j, y in enumerate(inputs):
                assert close(again.get(y, 0.0), exact.hessian[i][j], second_scale)


def test_a_wrong_slope_anywhere_in_a_graph_would_be_seen():
    inputs, root, exact = random_program(3)
    node = next(n for n in topological(root) if n.op.arity == 1)
    node.local = (node.local[0] * 1.001,)

    assert not all(close(reverse.adjoints(root)[x], exact.gradient[i], 1.0) for i, x in enumerate(inputs))


@pytest.mark.parametrize("seed", range(5))
def test_a_large_random_graph_agrees_with_torch(seed):
    torch = pytest.importorskip("torch")
    rng = random.Random(seed)
    start = [rng.uniform(-1.0, 1.0) for _ in range(8)]
    ours, theirs = [Value(x) for x in start], [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in start]
    leaves, tensors = list(ours), list(theirs)
    for _ in range(400):
        i, j, step = rng.randrange(len(ours)), rng.randrange(len(ours)), rng.randrange(4)
        for nodes in (ours, theirs):
            a, b = nodes[i], nodes[j]
            nodes.append([lambda: a + b, lambda: a * b, lambda: a - b, lambda: a * 0.9 + b][step]().tanh())  # noqa: B023
    root, their_root = ours[-1], theirs[-1]
    for node, tensor in zip(ours[-40:-1], theirs[-40:-1], strict=True):
        root, their_root = root + node, their_root + tensor
    root.backward()
    their_root.backward()

    expected = [0.0 if t.grad is None else float(t.grad) for t in tensors]
    assert [v.grad for v in leaves] == pytest.approx(expected, rel=1e-11, abs=1e-13)


# ------------------------------------------------------------------ whose gradient is what, and when


def test_every_node_between_gets_its_gradient():
    a, b = Value(-4.0), Value(2.0)
    c = a * b
    d = c + b**3
    e = d.tanh()
    (e * 3.0).backward()

    assert e.grad == 3.0
    assert d.grad == c.grad == pytest.approx(3.0 * (1 - math.tanh(0.0) ** 2))
    assert a.grad == d.grad * 2.0
    assert b.grad == d.grad * (-4.0 + 12.0)


def test_a_second_backward_doubles_the_leaves_exactly_and_nothing_else():
    for seed in range(20):
        nodes = some_graph(seed)
        root, leaves = nodes[-1], nodes[:5]
        root.backward()
        first = [leaf.grad for leaf in leaves]
        inner = [node.grad for node in nodes[5:]]
        root.backward()

        assert [leaf.grad for leaf in leaves] == [2 * g for g in first]
        assert [node.grad for node in nodes[5:]] == inner


def test_several_losses_add_up_in_the_leaves():
    x = Value(3.0)
    shared = x * 2.0
    (shared * 3.0).backward()
    assert x.grad == 6.0  # micrograd keeps the stale gradient of `shared` and would double-count below
    (shared * 5.0).backward()

    assert x.grad == 16.0
    assert shared.grad == 5.0


def test_backward_from_a_leaf_and_from_a_repeated_operand():
    x = Value(3.0)
    x.backward()
    assert x.grad == 1.0
    x.grad = 0.0
    (x - x).backward()
    assert x.grad == 0.0
    (x / x).backward()
    assert x.grad == pytest.approx(0.0, abs=1e-16)
    x.grad = 0.0
    (x**x).backward()
    assert x.grad == pytest.approx(27.0 * (math.log(3.0) + 1.0), rel=1e-15)


def test_constants_get_no_gradient_and_an_input_left_out_keeps_its_own():
    x, y = Value(2.0), Value(5.0)
    y.grad = 7.0
    z = 3.0 * x + 1
    z.backward()

    assert z.local == (1.0, None)
    assert z.parents[0].local == (None, 3.0)
    assert y.grad == 7.0


def interrupt(gradient):
    """A hook in which somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def test_an_interruption_leaves_every_leaf_as_it_was_and_the_graph_usable():
    a, b = Value(2.0), Value(3.0)
    first = a * b
    root = first + a.tanh() + b
    root.backward()
    before = a.grad, b.grad
    remove = first.register_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        root.backward()
    assert (a.grad, b.grad) == before

    remove()
    root.backward()
    assert (a.grad, b.grad) == (2 * before[0], 2 * before[1])


def test_an_error_in_f_leaves_the_engine_usable():
    x = Value(-1.0)
    with pytest.raises(ValueError, match="log needs"):
        (x * 2.0).log().backward()
    (x * 2.0).backward()

    assert x.grad == 2.0


# ------------------------------------------------------------------ deep graphs

DEEP = 1_000_000


def run_deep(depth):
    x = Value(0.5)
    y = x
    for _ in range(depth):
        y = y * 0.999999
    y.backward()
    slope, data = x.grad, y.data
    del y
    return slope, data


@pytest.mark.long
def test_a_chain_a_million_deep_goes_forward_backward_and_is_freed_in_a_stack_of_256_kib():
    results = []
    limit = sys.getrecursionlimit()
    old = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.append(run_deep(DEEP)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)

    ((slope, data),) = results
    assert slope == pytest.approx(0.999999**DEEP, rel=1e-9)
    assert data == pytest.approx(0.5 * slope, rel=1e-12)
    assert sys.getrecursionlimit() == limit


def test_a_fan_out_of_a_million():
    x = Value(1.0)
    total([x] * DEEP).backward()

    assert x.grad == float(DEEP)


# ------------------------------------------------------------------ derivatives of derivatives


def test_gradients_of_gradients_from_the_same_rows():
    x = Value(0.7)
    y = (x**3).tanh() + x**4
    y.backward(create_graph=True)
    first, x.grad = x.grad, 0.0
    first.backward(create_graph=True)
    second, x.grad = x.grad, 0.0
    second.backward()

    mpmath = pytest.importorskip("mpmath")
    for order, ours in [(1, first.data), (2, second.data), (3, x.grad)]:
        exact = mpmath.diff(lambda t: mpmath.tanh(t**3) + t**4, 0.7, order)
        assert ours == pytest.approx(float(exact), rel=1e-9)


def test_higher_derivatives_of_a_whole_power_at_zero():
    x = Value(0.0)
    slope = x**3
    for expected in (0.0, 0.0, 6.0, 0.0):
        slope = reverse.adjoints(slope, create_graph=True)[x] if isinstance(slope, Value) else 0.0
        assert (slope.data if isinstance(slope, Value) else slope) == expected


def test_adjoints_touch_no_gradient_and_take_a_seed():
    x = Value(3.0)
    y = x * x
    found = reverse.adjoints(y, seed=10.0)

    assert found[x] == 60.0
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_create_graph_adds_to_leaves_and_is_undone_as_a_whole():
    x = Value(3.0)
    y = x * x
    y.backward()
    y.backward(create_graph=True)
    assert x.grad.data == 12.0

    x.data = 4.0
    with pytest.raises(StaleGraphError, match=r"mul recorded 9\.0.*would give 16\.0 now"):
        y.backward(create_graph=True)
    assert x.grad.data == 12.0


def test_a_stale_graph_is_noticed_where_fresh_numbers_are_needed():
    x = Value(2.0, label="x")
    y = x.log()
    x.data = -1.0
    with pytest.raises(StaleGraphError, match=r"\(x = -1\.0\).*nan now"):
        reverse.adjoints(y, create_graph=True)

    assert reverse.adjoints(y)[x] == 0.5  # the recorded numbers are those of the forward pass that was made


def test_data_may_be_assigned_between_passes():
    w = Value(5.0)
    for _ in range(100):
        loss = (w - 2.0) ** 2
        w.grad = 0.0
        loss.backward()
        w.data -= 0.1 * w.grad

    assert w.data == pytest.approx(2.0, abs=1e-8)


def test_a_nan_stays_on_its_own_path():
    a, b = Value(math.nan), Value(2.0)
    (a * 3.0 + b * 4.0).backward()

    assert (a.grad, b.grad) == (3.0, 4.0)
    root = (Value(math.nan) * b).tanh()
    root.backward(create_graph=False)
    assert math.isnan(root.data)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends a signal")
def test_a_real_interruption_at_any_moment_leaves_leaves_all_old_or_all_new():
    rng = random.Random(0)
    leaves = [Value(0.1 * i) for i in range(400)]
    root = total([(a * b).tanh() for a in leaves[::10] for b in leaves])
    root.backward()
    first = [leaf.grad for leaf in leaves]
    armed, seconds = [], []
    for _ in range(3):
        started = time.perf_counter()
        root.backward()
        seconds.append(time.perf_counter() - started)

    def press(number, frame):
        if armed:
            raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, press)
    interrupted = 0
    try:
        for _ in range(40):
            for leaf, grad in zip(leaves, first, strict=True):
                leaf.grad = grad
            try:
                armed.append(True)
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.05, 0.9) * min(seconds))
                root.backward()
                armed.clear()
            except KeyboardInterrupt:
                armed.clear()
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert [leaf.grad for leaf in leaves] in (first, [2 * grad for grad in first])
    finally:
        signal.signal(signal.SIGALRM, old)

    assert interrupted > 0
