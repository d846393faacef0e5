"""The steps from a layer's dZ to the dA below it, right and wrong: back through the weights.

The counterpart of `choices.py` between two layers.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_lite.analysis.activations import LINEAR
from tinygrad_lite.checking.catalogue.choices import Choice, Place, node
from tinygrad_lite.checking.network.arrays import Array
from tinygrad_lite.checking.network.network import Network
from tinygrad_lite.report.language import say


def step_choices(net: Network, layer: int, lr: float | None) -> Iterator[Choice]:
    """dA of the layer below from dZ of this one, through its weights. `numbers(record, D, G, answer)`.

    `answer` is the user's own dW of this layer on the record, for weights that were updated too early.
    """
    depth, w = net.depth, net.weights[layer - 1]
    place, delta = f"dA{layer - 1}", f"dZ{layer}"
    right = net.layout.back(delta, w)

    wrong = Place(place, right).wrong

    yield Choice((), lambda r, d, g, dw: d @ r.W[layer].T)
    left_out = say("{0} is {1} itself: {2} is left out", place, delta, w)
    yield wrong("NO_W2", left_out, lambda r, d, g, dw: d if d.shape[-1] in (1, r.W[layer].shape[0]) else None)
    left_out = say("{0} is the sum of {1} over the outputs: {2} is left out", place, delta, w)
    yield wrong("NO_W2", left_out, lambda r, d, g, dw: d.sum(axis=-1, keepdims=True) if d.shape[-1] > 1 else None)
    yield wrong(
        "TRANSPOSED",
        say("{0} goes through {1} the wrong way round", place, w),
        lambda r, d, g, dw: d @ r.W[layer] if d.shape[-1] == r.W[layer].shape[0] > 1 else None,
    )
    for rate in [lr] if lr else [0.1, 0.01, 0.5, 1.0, 0.05, 0.001]:
        yield wrong(
            "UPDATED_TOO_EARLY",
            say("{0} was already updated (with lr = {1:g}) when {2} was taken back through it", w, rate, delta),
            lambda r, d, g, dw, rate=rate: None if dw is None else d @ (r.W[layer] - rate * dw).T,
            cost=1.0 if lr else 1.1,
            right=say("{0} with the {1} of the forward pass", right, w),
        )
    for k, words in ((-1, "last"), (0, "first")):
        one = say("{0} keeps only the path through the {1} output of layer {2}", place, say(words), layer)
        yield wrong("PATHS_NOT_SUMMED", one, lambda r, d, g, dw, k=k: _path(d, r.W[layer], k))
    if net.activations[layer - 1] is not LINEAR:
        upper = node("A", layer, depth)
        yield wrong(
            "NO_ACT_DERIV",
            say("{0} is taken from d{1}, without the derivative of the activation", place, upper),
            lambda r, d, g, dw: g @ r.W[layer].T if g.shape[-1] == r.W[layer].shape[1] else None,
            cost=1.05,
        )
        yield wrong(
            "NO_W2",
            say("{0} is d{1} itself: {2} and the derivative of the activation are left out", place, upper, w),
            lambda r, d, g, dw: g if g.shape[-1] == r.W[layer].shape[0] else None,
            cost=1.1,
        )
    other = say("{0} goes back through d{1}, the gradient, instead of {1}", place, w)
    yield wrong("WRONG_OPERAND", other, lambda r, d, g, dw: None if dw is None else d @ dw.T, cost=1.05)
    for k in range(1, depth + 1):
        if k != layer:
            yield wrong(
                "WRONG_OPERAND",
                say("{0} goes back through {1} instead of {2}", place, net.weights[k - 1], w),
                lambda r, d, g, dw, k=k: d @ r.W[k].T if r.W[k].shape == r.W[layer].shape else None,
                cost=1.05,
            )


def _path(d: Array, w: Array, k: int) -> Array | None:
    if d.shape[-1] < 2:
        return None
    return d[..., k : d.shape[-1] if k == -1 else k + 1] @ (w[:, -1:] if k == -1 else w[:, k : k + 1]).T
