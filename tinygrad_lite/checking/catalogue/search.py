"""Which changes to the chain rule give exactly these numbers? A search from the loss backwards.

What a layer's gradients show depends only on the choices above it, so the search goes layer by layer:

    candidates of dA  --activation choices-->  candidates of dZ  --sums-->  dW, db: compared with the user's
         ^                                     |
         '----------- step choices ------------'   the candidates that fit go on to the layer below

All candidates of a layer are computed and compared in one NumPy sweep. A scale is never guessed: the
user's numbers are divided by the prediction, and the ratios of all problems must follow one law (see
`factors.py`). A candidate lives only while it reproduces the user's numbers to 1e-9 on every problem.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tinygrad_lite.checking.catalogue.choices import Choice, activation_choices, loss_choices, step_choices
from tinygrad_lite.checking.catalogue.sums import REG_CHOICES, bias_choices, scale_mistakes, weight_choices
from tinygrad_lite.checking.network.arrays import Array, np
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.result.factors import Factor, law
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes
from tinygrad_lite.report.language import say

SAME = 1e-9
UNKNOWN = 4.0  # what it costs to leave a gradient unexplained
BEAM = 10
KEPT = 8  # explanations kept of the same numbers


class Observed(NamedTuple):
    """The user's gradients on one problem, turned so that samples are rows; None where there are none."""

    weights: list[Any]
    biases: list[Any]
    noise: float = 0.0


class Hypothesis(NamedTuple):
    """One explanation of a gradient: its mistakes, what it costs to believe, and its scale."""

    mistakes: Mistakes
    cost: float
    factor: Factor | None  # None: any scale, as of zero


class Explanation(NamedTuple):
    """What has been believed so far, from the loss down: mistakes, cost, and the names left unexplained."""

    mistakes: Mistakes = ()
    cost: float = 0.0
    unknown: tuple[str, ...] = ()

    def plus(self, mistakes: Mistakes, cost: float, unknown: tuple[str, ...] = ()) -> Explanation:
        return Explanation((*self.mistakes, *mistakes), self.cost + cost, (*self.unknown, *unknown))


@dataclass
class Candidate:
    """Numbers on each problem (dA or dZ of a layer), and the explanations that lead to just these numbers."""

    D: list[Any]
    G: list[Any]
    explanations: list[Explanation]
    free: bool = False

    @property
    def cost(self) -> float:
        return self.explanations[0].cost


def search(net: Network, records: list[Record], answers: list[Observed], lr: float | None) -> list[Explanation]:
    """The explanations that reproduce the user's gradients, the cheapest first; one with no mistakes means right."""
    tops = [
        Candidate([], [choice.numbers(r) for r in records], [Explanation(choice.mistakes, choice.cost)], choice.free)
        for choice in loss_choices(net)
    ]
    candidates = [candidate for candidate in tops if not any(g is None for g in candidate.G)]
    for layer in range(net.depth, 0, -1):
        candidates = _layer(net, layer, candidates, records, answers)
        if layer > 1:
            candidates = list(_below(net, layer, candidates, records, answers, lr))
    explanations = sorted((s for candidate in candidates for s in candidate.explanations), key=lambda s: s.cost)
    unique: dict[Any, Explanation] = {}
    for explanation in explanations:
        unique.setdefault((frozenset(explanation.mistakes), explanation.unknown), explanation)
    return list(unique.values())


def _below(
    net: Network, layer: int, above: list[Candidate], records: list[Record], answers: list[Observed], lr: float | None
) -> Iterator[Candidate]:
    """dA of the layer below, by every step choice from every candidate."""
    for choice in step_choices(net, layer, lr):
        for candidate in above:
            found = []
            for r, s, d, g in zip(records, answers, candidate.D, candidate.G, strict=True):
                own = s.weights[layer]
                own = own if own is not None and own.shape == r.W[layer].shape else None
                step = choice.numbers(r, d, g, own)
                found.append(None if step is None else np.broadcast_to(step, r.A[layer - 1].shape))
            if not any(g is None for g in found):
                yield Candidate([], found, [s.plus(choice.mistakes, choice.cost) for s in candidate.explanations])


