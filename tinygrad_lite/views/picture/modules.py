"""Which nodes make a neuron, and which neurons a layer: found in the graph itself.

A neuron is a weighted sum, written out or fused, with its activation if one follows at once.
Where its parameters carry labels such as `layers.0.weight[3][1]`, those name its module;
otherwise neurons that look at the same inputs and compute alike are one layer.
"""

from __future__ import annotations

from collections import Counter

from tinygrad_lite.analysis.sums import WeightedSum, is_leaf, module_of, squared, weighted_sums
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.numbered import Graph
from tinygrad_lite.engine.value import Value
from tinygrad_lite.views.picture.fold import Fold


class Neuron:
    """A weighted sum: the node of the sum, its products, weights and inputs, and what follows it."""

    __slots__ = ("sum", "out", "products", "biases", "weights", "inputs", "constants")

    def __init__(self, fold: Fold, number: int, products: list[int], biases: list[int]) -> None:
        self.sum: int = number
        self.out: int = number  # the activation, or the sum itself
        self.products: list[int] = products
        self.biases: list[int] = biases
        self.weights: list[int] = []
        self.inputs: list[int] = []
        self.constants: list[int] = []  # of the activation, as the 0 of maximum(0, z)
        user = fold.users.get(number)
        if user is not None and fold.uses[number] == 1:
            other = [p for p in fold.graph.parents[user] if p != number]
            op = fold.graph.nodes[user].op
            bent = op in (ops.maximum, ops.minimum) and all(fold.graph.nodes[p].op is ops.constant for p in other)
            if op.activation or bent:
                self.out = user
                self.constants = other if bent else []


def sums_of(graph: Graph) -> dict[int, WeightedSum]:
    """The weighted sums of a graph by number; a partial sum with a label or a second use is one of its own."""
    uses = Counter(parent for parents in graph.parents for parent in parents)

    def absorbed(node: Value) -> bool:
        return uses[graph.number[node]] == 1 and not (node.op in (ops.add, ops.sum) and node.label)

    found = weighted_sums(graph.nodes, absorbed)
    return {graph.number[node]: each for node, each in found.items() if node.op is not ops.mul}


def penalties(fold: Fold) -> dict[int, list[int]]:
    """The sums of squares of leaves, such as an L2 penalty, each with its leaves."""
    nodes = fold.graph.nodes
    found = {number: terms for number, terms in fold.squares.items() if all(is_leaf(nodes[t]) for t in terms)}
    for number, terms in fold.sums.items():
        bases = [squared(nodes[term]) for term in terms if nodes[term].op is not ops.constant]
        leaves = [fold.graph.number[base] for base in bases if base is not None and is_leaf(base)]
        if len(bases) > 1 and len(leaves) == len(bases) and nodes[number].op is not ops.mean:
            found[number] = leaves
    return found


def neurons(fold: Fold, sums: dict[int, WeightedSum]) -> list[Neuron]:
    """Every neuron that is drawn, in the order of the graph, with its weights told from its inputs."""
    number, parents = fold.graph.number, fold.graph.parents
    drawn = {head: each for head, each in sums.items() if fold.home[head] == head}
    pairs = {
        head: [(parents[number[p.node]][p.first], parents[number[p.node]][p.second]) for p in each.products]
        for head, each in drawn.items()
    }
    looked_at: dict[int, set[int]] = {}  # which neurons have this leaf as a factor
    for head, factors in pairs.items():
        for factor in (factor for pair in factors for factor in pair):
            looked_at.setdefault(factor, set()).add(head)
    found = []
    for head, each in drawn.items():
        neuron = Neuron(fold, head, [number[node] for node in each.inside], [number[leaf] for leaf in each.biases])
        fused = any(product.node.op is ops.dot for product in each.products)
        for product, (one, other) in zip(each.products, pairs[head], strict=True):
            fewer = len(looked_at[one]) <= len(looked_at[other])  # a weight serves one neuron alone
            first = product.split(right=not fused and not fewer)[0] is fold.graph.nodes[one]
            neuron.weights.append(one if first else other)
            neuron.inputs.append(other if first else one)
        found.append(neuron)
    return found


def modules_of(fold: Fold, sums: dict[int, WeightedSum]) -> dict[int, tuple[str, ...]]:
    """For each node of a neuron its modules from the outermost in, such as ("layer 1", "neuron 3").

    Nodes outside of every neuron, such as the loss, are not in the dict.
    """
    found = neurons(fold, sums)
    called: dict[str, list[int]] = {}  # the parameters of each label, of which two networks may have one each
    for number in dict.fromkeys(number for neuron in found for number in _parameters(neuron)):
        called.setdefault(fold.graph.nodes[number].label, []).append(number)
    layers: dict[tuple[object, ...], list[Neuron]] = {}
    layer_of: dict[tuple[int, ...], tuple[object, ...]] = {}  # a neuron that is computed again is in the same layer
    for neuron in found:
        key = layer_of.setdefault(_parameters(neuron), _layer(fold, neuron, called))
        layers.setdefault(key, []).append(neuron)
    places: dict[int, tuple[str, ...]] = {}
    for i, (key, members) in enumerate(layers.items(), start=1):
        path = tuple(map(str, key[1:])) if key[0] == "named" else (f"layer {i}",)
        rows = fold.graph.nodes[members[0].weights[0]].label.count("[") > 1  # weight[3][1]: of neuron 3
        several = len(members) > 1 or key[0] == "alike" or rows
        index: dict[tuple[int, ...], int] = {}
        for neuron in members:
            j = index.setdefault(_parameters(neuron), len(index) + 1)
            own = (*path, f"neuron {j}") if several else path
            for number in _members(fold, neuron):
                places.setdefault(number, own)
    return places


def _parameters(neuron: Neuron) -> tuple[int, ...]:
    return (*neuron.weights, *neuron.biases)


def _layer(fold: Fold, neuron: Neuron, called: dict[str, list[int]]) -> tuple[object, ...]:
    """What the neurons of one layer have in common: the module of their parameters, or their inputs."""
    nodes = fold.graph.nodes
    named = {module_of(nodes[p].label) for p in _parameters(neuron) if is_leaf(nodes[p])}
    if len(named) == 1 and () not in named:
        copy = max(called[nodes[p].label].index(p) for p in _parameters(neuron))
        outermost, *others = named.pop()
        return ("named", f"{outermost} ({copy + 1})" if copy else outermost, *others)
    inputs = tuple(fold.home[i] for i in neuron.inputs if nodes[i].op is not ops.constant)
    activation = activation_of(fold, neuron.out) if neuron.out != neuron.sum else ""
    return ("alike", inputs, len(neuron.inputs), activation)


def activation_of(fold: Fold, number: int) -> str:
    """What an activation is called: `tanh`, or `max(0, z)` where it was written so."""
    node = fold.graph.nodes[number]
    if node.op not in (ops.maximum, ops.minimum):
        return node.op.name
    bounds = [fold.graph.nodes[p] for p in fold.graph.parents[number]]
    return f"{node.op.symbol}({', '.join(f'{b.data:g}' if b.op is ops.constant else 'z' for b in bounds)})"


def _members(fold: Fold, neuron: Neuron) -> list[int]:
    """The nodes of a neuron: its parameters and constants, products, sum and activation."""
    given = [*neuron.weights, *neuron.biases, *neuron.inputs]
    constants = [i for i in given if fold.graph.nodes[i].op is ops.constant] + neuron.constants
    parameters = [i for i in (*neuron.weights, *neuron.biases) if is_leaf(fold.graph.nodes[i])]
    return [*parameters, *constants, *neuron.products, neuron.sum, neuron.out]
