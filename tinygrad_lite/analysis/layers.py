"""Layers found in a recorded graph: which leaves form a weight matrix, which nodes one column of activations.

    network = find_layers(loss)
    network.layers[0].weights     # rows by input, columns by unit: the leaves of W1
    network.layers[0].sums        # rows by sample, columns by unit: the nodes of Z1

Nothing is told to it; of two leaves in a product, a label may say which is the weight. A unit is a sum of products
leaf * input, plus perhaps one leaf more, its bias; that the leaves are shared by the samples, and the inputs by the
units, makes rows and columns of the units. What stands between one layer's sums and the next layer's inputs is the
activation, any function of one number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_lite.analysis.elementwise import Steps, fitting, simplest
from tinygrad_lite.analysis.sums import weighted_sums
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.value import Value
from tinygrad_lite.errors import NotLayered


class Unit(NamedTuple):
    """One weighted sum: its node, its weights, what each is multiplied with, and its bias."""

    node: Value
    weights: tuple[Value, ...]
    inputs: tuple[Any, ...]
    bias: Value | None


Grid = list[list[Unit | None]]
"""Rows by sample, columns by unit."""


class Layer(NamedTuple):
    """One layer over all samples: Z = A_before @ W + b."""

    weights: list[list[Value]]  # row by input, column by unit
    biases: list[Value] | None  # one for each unit
    inputs: list[list[Any]]  # row by sample, column by input: Values or bare floats
    sums: list[list[Value | None]]  # row by sample, column by unit; None where np.maximum(0, z) left no trace of z


class Network(NamedTuple):
    """What was found: the layers, and between one and the next its activation."""

    layers: list[Layer]
    activations: list[Steps]  # of every layer but the last


def find_layers(
    root: Value, accept: Callable[[Network], bool] = lambda network: False, partial: bool = False
) -> Network:
    """The layers behind a loss.

    Args:
        accept: asked about a network that leaves out the topmost weighted sums of the graph; they may belong to the
            loss, as in sum(t * log(p)) with Values for targets.
        partial: put up with last sums that left no trace, as with np.maximum(0, 1 - y * z), which keeps one side.

    Raises:
        NotLayered: the graph is no layered network; the message says what was met instead.
    """
    order = topological(root)
    place = {node: i for i, node in enumerate(order)}
    reasons: list[str] = []
    for right in (True, False):
        units = _units(order, right)
        levels = _by_level(order, units)
        for top in range(len(levels), 0, -1):
            try:
                network = _assembled(levels[:top], units, place, partial)
            except NotLayered as reason:
                reasons.append(str(reason))
            else:
                if top == len(levels) or accept(network):
                    return network
    raise NotLayered(
        reasons[0]
        if reasons
        else "no weighted sum of the form w1*x1 + w2*x2 + ... + b, with leaves for weights, stands in this graph. "
        "Weights must be Values that were put in, and the sum be made by +, @, tg.dot or tg.sum."
    )


# ---------------------------------------------------------------------- units


def _units(order: Sequence[Value], right: bool) -> dict[Value, Unit]:
    """The weighted sums in which each product has a weight of its own."""
    units = {}
    for node, found in weighted_sums(order).items():
        split = [product.split(right) for product in found.products]
        weights, inputs = zip(*split, strict=True)
        if len(set(weights)) == len(weights):
            units[node] = Unit(node, weights, inputs, next(iter(found.biases), None))
    return units


def _by_level(order: Sequence[Value], units: dict[Value, Unit]) -> list[list[Unit]]:
    """The units by the number of units on the longest way up to them, or up to another with the same weights.

    A sample of which np.maximum(0, z) has kept nothing has no such way.
    """
    level: dict[Value, int] = {}
    of_weights: dict[tuple[Value, ...], int] = {}
    for node in order:
        level[node] = max((level[p] for p in node.parents if isinstance(p, Value)), default=0)
        if node in units:
            level[node] += 1
            weights = units[node].weights
            of_weights[weights] = max(level[node], of_weights.get(weights, 0))
    levels: list[list[Unit]] = [[] for _ in set(of_weights.values())]
    for unit in units.values():
        levels[of_weights[unit.weights] - 1].append(unit)
    return levels


# ---------------------------------------------------------------------- rows and columns


def _assembled(
    levels: Sequence[Sequence[Unit]], units: dict[Value, Unit], place_in_order: dict[Value, int], partial: bool
) -> Network:
    """Layers from units, from the last layer down: a layer's rows are those of the layer that uses it."""
    layers: list[Layer] = []
    activations: list[Steps] = []
    grid: Grid = _grid_of_last(levels[-1], partial)
    for i in range(len(levels), 0, -1):
        here = {unit.node for row in grid for unit in row if unit is not None}
        if here != {unit.node for unit in levels[i - 1]}:
            raise NotLayered(
                f"layer {i} has {len(levels[i - 1])} weighted sums, but {len(here)} of them reach the layer above it "
                "through an activation: the graph has connections that skip a layer, or branches."
            )
        layers.insert(0, _layer(grid, i))
        if i > 1:
            activation, grid = _below(layers[0].inputs, units, place_in_order, i - 1)
            grid = [row for row in grid if any(row) or not partial]
            activations.insert(0, activation)
    for row in layers[0].inputs:
        for x in row:
            if isinstance(x, Value) and x.parents:
                raise NotLayered(f"the inputs of the first layer are computed (by {x.op.name}), not given.")
    return Network(layers, activations)


