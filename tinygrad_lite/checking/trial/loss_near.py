"""The loss near a problem as a function of all its parameters' numbers: what measurements are made on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.problems import Problem
from tinygrad_lite.checking.result.entries import read
from tinygrad_lite.checking.trial.numerical_check import (
    Derivative,
    Taylor,
    measured_derivative,
    resolution,
    taylor,
)


class LossNear:
    """A loss of a list of numbers: those of the first parameter, then those of the second, and so on.

    Attributes:
        start: the numbers of the problem itself.
        begins: by parameter, where its numbers begin.
    """

    def __init__(self, loss: Callable[[Problem], float], problem: Problem) -> None:
        self._loss, self._problem = loss, problem
        self.start: list[float] = []
        self.begins: dict[str, int] = {}
        for name, x in problem.params.items():
            self.begins[name] = len(self.start)
            self.start += read(x).numbers

    def __call__(self, numbers: Sequence[float]) -> float:
        params = {}
        for name, x in self._problem.params.items():
            begin = self.begins[name]
            params[name] = np.array(numbers[begin : begin + np.size(x)]).reshape(np.shape(x))
        return self._loss(Problem(self._problem.name, params, self._problem.data))

    @functools.cached_property
    def noise(self) -> float:
        """How coarse the loss itself is: 0 where it computes in ordinary floats, more with single precision inside."""
        return resolution(self, self.start)

    def derivative(self, name: str, place: int) -> Derivative:
        """The measured derivative w.r.t. one entry of a parameter, in reading order."""
        return measured_derivative(self, self.start, self.begins[name] + place, noise=self.noise)

    def taylor(self, gradient: Sequence[float]) -> Taylor:
        """The Taylor remainder of a gradient in the order of the numbers."""
        return taylor(self, self.start, gradient, noise=self.noise)
