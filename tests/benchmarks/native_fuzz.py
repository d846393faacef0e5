"""Random programs on the node in C: under a debug build of Python, under sanitizers, and without memory.

    python tests/benchmarks/native_fuzz.py references 300   # under a debug build: does the number of references grow?
    python tests/benchmarks/native_fuzz.py memory           # each allocation in turn fails: all or nothing, no crash
    python tests/benchmarks/native_fuzz.py run 2000         # for sanitizers, which look on

How each Python and each `_node` is built stands in README.md. Under a debug build a node that is freed without ever
counting to 0 has to be taken off the total by hand, which the command there does.
"""

import contextlib
import copy
import gc
import itertools
import pickle
import random
import sys

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine import native
from tinygrad_lite.engine.graph import walk


class Sub(Value):
    __slots__ = ()


def mixed(rng, a, b):
    """One step of a random program."""
    one = rng.choice(["tanh", "relu", "exp", "log", "sqrt", "sin", "abs", "silu"])
    steps = [
        lambda: a + b, lambda: a * b, lambda: a - rng.uniform(-1, 1), lambda: a / b, lambda: -a, lambda: 3.0 * a + True,
        lambda: a ** rng.choice([2, 3, -1, 0, 0.5, b]), lambda: getattr(a, one)(), lambda: tg.dot([a, b], [b, 1.0], a),
        lambda: tg.sum([a, b, 2.0]), lambda: copy.copy(a), lambda: copy.deepcopy(a), lambda: a.detach(),
        lambda: pickle.loads(pickle.dumps(a)) if type(a) is type(b) is Value else a, lambda: a + "x",
        lambda: setattr(a, "parents", (a,)), lambda: tg.max([a, b]), lambda: (a < b, a)[1],
        lambda: (setattr(a, "grad", b), a)[1],
    ]  # fmt: skip
    return rng.choice(steps)()


def program(rng):
    nodes = [Value(rng.uniform(0.1, 2), label=f"x{i}" if i % 2 else "") for i in range(4)]
    nodes += [Sub(1.5)] * (rng.random() < 0.3) + [Value(1.0, requires_grad=False)] * (rng.random() < 0.3)
    for _ in range(rng.randrange(5, 60) if rng.random() < 0.98 else 1000):  # more than a slab holds
        try:
            made = mixed(rng, rng.choice(nodes), rng.choice(nodes))
        except (ArithmeticError, ValueError, TypeError, AttributeError):  # refused: the graph is as it was
            continue
        nodes.append(made)
        if rng.random() < 0.03:
            made.register_hook(lambda gradient: None)
    root = tg.sum(nodes[-3:])
    native.gradients(root, [v for v in nodes if not v.parents])
    root.backward()
    if rng.random() < 0.3:
        with contextlib.suppress(ArithmeticError):  # a stale copy, or a number out of range
            root.backward(create_graph=True)
        if rng.random() < 0.5:
            tg.zero_grad(root)
    walk((root,))
    with tg.no_grad():
        return repr(root), root.parents, root.local, hash(root), root * 2


def references(count):
    """References and blocks of memory after each of seven rounds of the same programs."""
    seen = []
    for _ in range(7):
        rng = random.Random(7)
        for _ in range(count):
            program(rng)
        for _ in range(3):
            gc.collect()
        seen.append((sys.gettotalrefcount(), sys.getallocatedblocks()))
    for before, after in itertools.pairwise(seen[1:]):
        print(f"references {after[0] - before[0]:+d} (3 are this list's own), blocks {after[1] - before[1]:+d}")


def memory():
    """Fail one allocation after the other; what is asked for is done or refused as a whole."""
    import _testcapi

    def build():
        xs = [Value(i + 1.0, label=f"x{i}") for i in range(5)]
        y = xs[0] * xs[1] + xs[2].tanh() - xs[3] / 2.0
        return xs, tg.sum([tg.dot(xs, [y] * 5, xs[4]), y, xs[0]]) ** 2

    acts = {"build": lambda root: build(), "backward": lambda root: root.backward(), "walk": lambda root: walk((root,))}
    for name, act in acts.items():
        refused = 0
        for start in range(1, 400):
            xs, root = build()
            root.backward()
            expected = [x.grad for x in xs]
            try:
                _testcapi.set_nomemory(start, start + 1)
                act(root)
                done = name == "backward"
            except MemoryError:
                done, refused = False, refused + 1
            finally:
                _testcapi.remove_mem_hooks()
            factor = 2.0 if done else 1.0
            assert [x.grad for x in xs] == [factor * g for g in expected], (name, start)
            root.backward()
            assert [x.grad for x in xs] == [(factor + 1.0) * g for g in expected], (name, start)
        print(f"{name}: {refused} of 399 failures were told as MemoryError, the others were got round; all or nothing")


if __name__ == "__main__":
    assert native.node is not None, "the node was not compiled for this Python"
    what, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
    if what == "memory":
        memory()
    elif what == "references":
        references(count)
    else:
        chance = random.Random(count)
        for _ in range(count):
            program(chance)
        print(f"{count} programs ran")
