"""Which mistakes the given data could not have shown: one sample, one output, dead units, kinks."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import kinks_of
from tinygrad_lite.checking.network.network import Network, Record
from tinygrad_lite.checking.network.problems import Structure
from tinygrad_lite.checking.result.hints import Hint, hint
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.report.language import say


def blind_spots(evaluation: Evaluation) -> list[Hint]:
    """Everything on the user's data that verifies less than it seems to; "" for a code where it has none."""
    structure = evaluation.structure
    if structure is None:
        return []
    record = evaluation.cases[0].record if evaluation.cases else None
    found = list(_of_sizes(structure))
    if evaluation.network is not None and record is not None:
        found += [*_of_units(evaluation.network, record), *_of_kinks(evaluation.network, record)]
    return found


def _of_sizes(structure: Structure) -> Iterator[Hint]:
    n, widths = structure.n, structure.widths
    if n == 1:
        message = "There is one sample: a missing 1/N, an averaged bias or a single kept sample cannot show (N = 1)."
        yield hint("", message)
    if widths[-1] == 1:
        yield hint("", "There is one output: a missing 1/O, or one path kept of several, cannot show (O = 1).")
    if len(set(widths)) == len(widths) and len(widths) > 2:
        yield hint("", "All sizes differ: X in the place of A1 raises an exception instead of giving wrong numbers.")
    x = structure.layout.data(np.asarray(structure.like.data[0], float))
    empty = np.flatnonzero(~x.any(axis=0))
    if len(empty):
        message = "Input {0} is zero in every sample: that part of d{1} verifies nothing."
        yield hint("", message, ", ".join(map(str, empty[:6])), structure.weights[0])


def _of_units(net: Network, record: Record) -> Iterator[Hint]:
    for layer, act in enumerate(net.activations, start=1):
        if not act.off:
            continue
        z = record.Z[layer]
        dead = np.flatnonzero((z <= 0).all(axis=0))
        if len(dead):
            units, most = ", ".join(map(str, dead[:6])) + " ..." * (len(dead) > 6), float(z[:, dead].max())
            yield hint(
                "DEAD_UNIT",
                "Layer {0}: unit {1} is off for all {2} samples (largest z = {3:.3g}); its zero gradient verifies "
                "nothing.",
                *(layer, units, record.N, most),
            )
        if (z > 0).all():
            message = "Layer {0}: every {1} is on for every sample; a missing mask cannot show."
            yield hint("", message, layer, act.name)


def _of_kinks(net: Network, record: Record) -> Iterator[Hint]:
    kinks = kinks_of(net, record)
    if kinks:
        (layer, index), (low, high) = next(iter(kinks.items()))
        unit = say("unit {0} of layer {1} has z = 0", index[-1], layer)
        where = unit if layer else say("output {0} has a kink of the loss", index[-1])
        yield hint(
            "KINK",
            "Exactly on a kink ({0} in all): in sample {1} {2}, where every derivative from {3:g} to {4:g} is right.",
            *(len(kinks), index[0], where, low, high),
        )
