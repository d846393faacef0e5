"""`_node.c` is node.py, fast.py, walk and sweep over again: the same numbers, messages and promises."""

import copy
import gc
import math
import operator
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import native, ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints

ROOT = Path(__file__).parents[2]
SOURCE = (ROOT / "tinygrad_lite" / "engine" / "_node.c").read_text()
KERNELS = re.findall(r'\{"(\w+)", k_\w+\}', SOURCE)

needs_c = pytest.mark.skipif(native.node is None, reason="the node was not compiled here")


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("<d", x)


def outcome(compute):
    """The bits of a result and its local derivatives, or the error and its words."""
    try:
        v = compute()
    except Exception as error:
        return type(error), re.sub(r" at \S+:\d+", "", str(error))  # the line is that of the call
    return v.op.name, bits(v.data), [d if d is None else bits(d) for d in v.local], len(v.parents)


EDGES = [0.0, -0.0, 1.0, -1.0, 0.7, -0.7, math.pi, 1e-308, 5e-324, -5e-324, 1e308, -1e308, 710.0, -745.2, 20.0,
         math.inf, -math.inf, math.nan]  # fmt: skip
ANY = st.floats() | st.sampled_from(EDGES) | st.floats(-50.0, 50.0)


def test_there_are_kernels_and_each_is_an_op_of_the_table():
    assert len(KERNELS) >= 10
    assert all(getattr(ops, name).arity == 1 for name in KERNELS)


@needs_c
@pytest.mark.parametrize("name", KERNELS)
@given(x=ANY)
def test_a_kernel_gives_the_bits_of_its_op(name, x):
    op = getattr(ops, name)

    assert outcome(lambda: getattr(Value(x), op.name)()) == outcome(lambda: Value(x)._apply(op, (Value(x),)))


OPERATORS = {
    ops.add: lambda x, y: x + y,
    ops.sub: lambda x, y: x - y,
    ops.mul: lambda x, y: x * y,
    ops.div: lambda x, y: x / y,
}


@needs_c
@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
@given(x=ANY, y=ANY | st.integers(-(10**30), 10**30))
def test_an_operator_gives_the_bits_of_its_op(op, x, y):
    operator = OPERATORS[op]
    other = Value(y) if isinstance(y, float) else y

    assert outcome(lambda: operator(Value(x), other)) == outcome(lambda: Value(x)._apply(op, (Value(x), other)))
    assert outcome(lambda: operator(y, Value(x))) == outcome(lambda: Value(x)._apply(op, (y, Value(x))))


@needs_c
@given(x=ANY, n=st.integers(-12, 12) | st.sampled_from([10**16, 2**53, 400, 0.5, -0.5, 1.5, 3.0, 1 / 3]) | ANY)
def test_a_power_gives_the_bits_of_its_op(x, n):
    assert outcome(lambda: Value(x) ** n) == outcome(lambda: Value(x)._apply(ops.pow, (Value(x), n)))
    assert outcome(lambda: n ** Value(x)) == outcome(lambda: Value(x)._apply(ops.pow, (n, Value(x))))
    if abs(n) < 1e300:
        assert outcome(lambda: Value(x) ** Value(n)) == outcome(lambda: Value(x)._apply(ops.pow, (Value(x), Value(n))))


@needs_c
@given(xs=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), data=st.data())
def test_sums_of_many_give_the_bits_of_their_ops(xs, data):
    ws = [Value(x) for x in data.draw(st.lists(st.floats(-1e6, 1e6), min_size=len(xs), max_size=len(xs)))]
    bias = data.draw(st.none() | st.floats(-10, 10).map(Value))
    mixed = [Value(x) if i % 2 else x for i, x in enumerate(xs)]
    operands = (*ws, *mixed) if bias is None else (*ws, *mixed, bias)

    assert outcome(lambda: tg.dot(ws, mixed, bias)) == outcome(lambda: ws[0]._apply(ops.dot, operands))
    assert outcome(lambda: tg.dot(np.array(ws), np.array(mixed), bias)) == outcome(lambda: tg.dot(ws, mixed, bias))
    assert outcome(lambda: tg.dot(ws, np.array(xs), bias)) == outcome(lambda: tg.dot(ws, xs, bias))
    assert outcome(lambda: tg.sum(ws)) == outcome(lambda: ws[0]._apply(ops.sum, tuple(ws)))


@pytest.mark.few(3)
@pytest.mark.parametrize("wrong", ["'a'", "None", "1j", "[1]", "10**400"])
@pytest.mark.parametrize("form", ["x + {}", "{} * x", "x < {}", "tg.dot([x], [{}])", "Value({})", "x.exp({})"])
def test_messages_are_those_of_the_python_node(form, wrong):
    program = "import tinygrad_lite as tg; from tinygrad_lite import Value; x = Value(1.0)\n"
    program += f"try: print({form.format(wrong)})\nexcept Exception as e: print(type(e).__name__, e)"

    assert run(program) == run(program, TINYGRAD_LITE_PURE="1")


