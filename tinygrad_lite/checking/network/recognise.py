"""Which network is this? The graph that its loss records is asked, and its numbers on a few problems decide.

Where the loss runs on Values, the recorded graph tells the hidden activations; else every combination of known ones
is a candidate of a single forward sweep. A candidate whose loss, under one of the known kinds and reductions, equals
the user's on every problem is the network. If none is, the diagnosis keeps silent about layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_lite.analysis.activations import LINEAR, SOFTMAX, Activation, activation, known
from tinygrad_lite.analysis.layers import find_layers
from tinygrad_lite.analysis.losses import GUARDED, HUBERS, KINDS, REDUCTIONS
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.network import Network, target
from tinygrad_lite.checking.network.problems import Problem, Structure
from tinygrad_lite.engine import Value
from tinygrad_lite.errors import NotLayered

CANDIDATES_AT_MOST = 40_000
SAME = 1e-10


Recorded = tuple[Value, dict[str, Any]]  # the root of a loss, and arrays of the leaves that stand for its parameters


def activations_in(graphs: Iterable[Recorded], structure: Structure) -> list[Activation] | None:
    """The hidden activations that a recorded loss has, layer by layer; None if it is no network of this structure.

    Where a relu is on for all samples of one graph, or a leaky one off, it is seen in another.
    """
    best: list[Activation] | None = None
    for root, leaves in graphs:
        found = _activations(root, structure, leaves)
        if found is not None:
            pairs = zip(best or found, found, strict=True)
            best = [max(pair, key=lambda act: (act.of_table, act is not LINEAR)) for pair in pairs]
            if all(act.of_table for act in best):
                break
    return best


def _activations(root: Value, structure: Structure, leaves: dict[str, Any]) -> list[Activation] | None:
    depth = len(structure.weights)
    if not isinstance(root, Value):  # a loss that went out of the graph, to a bare number
        return None
    try:
        found = find_layers(root, lambda network: len(network.layers) == depth, partial=True)
        hidden = [activation(*steps) for steps in found.activations]
    except NotLayered:
        return None
    recorded = [list(zip(*layer.weights, strict=True)) for layer in found.layers]  # unit by unit
    mine = [list(map(tuple, structure.layout.weight(leaves[name]).T)) for name in structure.weights]
    same = len(recorded) == depth and recorded[:-1] == mine[:-1] and set(recorded[-1]) <= set(mine[-1])
    return hidden if same else None


def candidates_of(
    structure: Structure, problem: Problem, hidden: list[Activation] | None = None
) -> tuple[list[tuple[Activation, ...]], Any]:
    """The prediction of every combination of activations: the combinations, and (candidates, N, outputs)."""
    combinations: list[tuple[Activation, ...]] = [()]
    a = structure.layout.data(np.asarray(problem.data[0], float))[None]
    depth = len(structure.weights)
    every = known()
    while hidden is None and (len(every) ** (depth - 1)) * (len(every) + 1) > CANDIDATES_AT_MOST and len(every) > 2:
        every = every[:-1]
    for layer, (w, b) in enumerate(zip(structure.weights, structure.biases, strict=True), start=1):
        with np.errstate(all="ignore"):
            z = a @ structure.layout.weight(np.asarray(problem.params[w], float))
        if b:
            z = z + np.ravel(np.asarray(problem.params[b], float))
        choices = [hidden[layer - 1]] if hidden is not None and layer < depth else every
        choices = [*choices, SOFTMAX] if layer == depth and z.shape[-1] > 1 else choices
        a = np.concatenate([act.forward(z) for act in choices])
        combinations = [(*before, act) for act in choices for before in combinations]
    return combinations, a


def recognise(
    structure: Structure, problems: list[Problem], losses: list[float], hidden: list[Activation] | None = None
) -> Network | None:
    """The network whose loss equals the user's on all the problems, or None.

    Args:
        problems: at least two, of different sizes, else reductions and penalties cannot be told apart.
        losses: the user's loss on each.
        hidden: the hidden activations, if a recorded graph has told them.
    """
    (combinations, *_), predictions = zip(*[candidates_of(structure, p, hidden) for p in problems], strict=True)
    sizes = [p.shape[1:] for p in predictions]
    try:
        targets = [target(p.data[1], size, structure.layout) for p, size in zip(problems, sizes, strict=True)]
    except ValueError:
        return None
    squares = [_squares(structure, problem) for problem in problems]
    for kinds, penalised in ((k, penalised) for k in (KINDS, GUARDED, HUBERS) for penalised in (False, True)):
        for kind in kinds:
            if not all(map(kind.targets, targets)):
                continue
            with np.errstate(all="ignore"):
                sums = [kind.terms(p, y).sum(axis=(1, 2)) for p, y in zip(predictions, targets, strict=True)]
            for reduction in REDUCTIONS:
                _, constant, per_n, per_o = reduction
                rest = np.stack([
                    loss - constant / n**per_n / o**per_o * s
                    for (n, o), s, loss in zip(sizes, sums, losses, strict=True)
                ])  # fmt: skip
                found = _pull(rest, squares, sizes, losses) if penalised else _zero(rest, losses)
                if found is not None:
                    candidate, penalty = found
                    weights, biases, layout, *_ = structure
                    return Network(weights, biases, list(combinations[candidate]), kind, reduction, layout, penalty)
    return None


def _squares(structure: Structure, problem: Problem) -> tuple[float, float]:
    """The sums of squares that a penalty may be made of: weights, biases."""
    weights = [np.asarray(problem.params[w], float) for w in structure.weights]
    biases = [np.asarray(problem.params[b], float) for b in structure.biases if b]
    return sum(float((w * w).sum()) for w in weights), sum(float((b * b).sum()) for b in biases)


def _zero(rest: Any, losses: list[float]) -> tuple[int, tuple[float, int, bool]] | None:
    """The candidate of which nothing rests on any problem."""
    with np.errstate(invalid="ignore"):
        fits = np.all(np.abs(rest) <= SAME * np.abs(np.array(losses))[:, None], axis=0)
    return (int(np.argmax(fits)), (0.0, 0, False)) if fits.any() else None


def _pull(
    rest: Any, squared: list[tuple[float, float]], sizes: list[Any], losses: list[float]
) -> tuple[int, tuple[float, int, bool]] | None:
    """The candidate of which the same multiple of the squared parameters rests on every problem."""
    if len(losses) < 2:
        return None
    for with_biases in (False, True):
        for per_n in (0, 1):
            squares = np.array([w + with_biases * b for w, b in squared])
            ns = np.array([float(n) for n, _ in sizes]) ** per_n
            with np.errstate(invalid="ignore", divide="ignore"):
                k = 2 * rest * (ns / squares)[:, None]
                tolerance = 2 * SAME * np.abs(np.array(losses)) * ns / squares
                fits = np.all(np.abs(k - k[0]) <= 4 * tolerance.max(), axis=0) & (k[0] > 1e4 * tolerance.max())
            if fits.any():
                candidate = int(np.argmax(fits))
                return candidate, (float(k[:, candidate].mean()), per_n, with_biases)
    return None


def target_trap(problem: Problem, structure: Structure, loss: Callable[[Problem], float]) -> bool:
    """Whether a target of shape (N,) against predictions of shape (N, 1) makes an N x N table in the loss.

    The loss is asked with the same target in both shapes: it must not make a difference.
    """
    y = np.asarray(problem.data[1])
    flat = np.ndim(problem.params[structure.weights[-1]]) < 2 or np.ndim(problem.data[0]) == 1
    if y.ndim != 1 or structure.widths[-1] != 1 or len(y) < 2 or flat:
        return False
    for tried in (y, y[::-1]):  # twice, as with one target both losses may be equal by chance
        shaped = tried.reshape(1, -1) if structure.layout.columns else tried.reshape(-1, 1)
        x, _, *more = problem.data
        mine, theirs = (loss(Problem(problem.name, problem.params, (x, form, *more))) for form in (tried, shaped))
        if np.isfinite(mine) and np.isfinite(theirs) and abs(mine - theirs) > 1e-9 * abs(theirs):
            return True
    return False
