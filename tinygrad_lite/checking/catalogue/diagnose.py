"""From an evaluation to a diagnosis: what accounts for the wrong gradients, and what stays unknown.

Causes outside the chain rule come first (`causes.py`), then the search among the network's links (`search.py`) or
the graph's (`graph_search.py`), and what is left is described by its numbers alone. Nothing is concluded from the
lack of an explanation: the marks of the chain (`strip.py`) are comparisons that were made.
"""

from __future__ import annotations

from typing import Any

from tinygrad_lite.checking.catalogue.causes import causes
from tinygrad_lite.checking.catalogue.graph_search import explain_graph, searchable
from tinygrad_lite.checking.catalogue.ratios import hints_of
from tinygrad_lite.checking.catalogue.search import Explanation, Observed, search
from tinygrad_lite.checking.catalogue.strip import Diagnosis, compared_links, link_of, strip
from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import kinks_of
from tinygrad_lite.checking.network.network import Network
from tinygrad_lite.checking.result.mistakes import Mistake
from tinygrad_lite.checking.result.verdict import COARSE
from tinygrad_lite.checking.trial.answer import CaseResult
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.engine import Value
from tinygrad_lite.report.language import say

TIED = 0.35  # explanations that cost so little more are told together
NEAR = 1.1  # and those are mentioned


def diagnose(evaluation: Evaluation, wrong: list[str]) -> Diagnosis:
    """Search for what lies behind the wrong gradients of an evaluation."""
    found = Diagnosis()
    found.causes = causes(evaluation, wrong)
    rest = [name for name in wrong if name not in found.causes]
    handed = compared_links(evaluation)
    if rest and evaluation.network is not None:
        _by_network(evaluation, evaluation.network, rest, handed, found)
    elif rest:
        _by_graph(evaluation, rest, found)
    found.hints = hints_of(evaluation, rest, found.unknown)
    found.links = strip(evaluation, wrong, handed, found)
    return found


def _by_network(
    evaluation: Evaluation, net: Network, rest: list[str], handed: dict[str, str], found: Diagnosis
) -> None:
    """Look for changes at the links of the recognised network."""
    usable = [e for e in evaluation.cases if _usable(e, found)]
    smooth = [e for e in usable if e.record is not None and not kinks_of(net, e.record)]
    usable = smooth or usable  # on a kink a right derivative need not be ours
    found.unknown = rest
    found.why = say("on no problem were there gradients that could be followed link by link")
    if not usable:
        return
    shape_slips = _shape_slips(net, usable)
    seen = [(e.record, *_observed(net, e, shape_slips, found)) for e in usable]
    fitting = [each for each in seen if each[2]] or seen  # else the shape says it
    records = [record for record, *_ in fitting if record is not None]
    explanations = search(net, records, [observed for _, observed, _ in fitting], evaluation.submission.lr)
    # what was compared and equal, or follows from the user's own numbers above it, was not changed there
    allowed = [s for s in explanations if not any(handed.get(link_of(m)) in ("ok", "follows") for m in s.mistakes)]
    found.problems = len(fitting)
    found.why = say("none of the changes to the chain rule that were tried gives your numbers on every problem")
    if explanations and not allowed:
        found.why = say("what would give these gradients contradicts the other derivatives that you returned")
    explanations = allowed
    if explanations:
        best = explanations[0]
        found.mistakes = [*dict.fromkeys([*shape_slips.values(), *best.mistakes])]
        found.unknown = [name for name in best.unknown if name in rest]
        if not found.unknown:
            _alternatives(explanations, found)


