"""A wrong scale in words: which factor, at which place, and which usual slip leaves it out."""

from __future__ import annotations

from tinygrad_lite.checking.network.network import Network
from tinygrad_lite.checking.result.factors import Factor
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes
from tinygrad_lite.report.language import say


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
    if code == "FACTOR_2":
        if abs(factor.constant) < 1:
            return (
                say("the 2 of the square is missing")
                if top and net.kind.name == "squared error"
                else say("a 2 is missing")
            )
        return (
            say("a 2 is too many, as the loss has a 1/2") if top and net.reduction[1] == 0.5 else say("a 2 is too many")
        )
    if code in ("MEAN_N", "MEAN_NO"):
        by = "N * O" if code == "MEAN_NO" else "N" if factor.n == 1 else say("N, twice,")
        return say("the division by {0} is missing (the loss is the {1})", by, say(net.reduction[0]))
    if code == "DOUBLE_MEAN":
        return say(
            "it is divided by N {0}", say("once too often") if net.reduction[2] else say("though the loss is a sum")
        )
    if code == "BIAS_MEAN":
        return say("it is averaged over the samples, where dZ is to be summed")
    if code == "MEAN_O":
        return (
            say("the number of outputs O is not divided by")
            if factor.o > 0
            else say("the number of outputs O is divided by once too often")
        )
    if code == "SIGN":
        return say("the sign is flipped") + (say(", as with y - P instead of P - y") if top else "")
    return say("one constant factor is wrong")
