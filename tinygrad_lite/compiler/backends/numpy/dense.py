"""Irregular sums of products that are parts of matrix products, as those with triangular matrices are.

In: a run in which some index comes from a table. Out: a node that computes whole matrices, or None if there is
nothing to gain. Two cases:

    sum over t of  P[table] * A0[table]     The numbers of P are put into matrices, 0 where they have none.
    sum over samples of  A0[table] * A9[table] All products of two blocks of lines are computed; the table picks some.

The iterations fall into periods in which the same is read, shifted: one matrix for each. A matrix may be at most
FULL times as large as what it is made of.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_lite.compiler.backends.llvm.periodic import places
from tinygrad_lite.compiler.backends.numpy import nodes
from tinygrad_lite.compiler.backends.numpy.calls import Calls
from tinygrad_lite.compiler.backends.numpy.expressions import evaluated
from tinygrad_lite.compiler.backends.numpy.reads import Lengths, Node, Operand
from tinygrad_lite.compiler.backends.numpy.sums import Sums
from tinygrad_lite.compiler.ir.loop_nest import Access, Expression, LoopNest, Reduction

FULL = 4


def summed(
    calls: Calls, sums: Sums, nest: LoopNest, run: Reduction, adds: bool, zero: int, target: Operand | None
) -> Node | None:
    """The run's sum through matrices; `zero` is the place of a 0 in the array P."""
    import numpy as np

    leaves = [run.accesses[k] for k in _factors(run.expression)]
    number = math.prod([access.literal for access in leaves if access.literal is not None])
    factors = [access for access in leaves if access.literal is None]
    if len(factors) != 2 or all(a.table is None for a in factors):
        return None
    target = target if number == 1.0 else None
    x, y = factors
    if y.array == "P":
        x, y = y, x
    counts = np.diff(run.starts) if run.starts is not None else np.full(nest.iterations, run.terms)
    if x.array == "P" and y.array != "P" and (run.starts is not None or run.terms > 1):
        found = _weighted(calls, sums, nest, x, y, counts, adds, zero, target)
        return None if found is None else nodes.product(number, found)
    if adds and {x.array, y.array} <= calls.samples and run.starts is None and run.terms == 1:
        found = _picked(calls, sums, nest, x, y, counts)
        return None if found is None else nodes.product(number, found)
    return None


def _factors(expression: Expression) -> list[int]:
    """The leaves of an expression that is a product of leaves alone; none if it is something else."""
    if expression[0] == "leaf":
        return [expression[1]]
    if expression[0] != "mul":
        return []
    parts = [_factors(part) for part in expression[1:]]
    return [leaf for part in parts for leaf in part] if all(parts) else []


def _period(counts: Any, *indices: Any) -> tuple[int, list[int]]:
    """After how many iterations all of these indices repeat, shifted, and by how much each; all iterations if never."""
    m = len(counts)
    ends = counts.cumsum()
    for p in range(1, m):
        if m % p or (counts[p:] != counts[:-p]).any():
            continue
        n = int(ends[p - 1])
        steps = [index[n:] - index[:-n] for index in indices]
        if all((step == step[0]).all() for step in steps):
            return p, [int(step[0]) for step in steps]
    return m, [0 for _ in indices]


