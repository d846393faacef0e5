"""The readable engine and the fast one are the same engine: one suite passes on both, and the bits are equal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_lite.engine
from tinygrad_lite.engine import Value, fast, graph, native, reverse, value
from tinygrad_lite.engine.arithmetic import Arithmetic

ROOT = Path(__file__).parents[2]
READABLE = "TINYGRAD_LITE_READABLE"

PROGRAM = """
import hashlib, random
import tinygrad_lite as tg
from tinygrad_lite.engine import Value, reverse

def program(seed):
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(6)]
    nodes = list(leaves)
    for _ in range(400):
        a, b, c = rng.choice(nodes), rng.choice(nodes), rng.uniform(0.1, 2.0)
        nodes.append(rng.choice([
            lambda: a + b, lambda: a - b, lambda: 0.5 * a * b, lambda: a / (b * b + c), lambda: -a, lambda: c + a,
            lambda: c - a, lambda: c * a, lambda: a + c, lambda: a - c, lambda: a / c, lambda: c / (a * a + 1.0),
            lambda: a.tanh() ** 3, lambda: a.relu(), lambda: (a * 0.1) ** 2, lambda: a.sigmoid() ** 1.5,
            lambda: tg.dot([a, b], [b, a], a), lambda: tg.dot([a, b], [c, 1.0]), lambda: tg.dot([a], [3], b),
            lambda: tg.sum([a, b, c, a]), lambda: tg.maximum(a, b, c), lambda: 1 + a, lambda: a % 0.3,
        ])())
        if abs(nodes[-1].data) > 50:
            nodes[-1] = nodes[-1].tanh()
    return leaves, tg.mean(nodes[-20:])

seen = hashlib.sha256()
for seed in range(60):
    leaves, root = program(seed)
    root.backward()
    order = tg.engine.topological(root)
    found = [(n.data, n.grad, n.local, n.op.name) for n in order]
    root.backward()
    second = [g.data for g in map(reverse.adjoints(root, create_graph=True).get, leaves) if isinstance(g, Value)]
    seen.update(repr((found, [x.grad for x in leaves], second)).encode())
print(tg.engine.value.dot.__module__, seen.hexdigest())
"""


def run(*command, readable):
    environment = {**os.environ, READABLE: "1" if readable else "", "TINYGRAD_LITE_PURE": "1"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.split()


@pytest.mark.long
def test_both_give_the_same_bits():
    (made_by, bits), (made_fast_by, fast_bits) = (run("-c", PROGRAM, readable=r) for r in (True, False))

    assert (made_by, made_fast_by) == ("tinygrad_lite.engine.value", "tinygrad_lite.engine.fast")
    assert bits == fast_bits


@pytest.mark.long
@pytest.mark.skipif(bool(os.environ.get(READABLE)), reason="this is that run")
def test_the_suite_passes_on_the_readable_form():
    """A part of it: `.ci/run` runs all of tests/engine so."""
    files = [f"tests/engine/test_{name}.py" for name in ("value", "node", "graph", "modes", "custom", "keeping")]
    run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not deep", *files, readable=True)


@pytest.mark.skipif(bool(os.environ.get(READABLE)), reason="nothing is replaced")
@pytest.mark.skipif(native.node is not None, reason="_node.c is in its place")
def test_what_is_replaced_has_a_readable_form_of_the_same_name():
    methods = [name for name, method in vars(fast.Operators).items() if callable(method)]

    assert len(methods) >= 8
    assert all(vars(Value)[name] is vars(fast.Operators)[name] and hasattr(Arithmetic, name) for name in methods)
    assert (value.dot, graph.walk, reverse.sweep) == (fast.dot, fast.walk, fast.sweep)
    assert value.dot.__doc__.startswith("w1*x1")
    assert tinygrad_lite.engine.dot is fast.dot
