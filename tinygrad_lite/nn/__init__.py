"""What a network is, and how it is trained. Read `layers.py` first: a neuron is ten lines.

    module.py      parameters and children, found by their names; state and summary
    initial.py     how weights begin
    layers.py      Neuron, Layer, MLP, Linear
    sequential.py  Sequential, Dropout, Standardize and activations between layers
    recurrent.py   a table of vectors and a recurrent cell, for sequences
    losses.py      how wrong a network is, as one number
    optimizer.py   how the parameters move: what all optimizers share
    optimizers.py  the optimizers, each one rule
    schedules.py   how the learning rate changes from step to step
    dataset.py     samples: split, shuffled, cut into batches
    datasets.py    data to train on, shipped and drawn
    csv_file.py    data of the user's own
    training.py    the loop: forward, backward, step; early stopping, callbacks
    compiled.py    whole steps of training in compiled code
    history.py     what happened, epoch by epoch; record.py: step by step, for the player
    checkup.py     what ails a network, in words
    metrics.py     how good the outputs are, in numbers for people
    checkpoint.py  the file from which a run goes on; json_file.py: how it survives a kill
    state.py       saving and loading; architecture.py: a network without its numbers
    exchange.py    weights to PyTorch and back, and to safetensors
    estimators.py  Classifier and Regressor, with scikit-learn's interface

`from tinygrad_lite.nn import Neuron, Layer, MLP` is a drop-in for micrograd's modules.
"""

from tinygrad_lite.hints import TYPE_CHECKING, Any
from tinygrad_lite.nn import datasets, schedules
from tinygrad_lite.nn.checkup import Health, health
from tinygrad_lite.nn.compiled import compile_step
from tinygrad_lite.nn.csv_file import read_csv
from tinygrad_lite.nn.dataset import Dataset
from tinygrad_lite.nn.exchange import export_safetensors, from_jax, from_torch, import_safetensors, to_jax, to_torch
from tinygrad_lite.nn.history import History
from tinygrad_lite.nn.layers import MLP, Layer, Linear, Neuron
from tinygrad_lite.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_from_logits,
    cross_entropy,
    half_mse,
    hinge,
    huber,
    l1,
    l2,
    mae,
    mse,
    multi_class_hinge,
    sse,
)
from tinygrad_lite.nn.metrics import accuracy, predicted, r2
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tinygrad_lite.nn.saving import load, notes, save
from tinygrad_lite.nn.sequential import Dropout, Elementwise, Embedding, RNNCell, Sequential, Standardize
from tinygrad_lite.nn.training import Training, fit

__all__ = [
    "MLP",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Dataset",
    "Dropout",
    "Elementwise",
    "Embedding",
    "Health",
    "History",
    "Layer",
    "Linear",
    "Module",
    "Neuron",
    "Optimizer",
    "RMSprop",
    "RNNCell",
    "Sequential",
    "Standardize",
    "Training",
    "accuracy",
    "binary_cross_entropy",
    "binary_cross_entropy_from_logits",
    "compile_step",
    "cross_entropy",
    "datasets",
    "export_safetensors",
    "fit",
    "from_jax",
    "from_torch",
    "half_mse",
    "health",
    "hinge",
    "huber",
    "import_safetensors",
    "l1",
    "l2",
    "load",
    "mae",
    "mse",
    "multi_class_hinge",
    "notes",
    "predicted",
    "r2",
    "read_csv",
    "save",
    "schedules",
    "sse",
    "to_jax",
    "to_torch",
]

_OF_SCIKIT_LEARN = ("Classifier", "Regressor")

if TYPE_CHECKING:
    from tinygrad_lite.nn.estimators import Classifier as Classifier
    from tinygrad_lite.nn.estimators import Regressor as Regressor


def __getattr__(name: str) -> Any:
    """Open the estimators at their first use: they need scikit-learn (PEP 562)."""
    if name in _OF_SCIKIT_LEARN:
        from tinygrad_lite.nn import estimators

        return getattr(estimators, name)
    raise AttributeError(f"tinygrad_lite.nn has no name {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_OF_SCIKIT_LEARN])
