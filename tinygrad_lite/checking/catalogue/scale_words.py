"""A wrong scale in words: which factor, at which place, and which usual slip leaves it out."""

from __future__ import annotations

from tinygrad_lite.checking.network.network import Network
from tinygrad_lite.checking.result.factors import Factor
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes


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
    what = name or ("dP, and everything below it," if top else f"dZ{layer}, and everything below it,")
    codes = ["BIAS_MEAN" if code == "DOUBLE_MEAN" and bias else code for code in factor.codes()]
    parts = [_part(net, code, factor, top) for code in codes]
    missing = Factor() / factor
    message = f"{what} is {factor.words()} times what it should be: " + ", and ".join(parts)
    if factor.constant > 0 and factor.plain and missing.words() != "1" and len(codes) > 1:
        message += f"; the factor {missing.words()} is missing"
    return tuple(Mistake(code, place, message) for code in codes)


def _part(net: Network, code: str, factor: Factor, top: bool) -> str:
    """One part of a wrong factor."""
    if code == "FACTOR_2":
        if abs(factor.constant) < 1:
            return "the 2 of the square is missing" if top and net.kind.name == "squared error" else "a 2 is missing"
        return "a 2 is too many, as the loss has a 1/2" if top and net.reduction[1] == 0.5 else "a 2 is too many"
    if code in ("MEAN_N", "MEAN_NO"):
        by = "N * O" if code == "MEAN_NO" else "N" if factor.n == 1 else "N, twice,"
        return f"the division by {by} is missing (the loss is the {net.reduction[0]})"
    if code == "DOUBLE_MEAN":
        return f"it is divided by N {'once too often' if net.reduction[2] else 'though the loss is a sum'}"
    if code == "BIAS_MEAN":
        return "it is averaged over the samples, where dZ is to be summed"
    if code == "MEAN_O":
        return f"the number of outputs O is {'not divided by' if factor.o > 0 else 'divided by once too often'}"
    if code == "SIGN":
        return "the sign is flipped" + (", as with y - P instead of P - y" if top else "")
    return "one constant factor is wrong"
