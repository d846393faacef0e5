"""Two small modules for sequences: a table of vectors, and a cell that reads one entry after the other.

Both are the layers one knows, used in another way: an Embedding is a choice of rows, and a cell is a
layer that sees its own last output beside the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import ShapeError, user_line
from tinygrad_lite.nn.initial import Draw, draw, generator
from tinygrad_lite.nn.layers import Activation, Layer
from tinygrad_lite.nn.module import Module


class Embedding(Module):
    """A table of n vectors of m trained numbers; called with a whole number it gives that row.

    Only rows that were looked up receive a gradient.

    >>> table = Embedding(5, 3, seed=0)
    >>> [v.label for v in table(4)]
    ['weight[4][0]', 'weight[4][1]', 'weight[4][2]']
    """

    def __init__(
        self, n: int, m: int, *, init: str | Draw = "uniform", seed: int | None = None, rng: Any = None
    ) -> None:
        rng, begin = generator(seed, rng), draw(init)
        self.weight: list[list[Value]] = [[Value(begin(rng, n, m)) for _ in range(m)] for _ in range(n)]
        self.label_parameters()

    def __call__(self, i: int) -> list[Value]:
        if i not in range(len(self.weight)):
            raise ShapeError(f"a row from 0 to {len(self.weight) - 1} is needed, but got {i!r}{user_line()}.")
        return self.weight[int(i)]

    def __repr__(self) -> str:
        return f"Embedding({len(self.weight)}, {len(self.weight[0])})"


class RNNCell(Module):
    """One step of a recurrent network: the new state is act(W [x, h] + b), a layer on input and old state side by side.

    Called with (x, h), or x alone to begin from zeros; it gives the new state, a list. `read` goes through a sequence.

    Args:
        nin, nhidden: how many numbers an input and the state have.
        activation: of the new state.

    >>> cell = RNNCell(1, 2, seed=0)
    >>> h = cell.read([[0.5], [-1.0], [2.0]])
    >>> h[0].data == cell([2.0], cell([-1.0], cell([0.5])))[0].data
    True
    """

    def __init__(
        self,
        nin: int,
        nhidden: int,
        *,
        activation: str | Activation = "tanh",
        init: str | Draw = "xavier",
        seed: int | None = None,
        rng: Any = None,
    ) -> None:
        self.layer: Layer = Layer(nin + nhidden, nhidden, activation=activation, init=init, seed=seed, rng=rng)
        self.label_parameters()

    def __call__(self, x: Sequence[Any], h: Sequence[Any] | None = None) -> list[Any]:
        old = [0.0] * len(self.layer.neurons) if h is None else h
        new = self.layer([*x, *old])
        return new if isinstance(new, list) else [new]

    def read(self, sequence: Sequence[Sequence[Any]]) -> list[Any]:
        """The state after the whole sequence, which must hold at least one input."""
        h: list[Any] | None = None
        for x in sequence:
            h = self(x, h)
        if h is None:
            raise ShapeError(f"a sequence of at least one input is needed{user_line()}.")
        return h

    def __repr__(self) -> str:
        return f"RNNCell({len(self.layer.neurons[0].w) - len(self.layer.neurons)}, {len(self.layer.neurons)})"
