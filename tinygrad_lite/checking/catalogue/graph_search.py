"""The same question for any small graph of scalars: which change to one link gives these gradients?

Every edge of the graph carries a local derivative. A hypothesis (`graph_changes.py`) changes one of them, or the
same one at every node of a kind or of a layer. All hypotheses are candidates of one reverse sweep, which is the
engine's own rule, adjoint of a parent += adjoint of the child times the local derivative.

A candidate is believed only if it gives all of the user's numbers, on every graph handed over; of
those that do, the ones that change the fewest places are told.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_lite.checking.catalogue.graph_changes import Change, Edge, changes_of, local, operands_of
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.report.language import say

NODES_AT_MOST = 600
PAIRS_AT_MOST = 60_000
SAME = 1e-9
LIKELY = ["DROPPED_PATH", "DROPPED_FACTOR", "SWAPPED", "STALE_VALUE", "SIGN", "DOUBLED_FACTOR"]  # told in this order
SCALES = {"SIGN", "FACTOR_2"}  # which one wrong number on one problem can never show
RATES = (0.1, 0.01, 0.5, 1.0, 0.05, 0.001)


def explain_graph(
    roots: Sequence[Value],
    wanted: Sequence[Sequence[tuple[Value, float]]],
    noise: float = 0.0,
    rates: Sequence[float] = RATES,
) -> list[list[Mistake]]:
    """The changes to the chain rule that give the wanted gradients: sets of one or two mistakes, all equally good.

    Args:
        roots: the loss, recorded on one problem or several; the graphs must have the same form.
        wanted: for each root the leaves, and the user's number for each, in the same order.
        noise: how exactly these numbers are known.
        rates: the learning rates with which weights may have been updated too early.

    >>> a, b = Value(2.0, label="a"), Value(5.0, label="b")
    >>> y = (a * b + a) ** 2
    >>> explain_graph([y], [[(a, 2 * 12.0 * 5.0), (b, 2 * 12.0 * 2.0)]])
    [[DROPPED_PATH at a]]
    """
    if not searchable(roots):
        return []
    graphs = [Graph(root) for root in roots]
    first = graphs[0]
    swapped = _swapped(graphs, wanted)
    if swapped:
        return swapped
    shown = _wrong_numbers(graphs, wanted)
    changes, operands = list(changes_of(first)), list(operands_of(graphs, wanted, rates))
    found = _reproducing(graphs, wanted, [[change] for change in (*changes, *operands)], noise)
    for each in (changes, operands):
        if not found and len(each) ** 2 // 2 <= PAIRS_AT_MOST:
            pairs = [[a, b] for i, a in enumerate(each) for b in each[:i] if not set(a.edges) & set(b.edges)]
            found = _reproducing(graphs, wanted, pairs, noise)
    if shown < 2:
        found = [each for each in found if not {change.mistake.code for change in each} & SCALES]
    fewest = min((len(change.edges) > 1 for each in found for change in each), default=False)
    found = [each for each in found if all((len(change.edges) > 1) <= fewest for change in each)]
    unique = dict.fromkeys(tuple(change.mistake for change in each) for each in found)
    return sorted(map(list, unique), key=lambda each: [_rank(m) for m in each])


def searchable(roots: Sequence[Value]) -> bool:
    """Whether there are graphs, small ones, and all of one form."""
    graphs = [Graph(root) for root in roots]
    forms = [(g.parents, [node.op for node in g.nodes]) for g in graphs]
    return bool(graphs) and len(graphs[0]) <= NODES_AT_MOST and all(form == forms[0] for form in forms)


def _rank(mistake: Mistake) -> int:
    return LIKELY.index(mistake.code) if mistake.code in LIKELY else len(LIKELY)


def _wrong_numbers(graphs: list[Graph], wanted: Sequence[Sequence[tuple[Value, float]]]) -> int:
    """How many of the user's numbers are not the exact ones, on all problems together."""
    from tinygrad_lite.engine.reverse import adjoints

    found = 0
    for g, pairs in zip(graphs, wanted, strict=True):
        exact = adjoints(g.nodes[g.roots[0]])
        found += sum(not math.isclose(exact.get(leaf, 0.0), x, rel_tol=SAME) for leaf, x in pairs)
    return found


# ---------------------------------------------------------------------- the sweep


def _reproducing(
    graphs: list[Graph], wanted: Sequence[Sequence[tuple[Value, float]]], sets: list[list[Change]], noise: float
) -> list[list[Change]]:
    """Those sets of changes that give the wanted numbers on all graphs."""
    alive = sets
    for g, pairs in zip(graphs, wanted, strict=True):
        if not alive:
            return []
        numbers = _sweep(g, alive, [leaf for leaf, _ in pairs])
        scale = max((abs(x) for _, x in pairs), default=0.0)
        room = [SAME * abs(x) + 1e-3 * SAME * scale + noise for _, x in pairs]
        alive = [
            changes
            for changes, row in zip(alive, numbers, strict=True)
            if all(abs(mine - x) <= r for mine, (_, x), r in zip(row, pairs, room, strict=True))
        ]
    return alive


