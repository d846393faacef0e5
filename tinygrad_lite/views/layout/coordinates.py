"""How far across each unit stands in its layer: near its neighbours before and after, with straight long arrows."""

from __future__ import annotations

from itertools import pairwise

from tinygrad_lite.views.layout.graph import Unit

APART = 16.0  # between neighbours in a layer
LANE = 9.0  # between an arrow that passes and its neighbours
SWEEPS = 24  # to and fro; in the last eight each unit looks both ways


def min_separation(upper: Unit, lower: Unit) -> float:
    """The least distance between the middles of two neighbours in a layer."""
    between = LANE if upper.dummy or lower.dummy else APART
    return (upper.across + lower.across) / 2 + between


def straighten(layers: list[list[Unit]]) -> None:
    """Move every unit toward its neighbours before and after, as near as its layer allows.

    An arrow pulls as a spring does, hardest where it passes from dummy to dummy.
    """
    for layer in layers:
        edge = 0.0
        for i, unit in enumerate(layer):
            edge = edge + min_separation(layer[i - 1], unit) if i else 0.0
            unit.at = edge
    spaced = [(layer, [min_separation(a, b) for a, b in pairwise(layer)]) for layer in layers]
    for sweep in range(SWEEPS):
        back, both = sweep % 2 == 1, sweep >= SWEEPS - 8
        for layer, gaps in reversed(spaced) if back else spaced:
            wishes = []
            for unit in layer:
                total = weight = 0.0
                for before in unit.inward if both or not back else ():
                    pull = _pull(before, unit)
                    total += pull * before.at
                    weight += pull
                for after in unit.outward if both or back else ():
                    pull = _pull(unit, after)
                    total += pull * after.at
                    weight += pull
                wishes.append((total / weight, weight) if weight else (unit.at, 0.01))
            for unit, at in zip(layer, nearest(wishes, gaps), strict=True):
                unit.at = at


def _pull(tail: Unit, head: Unit) -> float:
    """How much the arrow between two units wants to be straight."""
    if tail.dummy or head.dummy:
        return 8.0 if tail.dummy and head.dummy else 2.0
    return 4.0 if len(tail.outward) == len(head.inward) == 1 else 1.0  # the only step from one to the other


def nearest(wishes: list[tuple[float, float]], gaps: list[float]) -> list[float]:
    """The places nearest to the wishes (place, weight) that keep the order and the gaps.

    Nearest in the sense of least squares: pool adjacent violators. Neighbours that would come
    too near are pooled, and a pool stands at the mean of its wishes.

    >>> nearest([(0.0, 1.0), (0.0, 1.0), (50.0, 1.0)], [10.0, 10.0])
    [-5.0, 5.0, 50.0]
    """
    shift, shifts = 0.0, [0.0]
    for gap in gaps:
        shift += gap
        shifts.append(shift)
    pools: list[list[float]] = []  # [sum of weighted wishes, weight, how many]
    for (wish, weight), offset in zip(wishes, shifts, strict=False):
        pool = [(wish - offset) * weight, weight, 1.0]
        while pools and pools[-1][0] * pool[1] > pool[0] * pools[-1][1]:  # the mean before is the larger one
            last = pools.pop()
            pool = [last[0] + pool[0], last[1] + pool[1], last[2] + pool[2]]
        pools.append(pool)
    places = [total / weight for total, weight, count in pools for _ in range(int(count))]
    return [place + offset for place, offset in zip(places, shifts, strict=False)]