PROGRAM = """
import copy, hashlib, pickle, random
import tinygrad_lite as tg
from tinygrad_lite import Value

class Own(Value):
    pass

def build(seed):
    r, seen, gradients = random.Random(seed), hashlib.sha256(), []
    pool = [Value(r.uniform(-1, 1)) for _ in range(40)]
    for step in range(4000):
        k, a, b = r.random(), r.choice(pool), r.choice(pool)
        v = (a + b if k < .25 else a * b if k < .45 else a - r.uniform(-1, 1) if k < .55
             else r.uniform(-1, 1) / (b * b + 0.5) if k < .6 else a.tanh() if k < .68 else a.relu() if k < .72
             else (a * 0.1).exp() if k < .76 else a.sigmoid() ** 2 if k < .8
             else tg.dot([a, b, a], [b, 2.0, a], b) if k < .83 else tg.sum([a, b, a, 1.5]) if k < .85
             else tg.softplus(a) if k < .87 else Own(a.data * 0.5) if k < .88 else a.maximum(b) if k < .89
             else 2 - a if k < .9 else copy.copy(a) if k < .91 else Value(r.uniform(-1, 1)))
        if .91 < k < .92 and len(tg.topological(a)) < 400:
            v = copy.deepcopy(a) if k < .915 else pickle.loads(pickle.dumps(a))
        pool[r.randrange(40)] = v.tanh() if r.random() < .3 or abs(v.data) > 50 else v
        seen.update(repr(v.data).encode())
        if step % 100 == 0:
            root = tg.sum(r.sample(pool, 10))
            root.backward()
            gradients += [p.grad for p in pool if not p.parents]
            root = None
            for i in range(20):
                pool[r.randrange(40)] = Value(r.uniform(-1, 1))
    return seen.hexdigest(), gradients

for seed in range(SEEDS):
    forward, gradients = build(seed)
    print(forward, *gradients)
"""


@needs_c
def test_random_programs_give_the_same_bits_forward_and_the_same_gradients():
    """The last bit of a leaf with several uses may differ: the shares are added in another order."""
    program = PROGRAM.replace("tg.topological", "tg.engine.topological").replace("SEEDS", "2")
    here, pure = (run(program, TINYGRAD_LITE_PURE=p).split() for p in ("", "1"))

    assert len(here) == len(pure) > 100
    assert all(a == b for a, b in zip(here, pure, strict=True) if len(a) == 64)
    numbers = [(float(a), float(b)) for a, b in zip(here, pure, strict=True) if len(a) != 64]
    assert all(a == pytest.approx(b, rel=1e-11, abs=1e-12) for a, b in numbers)


@pytest.mark.long
def test_one_node_kept_from_each_step_pins_little_memory():
    """Resident bytes for each node kept, where every other node of its step is let go."""
    program = """
import resource
from tinygrad_lite import Value
def step(x):
    for _ in range(3000):
        x = x * 1.0001
    return x
x, kept = Value(1.0), []
for _ in range(300):
    y = step(x)
    kept.append(y.data * 2.0 + Value(y.data))
    del y
before = int(open("/proc/self/statm").read().split()[1])
for _ in range(1500):
    kept.append(Value(1.0) * 2.0)
    step(x)
print((int(open("/proc/self/statm").read().split()[1]) - before) * 4096 / 1500)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc here")
    here, pure = (float(run(program, TINYGRAD_LITE_PURE=p)) for p in ("", "1"))

    assert here < 2.0 * max(pure, 1000.0) + 8 * 2**20 / 1500


def test_a_graph_whose_nodes_lie_in_many_places_has_the_gradients_of_the_walk():
    """Copies, unpickled nodes and survivors: nodes that are no longer in the order of making."""
    import copy

    x = Value(0.5, label="x")
    survivors = [(x * float(i)).tanh() for i in range(2000)]
    twin = copy.deepcopy(tg.sum(survivors[::7]))
    root = twin * 2.0 + tg.sum(survivors[::11])
    root.backward()
    exact = adjoints(root)

    assert all(node.grad == pytest.approx(exact[node], rel=1e-12) for node in tg.engine.topological(root))


@needs_c
def test_gradients_with_a_history_are_collected_when_nobody_can_reach_them():
    before = len(gc.get_objects())
    for _ in range(200):
        x, y = Value(2.0), Value(3.0)
        (x**3 * y).backward(create_graph=True)
        (x * y).backward(create_graph=True)
    held = x.grad
    gc.collect()

    assert len(gc.get_objects()) - before < 100
    assert held.data == pytest.approx(12.0 * 3.0 + 3.0)
    assert y.grad.data == pytest.approx(8.0 + 2.0)  # reached from `held`, so it was left alone


def test_a_subclass_may_say_what_is_equal():
    class ByNumber(Value):
        __slots__ = ()
        __hash__ = Value.__hash__

        def __eq__(self, other):
            return self.data == getattr(other, "data", other)

    x = ByNumber(2.0)

    assert (x == 2.0, x != 2.0, x == Value(2.0), x != 3.0) == (True, False, True, True)
    assert (Value(2.0) == Value(2.0), Value(2.0) != Value(2.0)) == (False, True)


def test_which_build_is_in_use_is_a_choice():
    program = "from tinygrad_lite.engine import native, Value; print(native.node is None, Value(2.0) * 3)"

    assert run(program, TINYGRAD_LITE_PURE="1").startswith("True Value(data=6.0")


@pytest.mark.parametrize("between", [1, 100, 5000])
def test_a_node_whose_gradient_was_made_long_after_it_is_freed(between):
    """In one slab or another: freeing the node frees what is younger than itself."""
    program = f"""
