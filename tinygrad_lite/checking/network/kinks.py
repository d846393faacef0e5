"""On a kink several derivatives are right: the interval of gradients that a network allows.

Where z of a relu is exactly 0, every derivative from 0 to 1 is right; likewise abs at 0 and the hinges at their
margins. The gradient is linear in each of these derivatives, so its extremes lie where all of them are at
one of their ends.
"""

from __future__ import annotations

import itertools
from typing import Any

from tinygrad_lite.analysis.losses import ABSOLUTE, HINGE, MARGINS, LossKind, margins
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record

ENDS_AT_MOST = 256


def gradients(
    net: Network, r: Record, ends: dict[tuple[int, Any], float] | None = None, kind: LossKind | None = None
) -> dict[str, Array]:
    """The network's gradients by our own NumPy chain rule, in the user's layout; also dZ and dA by name.

    Args:
        ends: derivatives to use at kinks, by (layer, index); layer 0 is the loss.
        kind: the loss, if not the network's plain one.
    """
    ends = ends or {}
    g = r.scale * (kind or net.kind).derivative(r.A[-1], r.Y)
    for (layer, index), derivative in ends.items():
        if layer == 0:
            g[index] = r.scale * derivative
            if net.kind is MARGINS:  # the right class of the sample moves against it
                g[index[0]] -= r.scale * derivative * r.Y[index[0]]
    found: dict[str, Array] = {"dP": g}
    for layer in range(net.depth, 0, -1):
        act = net.activations[layer - 1]
        found[f"dA{layer}"] = net.layout.data(g)
        d = act.back(r.Z[layer], r.A[layer], g)
        for (at, index), derivative in ends.items():
            if at == layer:
                d[index] = g[index] * derivative
        found[f"dZ{layer}"] = net.layout.data(d)
        dw = r.A[layer - 1].T @ d + r.pull * r.W[layer]
        found["d" + net.weights[layer - 1]] = net.layout.weight(dw)
        if net.biases[layer - 1]:
            found["d" + net.biases[layer - 1]] = d.sum(axis=0) + (r.pull * r.b[layer] if net.penalty[2] else 0.0)
        g = d @ r.W[layer].T
    return found


def kinks_of(net: Network, r: Record) -> dict[tuple[int, Any], tuple[float, float]]:
    """Every kink the forward pass stands on: (layer, index) and the two ends of its derivative."""
    found: dict[tuple[int, Any], tuple[float, float]] = {}
    for layer, act in enumerate(net.activations, start=1):
        if act.kink is not None:
            found |= {(layer, tuple(i)): act.kink for i in np.argwhere(r.Z[layer] == 0).tolist()}
    if net.kind is ABSOLUTE:
        found |= {(0, tuple(i)): (-1.0, 1.0) for i in np.argwhere(r.A[-1] == r.Y).tolist()}
    if net.kind is HINGE:
        on = np.argwhere(r.Y * r.A[-1] == 1).tolist()
        found |= {(0, tuple(i)): tuple(sorted((0.0, -float(r.Y[tuple(i)])))) for i in on}  # type: ignore[misc]
    if net.kind is MARGINS:
        on = np.argwhere((margins(r.A[-1], r.Y) == 0) & (r.Y == 0)).tolist()
        found |= {(0, tuple(i)): (0.0, 1.0) for i in on}
    return found


def intervals(net: Network, r: Record) -> dict[str, tuple[Array, Array]]:
    """For each parameter's gradient the smallest and the largest entries that the kinks allow; {} without kinks."""
    kinks = kinks_of(net, r)
    if not kinks:
        return {}
    places = list(kinks)
    if 2 ** len(places) <= ENDS_AT_MOST:
        corners = list(itertools.product((0, 1), repeat=len(places)))
    else:  # all at one end, each alone, each layer alone, and a seeded handful
        chance = np.random.default_rng(0)
        layers = sorted({layer for layer, _ in places})
        corners = [tuple(int(b) for b in chance.integers(0, 2, len(places))) for _ in range(64)]
        for chosen in itertools.product((0, 1), repeat=min(len(layers), 6)):
            side = dict(zip(layers, chosen, strict=False))
            corners.append(tuple(side.get(layer, 0) for layer, _ in places))
        corners += [tuple(int(i == j) for j in range(len(places))) for i in range(min(len(places), 64))]
        corners += [tuple(int(i != j) for j in range(len(places))) for i in range(min(len(places), 64))]
    found = [gradients(net, r, {p: kinks[p][end] for p, end in zip(places, c, strict=True)}) for c in corners]
    every = {name: np.stack([each["d" + name] for each in found]) for name in (*net.weights, *net.biases) if name}
    return {name: (x.min(axis=0), x.max(axis=0)) for name, x in every.items()}
