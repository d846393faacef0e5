"""Which changes to the chain rule give exactly these numbers? A search from the loss backwards.

What a layer's gradients show depends only on the choices above it, so the search goes layer by layer:

    lanes of dA  --activation choices-->  lanes of dZ  --sums-->  dW, db: compared with the user's
         ^                                     |
         '----------- step choices ------------'   the lanes that fit go on to the layer below

All lanes of a layer are computed and compared in one NumPy sweep. A scale is never guessed: the
user's numbers are divided by the prediction, and the ratios of all problems must follow one law (see
`factors.py`). A lane lives only while it reproduces the user's numbers to 1e-9 on every problem.
"""

from __future__ import annotations

import itertools
from typing import Any

from tinygrad_lite.checking.catalogue.choices import Choice, activation_choices, loss_choices, step_choices
from tinygrad_lite.checking.catalogue.factors import Factor, law
from tinygrad_lite.checking.catalogue.scale_words import scale_mistakes
from tinygrad_lite.checking.catalogue.sums import REG_CHOICES, bias_choices, weight_choices
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.layers import Array
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.result.mistakes import Mistake, Mistakes

SAME = 1e-9
UNKNOWN = 4.0  # what it costs to leave a gradient unexplained
BEAM = 10
KEPT = 8  # explanations kept of the same numbers


class Seen:
    """The user's gradients on one problem, turned so that samples are rows; None where there are none."""

    def __init__(self, dW: list[Any], db: list[Any], noise: float = 0.0) -> None:
        self.dW, self.db, self.noise = dW, db, noise


class Way:
    """One explanation of a gradient: its mistakes, what it costs to believe, and its scale."""

    __slots__ = ("mistakes", "cost", "factor")

    def __init__(self, mistakes: Mistakes, cost: float, factor: Factor | None) -> None:
        self.mistakes, self.cost, self.factor = mistakes, cost, factor  # None: any scale, as of zero


class Story:
    """What has been believed so far, from the loss down: mistakes, cost, and the names left unexplained."""

    __slots__ = ("mistakes", "cost", "unknown")

    def __init__(self, mistakes: Mistakes = (), cost: float = 0.0, unknown: tuple[str, ...] = ()) -> None:
        self.mistakes, self.cost, self.unknown = mistakes, cost, unknown

    def plus(self, mistakes: Mistakes, cost: float, unknown: tuple[str, ...] = ()) -> Story:
        return Story((*self.mistakes, *mistakes), self.cost + cost, (*self.unknown, *unknown))


class Lane:
    """Numbers on each problem (dA or dZ of a layer), and the stories that lead to just these numbers."""

    __slots__ = ("D", "G", "stories", "free")

    def __init__(self, D: list[Any], G: list[Any], stories: list[Story], free: bool = False) -> None:
        self.D, self.G, self.stories, self.free = D, G, stories, free

    @property
    def cost(self) -> float:
        return self.stories[0].cost


def search(net: Network, records: list[Record], seen: list[Seen], lr: float | None) -> list[Story]:
    """The stories that reproduce the user's gradients, the cheapest first; one with no mistakes means right."""
    tops = [
        Lane([], [choice.numbers(r) for r in records], [Story(choice.mistakes, choice.cost)], choice.free)
        for choice in loss_choices(net)
    ]
    lanes = [lane for lane in tops if not any(g is None for g in lane.G)]
    for layer in range(net.depth, 0, -1):
        lanes = _layer(net, layer, lanes, records, seen)
        if layer > 1:
            lanes = list(_below(net, layer, lanes, records, seen, lr))
    stories = sorted((s for lane in lanes for s in lane.stories), key=lambda s: s.cost)
    unique: dict[Any, Story] = {}
    for story in stories:
        unique.setdefault((frozenset(story.mistakes), story.unknown), story)
    return list(unique.values())


def _below(
    net: Network, layer: int, lanes: list[Lane], records: list[Record], seen: list[Seen], lr: float | None
) -> Any:
    """dA of the layer below, by every step choice from every lane."""
    for choice in step_choices(net, layer, lr):
        for lane in lanes:
            found = []
            for r, s, d, g in zip(records, seen, lane.D, lane.G, strict=True):
                own = s.dW[layer]
                own = own if own is not None and own.shape == r.W[layer].shape else None
                step = choice.numbers(r, d, g, own)
                found.append(None if step is None else np.broadcast_to(step, r.A[layer - 1].shape))
            if not any(g is None for g in found):
                cost = choice.cost
                yield Lane([], found, [s.plus(choice.mistakes, cost) for s in lane.stories])


