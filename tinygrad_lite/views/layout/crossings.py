"""The order of the units within each layer, so that few arrows cross: medians, swept to and fro."""

from __future__ import annotations

from bisect import bisect_right, insort
from statistics import median

from tinygrad_lite.views.layout.graph import Unit

ORDER = 1.5  # crossings that are accepted to have two operands in order
PATIENCE = 6  # sweeps without a better order


def ordered(layers: list[list[Unit]]) -> list[list[Unit]]:
    """The same layers with their units in a better order, the best that was met on the way.

    Few arrows cross in it, and operands stand in the order of the program.

    Each sweep sorts layer after layer by the median place of the neighbours in the layer before (or
    after, on the way back).
    """
    _count_off(layers)
    best, fewest = [list(layer) for layer in layers], crossings(layers) + disorder(layers)
    waited = 0
    for sweep in range(24):
        if fewest == 0 or waited == PATIENCE:
            break
        back = sweep % 2 == 0
        for layer in reversed(layers[:-1]) if back else layers[1:]:
            _sort(layer, back)
        now = crossings(layers) + disorder(layers)
        waited += 1
        if now < fewest:
            best, fewest, waited = [list(layer) for layer in layers], now, 0
    return best


def crossings(layers: list[list[Unit]]) -> int:
    """How many pairs of arrows cross between neighbouring layers."""
    total = 0
    for layer in layers[:-1]:
        met: list[int] = []  # ends so far, sorted; a new arrow crosses those that end beyond its own end
        for unit in layer:
            ends = sorted([near.place for near in unit.outward])
            for end in ends:
                total += len(met) - bisect_right(met, end)
            for end in ends:
                insort(met, end)
    return total


def disorder(layers: list[list[Unit]]) -> float:
    """How many pairs of operands do not stand in the order in which they were written, times what that weighs."""
    pairs = 0
    for layer in layers[1:]:
        for unit in layer:
            if len(unit.inward) < 9:  # a long sum may be sorted as its arrows like
                places = [near.place for near in unit.inward]
                pairs += sum(a > b for i, a in enumerate(places) for b in places[i + 1 :])
    return ORDER * pairs


def _count_off(layers: list[list[Unit]]) -> None:
    """Let each unit know its place in its layer."""
    for layer in layers:
        for i, unit in enumerate(layer):
            unit.place = i


def _sort(layer: list[Unit], back: bool) -> None:
    """Sort by the median place of the neighbours; units without a neighbour there stay where they are."""
    near = {unit: [one.place for one in (unit.outward if back else unit.inward)] for unit in layer}
    movable = [i for i, unit in enumerate(layer) if near[unit]]
    units = sorted((layer[i] for i in movable), key=lambda unit: median(near[unit]))
    for i, unit in zip(movable, units, strict=True):
        layer[i] = unit
        unit.place = i