def _weighted(
    calls: Calls,
    sums: Sums,
    nest: LoopNest,
    x: Access,
    y: Access,
    counts: Any,
    adds: bool,
    zero: int,
    target: Operand | None,
) -> Node | None:
    import numpy as np

    weights, lines = places(x, nest, counts), places(y, nest, counts)
    p, (step,) = _period(counts, lines)
    n, stacks = int(counts[:p].sum()), nest.iterations // p
    first = int(lines[:n].min())
    width = int(lines[:n].max()) - first + 1
    if p * width > FULL * n or p == 1:
        return None
    iteration: Any = np.repeat(np.arange(p), counts[:p])
    cell = iteration * width + lines[:n] - first
    if len(np.unique(cell)) < n:
        return None
    table: Any = np.full((stacks, p * width), zero, dtype=np.intp)
    table[:, cell] = weights.reshape(stacks, n)
    calls.lengths = Lengths((stacks, p), width)
    inner: list[Any] = [axis for axis, length in ((0, stacks), (1, p), ("t", width)) if length > 1]
    sizes = [calls.lengths[axis] for axis in inner]
    gathered = ("gather", "P", calls.named(table.reshape(sizes)), tuple(inner))
    steps = tuple((axis, s) for axis, s, length in ((0, step, stacks), ("t", 1, width)) if length > 1 and s)
    product = nodes.product(1.0, gathered, ("read", y.array, first, steps))
    term_stride = [*(["t"] if width > 1 else []), *(["r"] if adds else [])]
    if target is not None and target.steps is None and stacks > 1:
        shape = calls.lengths.text([[0], [1], *([["r"]] if "r" in target.axes else [])])
        name = calls.bound(target.name.split("_")[0], f"{target.name}.reshape{shape}")
        axes = [0, 1, *(["r"] if "r" in target.axes else [])]
        found = sums.summed(product, term_stride, Operand(name, axes, target.stage))
        if found[0] == "value" and found[1].name == name:
            return ("value", target)
        return _as_members(calls, sums, nest, found)
    return _as_members(calls, sums, nest, sums.summed(product, term_stride))


def _picked(calls: Calls, sums: Sums, nest: LoopNest, x: Access, y: Access, counts: Any) -> Node | None:
    import numpy as np

    left, right = places(x, nest, counts), places(y, nest, counts)
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    p, (up, down) = _period(counts, left, right)
    stacks = nest.iterations // p
    low, high = int(left[:p].min()), int(right[:p].min())
    m, n = int(left[:p].max()) - low + 1, int(right[:p].max()) - high + 1
    if m * n > FULL * p or m == 1 or n == 1:
        return None
    calls.lengths = Lengths((stacks, m, n))
    outer = [(0, stacks)] if stacks > 1 else []
    a = ("read", x.array, low, (*[(axis, up) for axis, _ in outer if up], (1, 1)))
    b = ("read", y.array, high, (*[(axis, down) for axis, _ in outer if down], (2, 1)))
    if outer and not (up and down):
        return None
    whole = evaluated(calls, sums.summed(nodes.product(1.0, a, b), ["r"]))
    cell = (left[:p] - low) * n + right[:p] - high
    table: Any = np.empty(nest.iterations, dtype=np.intp)
    table[order] = (np.arange(stacks)[:, None] * (m * n) + cell).reshape(-1)
    line = sums.matrix(whole, [[*[axis for axis, _ in outer], 1, 2]])
    calls.lengths = Lengths((nest.iterations,))
    made = calls.room((0,), whole.stage)
    calls.emit(whole.stage, f"{line}.take({calls.named(table)}, None, {made.name}, 'clip')")
    calls.lengths = Lengths((stacks, m, n))
    calls.release(whole)
    return _as_members(calls, sums, nest, ("value", made), Lengths((nest.iterations,)))


def _as_members(calls: Calls, sums: Sums, nest: LoopNest, node: Node, lengths: Lengths | None = None) -> Node:
    """What was computed for (period, iteration of the period) with the axes of the loop nest."""
    calls.lengths = lengths or calls.lengths
    found = evaluated(calls, node)
    samples = ["r"] if "r" in found.axes else []
    inner = [axis for axis in found.axes if axis != "r"]
    name = found.name
    if len(inner) > 1:
        name = sums.matrix(found, [inner, *[[axis] for axis in samples]])
    dims = [k for k, n in enumerate(nest.dims) if n > 1]
    calls.lengths = Lengths(nest.dims)
    if len(dims) > 1:
        shape = calls.lengths.text([[axis] for axis in [*dims, *samples]])
        name = calls.bound(found.name, f"{name}.reshape{shape}")
    return ("value", Operand(name, [*dims, *samples], found.stage))
