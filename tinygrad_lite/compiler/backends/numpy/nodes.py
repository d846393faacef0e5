"""The expressions of a plan as NumPy should compute them: products gathered, comparisons kept as masks.

In: a run and its accesses. Out: a node. Beside the ops of the table there are these nodes:

    ("read", array, base, ((axis, step), ...))   a view of an array
    ("gather", array, name of a table, axes)     entries at the indices of a table
    ("number", x), ("value", operand)            a constant; what has been computed already
    ("product", x, node, ...)                    x times all of them
    ("fold", "max", node, "k9")                  the largest along an axis
    ("and", c, d), ("not", c)                    of comparisons
    ("mask", c)                                  a comparison in which true is all ones
    ("keep", mask, node)                         the node where the comparison holds, else 0
    ("pick", mask, node, node)                   the one or the other, whatever they are
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tinygrad_lite.compiler.backends.numpy.reads import Node, Operand, ordered
from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, Reduction

ONE: Node = ("number", 1.0)
ZERO: Node = ("number", 0.0)


class Reads:
    """Accesses as nodes, for one loop nest: tables that are regular after all become views."""

    def __init__(self, weight: int, named: Callable[[Any], str]) -> None:
        self.weight = weight  # the column of the data that is 1 everywhere
        self.named = named  # gives a table its name
        self.same: dict[tuple[str, int], Node] = {}  # arrays of one entry that only repeat another

    def node(self, access: Access, dims: tuple[int, ...], terms: int) -> Node:
        if access.literal is not None:
            return ("number", access.literal)
        if access.table is not None:
            return self._table(access, dims, terms)
        counters = [*zip(range(len(dims)), dims, access.strides, strict=True), ("t", terms, access.term_stride)]
        steps = [(axis, step) for axis, n, step in counters if n > 1 and step]
        return self._read(access.array, access.base, steps)

    def _read(self, array: str, base: int, steps: list[tuple[Any, int]]) -> Node:
        if array == "X" and base == self.weight and not steps:
            return ONE
        if not steps and (array, base) in self.same:
            return self.same[array, base]
        return ("read", array, base, tuple(steps))

    def _table(self, access: Access, dims: tuple[int, ...], terms: int) -> Node:
        import numpy as np

        lengths = (*dims, max(terms, 1))
        table = np.asarray(access.table, dtype=np.intp).reshape(lengths)
        base, affine, steps = int(table.flat[0]), np.array(table.flat[0]), []
        names: list[Any] = [*range(len(dims)), "t"]
        kept = []
        for k, axis in enumerate(names):
            line = np.moveaxis(table, k, 0)
            if lengths[k] > 1 and (line != line[:1]).any():
                step = int(line[1].flat[0]) - base
                kept.append(k)
                steps.append((axis, step))
                affine = affine[..., None] + np.arange(lengths[k]) * step
        for k in reversed([k for k in range(len(names)) if k not in kept]):
            table = table.take(0, axis=k)
        if all(step for _, step in steps) and (table == affine).all():
            return self._read(access.array, base, steps)
        return ("gather", access.array, self.named(table), tuple(names[k] for k in kept))


def axes(node: Node, samples: set[str]) -> tuple[Any, ...]:
    """Along which axes a node varies."""
    kind = node[0]
    if kind == "number":
        return ()
    if kind == "value":
        return tuple(node[1].axes)
    if kind in ("read", "gather"):
        inner = [axis for axis, _ in node[3]] if kind == "read" else node[3]
        return ordered([*inner, *(["r"] if node[1] in samples else [])])
    found = [axis for part in parts(node) for axis in axes(part, samples)]
    return ordered([axis for axis in found if kind != "fold" or axis != node[3]])


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes that a node computes with."""
    if node[0] in ("number", "value", "read", "gather"):
        return ()
    first = 2 if node[0] in ("product", "fold") else 1
    return tuple(node[first : 3 if node[0] == "fold" else None])


def truth(node: Node) -> bool:
    """Whether a node is a comparison, or made of some."""
    return node[0] in ("less", "and", "not", "isnt") or (node[0] == "value" and node[1].kind == "bool")


def spelled(
    run: Reduction, dims: tuple[int, ...], terms: int, reads: Reads, functions: dict[str, Callable[..., Any]]
) -> Node:
    """The expression of a run as a node."""
    accesses = run.accesses
    if terms > 1 and len(accesses) == 1 and accesses[0].table is not None and run.expression == ("leaf", 0):
        import numpy as np

        (a,) = accesses  # the order of the terms does not matter
        accesses = [Access(a.array, table=np.sort(np.asarray(a.table).reshape(-1, terms)))]

    def walk(expression: Expression) -> Node:
        if expression[0] == "leaf":
            return reads.node(accesses[expression[1]], dims, terms)
        return made(expression[0], [walk(part) for part in expression[1:]], functions)

    return walk(run.expression)


def made(name: str, args: list[Node], functions: dict[str, Callable[..., Any]]) -> Node:
    """A op of the table applied to nodes, as simple as it can be."""
    if all(arg[0] == "number" for arg in args):
        return ("number", _number(name, tuple([arg[1] for arg in args]), functions))
    if name in ("mul", "neg"):
        return product(-1.0 if name == "neg" else 1.0, *args)
    if name in ("add", "sub"):
        x, y = args
        if y[0] == "product" and y[1] < 0:
            return (("sub" if name == "add" else "add"), x, product(-1.0, y))
        if name == "add" and x[0] == "product" and x[1] < 0:
            return ("sub", y, product(-1.0, x))
    if name == "relu":
        return ("max", args[0], ZERO)
    if name in ("max", "min"):
        return _folded(name, args)
    if name == "select":
        return _chosen(*args)
    return (name, *args)


