"""The search: from a wrong backward to programs whose gradients are exact on every problem, with the fewest changes.

What is known beforehand, the loss's forward pass, stands here; how a program is searched, in `strategy`.
"""

from __future__ import annotations

import ast

from tinygrad_lite.checking.lines.bench import Bench, Program
from tinygrad_lite.checking.lines.functions import World
from tinygrad_lite.checking.lines.goals import Forward
from tinygrad_lite.checking.lines.look import Look, Step
from tinygrad_lite.checking.lines.strategy import Run


class Seeker:
    """The search on one bench; `found` are the mends, best first.

    Attributes:
        forwards, shared, constants: the loss's forward pass, the functions it runs, and decimals in its source.
        first: the program as it was handed in; nearest: the best step where nothing mends it.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        world = World(bench.original.loss_fn)
        self.shared = {f.original for f in world.functions}
        self.forwards = [Forward(bench, k, world) for k in range(min(2, len(bench.problems)))]
        self.constants = _decimals(world)
        self.first: Look | None = None
        self.nearest: Step | None = None

    def seek(self, program: Program, until: float = 1.0, depth: int = 1) -> list[Step]:
        """The mends of a program, best first; none if none was found while `until` of the time was used."""
        here = Look(self, program)
        if self.first is None:
            self.first = here
        if not here.wrong:
            return [Step(0.0, here.right, program)]
        run = Run(self, here, until, depth)
        return sorted(run.mends(), key=lambda s: s.price)


def _decimals(world: World) -> list[float]:
    """The numbers with decimals in the source of the loss, and those that it finds in its namespace."""
    found = []
    for function in world.functions:
        for n in ast.walk(function.tree):
            if isinstance(n, ast.Constant) and isinstance(n.value, float):
                found.append(n.value)
    return list(dict.fromkeys(found))[:8]
