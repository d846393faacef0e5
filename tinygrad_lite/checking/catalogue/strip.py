"""The chain from the loss down to the parameters, link by link, each with what is known of it.

A tick is a comparison that was made: the user's number is the exact one on every problem. A circle says that nothing
was compared, as backprop did not hand the link over. A cross is a difference, or the place of a change that gives
exactly the user's numbers; an arrow a difference that such a change, or the user's own numbers above, account for.
"""

from __future__ import annotations

import re
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import gradients, kinks_of
from tinygrad_lite.checking.network.network import Network
from tinygrad_lite.checking.result.hints import Hint
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.trial.evaluation import Evaluation


class Diagnosis:
    """What was done.

    Attributes:
        causes: by parameter, what accounts for its wrong gradient outside the chain rule.
        mistakes: the changes to the chain rule that give the other numbers on every problem; empty if right or unknown.
        tied: other sets of changes that give the same numbers on every problem, as easy to believe.
        near: likewise, a little harder to believe.
        unknown: the parameters for which nothing in the catalogue gives the numbers.
        why: what was tried on them in vain.
        hints: what the numbers and shapes show by themselves.
        links: (name, mark, remark) from the loss down, for the strip.
        problems: on how many problems the numbers were reproduced.
    """

    def __init__(self) -> None:
        self.causes: dict[str, Mistake] = {}
        self.mistakes: list[Mistake] = []
        self.tied: list[list[Mistake]] = []
        self.near: list[list[Mistake]] = []
        self.unknown: list[str] = []
        self.why = ""
        self.hints: list[Hint] = []
        self.links: list[tuple[str, str, str]] = []
        self.problems = 0


def link_of(mistake: Mistake) -> str:
    """The link at which a mistake stands."""
    return "dP" if mistake.place == "loss" else mistake.place


def links_of(net: Network) -> list[str]:
    """The links of a network from the loss down: dP, dZ2, dW2, db2, dA1, dZ1, ..."""
    found = ["dP"]
    for layer in range(net.depth, 0, -1):
        own = (net.weights[layer - 1], net.biases[layer - 1])
        found += [f"dZ{layer}", *(f"d{name}" for name in own if name)] + ([f"dA{layer - 1}"] if layer > 1 else [])
    return found


def strip(
    evaluation: Evaluation, wrong: list[str], handed: dict[str, str], found: Diagnosis
) -> list[tuple[str, str, str]]:
    """(name, mark, remark) of each link; `handed` are the marks of the links between that were handed over."""
    net, names = evaluation.network, evaluation.submission.names
    codes: dict[str, list[str]] = {}
    for mistake in found.mistakes:
        codes.setdefault(link_of(mistake), []).append(mistake.code)
    certain = {link for link in codes if all(link in map(link_of, other) for other in found.tied)}
    compared = any(e.comparison is not None for e in evaluation.cases)

    def link(name: str) -> tuple[str, str]:
        own = name[1:] if name[1:] in names else ""
        remark = ", ".join(codes.get(name, ()))
        if own and (own not in wrong or not compared):
            return "ok" if compared else "unchecked", ""
        if own in found.causes:
            return "wrong", found.causes[own].code
        if name in handed:
            return handed[name], remark if handed[name] == "wrong" else ""
        if name in codes:
            return "wrong" if name in certain else "unsure", remark
        if own:
            return "wrong" if own in found.unknown or net is None else "follows", ""
        return "unchecked", ""

    links = links_of(net) if net is not None else [f"d{name}" for name in reversed(names)]
    return [(name, *link(name)) for name in links]


# ---------------------------------------------------------------------- links that were handed over


def compared_links(evaluation: Evaluation) -> dict[str, str]:
    """The mark of each link between that backprop handed over: equal on every problem, different, or following."""
    net, marks = evaluation.network, dict[str, str]()
    for e in evaluation.cases if net is not None else ():
        if net is None or e.record is None or e.answer.error:
            continue
        kinked = bool(kinks_of(net, e.record))  # there a right derivative need not be ours
        exact = gradients(net, e.record)
        mine = {_standard(key, net.depth): np.array(x.numbers).reshape(x.shape) for key, x in e.answer.extras.items()}
        for name in links_of(net):
            key = f"dA{net.depth}" if name == "dP" else name
            if key not in mine or key not in exact or marks.get(name) == "wrong":
                continue
            if _close(mine[key], exact[key]):
                marks[name] = "ok" if marks.get(name, "unsure") == "unsure" else marks[name]
            elif kinked:
                marks.setdefault(name, "unsure")
            else:
                marks[name] = "follows" if _follows(net, e.record, key, mine) else "wrong"
    return marks


def _standard(key: str, depth: int) -> str:
    """dZ2 for dZ2, dz_2, dL_dZ2 and delta2; dA of the last layer for dP, dY, dout."""
    if re.fullmatch(r"(?i)d(L_?d)?_?(p|y|yhat|y_hat|out|output|pred)", key):
        return f"dA{depth}"
    match = re.fullmatch(r"(?i)(?:d(?:L_?/?d)?_?([zah])|delta)_?(\d+)", key)
    if match is None:
        return key
    letter = (match[1] or "z").upper().replace("H", "A")
    return f"d{letter}{match[2]}"


def _close(mine: Any, exact: Any) -> bool:
    tolerance = 1e-9 * np.abs(exact) + 1e-12 * np.abs(exact).max(initial=0.0)
    return mine.shape == exact.shape and bool(np.all(np.abs(mine - exact) <= tolerance))


def _follows(net: Network, record: Any, key: str, mine: dict[str, Any]) -> bool:
    """Whether a wrong intermediate is what the right rule gives from the user's own numbers one link above."""
    layer = int(key[2:])
    below = net.layout.data(mine[f"dZ{layer + 1}"]) if f"dZ{layer + 1}" in mine else None
    if below is not None and below.shape != record.Z[layer + 1].shape:
        return False
    implied = None if below is None else below @ record.W[layer + 1].T  # dA of this layer
    if key[1] == "A":
        return implied is not None and _close(net.layout.data(mine[key]), implied)
    g = net.layout.data(mine[f"dA{layer}"]) if f"dA{layer}" in mine else implied
    if g is None or g.shape != record.A[layer].shape:
        return False
    act = net.activations[layer - 1]
    return _close(net.layout.data(mine[key]), act.back(record.Z[layer], record.A[layer], g))
