"""Which mistakes the given data could not have shown: one sample, one output, dead units, kinks."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.checking.network.kinks import kinks_of
from tinygrad_lite.checking.trial.evaluation import Evaluation
from tinygrad_lite.report.language import say


def blind_spots(trial: Evaluation) -> list[tuple[str, str]]:
    """(code or "", sentence) for everything on the user's data that verifies less than it seems to."""
    return list(_spots(trial))


def _spots(trial: Evaluation) -> Iterator[tuple[str, str]]:
    structure, net = trial.structure, trial.network
    if structure is None:
        return
    n, widths = structure.n, structure.widths
    if n == 1:
        yield (
            "",
            say("There is one sample: a missing 1/N, an averaged bias or a single kept sample cannot show (N = 1)."),
        )
    if widths[-1] == 1:
        yield "", say("There is one output: a missing 1/O, or one path kept of several, cannot show (O = 1).")
    if len(set(widths)) == len(widths) and len(widths) > 2:
        yield "", say("All sizes differ: X in the place of A1 raises an exception instead of giving wrong numbers.")
    x = structure.layout.data(np.asarray(trial.given.data[0], float))
    empty = [j for j in range(x.shape[1]) if not np.any(x[:, j])]
    if empty:
        rows = ", ".join(map(str, empty[:6]))
        yield (
            "",
            say("Input {0} is zero in every sample: that part of d{1} verifies nothing.", rows, structure.weights[0]),
        )
    record = trial.cases[0].record if trial.cases else None
    if net is None or record is None:
        return
    for layer, act in enumerate(net.activations, start=1):
        if act.off:
            dead = [j for j in range(record.Z[layer].shape[1]) if not np.any(record.Z[layer][:, j] > 0)]
            if dead:
                units = ", ".join(map(str, dead[:6])) + (" ..." if len(dead) > 6 else "")
                most = float(record.Z[layer][:, dead].max())
                yield (
                    "DEAD_UNIT",
                    say(
                        "Layer {0}: unit {1} is off for all {2} samples (largest z = {3:.3g}); its zero gradient "
                        "verifies nothing.",
                        layer,
                        units,
                        n,
                        most,
                    ),
                )
            if not np.any(record.Z[layer] <= 0):
                yield (
                    "",
                    say("Layer {0}: every {1} is on for every sample; a missing mask cannot show.", layer, act.name),
                )
    kinks = kinks_of(net, record)
    if kinks:
        (layer, index), ends = next(iter(kinks.items()))
        where = (
            say("unit {0} of layer {1} has z = 0", index[-1], layer)
            if layer
            else say("output {0} has a kink of the loss", index[-1])
        )
        yield (
            "KINK",
            say(
                "{0} places stand exactly on a kink: in sample {1} {2}, where every slope from {3:g} to {4:g} is right."
                if len(kinks) > 1
                else "{0} place stands exactly on a kink: in sample {1} {2}, where every slope from {3:g} to {4:g} is "
                "right.",
                len(kinks),
                index[0],
                where,
                ends[0],
                ends[1],
            ),
        )
