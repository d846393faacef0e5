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

from tinygrad_lite.checking.catalogue.graph_changes import Change, Edge, Wanted, changes_of, local, operands_of
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.report.language import say

NODES_AT_MOST = 600
PAIRS_AT_MOST = 60_000
SAME = 1e-9
LIKELY = ["DROPPED_PATH", "DROPPED_FACTOR", "SWAPPED", "STALE_VALUE", "SIGN", "DOUBLED_FACTOR"]  # told in this order
SCALES = {"SIGN", "FACTOR_2"}  # which one wrong number on one problem can never show


def explain_graph(roots: Sequence[Value], wanted: Sequence[Wanted]) -> list[list[Mistake]]:
    """The changes to the chain rule that give the wanted gradients: sets of one or two mistakes, all equally good.

    Args:
        roots: the loss, recorded on one problem or several; the graphs must have the same form.
        wanted: for each root the leaves, and the user's number for each, in the same order.

    >>> a, b = Value(2.0, label="a"), Value(5.0, label="b")
    >>> y = (a * b + a) ** 2
    >>> explain_graph([y], [[(a, 2 * 12.0 * 5.0), (b, 2 * 12.0 * 2.0)]])
    [[DROPPED_PATH at a]]
    """
    if not searchable(roots):
        return []
    graphs = [Graph(root) for root in roots]
    exact = [_adjoints(g, {}, 1.0, [leaf for leaf, _ in pairs]) for g, pairs in zip(graphs, wanted, strict=True)]
    swapped = _swapped(exact, wanted)
    if swapped:
        return swapped
    changes, operands = list(changes_of(graphs[0])), list(operands_of(graphs, wanted))
    found = _reproducing(graphs, wanted, [[change] for change in (*changes, *operands)])
    for each in (changes, operands):
        if not found and len(each) ** 2 // 2 <= PAIRS_AT_MOST:
            pairs = [[a, b] for i, a in enumerate(each) for b in each[:i] if not set(a.edges) & set(b.edges)]
            found = _reproducing(graphs, wanted, pairs)
    sides = zip(itertools.chain(*exact), (mine for pairs in wanted for _, mine in pairs), strict=True)
    if sum(not math.isclose(x, mine, rel_tol=SAME) for x, mine in sides) < 2:
        found = [each for each in found if not {change.mistake.code for change in each} & SCALES]
    fewest = min((len(change.edges) > 1 for each in found for change in each), default=False)
    found = [each for each in found if all((len(change.edges) > 1) <= fewest for change in each)]
    unique = dict.fromkeys(tuple(change.mistake for change in each) for each in found)
    return sorted(map(list, unique), key=lambda each: [_rank(m) for m in each])


def searchable(roots: Sequence[Value]) -> bool:
    """Whether there are graphs, small ones, and all of one form."""
    if not roots or any(_large(root) for root in roots):
        return False
    graphs = [Graph(root) for root in roots]
    forms = [(g.parents, [node.op for node in g.nodes]) for g in graphs]
    return all(form == forms[0] for form in forms)


def _large(root: Value) -> bool:
    """Whether a graph has more nodes than are searched; found without walking through all of it."""
    seen, todo = {id(root)}, [root]
    while todo and len(seen) <= NODES_AT_MOST:
        new = [x for x in todo.pop().parents if isinstance(x, Value) and id(x) not in seen]
        seen.update(map(id, new))
        todo += new
    return len(seen) > NODES_AT_MOST


def _rank(mistake: Mistake) -> int:
    return LIKELY.index(mistake.code) if mistake.code in LIKELY else len(LIKELY)


# ---------------------------------------------------------------------- the sweep


def _reproducing(graphs: list[Graph], wanted: Sequence[Wanted], sets: list[list[Change]]) -> list[list[Change]]:
    """Those sets of changes that give the wanted numbers on all graphs."""
    alive = sets
    for g, pairs in zip(graphs, wanted, strict=True):
        if not alive:
            return []
        numbers = _sweep(g, alive, [leaf for leaf, _ in pairs])
        scale = max((abs(x) for _, x in pairs), default=0.0)
        tolerance = [SAME * abs(x) + 1e-3 * SAME * scale for _, x in pairs]
        alive = [
            changes
            for changes, row in zip(alive, numbers, strict=True)
            if all(abs(mine - x) <= r for mine, (_, x), r in zip(row, pairs, tolerance, strict=True))
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
    """The adjoints of the leaves under every set of changes: with NumPy one reverse sweep for all sets together."""
    try:
        from tinygrad_lite.checking.network.arrays import np
    except ImportError:
        each = [{edge: change.derivative(g, edge) for change in changes for edge in change.edges} for changes in sets]
        return [_adjoints(g, changed, 1.0, leaves) for changed in each]
    changed: dict[Edge, Any] = {}
    for k, changes in enumerate(sets):
        for change in changes:
            for edge in change.edges:
                if edge not in changed:
                    changed[edge] = np.full(len(sets), local(g, edge))
                changed[edge][k] = change.derivative(g, edge)
    with np.errstate(all="ignore"):
        columns = _adjoints(g, changed, np.ones(len(sets)), leaves)
    return np.stack([np.broadcast_to(column, len(sets)) for column in columns], axis=1).tolist()  # type: ignore[no-any-return]


def _adjoints(g: Graph, changed: dict[Edge, Any], one: Any, leaves: list[Value]) -> list[Any]:
    """The adjoints of the leaves with some local derivatives changed; `one` is 1, or an array of ones for many sets."""
    adjoint: list[Any] = [0.0] * len(g)
    adjoint[g.roots[0]] = one
    for child in range(len(g) - 1, -1, -1):
        for i, parent in enumerate(g.parents[child]):
            factor = g.nodes[child].local[i]
            if factor is not None:
                adjoint[parent] = adjoint[parent] + adjoint[child] * changed.get((child, i), factor)
    return [adjoint[g.number[leaf]] if leaf in g.number else 0.0 for leaf in leaves]


def _swapped(exact: list[list[float]], wanted: Sequence[Wanted]) -> list[list[Mistake]]:
    """Two leaves of which each has the other's gradient."""
    found: set[tuple[int, ...]] = set()
    for right, pairs in zip(exact, wanted, strict=True):
        mine = [x for _, x in pairs]
        off = [i for i, (r, m) in enumerate(zip(right, mine, strict=True)) if abs(r - m) > SAME * max(abs(r), abs(m))]
        if len(off) != 2 or any(abs(right[i] - mine[j]) > SAME * abs(right[i]) for i, j in (off, off[::-1])):
            return []
        found.add(tuple(off))
    names = [leaf.label or say("input {0}", i + 1) for i, (leaf, _) in enumerate(wanted[0])]
    return [
        [Mistake("SWAPPED", names[i], say("the gradients of {0} and {1} are swapped", names[i], names[j]))]
        for i, j in found
        if len(found) == 1
    ]
