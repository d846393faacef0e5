"""The same question for any small graph of scalars: which change to one link gives these gradients?

Every edge of the graph carries a local derivative. A hypothesis changes one of them, or the same one
at every node of a kind: it is dropped, doubled, has its sign flipped, is taken for 1, belongs to
the other operand, or was computed from another value. All hypotheses are lanes of one reverse sweep,
which is the engine's own rule, adjoint of a parent += adjoint of the child times the local derivative.

A lane is believed only if it gives all of the user's numbers, on every graph handed over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.graph import Graph

NODES_AT_MOST = 600
PAIRS_AT_MOST = 60_000
SAME = 1e-9
LIKELY = ["DROPPED_PATH", "DROPPED_FACTOR", "SWAPPED", "STALE_VALUE", "SIGN", "DOUBLED_FACTOR"]  # told in this order
Edge = tuple[int, int]  # the number of a child, and which of its operands


class Change:
    """One mistake in a graph: the edges it touches, and their wrong local derivative, graph by graph."""

    __slots__ = ("mistake", "edges", "slope")

    def __init__(self, mistake: Mistake, edges: list[Edge], slope: Callable[[Graph, Edge], float]) -> None:
        self.mistake, self.edges, self.slope = mistake, edges, slope


def explain_graph(
    roots: Sequence[Value], wanted: Sequence[Sequence[tuple[Value, float]]], noise: float = 0.0
) -> list[list[Mistake]]:
    """The changes to the chain rule that give the wanted gradients: sets of one or two mistakes, all equally good.

    Args:
        roots: the loss, recorded on one problem or several; the graphs must have the same form.
        wanted: for each root the leaves, and the user's number for each, in the same order.

    >>> a, b = Value(2.0, label="a"), Value(5.0, label="b")
    >>> y = (a * b + a) ** 2
    >>> explain_graph([y], [[(a, 2 * 12.0 * 5.0), (b, 2 * 12.0 * 2.0)]])
    [[DROPPED_PATH at a]]
    """
    graphs = [Graph(root) for root in roots]
    first = graphs[0]
    if any(g.parents != first.parents or [n.op for n in g.nodes] != [n.op for n in first.nodes] for g in graphs):
        return []
    if len(first) > NODES_AT_MOST:
        return []
    swapped = _swapped(graphs, wanted)
    if swapped:
        return swapped
    changes = list(_changes(first))
    singles = [[change] for change in changes]
    found = _reproducing(graphs, wanted, singles, noise)
    if not found and len(changes) ** 2 // 2 <= PAIRS_AT_MOST:
        pairs = [[a, b] for i, a in enumerate(changes) for b in changes[:i] if not set(a.edges) & set(b.edges)]
        found = _reproducing(graphs, wanted, pairs, noise)
    stories = [[change.mistake for change in changes] for changes in found]
    return sorted(stories, key=lambda story: [LIKELY.index(m.code) if m.code in LIKELY else len(LIKELY) for m in story])


# ---------------------------------------------------------------------- the hypotheses


def _changes(g: Graph) -> Iterator[Change]:
    """Every change of one edge, and of all edges of a kind where there are several."""
    edges = [(child, i) for _, child, i, slope in g.edges() if slope is not None]
    uses: dict[int, int] = {}
    for child, i in edges:
        parent = g.parents[child][i]
        uses[parent] = uses.get(parent, 0) + 1
    kinds: dict[tuple[str, int], list[Edge]] = {}
    for edge in edges:
        kinds.setdefault((g.nodes[edge[0]].op.name, edge[1] if g.nodes[edge[0]].op.arity else 0), []).append(edge)
        yield from _at(g, [edge], uses[g.parents[edge[0]][edge[1]]])
    for group in kinds.values():
        if len(group) > 1 and g.nodes[group[0][0]].op.name not in ("add", "sum"):
            yield from _at(g, group, 0)


def _at(g: Graph, edges: list[Edge], uses: int) -> Iterator[Change]:
    child, i = edges[0]
    op = g.nodes[child].op
    into, source = describe(g, child), describe(g, g.parents[child][i])
    every = f"every {op.name}" if len(edges) > 1 else into
    place = _label(g, g.parents[child][i]) or _label(g, child) or op.name
    slope = f"the local derivative of {every} along {source}" if len(edges) == 1 else f"the derivative of {every}"

    def change(code: str, said: str, rule: Callable[[Graph, Edge], float]) -> Change:
        return Change(Mistake(code, place, said), edges, rule)

    if uses > 1:
        said = f"the path from {source} through {into} is left out; {source} has {uses} paths, and they are summed"
        yield change("DROPPED_PATH", said, lambda h, e: 0.0)
    elif len(edges) == 1 and uses == 1:
        yield change("ZERO", f"nothing comes back through {into} to {source}", lambda h, e: 0.0)
    if op not in (ops.add, ops.sub, ops.sum):
        yield change("DROPPED_FACTOR", f"{slope} is left out", lambda h, e: 1.0)
    yield change("SIGN", f"{slope} has the wrong sign", lambda h, e: -_slope(h, e))
    yield change("DOUBLED_FACTOR", f"{slope} is multiplied in twice", lambda h, e: _slope(h, e) ** 2)
    yield change("FACTOR_2", f"{slope} is twice what it should be", lambda h, e: 2 * _slope(h, e))
    yield change("FACTOR_2", f"{slope} is half of what it should be", lambda h, e: 0.5 * _slope(h, e))
    if op is ops.pow:
        said = f"the exponent of {every} is not brought down as a factor"
        yield change("DROPPED_FACTOR", said, lambda h, e: _slope(h, e) / _number(h, e, 1) if e[1] == 0 else 0.0)
        said = f"the exponent of {every} is brought down, but not lowered by one"
        yield change("WRONG_OPERAND", said, lambda h, e: _slope(h, e) * _number(h, e, 0) if e[1] == 0 else 0.0)
    if op is ops.mul:
        said = f"in {every} the slope along a factor is taken to be that factor itself, not the other one"
        yield change("SWAPPED", said, lambda h, e: _number(h, e, e[1]))
    if op is ops.div and i == 1:
        said = f"in {every} the slope along the divisor lacks the square: it is -x / y^2"
        yield change("WRONG_OPERAND", said, lambda h, e: _slope(h, e) * _number(h, e, 1))
    if op.arity == 1 and op not in (ops.neg,):
        said = f"the derivative of {every} is taken at its result instead of at its input"
        yield change("STALE_VALUE", said, lambda h, e: _elsewhere(h, e))
        said = f"multiplied by {every} itself instead of by its slope"
        yield change("MASK_IS_VALUE", said, lambda h, e: h.nodes[e[0]].data)
    if any(_now(g, e) != _slope(g, e) for e in edges):
        said = f"{slope} is computed from the numbers of now, which were changed after the forward pass"
        yield change("STALE_VALUE", said, _now)


def _slope(g: Graph, edge: Edge) -> float:
    return g.nodes[edge[0]].local[edge[1]]  # type: ignore[no-any-return]


def _number(g: Graph, edge: Edge, operand: int) -> float:
    return g.nodes[g.parents[edge[0]][operand]].data


def _elsewhere(g: Graph, edge: Edge) -> float:
    """The slope of an op of one operand at its own result."""
    node = g.nodes[edge[0]]
    try:
        return float(node.op.partials(node.data, node.op.forward(node.data))[0])
    except (ValueError, ArithmeticError):
        return float("nan")


def _now(g: Graph, edge: Edge) -> float:
    """The slope that the operands' present numbers would give."""
    node = g.nodes[edge[0]]
    numbers = [g.nodes[p].data for p in g.parents[edge[0]]]
    try:
        slopes = node.op.partials(*numbers, node.op.forward(*numbers))
        return float(slopes[edge[1]]) if len(slopes) == len(numbers) else _slope(g, edge)
    except (ValueError, ArithmeticError):
        return float("nan")


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
        edges = [(child, i) for i, slope in enumerate(node.local) if slope is not None]
        if node.op in (ops.maximum, ops.minimum):  # one of the operands that tie takes all
            tied = [(child, i) for i, p in enumerate(g.parents[child]) if g.nodes[p].data == node.data]
            ends.append([_end(edges, lambda h, e, taker=taker: float(e == taker)) for taker in tied])
        else:
            ends.append([_end(edges, lambda h, e, slope=slope: slope) for slope in (kink.low, kink.high)])
    if not ends:
        return None
    corners = itertools.islice(itertools.product(*ends), 4096)
    numbers = _sweep(g, [list(corner) for corner in corners], leaves)
    return [(min(column), max(column)) for column in zip(*numbers, strict=True)]


