"""Where the boxes go: a layered layout in plain Python, the same on every machine.

The method is Sugiyama's, in four steps: the layers (here), the order in each layer
(`crossings.py`), the places across (`coordinates.py`), and the places along with the arrows (here).
*Along* is the direction of the arrows, from left to right in an "LR" picture; *across* is at
right angles to it. An arrow over several layers passes through a dummy in each layer between,
so that no arrow runs over a box. An op's ellipse and the box of its result travel as one unit.

Source: Sugiyama, Tagawa, Toda (1981), Methods for visual understanding of hierarchical system
structures; the medians are those of Gansner, Koutsofios, North, Vo (1993), A technique for
drawing directed graphs.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from itertools import pairwise

from tinygrad_lite.views.layout.coordinates import nearest, straighten
from tinygrad_lite.views.layout.crossings import ordered
from tinygrad_lite.views.layout.graph import LayoutGraph, Placement, Point, Unit

TIE = 16.0  # between an op's ellipse and its box
GAP = 34.0  # the least between two layers
MANY = 6  # long arrows of one box, beyond which they run in one line


def layout(sketch: LayoutGraph) -> Placement:
    """Place every box and arrow of the sketch; no two boxes overlap, and no arrow runs over a box."""
    turned = sketch.direction == "TB"
    sizes = {k: (h, w) if turned else (w, h) for k, (w, h) in sketch.sizes.items()}
    units, home = _units(sketch, sizes)
    routes = _layers(sketch, units, home)
    layers = ordered(_by_layer(units, routes))
    straighten(layers)
    centre, curve, spot = _positions(sketch, sizes, layers, home, routes, turned)
    return _framed(sketch, centre, curve, spot, turned)


# ---------------------------------------------------------------------- which layer


def _units(sketch: LayoutGraph, sizes: dict[str, tuple[float, float]]) -> tuple[list[Unit], dict[str, Unit]]:
    """One unit for each box, tied to its ellipse; and where each key has its home."""
    tied = {arrow.head: arrow.tail for arrow in sketch.arrows if arrow.key.startswith("r")}
    units, home = [], {}
    for key, (along, across) in sizes.items():
        if key.startswith("o"):
            continue
        unit = home[key] = Unit(key, along, across)
        if key in tied:
            unit.ellipse = tied[key]
            home[tied[key]] = unit
            unit.across = max(across, sizes[tied[key]][1])
        units.append(unit)
    return units, home


def _layers(sketch: LayoutGraph, units: list[Unit], home: dict[str, Unit]) -> dict[str, list[Unit]]:
    """Give each unit its layer, and each arrow its route: tail, the dummies between, head.

    An inner box stands one layer behind its last operand; a leaf stands right before its first
    use, so that a bias stands beside its layer and not at the far left. So does what is computed
    from leaves alone and far from its use, such as the 0.1 * x of a late step of a loop, unless more arrows
    grow longer by it. Many long arrows from one box, as from the weight of such a loop, run in one line.
    """
    arrows = [arrow for arrow in sketch.arrows if not arrow.key.startswith("r")]
    into: dict[Unit, list[Unit]] = {unit: [] for unit in units}
    out_of: dict[Unit, list[Unit]] = {unit: [] for unit in units}
    for arrow in arrows:
        into[home[arrow.head]].append(home[arrow.tail])
        out_of[home[arrow.tail]].append(home[arrow.head])
    order = list(TopologicalSorter(into).static_order())
    for unit in order:
        unit.layer = 1 + max((parent.layer for parent in into[unit]), default=-1)
    for unit in reversed(order):
        latest = min((child.layer for child in out_of[unit]), default=unit.layer + 1) - 1
        stay = sum(len(out_of[parent]) > 1 or bool(into[parent]) for parent in into[unit])  # the others come along
        late = latest > unit.layer + 1 and not any(into[parent] for parent in into[unit]) and stay <= len(out_of[unit])
        if latest > unit.layer and (late or len(into[unit]) < len(out_of[unit])):
            unit.layer = latest

    routes = {}
    lanes: dict[tuple[Unit, int], Unit] = {}
    for arrow in arrows:
        tail, head = home[arrow.tail], home[arrow.head]
        shared = sum(child.layer > tail.layer + 1 for child in out_of[tail]) > MANY
        route = [tail]
        for layer in range(tail.layer + 1, head.layer):
            dummy = lanes.get((tail, layer)) if shared else None
            if dummy is None:
                dummy = lanes[tail, layer] = Unit("", across=2.0)
                dummy.layer = layer
            route.append(dummy)
        routes[arrow.key] = [*route, head]
    return routes


def _by_layer(units: list[Unit], routes: dict[str, list[Unit]]) -> list[list[Unit]]:
    """The layers, each in the order in which an arrow first reaches its units; neighbours are noted."""
    lanes: set[tuple[Unit, Unit]] = set()
    for before, after in (step for route in routes.values() for step in pairwise(route)):
        if (before, after) not in lanes:
            before.outward.append(after)
            after.inward.append(before)
        if after.dummy:
            lanes.add((before, after))
    layers: list[list[Unit]] = [[] for _ in range(1 + max((unit.layer for unit in units), default=-1))]
    seen: set[Unit] = set()
    todo = [unit for unit in units if not unit.outward]
    while todo:  # from the roots back, operands in the order in which they were written
        unit = todo.pop()
        if unit not in seen:
            seen.add(unit)
            layers[unit.layer].append(unit)
            todo += reversed(unit.inward)
    return layers


# ---------------------------------------------------------------------- how far along, and the arrows


def _positions(
    sketch: LayoutGraph,
    sizes: dict[str, tuple[float, float]],
    layers: list[list[Unit]],
    home: dict[str, Unit],
    routes: dict[str, list[Unit]],
    turned: bool,
) -> tuple[dict[str, Point], dict[str, list[Point]], dict[str, Point]]:
    """Places along, curves and texts, all as (along, across)."""
    texts = {arrow.key: (arrow.text[1], arrow.text[0]) if turned else arrow.text for arrow in sketch.arrows}
    ports = _ports(routes, sizes)
    start, end, ovals = [], [], []
    place = 0.0
    for number, layer in enumerate(layers):
        ovals.append(max((sizes[u.ellipse][0] for u in layer if u.ellipse), default=0.0))
        body = max((u.along for u in layer), default=0.0)
        start.append(place)
        place += (ovals[-1] + TIE if ovals[-1] else 0.0) + body
        end.append(place)
        widest, climb = 0.0, 0.0
        for key, route in routes.items():
            if route[0].layer <= number < route[-1].layer:
                one, other = route[number - route[0].layer], route[number - route[0].layer + 1]
                climb = max(climb, abs(one.at - other.at))
                if other is route[-1]:
                    widest = max(widest, texts[key][0])
        place += max(GAP, 1.2 * widest + 18 if widest else 0.0, min(0.16 * climb, 90.0))

    centre: dict[str, Point] = {}
    for layer in layers:
        for unit in layer:
            if not unit.dummy:
                centre[unit.key] = (end[unit.layer] - unit.along / 2, unit.at)
                if unit.ellipse:
                    centre[unit.ellipse] = (start[unit.layer] + ovals[unit.layer] / 2, unit.at)

    curve: dict[str, list[Point]] = {}
    wishes: dict[int, list[tuple[float, float, str]]] = {}
    for key, route in routes.items():
        tail, head = route[0], route[-1]
        out, inn = ports[key]
        points = [(end[tail.layer], tail.at + out)]
        for dummy in route[1:-1]:
            points += _bend(points[-1], (start[dummy.layer], dummy.at))
            points += _bend(points[-1], (end[dummy.layer], dummy.at))
        before = points[-1]
        tip = _tip(sizes, centre, head, inn)
        gate = (start[head.layer], tip[1])  # from there straight on: the ellipses of neighbours stand behind it
        points += _landing(before, tip if head.ellipse else gate)
        text = points[-4:]
        if not head.ellipse:
            points += _straight(gate, tip)[1:]
        curve[key] = points
        if texts[key][0]:
            x, y = _on(text, 0.45)
            x = min(x, start[head.layer] - texts[key][0] / 2 - 2)  # clear of a neighbour's wider ellipse
            beside = (texts[key][1] / 2 + 1.5) * (1 if turned else -1)  # above the arrow, or to its right
            wishes.setdefault(head.layer, []).append((y + beside, x, key))
    for unit in {home[arrow.head] for arrow in sketch.arrows if arrow.key.startswith("r")}:
        a, b = centre[unit.ellipse], centre[unit.key]
        curve["r" + unit.key[1:]] = _straight(
            (a[0] + sizes[unit.ellipse][0] / 2, a[1]), (b[0] - sizes[unit.key][0] / 2, b[1])
        )

    spot: dict[str, Point] = {}
    for group in wishes.values():  # texts in one gap keep out of each other's way
        group.sort()
        gaps = [(texts[a[2]][1] + texts[b[2]][1]) / 2 + 1 for a, b in pairwise(group)]
        for (_, x, key), y in zip(group, nearest([(y, 1.0) for y, _, _ in group], gaps), strict=True):
            spot[key] = (x, y)
    return centre, curve, spot


def _ports(routes: dict[str, list[Unit]], sizes: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """How far from the middle, across, each arrow leaves its tail and enters its head: fanned, not knotted."""
    leaving: dict[Unit, list[tuple[float, int, str]]] = {}
    entering: dict[Unit, list[tuple[float, int, str]]] = {}
    for i, (key, route) in enumerate(routes.items()):
        leaving.setdefault(route[0], []).append((route[1].at, i, key))
        entering.setdefault(route[-1], []).append((route[-2].at, i, key))
    out: dict[str, float] = {}
    inn: dict[str, float] = {}
    for fans, offsets, share in ((leaving, out, 0.22), (entering, inn, 0.3)):
        for unit, arrows in fans.items():
            side = sizes[unit.ellipse if offsets is inn and unit.ellipse else unit.key][1]
            ends = [
                (routes[key][1] if offsets is out and routes[key][1].dummy else key) for _, _, key in sorted(arrows)
            ]
            lanes = {end: i for i, end in enumerate(dict.fromkeys(ends))}
            step = min(2 * share * side / max(len(lanes) - 1, 1), 12.0)
            for (_, _, key), end in zip(sorted(arrows), ends, strict=True):
                offsets[key] = (lanes[end] - (len(lanes) - 1) / 2) * step
    return {key: (out[key], inn[key]) for key in routes}


def _tip(sizes: dict[str, tuple[float, float]], centre: dict[str, Point], head: Unit, offset: float) -> Point:
    """Where an arrow meets the near side of the head's ellipse, or of its box if it has none."""
    key = head.ellipse or head.key
    x, y = centre[key]
    along, across = sizes[key][0] / 2, sizes[key][1] / 2
    reach = along * (1 - (offset / across) ** 2) ** 0.5 if head.ellipse else along
    return (x - reach, y + offset)


