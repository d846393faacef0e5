"""A network without its numbers, as plain data, and the network built again from it.

Only the modules of this package and the activations of the table can be described: a description is
data, so that reading one from a file never runs anything but the constructors named here.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.errors import StateError
from tinygrad_lite.nn.layers import MLP, Layer, Linear, Neuron, activation, activation_name
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.sequential import Dropout, Elementwise, Sequential, Standardize

LARGEST = 10_000_000
"""More parameters than this are not built from a file."""


def describe(model: Module) -> dict[str, Any] | None:
    """What `build` needs to make the same network, or None if there is a module or an activation of the user's own.

    >>> describe(MLP(2, [3, 1], seed=0))
    {'kind': 'MLP', 'sizes': [2, 3, 1], 'activations': ['relu', 'linear']}
    """
    try:
        return _describe(model)
    except LookupError:
        return None


def _describe(model: Module) -> dict[str, Any]:
    if type(model) is MLP:
        sizes = [*_sizes(model.layers[0]), *(len(layer.neurons) for layer in model.layers[1:])]
        return {"kind": "MLP", "sizes": sizes, "activations": [_named(layer.activation) for layer in model.layers]}
    if type(model) is Linear:
        return {"kind": "Linear", "sizes": _sizes(model), "bias": model.neurons[0].b is not None}
    if type(model) is Layer:
        return {"kind": "Layer", "sizes": _sizes(model), "activation": _named(model.activation)}
    if type(model) is Neuron:
        return {"kind": "Neuron", "sizes": [len(model.w)], "activation": _named(model.activation)}
    if type(model) is Sequential:
        return {"kind": "Sequential", "steps": [_describe(step) for _, step in model.children()]}
    if type(model) is Elementwise:
        return {"kind": "Elementwise", "activation": _named(model._function)}
    if type(model) is Dropout:
        return {"kind": "Dropout", "p": model.p}
    if type(model) is Standardize:
        return {"kind": "Standardize", "mean": list(model.mean), "deviation": list(model.deviation)}
    raise LookupError(type(model).__name__)


def _sizes(layer: Layer) -> list[int]:
    return [len(layer.neurons[0].w), len(layer.neurons)]


def _named(act: Any) -> str:
    name = activation_name(act)
    try:
        same = activation(name) is act
    except ValueError:
        same = False
    if not same:
        raise LookupError(name)
    return name


def build(described: Any) -> Module:
    """The network that was described, with parameters that are not yet the saved ones.

    Raises:
        StateError: it is no description, or of a network too large to be meant.

    >>> build({"kind": "MLP", "sizes": [2, 3, 1], "activations": ["tanh", "linear"]})
    MLP of [Layer of [TanhNeuron(2), TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(3)]]
    """
    try:
        if _size(described) > LARGEST:
            raise StateError(f"a network of more than {LARGEST:,} parameters is described; refused.")
        return _build(described)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as reason:
        if isinstance(reason, StateError):
            raise
        raise StateError(f"this is no description of a network ({reason!r:.80}).") from None


def _size(described: Any) -> int:
    """How many parameters it will have, from the sizes alone."""
    if described["kind"] == "Sequential":
        return sum(_size(step) for step in described["steps"])
    sizes = described.get("sizes", [])
    if not all(type(n) is int and n > 0 for n in sizes):
        raise ValueError(f"sizes {sizes!r:.40}")
    return sum((n + 1) * m for n, m in zip(sizes, [*sizes[1:], 1], strict=False))


def _build(described: dict[str, Any]) -> Module:
    kind, sizes = described["kind"], described.get("sizes", [])
    if kind == "MLP":
        return MLP(sizes[0], sizes[1:], activation=[str(name) for name in described["activations"]], init="zeros")
    if kind == "Linear":
        n, m = sizes
        return Linear(n, m, bias=bool(described["bias"]), init="zeros")
    if kind == "Layer":
        n, m = sizes
        return Layer(n, m, activation=str(described["activation"]), init="zeros")
    if kind == "Neuron":
        return Neuron(sizes[0], activation=str(described["activation"]), init="zeros")
    if kind == "Sequential":
        return Sequential(*[_build(step) for step in described["steps"]])
    if kind == "Elementwise":
        return Elementwise(str(described["activation"]))
    if kind == "Dropout":
        return Dropout(float(described["p"]))
    if kind == "Standardize":
        mean, deviation = ([float(x) for x in described[key]] for key in ("mean", "deviation"))
        if len(mean) != len(deviation) or not all(s > 0 for s in deviation):
            raise ValueError("as many positive deviations as means are needed")
        pairs = list(zip(mean, deviation, strict=True))
        return Standardize([[m - s for m, s in pairs], [m + s for m, s in pairs]])  # the state then brings the bits
    raise ValueError(f"a module of the kind {kind!r:.40}")
