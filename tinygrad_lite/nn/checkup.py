"""What ails a network, in words, with the numbers behind each sentence.

`health` makes one forward and one backward pass over the samples and walks over the graph of the
loss: a weighted sum whose first weight belongs to a neuron is that neuron's for one sample, and the
node that uses it alone is its activation. It changes no gradient and no parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tinygrad_lite.analysis.sums import weighted_sums
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.dataset import Dataset, dataset
from tinygrad_lite.nn.history import History, layers
from tinygrad_lite.nn.layers import Layer, Neuron
from tinygrad_lite.nn.module import Module
from tinygrad_lite.report.table import Table

SATURATED = 0.01
"""A unit such as tanh is saturated where its derivative is below this fraction of the one at 0, its largest."""
MOSTLY = 0.9
"""A unit is called saturated if that holds for at least this fraction of the samples."""
FAR = 1e-3
"""Gradients vanish if a layer's typical gradient is smaller than another's by this factor."""
RISES = 1 / 3
"""The loss oscillates if it rises in at least this fraction of the epochs ..."""
DETOUR = 3.0
"""... and goes at least this many times as far, up and down, as it has come down in all."""
GROWN = 3.0
"""The loss diverges if it ends at more than this many times its start."""
WIDE = 10.0
"""Inputs should be standardized if they reach farther than this from 0."""


class Finding(NamedTuple):
    """One thing that was found: a word for its kind, the layer, a sentence, and the numbers behind it."""

    kind: str
    where: str
    sentence: str
    numbers: dict[str, Any]


class Health:
    """The report: `print` it, or look at its parts.

    Attributes:
        findings: what ails the network, in the order of the layers; empty if nothing was found.
        rows: for each layer its name, parameters, typical weight and typical gradient (root mean squares).
        ok: whether nothing was found.
    """

    def __init__(self, findings: Sequence[Finding], rows: Sequence[dict[str, Any]], samples: int, loss: float) -> None:
        self.findings: list[Finding] = list(findings)
        self.rows: list[dict[str, Any]] = list(rows)
        self.samples: int = samples
        self.loss: float = loss

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        found = [finding._asdict() for finding in self.findings]
        return {"samples": self.samples, "loss": self.loss, "layers": self.rows, "findings": found}

    def __str__(self) -> str:
        rows = [[f"{x:.3g}" if isinstance(x, float) else x for x in row.values()] for row in self.rows]
        table = Table(["layer", "parameters", "typical weight", "typical gradient"], rows).text(120)
        found = [f"- {finding.sentence}" for finding in self.findings]
        lines = found or ["Nothing ails this network on these samples."]
        return "\n".join([f"Health over {self.samples} samples, loss {self.loss:.4g}", "", table, "", *lines])

    __repr__ = __str__


def health(model: Module, data: Dataset | tuple[Any, Any], loss: Any, *, history: History | None = None) -> Health:
    """Look for dead relus, saturated units, vanishing or exploding gradients, and parameters without a gradient.

    Args:
        model, data, loss: as for `nn.fit`; the samples are seen in use, so that Dropout passes everything on.
        history: of a training run, to see also whether the loss oscillates or grows.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(2, [3, 1], seed=1)
    >>> model.layers[0].neurons[1].b.data = -50.0
    >>> print(nn.health(model, nn.datasets.linear(20), nn.mse).findings[0].sentence)
    layers.0: 1 of 3 relus is dead, off for all 20 samples, so that its weights receive no gradient (neuron 1, whose
    largest sum is -49.5).
    """
    samples = dataset(data)
    switched = [(module, module.training) for _, module in model.modules()]
    model.eval()
    try:
        cost = loss([model(x) for x in samples.inputs], samples.targets)  # type: ignore[operator]
    finally:
        for module, training in switched:
            module.training = training
    gradients = adjoints(cost)
    rows = []
    for name, own in layers(model).items():
        weight, gradient = _typical([p.data for p in own]), _typical([gradients.get(p, 0.0) for p in own])
        rows.append({"layer": name, "parameters": len(own), "weight": weight, "gradient": gradient})
    findings = [*_inputs(samples), *_units(model, cost), *_ratios(rows), *_silent(model, gradients)]
    return Health([*findings, *_oscillation(history)], rows, len(samples), cost.data)


def _typical(xs: Sequence[float]) -> float:
    """The root of the mean square."""
    return math.hypot(*xs) / math.sqrt(len(xs))


def _inputs(samples: Dataset) -> Iterator[Finding]:
    far = max((abs(v) for x in samples.inputs for v in x), default=0.0)
    if far > WIDE:
        sentence = f"the inputs reach {far:.4g} from 0; standardized inputs train better: data.standardized()."
        yield Finding("wide inputs", "inputs", sentence, {"farthest": far})


def _units(model: Module, cost: Value) -> Iterator[Finding]:
    """Dead relus and saturated units, layer by layer."""
    layers_of_neurons = {
        name or "(itself)": module.neurons if isinstance(module, Layer) else [module]
        for name, module in model.modules()
        if isinstance(module, (Layer, Neuron))
    }
    owner = {n.w[0]: (name, i) for name, neurons in layers_of_neurons.items() for i, n in enumerate(neurons) if n.w}
    sums: dict[tuple[str, int], list[Value]] = {}
    order = topological(cost)
    for node, found in weighted_sums(order).items():
        weight = found.products[0].split(right=True)[0]
        if weight in owner:
            sums.setdefault(owner[weight], []).append(node)
    used = {node.parents[0]: node for node in order if len(node.parents) == 1}
    for name, neurons in layers_of_neurons.items():
        dead: dict[int, float] = {}
        stuck: dict[int, float] = {}
        kind = ""
        for i in range(len(neurons)):
            nodes = sums.get((name, i), [])
            units = [used[z] for z in nodes if z in used]
            if not units or len(units) < len(nodes):
                continue
            op = units[0].op
            if op is ops.relu and all(z.data <= 0 for z in nodes):
                dead[i] = max(z.data for z in nodes)
            elif op.saturates and op.arity == 1:
                kind, steepest = op.name, op.partials(0.0, op(0.0))[0]
                share = sum(unit.local[0] < SATURATED * steepest for unit in units) / len(units)
                if share >= MOSTLY:
                    stuck[i] = share
        if dead:
            yield _dead(name, dead, len(neurons), len(sums[name, min(dead)]))
        if stuck:
            yield _stuck(name, stuck, len(neurons), kind)


def _dead(name: str, dead: dict[int, float], n: int, samples: int) -> Finding:
    who, largest = ", ".join(map(str, dead)), f"{max(dead.values()):.3g}"
    are, their = ("is", "its") if len(dead) == 1 else ("are", "their")
    which = f"neuron {who}, whose largest sum is" if len(dead) == 1 else f"neurons {who}; the largest sum of any is"
    sentence = (
        f"{name}: {len(dead)} of {n} relus {are} dead, off for all {samples} samples, "
        f"so that {their} weights receive no gradient ({which} {largest})."
    )
    numbers = {"neurons": list(dead), "largest_sums": list(dead.values()), "of": n}
    return Finding("dead relu", name, sentence, numbers)


def _stuck(name: str, stuck: dict[int, float], n: int, kind: str) -> Finding:
    low, high = min(stuck.values()), max(stuck.values())
    share = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
    sentence = (
        f"{name}: {len(stuck)} of {n} {kind} units saturated: for {share} of the samples the derivative is below "
        f"{SATURATED:.0%} of the largest (neuron {', '.join(map(str, stuck))}); smaller weights or inputs help."
    )
    return Finding("saturated", name, sentence, {"neurons": list(stuck), "shares": list(stuck.values()), "of": n})


def _ratios(rows: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Compare the first layer's typical gradient with the last one's."""
    moving = [row for row in rows if row["gradient"] > 0]
    if not moving or FAR <= moving[0]["gradient"] / moving[-1]["gradient"] <= 1 / FAR:
        return
    first, last = moving[0], moving[-1]
    ratio = first["gradient"] / last["gradient"]
    kind, verb, advice = (
        ("vanishing", "vanish", "relu with He, or tanh with Xavier initialisation, or fewer layers, help.")
        if ratio < 1
        else ("exploding", "explode", "smaller initial weights, or clip_norm in the optimizer, help.")
    )
    sentence = (
        f"gradients {verb} on the way back: the typical gradient is {first['gradient']:.2g} in {first['layer']} and "
        f"{last['gradient']:.2g} in {last['layer']}, a ratio of {ratio:.1g}; {advice}"
    )
    numbers = {"first": first["gradient"], "last": last["gradient"], "ratio": ratio}
    yield Finding(kind, first["layer"], sentence, numbers)


