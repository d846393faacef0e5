"""From a trial to a diagnosis: the mistakes by name and place, what follows from them, what stays unknown."""

from __future__ import annotations

import re
from typing import Any

from tinygrad_lite.checking.catalogue.graph_search import explain_graph
from tinygrad_lite.checking.catalogue.search import Seen, Story, search
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import gradients, kinks_of
from tinygrad_lite.checking.network.network import Network
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.trial.evaluation import CaseResult, Evaluation

TIED = 0.35  # stories that cost so little more are named together
NEAR = 1.1  # and those are mentioned


class Diagnosis:
    """What was done to the chain rule.

    Attributes:
        mistakes: the changes that give the user's numbers on every problem; empty if right or unknown.
        tied: other sets of changes that give the same numbers on every problem, as easy to believe.
        near: likewise, a little harder to believe.
        unknown: the parameters for which nothing in the catalogue gives the numbers.
        links: (name, mark, remark) from the loss down, for the strip.
        problems: on how many problems the numbers were reproduced.
    """

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.tied: list[list[Mistake]] = []
        self.near: list[list[Mistake]] = []
        self.unknown: list[str] = []
        self.links: list[tuple[str, str, str]] = []
        self.problems = 0


def diagnose(trial: Evaluation, wrong: list[str]) -> Diagnosis:
    """Search for the mistakes behind the wrong gradients of a trial."""
    found = Diagnosis()
    net = trial.network
    usable = [e for e in trial.cases if _usable(e)] if net is not None else []
    smooth = [e for e in usable if net is not None and e.record is not None and not kinks_of(net, e.record)]
    usable = smooth or usable  # on a kink a right slope need not be ours
    if net is None or not usable:
        found.unknown = list(wrong)
        if wrong:
            _by_graph(trial, found)
        found.links = [(f"d{n}", "wrong" if n in wrong else "ok", "") for n in reversed(trial.submission.names)]
        return found
    shape_slips = _shape_slips(net, usable)
    pairs = [(exhibit, _seen(net, exhibit, shape_slips)) for exhibit in usable]
    fitting = [(e, s) for e, s in pairs if _complete(net, e, s)]  # elsewhere the shape itself betrays the mistake
    usable = [e for e, _ in fitting or pairs]
    seen = [s for _, s in fitting or pairs]
    found.problems = len(usable)
    records = [exhibit.record for exhibit in usable if exhibit.record is not None]
    stories = search(net, records, seen, trial.submission.lr) if wrong else [Story()]
    best = stories[0]
    found.mistakes = [*dict.fromkeys([*shape_slips.values(), *best.mistakes])]
    found.unknown = list(best.unknown)
    if not found.unknown:
        _alternatives(stories, found)
    found.links = _links(net, found)
    _intermediates(net, usable, found)
    return found


def _by_graph(trial: Evaluation, found: Diagnosis) -> None:
    """No layers to speak of: look for one change, or two, in the graph that the loss records."""
    roots, wanted = [], []
    for exhibit in trial.cases:
        answers = exhibit.answer.gradients
        if exhibit.answer.error or exhibit.source != "engine" or exhibit.kinks:
            continue
        root, leaves = trial.submission.recorded(exhibit.problem)
        complete = all(n in answers and len(answers[n].numbers) == len(leaves[n]) for n in leaves)
        if root is not None and complete:
            roots.append(root)
            wanted.append([pair for n in leaves for pair in zip(leaves[n], answers[n].numbers, strict=True)])
    if not roots:
        return
    stories = explain_graph(roots, wanted)
    if stories:
        found.problems, found.unknown = len(roots), []
        found.mistakes, found.tied = stories[0], stories[1:]


def _alternatives(stories: list[Story], found: Diagnosis) -> None:
    """The other stories with the same numbers; each difference from the best is told once, the shortest first."""
    best = stories[0]
    told: list[frozenset[Mistake]] = []
    for story in stories[1:]:
        added = frozenset(story.mistakes) - frozenset(best.mistakes)
        if story.unknown or frozenset(best.mistakes) <= frozenset(story.mistakes) or any(t <= added for t in told):
            continue
        told.append(added)
        if story.cost <= best.cost + TIED:
            found.tied.append(list(story.mistakes))
        elif story.cost <= best.cost + NEAR and _sentences(story.mistakes) <= _sentences(best.mistakes):
            found.near.append(list(story.mistakes))


