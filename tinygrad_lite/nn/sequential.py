"""Modules one after the other, the small ones that stand between layers, and two for sequences of inputs.

An Embedding is a choice of rows of a table, and an RNNCell a layer that sees its own last output beside the input.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_lite.engine.foreign import as_lists
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import DomainError, ShapeError, user_line
from tinygrad_lite.nn.initial import Draw, draw, generator
from tinygrad_lite.nn.layers import SMOOTH, Activation, Layer, activation_name, named
from tinygrad_lite.nn.module import Batched, Module, samples_in


class Sequential(Module):
    """Modules one after the other; a name or a function stands for an activation of every entry.

    Called on a batch, it gives a list with an output for each sample, if its first step takes a list of numbers.
    Its children are numbered, so that the state has PyTorch's names: `0.weight`, `0.bias`, `2.weight`, ...

    >>> from tinygrad_lite import nn
    >>> model = Sequential(nn.Linear(2, 3, seed=0), "tanh", nn.Linear(3, 1, seed=1))
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *steps: Module | str | Activation) -> None:
        self._steps = [step if isinstance(step, Module) else Elementwise(step) for step in steps]
        self.label_parameters()

    def __call__(self, x: Any) -> Any:
        each = samples_in(x) if self._steps and isinstance(self._steps[0], Batched) else None
        if each is not None:
            return [self(sample) for sample in each]
        for step in self._steps:
            x = step(x)  # type: ignore[operator]
        return x

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules by their numbers."""
        return ((str(i), step) for i, step in enumerate(self._steps))

    def config(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, i: int) -> Module:
        return self._steps[i]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(str, self._steps))})"


class Elementwise(Module):
    """A function of one number, applied to a number or to every entry of a list.

    >>> Elementwise("relu")([-1.0, 2.0])
    [0.0, 2.0]
    """

    def __init__(self, function: str | Activation) -> None:
        self._function = named(function)

    def __call__(self, x: Any) -> Any:
        if self._function is None:
            return x
        return [self._function(v) for v in x] if hasattr(x, "__len__") else self._function(x)

    def config(self) -> dict[str, Any]:
        return {"function": self._function or "linear"}

    def kind(self) -> str:
        """The word for it in a summary."""
        return activation_name(self._function)

    def __repr__(self) -> str:
        return self.kind()


class Dropout(Module):
    """In training, each entry is set to 0 with probability p, and the others are divided by 1 - p; in use, all pass.

    Dividing keeps the expected value of every entry, so that nothing needs to be rescaled in use.

    Args:
        p: the probability of a zero, 0 <= p < 1.
        seed: of the generator that draws; `nn.fit` begins it afresh in every epoch.

    Source: Srivastava et al., "Dropout", 2014, in the inverted form.

    >>> Dropout(0.5, seed=1)([1.0, 1.0, 1.0, 1.0])
    [0.0, 2.0, 2.0, 0.0]
    """

    def __init__(self, p: float = 0.5, *, seed: int | None = None) -> None:
        if not 0 <= p < 1:
            raise DomainError(f"Dropout needs 0 <= p < 1, but got {p!r}{user_line()}.")
        self.p = p
        self._rng = random.Random(seed)

    def __call__(self, x: Any) -> Any:
        if not self.training or self.p == 0:
            return x
        keep = 1.0 / (1.0 - self.p)
        draw = self._rng.random
        return [v * (keep if draw() >= self.p else 0.0) for v in x]

    def reseed(self, seed: str) -> None:
        """Draw as if newly made with this seed."""
        self._rng.seed(seed)

    def config(self) -> dict[str, Any]:
        return {"p": self.p}

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Standardize(Batched):
    """Each input shifted and scaled to mean 0 and standard deviation 1, as measured on the samples it was made from.

    Measure on the training samples only, and put it in front of the network, so that new ones are treated alike.
    Mean and deviation are saved with the network's state, and are no parameters.

    Args:
        samples: m samples of n numbers: lists, an array or a DataFrame. An input that is constant is only shifted.

    >>> scale = Standardize([[1.0, 5.0], [3.0, 5.0]])
    >>> scale([2.0, 6.0]), scale.state_dict()
    ([0.0, 1.0], {'mean': [2.0, 5.0], 'deviation': [1.0, 1.0]})
    """

    measured = True

    def __init__(self, samples: Any) -> None:
        samples = as_lists(samples)
        if not len(samples):
            raise ShapeError(f"Standardize needs at least one sample to measure{user_line()}.")
        columns = list(zip(*samples, strict=True))
        means = [sum(column) / len(column) for column in columns]
        squares = [sum((x - m) ** 2 for x in column) for column, m in zip(columns, means, strict=True)]
        self.mean: list[Value] = [Value(m) for m in means]
        self.deviation: list[Value] = [Value((square / len(samples)) ** 0.5 or 1.0) for square in squares]

    def forward(self, x: Sequence[Any]) -> list[Any]:
        """The inputs of one sample, shifted and scaled."""
        if len(x) != len(self.mean):
            raise ShapeError(f"Standardize takes samples of {len(self.mean)} numbers, but got {len(x)}{user_line()}.")
        return [(v - m.data) / s.data for v, m, s in zip(x, self.mean, self.deviation, strict=True)]

    def config(self) -> dict[str, Any]:
        """Two samples with this mean and deviation, but for rounding: the bits are in the state."""
        ends = [(m.data, s.data) for m, s in zip(self.mean, self.deviation, strict=True)]
        return {"samples": [[m - s for m, s in ends], [m + s for m, s in ends]]}

    def __repr__(self) -> str:
        return f"Standardize({len(self.mean)} inputs)"


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

    def config(self) -> dict[str, Any]:
        return {"n": len(self.weight), "m": len(self.weight[0]), "init": "zeros"}

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
        activation: str | Activation = SMOOTH,
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

    def config(self) -> dict[str, Any]:
        both, nhidden = len(self.layer.neurons[0].w), len(self.layer.neurons)
        return {**self.layer.neurons[0].config(), "nin": both - nhidden, "nhidden": nhidden}

    def __repr__(self) -> str:
        config = self.config()
        return f"RNNCell({config['nin']}, {config['nhidden']})"
