"""Which nodes make a neuron, and which neurons a layer: found in the graph itself.

A neuron is a weighted sum, written out or fused, with its activation if one follows at once.
Where its parameters carry labels such as `layers.0.weight[3][1]`, those name its module;
otherwise neurons that look at the same inputs and compute alike are one layer.
"""

from __future__ import annotations

import re

from tinygrad_lite.engine import ops
from tinygrad_lite.views.picture.fold import Fold

_LABEL = re.compile(r"(?P<module>[^\[\]]+)\.(?P<attribute>[^.\[\]]+)(?P<places>(\[\d+\])*)\Z")


class Neuron:
    """A weighted sum: the node of the sum, its products, weights and inputs, and what follows it."""

    __slots__ = ("sum", "out", "products", "pairs", "biases", "weights", "inputs", "constants")

    def __init__(self, sum: int, out: int) -> None:
        self.sum = sum
        self.out = out  # the activation, or the sum itself
        self.products: list[int] = []
        self.pairs: list[tuple[int, int]] = []  # factors, of which one is the weight
        self.biases: list[int] = []
        self.weights: list[int] = []
        self.inputs: list[int] = []
        self.constants: list[int] = []  # of the activation, as the 0 of maximum(0, z)


def neuron_at(fold: Fold, number: int) -> Neuron | None:
    """The neuron whose weighted sum is this node, or None if it is something else.

    A weighted sum is a `dot`, a `dot` plus biases as NumPy's `X @ W + b` gives it, or products that are added.
    """
    nodes, parents = fold.graph.nodes, fold.graph.parents
    neuron = Neuron(number, number)
    terms = [number] if nodes[number].op is ops.dot else fold.sums.get(number, ())
    if nodes[number].op is ops.mean:
        return None
    for term in terms:
        factors = parents[term]
        if nodes[term].op is ops.dot and term not in fold.squares and (term == number or fold.uses[term] == 1):
            n = len(factors) // 2
            neuron.pairs += zip(factors[:n], factors[n : 2 * n], strict=True)
            neuron.biases += factors[2 * n :]
        elif nodes[term].op is ops.mul and fold.uses[term] == 1 and factors[0] != factors[1]:
            neuron.pairs.append((factors[0], factors[1]))
        elif not factors:
            neuron.biases.append(term)
            continue
        else:
            return None
        if term != number:
            neuron.products.append(term)
    leaves = [(_is_leaf(fold, one), _is_leaf(fold, other)) for one, other in neuron.pairs]
    if not neuron.pairs or not (any if nodes[number].op is ops.dot else all)(one or other for one, other in leaves):
        return None
    user = fold.users.get(number)
    if user is not None and fold.uses[number] == 1:
        other = [p for p in parents[user] if p != number]
        bent = nodes[user].op in (ops.maximum, ops.minimum) and all(nodes[p].op is ops.constant for p in other)
        if nodes[user].op.activation or bent:
            neuron.out = user
            neuron.constants = other if bent else []
    return neuron


def penalties(fold: Fold) -> dict[int, list[int]]:
    """The sums of squares of leaves, such as an L2 penalty, each with its leaves."""
    nodes, parents = fold.graph.nodes, fold.graph.parents

    def squared(term: int) -> int:
        """The leaf whose square the term is, or -1."""
        leaf, *rest = parents[term] or (-1,)
        square = rest == [leaf] if nodes[term].op is ops.mul else nodes[term].op is ops.pow and nodes[rest[0]].data == 2
        return leaf if square and _is_leaf(fold, leaf) else -1

    found = {number: terms for number, terms in fold.squares.items() if all(_is_leaf(fold, term) for term in terms)}
    for number, terms in fold.sums.items():
        leaves = [squared(term) for term in terms if nodes[term].op is not ops.constant]
        if len(leaves) > 1 and -1 not in leaves and nodes[number].op is not ops.mean:
            found[number] = leaves
    return found