def _sentences(mistakes: tuple[Mistake, ...]) -> int:
    return len({mistake.message for mistake in mistakes})


def _usable(exhibit: CaseResult) -> bool:
    """Whether an exhibit can be explained: gradients were given, and the network's record is there."""
    answer = exhibit.answer
    if exhibit.record is None or answer.error or exhibit.kinks:
        return False
    return all(np.all(np.isfinite(e.numbers)) for e in answer.gradients.values())


def _shape_slips(net: Network, exhibits: list[CaseResult]) -> dict[str, Mistake]:
    """Gradients whose shape alone says what was done: turned matrices, biases that were not summed."""
    found: dict[str, Mistake] = {}
    for exhibit in exhibits:
        for name in net.weights:
            mine, right = _shapes(exhibit, name)
            if mine is not None and mine != right and mine == right[::-1]:
                found[name] = Mistake("TRANSPOSED", f"d{name}", f"d{name} has the shape of {name}.T", f"d{name}.T")
        for layer, name in enumerate(net.biases, start=1):
            mine, right = _shapes(exhibit, name)
            if mine is None or exhibit.record is None:
                continue
            rows = exhibit.record.A[layer].shape
            if mine in (rows, rows[::-1]) and np.prod(right) != np.prod(mine):
                axis = net.layout.sample_axis
                said = f"d{name} is not summed over the samples"
                found[name] = Mistake("SUM_AXIS", f"d{name}", said, f"dZ{layer}.sum(axis={axis})")
    return found


def _shapes(exhibit: CaseResult, name: str) -> tuple[Any, Any]:
    entries = exhibit.answer.gradients.get(name)
    return (None if entries is None else entries.shape), np.shape(exhibit.problem.params[name]) if name else ()


def _seen(net: Network, exhibit: CaseResult, slips: dict[str, Mistake]) -> Seen:
    """The user's gradients with samples as rows, slips of shape taken out."""
    answer, record = exhibit.answer, exhibit.record
    assert record is not None
    weights: list[Any] = [None]
    biases: list[Any] = [None]
    coarse = 0.0
    for layer, (w, b) in enumerate(zip(net.weights, net.biases, strict=True), start=1):
        for name, into in ((w, weights), (b, biases)):
            entries = answer.gradients.get(name)
            if entries is None:
                into.append(None)
                continue
            x = np.array(entries.numbers).reshape(entries.shape)
            if entries.dtype in ("float32", "float16"):
                coarse = max(coarse, (1e-5 if entries.dtype == "float32" else 1e-2) * float(np.abs(x).max(initial=0.0)))
            into.append(_canonical(net, x, record, layer, name, name in slips, into is weights))
    return Seen(weights, biases, max([coarse, *answer.noise.values()]))


def _complete(net: Network, exhibit: CaseResult, seen: Seen) -> bool:
    """Whether every gradient that was given has a shape that can be compared."""
    pairs = [*zip(net.weights, seen.dW[1:], strict=True), *zip(net.biases, seen.db[1:], strict=True)]
    return all(x is not None for name, x in pairs if name in exhibit.answer.gradients)


def _canonical(net: Network, x: Any, record: Any, layer: int, name: str, slipped: bool, weight: bool) -> Any:
    if weight:
        right = record.W[layer].shape
        x = net.layout.weight(x.T if slipped and x.ndim == 2 else x)
        return x if x.shape == right else x.reshape(right) if x.size == np.prod(right) else None
    size = record.b[layer].size
    if slipped:
        x = net.layout.data(x).sum(axis=0) if x.ndim == 2 else x
    if x.size == size:
        return x.ravel()
    return np.full(size, float(x.ravel()[0])) if x.size == 1 else None