def kink_intervals(root: Value, leaves: list[Value]) -> list[tuple[float, float]] | None:
    """For each leaf the smallest and largest gradient that the kinks of the graph allow; None if it is on none.

    >>> x = Value(0.0)
    >>> kink_intervals(ops.relu(x) * 2.0 + x, [x])
    [(1.0, 3.0)]
    """
    g = Graph(root)
    ends: list[list[Change]] = []
    for child, node in enumerate(g.nodes):
        kink = node.op.kink
        if kink is None or not kink.met(*[g.nodes[p].data for p in g.parents[child]]):
            continue
        edges = [(child, i) for i, factor in enumerate(node.local) if factor is not None]
        if node.op in (ops.maximum, ops.minimum):  # one of the operands that tie takes all
            tied = [(child, i) for i, p in enumerate(g.parents[child]) if g.nodes[p].data == node.data]
            ends.append([_end(edges, lambda h, e, taker=taker: float(e == taker)) for taker in tied])
        else:
            ends.append([_end(edges, lambda h, e, end=end: end) for end in (kink.low, kink.high)])
    if not ends:
        return None
    corners = itertools.islice(itertools.product(*ends), 4096)
    numbers = _sweep(g, [list(corner) for corner in corners], leaves)
    return [(min(column), max(column)) for column in zip(*numbers, strict=True)]


def _end(edges: list[Edge], derivative: Callable[..., float]) -> Change:
    return Change(Mistake("KINK", "", ""), edges, derivative)


def _sweep(g: Graph, sets: list[list[Change]], leaves: list[Value]) -> list[list[float]]:
    """The adjoints of the leaves under every set of changes: one reverse sweep for all sets together."""
    try:
        from tinygrad_lite.checking.network.arrays import np
    except ImportError:
        return [_plain_sweep(g, changes, leaves) for changes in sets]
    changed: dict[Edge, Any] = {}
    for k, changes in enumerate(sets):
        for change in changes:
            for edge in change.edges:
                if edge not in changed:
                    changed[edge] = np.full(len(sets), local(g, edge))
                changed[edge][k] = change.derivative(g, edge)
    adjoint: list[Any] = [0.0] * len(g)
    adjoint[g.roots[0]] = np.ones(len(sets))
    with np.errstate(all="ignore"):
        for child in range(len(g) - 1, -1, -1):
            for i, parent in enumerate(g.parents[child]):
                factor = g.nodes[child].local[i]
                if factor is not None:
                    adjoint[parent] = adjoint[parent] + adjoint[child] * changed.get((child, i), factor)
    columns = [np.broadcast_to(adjoint[g.number[leaf]] if leaf in g.number else 0.0, len(sets)) for leaf in leaves]
    return np.stack(columns, axis=1).tolist()  # type: ignore[no-any-return]


def _plain_sweep(g: Graph, changes: list[Change], leaves: list[Value]) -> list[float]:
    """The same for one set, where there is no NumPy."""
    changed = {edge: change.derivative(g, edge) for change in changes for edge in change.edges}
    adjoint = [0.0] * len(g)
    adjoint[g.roots[0]] = 1.0
    for child in range(len(g) - 1, -1, -1):
        for i, parent in enumerate(g.parents[child]):
            factor = g.nodes[child].local[i]
            if factor is not None:
                adjoint[parent] += adjoint[child] * changed.get((child, i), factor)
    return [adjoint[g.number[leaf]] if leaf in g.number else 0.0 for leaf in leaves]


def _swapped(graphs: list[Graph], wanted: Sequence[Sequence[tuple[Value, float]]]) -> list[list[Mistake]]:
    """Two leaves of which each has the other's gradient."""
    from tinygrad_lite.engine.reverse import adjoints

    found: set[tuple[int, int]] | None = None
    for g, pairs in zip(graphs, wanted, strict=True):
        exact = adjoints(g.nodes[g.roots[0]])
        right = [float(exact.get(leaf, 0.0)) for leaf, _ in pairs]
        mine = [x for _, x in pairs]
        off = [i for i, (r, m) in enumerate(zip(right, mine, strict=True)) if abs(r - m) > SAME * max(abs(r), abs(m))]
        if len(off) != 2 or abs(right[off[0]] - mine[off[1]]) > SAME * abs(right[off[0]]):
            return []
        if abs(right[off[1]] - mine[off[0]]) > SAME * abs(right[off[1]]):
            return []
        here = {(off[0], off[1])}
        found = here if found is None else found & here
    names = [leaf.label or say("input {0}", i + 1) for i, (leaf, _) in enumerate(wanted[0])]
    return [
        [Mistake("SWAPPED", names[i], say("the gradients of {0} and {1} are swapped", names[i], names[j]))]
        for i, j in found or ()
    ]