def _number(name: str, xs: tuple[float, ...], functions: dict[str, Callable[..., Any]]) -> float:
    import numpy as np

    if name == "select":
        return xs[1] if xs[0] else xs[2]
    with np.errstate(all="ignore"):
        return float(max(xs[0], 0.0) if name == "relu" else functions[name](*map(np.float64, xs)))


def product(x: float, *factors: Node) -> Node:
    """x times these: products in it are opened, numbers are multiplied."""
    found: list[Node] = []
    for factor in factors:
        if factor[0] == "number":
            x *= factor[1]
        elif factor[0] == "product":
            x *= factor[1]
            found += factor[2:]
        else:
            found.append(factor)
    if not found:
        return ("number", x)
    if x == 1.0 and len(found) == 1:
        return found[0]
    return ("product", x, *found)


def _chosen(c: Node, x: Node, y: Node) -> Node:
    if not truth(c):
        c = ("isnt", c, ZERO)
    if _zero(x) and not _zero(y):
        c, x, y = ("not", c), y, x
    if not _zero(y):
        return ("pick", ("mask", c), x, y)
    if x == ONE:
        return c
    if truth(x):
        return ("and", c, x)
    if x[0] == "keep":
        return ("keep", ("mask", ("and", c, x[1][1])), x[2])
    return ("keep", ("mask", c), x)


def _zero(node: Node) -> bool:
    return node[0] == "number" and node[1] == 0.0 and math.copysign(1.0, node[1]) > 0


def _folded(name: str, args: list[Node]) -> Node:
    """A chain such as max(x[2], max(x[1], max(x[0], y))) as max(fold of x, y), if the reads are neighbours."""
    leaves: list[Node] = []

    def open_up(node: Node) -> None:
        if node[0] == name:
            for part in node[1:]:
                open_up(part)
        elif node[0] == "fold" and node[1] == name:
            _, array, base, steps = node[2]
            step = dict(steps)[node[3]]
            rest = tuple([(axis, s) for axis, s in steps if axis != node[3]])
            leaves.extend([("read", array, base + i * step, rest) for i in range(int(node[3][1:]))])
        else:
            leaves.append(node)

    for arg in args:
        open_up(arg)
    alike: dict[Any, list[Node]] = {}
    for leaf in leaves:
        if leaf[0] == "read":
            alike.setdefault((leaf[1], leaf[3]), []).append(leaf)
    reads = max(alike.values(), key=len, default=[])
    bases = sorted({leaf[2] for leaf in reads})
    steps = {b - a for a, b in pairwise(bases)}
    if len(reads) < 3 or len(bases) < len(reads) or len(steps) > 1:
        return (name, *args)
    _, array, _, rest = reads[0]
    axis = f"k{len(bases)}"
    folded: Node = ("fold", name, ("read", array, bases[0], (*rest, (axis, *steps))), axis)
    for other in leaves:
        if other not in reads:
            folded = (name, folded, other)
    return folded


def value(operand: Operand) -> Node:
    """What has been computed already, as a node."""
    return operand.node if operand.node is not None else ("value", operand)


def portable(node: Node, samples: set[str], length: Callable[[Any], int]) -> Node:
    """The node with its axes numbered and their lengths beside them, so that like nests are equal."""
    mine = [axis for axis in axes(node, samples) if axis != "r"]
    numbered = {axis: (number, length(axis)) for number, axis in enumerate(mine)}

    def renamed(node: Node) -> Node:
        if node[0] == "read":
            return (*node[:3], tuple([(numbered.get(axis, axis), step) for axis, step in node[3]]))
        if node[0] == "gather":
            return (*node[:3], tuple([numbered.get(axis, axis) for axis in node[3]]))
        if not parts(node):
            return node
        return tuple([renamed(part) if isinstance(part, tuple) else part for part in node])

    return renamed(node)


def common(nests: list[list[tuple[Node, Callable[[Any], int]]]], samples: set[str]) -> dict[Node, int]:
    """The nodes (portable) that more than one loop nest computes, and the last of these loop nests.

    Left out are those that only larger ones of these need.

    Args:
        loop nests: for each loop nest the nodes of its runs, each with the lengths of its axes.
    """
    found: dict[Node, set[int]] = {}
    above: dict[Node, set[Node]] = {}
    for number, roots in enumerate(nests):
        for root, length in roots:
            todo: list[tuple[Node, Node | None]] = [(root, None)]
            while todo:
                node, larger = todo.pop()
                if parts(node):
                    name = portable(node, samples, length)
                    found.setdefault(name, set()).add(number)
                    if larger is not None:
                        above.setdefault(name, set()).add(larger)
                    todo += [(part, name) for part in parts(node)]
    shared = {name for name, users in found.items() if len(users) > 1}
    return {
        name: max(found[name])
        for name in shared
        if not above.get(name) or any(larger not in shared or found[larger] != found[name] for larger in above[name])
    }


def reads_of(node: Node) -> set[str]:
    """The arrays that a node reads."""
    if node[0] in ("read", "gather"):
        return {node[1]}
    return {array for part in parts(node) for array in reads_of(part)}