def is_neuron(fold: Fold, number: int) -> bool:
    return neuron_at(fold, number) is not None


def neurons(fold: Fold) -> list[Neuron]:
    """Every neuron that is drawn, in the order of the graph, with its weights told from its inputs."""
    found = []
    for number, node in enumerate(fold.graph.nodes):
        if fold.home[number] == number and (number in fold.sums or node.op is ops.dot):
            neuron = neuron_at(fold, number)
            if neuron is not None:
                found.append(neuron)
    inside = {product for neuron in found for product in neuron.products}
    found = [neuron for neuron in found if neuron.sum not in inside]
    looked_at: dict[int, set[int]] = {}  # which neurons have this leaf as a factor
    for neuron in found:
        for pair in neuron.pairs:
            for factor in pair:
                looked_at.setdefault(factor, set()).add(neuron.sum)
    for neuron in found:
        fused = any(fold.graph.nodes[n].op is ops.dot for n in (neuron.sum, *neuron.products))
        for one, other in neuron.pairs:
            if not _first_is_weight(fold, one, other, {} if fused else looked_at):
                one, other = other, one
            neuron.weights.append(one)
            neuron.inputs.append(other)
    return found


def _first_is_weight(fold: Fold, one: int, other: int, looked_at: dict[int, set[int]]) -> bool:
    """Of two factors: a weight is a leaf, is labelled as a parameter, or serves one neuron alone."""
    leaves = _is_leaf(fold, one), _is_leaf(fold, other)
    if leaves != (True, True):
        return leaves[0]
    labelled = module_of(fold.graph.nodes[one].label), module_of(fold.graph.nodes[other].label)
    if bool(labelled[0]) != bool(labelled[1]):
        return bool(labelled[0])
    called = [str(fold.graph.nodes[n].label or "")[:1] in ("W", "w") for n in (one, other)]  # W1[0, 2], w3
    if called[0] != called[1]:
        return called[0]
    return len(looked_at.get(one, ())) <= len(looked_at.get(other, ()))


def _is_leaf(fold: Fold, number: int) -> bool:
    return fold.graph.nodes[number].op is ops.leaf


def module_of(label: str) -> tuple[str, ...]:
    """The modules that a parameter's label names, from the outermost in; () if it names none.

    >>> module_of("layers.0.weight[3][1]"), module_of("layer0.neuron3.w[1]"), module_of("w1")
    (('layers.0',), ('layer0', 'neuron3'), ())
    """
    match = _LABEL.match(str(label or ""))
    if match is None:
        return ()
    modules: list[str] = []
    for word in match["module"].split("."):
        if word.isdigit() and modules:
            modules[-1] += f".{word}"
        else:
            modules.append(word)
    return tuple(modules)


def placed(fold: Fold) -> dict[int, tuple[str, ...]]:
    """For each node of a neuron its modules from the outermost in, such as ("layer 1", "neuron 3").

    Nodes outside of every neuron, such as the loss, are not in the dict.
    """
    found = neurons(fold)
    layers: dict[tuple[object, ...], list[Neuron]] = {}
    layer_of: dict[tuple[int, ...], tuple[object, ...]] = {}  # a neuron that is computed again is in the same layer
    for neuron in found:
        key = layer_of.setdefault(_parameters(neuron), _layer(fold, neuron))
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


def _layer(fold: Fold, neuron: Neuron) -> tuple[object, ...]:
    """What the neurons of one layer have in common: the module of their parameters, or their inputs."""
    nodes = fold.graph.nodes
    named = {module_of(nodes[p].label) for p in _parameters(neuron) if _is_leaf(fold, p)}
    if len(named) == 1 and () not in named:
        return ("named", *named.pop())
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
    parameters = [i for i in (*neuron.weights, *neuron.biases) if _is_leaf(fold, i)]
    return [*parameters, *constants, *neuron.products, neuron.sum, neuron.out]
