"""What can be done at each place of the chain rule, right and wrong: the choices of the search.

Going back through a network there are four kinds of place: the derivative of the loss, that of
an activation, the step through a weight matrix, and the sums that give dW and db. At each place there is
one right thing to do and a list of wrong ones, each with its name. A choice gives its numbers on one
`Record`, for many candidates at once (an axis in front), or None where the shapes do not allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tinygrad_lite.analysis.activations import LINEAR, SIGMOID, SOFTMAX, known
from tinygrad_lite.analysis.losses import BINARY, HINGE, KINDS, MARGINS, margins
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes
from tinygrad_lite.report.language import say

Numbers = Callable[..., Array | None]
ENDS = ((-1, "last"), (0, "first"))  # what a loop keeps that assigns where it should add


class Choice(NamedTuple):
    """One thing to do at a place: its mistakes (none: it is right), its numbers, and what it costs to believe.

    `free` marks a choice which brings its own scale, as the gradient of another loss does.
    """

    mistakes: Mistakes
    numbers: Numbers
    cost: float = 0.0
    free: bool = False


class Place(NamedTuple):
    """A place of the chain rule: what it is called, and what belongs there as the user would write it."""

    name: str
    right: str

    def wrong(
        self, code: str, numbers: Numbers, english: str, *put_in: Any, cost: float = 1.0, right: str = ""
    ) -> Choice:
        """One mistake that can be made here, in a sentence."""
        return Choice((Mistake(code, self.name, say(english, *put_in), right or self.right),), numbers, cost)


def node(letter: str, layer: int, depth: int) -> str:
    """What reports call a layer's numbers: X, Z1, A1, ..., and P for the last activation."""
    if letter == "A" and layer in (0, depth):
        return "X" if layer == 0 else "P"
    return f"{letter}{layer}"


def loss_choices(net: Network) -> Iterator[Choice]:
    """dP, the derivative of the loss w.r.t. the prediction."""

    def derivative(kind: Any, row: int | None = None) -> Numbers:
        def numbers(r: Record) -> Array | None:
            if not kind.fits(r.A[-1], r.Y):
                return None
            with np.errstate(all="ignore"):
                g = r.scale * kind.derivative(r.A[-1], r.Y)
            return g if row is None else one_sample(g, row)

        return numbers

    def over(r: Record) -> Array:
        return (margins(r.A[-1], r.Y) > 0) * 1.0

    def huber(r: Record, near: bool) -> Array:
        """Huber's derivative with its delta put at one of its two cases alone, and that at the wrong one if near."""
        e = r.A[-1] - r.Y
        far = np.abs(e) > net.kind.delta
        return np.where(far, e, net.kind.delta * np.sign(e)) if near else np.where(far, np.sign(e), e)

    wrong = Place("loss", net.kind.written).wrong

    def slip(code: str, numbers: Callable[[Record], Array], english: str, *put_in: Any) -> Choice:
        return wrong(code, lambda r: r.scale * numbers(r), english, *put_in)

    yield Choice((), derivative(net.kind))
    for row, which in ENDS:
        message = "only the {0} sample counts, as with = where += is needed"
        right = say("the sum over all samples")
        yield wrong("LAST_SAMPLE_ONLY", derivative(net.kind, row), message, say(which), right=right)
    for kind in KINDS:
        if kind is not net.kind:
            message = "dP is, up to a factor of N, O and 2, the derivative of {0}, {1}; but the loss computes {2}"
            other = wrong("WRONG_LOSS", derivative(kind), message, kind.name, kind.written, net.kind.name)
            yield other._replace(free=True)
    if net.kind is HINGE:
        yield slip("WRONG_LOSS", lambda r: -r.Y, "the hinge's condition y * P < 1 is left out")
    if net.kind.delta:
        yield slip("WRONG_LOSS", lambda r: huber(r, True), "the two cases of Huber's loss are exchanged")
    if net.kind.delta not in (0, 1):
        message = "the arms of Huber's loss have the derivative {0:g}, not 1: delta is left out in front of the sign"
        yield slip("WRONG_LOSS", lambda r: huber(r, False), message, net.kind.delta)
    if net.kind is MARGINS:
        message = "the score of the right class gets no gradient, though every margin that is too small contains it"
        yield slip("DROPPED_PATH", over, message)
        message = "the score of the right class gets the gradient of one margin, not of all that are too small"
        yield slip("PATHS_NOT_SUMMED", lambda r: over(r) - r.Y * over(r).any(axis=-1, keepdims=True), message)
        message = "the score of the right class gets -1 in every sample, not minus the number of its margins too small"
        yield slip("PATHS_NOT_SUMMED", lambda r: over(r) - r.Y, message)
        yield slip("WRONG_LOSS", lambda r: 1 - r.Y * r.O, "the condition 1 - P[right] + P > 0 is left out")