def _bend(a: Point, b: Point) -> list[Point]:
    """An S from a to b that leaves and arrives along; straight where it can be."""
    middle = (a[0] + b[0]) / 2
    return [(middle, a[1]), (middle, b[1]), b]


def _landing(a: Point, b: Point) -> list[Point]:
    """The last stretch of an arrow: it arrives at a slant, so that many arrows into one op fan out."""
    along, across = b[0] - a[0], b[1] - a[1]
    return [(a[0] + 0.45 * along, a[1] + 0.1 * across), (b[0] - 0.35 * along, b[1] - 0.25 * across), b]


def _on(curve: list[Point], t: float) -> Point:
    """The point of a Bezier curve at t, from 0 to 1."""
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
    x, y = (sum(w * point[i] for w, point in zip(weights, curve, strict=True)) for i in (0, 1))
    return (x, y)


def _straight(a: Point, b: Point) -> list[Point]:
    third = (b[0] - a[0]) / 3
    return [a, (a[0] + third, a[1]), (b[0] - third, b[1]), b]


def _framed(
    sketch: LayoutGraph, centre: dict[str, Point], curve: dict[str, list[Point]], spot: dict[str, Point], turned: bool
) -> Placement:
    """Turn (along, across) into (x, y), and move all of it to the origin."""
    if turned:
        centre = {k: (y, x) for k, (x, y) in centre.items()}
        curve = {k: [(y, x) for x, y in points] for k, points in curve.items()}
        spot = {k: (y, x) for k, (x, y) in spot.items()}
    half = {k: (w / 2, h / 2) for k, (w, h) in sketch.sizes.items()}
    half |= {arrow.key: (arrow.text[0] / 2, arrow.text[1] / 2) for arrow in sketch.arrows}
    corners = [
        (x + sx * half[k][0], y + sy * half[k][1])
        for k, (x, y) in [*centre.items(), *spot.items()]
        for sx, sy in ((-1, -1), (1, 1))
    ] + [point for points in curve.values() for point in points]
    left, top = min((x for x, _ in corners), default=0.0), min((y for _, y in corners), default=0.0)
    right, bottom = max((x for x, _ in corners), default=0.0), max((y for _, y in corners), default=0.0)
    return Placement(
        right - left,
        bottom - top,
        {k: (x - left, y - top) for k, (x, y) in centre.items()},
        {k: [(x - left, y - top) for x, y in points] for k, points in curve.items()},
        {k: (x - left, y - top) for k, (x, y) in spot.items()},
    )
