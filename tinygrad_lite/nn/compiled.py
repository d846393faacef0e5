"""Training in compiled code: the door from networks to the compiler, which is opened at the first use.

`compile_step` is for loops of one's own; `CompiledSteps` is what `nn.fit(compiled=True)` takes its steps with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.dataset import Dataset
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizers import Optimizer

if TYPE_CHECKING:
    from tinygrad_lite.compiler.training.step import CompiledStep
else:
    CompiledStep = Any  # loaded with the compiler, at its first use


def compile_step(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    *,
    penalty: Callable[[Module], Any] | None = None,
    backend: str | None = None,
    threads: int | None = None,
) -> CompiledStep:
    """A step of training in compiled code: `step(X, y)` computes the loss, its gradient, and moves the parameters.

    Args:
        model: a Module, called on the inputs of one sample.
        loss: a function of (outputs, targets), lists with an entry for each sample, that averages over the samples.
        optimizer: any Optimizer over the model's parameters; its own rule is compiled.
        penalty: a function of the model that is added to the loss, as in `lambda m: 1e-4 * nn.l2(m.parameters())`.
        backend: "llvm", "numpy" or "tape"; by default the first of these that is installed.
        threads: at most so many share the samples of a large batch; by default as many as for `tg.compile`. A batch of
            less than about 1,000 samples stays in one thread if the network is small. Every number gives the same bits.

    The parameters' `.data` and `.grad` are true whenever they are read, and may be assigned between steps.
    `step.run(X, y, epochs=...)` runs whole epochs without coming back to Python. The first gradient is compared
    with the engine's. A loss that cannot be traced runs by the engine, with a CompileWarning.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [8, 1], activation="tanh", seed=1)
    >>> step = nn.compile_step(model, nn.mse, nn.Adam(model, lr=0.05))
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    >>> losses = step.run(X, y, epochs=300)
    >>> losses[0] > 1000 * losses[-1]
    True
    """
    from tinygrad_lite.compiler.training.step import CompiledStep

    return CompiledStep(model, loss, optimizer, penalty, backend, threads)


BLOCK = 8
"""Samples that are answered in one call; the parameters are looked up once for all of them."""


class CompiledSteps:
    """The steps of `nn.fit` in compiled code, on batches of one set of samples, and the network's answers.

    Attributes:
        works: False if the loss cannot be traced; a CompileWarning has said why, and the engine takes the steps.

    Raises:
        OperandError: the loss is no mean over the samples, or a layer draws numbers in every step.
    """

    def __init__(
        self,
        model: Module,
        data: Dataset,
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        penalty: Callable[[Module], Any] | None,
    ) -> None:
        self._model, self._step = model, compile_step(model, loss, optimizer, penalty=penalty)
        self._inputs, self._targets = _table(data.inputs), _table(data.targets)
        held = set(optimizer.parameters)
        self._others = [p for _, p in model.named_parameters() if p not in held]
        self._gradients: dict[str, Callable[[], list[float]]] = {}
        self._forward: dict[bool, Callable[..., list[Any]]] = {}  # in training, and in use
        self.works: bool = self._step.compiles(self._inputs, self._targets)

    def step(self, places: Sequence[int]) -> float:
        """One step on the samples at these places: the loss before it."""
        for p in self._others:  # a step begins the gradients of the optimizer's own anew
            p.grad = 0.0
        return self._step(_rows(self._inputs, places), _rows(self._targets, places))

    def gradients(self, name: str, parameters: Sequence[Value]) -> list[float]:
        """The gradients that the last step left in these parameters, which have this name."""
        if name not in self._gradients:
            from tinygrad_lite.compiler.runtime.bound import Together

            self._gradients[name] = Together(parameters, "grad")
        return self._gradients[name]()

    def answers(self, inputs: Sequence[Any]) -> list[Any]:
        """The network's outputs for each of these samples, in numbers."""
        from tinygrad_lite.compiler import compile

        model = self._model
        forward = self._forward.get(model.training)
        if forward is None:
            forward = self._forward[model.training] = compile(lambda rows: [model(x) for x in rows])  # type: ignore[operator]
        found: list[Any] = []
        for at in range(0, len(inputs), BLOCK):
            block = [list(x) if hasattr(x, "__len__") else x for x in inputs[at : at + BLOCK]]
            found += forward(block + block[-1:] * (BLOCK - len(block)))[: len(block)]
        return found

    def close(self) -> None:
        """Leave ordinary Values behind, with the numbers they have."""
        self._step.release()


def _table(rows: Sequence[Any]) -> Any:
    """The rows as an array, from which batches are taken fast; as they are, if they are no plain table of numbers."""
    try:
        import numpy as np

        table = np.asarray(rows)
    except (ImportError, ValueError):
        return rows
    return table if table.dtype.kind in "iuf" else rows


def _rows(table: Any, places: Sequence[int]) -> Any:
    return [table[i] for i in places] if isinstance(table, list) else table[places]
