"""How wrong a network is, as one number to go downhill on. Each name carries its convention.

y stands for what the network gave and t for what it should have given: single numbers or lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_lite.engine.ops import exp, log
from tinygrad_lite.engine.value import Value, total
from tinygrad_lite.errors import ShapeError


def cross_entropy(logits: Sequence[Any], target: Any) -> Any:
    """-log of the probability that softmax(logits) gives to the target: log(sum(exp(z))) - z[target].

    The logits are the network's outputs before any softmax. The largest is subtracted first, so
    that logits of any size are safe.

    Args:
        logits: one number or Value for each class.
        target: the number of the right class, or a distribution over the classes that sums to 1.

    Gradient: softmax(z) - t, where t is 1 for the target and 0 elsewhere. Unit: nats.

    >>> cross_entropy([Value(0.0), Value(0.0)], 1).data        # log 2
    0.6931471805599453
    >>> cross_entropy([Value(1000.0), Value(-1000.0)], 0).data
    0.0
    """
    top = max(z.data if isinstance(z, Value) else z for z in logits)
    normalizer = log(total([exp(z - top) for z in logits])) + top
    if isinstance(target, int):
        if not 0 <= target < len(logits):
            raise ShapeError(
                f"a class from 0 to {len(logits) - 1} is needed for {len(logits)} logits, but got {target}."
            )
        return normalizer - logits[target]
    if len(target) != len(logits):
        raise ShapeError(f"as many probabilities as logits are needed, but got {len(target)} and {len(logits)}.")
    return normalizer - total([t * z for t, z in zip(target, logits, strict=True) if t])
