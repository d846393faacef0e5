"""What a network is, and how it is trained. Read `layers.py` first: a neuron is ten lines.

    module.py      parameters and children, found by their names; state and summary
    initial.py     how weights begin
    layers.py      Neuron, Layer, MLP, Linear
    sequential.py  Sequential, what stands between layers, and two modules for sequences
    losses.py      how wrong a network is, as one number; metrics.py: in numbers for people
    optimizers.py  how the parameters move, each optimizer one rule
    schedules.py   how the learning rate changes from step to step
    dataset.py     samples: split, shuffled, cut into batches; from a CSV file
    datasets.py    data to train on, shipped and drawn
    training.py    the loop: forward, backward, step; early stopping, callbacks
    compiled.py    whole steps of training in compiled code
    history.py     what happened, epoch by epoch, and step by step for the player
    checkup.py     what ails a network, in words
    saving.py      networks and runs in files
    exchange.py    weights to PyTorch and JAX and back, and to safetensors
    estimators.py  Classifier and Regressor, with scikit-learn's interface

`from tinygrad_lite.nn import Neuron, Layer, MLP` is a drop-in for micrograd's modules.
"""

from tinygrad_lite.hints import TYPE_CHECKING, Any
from tinygrad_lite.nn import datasets, schedules
from tinygrad_lite.nn.checkup import Health, health
from tinygrad_lite.nn.compiled import compile_step
from tinygrad_lite.nn.dataset import Dataset, read_csv
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

__all__ = ["Module", "Neuron", "Layer", "MLP", "Linear", "Sequential", "Elementwise", "Dropout", "Standardize"]
__all__ += ["Embedding", "RNNCell", "mse", "half_mse", "sse", "mae", "huber", "hinge", "multi_class_hinge", "l1", "l2"]
__all__ += ["binary_cross_entropy", "binary_cross_entropy_from_logits", "cross_entropy", "accuracy", "predicted", "r2"]
__all__ += ["Optimizer", "SGD", "RMSprop", "Adagrad", "Adam", "AdamW", "schedules", "Dataset", "datasets", "read_csv"]
__all__ += ["fit", "Training", "History", "compile_step", "health", "Health", "save", "load", "notes"]
__all__ += ["to_torch", "from_torch", "to_jax", "from_jax", "export_safetensors", "import_safetensors"]

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
