"""The full record of a training run, as plain data that a player can show step by step.

`nn.fit(..., record=True)` leaves it in `history.record`; every entry is a list, dict, float, int or str:

    schema       "tinygrad_lite.training/1"
    model        how the model prints itself
    architecture how to build it again, or None; see `architecture.py`
    optimizer    name and numbers of the optimizer
    loss         the name of the loss
    names        the names of the parameters, in the order of all lists of parameters below
    inputs       the training samples; targets: what belongs to them
    steps        for each step a dict:
        epoch, step    counted from 1, and from 0 over the whole run
        samples        which of them were in the batch
        lr, loss       the learning rate, and the loss before the step
        outputs        for each of those samples the network's output, a number or a list
        parameters     before the step
        gradients      of the loss, unclipped
    final        the parameters after the last step

So step k moved `steps[k]["parameters"]` to `steps[k + 1]["parameters"]`, the last one to `final`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.architecture import describe
from tinygrad_lite.nn.dataset import Dataset
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizer import Optimizer

SCHEMA = "tinygrad_lite.training/1"


def new(model: Module, data: Dataset, loss: Any, optimizer: Optimizer) -> dict[str, Any]:
    """A record without steps."""
    return {
        "schema": SCHEMA,
        "model": repr(model),
        "architecture": describe(model),
        "optimizer": optimizer.describe(),
        "loss": getattr(loss, "__name__", "loss"),
        "names": [name for name, _ in model.named_parameters()],
        "inputs": [list(x) for x in data.inputs],
        "targets": [list(t) if hasattr(t, "__len__") else t for t in data.targets],
        "steps": [],
        "final": [],
    }


def parameters(model: Module) -> list[float]:
    """Where the parameters are now."""
    return [p.data for _, p in model.named_parameters()]


def add_step(
    record: dict[str, Any],
    model: Module,
    before: Sequence[float],
    *,
    epoch: int,
    samples: Sequence[int],
    lr: float,
    loss: float,
    outputs: Any,
) -> None:
    """Append the step that was taken, from where the parameters were before it."""
    record["steps"].append(
        {
            "epoch": epoch,
            "step": len(record["steps"]),
            "samples": list(samples),
            "lr": lr,
            "loss": loss,
            "outputs": numbers(outputs),
            "parameters": list(before),
            "gradients": [numbers(p.grad) for _, p in model.named_parameters()],
        }
    )


def close(record: dict[str, Any], model: Module) -> None:
    """Note where the parameters ended."""
    record["final"] = parameters(model)


def numbers(outputs: Any) -> Any:
    """The numbers of Values in nested lists."""
    if hasattr(outputs, "__len__"):
        return [numbers(y) for y in outputs]
    return outputs.data if isinstance(outputs, Value) else float(outputs)