def one_sample(g: Array, row: int) -> Array:
    """The same numbers with every sample but one set to zero."""
    kept = np.zeros_like(g)
    kept[..., row, :] = g[..., row, :]
    return kept


def activation_choices(net: Network, layer: int) -> Iterator[Choice]:
    """dZ from dA, by the activation's derivative. `numbers(record, G)`."""
    act, depth = net.activations[layer - 1], net.depth
    place, z, a = f"dZ{layer}", f"Z{layer}", node("A", layer, depth)
    wrong = Place(place, say("times {0}", act.derivative_text(z, a))).wrong

    def times(factor: Callable[[Record], Array]) -> Numbers:
        return lambda r, g: _times(g, factor(r))

    def formula(of: Callable[..., Array]) -> Numbers:
        return times(lambda r: of(r.Z[layer], r.A[layer]))

    def with_output(of: Callable[[Array, Array], Array]) -> Numbers:
        return lambda r, g: of(r.A[layer], g)

    yield Choice((), lambda r, g: act.back(r.Z[layer], r.A[layer], g))
    if act is SOFTMAX:
        message = "{0} uses only the diagonal {1} * (1 - {1}) of the softmax's Jacobian"
        yield wrong("SOFTMAX_DIAG_ONLY", formula(lambda z, a: a * (1 - a)), message, place, a)
        message = "{0} adds the sum of dP * P over the outputs, which the derivative of {1} subtracts"
        added = with_output(lambda a, g: a * (g + (g * a).sum(axis=-1, keepdims=True)))
        yield wrong("SIGN", added, message, place, act.name)
        message = "{0} is dP * P: the path through the sum in the denominator is left out"
        yield wrong("DROPPED_PATH", formula(lambda z, a: a), message, place)
        message = "{0} is multiplied by {1} * (1 - {1}) although P - y already contains the softmax"
        twice = with_output(lambda a, g: act.back(0, a, g) * a * (1 - a))
        yield wrong("EXTRA_ACT_DERIV", twice, message, place, a)
    elif act is not LINEAR:
        fused = act is SIGMOID and layer == depth and net.kind is BINARY
        more = say(": for cross-entropy P - y already contains it, without P * (1 - P)") if fused else ""
        squared = times(lambda r: act.derivative(r.Z[layer]) ** 2)
        yield wrong("EXTRA_ACT_DERIV", squared, "{0} contains the derivative of {1} twice{2}", place, act.name, more)
    if act is not LINEAR:
        yield wrong("NO_ACT_DERIV", lambda r, g: g, "{0} lacks the derivative of {1}", place, act.name)
    if act is not LINEAR and act is not SOFTMAX:
        for k in dict.fromkeys((layer - 1, 0)):
            below = node("A", k, depth)
            at = times(lambda r, k=k: act.derivative(r.A[k]))  # type: ignore[misc]
            message = "{0} takes the derivative of {1} at {2}, as {3}"
            yield wrong("MASK_FROM_INPUT", at, message, place, act.name, below, act.derivative_text(below))
        message = "{0} takes the derivative of {1} at the incoming error, not at {2}"
        yield wrong("MASK_FROM_ERROR", lambda r, g: g * act.derivative(g), message, place, act.name, z)
        message = "{0} is multiplied by {1} = {2} itself, not by the derivative"
        yield wrong("MASK_IS_VALUE", formula(lambda z, a: a), message, place, a, act.of(z))
        yield wrong("MASK_IS_VALUE", formula(lambda z, a: z), "{0} is multiplied by {1} itself", place, z)
        message = "{0} uses the derivative of {1} at {2} instead of at {3}"
        at = times(lambda r: act.derivative(r.A[layer]))
        yield wrong("DERIV_OF_DERIV_ARG", at, message, place, act.name, a, z)
        if act.of_output is not None:
            message = "{0} uses {1}: the formula for {2} with {3} put in"
            at = formula(lambda z, a: act.of_output(z))  # type: ignore[misc]
            yield wrong("DERIV_OF_DERIV_ARG", at, message, place, act.derivative_text(z, z), a, z)
        for written, numbers in act.slips:
            message = "{0} uses {1} for the derivative of {2}"
            yield wrong("WRONG_ACT_DERIV", formula(numbers), message, place, written(z, a), act.name)
    for other in known():
        if other not in (act, LINEAR):
            at = formula(lambda z, a, other=other: other.derivative(z))
            message = "{0} uses the derivative of {1} in a {2} layer"
            yield wrong("WRONG_ACT_DERIV", at, message, place, other.name, act.name)
            text = other.derivative_text(z, a)
            if other.output_alone and act not in (LINEAR, SOFTMAX) and text != a:
                at = formula(lambda z, a, other=other: other.of_output(a))
                message = "{0} uses {1}, the derivative of {2}, in a {3} layer"
                yield wrong("WRONG_ACT_DERIV", at, message, place, text, other.name, act.name)


