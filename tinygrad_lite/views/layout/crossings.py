"""The order of the units within each layer, so that few arrows cross: medians, swept to and fro."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from tinygrad_lite.views.layout.graph import Unit

ORDER = 1.5  # crossings that are accepted to have two operands in order
PATIENCE = 6  # sweeps without a better order


def ordered(layers: list[list[Unit]]) -> list[list[Unit]]:
    """The same layers with their units in a better order, the best that was met on the way.

    Few arrows cross in it, and operands stand in the order of the program.

    Each sweep sorts layer after layer by the medians of the neighbours in the layer before (or
    after, on the way back), then swaps neighbours as long as that helps.
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
        _swap(layers)
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
    """Sort by medians; units without a neighbour there stay where they are."""
    medians = [_median(sorted([near.place for near in (unit.outward if back else unit.inward)])) for unit in layer]
    movable = [i for i, median in enumerate(medians) if median >= 0]
    units = [layer[i] for i in sorted(movable, key=lambda i: medians[i])]
    for i, unit in zip(movable, units, strict=True):
        layer[i] = unit
        unit.place = i


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
        for layer in layers:
            ends = [
                (sorted([near.place for near in unit.inward]), sorted([near.place for near in unit.outward]))
                for unit in layer
            ]
            for i in range(len(layer) - 1):
                (a, b), (c, d) = ends[i], ends[i + 1]
                if _cross(a, c) + _cross(b, d) > _cross(c, a) + _cross(d, b):
                    layer[i], layer[i + 1] = layer[i + 1], layer[i]
                    layer[i].place, layer[i + 1].place = i, i + 1
                    ends[i], ends[i + 1] = ends[i + 1], ends[i]
                    better = True
        if not better:
            return


def _cross(upper: list[int], lower: list[int]) -> int:
    """How many arrows cross if the one with the ends `upper` stands above the one with `lower`."""
    if not upper or not lower or upper[-1] <= lower[0]:
        return 0
    return sum([bisect_left(lower, end) for end in upper])
