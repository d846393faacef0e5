"""Two mistakes one after the other, neither of which can be mended alone: told by the same linear algebra.

A change at one place leaves a rest; if that rest is within reach of another place, the two together may do.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_lite.checking.lines.functions import Node
from tinygrad_lite.checking.lines.place import Place
from tinygrad_lite.checking.network.arrays import Array, np

DEAREST = 1.7


def in_series(places: list[Place]) -> Iterator[tuple[float, Place, Node]]:
    """(cost, place, change) after which some other place can make every gradient exact."""
    known = [p for p in places if p.reach.whole is not None]
    rest = {id(p): _beyond(p.reach.whole) for p in known}
    for place in sorted(known, key=lambda p: p.price):
        others = np.array([rest[id(p)] for p in known if p is not place])
        if len(place.reach.sizes) != 1 or not len(others):
            continue
        start = np.asarray(place.reach.start, float)
        for cost, x in place.pool("near"):
            if cost > DEAREST:
                break
            values = place.values(x)
            if values is None or np.shape(values[0]) != start.shape:
                continue
            assert place.reach.whole is not None
            left = place.reach.missing - place.reach.whole @ (np.asarray(values[0], float) - start).ravel()
            if np.all(np.isfinite(left)) and np.any(np.abs(others @ left).max(axis=1) <= place.reach.tolerance):
                yield cost, place, x


def _beyond(whole: Array) -> Array:
    """The projection onto what a place cannot make up."""
    u, s, _ = np.linalg.svd(whole, full_matrices=False)
    u = u[:, s > 1e-9 * max(s[0], 1e-300)] if len(s) else u
    return np.eye(len(whole)) - u @ u.T