def _layer(net: Network, layer: int, lanes: list[Lane], records: list[Record], seen: list[Seen]) -> list[Lane]:
    """Through the activation of a layer, keeping the lanes of dZ that agree with the user's dW and db."""
    choices = list(activation_choices(net, layer))
    tried: list[tuple[Lane, Choice]] = []
    stacks: list[list[Any]] = [[] for _ in records]
    G = [np.stack([lane.G[i] for lane in lanes]) for i in range(len(records))]
    with np.errstate(all="ignore"):
        for choice in choices:
            found = [choice.numbers(r, g) for r, g in zip(records, G, strict=True)]
            if any(d is None or d.shape != g.shape for d, g in zip(found, G, strict=True)):
                continue
            tried += [(lane, choice) for lane in lanes]
            for stack, d in zip(stacks, found, strict=True):
                stack.append(d)
    D = [np.concatenate(stack) for stack in stacks]
    G = [np.concatenate([g] * (len(tried) // len(lanes))) for g in G]
    ways_w = _ways(net, layer, "W", D, G, records, seen)
    ways_b = _ways(net, layer, "b", D, G, records, seen) if net.biases[layer - 1] else None
    names = net.weights[layer - 1], net.biases[layer - 1]
    kept: list[Lane] = []
    for k, (lane, choice) in enumerate(tried):
        w, b = ways_w.get(k, []), ways_b.get(k, []) if ways_b is not None else None
        known = bool(w or b)
        if not known and (choice.mistakes or lane.cost > min(each.cost for each in lanes)):
            continue  # nothing speaks for this lane; only the right continuation may pass unexplained
        for factor in _factors(w, b or []):
            numbers = [d[k] * factor.at(r.N, r.O) for d, r in zip(D, records, strict=True)]
            free = lane.free and factor.plain and factor.constant > 0
            scale = () if free else scale_mistakes(net, layer, factor)
            nearer = 1.0 if layer == net.depth else 1.01  # of two places as good, the one nearer to the loss
            cost = choice.cost + (0.1 if free else nearer * factor.cost())
            stories = []
            for ww, bb in itertools.product(_relative(w, factor, net, names[0]), _relative(b, factor, net, names[1])):
                unknown = tuple(n for n, way in zip(names, (ww, bb), strict=True) if way is None)
                extra = [way for way in (ww, bb) if way is not None]
                mistakes = (*scale, *choice.mistakes, *(m for way in extra for m in way.mistakes))
                more = sum(way.cost for way in extra) + UNKNOWN * len(unknown)
                stories += [s.plus(mistakes, cost + more, unknown) for s in lane.stories]
            stories.sort(key=lambda s: s.cost)
            scaled = [g[k] * factor.at(r.N, r.O) for g, r in zip(G, records, strict=True)]
            kept.append(Lane(numbers, scaled, stories[:KEPT]))
    return _merged(kept)


def _factors(w: list[Way], b: list[Way]) -> list[Factor]:
    """The scales dZ itself may have: none, or one of those that its sums show."""
    return list(dict.fromkeys([Factor(), *(way.factor for way in [*w[:4], *b[:4]] if way.factor)]))


def _relative(ways: list[Way] | None, factor: Factor, net: Network, name: str) -> list[Way | None]:
    """The ways with dZ's own scale taken out; what is left is a mistake of the sum alone."""
    if ways is None:
        return [Way((), 0.0, None)]
    found: list[Way | None] = []
    for way in ways:
        rest = way.factor / factor if way.factor else Factor()
        mistakes = () if rest.one else scale_mistakes(net, 0, rest, "d" + name, name in net.biases)
        found.append(Way((*mistakes, *way.mistakes), way.cost + 1.02 * rest.cost(), rest))
    found.sort(key=lambda way: way.cost if way else 0.0)
    return [*found[:4]] or [None]


def _ways(
    net: Network, layer: int, which: str, D: list[Any], G: list[Any], records: list[Record], seen: list[Seen]
) -> dict[int, list[Way]]:
    """For each lane of dZ the ways in which it gives the user's dW (or db) on all problems."""
    choices = list((weight_choices if which == "W" else bias_choices)(net, layer))
    name = (net.weights if which == "W" else net.biases)[layer - 1]
    observed = [(s.dW if which == "W" else s.db)[layer] for s in seen]
    if any(o is None for o in observed):
        return {}
    zero = Mistake("ZERO", "d" + name, f"d{name} is zero everywhere", "the sum over its paths")
    penalised = net.penalty[0] != 0.0
    always = not penalised or which == "W" or net.penalty[2]
    found: dict[int, list[Way]] = {}
    if all(np.abs(o).max() <= tiny for o, tiny in zip(observed, map(_tiny, D, records), strict=True)):
        found = {k: [Way((zero,), 1.0, None)] for k in range(len(D[0]))}
    for part, code, words in REG_CHOICES if penalised else REG_CHOICES[:1]:
        if not always:  # a bias that the loss leaves alone: right without the penalty
            code = "" if part == 0.0 else "REG_ON_BIAS"
            words = "contains the penalty's gradient, which the loss does not have for biases"
            if part not in (0.0, 1.0):
                continue
        pulled = [
            _without(o, part * r.pull * (r.W[layer] if which == "W" else r.b[layer]))
            for o, r in zip(observed, records, strict=True)
        ] if penalised else observed  # fmt: skip
        slip = (Mistake(code, "d" + name, f"d{name} {words}"),) if code else ()
        if penalised and all(np.abs(p).max() <= t for p, t in zip(pulled, map(_tiny, D, records), strict=True)):
            for k in range(len(D[0])):
                found.setdefault(k, []).append(Way((zero, *slip), 1.0 + len(slip), None))
        for choice in choices:
            for k, factor in _fitting(choice, D, G, records, pulled, seen).items():
                found.setdefault(k, []).append(Way((*choice.mistakes, *slip), choice.cost + len(slip), factor))
    for ways in found.values():
        ways.sort(key=lambda way: way.cost + (way.factor.cost() if way.factor else 0.0))
    return found


def _without(gradient: Array, pull: Array) -> Array:
    """The gradient less the penalty's part; what is left by rounding alone is zero."""
    rest = gradient - pull
    return np.where(np.abs(rest) <= 1e-15 * np.abs(pull), 0.0, rest)


def _tiny(d: Array, r: Record) -> float:
    """What counts as nothing but rounding: beside the dZ of the first lane, and beside the slope of the loss."""
    return max(1e-13 * float(np.abs(d[0]).max()), 1e-14 * r.steepness)


def _fitting(
    choice: Choice, D: list[Any], G: list[Any], records: list[Record], observed: list[Any], seen: list[Seen]
) -> dict[int, Factor | None]:
    """The lanes that give the observed numbers up to a factor, and the law of that factor; None if all is zero."""
    alive = np.arange(len(D[0]))
    ratios: list[Array] = []
    for d, g, r, o, s in zip(D, G, records, observed, seen, strict=True):
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
            room = SAME * np.abs(u) + 1e-3 * SAME * np.abs(u).max() + s.noise
            fits = np.all(far <= room, axis=1) & (nothing | (np.isfinite(ratio) & (ratio != 0)))
        alive = alive[fits]
        ratios = [q[fits] for q in ratios] + [ratio[fits]]
        if not len(alive):
            return {}
    same = max([SAME, *(4 * s.noise / max(np.abs(o).max(), 1e-300) for s, o in zip(seen, observed, strict=True))])
    laws: dict[int, Factor | None] = {}
    for i, k in enumerate(alive):
        telling = [(float(q[i]), (r.N, r.O)) for q, r in zip(ratios, records, strict=True) if np.isfinite(q[i])]
        found = law([ratio for ratio, _ in telling], [size for _, size in telling], same)
        if found is not None or not telling:
            laws[int(k)] = found
    return laws


def _screened(p: Array, u: Array) -> Array:
    """The lanes in which the two largest of the user's numbers have, roughly, their ratio: most lanes end here."""
    if u.size < 2:
        return np.arange(len(p))
    first, second = np.argsort(-np.abs(u))[:2]
    left, right = p[:, first] * u[second], p[:, second] * u[first]
    return np.flatnonzero(np.abs(left - right) <= 1e-3 * (np.abs(left) + np.abs(right)))


def _merged(lanes: list[Lane]) -> list[Lane]:
    """The cheapest lanes; those with the same numbers become one, which keeps all their stories."""
    lanes.sort(key=lambda lane: lane.cost)
    merged: list[Lane] = []
    for lane in lanes:
        if merged and lane.cost > merged[0].cost + 3.0:
            break
        twin = next((m for m in merged if _equal(m, lane)), None)
        if twin is None:
            if len(merged) < BEAM:
                merged.append(lane)
        else:
            twin.stories = sorted([*twin.stories, *lane.stories], key=lambda s: s.cost)[:KEPT]
    return merged


def _equal(a: Lane, b: Lane) -> bool:
    """Whether two lanes have the same numbers in dZ."""
    return all(np.abs(x - y).max() <= 1e-11 * np.abs(x).max() for x, y in [*zip(a.D, b.D, strict=True)])
