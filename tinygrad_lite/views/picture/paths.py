"""The paths from a leaf to the root, each in a colour of its own, with its product of local derivatives.

The gradient is the sum of these products over all paths. There can be more paths than atoms in
the universe, so they are counted without being walked, and only the strongest few are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import OperandError
from tinygrad_lite.report import escape
from tinygrad_lite.views.drawing.data import Edge, Note
from tinygrad_lite.views.drawing.themes import Theme

FACTORS = 12  # of a product that are written out

Path = tuple[float, tuple[str, ...]]  # the product, and the keys of the arrows from the leaf on


def highlighted(
    graph: Graph, sources: Iterable[Value], edges: Sequence[Edge], theme: Theme, write: Callable[[float], str]
) -> tuple[list[Edge], list[Note]]:
    """The arrows with the colours of the paths that use them, and a line for each path and each sum.

    Raises:
        OperandError: a source is not in the picture, or there are several roots.
    """
    if len(graph.roots) != 1:
        raise OperandError(f"paths lead to one root, but this picture has {len(graph.roots)}.")
    root = graph.roots[0]
    exact = adjoints(graph.nodes[root])
    by_key = {edge.key: edge for edge in edges}
    colours: dict[str, list[str]] = {}
    notes = []
    drawn = 0
    for source in sources:
        if source not in graph.number:
            raise OperandError(f"paths= needs Values of this picture, but {source!r} is not behind its root.")
        name = escape.shortened(escape.visible(source.label), 24) or f"value {graph.number[source]}"
        count, strongest = strongest_paths(graph, graph.number[source], len(theme.paths) - drawn % len(theme.paths))
        for product, keys in strongest:
            colour = theme.paths[drawn % len(theme.paths)]
            drawn += 1
            for key in keys:
                colours.setdefault(key, []).append(colour)
            factors = [write(by_key[key].local or 0.0) for key in keys]
            written = " × ".join(factors[:FACTORS]) + (" × ..." if len(factors) > FACTORS else "")
            notes.append(Note(((colour, f"{name}, path {drawn}: {written} = {write(product)}"),)))
        whole = f"d/d {name} = {write(exact[source])}"
        if count == len(strongest):
            notes.append(Note((("", f"the sum over {_paths(count)}: {whole}"),)))
        else:
            shown = f"shown are the {len(strongest)} strongest of {_paths(count)}"
            notes.append(Note((("", f"{shown}; the sum over all: {whole}"),)))
    return [edge._replace(colours=tuple(colours.get(edge.key, ()))) for edge in edges], notes


def _paths(count: int) -> str:
    return (
        f"{count:,} path{'' if count == 1 else 's'}"
        if count < 10**9
        else f"about {float(min(count, 10**300)):.1e} paths"
    )


def strongest_paths(graph: Graph, source: int, most: int) -> tuple[int, list[Path]]:
    """How many paths lead from the source to the root, and the ones of the largest products in size.

    Going forward, each node keeps the strongest few of its paths so far. That is enough: the
    rest of a path multiplies all of them by the same numbers.

    >>> x = Value(3.0); y = x * x + x
    >>> strongest_paths(Graph(y), 0, 8)
    (3, [(3.0, ('e1.0', 'e2.0')), (3.0, ('e1.1', 'e2.0')), (1.0, ('e2.1',))])
    """
    counts = {source: 1}
    best: dict[int, list[Path]] = {source: [(1.0, ())]}
    for child in range(source + 1, len(graph)):
        reached = 0
        found: list[Path] = []
        for i, (parent, local) in enumerate(zip(graph.parents[child], graph.nodes[child].local, strict=True)):
            if parent in counts and local is not None:
                reached += counts[parent]
                found += [(product * local, (*keys, f"e{child}.{i}")) for product, keys in best[parent]]
        if reached:
            counts[child] = reached
            found.sort(key=lambda path: -abs(path[0]))
            best[child] = found[:most]
    root = graph.roots[0]
    return counts.get(root, 0), best.get(root, [])
