"""A large graph as few boxes: repeats folded, modules and layers drawn as one box each.

`collapsed` gives the boxes and arrows of the picture; which nodes belong together is found by
`fold.py` and `modules.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from tinygrad_lite.engine import ops
from tinygrad_lite.engine.value import Value
from tinygrad_lite.views.drawing.data import Box, Edge, Note
from tinygrad_lite.views.picture import modules
from tinygrad_lite.views.picture.fold import Fold
from tinygrad_lite.views.picture.labels import BoxBuilder, number_of

MANY = 7  # leaves without names that lead to the same place and are drawn as one box
_SUMS = (ops.dot, ops.add, ops.sum)
_ROW = re.compile(r"(.+)\[((?:\d+, ?)*)\d+\]\Z")  # X[0, 3] is an entry of the row X[0, :]


def collapsed(
    builder: BoxBuilder,
    depth: int | None,
    expand: Collection[str],
    sample: int = 0,
    rule: Callable[[Value], str | None] | None = None,
) -> tuple[list[Box], list[Edge], list[Note]]:
    """The boxes, arrows and notes of a picture in which modules deeper than `depth` are closed.

    Args:
        builder: what makes the box of a node and the arrow of an operand.
        depth: 0 draws the whole network as one box, 1 the outermost modules, 2 what is inside
            them, and so on until the nodes themselves are drawn; None closes no module.
        expand: names of boxes that are opened by one more level.
        sample: which of the parts that were computed alike is shown.
        rule: the name of the box in which a Value is drawn, or None to leave it to the modules.

    Raises:
        ValueError: `expand` names no box; the message lists those there are.
    """
    weighted = modules.sums_of(builder.graph)
    fold = Fold(builder.graph, weighted.keys(), sample)
    places = modules.modules_of(fold, weighted)
    for number, node in enumerate(builder.graph.nodes):
        if rule is not None and (name := rule(node)):
            places[number] = (str(name),)
    closed = {number: _closed(place, depth, expand) for number, place in places.items() if depth is not None or rule}
    closed |= _penalties(fold, places, depth, expand)
    closed |= _inputs(fold, closed, places, expand)
    _check(expand, places, depth)
    closed = _without_cycles(fold, {number: name for number, name in closed.items() if name})
    return _drawn(builder, fold, closed, places)


def _penalties(
    fold: Fold, places: dict[int, tuple[str, ...]], depth: int | None, expand: Collection[str]
) -> dict[int, str]:
    """The squares of the parameters and their sum, with a factor before it, as one box."""
    if depth is None or depth > 2:
        return {}
    found: dict[int, str] = {}
    squares = modules.penalties(fold)
    sums = [number for number, leaves in squares.items() if all(leaf in places for leaf in leaves)]
    for i, number in enumerate(sums, start=1):
        name = "penalty" if len(sums) == 1 else f"penalty {i}"
        inside = {number, *fold.sums.get(number, ())}
        inside |= {p for n in inside for p in fold.graph.parents[n] if fold.graph.nodes[p].op is ops.constant}
        places |= dict.fromkeys(inside, (name,))
        found |= dict.fromkeys(inside, "" if name in expand else name)
    return found


def _closed(place: tuple[str, ...], depth: int | None, expand: Collection[str]) -> str:
    """The name of the box that a node is drawn in, or "" if it is drawn by itself."""
    if depth == 0 and "network" not in expand:
        return "network"
    level = max(depth or 1, 1)
    while level <= len(place) and ".".join(place[:level]) in expand:
        level += 1
    return ".".join(place[:level]) if level <= len(place) else ""


def _inputs(
    fold: Fold, closed: Mapping[int, str], places: dict[int, tuple[str, ...]], expand: Collection[str]
) -> dict[int, str]:
    """Leaves that lead into the same closed boxes as one box: a row `X[0, :]` of an array, or many "inputs"."""
    leads: dict[int, set[str]] = {}
    for child, parents in enumerate(fold.graph.parents):
        for parent in parents:
            if fold.graph.nodes[parent].op is ops.leaf and parent not in places:
                leads.setdefault(fold.home[parent], set()).add(closed.get(fold.home[child], ""))
    alike: dict[tuple[str, ...], list[int]] = {}
    for leaf, names in leads.items():
        if "" not in names:
            row = _ROW.match(str(fold.graph.nodes[leaf].label or ""))
            alike.setdefault((f"{row[1]}[{row[2]}:]" if row else "", *sorted(names)), []).append(leaf)
    many = {where: leaves for where, leaves in alike.items() if len(leaves) >= (2 if where[0] else MANY)}
    nameless = [where for where in many if not where[0]]
    found: dict[int, str] = {}
    for where, leaves in many.items():
        number = f" {nameless.index(where) + 1}" if len(nameless) > 1 and not where[0] else ""
        name = where[0] or f"inputs{number}"
        places |= dict.fromkeys(leaves, (name,))
        found |= dict.fromkeys(leaves, "" if name in expand else name)
    return found


def _check(expand: Collection[str], places: Mapping[int, tuple[str, ...]], depth: int | None) -> None:
    known = {".".join(place[:i]): None for place in places.values() for i in range(1, len(place) + 1)}
    if depth == 0:
        known = {"network": None, **known}
    for name in expand:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=3) or list(known)[:12]
            raise ValueError(
                f"expand= names boxes of the picture, but there is none named {name!r}"
                + (f"; there are {', '.join(near)}." if near else "; no module was found in this graph.")
            )


def _without_cycles(fold: Fold, closed: dict[int, str]) -> dict[int, str]:
    """Open the boxes that would be both before and after another, until no two are."""
    while True:
        before: TopologicalSorter[int | str] = TopologicalSorter()
        for child, parents in enumerate(fold.graph.parents):
            head = closed.get(fold.home[child], fold.home[child])
            tails = (closed.get(fold.home[parent], fold.home[parent]) for parent in parents)
            before.add(head, *(tail for tail in tails if tail != head))
        try:
            before.prepare()
        except CycleError as cycle:
            name = next(one for one in cycle.args[1] if isinstance(one, str))
            closed = {number: other for number, other in closed.items() if other != name}
        else:
            return closed


def _drawn(
    builder: BoxBuilder, fold: Fold, closed: Mapping[int, str], places: Mapping[int, tuple[str, ...]]
) -> tuple[list[Box], list[Edge], list[Note]]:
    """The boxes of what is closed and of what is not, and the arrows between them."""
    graph = fold.graph
    members: dict[str, list[int]] = {}
    for number, name in sorted(closed.items()):
        if fold.home[number] == number:
            members.setdefault(name, []).append(number)
    last = {name: numbers[-1] for name, numbers in members.items()}
    where = [last[closed[h]] if h in closed else h for h in fold.home]  # the box of each node

    boxes = []
    names = {number: name for name, number in last.items()}
    for number in range(len(graph)):
        if where[number] != number:
            continue
        if number in names:
            boxes.append(_group(builder, fold, number, names[number], members[names[number]], places))
        else:
            box = builder.box(number)
            symbol = "sum" if len(fold.sums.get(number, ())) > 2 and box.symbol == "+" else box.symbol
            boxes.append(box._replace(times=fold.times.get(number, 1), symbol=symbol))

    plain = {box.number for box in boxes if box.kind != "group" and box.symbol == graph.nodes[box.number].op.symbol}
    tails: dict[tuple[int, int], dict[object, None]] = {}  # between two boxes, which values; of a neuron, which neuron
    edges: list[Edge] = []
    count: dict[int, int] = {}
    for child in sorted(range(len(graph)), key=lambda child: child in fold.hidden):  # what is shown comes first
        head = where[child]
        for parent, local in zip(graph.parents[child], graph.nodes[child].local, strict=True):
            tail = where[parent]
            if tail == head or (parent != tail and tail not in names and tail in graph.parents[child]):
                continue
            known = tails.setdefault((tail, head), {})
            first = not known
            known[places[home] if (home := fold.home[parent]) in places and graph.parents[home] else home] = None
            if first or (child in plain and child == head and parent == tail and tail not in names):
                shown = local if head not in names else None
                i = count.get(head, 0)
                count[head] = i + 1
                edges.append(builder.edge(tail, head, i, shown, number_of(graph.nodes[child].grad)))
    for place, edge in enumerate(edges):
        values = len(tails[edge.tail, edge.head])
        if edge.tail in names and values > 1:
            edges[place] = edge._replace(local=None, contribution=None, texts=(("values", f"{values} values"),))
    notes = []
    if fold.times:
        many = max(box.times for box in boxes)
        which = "the first" if fold.sample == 0 else f"number {min(fold.sample + 1, many)}"
        words = (
            f"a number such as x {many} marks one of {many} parts that were computed alike; {which} of them is shown"
        )
        notes.append(Note((("", words),)))
    return boxes, edges, notes


def _group(
    builder: BoxBuilder, fold: Fold, number: int, name: str, members: list[int], places: Mapping[int, tuple[str, ...]]
) -> Box:
    """The box of a module: how many neurons, which activation, how many parameters, how large a gradient."""
    nodes = fold.graph.nodes
    neurons = len({places[m] for m in members})
    if places[number] == (name,) and number in (squares := modules.penalties(fold)):
        rows = [("sum of squares", f"{len(set(squares[number])):,} parameters")]
        rows += [("data", builder.write(nodes[number].data)), ("grad", builder.write(number_of(nodes[number].grad)))]
        return Box(number, "group", name, nodes[number].data, number_of(nodes[number].grad), "", tuple(rows))
    bent = [m for m in members if nodes[m].op.activation or nodes[m].op in (ops.maximum, ops.minimum)]
    activations = list(dict.fromkeys(modules.activation_of(fold, m) for m in bent))
    parameters = [m for m in members if nodes[m].op is ops.leaf]
    length = math.hypot(*(number_of(nodes[m].grad) for m in parameters))
    rows = [("neurons", str(neurons))] if neurons > 1 else []
    if activations:
        rows.append(("activation", ", ".join(activations)))
    kind = "values" if len(parameters) == len(members) else "parameters"  # leaves alone are inputs
    rows += [(kind, f"{len(parameters):,}"), ("|grad|", builder.write(length))] if parameters else []
    if neurons == 1 and kind == "parameters":
        rows[:0] = [("data", builder.write(nodes[number].data)), ("grad", builder.write(number_of(nodes[number].grad)))]
    times: dict[tuple[str, ...], int] = {}  # how often each neuron was computed
    sums: dict[tuple[str, ...], int] = {}  # how often each neuron is in the box ...
    numbers: dict[tuple[str, ...], int] = {}  # ... and how many bare numbers went into its sums
    inside = {p for m in members for p in fold.graph.parents[m] if nodes[m].op in _SUMS}
    for m in members:
        if nodes[m].op in _SUMS:
            sums[places[m]] = sums.get(places[m], 0) + (m not in inside)
            times[places[m]] = times.get(places[m], 0) + fold.times.get(m, 1) * (m not in inside)
        if nodes[m].op in _SUMS or nodes[m].op is ops.mul:
            constants = sum(nodes[p].op is ops.constant for p in fold.graph.parents[m])
            numbers[places[m]] = numbers.get(places[m], 0) + constants
    if numbers:
        most = max(count // max(sums.get(place, 1), 1) for place, count in numbers.items())
        rows[:0] = [("inputs", f"{most} number{'' if most == 1 else 's'}")] if most else []
    return Box(
        number,
        "group",
        name,
        nodes[number].data,
        length,
        "",
        tuple(rows),
        times=max(times.values(), default=1),
        members=tuple(parameters),
    )
