"""Random small computations, explained: right derivations that nobody wrote by hand."""

from __future__ import annotations

import random
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import Value
from tinygrad_lite.engine.graph import topological

SMOOTH = [tg.tanh, tg.sigmoid, tg.exp, tg.sin, tg.cos, tg.softplus, tg.atan, tg.sinh]
KINKED = [tg.relu, tg.abs]
LABELS = ["x", "y", "w", "b", "a", "u", "v", "x1", "w1", "w2", "h", "z", "t", "alpha", "theta"]


def computation(seed: int) -> tuple[Value, list[Value]]:
    """A result of 3 to 9 steps on 2 to 4 inputs, and the inputs that it depends on."""
    draw = random.Random(seed)
    labels = draw.sample(LABELS, 4 + 9)
    inputs = [
        Value(draw.choice([-1.5, -0.7, 0.3, 0.8, 1.25, 2.0, 3.0, -2.0]), label=labels.pop())
        for _ in range(draw.randint(2, 4))
    ]
    nodes = list(inputs)
    for _ in range(draw.randint(3, 9)):
        x, y = draw.choice(nodes), draw.choice(nodes)
        kind = draw.random()
        if kind < 0.25:
            new = x + y
        elif kind < 0.4:
            new = x - y
        elif kind < 0.62:
            new = x * y
        elif kind < 0.68:
            new = x * draw.choice([0.5, 2.0, 3.0]) + draw.choice([1.0, -1.0, 0.1])
        elif kind < 0.74:
            new = x / (y * y + 1.0)
        elif kind < 0.79:
            new = x ** draw.choice([2, 3])
        elif kind < 0.83:
            new = tg.log(x * x + 1.0) if draw.random() < 0.5 else tg.sqrt(x * x + 0.5)
        elif kind < 0.88:
            new = draw.choice(KINKED)(x)
        elif kind < 0.91:
            new = tg.maximum(x, y)
        else:
            new = draw.choice(SMOOTH)(x)
        if abs(new.data) > 50.0 or new in nodes:
            continue
        if draw.random() < 0.4:
            new.label = labels.pop()
        nodes.append(new)
    loss = (nodes[-1] + nodes[-2] * nodes[len(inputs) // 2]) ** 2 if draw.random() < 0.5 else nodes[-1] * 1.0
    loss.label = "L"
    behind = set(topological(loss))
    return loss, [x for x in inputs if x in behind]


def told(seed: int) -> Any:
    """The explanation of one computation, w.r.t. one or two of its inputs."""
    loss, inputs = computation(seed)
    draw = random.Random(f"inputs {seed}")
    return tg.explain(loss, draw.sample(inputs, min(len(inputs), draw.randint(1, 2))))


def explained(seed: int) -> str:
    """The same as text, LaTeX or Markdown."""
    found = told(seed)
    return (found.text, lambda: f"$${found.latex()}$$", found.markdown)[seed % 3]()