def _end(edges: list[Edge], slope: Callable[..., float]) -> Change:
    return Change(Mistake("KINK", "", ""), edges, slope)


def _sweep(g: Graph, sets: list[list[Change]], leaves: list[Value]) -> list[list[float]]:
    """The adjoints of the leaves under every set of changes: one reverse sweep, a lane for each set."""
    from tinygrad_lite.checking.network.arrays import np

    slopes: dict[Edge, Any] = {}
    for lane, changes in enumerate(sets):
        for change in changes:
            for edge in change.edges:
                if edge not in slopes:
                    slopes[edge] = np.full(len(sets), _slope(g, edge))
                slopes[edge][lane] = change.slope(g, edge)
    adjoint: list[Any] = [0.0] * len(g)
    adjoint[g.roots[0]] = np.ones(len(sets))
    with np.errstate(all="ignore"):
        for child in range(len(g) - 1, -1, -1):
            for i, parent in enumerate(g.parents[child]):
                local = g.nodes[child].local[i]
                if local is not None:
                    adjoint[parent] = adjoint[parent] + adjoint[child] * slopes.get((child, i), local)
    columns = [np.broadcast_to(adjoint[g.number[leaf]] if leaf in g.number else 0.0, len(sets)) for leaf in leaves]
    return np.stack(columns, axis=1).tolist()  # type: ignore[no-any-return]


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
    names = [leaf.label or f"input {i + 1}" for i, (leaf, _) in enumerate(wanted[0])]
    return [
        [Mistake("SWAPPED", names[i], f"the gradients of {names[i]} and {names[j]} are swapped")]
        for i, j in found or ()
    ]


# ---------------------------------------------------------------------- names


def _label(g: Graph, number: int) -> str:
    return g.nodes[number].label


def describe(g: Graph, number: int) -> str:
    """What a reader would call a node: its label, or its op with the names of its operands.

    >>> a = Value(2.0, label="a")
    >>> describe(Graph(a * 3.0 + a), 3)
    '((a * 3) + a)'
    """
    return _written(g, number, 2)


def _written(g: Graph, number: int, depth: int) -> str:
    node = g.nodes[number]
    if node.label:
        return node.label
    if not node.parents:
        return f"{node.data:g}"
    if depth == 0 or len(node.parents) > 4:
        return f"{node.op.symbol}(...)"
    inner = [_written(g, p, depth - 1) for p in g.parents[number]]
    if len(inner) == 2 and not node.op.symbol.isalpha():
        return f"({inner[0]} {node.op.symbol} {inner[1]})"
    return f"{node.op.name}({', '.join(inner)})"