def _by_graph(evaluation: Evaluation, rest: list[str], found: Diagnosis) -> None:
    """No layers to speak of: look for one change, or two, in the graph that the loss records."""
    roots: list[Value] = []
    wanted: list[list[tuple[Value, float]]] = []
    found.unknown = rest
    found.why = say("the loss is none of the networks this diagnosis knows")
    for e in sorted(evaluation.cases, key=lambda e: sum(np.size(x) for x in e.problem.data)):
        if roots and not searchable(roots):  # nothing larger need be recorded
            break
        answers = e.answer.gradients
        if e.answer.error or e.source != "engine" or e.kinks:
            continue
        root, leaves = evaluation.submission.recorded(e.problem)
        names = [name for name in leaves if name not in found.causes]
        complete = all(n in answers and len(answers[n].numbers) == len(leaves[n]) for n in names)
        if root is not None and complete:
            roots.append(root)
            wanted.append([pair for n in names for pair in zip(leaves[n], answers[n].numbers, strict=True)])
    if not searchable(roots):
        found.why += say(", and its graph cannot be searched link by link")
        return
    found.why += say(", and no change that was tried at the links of its graph gives your numbers")
    explanations = explain_graph(roots, wanted)
    if explanations:
        found.problems, found.unknown = len(roots), []
        found.mistakes, found.tied = explanations[0], explanations[1:]


def _alternatives(explanations: list[Explanation], found: Diagnosis) -> None:
    """The other explanations of the same numbers; each difference from the best is told once, the shortest first."""
    best = explanations[0]
    reported: list[frozenset[Mistake]] = []
    for other in explanations[1:]:
        added = frozenset(other.mistakes) - frozenset(best.mistakes)
        if other.unknown or frozenset(best.mistakes) <= frozenset(other.mistakes) or any(t <= added for t in reported):
            continue
        reported.append(added)
        if other.cost <= best.cost + TIED:
            found.tied.append(list(other.mistakes))
        elif other.cost <= best.cost + NEAR and _sentences(other.mistakes) <= _sentences(best.mistakes):
            found.near.append(list(other.mistakes))


def _sentences(mistakes: tuple[Mistake, ...]) -> int:
    return len({mistake.message for mistake in mistakes})


def _usable(e: CaseResult, found: Diagnosis) -> bool:
    """Whether gradients were given that can be explained, and the network's record is there."""
    if e.record is None or e.answer.error or e.kinks:
        return False
    return all(np.all(np.isfinite(g.numbers)) for name, g in e.answer.gradients.items() if name not in found.causes)


def _shape_slips(net: Network, cases: list[CaseResult]) -> dict[str, Mistake]:
    """Gradients whose shape alone says what was done: turned matrices, biases that were not summed."""
    found: dict[str, Mistake] = {}
    for case in cases:
        for name in (name for name in (*net.weights, *net.biases) if name in case.answer.gradients):
            mine, right = case.answer.gradients[name].shape, np.shape(case.problem.params[name])
            if name in net.weights and mine != right and mine == right[::-1]:
                found[name] = Mistake("TRANSPOSED", f"d{name}", say("d{0} has the shape of {0}.T", name), f"d{name}.T")
            elif name in net.biases and case.record is not None:
                layer = net.biases.index(name) + 1
                rows = case.record.A[layer].shape
                if mine in (rows, rows[::-1]) and np.prod(right) != np.prod(mine):
                    summed = f"dZ{layer}.sum(axis={net.layout.sample_axis})"
                    message = say("d{0} is not summed over the samples", name)
                    found[name] = Mistake("SUM_AXIS", f"d{name}", message, summed)
    return found


def _observed(net: Network, case: CaseResult, slips: dict[str, Mistake], found: Diagnosis) -> tuple[Observed, bool]:
    """The user's gradients with samples as rows, slips of shape taken out; and whether all can be compared."""
    answer, record = case.answer, case.record
    sides: list[list[Any]] = []
    noise, complete = [0.0, *answer.noise.values()], True
    for names in (net.weights, net.biases):
        sides.append([None])
        for layer, name in enumerate(names, start=1):
            entries = answer.gradients.get(name)
            x = None
            if entries is not None and name not in found.causes:
                x = np.array(entries.numbers).reshape(entries.shape)
                noise.append(COARSE.get(entries.dtype, 0.0) * float(np.abs(x).max(initial=0.0)))
                x = _canonical(net, x, record, layer, name in slips, names is net.weights)
                complete &= x is not None
            sides[-1].append(x)
    return Observed(sides[0], sides[1], max(noise)), complete


def _canonical(net: Network, x: Any, record: Any, layer: int, slipped: bool, weight: bool) -> Any:
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
