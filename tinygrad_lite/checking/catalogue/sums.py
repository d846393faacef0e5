"""The sums at the end of each layer, right and wrong: dW and db from dZ, and the penalty's share in them.

The counterpart of `choices.py`, which goes back through the network; here nothing is passed on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_lite.analysis.activations import LINEAR
from tinygrad_lite.checking.catalogue.choices import ENDS, Choice, Numbers, Place, node, one_sample
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.report.language import say


def weight_choices(net: Network, layer: int) -> Iterator[Choice]:
    """dW from the layer's inputs and delta. `numbers(record, D, G)`, candidates in front."""
    depth, name = net.depth, "d" + net.weights[layer - 1]
    inputs, delta = node("A", layer - 1, depth), f"dZ{layer}"
    wrong = Place(name, net.layout.product(inputs, delta)).wrong

    def product(letter: str, k: int) -> Numbers:
        def numbers(r: Record, d: Array, g: Array) -> Array | None:
            operand = getattr(r, letter)[k]
            return operand.T @ d if operand.shape == r.A[layer - 1].shape else None

        return numbers

    def turned(r: Record, d: Array, g: Array) -> Array | None:
        found = r.A[layer - 1].T @ d
        return found.swapaxes(-1, -2) if found.shape[-1] == found.shape[-2] > 1 else None

    def alone(row: int) -> Numbers:
        return lambda r, d, g: r.A[layer - 1].T @ one_sample(d, row)

    yield Choice((), product("A", layer - 1))
    for k, letter in itertools.product(range(depth + 1), "AZ"):
        if (letter, k) == ("A", layer - 1) or (letter == "Z" and (k == 0 or net.activations[k - 1] is LINEAR)):
            continue
        code = "INPUT_FOR_HIDDEN" if k == 0 else "PREACT_FOR_ACT" if k == layer - 1 else "WRONG_OPERAND"
        formula = net.layout.product(node(letter, k, depth), delta)
        yield wrong(code, product(letter, k), "{0} is exactly {1}", name, formula)
    yield wrong("TRANSPOSED", turned, "{0} is exactly the transpose", name)
    without = net.layout.product(inputs, "d" + node("A", layer, depth))
    said = "{0} is exactly {1}, without the activation's derivative"
    yield wrong("NO_ACT_DERIV", lambda r, d, g: r.A[layer - 1].T @ g, said, name, without, cost=1.05)
    said = "{0} is exactly the contribution of the {1} sample alone"
    for row, which in ENDS:
        yield wrong("LAST_SAMPLE_ONLY", alone(row), said, name, say(which), cost=1.02)


def bias_choices(net: Network, layer: int) -> Iterator[Choice]:
    """db from delta. `numbers(record, D, G)`, candidates in front."""
    name, delta, axis = "d" + net.biases[layer - 1], f"dZ{layer}", net.layout.sample_axis
    wrong = Place(name, f"{delta}.sum(axis={axis})").wrong

    def everywhere(r: Record, d: Array, g: Array) -> Array | None:
        units = d.shape[-1]
        return np.repeat(d.sum(axis=(-1, -2))[..., None], units, axis=-1) if units > 1 else None

    def bare(r: Record, d: Array, g: Array) -> Array | None:
        return g.sum(axis=-2) if g.shape[-1] == d.shape[-1] else None

    yield Choice((), lambda r, d, g: d.sum(axis=-2))
    said = "{0} is exactly d{1}.sum(axis={2}), without the activation's derivative"
    yield wrong("NO_ACT_DERIV", bare, said, name, node("A", layer, net.depth), axis, cost=1.05)
    said = "{0} is exactly the contribution of the {1} sample alone"
    for row, which in ENDS:
        yield wrong("LAST_SAMPLE_ONLY", lambda r, d, g, row=row: d[..., row, :], said, name, say(which), cost=1.02)
    said = "{0} is exactly np.sum({1}): axis={2} is missing, and all units get the same number"
    yield wrong("SUM_AXIS", everywhere, said, name, delta, axis, cost=1.02)


REG_CHOICES: list[tuple[float, str, str]] = [  # how much of the penalty's gradient is in the user's, and what that is
    (1.0, "", ""),
    (0.0, "REG_MISSING", "lacks the penalty's gradient"),
    (0.5, "REG_FACTOR", "has half the penalty's gradient"),
    (2.0, "REG_FACTOR", "has twice the penalty's gradient"),
    (-1.0, "REG_FACTOR", "has the penalty's gradient with its sign flipped"),
]
