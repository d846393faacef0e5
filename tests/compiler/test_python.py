"""The tape as Python: long ones in pieces."""

import random

import pytest

from tinygrad_lite.compiler.backends import python
from tinygrad_lite.compiler.ir.tape import Builder
from tinygrad_lite.compiler.passes.adjoint import gradient
from tinygrad_lite.engine import ops


@pytest.mark.parametrize("longest", [1, 3, 7, 50, 1000])
def test_a_tape_in_pieces_gives_what_it_gives_as_a_whole(longest, monkeypatch):
    rng, tape = random.Random(longest), Builder()
    xs = [tape.input(f"x{i}") for i in range(5)]
    nodes = list(xs)
    for _ in range(120):
        op = rng.choice([ops.add, ops.mul, ops.sin, ops.tanh])
        nodes.append(tape.node(op, tuple(rng.choice(nodes[-30:]) for _ in range(op.arity))))
    tape.outputs = [tape.node(ops.sum, tuple(nodes[-9:]))]
    gradient(tape, xs)
    tape.outputs += [tape.constant(2.5), xs[0]]
    monkeypatch.setattr(python, "LONGEST", longest)
    point = [0.1, -0.2, 0.3, 0.4, 0.9]

    assert python.compiled(tape)(point) == tape.run(point)