from tinygrad_lite import Value
x = Value(2.0)
y = x * 3.0
later = [x * float(i) for i in range({between})]
y.grad = later[-1] * 2.0
del later
del y
print("freed")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)

    assert done.stdout == "freed\n"


@needs_c
@pytest.mark.parametrize("of", [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_a_scalar_of_numpy_is_the_number_it_holds(op, of):
    x, scalar = Value(0.7), of(3)
    assert outcome(lambda: op(x, scalar)) == outcome(lambda: op(x, float(scalar)))
    assert outcome(lambda: op(scalar, x)) == outcome(lambda: op(float(scalar), x))
    assert type(op(scalar, x)) is type(op(x, scalar)) is Value
    assert (x < scalar, scalar < x, scalar >= x, x >= scalar) == (True, False, True, False)


@needs_c
@pytest.mark.parametrize("odd", [np.complex128(1j), np.str_("3"), np.bytes_(b"3"), np.datetime64("2020")])
def test_what_is_no_real_number_of_numpy_is_refused(odd):
    with pytest.raises(TypeError):
        Value(1.0) * odd


@needs_c
def test_a_tensor_that_requires_a_gradient_is_not_cut_off_in_a_dot():
    torch = pytest.importorskip("torch")
    weights = [Value(1.0), Value(2.0)]

    assert tg.dot(weights, torch.tensor([1.0, 2.0])).data == 5.0
    with pytest.raises(tg.errors.OperandError, match="cut off"):
        tg.dot(weights, torch.tensor([1.0, 2.0], requires_grad=True))


@needs_c
def test_subclasses_calculate_in_c_too():
    """Their operators are those of Value, so nothing of it comes by `_apply`."""

    class Own(Value):
        __slots__ = ()

        def _apply(self, op, operands):
            raise AssertionError(op)

    x, y = Own(2.0), Own(3.0)
    results = [x + y, 1 + x, x * 2.5, x / y, x**2, x**0.5, -x, x.tanh(), tg.dot([x], [y], x), tg.sum([x, y, 1.0])]
    assert {type(found) for found in results} == {Value}
    with pytest.raises(AssertionError):
        tg.atan2(x, y)


@needs_c
def test_a_leaf_whose_gradient_lies_in_the_first_slab_of_all_is_freed():
    """It stands apart from the slabs, and only a new process has its first one."""
    program = (
        "from tinygrad_lite import Value\nx = Value(2.0)\nx.grad = Value(1.0) * Value(2.0)\ndel x\nprint('still here')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "still here\n", done.stderr


@needs_c
@pytest.mark.parametrize("loose", [False, True])
def test_gradients_are_those_of_the_readable_walk_and_leave_no_trace(loose):
    x, w, unused = Value(0.5), Value(-1.5), Value(2.0)
    w.grad = 7.0
    h = (copy.copy(x * w) if loose else x * w).tanh()
    root = h * h + x / w + h
    inner = [v for v in topological(root) if v.parents]

    found = native.gradients(root, (x, w, unused, x))
    exact = adjoints(root)

    assert found == pytest.approx([exact[x], exact[w], 0.0, exact[x]], rel=1e-15)
    assert (x.grad, w.grad, unused.grad) == (0.0, 7.0, 0.0)
    assert [v.grad for v in inner] == [0.0] * len(inner)


@needs_c
def test_gradients_are_left_to_python_where_grads_are_in_the_way():
    x = Value(2.0)
    h = x * x
    h.backward()
    (root := h * x).register_hook(lambda g: None)
    before = h.grad, x.grad

    assert native.gradients(h * x, (x,)) is None  # h has a gradient, which is to stay
    assert native.gradients(root, (x,)) is None  # a hook is to be called
    assert native.gradients(x, (x,)) is None  # no graph
    assert native.gradients(h * 3.0, (h,)) is None  # no leaf
    assert (h.grad, x.grad) == before
    assert tg.grad(lambda y: h * y)(3.0).data == 4.0
    assert (h.grad, x.grad) == before
