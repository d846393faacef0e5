"""Parameters and data to try a function on, where a file defines none: read off the names of its arguments.

`def loss(W1, b1, W2, b2, X, y)` speaks of a network of two layers: the last two arguments are the data, names that
begin with w are matrices, one below the other, names that begin with b their biases. The sizes are
all different; whether y holds numbers, one class for each row, or a 1 in the place of the class is
found by trying which of them the loss takes.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_lite.checking.network.arrays import np
from tinygrad_lite.errors import ShapeError

SIZES = (3, 4, 5, 6, 7, 8)
ROWS, OUTPUTS = 7, 2


def synthetic_inputs(loss: Callable[..., Any], seed: int = 0) -> tuple[dict[str, Any], tuple[Any, Any]]:
    """(params, (X, y)) for a loss of weights, biases and data.

    Raises:
        ShapeError: the arguments are named otherwise, or the loss takes none of the data tried.

    >>> params, (X, y) = synthetic_inputs(lambda W1, b1, W2, X, y: ((X @ W1 + b1) @ W2 - y).var())
    >>> {name: array.shape for name, array in params.items()}, X.shape, y.shape
    ({'W1': (3, 4), 'b1': (4,), 'W2': (4, 2)}, (7, 3), (7, 2))
    """
    names = list(inspect.signature(loss).parameters)
    kinds = [name.lstrip("_")[:1].lower() for name in names[:-2]]
    if "w" not in kinds or set(kinds) - {"w", "b"}:
        raise ShapeError(
            f"loss({', '.join(names)}) does not say what its arguments are.\n"
            "  Define params (a dict of arrays), X and y in the file, or name them W1, b1, W2, b2, ..., X, y."
        )
    chance = np.random.default_rng(seed)
    for outputs in (OUTPUTS, 1):
        params = _parameters(names[:-2], kinds, outputs, chance)
        X = chance.normal(size=(ROWS, SIZES[0]))
        for y in _targets(outputs, chance):
            if _taken(loss, params, X, y):
                return params, (X, y)
    raise ShapeError(
        f"loss({', '.join(names)}) gave no finite number for the parameters and data that its names suggest.\n"
        "  Define params (a dict of arrays), X and y in the file."
    )


def _parameters(names: list[str], kinds: list[str], outputs: int, chance: Any) -> dict[str, Any]:
    layers = kinds.count("w")
    widths = [*[SIZES[i % len(SIZES)] for i in range(layers)], outputs]
    params: dict[str, Any] = {}
    layer = -1
    for name, kind in zip(names, kinds, strict=True):
        layer += kind == "w"
        shape = (widths[layer], widths[layer + 1]) if kind == "w" else (widths[max(layer, 0) + 1],)
        params[name] = chance.normal(size=shape) * (0.8 if kind == "w" else 0.3)
    return params


def _targets(outputs: int, chance: Any) -> Iterator[Any]:
    """What y may be: one row of numbers for each row of X, a number for each, a class for each."""
    classes = chance.integers(0, max(outputs, 2), size=ROWS)
    yield chance.uniform(size=(ROWS, outputs))
    yield classes
    yield chance.uniform(size=ROWS)
    yield np.eye(max(outputs, 2))[classes]


def _taken(loss: Callable[..., Any], params: dict[str, Any], X: Any, y: Any) -> bool:
    try:
        value = loss(*(array.copy() for array in params.values()), X.copy(), y.copy())
        return np.ndim(value) == 0 and math.isfinite(float(value))
    except Exception:
        return False
