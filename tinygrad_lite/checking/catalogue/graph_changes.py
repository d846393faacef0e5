"""What may go wrong at the links of a graph of scalars: the hypotheses of `graph_search`, each with its sentence.

An edge of the graph is one factor of the chain rule. A `Change` gives some edges a wrong local derivative: one edge,
all edges of a kind of op, or those of one layer, where "layer" means nodes equally far from the loss. A sigmoid that
is written out as 1 / (1 + exp(-z)) counts as one link.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.engine import Value, ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.report.language import say

Edge = tuple[int, int]  # the number of a child, and which of its operands
Wanted = Sequence[tuple[Value, float]]  # leaves, and the user's number for each
Chain = tuple[Edge, ...]  # edges in a row, from the loss down, of which only the whole derivative matters
RATES = (0.1, 0.01, 0.5, 1.0, 0.05, 0.001)  # with which weights may have been updated too early


class Change(NamedTuple):
    """One mistake in a graph: the edges it touches, and their wrong local derivative, graph by graph."""

    mistake: Mistake
    edges: list[Edge]
    derivative: Callable[[Graph, Edge], float]


def changes_of(g: Graph) -> Iterator[Change]:
    """Every change of one edge, and of all edges of a kind, or of a kind in a layer, where there are several."""
    edges = [(child, i) for _, child, i, each in g.edges() if each is not None]
    uses: dict[int, int] = {}
    for child, i in edges:
        parent = g.parents[child][i]
        uses[parent] = uses.get(parent, 0) + 1
    depth = _depths(g)
    kinds: dict[Any, list[Chain]] = {}
    for edge in edges:
        child, i = edge
        node = g.nodes[child]
        in_a_row = uses.get(child) == 1 and sum(each is not None for each in node.local) == 1
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
    reported: set[frozenset[Chain]] = set()
    for key, group in kinds.items():
        if len(group) > 1 and key[0] not in ("add", "sum") and frozenset(group) not in reported:
            reported.add(frozenset(group))
            yield from _at(g, group, 0, key)


def operands_of(graphs: list[Graph], wanted: Sequence[Wanted]) -> Iterator[Change]:
    """Products that are taken back through another parameter, or an updated one, or its gradient."""
    g = graphs[0]
    leaves = [g.number[leaf] for leaf, _ in wanted[0] if leaf in g.number]
    answers = {
        h: {h.number[leaf]: x for leaf, x in pairs if leaf in h.number} for h, pairs in zip(graphs, wanted, strict=True)
    }

    def change(
        code: str, place: str, edges: list[Edge], rule: Callable[[Graph, Edge], float], english: str, *put_in: Any
    ) -> Change:
        return Change(Mistake(code, place, say(english, *put_in)), edges, rule)

    def other_leaf(number: int) -> Callable[[Graph, Edge], float]:
        return lambda h, edge: h.nodes[number].data

    def moved(old: float, rate: float) -> Callable[[Graph, Edge], float]:
        def weight(h: Graph, edge: Edge) -> float:
            w = h.parents[edge[0]][1 - edge[1]]
            return old * h.nodes[w].data - rate * answers[h][w]

        return weight

    depth, layers = _depths(g), dict[int, list[Edge]]()
    for child, operands in enumerate(g.parents):
        for i in (0, 1) if g.nodes[child].op is ops.mul else ():
            w = operands[1 - i]
            if w in leaves and operands[i] not in leaves and g.nodes[child].local[i] is not None:
                layers.setdefault(depth[child], []).append((child, i))
                place, into, own = (describe(g, n) for n in (operands[i], child, w))
                for other in leaves if len(leaves) < 40 else ():
                    if other != w:
                        message = "{0} is taken back to {1} with {2} instead of {3}"
                        put_in = (into, place, describe(g, other), own)
                        yield change("WRONG_OPERAND", place, [(child, i)], other_leaf(other), message, *put_in)
    for edges in layers.values():
        names = ", ".join(dict.fromkeys(describe(g, g.parents[child][1 - i]) for child, i in edges))
        message = "the errors go back through the gradient of {0} instead of {0} itself"
        yield change("WRONG_OPERAND", names, edges, moved(0.0, -1.0), message, names)
        for rate in RATES:
            message = "{0} had already been updated (with lr = {1:g}) when the errors went back through it"
            yield change("UPDATED_TOO_EARLY", names, edges, moved(1.0, rate), message, names, rate)


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
    place = g.nodes[bottom].label or g.nodes[child].label or g.nodes[child].op.name
    sides = {0: say("the first operand"), 1: say("the second operand"), None: say("both operands")}
    wrt = source if one else sides[key[1]]
    derivative = say("the derivative of {0}", every)
    if one:
        derivative = say("the local derivative of {0} w.r.t. {1}", every, source)
    elif op is not None and op.arity == 2:
        derivative += f" w.r.t. {wrt}"
    rows = {each[0]: each for each in chains}

    def change(code: str, rule: Callable[[Graph, Chain], float], english: str, *put_in: Any) -> Change:
        def put(h: Graph, edge: Edge) -> float:
            row = rows[edge]
            rest = math.prod(local(h, each) for each in row[1:])
            return rule(h, row) if len(row) == 1 else rule(h, row) / rest if rest else math.nan

        return Change(Mistake(code, place, say(english, *put_in)), list(rows), put)

    if uses > 1:
        message = "the path from {0} through {1} is left out; {0} has {2} paths, and they are summed"
        yield change("DROPPED_PATH", lambda h, c: 0.0, message, source, into, uses)
    elif zero:
        yield change("ZERO", lambda h, c: 0.0, "nothing comes back through {0} to {1}", into, source)
    if op not in (ops.add, ops.sub, ops.sum):
        yield change("DROPPED_FACTOR", lambda h, c: 1.0, "{0} is left out", derivative)
    if op is None or (op.arity == 1 and op is not ops.neg):
        message = "the derivative of {0} is taken at its result instead of at its input"
        yield change("STALE_VALUE", _elsewhere, message, every)
        message = "multiplied by {0} itself instead of by its derivative"
        yield change("MASK_IS_VALUE", lambda h, c: h.nodes[c[0][0]].data, message, every)
    yield change("DOUBLED_FACTOR", lambda h, c: _whole(h, c) ** 2, "{0} is multiplied in twice", derivative)
    if op is None:
        return
    if op is not ops.neg:  # there it is the same as leaving it out
        yield change("SIGN", lambda h, c: -_whole(h, c), "{0} has the wrong sign", derivative)
    yield change("FACTOR_2", lambda h, c: 2 * _whole(h, c), "{0} is twice what it should be", derivative)
    yield change("FACTOR_2", lambda h, c: 0.5 * _whole(h, c), "{0} is half of what it should be", derivative)
    if op is ops.pow and i == 0:
        message = "the exponent of {0} is not brought down as a factor"
        yield change("DROPPED_FACTOR", lambda h, c: _whole(h, c) / _number(h, c, 1), message, every)
        message = "the exponent of {0} is brought down, but not lowered by one"
        yield change("WRONG_OPERAND", lambda h, c: _whole(h, c) * _number(h, c, 0), message, every)
    if op is ops.mul:
        message = "in {0} the derivative w.r.t. {1} is taken to be that factor itself, not the other one"
        yield change("SWAPPED", lambda h, c: _number(h, c, c[0][1]), message, every, wrt)
    if op is ops.div and i == 1:
        message = "in {0} the derivative w.r.t. the divisor lacks the square: it is -x / y^2"
        yield change("WRONG_OPERAND", lambda h, c: _whole(h, c) * _number(h, c, 1), message, every)
    if any(_now(g, e) != local(g, e) for e in rows):
        message = "{0} is computed from the numbers of now, which were changed after the forward pass"
        yield change("STALE_VALUE", lambda h, c: _now(h, c[0]), message, derivative)


def _group(g: Graph, chains: list[Chain], key: Any) -> str:
    """Several nodes that are changed in the same way: every one of a kind, or those of a layer by name."""
    if len({chain[0][0] for chain in chains}) == 1:
        return describe(g, chains[0][0][0])
    if len(key) == 2:
        return say("every {0}", key[0])
    tops = dict.fromkeys(describe(g, c[0][0]) if len(c) == 1 else describe(g, g.parents[c[-1][0]][0]) for c in chains)
    names = list(tops) if len(chains[0]) == 1 else [f"sigmoid({name})" for name in tops]
    more = say(" and so on") if names[2:] else ""
    return say("{0}{1}, {2} in this layer,", say(" and ").join(names[:2]), more, len(chains))


def local(g: Graph, edge: Edge) -> float:
    return g.nodes[edge[0]].local[edge[1]]  # type: ignore[no-any-return]


def _whole(g: Graph, chain: Chain) -> float:
    return math.prod(local(g, edge) for edge in chain)


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
        return float(found[edge[1]]) if len(found) == len(numbers) else local(g, edge)
    except (ValueError, ArithmeticError):
        return math.nan


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
