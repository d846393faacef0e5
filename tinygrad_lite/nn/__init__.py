"""What a network is, and how it is trained. Read `layers.py` first: a neuron is ten lines.

    module.py    parameters and children, found by their names; state and summary
    initial.py   how weights begin
    layers.py    Neuron, Layer, MLP, Linear
    losses.py    how wrong a network is, as one number
    datasets.py  data to train on

`from tinygrad_lite.nn import Neuron, Layer, MLP` is a drop-in for micrograd's modules.
"""

from tinygrad_lite.nn import datasets
from tinygrad_lite.nn.datasets import Dataset
from tinygrad_lite.nn.layers import MLP, Layer, Linear, Neuron
from tinygrad_lite.nn.losses import cross_entropy
from tinygrad_lite.nn.module import Module

__all__ = ["MLP", "Dataset", "Layer", "Linear", "Module", "Neuron", "cross_entropy", "datasets"]
