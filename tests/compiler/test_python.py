"""The tape as Python."""

import random

import pytest

from tinygrad_lite.compiler.backends import python
from tinygrad_lite.compiler.ir.tape import Builder
from tinygrad_lite.compiler.passes.adjoint import gradient
from tinygrad_lite.engine import ops


@pytest.mark.parametrize("seed", range(5))
def test_a_tape_as_python_gives_what_its_ops_give(seed):
    rng, tape = random.Random(seed), Builder()
    xs = [tape.input(f"x{i}") for i in range(5)]
    nodes = list(xs)
    for _ in range(120):
        op = rng.choice([ops.add, ops.mul, ops.sin, ops.tanh])
        nodes.append(tape.node(op, tuple(rng.choice(nodes[-30:]) for _ in range(op.arity))))
    tape.outputs = [tape.node(ops.sum, tuple(nodes[-9:]))]
    gradient(tape, xs)
    tape.outputs += [tape.constant(2.5), xs[0]]
    point = [0.1, -0.2, 0.3, 0.4, 0.9]

    assert python.compiled(tape)(point) == tape.run(point)
