"""What can be done at each place of the chain rule, right and wrong: the choices of the search.

Going back through a network there are four kinds of place: the derivative of the loss, that of
an activation, the step through a weight matrix, and the sums that give dW and db. At each place there is
one right thing to do and a list of wrong ones, each with its name. A choice gives its numbers on one
`Record`, for many candidates at once (an axis in front), or None where the shapes do not allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.analysis.activations import LINEAR, SIGMOID, SOFTMAX, known
from tinygrad_lite.analysis.losses import BINARY, HINGE, KINDS, MARGINS, margins
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes
from tinygrad_lite.report.language import say

Numbers = Callable[..., Array | None]


class Choice:
    """One thing to do at a place: the mistakes it is made of (none: it is right), and its numbers.

    `free` marks a choice which brings its own scale, as the gradient of another loss does.
    """

    __slots__ = ("mistakes", "numbers", "free", "cost")

    def __init__(self, mistakes: Mistakes, numbers: Numbers, free: bool = False, cost: float | None = None) -> None:
        self.mistakes, self.numbers, self.free = mistakes, numbers, free
        self.cost = float(len(mistakes)) if cost is None else cost


class Place:
    """A place of the chain rule: what it is called, and what belongs there as the user would write it."""

    def __init__(self, name: str, right: str) -> None:
        self.name, self.right = name, right

    def wrong(self, code: str, message: str, numbers: Numbers, cost: float = 1.0, right: str = "") -> Choice:
        """One mistake that can be made here."""
        return Choice((Mistake(code, self.name, message, right or self.right),), numbers, cost=cost)


def node(letter: str, layer: int, depth: int) -> str:
    """What reports call a layer's numbers: X, Z1, A1, ..., and P for the last activation."""
    if letter == "A" and layer in (0, depth):
        return "X" if layer == 0 else "P"
    return f"{letter}{layer}"


def loss_choices(net: Network) -> Iterator[Choice]:
    """dP, the derivative of the loss w.r.t. the prediction."""

    def derivative(kind: Any, rows: Any = None) -> Numbers:
        def numbers(r: Record) -> Array | None:
            p, y = r.A[-1], r.Y
            if not kind.fits(p, y):
                return None
            with np.errstate(all="ignore"):
                g = r.scale * kind.derivative(p, y)
            return g if rows is None else one_sample(g, rows)

        return numbers

    place = Place("loss", net.kind.written)
    yield Choice((), derivative(net.kind))
    for rows, words in ((-1, "last"), (0, "first")):
        message = say("only the {0} sample counts, as with = where += is needed", say(words))
        right = say("the sum over all samples")
        yield place.wrong("LAST_SAMPLE_ONLY", message, derivative(net.kind, rows), right=right)
    for kind in KINDS:
        if kind is not net.kind:
            message = say("dP is, up to a factor of N, O and 2, the derivative of {0}, {1}", kind.name, kind.written)
            message += say("; but the loss computes {0}", net.kind.name)
            yield Choice((Mistake("WRONG_LOSS", "loss", message, net.kind.written),), derivative(kind), free=True)
    for code, message, wrong in _slips_of(net):
        yield place.wrong(code, message, lambda r, wrong=wrong: r.scale * wrong(r))


def _slips_of(net: Network) -> Iterator[tuple[str, str, Callable[[Record], Array]]]:
    """What goes wrong in the derivative of hinges and of Huber's loss: code, words, and its numbers."""

    def over(r: Record) -> Array:
        return (margins(r.A[-1], r.Y) > 0) * 1.0

    def huber(r: Record, swapped: bool) -> Array:
        e = r.A[-1] - r.Y
        far = np.abs(e) > net.kind.delta
        return np.where(far, e, net.kind.delta * np.sign(e)) if swapped else np.where(far, np.sign(e), e)

    if net.kind is HINGE:
        yield "WRONG_LOSS", say("the hinge's condition y * P < 1 is left out"), lambda r: -r.Y
    if net.kind.delta:
        yield "WRONG_LOSS", say("the two cases of Huber's loss are exchanged"), lambda r: huber(r, True)
    if net.kind.delta not in (0, 1):
        message = say(
            "the arms of Huber's loss have the derivative {0:g}, not 1: delta is left out in front of the sign",
            net.kind.delta,
        )
        yield "WRONG_LOSS", message, lambda r: huber(r, False)
    if net.kind is MARGINS:
        message = say(
            "the score of the right class gets no gradient, though every margin that is too small contains it"
        )
        yield "DROPPED_PATH", message, over
        message = say("the score of the right class gets the gradient of one margin, not of all that are too small")
        yield "PATHS_NOT_SUMMED", message, lambda r: over(r) - r.Y * over(r).any(axis=-1, keepdims=True)
        message = say(
            "the score of the right class gets -1 in every sample, not minus the number of its margins too small"
        )
        yield "PATHS_NOT_SUMMED", message, lambda r: over(r) - r.Y
        yield "WRONG_LOSS", say("the condition 1 - P[right] + P > 0 is left out"), lambda r: 1 - r.Y * r.O