def _grid_of_last(units: Sequence[Unit], partial: bool) -> Grid:
    """Rows by what the units see, columns by their weights; equal rows are told apart by their order."""
    columns: dict[tuple[Value, ...], int] = {}
    rows: dict[Any, int] = {}
    placed: dict[tuple[int, int], Unit] = {}
    seen: dict[Any, int] = {}
    for unit in units:
        j = columns.setdefault(unit.weights, len(columns))
        times = seen[unit.inputs, j] = seen.get((unit.inputs, j), 0) + 1
        i = rows.setdefault((unit.inputs, times), len(rows))
        placed[i, j] = unit
    if len(placed) != len(rows) * len(columns) and not partial:
        raise NotLayered(
            f"the last {len(units)} weighted sums do not form a grid of samples and units: they have {len(rows)} "
            f"different rows of inputs and {len(columns)} different columns of weights."
        )
    return [[placed.get((i, j)) for j in range(len(columns))] for i in range(len(rows))]


def _layer(grid: Grid, number: int) -> Layer:
    """A grid of units as a layer, if its columns share weights and its rows share inputs."""
    rows = [next((unit for unit in row if unit is not None), None) for row in grid]
    columns = [next((unit for unit in column if unit is not None), None) for column in zip(*grid, strict=True)]
    if None in rows or None in columns:
        what = f"sample {rows.index(None)}" if None in rows else f"unit {columns.index(None)}"
        raise NotLayered(
            f"in layer {number} {what} is 0 throughout, and np.maximum(0, z) keeps nothing of a z it does not choose. "
            "Use tg.relu, or z.relu() entry by entry: then every z stays in the graph."
        )
    for row, by_row in zip(grid, rows, strict=True):
        for unit, by_column in zip(row, columns, strict=True):
            if unit is None or by_row is None or by_column is None:
                continue
            if unit.weights != by_column.weights or unit.bias is not by_column.bias:
                raise NotLayered(f"in layer {number} the samples do not share their weights.")
            if unit.inputs != by_row.inputs:
                raise NotLayered(f"in layer {number} the units of one sample see different inputs.")
    if len({len(unit.weights) for unit in columns if unit}) > 1:
        raise NotLayered(f"the units of layer {number} have different numbers of weights.")
    biases = [unit.bias for unit in columns if unit]
    if None in biases and any(bias is not None for bias in biases):
        raise NotLayered(f"in layer {number} some units have a bias and some have none.")
    return Layer(
        [list(column) for column in zip(*[unit.weights for unit in columns if unit], strict=True)],
        None if None in biases else [bias for bias in biases if bias is not None],
        [list(unit.inputs) for unit in rows if unit],
        [[unit and unit.node for unit in row] for row in grid],
    )


def _below(
    inputs: Sequence[Sequence[Any]], units: dict[Value, Unit], place_in_order: dict[Value, int], number: int
) -> tuple[Steps, Grid]:
    """The activation that leads from a layer's sums to these inputs, and the units of that layer in their rows."""
    grid: Grid = []
    found: dict[Steps, None] = {}
    pairs: list[tuple[float, float]] = []
    for row in inputs:
        grid.append([])
        for a in row:
            if a.__class__ is float and a == 0.0:
                grid[-1].append(None)
                continue
            steps, unit = _traced(a, units, place_in_order, number)
            found[steps] = None
            pairs.append((unit.node.data, a.data))
            grid[-1].append(unit)
    first = next(iter(found), ())
    if len(found) > 1:  # one that asks for the sign of z, as np.where(z > 0, z, np.exp(z) - 1)
        constants = [p for steps in found for _, places in steps for p in places if p.__class__ is float]
        first = fitting(pairs, constants) or ()
        if not first or not first[0][0].activation:
            raise NotLayered(f"the units of layer {number} have different activations.")
    if any(unit is None for row in grid for unit in row):
        if first:
            raise NotLayered(f"some outputs of layer {number} are the constant 0, beside an activation.")
        return ((ops.relu, ("z",)),), grid  # z itself or 0: what np.maximum(0, z) chose
    return simplest(first), grid


def _traced(a: Any, units: dict[Value, Unit], place_in_order: dict[Value, int], number: int) -> tuple[Steps, Unit]:
    """From an input of the layer above back to the weighted sum it is a function of."""
    if not isinstance(a, Value):
        raise NotLayered(f"an input of layer {number + 1} is the constant {a:g}, not an output of layer {number}.")
    reached: Value | None = None
    behind: list[Value] = []
    todo, met = [a], {a}
    while todo:
        node = todo.pop()
        if node in units:
            if reached not in (None, node):
                raise NotLayered(f"an input of layer {number + 1} mixes several weighted sums of layer {number}.")
            reached = node
            continue
        if not node.parents:
            named = f" ({node.label})" if node.label else ""
            raise NotLayered(f"a leaf{named} enters between layer {number} and layer {number + 1}.")
        behind.append(node)
        for parent in node.parents:
            if isinstance(parent, Value) and parent not in met:
                met.add(parent)
                todo.append(parent)
    if reached is None:
        raise NotLayered(f"an input of layer {number + 1} does not come from a layer.")
    place: dict[Value, Any] = {reached: "z"}
    steps = []
    for node in sorted(behind, key=place_in_order.__getitem__):
        steps.append((node.op, tuple([p if p.__class__ is float else place[p] for p in node.parents])))
        place[node] = len(steps) - 1
    return tuple(steps), units[reached]