def _layer(
    net: Network, layer: int, candidates: list[Candidate], records: list[Record], answers: list[Observed]
) -> list[Candidate]:
    """Through the activation of a layer, keeping the candidates of dZ that agree with the user's dW and db."""
    choices = list(activation_choices(net, layer))
    tried: list[tuple[Candidate, Choice]] = []
    stacks: list[list[Any]] = [[] for _ in records]
    G = [np.stack([candidate.G[i] for candidate in candidates]) for i in range(len(records))]
    with np.errstate(all="ignore"):
        for choice in choices:
            found = [choice.numbers(r, g) for r, g in zip(records, G, strict=True)]
            if any(d is None or d.shape != g.shape for d, g in zip(found, G, strict=True)):
                continue
            tried += [(candidate, choice) for candidate in candidates]
            for stack, d in zip(stacks, found, strict=True):
                stack.append(d)
    D = [np.concatenate(stack) for stack in stacks]
    G = [np.concatenate([g] * (len(tried) // len(candidates))) for g in G]
    of_w = _hypotheses(net, layer, "W", D, G, records, answers)
    of_b = _hypotheses(net, layer, "b", D, G, records, answers) if net.biases[layer - 1] else None
    names = net.weights[layer - 1], net.biases[layer - 1]
    kept: list[Candidate] = []
    for k, (candidate, choice) in enumerate(tried):
        w, b = of_w.get(k, []), of_b.get(k, []) if of_b is not None else None
        known = bool(w or b)
        if not known and (choice.mistakes or candidate.cost > min(other.cost for other in candidates)):
            continue  # nothing speaks for this candidate; only the right continuation may pass unexplained
        for factor in _factors(w, b or []):
            numbers = [d[k] * factor.at(r.N, r.O) for d, r in zip(D, records, strict=True)]
            free = candidate.free and factor.plain and factor.constant > 0
            scale = () if free else scale_mistakes(net, layer, factor)
            nearer = 1.0 if layer == net.depth else 1.01  # of two places as good, the one nearer to the loss
            cost = choice.cost + (0.1 if free else nearer * factor.cost())
            explanations = []
            for ww, bb in itertools.product(_relative(w, factor, net, names[0]), _relative(b, factor, net, names[1])):
                unknown = tuple(n for n, each in zip(names, (ww, bb), strict=True) if each is None)
                extra = [each for each in (ww, bb) if each is not None]
                mistakes = (*scale, *choice.mistakes, *(m for each in extra for m in each.mistakes))
                more = sum(each.cost for each in extra) + UNKNOWN * len(unknown)
                explanations += [s.plus(mistakes, cost + more, unknown) for s in candidate.explanations]
            explanations.sort(key=lambda s: s.cost)
            scaled = [g[k] * factor.at(r.N, r.O) for g, r in zip(G, records, strict=True)]
            kept.append(Candidate(numbers, scaled, explanations[:KEPT]))
    return _merged(kept)


def _factors(w: list[Hypothesis], b: list[Hypothesis]) -> list[Factor]:
    """The scales dZ itself may have: none, or one of those that its sums show."""
    return list(dict.fromkeys([Factor(), *(each.factor for each in [*w[:4], *b[:4]] if each.factor)]))


def _relative(hypotheses: list[Hypothesis] | None, factor: Factor, net: Network, name: str) -> list[Hypothesis | None]:
    """The hypotheses with dZ's own scale taken out; what is left is a mistake of the sum alone."""
    if hypotheses is None:
        return [Hypothesis((), 0.0, None)]
    found: list[Hypothesis | None] = []
    for each in hypotheses:
        rest = each.factor / factor if each.factor else Factor()
        mistakes = () if rest.one else scale_mistakes(net, 0, rest, "d" + name, name in net.biases)
        found.append(Hypothesis((*mistakes, *each.mistakes), each.cost + 1.02 * rest.cost(), rest))
    found.sort(key=lambda each: each.cost if each else 0.0)
    return [*found[:4]] or [None]


def _hypotheses(
    net: Network, layer: int, which: str, D: list[Any], G: list[Any], records: list[Record], answers: list[Observed]
) -> dict[int, list[Hypothesis]]:
    """For each candidate of dZ the hypotheses in which it gives the user's dW (or db) on all problems."""
    choices = list((weight_choices if which == "W" else bias_choices)(net, layer))
    name = (net.weights if which == "W" else net.biases)[layer - 1]
    observed = [(s.weights if which == "W" else s.biases)[layer] for s in answers]
    if any(o is None for o in observed):
        return {}
    zero = Mistake("ZERO", f"d{name}", say("d{0} is zero everywhere", name), say("the sum over its paths"))
    most, besides = say("d{0} has nothing but the penalty's part", name), say("the sum over its paths besides")
    bare = Mistake("ZERO", f"d{name}", most, besides)
    penalised = net.penalty[0] != 0.0
    always = not penalised or which == "W" or net.penalty[2]
    found: dict[int, list[Hypothesis]] = {}
    if all(np.abs(o).max() <= tiny for o, tiny in zip(observed, map(_tiny, D, records), strict=True)):
        found = {k: [Hypothesis((zero,), 1.0, None)] for k in range(len(D[0]))}
    for part, code, words in REG_CHOICES if penalised else REG_CHOICES[:1]:
        if not always:  # a bias that the loss leaves alone: right without the penalty
            code = "" if part == 0.0 else "REG_ON_BIAS"
            words = "contains the penalty's gradient, which the loss does not have for biases"
            if part not in (0.0, 1.0):
                continue
        pulls = [part * r.pull * getattr(r, which)[layer] for r in records] if penalised else []
        pulled = list(map(_without, observed, pulls)) if penalised else observed
        slip = (Mistake(code, "d" + name, f"d{name} {say(words)}"),) if code else ()
        if penalised and all(np.abs(p).max() <= t for p, t in zip(pulled, map(_tiny, D, records), strict=True)):
            for k in range(len(D[0])):
                found.setdefault(k, []).append(Hypothesis((bare if part else zero, *slip), 1.0 + len(slip), None))
        for choice in choices:
            for k, factor in _fitting(choice, D, G, records, pulled, answers).items():
                found.setdefault(k, []).append(Hypothesis((*choice.mistakes, *slip), choice.cost + len(slip), factor))
    for hypotheses in found.values():
        hypotheses.sort(key=lambda each: each.cost + (each.factor.cost() if each.factor else 0.0))
    return found


def _without(gradient: Array, pull: Array) -> Array:
    """The gradient less the penalty's part; what is left by rounding alone is zero."""
    rest = gradient - pull
    return np.where(np.abs(rest) <= 1e-15 * np.abs(pull), 0.0, rest)


def _tiny(d: Array, r: Record) -> float:
    """What counts as nothing but rounding, beside the first candidate's dZ and beside the derivative of the loss."""
    return max(1e-13 * float(np.abs(d[0]).max()), 1e-14 * r.steepness)


def _fitting(
    choice: Choice, D: list[Any], G: list[Any], records: list[Record], observed: list[Any], answers: list[Observed]
) -> dict[int, Factor | None]:
    """The candidates that give the observed numbers up to a factor, and the law of that factor; None if all is zero."""
    alive = np.arange(len(D[0]))
    ratios: list[Array] = []
    for d, g, r, o, s in zip(D, G, records, observed, answers, strict=True):
        with np.errstate(all="ignore"):
            whole = len(alive) == len(d)
            p = choice.numbers(r, d if whole else d[alive], g if whole else g[alive])
            if p is None or p.shape[1:] != o.shape:
                return {}
            p, u = p.reshape(len(alive), -1), o.ravel()
            tiny = _tiny(d, r)
            if np.abs(u).max() > tiny:
                kept = _screened(p, u)
                p, alive, ratios = p[kept], alive[kept], [q[kept] for q in ratios]
            ratio = (p @ u) / np.einsum("km,km->k", p, p)
            nothing = np.all(np.abs(p) <= tiny, axis=1) & np.all(np.abs(u) <= tiny)  # zero, and rightly so: it
            ratio = np.where(nothing, np.nan, ratio)  # agrees, and says nothing of a scale
            far = np.where(nothing[:, None], 0.0, np.abs(u - ratio[:, None] * p))
            tolerance = SAME * np.abs(u) + 1e-3 * SAME * np.abs(u).max() + s.noise
            fits = np.all(far <= tolerance, axis=1) & (nothing | (np.isfinite(ratio) & (ratio != 0)))
        alive = alive[fits]
        ratios = [q[fits] for q in ratios] + [ratio[fits]]
        if not len(alive):
            return {}
    same = max([SAME, *(4 * s.noise / max(np.abs(o).max(), 1e-300) for s, o in zip(answers, observed, strict=True))])
    numbers = sum(int((np.abs(o) > _tiny(d, r)).sum()) for o, d, r in zip(observed, D, records, strict=True))
    laws: dict[int, Factor | None] = {}
    for i, k in enumerate(alive):
        telling = [(float(q[i]), (r.N, r.O)) for q, r in zip(ratios, records, strict=True) if np.isfinite(q[i])]
        found = law([ratio for ratio, _ in telling], [size for _, size in telling], same)
        if numbers < 2 and found is not None and not found.one:
            continue  # one number on one problem always has a ratio
        if found is not None or not telling:
            laws[int(k)] = found
    return laws


def _screened(p: Array, u: Array) -> Array:
    """The candidates in which the two largest of the user's numbers have, roughly, their ratio: most end here."""
    if u.size < 2:
        return np.arange(len(p))
    first, second = np.argsort(-np.abs(u))[:2]
    left, right = p[:, first] * u[second], p[:, second] * u[first]
    return np.flatnonzero(np.abs(left - right) <= 1e-3 * (np.abs(left) + np.abs(right)))


def _merged(candidates: list[Candidate]) -> list[Candidate]:
    """The cheapest candidates; those with the same numbers become one, which keeps all their explanations."""
    candidates.sort(key=lambda candidate: candidate.cost)
    merged: list[Candidate] = []
    for candidate in candidates:
        if merged and candidate.cost > merged[0].cost + 3.0:
            break
        twin = next((m for m in merged if _equal(m, candidate)), None)
        if twin is None:
            if len(merged) < BEAM:
                merged.append(candidate)
        else:
            twin.explanations = sorted([*twin.explanations, *candidate.explanations], key=lambda s: s.cost)[:KEPT]
    return merged


def _equal(a: Candidate, b: Candidate) -> bool:
    """Whether two candidates have the same numbers in dZ."""
    return all(np.abs(x - y).max() <= 1e-11 * np.abs(x).max() for x, y in zip(a.D, b.D, strict=True))
