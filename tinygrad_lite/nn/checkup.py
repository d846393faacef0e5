"""What ails a network, in words, with the numbers behind each sentence.

`health` makes one forward and one backward pass over the samples and walks over the graph of the
loss: a weighted sum whose first weight belongs to a neuron is that neuron's for one sample, and the
node that uses it alone is its activation. It changes no gradient and no parameter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tinygrad_lite.analysis.sums import weighted_sums
from tinygrad_lite.engine import ops
from tinygrad_lite.engine.graph import topological
from tinygrad_lite.engine.reverse import adjoints
from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.dataset import Dataset
from tinygrad_lite.nn.history import History
from tinygrad_lite.nn.layers import Layer, Neuron
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.training import layers

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


class Finding:
    """One thing that was found: a word for its kind, the layer, a sentence, and the numbers behind it."""

    __slots__ = ("kind", "where", "sentence", "numbers")

    def __init__(self, kind: str, where: str, sentence: str, **numbers: Any) -> None:
        self.kind: str = kind
        self.where: str = where
        self.sentence: str = sentence
        self.numbers: dict[str, Any] = numbers

    def __repr__(self) -> str:
        return f"Finding({self.kind!r}, {self.where!r}, {self.numbers})"


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
        found = [
            {"kind": f.kind, "where": f.where, "sentence": f.sentence, "numbers": f.numbers} for f in self.findings
        ]
        return {"samples": self.samples, "loss": self.loss, "layers": self.rows, "findings": found}

    def __str__(self) -> str:
        width = max([5, *(len(row["layer"]) for row in self.rows)])
        lines = [f"Health over {self.samples} samples, loss {self.loss:.4g}", ""]
        lines.append(f"{'layer':<{width}}  parameters  typical weight  typical gradient")
        for row in self.rows:
            numbers = f"{row['parameters']:>10}  {row['weight']:>14.3g}  {row['gradient']:>16.3g}"
            lines.append(f"{row['layer']:<{width}}  {numbers}")
        lines += ["", *(f"- {finding.sentence}" for finding in self.findings)]
        return "\n".join(lines if self.findings else [*lines, "Nothing ails this network on these samples."])

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
    samples = data if isinstance(data, Dataset) else Dataset(*data)
    switched = [(module, module.training) for _, module in model.modules()]
    model.eval()
    try:
        cost = loss([model(x) for x in samples.inputs], samples.targets)  # type: ignore[operator]
    finally:
        for module, training in switched:
            module.training = training
    gradients = adjoints(cost)
    rows = [_row(name, parameters, gradients) for name, parameters in layers(model).items()]
    findings = [*_inputs(samples), *_units(model, cost), *_ratios(rows), *_silent(model, gradients)]
    return Health([*findings, *_oscillation(history)], rows, len(samples), cost.data)


def _row(name: str, parameters: list[Value], gradients: dict[Value, Any]) -> dict[str, Any]:
    found = [gradients.get(p, 0.0) for p in parameters]
    weights = [p.data for p in parameters]
    return {"layer": name, "parameters": len(found), "weight": _typical(weights), "gradient": _typical(found)}


def _typical(xs: Sequence[float]) -> float:
    """The root of the mean square."""
    return math.hypot(*xs) / math.sqrt(len(xs))


def _inputs(samples: Dataset) -> list[Finding]:
    far = max((abs(v) for x in samples.inputs for v in x), default=0.0)
    if far <= WIDE:
        return []
    sentence = f"the inputs reach {far:.4g} from 0; standardized inputs train better: data.standardized()."
    return [Finding("wide inputs", "inputs", sentence, farthest=far)]


# ---------------------------------------------------------------------- units


def _units(model: Module, cost: Value) -> list[Finding]:
    """Dead relus and saturated units, layer by layer."""
    owner = {n.w[0]: (name, i) for name, neurons in _neurons(model) for i, n in enumerate(neurons) if n.w}
    sums: dict[tuple[str, int], list[Value]] = {}
    used: dict[Value, Value] = {}
    order = topological(cost)
    for node, found in weighted_sums(order).items():
        weight = found.products[0].split(right=True)[0]
        if weight in owner:
            sums.setdefault(owner[weight], []).append(node)
    for node in order:
        if len(node.parents) == 1:
            used[node.parents[0]] = node
    findings: list[Finding] = []
    for name, neurons in _neurons(model):
        dead, stuck, kind = {}, {}, ""
        for i in range(len(neurons)):
            nodes = sums.get((name, i), [])
            units = [used[z] for z in nodes if z in used]
            if not units or len(units) < len(nodes):
                continue
            if units[0].op is ops.relu and all(z.data <= 0 for z in nodes):
                dead[i] = max(z.data for z in nodes)
            elif units[0].op.saturates and units[0].op.arity == 1:
                kind, steepest = units[0].op.name, units[0].op.partials(0.0, units[0].op(0.0))[0]
                share = sum(unit.local[0] < SATURATED * steepest for unit in units) / len(units)
                if share >= MOSTLY:
                    stuck[i] = share
        if dead:
            findings.append(_dead(name, dead, len(neurons), len(sums[name, next(iter(dead))])))
        if stuck:
            findings.append(_stuck(name, stuck, len(neurons), kind))
    return findings


def _neurons(model: Module) -> list[tuple[str, list[Neuron]]]:
    found = []
    for name, module in model.modules():
        if isinstance(module, (Layer, Neuron)):
            found.append((name or "(itself)", module.neurons if isinstance(module, Layer) else [module]))
    return found


def _dead(name: str, dead: dict[int, float], n: int, samples: int) -> Finding:
    who = ", ".join(f"{i}" for i in dead)
    neuron = f"neuron {who}, whose largest sum is {max(dead.values()):.3g}"
    neurons = f"neurons {who}; the largest sum of any is {max(dead.values()):.3g}"
    sentence = (
        f"{name}: {len(dead)} of {n} relus {'is' if len(dead) == 1 else 'are'} dead, off for all {samples} samples, "
        f"so that {'its' if len(dead) == 1 else 'their'} weights receive no gradient "
        f"({neuron if len(dead) == 1 else neurons})."
    )
    return Finding("dead relu", name, sentence, neurons=list(dead), largest_sums=list(dead.values()), of=n)


def _stuck(name: str, stuck: dict[int, float], n: int, kind: str) -> Finding:
    low, high = min(stuck.values()), max(stuck.values())
    share = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
    sentence = (
        f"{name}: {len(stuck)} of {n} {kind} units saturated: for {share} of the samples the derivative is below "
        f"{SATURATED:.0%} of the largest (neuron {', '.join(map(str, stuck))}); smaller weights or inputs help."
    )
    return Finding("saturated", name, sentence, neurons=list(stuck), shares=list(stuck.values()), of=n)


# ---------------------------------------------------------------------- gradients


def _ratios(rows: Sequence[dict[str, Any]]) -> list[Finding]:
    """Compare the first layer's typical gradient with the last one's."""
    moving = [row for row in rows if row["gradient"] > 0]
    if len(moving) < 2:
        return []
    first, last = moving[0], moving[-1]
    ratio = first["gradient"] / last["gradient"]
    if FAR <= ratio <= 1 / FAR:
        return []
    kind, verb = ("vanishing", "vanish") if ratio < 1 else ("exploding", "explode")
    advice = (
        "relu with He, or tanh with Xavier initialisation, or fewer layers, help."
        if ratio < 1
        else "smaller initial weights, or clip_norm in the optimizer, help."
    )
    sentence = (
        f"gradients {verb} on the way back: the typical gradient is {first['gradient']:.2g} in {first['layer']} and "
        f"{last['gradient']:.2g} in {last['layer']}, a ratio of {ratio:.1g}; {advice}"
    )
    return [Finding(kind, first["layer"], sentence, first=first["gradient"], last=last["gradient"], ratio=ratio)]


def _silent(model: Module, gradients: dict[Value, Any]) -> list[Finding]:
    """Parameters that the loss does not depend on, or only with a gradient of exactly 0."""
    findings = []
    for name, parameters in layers(model).items():
        apart = sum(p not in gradients for p in parameters)
        silent = sum(p in gradients and gradients[p] == 0 for p in parameters)
        n = len(parameters)
        if apart:
            sentence = f"{name}: {apart} of {n} parameters never take part in the loss; is the module called?"
            findings.append(Finding("not connected", name, sentence, parameters=apart, of=n))
        if silent:
            sentence = f"{name}: {silent} of {n} parameters have a gradient of exactly 0 over all these samples."
            findings.append(Finding("no gradient", name, sentence, parameters=silent, of=n))
    return findings


def _oscillation(history: History | None) -> list[Finding]:
    """Whether the loss goes up, or up and down, instead of down."""
    if history is None:
        return []
    losses = history["loss"]
    if losses and losses[-1] > GROWN * losses[0] > 0:
        sentence = (
            f"the loss grew from {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} epochs; "
            f"the learning rate ({history['lr'][-1]:.3g} at the end) is too large."
        )
        return [Finding("divergence", "loss", sentence, first=losses[0], last=losses[-1])]
    moves = [b - a for a, b in pairwise(losses)]
    if len(moves) < 5:
        return []
    rises, way, gain = sum(m > 0 for m in moves), sum(map(abs, moves)), losses[0] - losses[-1]
    if rises < RISES * len(moves) or way < DETOUR * abs(gain):
        return []
    sentence = (
        f"the loss oscillates: it rose in {rises} of {len(moves)} epochs and went {way:.3g} up and down to come down "
        f"by {gain:.3g}; the learning rate ({history['lr'][-1]:.3g} at the end) is too large."
    )
    return [Finding("oscillation", "loss", sentence, rises=rises, of=len(moves), way=way, gain=gain)]
