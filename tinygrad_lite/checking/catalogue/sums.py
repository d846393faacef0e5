"""The sums at the end of each layer, right and wrong: dW and db from dZ, and the penalty's share in them.

The counterpart of `choices.py`, which goes back through the network; here nothing is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_lite.analysis.activations import LINEAR
from tinygrad_lite.checking.catalogue.choices import Choice, Numbers, Place, node, one_sample
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.report.language import say


def weight_choices(net: Network, layer: int) -> Iterator[Choice]:
    """dW from the layer's inputs and delta. `numbers(record, D, G)`, candidates in front."""
    depth, name = net.depth, "d" + net.weights[layer - 1]
    inputs, delta = node("A", layer - 1, depth), f"dZ{layer}"
    right = net.layout.product(inputs, delta)

    def wrong(code: str, message: str, numbers: Numbers, cost: float = 1.0) -> Choice:
        return Place(name, right).wrong(code, say("{0} is exactly {1}", name, message), numbers, cost)

    def product(letter: str, k: int) -> Numbers:
        def numbers(r: Record, d: Array, g: Array) -> Array | None:
            operand = getattr(r, letter)[k]
            return operand.T @ d if operand.shape == r.A[layer - 1].shape else None

        return numbers

    yield Choice((), product("A", layer - 1))
    for k in range(depth + 1):
        if k != layer - 1:
            code = "INPUT_FOR_HIDDEN" if k == 0 else "WRONG_OPERAND"
            yield wrong(code, net.layout.product(node("A", k, depth), delta), product("A", k))
        if k > 0 and net.activations[k - 1] is not LINEAR:
            code = "PREACT_FOR_ACT" if k == layer - 1 else "WRONG_OPERAND"
            yield wrong(code, net.layout.product(f"Z{k}", delta), product("Z", k))
    yield wrong("TRANSPOSED", say("the transpose"), lambda r, d, g: _turned(r.A[layer - 1].T @ d))
    without = net.layout.product(inputs, "d" + node("A", layer, depth))
    without = say("{0}, without the activation's derivative", without)
    yield wrong("NO_ACT_DERIV", without, lambda r, d, g: r.A[layer - 1].T @ g, 1.05)
    for row, words in ((-1, "last"), (0, "first")):
        alone = say("the contribution of the {0} sample alone", say(words))
        yield wrong("LAST_SAMPLE_ONLY", alone, lambda r, d, g, row=row: r.A[layer - 1].T @ one_sample(d, row), 1.02)


def _turned(product: Array) -> Array | None:
    return product.swapaxes(-1, -2) if product.shape[-1] == product.shape[-2] > 1 else None


def bias_choices(net: Network, layer: int) -> Iterator[Choice]:
    """db from delta. `numbers(record, D, G)`, candidates in front."""
    name, delta = "d" + net.biases[layer - 1], f"dZ{layer}"
    axis = net.layout.sample_axis
    right = f"{delta}.sum(axis={axis})"

    def wrong(code: str, message: str, numbers: Numbers, cost: float) -> Choice:
        return Place(name, right).wrong(code, say("{0} is exactly {1}", name, message), numbers, cost)

    yield Choice((), lambda r, d, g: d.sum(axis=-2))
    without = say("d{0}.sum(axis={1}), without the activation's derivative", node("A", layer, net.depth), axis)
    yield wrong("NO_ACT_DERIV", without, lambda r, d, g: g.sum(axis=-2) if g.shape[-1] == d.shape[-1] else None, 1.05)
    for row, words in ((-1, "last"), (0, "first")):
        alone = say("the contribution of the {0} sample alone", say(words))
        yield wrong("LAST_SAMPLE_ONLY", alone, lambda r, d, g, row=row: d[..., row, :], 1.02)
    total = say("np.sum({0}): axis={1} is missing, and all units get the same number", delta, axis)
    yield wrong("SUM_AXIS", total, lambda r, d, g: _everywhere(d.sum(axis=(-1, -2)), d.shape[-1]), 1.02)


def _everywhere(total: Array, units: int) -> Array | None:
    return np.repeat(total[..., None], units, axis=-1) if units > 1 else None


REG_CHOICES: list[tuple[float, str, str]] = [  # how much of the penalty's gradient is in the user's, and what that is
    (1.0, "", ""),
    (0.0, "REG_MISSING", "lacks the penalty's gradient"),
    (0.5, "REG_FACTOR", "has half the penalty's gradient"),
    (2.0, "REG_FACTOR", "has twice the penalty's gradient"),
    (-1.0, "REG_FACTOR", "has the penalty's gradient with its sign flipped"),
]