def _silent(model: Module, gradients: dict[Value, Any]) -> Iterator[Finding]:
    """Parameters that the loss does not depend on, or only with a gradient of exactly 0."""
    for name, own in layers(model).items():
        apart = sum(p not in gradients for p in own)
        silent = sum(p in gradients and gradients[p] == 0 for p in own)
        if apart:
            sentence = f"{name}: {apart} of {len(own)} parameters never take part in the loss; is the module called?"
            yield Finding("not connected", name, sentence, {"parameters": apart, "of": len(own)})
        if silent:
            sentence = f"{name}: {silent} of {len(own)} parameters have a gradient of exactly 0 over all these samples."
            yield Finding("no gradient", name, sentence, {"parameters": silent, "of": len(own)})


def _oscillation(history: History | None) -> Iterator[Finding]:
    """Whether the loss goes up, or up and down, instead of down."""
    losses = [] if history is None else history["loss"]
    if history is None or not losses:
        return
    rate = f"the learning rate ({history['lr'][-1]:.3g} at the end) is too large."
    first, last, moves = losses[0], losses[-1], [b - a for a, b in pairwise(losses)]
    rises, way, gain = sum(m > 0 for m in moves), sum(map(abs, moves)), first - last
    if last > GROWN * first > 0:
        sentence = f"the loss grew from {first:.3g} to {last:.3g} in {len(losses)} epochs; {rate}"
        yield Finding("divergence", "loss", sentence, {"first": first, "last": last})
    elif len(moves) >= 5 and rises >= RISES * len(moves) and way >= DETOUR * abs(gain):
        sentence = (
            f"the loss oscillates: it rose in {rises} of {len(moves)} epochs and went {way:.3g} up and down to come "
            f"down by {gain:.3g}; {rate}"
        )
        yield Finding("oscillation", "loss", sentence, {"rises": rises, "of": len(moves), "way": way, "gain": gain})
