"""The order of the units within each layer, so that few arrows cross: medians, swept to and fro."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_lite.views.layout import Unit


def ordered(layers: list[list[Unit]]) -> list[list[Unit]]:
    """The same layers with their units in a better order, the best that was met on the way.

    Each sweep sorts layer after layer by the medians of the neighbours in the layer before (or
    after, on the way back), then swaps neighbours as long as that helps.
    """
    best, fewest = [list(layer) for layer in layers], crossings(layers)
    sweeps = 24 if sum(map(len, layers)) < 2000 else 8
    for sweep in range(sweeps):
        if fewest == 0:
            break
        back = sweep % 2 == 0
        for i in range(len(layers) - 2, -1, -1) if back else range(1, len(layers)):
            _sort(layers[i], layers[i + 1] if back else layers[i - 1], back)
        _swap(layers)
        now = crossings(layers)
        if now < fewest:
            best, fewest = [list(layer) for layer in layers], now
    return best


def crossings(layers: list[list[Unit]]) -> int:
    """How many pairs of arrows cross between neighbouring layers."""
    total = 0
    for before, after in pairwise(layers):
        place = {unit: i for i, unit in enumerate(after)}
        met: list[int] = []  # ends so far, sorted; a new arrow crosses those that end beyond its own end
        for unit in before:
            ends = sorted(place[near] for near in unit.outward)
            total += sum(len(met) - bisect_left(met, end + 1) for end in ends)
            for end in ends:
                insort(met, end)
    return total


def _sort(layer: list[Unit], fixed: list[Unit], back: bool) -> None:
    """Sort by medians; units without a neighbour there stay where they are."""
    place = {unit: i for i, unit in enumerate(fixed)}
    medians = [_median(sorted(place[near] for near in (unit.outward if back else unit.inward))) for unit in layer]
    movable = [i for i, median in enumerate(medians) if median >= 0]
    units = [layer[i] for i in sorted(movable, key=lambda i: medians[i])]
    for i, unit in zip(movable, units, strict=True):
        layer[i] = unit


def _median(places: list[int]) -> float:
    """The middle place; of an even number, the mean of the two, weighted toward the denser side. -1 if none."""
    n = len(places)
    if n == 0:
        return -1.0
    middle = n // 2
    if n % 2:
        return places[middle]
    if n == 2:
        return (places[0] + places[1]) / 2
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if left + right == 0:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def _swap(layers: list[list[Unit]]) -> None:
    """Swap neighbours in a layer as long as that takes crossings away; a few rounds."""
    for _ in range(4):
        better = False
        for number, layer in enumerate(layers):
            places = [
                {unit: i for i, unit in enumerate(layers[near])} if 0 <= near < len(layers) else {}
                for near in (number - 1, number + 1)
            ]
            ends = [
                [sorted(places[side][near] for near in (unit.outward if side else unit.inward)) for side in (0, 1)]
                for unit in layer
            ]
            for i in range(len(layer) - 1):
                gain = sum(_cross(ends[i][s], ends[i + 1][s]) - _cross(ends[i + 1][s], ends[i][s]) for s in (0, 1))
                if gain > 0:
                    layer[i], layer[i + 1] = layer[i + 1], layer[i]
                    ends[i], ends[i + 1] = ends[i + 1], ends[i]
                    better = True
        if not better:
            return


def _cross(upper: list[int], lower: list[int]) -> int:
    """How many arrows cross if the one with the ends `upper` stands above the one with `lower`."""
    return sum(bisect_left(lower, end) for end in upper)
