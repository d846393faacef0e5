"""The sums at the end of each layer, right and wrong: dW and db from dZ, the penalty's share in them, and wrong scales.

The counterpart of `choices.py`, which goes back through the network; here nothing is passed on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_lite.analysis.activations import LINEAR
from tinygrad_lite.checking.catalogue.choices import ENDS, Choice, Numbers, Place, node, one_sample
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.result.factors import Factor
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes
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
    message = "{0} is exactly {1}, without the activation's derivative"
    yield wrong("NO_ACT_DERIV", lambda r, d, g: r.A[layer - 1].T @ g, message, name, without, cost=1.05)
    message = "{0} is exactly the contribution of the {1} sample alone"
    for row, which in ENDS:
        yield wrong("LAST_SAMPLE_ONLY", alone(row), message, name, say(which), cost=1.02)


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
    message = "{0} is exactly d{1}.sum(axis={2}), without the activation's derivative"
    yield wrong("NO_ACT_DERIV", bare, message, name, node("A", layer, net.depth), axis, cost=1.05)
    message = "{0} is exactly the contribution of the {1} sample alone"
    for row, which in ENDS:
        yield wrong("LAST_SAMPLE_ONLY", lambda r, d, g, row=row: d[..., row, :], message, name, say(which), cost=1.02)
    message = "{0} is exactly np.sum({1}): axis={2} is missing, and all units get the same number"
    yield wrong("SUM_AXIS", everywhere, message, name, delta, axis, cost=1.02)


REG_CHOICES: list[tuple[float, str, str]] = [  # how much of the penalty's gradient is in the user's, and what that is
    (1.0, "", ""),
    (0.0, "REG_MISSING", "lacks the penalty's gradient"),
    (0.5, "REG_FACTOR", "has half the penalty's gradient"),
    (2.0, "REG_FACTOR", "has twice the penalty's gradient"),
    (-1.0, "REG_FACTOR", "has the penalty's gradient with its sign flipped"),
]


def scale_mistakes(net: Network, layer: int, factor: Factor, name: str = "", bias: bool = False) -> Mistakes:
    """The mistakes that a factor stands for: one code for each of its parts, all with one sentence.

    Args:
        layer: whose dZ has the factor; that of the last layer comes from the loss.
        name: instead, the gradient that alone has it, such as db2.
        bias: that gradient belongs to a bias.
    """
    if factor.one:
        return ()
    top = not name and layer == net.depth
    place = name or ("loss" if top else f"dZ{layer}")
    what = name or (say("dP, and everything below it,") if top else say("dZ{0}, and everything below it,", layer))
    codes = ["BIAS_MEAN" if code == "DOUBLE_MEAN" and bias else code for code in factor.codes()]
    parts = [_part(net, code, factor, top) for code in codes]
    missing = Factor() / factor
    message = say("{0} is {1} times what it should be: ", what, factor.words()) + say(", and ").join(parts)
    if factor.constant > 0 and factor.plain and missing.words() != "1" and len(codes) > 1:
        message += say("; the factor {0} is missing", missing.words())
    return tuple(Mistake(code, place, message) for code in codes)


def _part(net: Network, code: str, factor: Factor, top: bool) -> str:
    """One part of a wrong factor."""
    if code == "FACTOR_2" and abs(factor.constant) < 1:
        squared = top and net.kind.name == "squared error"
        return say("the 2 of the square is missing") if squared else say("a 2 is missing")
    if code == "FACTOR_2":
        half = top and net.reduction[1] == 0.5
        return say("a 2 is too many, as the loss has a 1/2") if half else say("a 2 is too many")
    if code in ("MEAN_N", "MEAN_NO"):
        by = "N * O" if code == "MEAN_NO" else "N" if factor.n == 1 else say("N, twice,")
        return say("the division by {0} is missing (the loss is the {1})", by, say(net.reduction[0]))
    if code == "DOUBLE_MEAN":
        more = say("once too often") if net.reduction[2] else say("though the loss is a sum")
        return say("it is divided by N {0}", more)
    if code == "BIAS_MEAN":
        return say("it is averaged over the samples, where dZ is to be summed")
    if code == "MEAN_O":
        often = say("the number of outputs O is divided by once too often")
        return say("the number of outputs O is not divided by") if factor.o > 0 else often
    if code == "SIGN":
        return say("the sign is flipped") + (say(", as with y - P instead of P - y") if top else "")
    return say("one constant factor is wrong")
