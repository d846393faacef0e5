"""The same question for any small graph of scalars: which change to one link gives these gradients?

Every edge of the graph carries a local derivative. A hypothesis changes one of them, or the same one
at every node of a kind or of a layer: it is dropped, doubled, has its sign flipped, is taken for 1,
belongs to another operand, or was computed from another value. All hypotheses are candidates of one
reverse sweep, which is the engine's own rule, adjoint of a parent += adjoint of the child times the local derivative.

A candidate is believed only if it gives all of the user's numbers, on every graph handed over; of
those that do, the ones that change the fewest places are told.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinygrad_lite.checking.mistakes import Mistake
from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.graph import Graph

NODES_AT_MOST = 600
PAIRS_AT_MOST = 60_000
SAME = 1e-9
LIKELY = ["DROPPED_PATH", "DROPPED_FACTOR", "SWAPPED", "STALE_VALUE", "SIGN", "DOUBLED_FACTOR"]  # told in this order
SCALES = {"SIGN", "FACTOR_2"}  # which one wrong number on one problem can never show
RATES = (0.1, 0.01, 0.5, 1.0, 0.05, 0.001)
Edge = tuple[int, int]  # the number of a child, and which of its operands
Chain = tuple[Edge, ...]  # edges in a row, from the loss down, of which only the whole derivative matters


class Change:
    """One mistake in a graph: the edges it touches, and their wrong local derivative, graph by graph."""

    __slots__ = ("mistake", "edges", "derivative")

    def __init__(self, mistake: Mistake, edges: list[Edge], derivative: Callable[[Graph, Edge], float]) -> None:
        self.mistake, self.edges, self.derivative = mistake, edges, derivative


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
    graphs = [Graph(root) for root in roots]
    first = graphs[0]
    if any(g.parents != first.parents or [n.op for n in g.nodes] != [n.op for n in first.nodes] for g in graphs):
        return []
    if len(first) > NODES_AT_MOST:
        return []
    swapped = _swapped(graphs, wanted)
    if swapped:
        return swapped
    shown = _wrong_numbers(graphs, wanted)
    changes, operands = list(_changes(first)), list(_operands(graphs, wanted, rates))
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


# ---------------------------------------------------------------------- the hypotheses


def _changes(g: Graph) -> Iterator[Change]:
    """Every change of one edge, and of all edges of a kind, or of a kind in a layer, where there are several."""
    edges = [(child, i) for _, child, i, local in g.edges() if local is not None]
    uses: dict[int, int] = {}
    for child, i in edges:
        parent = g.parents[child][i]
        uses[parent] = uses.get(parent, 0) + 1
    depth = _depths(g)
    kinds: dict[Any, list[Chain]] = {}
    for edge in edges:
        child, i = edge
        node = g.nodes[child]
        in_a_row = uses.get(child) == 1 and sum(local is not None for local in node.local) == 1
        if not (in_a_row and node.op in (ops.neg, ops.add, ops.sub)):  # else all is the same as at the edge above
            yield from _at(g, [(edge,)], uses[g.parents[child][i]], zero=not in_a_row)
        side = i if node.op.arity else 0
        kinds.setdefault((node.op.name, side), []).append((edge,))
        kinds.setdefault((node.op.name, side, depth[child]), []).append((edge,))
        if node.op is ops.mul:
            kinds.setdefault((node.op.name, None), []).append((edge,))
    for chain in _sigmoids(g, uses):
        yield from _at(g, [chain], 1)
        kinds.setdefault(("sigmoid", 0), []).append(chain)
        kinds.setdefault(("sigmoid", 0, depth[chain[0][0]]), []).append(chain)
    told: set[frozenset[Chain]] = set()
    for key, group in kinds.items():
        if len(group) > 1 and key[0] not in ("add", "sum") and frozenset(group) not in told:
            told.add(frozenset(group))
            yield from _at(g, group, 0, key)


def _operands(
    graphs: list[Graph], wanted: Sequence[Sequence[tuple[Value, float]]], rates: Sequence[float]
) -> Iterator[Change]:
    """Products in which another parameter stands for the one that was multiplied, or an updated one, or its gradient."""
    g = graphs[0]
    leaves = [g.number[leaf] for leaf, _ in wanted[0] if leaf in g.number]
    answers = {
        h: {h.number[leaf]: x for leaf, x in pairs if leaf in h.number} for h, pairs in zip(graphs, wanted, strict=True)
    }
    depth, layers = _depths(g), {}
    for child, operands in enumerate(g.parents):
        for i in (0, 1) if g.nodes[child].op is ops.mul else ():
            w = operands[1 - i]
            if w in leaves and operands[i] not in leaves and g.nodes[child].local[i] is not None:
                layers.setdefault(depth[child], []).append((child, i))
                place, into = describe(g, operands[i]), describe(g, child)
                for other in leaves if len(leaves) < 40 else ():
                    if other != w:
                        message = (
                            f"{into} is taken back to {place} with {describe(g, other)} instead of {describe(g, w)}"
                        )
                        mistake = Mistake("WRONG_OPERAND", place, message)
                        yield Change(mistake, [(child, i)], lambda h, e, other=other: h.nodes[other].data)
    for edges in layers.values():
        weights = [g.parents[child][1 - i] for child, i in edges]
        names = ", ".join(dict.fromkeys(describe(g, w) for w in weights))

        def factor(h: Graph, edge: Edge, old: float, rate: float) -> float:
            w = h.parents[edge[0]][1 - edge[1]]
            return old * h.nodes[w].data - rate * answers[h][w]

        message = f"the errors go back through the gradient of {names} instead of {names} itself"
        yield Change(Mistake("WRONG_OPERAND", names, message), edges, lambda h, e, f=factor: f(h, e, 0.0, -1.0))
        for rate in rates:
            message = f"{names} had already been updated (with lr = {rate:g}) when the errors went back through it"
            mistake = Mistake("UPDATED_TOO_EARLY", names, message)
            yield Change(mistake, edges, lambda h, e, f=factor, rate=rate: f(h, e, 1.0, rate))


def _depths(g: Graph) -> list[int]:
    """How far each node is from the loss, by its longest path: nodes of one layer are equally far."""
    depth = [0] * len(g)
    for child in range(len(g) - 1, -1, -1):
        for parent in g.parents[child]:
            depth[parent] = max(depth[parent], depth[child] + 1)
    return depth


def _sigmoids(g: Graph, uses: dict[int, int]) -> Iterator[Chain]:
    """Every sigmoid that is written out as 1 / (1 + exp(-z)), as the row of its edges."""
    for child, node in enumerate(g.nodes):
        chain = [(child, 1)]
        for op in (ops.add, ops.exp, ops.neg):
            below = g.parents[chain[-1][0]][chain[-1][1]] if node.op is ops.div else -1
            live = [i for i, p in enumerate(g.parents[below]) if g.nodes[p].op is not ops.constant]
            if below < 0 or g.nodes[below].op is not op or len(live) != 1 or uses.get(below) != 1:
                break
            chain.append((below, live[0]))
        else:
            if g.nodes[g.parents[child][0]].data == 1.0 == g.nodes[g.parents[chain[1][0]][1 - chain[1][1]]].data:
                yield tuple(chain)


def _at(g: Graph, chains: list[Chain], uses: int, key: Any = (), zero: bool = False) -> Iterator[Change]:
    """What may go wrong at an edge, a row of edges, or at several of them in the same way."""
    chain = chains[0]
    (child, i), last = chain[0], chain[-1]
    bottom = g.parents[last[0]][last[1]]
    op = g.nodes[child].op if len(chain) == 1 else None
    source = describe(g, bottom)
    into = describe(g, child) if op else f"sigmoid({source})"
    one = len(chains) == 1
    every = into if one else _group(g, chains, key)
    place = _label(g, bottom) or _label(g, child) or g.nodes[child].op.name
    derivative = f"the local derivative of {every} w.r.t. {source}" if one else f"the derivative of {every}"
    if not one and op is not None and op.arity == 2:
        derivative += " w.r.t. " + {0: "the first operand", 1: "the second operand", None: "both operands"}[key[1]]
    rows = {each[0]: each for each in chains}

    def change(code: str, message: str, rule: Callable[[Graph, Chain], float]) -> Change:
        def put(h: Graph, edge: Edge) -> float:
            row = rows[edge]
            rest = math.prod(_local(h, each) for each in row[1:])
            return rule(h, row) if len(row) == 1 else rule(h, row) / rest if rest else math.nan

        return Change(Mistake(code, place, message), list(rows), put)

    if uses > 1:
        message = f"the path from {source} through {into} is left out; {source} has {uses} paths, and they are summed"
        yield change("DROPPED_PATH", message, lambda h, c: 0.0)
    elif zero:
        yield change("ZERO", f"nothing comes back through {into} to {source}", lambda h, c: 0.0)
    if op not in (ops.add, ops.sub, ops.sum):
        yield change("DROPPED_FACTOR", f"{derivative} is left out", lambda h, c: 1.0)
    if op is None or (op.arity == 1 and op is not ops.neg):
        yield change(
            "STALE_VALUE", f"the derivative of {every} is taken at its result instead of at its input", _elsewhere
        )
        message = f"multiplied by {every} itself instead of by its derivative"
        yield change("MASK_IS_VALUE", message, lambda h, c: h.nodes[c[0][0]].data)
    yield change("DOUBLED_FACTOR", f"{derivative} is multiplied in twice", lambda h, c: _whole(h, c) ** 2)
    if op is None:
        return
    if op is not ops.neg:  # there it is the same as leaving it out
        yield change("SIGN", f"{derivative} has the wrong sign", lambda h, c: -_whole(h, c))
    yield change("FACTOR_2", f"{derivative} is twice what it should be", lambda h, c: 2 * _whole(h, c))
    yield change("FACTOR_2", f"{derivative} is half of what it should be", lambda h, c: 0.5 * _whole(h, c))
    if op is ops.pow:
        message = f"the exponent of {every} is not brought down as a factor"
        yield change("DROPPED_FACTOR", message, lambda h, c: _whole(h, c) / _number(h, c, 1) if c[0][1] == 0 else 0.0)
        message = f"the exponent of {every} is brought down, but not lowered by one"
        yield change("WRONG_OPERAND", message, lambda h, c: _whole(h, c) * _number(h, c, 0) if c[0][1] == 0 else 0.0)
    if op is ops.mul:
        message = f"in {every} the derivative w.r.t. a factor is taken to be that factor itself, not the other one"
        yield change("SWAPPED", message, lambda h, c: _number(h, c, c[0][1]))
    if op is ops.div and i == 1:
        message = f"in {every} the derivative w.r.t. the divisor lacks the square: it is -x / y^2"
        yield change("WRONG_OPERAND", message, lambda h, c: _whole(h, c) * _number(h, c, 1))
    if any(_now(g, e) != _local(g, e) for e in rows):
        message = f"{derivative} is computed from the numbers of now, which were changed after the forward pass"
        yield change("STALE_VALUE", message, lambda h, c: _now(h, c[0]))


def _group(g: Graph, chains: list[Chain], key: Any) -> str:
    """Several nodes that are changed in the same way: every one of a kind, or those of a layer by name."""
    if len(key) == 2:
        return f"every {key[0]}"
    tops = dict.fromkeys(describe(g, c[0][0]) if len(c) == 1 else describe(g, g.parents[c[-1][0]][0]) for c in chains)
    names = list(tops) if len(chains[0]) == 1 else [f"sigmoid({name})" for name in tops]
    return f"{' and '.join(names[:2])}{' and so on' if names[2:] else ''}, {len(chains)} in this layer,"


def _local(g: Graph, edge: Edge) -> float:
    return g.nodes[edge[0]].local[edge[1]]  # type: ignore[no-any-return]


def _whole(g: Graph, chain: Chain) -> float:
    return math.prod(_local(g, edge) for edge in chain)


def _number(g: Graph, chain: Chain, operand: int) -> float:
    return g.nodes[g.parents[chain[0][0]][operand]].data


def _elsewhere(g: Graph, chain: Chain) -> float:
    """The derivative of a function of one number, an op or several in a row, at its own result."""
    x, derivative = g.nodes[chain[0][0]].data, 1.0
    try:
        for child, i in reversed(chain):
            numbers = [x if k == i else g.nodes[p].data for k, p in enumerate(g.parents[child])]
            op = g.nodes[child].op
            x = op.forward(*numbers)
            derivative *= float(op.partials(*numbers, x)[i])
    except (ValueError, ArithmeticError):
        return math.nan
    return derivative


def _now(g: Graph, edge: Edge) -> float:
    """The local derivative that the operands' present numbers would give."""
    node = g.nodes[edge[0]]
    numbers = [g.nodes[p].data for p in g.parents[edge[0]]]
    try:
        found = node.op.partials(*numbers, node.op.forward(*numbers))
        return float(found[edge[1]]) if len(found) == len(numbers) else _local(g, edge)
    except (ValueError, ArithmeticError):
        return math.nan


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
        edges = [(child, i) for i, local in enumerate(node.local) if local is not None]
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
    from tinygrad_lite.checking.arrays import np

    changed: dict[Edge, Any] = {}
    for k, changes in enumerate(sets):
        for change in changes:
            for edge in change.edges:
                if edge not in changed:
                    changed[edge] = np.full(len(sets), _local(g, edge))
                changed[edge][k] = change.derivative(g, edge)
    adjoint: list[Any] = [0.0] * len(g)
    adjoint[g.roots[0]] = np.ones(len(sets))
    with np.errstate(all="ignore"):
        for child in range(len(g) - 1, -1, -1):
            for i, parent in enumerate(g.parents[child]):
                local = g.nodes[child].local[i]
                if local is not None:
                    adjoint[parent] = adjoint[parent] + adjoint[child] * changed.get((child, i), local)
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