def one_sample(g: Array, row: int) -> Array:
    """The same numbers with every sample but one set to zero."""
    kept = np.zeros_like(g)
    kept[..., row, :] = g[..., row, :]
    return kept


def activation_choices(net: Network, layer: int) -> Iterator[Choice]:
    """dZ from dA, by the activation's derivative. `numbers(record, G)`."""
    act, depth = net.activations[layer - 1], net.depth
    place, z, a = f"dZ{layer}", f"Z{layer}", node("A", layer, depth)
    right = say("times {0}", act.derivative_text(z, a))

    def wrong(code: str, message: str, numbers: Numbers) -> Choice:
        return Place(place, right).wrong(code, f"{place} {message}", numbers)

    def times(factor: Callable[[Record], Array]) -> Numbers:
        return lambda r, g: _times(g, factor(r))

    def formula(of: Callable[..., Array]) -> Numbers:
        return times(lambda r: of(r.Z[layer], r.A[layer]))

    yield Choice((), lambda r, g: act.back(r.Z[layer], r.A[layer], g))
    if act is LINEAR:
        pass
    elif act is SOFTMAX:
        only = say("uses only the diagonal {0} * (1 - {0}) of the softmax's Jacobian", a)
        yield wrong("SOFTMAX_DIAG_ONLY", only, formula(lambda z, a: a * (1 - a)))
        added = say("adds the sum of dP * P over the outputs, which the derivative of {0} subtracts", act.name)
        yield wrong("SIGN", added, lambda r, g: r.A[layer] * (g + (g * r.A[layer]).sum(axis=-1, keepdims=True)))
        dropped = say("is dP * P: the path through the sum in the denominator is left out")
        yield wrong("DROPPED_PATH", dropped, formula(lambda z, a: a))
        twice = say("is multiplied by {0} * (1 - {0}) although P - y already contains the softmax", a)
        yield wrong("EXTRA_ACT_DERIV", twice, lambda r, g: act.back(0, r.A[layer], g) * r.A[layer] * (1 - r.A[layer]))
    else:
        twice = say("contains the derivative of {0} twice", act.name)
        if act is SIGMOID and layer == depth and net.kind is BINARY:
            twice += say(": for cross-entropy P - y already contains it, without P * (1 - P)")
        yield wrong("EXTRA_ACT_DERIV", twice, times(lambda r: act.derivative(r.Z[layer]) ** 2))
    if act is not LINEAR:
        yield wrong("NO_ACT_DERIV", say("lacks the derivative of {0}", act.name), lambda r, g: g)
    if act is not LINEAR and act is not SOFTMAX:
        for k in dict.fromkeys((layer - 1, 0)):
            name = node("A", k, depth)
            taken = say("takes the derivative of {0} at {1}, as {2}", act.name, name, act.derivative_text(name))
            yield wrong("MASK_FROM_INPUT", taken, times(lambda r, k=k: act.derivative(r.A[k])))  # type: ignore[misc]
        taken = say("takes the derivative of {0} at the incoming error, not at {1}", act.name, z)
        yield wrong("MASK_FROM_ERROR", taken, lambda r, g: g * act.derivative(g))
        value = say("is multiplied by {0} = {1} itself, not by the derivative", a, act.of(z))
        yield wrong("MASK_IS_VALUE", value, formula(lambda z, a: a))
        yield wrong("MASK_IS_VALUE", say("is multiplied by {0} itself", z), formula(lambda z, a: z))
        taken = say("uses the derivative of {0} at {1} instead of at {2}", act.name, a, z)
        yield wrong("DERIV_OF_DERIV_ARG", taken, times(lambda r: act.derivative(r.A[layer])))
        if act.of_output is not None:
            taken = say("uses {0}: the formula for {1} with {2} put in", act.derivative_text(z, z), a, z)
            yield wrong("DERIV_OF_DERIV_ARG", taken, formula(lambda z, a: act.of_output(z)))  # type: ignore[misc]
        for written, numbers in act.slips:
            typed = say("uses {0} for the derivative of {1}", written(z, a), act.name)
            yield wrong("WRONG_ACT_DERIV", typed, formula(numbers))
    for other in known():
        if other not in (act, LINEAR):
            of_other = say("uses the derivative of {0} in a {1} layer", other.name, act.name)
            yield wrong("WRONG_ACT_DERIV", of_other, formula(lambda z, a, other=other: other.derivative(z)))
            if other.output_alone and act not in (LINEAR, SOFTMAX) and other.derivative_text(z, a) != a:
                written_so = other.derivative_text(z, a)
                of_other = say("uses {0}, the derivative of {1}, in a {2} layer", written_so, other.name, act.name)
                yield wrong("WRONG_ACT_DERIV", of_other, formula(lambda z, a, other=other: other.of_output(a)))


def _times(g: Array, factor: Array) -> Array | None:
    """The product, if it has the shape of g or g is stretched to it; None where NumPy would refuse or grow."""
    try:
        shape = np.broadcast_shapes(g.shape, factor.shape)
    except ValueError:
        return None
    return g * factor if shape[-2:] in (g.shape[-2:], factor.shape[-2:]) else None