def _links(net: Network, found: Diagnosis) -> list[tuple[str, str, str]]:
    """The chain from the loss down: right, wrong by itself, or merely following from above."""
    own: dict[str, list[str]] = {}
    for mistake in found.mistakes:
        own.setdefault("dP" if mistake.place == "loss" else mistake.place, []).append(mistake.code)
    links: list[tuple[str, str, str]] = []
    above = lost = False

    def link(name: str, passes_on: bool) -> None:
        nonlocal above
        if name in own:
            links.append((name, "wrong", ", ".join(own[name])))
        elif lost:
            links.append((name, "unsure", ""))
        else:
            links.append((name, "follows" if above else "ok", ""))
        above = above or (passes_on and name in own)

    link("dP", True)
    for layer in range(net.depth, 0, -1):
        names = [n for n in (net.weights[layer - 1], net.biases[layer - 1]) if n]
        lost = lost or all(n in found.unknown for n in names)
        link(f"dZ{layer}", True)
        for name in names:
            if name in found.unknown:
                links.append((f"d{name}", "wrong", "unknown"))
            else:
                link(f"d{name}", False)
        if layer > 1:
            link(f"dA{layer - 1}", True)
    return links


def _intermediates(net: Network, exhibits: list[CaseResult], found: Diagnosis) -> None:
    """Intermediate derivatives that the user handed over decide their links themselves."""
    marks: dict[str, str] = {}
    for exhibit in exhibits:
        assert exhibit.record is not None
        exact = gradients(net, exhibit.record)
        depth = net.depth
        mine = {_standard(key, depth): np.array(e.numbers).reshape(e.shape) for key, e in exhibit.answer.extras.items()}
        for name in [link[0] for link in found.links]:
            key = f"dA{depth}" if name == "dP" else name
            if key not in mine or key not in exact or marks.get(name) == "wrong":
                continue
            if _close(mine[key], exact[key]):
                marks.setdefault(name, "ok")
            else:
                marks[name] = "follows" if _follows(net, exhibit.record, key, mine) else "wrong"
    if marks:
        named = {m.place for m in found.mistakes}
        found.links = [
            (name, marks[name], remark or "as handed over") if name in marks and name not in named else link
            for link in found.links
            for name, _, remark in [link]
        ]


def _standard(key: str, depth: int) -> str:
    """dZ2 for dZ2, dz_2, dL_dZ2 and delta2; dA of the last layer for dP, dY, dout."""
    if re.fullmatch(r"(?i)d(L_?d)?_?(p|y|yhat|y_hat|out|output|pred)", key):
        return f"dA{depth}"
    match = re.fullmatch(r"(?i)(?:d(?:L_?/?d)?_?([zah])|delta)_?(\d+)", key)
    if match is None:
        return key
    letter = (match[1] or "z").upper().replace("H", "A")
    return f"d{letter}{match[2]}"


def _close(mine: Any, exact: Any) -> bool:
    if mine.shape != exact.shape:
        return False
    return bool(np.all(np.abs(mine - exact) <= 1e-9 * np.abs(exact) + 1e-12 * np.abs(exact).max(initial=0.0)))


def _follows(net: Network, record: Any, key: str, mine: dict[str, Any]) -> bool:
    """Whether a wrong intermediate is what the right rule gives from the user's own numbers one link above."""
    layer = int(key[2:])
    below = net.layout.data(mine[f"dZ{layer + 1}"]) if f"dZ{layer + 1}" in mine else None
    if below is not None and below.shape != record.Z[layer + 1].shape:
        return False
    implied = None if below is None else below @ record.W[layer + 1].T  # dA of this layer
    if key[1] == "A":
        return implied is not None and _close(net.layout.data(mine[key]), implied)
    g = net.layout.data(mine[f"dA{layer}"]) if f"dA{layer}" in mine else implied
    if g is None or g.shape != record.A[layer].shape:
        return False
    act = net.activations[layer - 1]
    if act.name == "softmax":
        d = record.A[layer] * (g - (g * record.A[layer]).sum(axis=-1, keepdims=True))
    else:
        d = g * act.slope(record.Z[layer])
    return _close(net.layout.data(mine[key]), d)