def _times(g: Array, factor: Array) -> Array | None:
    """The product, if it has the shape of g or g is stretched to it; None where NumPy would refuse or grow."""
    try:
        shape = np.broadcast_shapes(g.shape, factor.shape)
    except ValueError:
        return None
    return g * factor if shape[-2:] in (g.shape[-2:], factor.shape[-2:]) else None


def step_choices(net: Network, layer: int, lr: float | None) -> Iterator[Choice]:
    """dA of the layer below from dZ of this one, through its weights. `numbers(record, D, G, answer)`.

    `answer` is the user's own dW of this layer on the record, for weights that were updated too early.
    """
    depth, w, upper = net.depth, net.weights[layer - 1], node("A", layer, net.depth)
    place, delta = f"dA{layer - 1}", f"dZ{layer}"
    right = net.layout.back(delta, w)
    wrong = Place(place, right).wrong

    def where(fits: Callable[[Any, Any], bool], of: Callable[[Array, Array], Array], bare: bool = False) -> Numbers:
        """A function of dZ, or of the dA above, and of W, where their shapes allow it."""

        def numbers(r: Record, d: Array, g: Array, answer: Any) -> Array | None:
            above, w = g if bare else d, r.W[layer]
            return of(above, w) if fits(above.shape[-1], w.shape) else None

        return numbers

    def through(k: int) -> Numbers:
        return lambda r, d, g, dw: d @ r.W[k].T if r.W[k].shape == r.W[layer].shape else None

    yield Choice((), lambda r, d, g, dw: d @ r.W[layer].T)
    whole = where(lambda n, shape: n in (1, shape[0]), lambda d, w: d)
    yield wrong("NO_W2", whole, "{0} is {1} itself: {2} is left out", place, delta, w)
    added = where(lambda n, shape: n > 1, lambda d, w: d.sum(axis=-1, keepdims=True))
    yield wrong("NO_W2", added, "{0} is the sum of {1} over the outputs: {2} is left out", place, delta, w)
    turned = where(lambda n, shape: n == shape[0] > 1, lambda d, w: d @ w)
    yield wrong("TRANSPOSED", turned, "{0} goes through {1} the wrong way round", place, w)
    for rate in [lr] if lr else [0.1, 0.01, 0.5, 1.0, 0.05, 0.001]:
        yield wrong(
            "UPDATED_TOO_EARLY",
            lambda r, d, g, dw, rate=rate: None if dw is None else d @ (r.W[layer] - rate * dw).T,
            "{0} was already updated (with lr = {1:g}) when {2} was taken back through it",
            *(w, rate, delta),
            cost=1.0 if lr else 1.1,
            right=say("{0} with the {1} of the forward pass", right, w),
        )
    for k, which in ENDS:
        path = where(lambda n, shape: n > 1, lambda d, w, k=k: d[..., [k]] @ w[:, [k]].T)  # type: ignore[misc]
        message = "{0} keeps only the path through the {1} output of layer {2}"
        yield wrong("PATHS_NOT_SUMMED", path, message, place, say(which), layer)
    if net.activations[layer - 1] is not LINEAR:
        bare = where(lambda n, shape: n == shape[1], lambda g, w: g @ w.T, bare=True)
        message = "{0} is taken from d{1}, without the derivative of the activation"
        yield wrong("NO_ACT_DERIV", bare, message, place, upper, cost=1.05)
        whole = where(lambda n, shape: n == shape[0], lambda g, w: g, bare=True)
        message = "{0} is d{1} itself: {2} and the derivative of the activation are left out"
        yield wrong("NO_W2", whole, message, place, upper, w, cost=1.1)
    message = "{0} goes back through d{1}, the gradient, instead of {1}"
    yield wrong("WRONG_OPERAND", lambda r, d, g, dw: None if dw is None else d @ dw.T, message, place, w, cost=1.05)
    for k in range(1, depth + 1):
        if k != layer:
            message = "{0} goes back through {1} instead of {2}"
            yield wrong("WRONG_OPERAND", through(k), message, place, net.weights[k - 1], w, cost=1.05)
