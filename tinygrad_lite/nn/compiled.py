"""Training in compiled code: the door from networks to the compiler, which is opened at the first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizer import Optimizer

if TYPE_CHECKING:
    from tinygrad_lite.compiler.training import CompiledStep


def compile_step(
    model: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    *,
    penalty: Callable[[Module], Any] | None = None,
    backend: str | None = None,
) -> CompiledStep:
    """A step of training in compiled code: `step(X, y)` computes the loss, its gradient, and moves the parameters.

    Args:
        model: a Module, called on the inputs of one row.
        loss: a function of (outputs, targets), lists with an entry for each row, that averages over the rows.
        optimizer: any Optimizer over the model's parameters; its own rule is compiled.
        penalty: a function of the model that is added to the loss, as in `lambda m: 1e-4 * nn.l2(m.parameters())`.
        backend: "llvm", "numpy" or "tape"; by default the first of these that is installed.

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
    from tinygrad_lite.compiler.training import CompiledStep

    return CompiledStep(model, loss, optimizer, penalty, backend)
